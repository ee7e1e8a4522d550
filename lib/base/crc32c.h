/* CRC-32C (Castagnoli), as in RFC 3720 B.4. */
#ifndef CANDOR_BASE_CRC32C_H
#define CANDOR_BASE_CRC32C_H

#include "lib/base/slice.h"

/* crc is 0 for the first piece, the result before for the next: crc(crc(0,a),b) == crc(0,ab). */
uint32_t crc32c(uint32_t crc, slice s);

#endif
