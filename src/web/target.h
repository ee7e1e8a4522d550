/* target: what the first line of a request asks for, split where the pages want it. */
#ifndef CANDOR_WEB_TARGET_H
#define CANDOR_WEB_TARGET_H

#include "lib/base/slice.h"

/* path begins with '/'; query is what stands behind the '?', or empty. Both as they came. */
struct target {
    slice path;
    slice query;
};

/* RFC 9112 3.2: the origin form and, as from a proxy, the absolute form (whoever it names: we are
 * one site). False: neither, as the `*` of OPTIONS and the HOST:PORT of CONNECT. */
bool target_split(slice text, struct target *ret) __attribute__((warn_unused_result));

#endif
