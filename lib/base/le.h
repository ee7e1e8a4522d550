/* Little-endian numbers at any address: what is stored and what travels between processes. */
#ifndef CANDOR_BASE_LE_H
#define CANDOR_BASE_LE_H

#include <stdint.h>

/* The n low bytes of value (n at most 8), lowest first. */
static inline void le_put(void *to, unsigned n, uint64_t value)
{
    unsigned char *p = to;
    for (unsigned i = 0; i < n; i++)
        p[i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t le_get(const void *from, unsigned n)
{
    const unsigned char *p = from;
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

#endif
