/* The first two bytes are a type, what follows is a DNS message: whatever it is, its names are read
 * and printed and read back the same, and its answer is found whole or not at all. */
#include "fuzz/fuzz.h"
#include "lib/dns/message.h"

static void check_name(const struct dns_name *name)
{
    struct dns_name again;
    struct buf text;
    buf_init(&text, DNS_NAME_TEXT_MAX);
    dns_name_print(&text, name);
    FUZZ_CHECK(text.err == BUF_OK);
    FUZZ_CHECK(dns_name_parse(buf_slice(&text), &again) == DNS_OK);
    FUZZ_CHECK(slice_eq(slice_of(again.wire, again.n), slice_of(name->wire, name->n)));
    if (dns_name_is_host(name)) {
        for (size_t i = 0; i < text.n; i++)
            FUZZ_CHECK(text.p[i] > ' ' && text.p[i] < 127 && text.p[i] != '\\');
    }
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dns_cursor c;
    struct dns_record r;
    struct dns_name owner = {.n = 1};
    enum dns_err err;
    if (n < 2)
        return 0;
    uint16_t type = (uint16_t)(data[0] << 8 | data[1]);
    slice message = slice_of(data + 2, n - 2);
    if (dns_message_open(message, &c) == DNS_OK) {
        while (dns_message_next(&c, &r, &err)) {
            check_name(&r.owner);
            owner = r.owner;
        }
    }
    struct buf out;
    uint32_t ttl = 0;
    size_t count = 0, taken = 0;
    buf_init(&out, 65535);
    if (dns_message_answer(message, &owner, type, &out, &ttl, &count) != DNS_OK)
        FUZZ_CHECK(out.n == 0);
    slice records = buf_slice(&out), one;
    while (dns_record_take(&records, &one))
        taken++;
    FUZZ_CHECK(records.n == 0 && taken == count);
    buf_release(&out);
    return 0;
}
