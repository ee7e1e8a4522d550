/* bdat: counting the octets of BDAT chunks (RFC 3030 2). */
#ifndef CANDOR_SMTP_BDAT_H
#define CANDOR_SMTP_BDAT_H

#include "lib/base/slice.h"

enum bdat_err { BDAT_OK = 0, BDAT_NO_SIZE, BDAT_BAD_SIZE, BDAT_BAD_END };

struct bdat_chunk {
    uint64_t left_bytes; /* still to come */
    bool is_last;
};

/* The arguments of BDAT: chunk-size [SP "LAST"], nothing after them. */
enum bdat_err bdat_parse(slice args, struct bdat_chunk *ret) __attribute__((warn_unused_result));
/* Takes what belongs to the chunk off *in (maybe nothing): the chunk is whole when left_bytes
 * is 0. */
slice bdat_take(struct bdat_chunk *chunk, slice *in);

#endif
