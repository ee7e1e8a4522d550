/* Any envelope: what is decoded can be encoded, and decodes to the same. */
#include "fuzz/fuzz.h"
#include "lib/smtp/envelope.h"

static void check_same(const struct envelope *a, const struct envelope *b)
{
#define TEXT(tag, name, must, max) FUZZ_CHECK(slice_eq(a->name, b->name));
#define BYTES(tag, name, must, max) FUZZ_CHECK(slice_eq(a->name, b->name));
#define NUMBER(tag, name, must, type, max) FUZZ_CHECK(a->name == b->name);
#include "lib/smtp/envelope.def"
#undef TEXT
#undef BYTES
#undef NUMBER
    FUZZ_CHECK(a->rcpt_count == b->rcpt_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct envelope first, second;
    struct envelope_rcpt rcpt, again;
    if (envelope_decode(slice_of(data, n), &first) != ENVELOPE_OK)
        return 0;
    struct buf out;
    buf_init(&out, ENVELOPE_MAX_BYTES);
    envelope_add(&out, &first);
    slice rest = first.tlvs;
    uint32_t count = 0;
    for (; envelope_next(&rest, &rcpt); count++)
        envelope_add_rcpt(&out, &rcpt);
    FUZZ_CHECK(count == first.rcpt_count);
    FUZZ_CHECK(out.err == BUF_OK);
    FUZZ_CHECK(envelope_decode(buf_slice(&out), &second) == ENVELOPE_OK);
    check_same(&first, &second);
    rest = first.tlvs;
    for (slice other = second.tlvs; envelope_next(&other, &again);) {
        FUZZ_CHECK(envelope_next(&rest, &rcpt));
        FUZZ_CHECK(slice_eq(rcpt.forward_path, again.forward_path));
        FUZZ_CHECK(slice_eq(rcpt.orcpt, again.orcpt) && rcpt.notify == again.notify);
    }
    buf_release(&out);
    return 0;
}
