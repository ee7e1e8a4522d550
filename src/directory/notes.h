/* notes: who signed in, from where, and who was guessed at, gathered and written at most once a
 * second in one transaction: a sign-in never waits for the disk. What is gathered when the power
 * fails is lost, and that is no harm. */
#ifndef CANDOR_SRC_DIRECTORY_NOTES_H
#define CANDOR_SRC_DIRECTORY_NOTES_H

#include "src/directory/directory.h"

struct notes *notes_new(struct directory *d);
/* Writes what is there first. NULL is ignored. */
void notes_free(struct notes *n);

/* All is copied; what there is no room for is left out. */
void notes_signed_in(struct notes *n, const struct directory_use *use);
void notes_guessed(struct notes *n, slice name, bool is_known, const struct ip *ip);
/* Now instead of in a second. */
void notes_write(struct notes *n);

#endif
