#include "src/fetch/form.h"

#include "lib/base/ascii.h"

void form_add(struct buf *out, slice value)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (ascii_is_alnum((char)c) || memchr("-._~", c, 4) != NULL) {
            buf_addc(out, (char)c);
        } else {
            buf_addc(out, '%');
            buf_addc(out, hex[c >> 4]);
            buf_addc(out, hex[c & 15]);
        }
    }
}
