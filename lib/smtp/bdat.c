#include "lib/smtp/bdat.h"

#include "lib/base/ascii.h"

enum bdat_err bdat_parse(slice args, struct bdat_chunk *ret)
{
    slice rest = slice_trim(args);
    size_t n = 0;
    while (n < rest.n && !ascii_is_blank(rest.p[n]))
        n++;
    slice size = slice_head(rest, n), end = slice_trim(slice_tail(rest, n));
    struct bdat_chunk chunk = {.is_last = end.n > 0};
    if (size.n == 0)
        return BDAT_NO_SIZE;
    if (size.n > 20 || !slice_to_u64(size, UINT64_MAX, &chunk.left_bytes))
        return BDAT_BAD_SIZE;
    if (chunk.is_last && !slice_is_ci(end, "LAST"))
        return BDAT_BAD_END;
    *ret = chunk;
    return BDAT_OK;
}

slice bdat_take(struct bdat_chunk *chunk, slice *in)
{
    size_t n = chunk->left_bytes < in->n ? (size_t)chunk->left_bytes : in->n;
    slice piece = slice_head(*in, n);
    *in = slice_tail(*in, n);
    chunk->left_bytes -= n;
    return piece;
}
