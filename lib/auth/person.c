#include "lib/auth/person.h"

#include "lib/base/ascii.h"

static void add_hex(struct buf *out, char c)
{
    static const char digits[] = "0123456789abcdef";
    buf_addc(out, '\\');
    buf_addc(out, digits[(unsigned char)c >> 4]);
    buf_addc(out, digits[(unsigned char)c & 15]);
}

/* RFC 4514 2.4 lets some be written with a backslash alone; by their numbers all may be. */
static bool is_special_in_dn(slice value, size_t i)
{
    char c = value.p[i];
    bool is_edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == value.n && c == ' ');
    return is_edge || ascii_is_control(c) || strchr("\"+,;<>\\=", c) != NULL;
}

/* RFC 4515 3. */
static bool is_special_in_filter(char c)
{
    return ascii_is_control(c) || c == '*' || c == '(' || c == ')' || c == '\\';
}

static void add(struct buf *out, slice value, enum person_form form)
{
    for (size_t i = 0; i < value.n; i++) {
        bool is_special = false;
        switch (form) {
        case PERSON_PLAIN:
            break;
        case PERSON_DN:
            is_special = is_special_in_dn(value, i);
            break;
        case PERSON_FILTER:
            is_special = is_special_in_filter(value.p[i]);
            break;
        }
        if (is_special)
            add_hex(out, value.p[i]);
        else
            buf_addc(out, value.p[i]);
    }
}

void person_print(struct buf *out, slice text, slice address, enum person_form form)
{
    size_t at = slice_rfind(address, '@');
    const struct {
        const char *word;
        slice value;
    } words[] = {{"{local}", slice_head(address, at)},
                 {"{domain}", slice_tail(address, at + 1)},
                 {"{address}", address}};
    while (text.n > 0) {
        size_t found = 0, n = sizeof words / sizeof words[0];
        while (found < n && !slice_starts(text, slice_cstr(words[found].word)))
            found++;
        if (found < n)
            add(out, words[found].value, form);
        else
            buf_addc(out, text.p[0]);
        text = slice_tail(text, found < n ? strlen(words[found].word) : 1);
    }
}
