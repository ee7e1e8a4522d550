/* banned.h: what must not be called becomes a compile error. Every file gets it from the compiler's
 * command line (-include), after the system headers that declare these names. */
#ifndef CANDOR_BASE_BANNED_H
#define CANDOR_BASE_BANNED_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef isalnum
#undef isalpha
#undef isdigit
#undef islower
#undef isprint
#undef isspace
#undef isupper
#undef isxdigit
#undef tolower
#undef toupper
#undef strdupa
#undef alloca
/* glibc's fortified headers make these macros under clang. */
#undef sprintf
#undef vsprintf

/* Unbounded copies: buf and slice know their lengths. */
#pragma GCC poison strcpy strcat stpcpy sprintf vsprintf gets strncpy strncat alloca strdupa
/* Hidden state, locale, silent overflow: slice_split, slice_to_u64, ascii_*. */
#pragma GCC poison strtok atoi atol atoll atof strtol strtoul strtoll strtoull
#pragma GCC poison isalnum isalpha isdigit islower isprint isspace isupper isxdigit tolower toupper
#pragma GCC poison strcasecmp strncasecmp
/* One static buffer for all callers. */
#pragma GCC poison asctime ctime gmtime localtime strerror tmpnam mktemp srand
/* Not poisoned, for headers of OpenSSL use the word as a parameter's name. */
#undef rand
#define rand() rand_is_banned

#endif
