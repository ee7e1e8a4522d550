#include "sys/directory/lookup.h"

#include <errno.h>

#include "lib/route/maildir_path.h"

/* Expanding one recipient. The arrays lie in scratch and have room for their maximum. */
struct walk {
    struct directory_db *db;
    const struct directory_rules *rules;
    struct arena *scratch;
    struct buf *out;                   /* NULL: nobody wants the targets */
    struct buf *canonical, *moved_to;  /* NULL, also once it is written */
    struct directory_address *aliases; /* followed so far */
    size_t alias_count;
    struct directory_address *todo; /* targets of aliases, still to be looked for from todo_at on */
    size_t todo_at, todo_count;
    struct directory_address *found; /* given out, to merge what comes twice */
    size_t found_count;
    bool saw_disabled;
    bool saw_moved;                          /* an account whose senders are to be told */
    bool is_forwarded;                       /* the address itself is an account that has moved */
    bool saw_again;                          /* an alias that was followed already */
    const struct directory_address *watched; /* NULL, or the alias that shall not come again */
    bool saw_watched;
    struct directory_answer *answer; /* whom a backend is known by; NULL: by nobody */
};

#define TODO_MAX (DIRECTORY_TARGETS_MAX + DIRECTORY_ALIASES_MAX)

static bool same(const struct directory_address *a, const struct directory_address *b)
{
    return slice_eq(a->local, b->local) && slice_eq(a->domain, b->domain);
}

static bool is_among(const struct directory_address *list, size_t count,
                     const struct directory_address *a)
{
    for (size_t i = 0; i < count; i++) {
        if (same(&list[i], a))
            return true;
    }
    return false;
}

/* ---- domains ---- */

static const struct directory_rules_domain *configured(const struct directory_rules *rules,
                                                       slice domain)
{
    for (size_t i = 0; i < rules->domain_count; i++) {
        if (slice_eq(rules->domains[i].name, domain))
            return &rules->domains[i];
    }
    return NULL;
}

bool directory_has_backend(const struct directory_rules *rules, slice domain)
{
    const struct directory_rules_domain *c = configured(rules, domain);

    return c != NULL && c->has_backend;
}

int directory_is_local(struct directory_db *db, const struct directory_rules *rules,
                       struct arena *scratch, slice domain)
{
    struct directory_domain d;
    int err;

    if (configured(rules, domain) != NULL)
        return 1;
    err = directory_find_domain(db, scratch, domain, &d);
    return err == 0 ? d.is_added : err == -ENOENT ? 0 : err;
}

static const struct directory_rules_route *routed(const struct directory_rules *rules, slice domain)
{
    for (size_t i = 0; i < rules->route_count; i++) {
        if (slice_eq(rules->routes[i].name, domain))
            return &rules->routes[i];
    }
    return NULL;
}

int directory_way_of(struct directory_db *db, const struct directory_rules *rules,
                     struct arena *scratch, slice domain, struct directory_way *ret)
{
    const struct directory_rules_domain *c = configured(rules, domain);
    struct directory_domain d = {0};
    int err;

    if (c != NULL && (c->way.maildir.n > 0 || c->way.lmtp.n > 0)) {
        *ret = c->way;
        return 0;
    }
    err = directory_find_domain(db, scratch, domain, &d);
    if (err != 0 && err != -ENOENT)
        return err;
    *ret = err == 0 && d.maildir.n > 0 ? (struct directory_way){.maildir = d.maildir} : rules->way;
    return 0;
}

struct only_domain {
    const struct directory_rules *rules;
    struct arena *scratch;
    slice name;
    size_t count;
};

static int count_domain(void *self, const struct directory_domain *d)
{
    struct only_domain *only = self;

    if (configured(only->rules, d->name) != NULL)
        return 0;
    return ++only->count > 1 ? 1 : arena_copy(only->scratch, d->name, &only->name) ? 0 : -ENOMEM;
}

int directory_only_domain(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, slice *ret)
{
    struct only_domain only = {.rules = rules, .scratch = scratch, .count = rules->domain_count};
    int err;

    if (rules->domain_count > 0)
        only.name = rules->domains[0].name;
    err = only.count > 1 ? 1 : directory_each_domain(db, slice_of(NULL, 0), count_domain, &only);
    if (err < 0)
        return err;
    *ret = only.count == 1 ? only.name : slice_of(NULL, 0);
    return 0;
}

int directory_whole_name(struct directory_db *db, const struct directory_rules *rules,
                         struct arena *scratch, slice *name)
{
    slice domain = rules->default_domain;
    struct buf text;
    int err;

    if (name->n == 0 || slice_rfind(*name, '@') < name->n)
        return 0;
    if (domain.n == 0 && (err = directory_only_domain(db, rules, scratch, &domain)) != 0)
        return err;
    if (domain.n == 0)
        return 0;
    buf_init(&text, 4096);
    buf_addf(&text, "%.*s@%.*s", SLICE_ARG(*name), SLICE_ARG(domain));
    err = text.err == BUF_NOMEM                         ? -ENOMEM
          : text.err != BUF_OK                          ? 0
          : arena_copy(scratch, buf_slice(&text), name) ? 0
                                                        : -ENOMEM;
    buf_release(&text);
    return err;
}

static int keep_name(void *self, const struct directory_domain *d)
{
    struct {
        struct arena *a;
        slice name;
    } *first = self;

    return arena_copy(first->a, d->name, &first->name) ? 1 : -ENOMEM;
}

/* The domain that stands for the whole server: of the configuration, else of the database; empty
 * when there is none. */
static int first_domain(struct walk *w, slice *ret)
{
    struct {
        struct arena *a;
        slice name;
    } first = {.a = w->scratch};
    int err = 0;

    if (w->rules->domain_count > 0) {
        *ret = w->rules->domains[0].name;
        return 0;
    }
    err = directory_each_domain(w->db, slice_of(NULL, 0), keep_name, &first);
    if (err < 0)
        return err;
    *ret = first.name;
    return 0;
}

/* The domain of a bare <Postmaster>. A server without any domain has one too: at its own name. */
static int postmaster_domain(struct walk *w, slice *ret)
{
    int local =
        w->rules->host.n == 0 ? 0 : directory_is_local(w->db, w->rules, w->scratch, w->rules->host);
    int err;

    if (local < 0)
        return local;
    if (local > 0) {
        *ret = w->rules->host;
        return 0;
    }
    if ((err = first_domain(w, ret)) != 0)
        return err;
    if (ret->n == 0)
        *ret = w->rules->host;
    return 0;
}

static bool is_own_literal(const struct directory_rules *rules, slice domain)
{
    struct ip ip;
    slice text = slice_of(domain.p + 1, domain.n - 2);

    if (slice_starts_ci(text, SLICE_LIT("IPv6:")))
        text = slice_tail(text, 5);
    if (ip_parse(text, &ip) != IP_OK)
        return false;
    for (size_t i = 0; i < rules->own_ip_count; i++) {
        if (ip_eq(&rules->own_ips[i], &ip))
            return true;
    }
    return false;
}

/* ---- one address ---- */

/* A recipient at a domain that is known to be ours, and what stands there. */
struct place {
    enum directory_kind kind;
    struct directory_address at;
    bool enabled;
    bool is_forwarded;
    struct directory_address moved_to; /* empty: it has not moved */
    uint64_t quota_bytes;
    struct directory_address *targets;
    size_t target_count;
};

/* 1 found, 0 nothing there, or -errno. */
static int find_at(struct walk *w, slice local, slice domain, struct place *ret)
{
    struct directory_entry e;
    int err = directory_find(w->db, w->scratch, domain, local, &e);

    if (err != 0)
        return err;
    *ret = (struct place){.kind = e.kind,
                          .at = {local, domain},
                          .enabled = e.enabled,
                          .is_forwarded = e.is_forwarded,
                          .moved_to = e.moved_to,
                          .quota_bytes = e.quota_bytes,
                          .targets = e.targets,
                          .target_count = e.target_count};
    return e.kind != DIRECTORY_NOTHING;
}

/* RFC 5321 4.5.1: there is a postmaster, whatever was forgotten. */
static int find_postmaster(struct walk *w, slice domain, struct place *ret)
{
    struct directory_address account;
    int err = directory_first_account(w->db, w->scratch, domain, &account);

    if (err == -ENOENT)
        err = directory_first_account(w->db, w->scratch, slice_of(NULL, 0), &account);
    if (err == -ENOENT)
        account = (struct directory_address){SLICE_LIT("postmaster"), domain};
    else if (err != 0)
        return err;
    else
        return find_at(w, account.local, account.domain, ret);
    *ret = (struct place){.kind = DIRECTORY_ACCOUNT, .at = account, .enabled = true};
    return 1;
}

static bool takes_no_mail(const struct place *p)
{
    return p->kind == DIRECTORY_ACCOUNT &&
           (!p->enabled || (p->moved_to.domain.n > 0 && !p->is_forwarded));
}

/* Whom a backend knows. A tag is the user's own affair, so the name is asked for without. */
static int find_known(struct walk *w, const struct recipient *r, slice domain, struct place *ret)
{
    struct directory_answer *a = w->answer;
    enum directory_known known;
    struct buf name;

    if (a == NULL || a->known == NULL || !directory_has_backend(w->rules, domain))
        return 0;
    a->is_of_backend = true;
    buf_init(&name, 4096);
    recipient_print(&name, r->user, domain);
    known = name.err == BUF_OK ? a->known(a->owner, buf_slice(&name)) : DIRECTORY_IS_AWAY;
    if (known == DIRECTORY_NOT_ASKED) {
        buf_clear(a->wanted);
        buf_add(a->wanted, buf_slice(&name));
    }
    buf_release(&name);
    *ret = (struct place){.kind = DIRECTORY_ACCOUNT,
                          .at = {r->user, domain},
                          .enabled = known == DIRECTORY_IS_THERE};
    switch (known) {
    case DIRECTORY_NOT_ASKED:
        return -EINPROGRESS;
    case DIRECTORY_IS_THERE:
    case DIRECTORY_IS_DISABLED:
        return 1;
    case DIRECTORY_IS_UNKNOWN:
        return 0;
    case DIRECTORY_IS_AWAY:
        break;
    }
    return -EHOSTUNREACH;
}

static int find_place(struct walk *w, const struct recipient *r, slice domain, struct place *ret)
{
    int found = find_at(w, r->local, domain, ret);

    if (found == 0 && !slice_eq(r->user, r->local))
        found = find_at(w, r->user, domain, ret);
    if (found == 0)
        found = find_known(w, r, domain, ret);
    if (r->is_postmaster && (found == 0 || (found > 0 && takes_no_mail(ret))))
        found = find_postmaster(w, domain, ret);
    if (found == 0)
        found = find_at(w, slice_of(NULL, 0), domain, ret);
    return found;
}

/* ---- the walk ---- */

static int give_target(struct walk *w, const struct target *t)
{
    struct directory_address at = {t->local, t->domain};

    if (is_among(w->found, w->found_count, &at))
        return 0;
    if (w->found_count == DIRECTORY_TARGETS_MAX)
        return -EOVERFLOW;
    w->found[w->found_count++] = at;
    if (w->out != NULL) {
        target_add(w->out, t);
        if (w->out->err != BUF_OK)
            return w->out->err == BUF_FULL ? -EOVERFLOW : -ENOMEM;
    }
    return 0;
}

static int give_mailbox(struct walk *w, const struct place *p)
{
    struct directory_address at = p->at;
    struct target t = {.kind = TARGET_MAILBOX,
                       .local = at.local,
                       .domain = at.domain,
                       .quota_bytes = p->quota_bytes};
    struct directory_way way;
    struct buf path;
    enum maildir_path_err e;
    int err = directory_way_of(w->db, w->rules, w->scratch, at.domain, &way);

    if (err != 0)
        return err;
    if (way.lmtp.n > 0) {
        t = (struct target){TARGET_LMTP, at.local, at.domain, way.lmtp, 0};
        return give_target(w, &t);
    }
    buf_init(&path, MAILDIR_PATH_MAX * 4);
    e = maildir_path(&path, way.maildir, at.domain, at.local);
    /* A mailbox without a folder is a fault of ours: the mail waits until it is mended. */
    if (e != MAILDIR_PATH_OK)
        err = e == MAILDIR_PATH_TOO_LONG  ? -ENAMETOOLONG
              : e == MAILDIR_PATH_NO_ROOM ? -ENOMEM
                                          : -EINVAL;
    else if (!arena_copy(w->scratch, buf_slice(&path), &t.path))
        err = -ENOMEM;
    else
        err = give_target(w, &t);
    buf_release(&path);
    return err;
}

static int follow_alias(struct walk *w, const struct place *p)
{
    if (is_among(w->aliases, w->alias_count, &p->at)) {
        w->saw_again = true;
        w->saw_watched |= w->watched != NULL && same(w->watched, &p->at);
        return 0;
    }
    if (w->alias_count == DIRECTORY_ALIASES_MAX || p->target_count > TODO_MAX - w->todo_count)
        return -EOVERFLOW;
    w->aliases[w->alias_count++] = p->at;
    for (size_t i = 0; i < p->target_count; i++)
        w->todo[w->todo_count++] = p->targets[i];
    return 0;
}

/* The first one counts. */
static void note_address(struct buf **to, struct directory_address at)
{
    if (*to != NULL)
        recipient_print(*to, at.local, at.domain);
    *to = NULL;
}

/* The new address is followed as an alias's only target is; who was told to go on is counted among
 * the aliases, so that two who send to each other are found out. */
static int follow_move(struct walk *w, const struct place *p)
{
    struct place alias = *p;
    bool is_first = w->alias_count == 0 && w->found_count == 0;

    note_address(&w->moved_to, p->moved_to);
    if (!p->is_forwarded) {
        w->saw_moved = true;
        return 0;
    }
    w->is_forwarded |= is_first;
    alias.targets = &alias.moved_to;
    alias.target_count = 1;
    return follow_alias(w, &alias);
}

static int take_place(struct walk *w, const struct place *p)
{
    note_address(&w->canonical, p->at);
    if (p->kind == DIRECTORY_ALIAS)
        return follow_alias(w, p);
    if (!p->enabled) {
        w->saw_disabled = true;
        return 0;
    }
    return p->moved_to.domain.n > 0 ? follow_move(w, p) : give_mailbox(w, p);
}

/* What is not local: handed on as it was written, or somebody else's. */
static int take_elsewhere(struct walk *w, const struct recipient *r,
                          enum recipient_verdict *ret_verdict)
{
    const struct directory_rules_route *route = routed(w->rules, r->domain);
    struct target t = {.kind = TARGET_LMTP, .local = r->shown, .domain = r->domain};

    *ret_verdict = route == NULL ? RECIPIENT_IS_REMOTE : RECIPIENT_IS_OK;
    if (route == NULL)
        return 0;
    t.path = route->lmtp;
    note_address(&w->canonical, (struct directory_address){r->shown, r->domain});
    return give_target(w, &t);
}

/* *ret_verdict is what this address alone would be; OK says that it led to something. 0 or
 * -errno. */
static int take_recipient(struct walk *w, const struct recipient *r,
                          enum recipient_verdict *ret_verdict)
{
    slice domain = r->domain;
    struct place place = {0};
    int found, err = 0;

    if (domain.n == 0) {
        err = postmaster_domain(w, &domain);
    } else if (r->is_literal && is_own_literal(w->rules, domain)) {
        err = first_domain(w, &domain);
        if (err == 0 && (domain.n == 0 || !r->is_postmaster)) {
            *ret_verdict = RECIPIENT_IS_UNKNOWN;
            return 0;
        }
    } else if ((found = directory_is_local(w->db, w->rules, w->scratch, domain)) <= 0) {
        return found < 0 ? found : take_elsewhere(w, r, ret_verdict);
    }
    if (err != 0)
        return err;
    if (domain.n == 0) {
        *ret_verdict = RECIPIENT_IS_UNKNOWN;
        return 0;
    }
    found = find_place(w, r, domain, &place);
    *ret_verdict = found > 0 ? RECIPIENT_IS_OK : RECIPIENT_IS_UNKNOWN;
    return found > 0 ? take_place(w, &place) : found;
}

/* A target is kept as it was written, and read anew: what was remote may be ours by now. */
static int take_todo(struct walk *w, struct directory_address at)
{
    enum recipient_verdict verdict;
    struct recipient r;
    struct target remote;
    struct buf text;
    enum recipient_err e;
    int err;

    buf_init(&text, 1024);
    recipient_print(&text, at.local, at.domain);
    e = recipient_read(w->scratch, buf_slice(&text), w->rules->recipient, false, &r);
    buf_release(&text);
    if (e != RECIPIENT_OK)
        return e == RECIPIENT_NOMEM ? -ENOMEM : -EBADMSG;
    if ((err = take_recipient(w, &r, &verdict)) != 0 || verdict != RECIPIENT_IS_REMOTE)
        return err;
    remote = (struct target){.kind = TARGET_REMOTE, .local = at.local, .domain = at.domain};
    return give_target(w, &remote);
}

static int walk_init(struct walk *w, struct directory_db *db, const struct directory_rules *rules,
                     struct arena *scratch)
{
    *w = (struct walk){.db = db, .rules = rules, .scratch = scratch};
    w->aliases = arena_take(scratch, DIRECTORY_ALIASES_MAX * sizeof *w->aliases);
    w->todo = arena_take(scratch, TODO_MAX * sizeof *w->todo);
    w->found = arena_take(scratch, DIRECTORY_TARGETS_MAX * sizeof *w->found);
    return w->aliases == NULL || w->todo == NULL || w->found == NULL ? -ENOMEM : 0;
}

static int walk_on(struct walk *w)
{
    int err = 0;

    while (err == 0 && w->todo_at < w->todo_count)
        err = take_todo(w, w->todo[w->todo_at++]);
    return err;
}

static int expand(struct walk *w, slice address, enum recipient_verdict *ret)
{
    enum recipient_verdict verdict;
    struct recipient r;
    int err;

    switch (recipient_read(w->scratch, address, w->rules->recipient, false, &r)) {
    case RECIPIENT_OK:
        break;
    case RECIPIENT_NOMEM:
        return -ENOMEM;
    case RECIPIENT_SYNTAX:
    case RECIPIENT_DOMAIN:
    case RECIPIENT_TOO_LONG:
        *ret = RECIPIENT_IS_MALFORMED;
        return 0;
    }
    if ((err = take_recipient(w, &r, &verdict)) != 0)
        return err;
    if (verdict == RECIPIENT_IS_OK) {
        if ((err = walk_on(w)) != 0)
            return err;
        if (w->found_count == 0) {
            if (!w->saw_disabled && !w->saw_moved && w->saw_again)
                return -ELOOP;
            verdict = w->saw_moved      ? RECIPIENT_IS_MOVED
                      : w->saw_disabled ? RECIPIENT_IS_DISABLED
                                        : RECIPIENT_IS_UNKNOWN;
        } else if (w->is_forwarded) {
            verdict = RECIPIENT_IS_FORWARDED;
        }
    }
    /* Rather a file that was lost than a server for nobody: mail is to wait, not to go back. */
    if (verdict == RECIPIENT_IS_UNKNOWN && (w->answer == NULL || !w->answer->is_of_backend) &&
        (err = directory_db_has_names(w->db)) <= 0)
        return err == 0 ? -ENODATA : err;
    *ret = verdict;
    return 0;
}

enum recipient_verdict directory_expand(struct directory_db *db,
                                        const struct directory_rules *rules, struct arena *scratch,
                                        slice address, struct directory_answer *ret)
{
    enum recipient_verdict verdict = RECIPIENT_IS_TEMPFAIL;
    size_t targets_before = ret->targets == NULL ? 0 : ret->targets->n;
    size_t moved_before = ret->moved_to == NULL ? 0 : ret->moved_to->n;
    struct walk w;
    int err = walk_init(&w, db, rules, scratch);

    w.out = ret->targets;
    w.canonical = ret->canonical;
    w.moved_to = ret->moved_to;
    w.answer = ret;
    ret->is_of_backend = false;
    if (err == 0)
        err = expand(&w, address, &verdict);
    if (err != 0)
        verdict = RECIPIENT_IS_TEMPFAIL;
    if (ret->targets != NULL && verdict != RECIPIENT_IS_OK && verdict != RECIPIENT_IS_FORWARDED)
        ret->targets->n = targets_before;
    if (ret->moved_to != NULL && verdict != RECIPIENT_IS_MOVED && verdict != RECIPIENT_IS_FORWARDED)
        ret->moved_to->n = moved_before;
    ret->error = err;
    return verdict;
}

int directory_check_alias(struct directory_db *db, const struct directory_rules *rules,
                          struct arena *scratch, struct directory_address alias)
{
    struct place place;
    struct walk w;
    int err = walk_init(&w, db, rules, scratch);

    if (err != 0)
        return err;
    if ((err = find_at(&w, alias.local, alias.domain, &place)) <= 0)
        return err == 0 ? -ENOENT : err;
    w.watched = &place.at;
    if ((err = take_place(&w, &place)) == 0)
        err = walk_on(&w);
    return err == 0 && w.saw_watched ? -ELOOP : err;
}
