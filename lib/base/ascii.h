/* ASCII as the mail protocols mean it: no locale, any byte may come in, bytes above 127 are in no
 * class. */
#ifndef CANDOR_BASE_ASCII_H
#define CANDOR_BASE_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static inline bool ascii_is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool ascii_is_alpha(char c)
{
    return ascii_is_upper(c) || ascii_is_lower(c);
}

static inline bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

static inline bool ascii_is_hex(char c)
{
    return ascii_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* SP and HTAB, the WSP of RFC 5234. */
static inline bool ascii_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* 0 to 31 and 127. */
static inline bool ascii_is_control(char c)
{
    return (unsigned char)c < 32 || c == 127;
}

/* VCHAR of RFC 5234: 33 to 126. */
static inline bool ascii_is_graphic(char c)
{
    return c > 32 && c < 127;
}

static inline bool ascii_is_ascii(char c)
{
    return (unsigned char)c < 128;
}

static inline char ascii_lower(char c)
{
    return ascii_is_upper(c) ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
    return ascii_is_lower(c) ? (char)(c - 32) : c;
}

/* 0 to 15; -1 when c is no hexadecimal digit. */
static inline int ascii_hex_value(char c)
{
    return ascii_is_digit(c) ? c - '0' : ascii_is_hex(c) ? ascii_lower(c) - 'a' + 10 : -1;
}

#endif
