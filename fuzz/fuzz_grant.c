/* Any bytes as a pass and as a grant: as they are (the MAC refuses them), and as the inside of one
 * with a right MAC, where what is read prints as the same bytes. */
#include "fuzz/fuzz.h"
#include "lib/auth/digest.h"
#include "lib/auth/grant.h"

static const char key_bytes[GRANT_KEY_BYTES] = "the key of the fuzzer, 32 bytes.";

static void read_both(slice text)
{
    slice key = slice_of(key_bytes, sizeof key_bytes);
    struct pass pass;
    struct grant grant;
    struct buf again;
    buf_init(&again, GRANT_MAX_BYTES);
    bool is_pass = pass_read(text, key, 0, &pass) == GRANT_OK;
    bool is_grant = grant_read(text, key, 0, &grant) == GRANT_OK;
    FUZZ_CHECK(!is_pass || !is_grant);
    if (is_pass)
        FUZZ_CHECK(pass_print(&again, &pass, key) && slice_eq(buf_slice(&again), text));
    if (is_grant)
        FUZZ_CHECK(grant_print(&again, &grant, key) && slice_eq(buf_slice(&again), text) &&
                   grant_covers(&grant, grant.session, grant.sender, grant.recipients) == GRANT_OK);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice in = slice_of(data, n);
    struct digest_value mac;
    struct buf whole;
    if (n > GRANT_MAX_BYTES)
        return 0;
    read_both(in);
    buf_init(&whole, GRANT_MAX_BYTES + DIGEST_MAX_BYTES);
    buf_add(&whole, in);
    FUZZ_CHECK(digest_hmac(DIGEST_SHA256, slice_of(key_bytes, sizeof key_bytes), in, &mac));
    buf_add(&whole, digest_slice(&mac));
    read_both(buf_slice(&whole));
    buf_release(&whole);
    return 0;
}
