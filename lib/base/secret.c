#include "lib/base/secret.h"

void secret_wipe(void *p, size_t n)
{
    if (n == 0)
        return;
    memset(p, 0, n);
    /* Somebody might look at p here, as far as the compiler knows. */
    __asm__ volatile("" : : "r"(p) : "memory");
}

bool secret_eq(slice a, slice b)
{
    if (a.n != b.n)
        return false;
    unsigned differs = 0;
    for (size_t i = 0; i < a.n; i++) {
        differs |= (unsigned)(unsigned char)a.p[i] ^ (unsigned char)b.p[i];
        /* The value is unknown from here on, so there is no early way out to be found. */
        __asm__ volatile("" : "+r"(differs));
    }
    return differs == 0;
}

void secret_release(struct buf *b)
{
    secret_wipe(b->p, b->cap);
    buf_release(b);
}
