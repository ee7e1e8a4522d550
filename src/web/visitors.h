/* visitors: who is here, how many may be, and how long each may take.
 *
 * A visitor has limits { web-connections… } and timeouts { web-request, web-answer }: the time of a
 * state is counted from its beginning, however busily bytes trickle. */
#ifndef CANDOR_WEB_VISITORS_H
#define CANDOR_WEB_VISITORS_H

#include "src/web/web.h"

void visitors_init(struct web *w, uint64_t seed);

/* A listening socket of the configuration, taken; -1: the line is no more. */
void visitors_listen(struct web *w, uint32_t index, int fd);
/* Nobody else is let in. */
void visitors_close_doors(struct web *w);

void visitor_enter(struct visitor *v, enum visitor_state state);
/* His request is done: he may have another one, unless the server ends. */
void visitor_wait(struct visitor *v);
/* His connection has ended. */
void visitor_free(struct visitor *v);

/* Nobody else is let in; who waits goes, who has asked has timeouts { drain } to take his answer.
 * Then role_drained. */
void visitors_drain(struct web *w);
/* Stops what this file has started. */
void visitors_release(struct web *w);

#endif
