#include "sys/directory/hash.h"

#include <crypt.h>

#include "lib/base/ascii.h"

/* How a kind begins and how it ends: the bytes behind the last '$', or in all (crypt(5)). */
static const struct {
    const char *prefix;
    size_t tail;
    size_t whole;
} kinds[] = {
    {"$y$", 43, 0},  {"$gy$", 43, 0}, {"$7$", 43, 0}, {"$2b$", 0, 60}, {"$2a$", 0, 60},
    {"$2y$", 0, 60}, {"$2x$", 0, 60}, {"$6$", 86, 0}, {"$5$", 43, 0},  {"$sha1$", 28, 0},
    {"$md5", 22, 0}, {"$1$", 22, 0},  {"$3$", 32, 0}, {"_", 0, 20},    {"", 0, 13},
};

static bool has_letters_only(slice hash)
{
    for (size_t i = 0; i < hash.n; i++) {
        if (!ascii_is_graphic(hash.p[i]) || slice_find(SLICE_LIT(":;*!\\"), hash.p[i]) < 5)
            return false;
    }
    return hash.n > 0 && hash.n <= DIRECTORY_HASH_MAX_BYTES;
}

static bool has_length(slice hash)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!slice_starts(hash, slice_cstr(kinds[i].prefix)))
            continue;
        if (kinds[i].whole > 0)
            return hash.n == kinds[i].whole;
        return hash.n - slice_rfind(hash, '$') - 1 == kinds[i].tail;
    }
    return false;
}

bool directory_hash_is_known(slice hash)
{
    char text[DIRECTORY_HASH_MAX_BYTES + 1] = "";

    if (!has_letters_only(hash) || !has_length(hash))
        return false;
    memcpy(text, hash.p, hash.n);
    switch (crypt_checksalt(text)) {
    case CRYPT_SALT_OK:
    case CRYPT_SALT_METHOD_LEGACY:
    case CRYPT_SALT_TOO_CHEAP:
        return true;
    default:
        return false;
    }
}

bool directory_hash_is_current(slice hash)
{
    return slice_starts(hash, SLICE_LIT("$y$"));
}

bool directory_hash_strip(slice *hash, slice *ret_scheme)
{
    static const char *const schemes[] = {"CRYPT",     "DES-CRYPT",    "MD5-CRYPT",
                                          "BLF-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT"};
    size_t end = slice_find(*hash, '}');

    if (hash->n == 0 || hash->p[0] != '{' || end == hash->n)
        return true;
    *ret_scheme = slice_of(hash->p + 1, end - 1);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (slice_is_ci(*ret_scheme, schemes[i])) {
            *hash = slice_tail(*hash, end + 1);
            return true;
        }
    }
    return false;
}
