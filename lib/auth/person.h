/* person: texts of the configuration in which {local}, {domain} and {address} stand for whoever
 * signs in, for backends that call people otherwise than mail does. What is put in is escaped for
 * where it stands, so that no name means more than itself. */
#ifndef CANDOR_AUTH_PERSON_H
#define CANDOR_AUTH_PERSON_H

#include "lib/base/buf.h"

enum person_form {
    PERSON_PLAIN,  /* as it is */
    PERSON_DN,     /* an attribute's value in a distinguished name: RFC 4514 2.4 */
    PERSON_FILTER, /* a value in a search filter: RFC 4515 3 */
};

/* address: the part before the last @ is {local}, what is behind it {domain}, which is empty where
 * there is no @. Out of room is seen in out->err. */
void person_print(struct buf *out, slice text, slice address, enum person_form form);

#endif
