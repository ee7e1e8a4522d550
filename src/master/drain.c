/* The end, in the order in which the roles need each other: first those that have clients, then the
 * queue and who asks it, then those that served them. */
#include "src/master/master.h"

enum { QUEUE_LIMIT_MS = 30 * 1000, REST_LIMIT_MS = 10 * 1000, CLIENTS_MORE_MS = 5 * 1000 };

static role_set roles_of(enum drain_stage stage)
{
    switch (stage) {
    case DRAIN_NOT:
        return 0;
    case DRAIN_CLIENTS:
        return ROLES_SMTPD | ROLE_BIT(ROLE_WEB);
    case DRAIN_QUEUE:
        return ROLE_BIT(ROLE_QUEUE) | ROLE_BIT(ROLE_RELAY) | ROLE_BIT(ROLE_CONTROL);
    case DRAIN_REST:
        return ROLES_ANY;
    }
    return 0;
}

static uint64_t limit_ms_of(const struct master *m, enum drain_stage stage)
{
    switch (stage) {
    case DRAIN_NOT:
        return 0;
    case DRAIN_CLIENTS:
        return m->settings.conf->timeouts.drain + CLIENTS_MORE_MS;
    case DRAIN_QUEUE:
        return QUEUE_LIMIT_MS;
    case DRAIN_REST:
        return REST_LIMIT_MS;
    }
    return 0;
}

static void on_limit(struct timer *t)
{
    struct master *m = CONTAINER_OF(t, struct master, stage_limit);
    struct log_line line;
    log_begin(&line, m->log, LOG_WARN, "server.drain-limit");
    log_end(&line);
    for (size_t i = 0; i < m->children_n; i++)
        if ((roles_of(m->stage) & ROLE_BIT(m->children[i].id)) != 0)
            child_kill(&m->children[i]);
}

static void enter_stage(struct master *m, enum drain_stage stage)
{
    m->stage = stage;
    timer_set(m->loop, &m->stage_limit, limit_ms_of(m, stage), on_limit);
    for (size_t i = 0; i < m->children_n; i++)
        if ((roles_of(stage) & ROLE_BIT(m->children[i].id)) != 0)
            child_drain(&m->children[i]);
}

void drain_advance(struct master *m)
{
    while (m->stage != DRAIN_NOT && children_are_down(m, roles_of(m->stage))) {
        if (m->stage == DRAIN_REST) {
            timer_stop(m->loop, &m->stage_limit);
            loop_stop(m->loop);
            return;
        }
        enter_stage(m, (enum drain_stage)(m->stage + 1));
    }
}

void drain_begin(struct master *m, int status)
{
    struct log_line line;
    if (m->stage != DRAIN_NOT)
        return;
    m->status = status;
    log_begin(&line, m->log, status == 0 ? LOG_INFO : LOG_ERROR, "server.draining");
    log_u64(&line, "upgrade", m->is_upgrade);
    log_end(&line);
    notify_manager(m->is_upgrade ? "STATUS=Changing to the new version" : "STOPPING=1");
    if (!m->is_upgrade)
        listeners_close(&m->listeners);
    for (size_t i = 0; i < m->children_n; i++)
        if (m->children[i].state == ROLE_DOWN)
            timer_stop(m->loop, &m->children[i].timer); /* nobody is started any more */
    enter_stage(m, DRAIN_CLIENTS);
    drain_advance(m);
}

void drain_hurry(struct master *m)
{
    for (size_t i = 0; i < m->children_n; i++)
        child_kill(&m->children[i]);
}
