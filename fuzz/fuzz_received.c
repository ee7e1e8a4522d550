/* Whatever a client says of itself, the Received field is one field of clean lines. Facts are the
 * input's lines; the first byte is their flags. */
#include "fuzz/fuzz.h"
#include "lib/mail/header.h"
#include "lib/mail/received.h"

static slice next(slice *in)
{
    slice part = {0};
    (void)slice_split(in, '\n', &part);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    slice in = slice_of(data + 1, n - 1);
    struct received r = {.is_lmtp = (data[0] & 1) != 0,
                         .is_extended = (data[0] & 2) != 0,
                         .is_tls = (data[0] & 4) != 0,
                         .is_auth = (data[0] & 8) != 0,
                         .is_utf8 = (data[0] & 16) != 0,
                         .by = SLICE_LIT("mx.example"),
                         .id = SLICE_LIT("0123456789abc"),
                         .at = data[0] * 100000000L};
    r.helo = next(&in);
    r.client_name = next(&in);
    if (ip_parse(next(&in), &r.ip) != IP_OK)
        r.ip = (struct ip){0};
    r.recipient = next(&in);
    r.tls_version = next(&in);
    r.tls_cipher = next(&in);
    struct buf out;
    buf_init(&out, 1 << 22);
    received_print(&out, &r);
    slice rest = buf_slice(&out), line;
    struct header_text field;
    FUZZ_CHECK(take_header_field(&rest, &field) && rest.n == 0);
    FUZZ_CHECK(slice_is(field.name, "Received"));
    rest = field.whole;
    for (bool is_first = true; slice_split(&rest, '\n', &line); is_first = false) {
        FUZZ_CHECK(slice_ends(line, SLICE_LIT("\r")) && slice_find(line, '\r') == line.n - 1);
        FUZZ_CHECK(slice_find(line, '\0') == line.n && is_first == (line.p[0] != '\t'));
        for (size_t i = 0; i < line.n; i++)
            FUZZ_CHECK(r.is_utf8 || (unsigned char)line.p[i] < 128);
    }
    buf_release(&out);
    return 0;
}
