/* check: the policy. What is looked at, and in which order, is a list of checks for each phase; a
 * check is a function that is called again, from its first line, when what it asked for is there.
 */
#ifndef CANDOR_SESSION_CHECK_H
#define CANDOR_SESSION_CHECK_H

#include "lib/base/ip.h"
#include "lib/catalogue/reason.h"
#include "lib/session/view.h"

/* Where a reason may be missing. */
#define REASON_NONE REASON_COUNT

enum phase { PHASE_CONNECT, PHASE_MAIL, PHASE_RCPT, PHASE_MESSAGE, PHASE_EXPN, PHASE_COUNT };

enum check_id {
#define CHECK(id, name, phase, step, source) CHECK_##id,
#include "lib/session/checks.def"
#undef CHECK
    CHECK_COUNT
};

/* One phase's checks in the configuration's order. */
struct check_list {
    const enum check_id *ids;
    size_t count;
};

struct session_policy;

/* All that a check may look at without asking. Fields of later phases are empty in earlier ones. */
struct check_facts {
    const struct session_policy *policy;
    struct ip client;
    bool is_signed_in;
    slice sender;      /* PHASE_MAIL: local@domain; empty for <> */
    bool is_name_told; /* by a proxy: nothing is to be looked up */
    slice recipient;   /* PHASE_RCPT: local@domain, or a bare "postmaster". PHASE_EXPN: a list */
    uint32_t received_fields;
    uint64_t text_bytes;
    enum reason_id text_fault; /* what the text's own form was refused for; REASON_NONE */
};

enum verdict_kind { VERDICT_NEXT, VERDICT_REJECT, VERDICT_DEFER, VERDICT_NEED };

/* reason counts with REJECT (5xx), with DEFER (4xx), and with a NEXT that has a text (2xx). text is
 * what the reply names besides, in the view's arena: another address of the recipient's. */
struct verdict {
    enum verdict_kind kind;
    enum reason_id reason;
    slice text;
};

typedef struct verdict check_step(const struct check_facts *facts, struct view *view);

struct check {
    const char *name;
    enum phase phase;
    check_step *step;
    const char *source; /* "RFC ..." */
};

/* What a careful postmaster would have where the configuration says nothing: all of the phase. */
struct check_list check_default(enum phase phase);

/* Runs the list from its *at-th check on. NEXT: all passed, with the text of the last one that had
 * something to say. NEED: *at is the check that waits. Else *at is the check that decided. */
struct verdict check_run(struct check_list list, size_t *at, const struct check_facts *facts,
                         struct view *view);

#endif
