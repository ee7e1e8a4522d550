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
    QUESTION_AUTH,        /* not a view's: the answer to effects.auth */
    QUESTION_SENDER,      /* may who is signed in send as this? key: local@domain, empty for <> */
    QUESTION_EXPN,        /* what is behind a list? key: the argument of EXPN */
};

enum answer_state {
    ANSWER_GIVEN,
    ANSWER_FAILED, /* whoever knows could not be asked or did not answer in time */
};

/* code is a kind's own enum: admit_code, recipient_code, commit_code, auth_code, sender_code. */
struct answer {
    enum answer_state state;
    uint32_t code;
    uint64_t number; /* COMMIT_DONE: the message's id. AUTH_DONE: the credential's. SENDER_YES: how
                        many recipients. SENDER_LIMITED: how many messages a window */
    uint32_t window_s; /* SENDER_LIMITED */
    /* CLIENT_NAME: the name, empty when there is none. RECIPIENT: where one who moved is now.
     * AUTH_CHALLENGE: the challenge, not yet in base64. AUTH_DONE: the account. EXPN: addresses,
     * each behind a u16 length. Copied. */
    slice text;
    slice
        token; /* AUTH_DONE: the pass, shown with later questions. SENDER_YES: the grant. Copied */
};

enum admit_code { ADMIT_YES, ADMIT_TOO_MANY_HERE, ADMIT_TOO_MANY };
enum space_code { SPACE_YES, SPACE_LOW };
enum recipient_code {
    RECIPIENT_YES,
    RECIPIENT_UNKNOWN,
    RECIPIENT_DISABLED,
    RECIPIENT_NOT_LOCAL,
    RECIPIENT_MALFORMED,
    RECIPIENT_FORWARDED, /* 251, text: where to */
    RECIPIENT_MOVED,     /* 551, text: where to */
    RECIPIENT_FULL,      /* 452 4.2.2 */
    RECIPIENT_OVERFULL,  /* 552 5.2.2 */
};
enum auth_code {
    AUTH_DONE,
    AUTH_CHALLENGE,
    AUTH_WRONG,
    AUTH_MALFORMED,
    AUTH_CANCELLED,
    AUTH_UNKNOWN,
    AUTH_UNSUPPORTED,
    AUTH_IN_CLEAR,
    AUTH_UNAVAILABLE,
    AUTH_TOO_WEAK,
    AUTH_TOO_MANY,
};
enum sender_code { SENDER_YES, SENDER_NOT_OWN, SENDER_LIMITED, SENDER_OVER };
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
/* The answer to a question of this kind, NULL while there is none; alive as long as the view. */
const struct answer *view_find(const struct view *v, enum question_kind kind);
/* Every question that somebody waits for has its answer. */
bool view_is_ready(const struct view *v);
/* Puts an answer in; false when no open question has this id. */
bool view_answer(struct view *v, uint32_t id, const struct answer *answer);

#endif
