/* view: what a check may know of the outside. A check asks it; what is not there yet becomes a
 * question for the shell, and the check is called again from its first line when all is there. */
#ifndef CANDOR_SESSION_VIEW_H
#define CANDOR_SESSION_VIEW_H

#include "lib/base/arena.h"

enum question_kind {
    QUESTION_ADMIT,       /* may one more session of this address begin? key: 4 or 16 bytes */
    QUESTION_CLIENT_NAME, /* forward-confirmed reverse name of an address; key: 4 or 16 bytes */
    QUESTION_SPACE,       /* can the spool take a message? key: empty */
    QUESTION_RECIPIENT,   /* does this mailbox exist here? key: local@domain, or "postmaster" */
    QUESTION_COMMIT,      /* not a view's: the answer to effects.commit */
};

enum answer_state {
    ANSWER_GIVEN,
    ANSWER_FAILED, /* whoever knows could not be asked or did not answer in time */
};

/* code is a kind's own enum: admit_code, recipient_code, commit_code. */
struct answer {
    enum answer_state state;
    uint32_t code;
    uint64_t number; /* COMMIT_DONE: the message's id */
    slice text;      /* CLIENT_NAME: the name, empty when there is none; copied */
};

enum admit_code { ADMIT_YES, ADMIT_TOO_MANY_HERE, ADMIT_TOO_MANY };
enum space_code { SPACE_YES, SPACE_LOW };
enum recipient_code {
    RECIPIENT_YES,
    RECIPIENT_UNKNOWN,
    RECIPIENT_DISABLED,
    RECIPIENT_NOT_LOCAL,
    RECIPIENT_MALFORMED
};
/* NOT_ASKED: queue is away, so it is certain that nothing was stored. */
enum commit_code { COMMIT_DONE, COMMIT_FULL, COMMIT_FAILED, COMMIT_NOT_ASKED };

enum { VIEW_ENTRIES = 8 };

struct view_entry {
    uint32_t id; /* of the question, 0: never put to the shell */
    enum question_kind kind;
    bool is_prefetch; /* nobody waits for it */
    bool is_answered;
    slice key;
    struct answer answer;
};

/* Lives on the stack of one decision or in a transaction; its bytes are in the arena. */
struct view {
    struct arena *arena;
    struct view_entry entries[VIEW_ENTRIES];
    size_t count;
};

enum view_state { VIEW_HAVE, VIEW_NEED, VIEW_FULL };

void view_init(struct view *v, struct arena *arena);
/* VIEW_HAVE: *ret is the answer. VIEW_NEED: it was asked for. VIEW_FULL: no room or no memory; the
 * check defers. */
enum view_state view_ask(struct view *v, enum question_kind kind, slice key, struct answer *ret)
    __attribute__((warn_unused_result));
/* As view_ask, but nobody waits: false while there is no answer. */
bool view_prefetch(struct view *v, enum question_kind kind, slice key, struct answer *ret);
/* Every question that somebody waits for has its answer. */
bool view_is_ready(const struct view *v);
/* Puts an answer in; false when no open question has this id. */
bool view_answer(struct view *v, uint32_t id, const struct answer *answer);

#endif
