#include "lib/auth/app_password.h"

#include "lib/base/ascii.h"
#include "lib/base/secret.h"
#include "lib/base/utf8.h"

enum { GROUP_LETTERS = 5 };

/* Four bits and two, as in proquints (arXiv 0901.4016). */
static const char consonants[16] = "bdfghjklmnprstvz";
static const char vowels[4] = "aiou";

static bool is_vowel_place(size_t i)
{
    return i % GROUP_LETTERS % 2 == 1;
}

void app_password_make(const unsigned char bytes[APP_PASSWORD_RANDOM_BYTES],
                       struct app_password *ret)
{
    for (size_t group = 0; group < APP_PASSWORD_RANDOM_BYTES / 2; group++) {
        unsigned bits = (unsigned)bytes[group * 2] << 8 | bytes[group * 2 + 1];
        char *to = ret->letters + group * GROUP_LETTERS;
        to[0] = consonants[bits >> 12];
        to[1] = vowels[bits >> 10 & 3];
        to[2] = consonants[bits >> 6 & 15];
        to[3] = vowels[bits >> 4 & 3];
        to[4] = consonants[bits & 15];
    }
}

void app_password_show(const struct app_password *p, char ret[APP_PASSWORD_SHOWN])
{
    size_t at = 0;
    for (size_t i = 0; i < APP_PASSWORD_LETTERS; i++) {
        if (i > 0 && i % GROUP_LETTERS == 0)
            ret[at++] = '-';
        ret[at++] = p->letters[i];
    }
}

/* Also what a word processor makes of a dash, and a no-break space. */
static bool is_ignored(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '-' || c == 0xa0 || (c >= 0x2010 && c <= 0x2015) ||
           c == 0x2212;
}

static bool fits(char letter, size_t place)
{
    slice letters = is_vowel_place(place) ? slice_of(vowels, sizeof vowels)
                                          : slice_of(consonants, sizeof consonants);
    return slice_find(letters, letter) < letters.n;
}

bool app_password_read(slice typed, struct app_password *ret)
{
    struct app_password p;
    size_t n = 0;
    uint32_t c;
    bool ok = true;
    while (ok && utf8_take(&typed, &c)) {
        if (is_ignored(c))
            continue;
        ok = c <= 127 && n < APP_PASSWORD_LETTERS && fits(ascii_lower((char)c), n);
        if (ok)
            p.letters[n++] = ascii_lower((char)c);
    }
    ok = ok && typed.n == 0 && n == APP_PASSWORD_LETTERS;
    if (ok)
        *ret = p;
    secret_wipe(&p, sizeof p);
    return ok;
}

bool app_password_digest(const struct app_password *p, struct digest_value *ret)
{
    return digest_hmac(DIGEST_SHA256, SLICE_LIT("candor app password"),
                       slice_of(p->letters, sizeof p->letters), ret);
}
