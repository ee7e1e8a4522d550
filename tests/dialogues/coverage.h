/* coverage: what all conversations together have shown, and what none has.
 *
 * The linker puts it between the session and the two functions it looks at (--wrap, meson.build):
 * where a command line finds its verb, and where a reply is made. A cell is a verb in a place (a
 * state, or where TLS or signing in is missing), an argument too many or missing, a parameter of
 * MAIL with what was said to it, a mechanism with how it ended, a keyword of EHLO, a reason. */
#ifndef CANDOR_TESTS_DIALOGUES_COVERAGE_H
#define CANDOR_TESTS_DIALOGUES_COVERAGE_H

#include <stdbool.h>

/* Only conversations that went as they are written count: what was seen since the last call is
 * kept, or forgotten. */
void coverage_take(bool is_good);
/* Prints each cell that is empty, and the sum; false when there is one. */
bool coverage_print(void);

#endif
