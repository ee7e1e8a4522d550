/* A PROXY header in one piece, and the same bytes cut into pieces: the event, what was read and
 * where it ended must be the same. The first byte chooses the pieces. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/smtp/proxy.h"

struct result {
    enum proxy_event event;
    struct proxy_header header;
    size_t took;
};

static struct result run(slice all, size_t piece)
{
    struct result ret = {.event = PROXY_MORE};
    struct proxy_reader r;
    proxy_reader_init(&r);
    while (ret.event == PROXY_MORE && ret.took < all.n) {
        slice in = slice_head(slice_tail(all, ret.took), piece);
        size_t n = in.n;
        ret.event = proxy_take(&r, &in, &ret.header);
        ret.took += n - in.n;
    }
    return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 70000)
        return 0;
    slice in = slice_of(data + 1, n - 1);
    struct result whole = run(in, in.n), cut = run(in, 1 + data[0] % 64U);
    const struct proxy_header *a = &whole.header, *b = &cut.header;
    if (whole.event != cut.event || whole.took != cut.took || a->is_local != b->is_local ||
        !ip_eq(&a->source, &b->source) || !ip_eq(&a->destination, &b->destination) ||
        a->source_port != b->source_port || a->destination_port != b->destination_port)
        abort();
    if (whole.event == PROXY_DONE && a->is_local != (a->source.family == IP_NONE))
        abort();
    return 0;
}
