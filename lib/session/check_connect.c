/* The checks of the connection: who gets no service, who has too many sessions, what he is called.
 */
#include "lib/session/check_steps.h"
#include "lib/session/session.h"

struct verdict check_refuse_list(const struct check_facts *facts, struct view *view)
{
    (void)view;
    for (size_t i = 0; i < facts->policy->refused_count; i++)
        if (ip_net_has(&facts->policy->refused[i], &facts->client))
            return verdict_reject(REASON_GREETING_REFUSED);
    return verdict_next();
}

struct verdict check_sessions(const struct check_facts *facts, struct view *view)
{
    struct answer a;
    struct verdict not_yet;
    if (!check_ask(view, QUESTION_ADMIT, ip_bytes(&facts->client), &a, &not_yet))
        return not_yet;
    /* Without the counters everybody is let in: limits are a courtesy, mail is the job. */
    if (a.state == ANSWER_FAILED || a.code == ADMIT_YES)
        return verdict_next();
    return verdict_defer(a.code == ADMIT_TOO_MANY_HERE ? REASON_TOO_MANY_CONNECTIONS_CLIENT
                                                       : REASON_TOO_MANY_CONNECTIONS);
}

struct verdict check_client_name(const struct check_facts *facts, struct view *view)
{
    struct answer a;
    if (facts->is_name_told || ip_size(&facts->client) == 0)
        return verdict_next();
    view_prefetch(view, QUESTION_CLIENT_NAME, ip_bytes(&facts->client), &a);
    return verdict_next();
}
