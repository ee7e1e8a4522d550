/* control_client: the command's side of the control socket.
 *
 * A request is one JSON object on one line, {"do": WHAT, …} (src/control/requests.def has the
 * list). Each line that comes back is {"part": OBJECT} or, as the last, {"answer": OBJECT}.
 * A role that is "absent" is asked again for three seconds.
 * An answer is {"ok": true, …} or {"ok": false, "error": KEY, "message": TEXT, "hint": TEXT}. */
#ifndef CANDOR_CLI_CONTROL_CLIENT_H
#define CANDOR_CLI_CONTROL_CLIENT_H

#include "cli/cli.h"
#include "lib/base/buf.h"

enum control_err {
    CONTROL_OK = 0,
    CONTROL_NO_SERVER, /* nobody listens there: the command may work on the files itself */
    CONTROL_DENIED,    /* one runs, and this user may not talk to it */
    CONTROL_BROKEN,    /* it closed, was silent for too long, or said what it must not */
};

struct control_client {
    int fd; /* ours */
    struct buf in;
    const char *path;
    int error; /* errno behind the last control_err, or 0 */
};

/* path is conf->server.control.p and outlives the client. */
enum control_err control_open(const char *path, struct control_client *ret)
    __attribute__((warn_unused_result));
/* May be called on one that could not be opened. */
void control_close(struct control_client *c);

/* Sends request (still the caller's) and waits for the answer, which is then the caller's. What
 * comes in parts is given to each (the object stays control_ask's; each may be NULL) before. */
enum control_err control_ask(struct control_client *c, struct json_t *request,
                             void (*each)(void *self, struct json_t *part), void *self,
                             struct json_t **ret_answer) __attribute__((warn_unused_result));

/* Says what is wrong and what to do about it; returns CLI_TEMPFAIL. */
int control_report(struct cli *cli, const struct control_client *c, enum control_err err);
/* What most commands need: the configuration of -c or --dir, one request (taken) to its server, the
 * answer checked. CLI_OK and *ret_answer (the caller's), or the exit status after having said what
 * is wrong. */
int control_request(struct cli *cli, struct json_t *request, struct json_t **ret_answer);
/* For an answer that is not "ok": prints its message and hint and returns CLI_NO, or CLI_TEMPFAIL
 * for "unavailable" and "absent"; else CLI_OK. */
int control_check(struct cli *cli, const struct json_t *answer);

#endif
