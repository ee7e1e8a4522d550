#include "src/authx/ldap_job.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <netinet/in.h>
#include <openldap.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/auth/person.h"
#include "sys/clock.h"

enum { TEXT_MAX = 8192, PORT_CLEAR = 389, PORT_TLS = 636 };

/* ---- urls ---- */

bool ldap_server_of(slice url, struct ldap_server *ret)
{
    static const char *const schemes[] = {"ldap://", "ldaps://", "ldapi://"};
    struct ldap_server s = {.url = url};
    size_t i = 0;
    while (i < 3 && !slice_starts(url, slice_cstr(schemes[i])))
        i++;
    if (i == 3)
        return false;
    s.scheme = (enum ldap_scheme)i;
    slice rest = slice_tail(url, strlen(schemes[i]));
    if (s.scheme == LDAP_IS_UNIX) {
        *ret = s;
        return rest.n > 0;
    }
    uint64_t port = s.scheme == LDAP_IS_TLS ? PORT_TLS : PORT_CLEAR;
    bool is_bracketed = rest.n > 0 && rest.p[0] == '[';
    size_t end = is_bracketed ? slice_find(rest, ']') : slice_find(rest, ':');
    s.host = is_bracketed ? slice_tail(slice_head(rest, end), 1) : slice_head(rest, end);
    rest = slice_tail(rest, is_bracketed ? end + 1 : end);
    if (rest.n > 0 && (rest.p[0] != ':' || !slice_to_u64(slice_tail(rest, 1), UINT16_MAX, &port)))
        return false;
    s.port = (uint16_t)port;
    *ret = s;
    return s.host.n > 0;
}

/* ---- before the sandbox ---- */

int ldap_prepare(const struct conf_ldap *conf)
{
    int hard = LDAP_OPT_X_TLS_HARD, version = LDAP_VERSION3, as_client = 0;
    /* ldap.conf, .ldaprc and LDAP… in the environment are for people's own tools. */
    if (setenv("LDAPNOINIT", "1", 1) != 0)
        return LDAP_NO_MEMORY;
    int err = ldap_set_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
    bool needs_tls = false;
    for (size_t i = 0; i < conf->urls.n; i++) {
        struct ldap_server s;
        if (ldap_server_of(conf->urls.v[i], &s))
            needs_tls = needs_tls || s.scheme == LDAP_IS_TLS ||
                        (s.scheme == LDAP_IS_CLEAR && conf->starttls == CONF_ON);
    }
    if (err == LDAP_SUCCESS && needs_tls)
        err = ldap_set_option(NULL, LDAP_OPT_X_TLS_CACERTFILE, conf->ca_file.p);
    if (err == LDAP_SUCCESS)
        err = ldap_set_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &hard);
    if (err == LDAP_SUCCESS && needs_tls)
        err = ldap_set_option(NULL, LDAP_OPT_X_TLS_NEWCTX, &as_client);
    return err;
}

/* ---- connecting ---- */

static void tell(struct ldap_job *j, const char *what, const char *why)
{
    snprintf(j->why, sizeof j->why, "%s: %s", what, why);
}

static struct timeval left(uint64_t until_ms)
{
    uint64_t now = clock_mono_ms(), ms = now < until_ms ? until_ms - now : 1;
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* The descriptor, or -errno. */
static int connect_to(const struct ip *ip, uint16_t port, uint64_t until_ms)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v6 = ip->family == IP_V6;
    memcpy(&v4.sin_addr, ip->bytes, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, ip->bytes, sizeof v6.sin6_addr);
    const struct sockaddr *at = is_v6 ? (const void *)&v6 : (const void *)&v4;
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int err = connect(fd, at, is_v6 ? sizeof v6 : sizeof v4) == 0 ? 0 : errno;
    if (err == EINPROGRESS) {
        struct timeval tv = left(until_ms);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t n = sizeof err;
        if (poll(&p, 1, (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000)) != 1)
            err = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
            err = errno;
    }
    if (err == 0)
        return fd;
    (void)close(fd);
    return -err;
}

/* Of the addresses the first that answers has half of the time that is left. */
static int dial(struct ldap_job *j, uint64_t until_ms)
{
    int fd = -EHOSTUNREACH;
    if (j->fd >= 0) {
        fd = j->fd;
        j->fd = -1;
        return fd;
    }
    for (size_t i = 0; i < j->addresses && fd < 0; i++) {
        uint64_t now = clock_mono_ms(), rest = until_ms > now ? until_ms - now : 0;
        bool is_last = i + 1 == j->addresses;
        fd = connect_to(&j->address[i], j->server->port, now + (is_last ? rest : rest / 2));
    }
    return fd;
}

/* libldap waits with poll and gives up by its own limits; these are for what it forgets. */
static int make_waiting(int fd, uint64_t until_ms)
{
    struct timeval tv = left(until_ms);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) != 0)
        return -errno;
    return 0;
}

static void set_limits(LDAP *ld, uint64_t until_ms)
{
    struct timeval tv = left(until_ms);
    /* Cannot fail with these. */
    (void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &tv);
    (void)ldap_set_option(ld, LDAP_OPT_TIMEOUT, &tv);
}

static int secure(struct ldap_job *j, LDAP *ld)
{
    switch (j->server->scheme) {
    case LDAP_IS_TLS:
        return ldap_install_tls(ld);
    case LDAP_IS_CLEAR:
        return j->conf->starttls == CONF_ON ? ldap_start_tls_s(ld, NULL, NULL) : LDAP_SUCCESS;
    case LDAP_IS_UNIX:
        break;
    }
    return LDAP_SUCCESS;
}

static void tell_tls(struct ldap_job *j, LDAP *ld, int err)
{
    char *detail = NULL;
    (void)ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
    tell(j, ldap_err2string(err), detail != NULL ? detail : "TLS");
    ldap_memfree(detail);
}

static bool open_session(struct ldap_job *j, uint64_t until_ms)
{
    LDAP *ld = NULL;
    int fd = dial(j, until_ms);
    int err = fd < 0 ? fd : make_waiting(fd, until_ms);
    if (err != 0) {
        tell(j, "connect", strerrorname_np(-err));
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    int proto = j->server->scheme == LDAP_IS_UNIX ? LDAP_PROTO_IPC : LDAP_PROTO_TCP;
    err = ldap_init_fd(fd, proto, j->server->url.p, &ld);
    if (err != LDAP_SUCCESS) {
        tell(j, "connect", ldap_err2string(err));
        (void)close(fd);
        return false;
    }
    (void)ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    (void)ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    set_limits(ld, until_ms);
    err = secure(j, ld);
    if (err != LDAP_SUCCESS) {
        tell_tls(j, ld, err);
        (void)ldap_unbind_ext_s(ld, NULL, NULL);
        return false;
    }
    *j->session = (struct ldap_session){.handle = ld};
    return true;
}

void ldap_session_close(struct ldap_session *s)
{
    if (s->handle != NULL)
        (void)ldap_unbind_ext_s(s->handle, NULL, NULL);
    *s = (struct ldap_session){0};
}

/* ---- asking ---- */

static int bind_as(struct ldap_job *j, const char *dn, slice secret)
{
    struct berval password = {.bv_len = secret.n, .bv_val = (char *)(uintptr_t)secret.p};
    j->session->is_searcher = false;
    return ldap_sasl_bind_s(j->session->handle, dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
}

static bool is_connection_error(int err)
{
    return err == LDAP_SERVER_DOWN || err == LDAP_CONNECT_ERROR || err == LDAP_TIMEOUT ||
           err == LDAP_UNAVAILABLE || err == LDAP_ENCODING_ERROR || err == LDAP_DECODING_ERROR;
}

static void fail(struct ldap_job *j, const char *what, int err)
{
    j->code = SASL_ANSWER_FAILED;
    j->is_lost = is_connection_error(err);
    tell(j, what, ldap_err2string(err));
}

static enum sasl_answer_code of_bind(int err)
{
    switch (err) {
    case LDAP_SUCCESS:
        return SASL_ANSWER_YES;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH: /* an entry without a password */
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
        return SASL_ANSWER_NO;
    case LDAP_UNWILLING_TO_PERFORM: /* locked, by several servers */
    case LDAP_CONSTRAINT_VIOLATION:
    case LDAP_INSUFFICIENT_ACCESS:
        return SASL_ANSWER_DISABLED;
    default:
        return SASL_ANSWER_FAILED;
    }
}

/* A bind without a name or without a password succeeds as nobody (RFC 4513 5.1.1, 5.1.2). */
static void check_password(struct ldap_job *j, const char *dn)
{
    if (dn[0] == '\0' || j->secret.n == 0) {
        j->code = SASL_ANSWER_NO;
        return;
    }
    int err = bind_as(j, dn, j->secret);
    j->code = of_bind(err);
    if (j->code == SASL_ANSWER_FAILED)
        fail(j, "bind", err);
    else if (j->code == SASL_ANSWER_DISABLED)
        tell(j, "bind", ldap_err2string(err));
}

static bool become_searcher(struct ldap_job *j)
{
    slice password = j->conf->bind_dn.n > 0 ? j->password : SLICE_LIT("");
    if (j->session->is_searcher)
        return true;
    if (j->conf->bind_dn.n > 0 && password.n == 0) {
        tell(j, "password-file", "empty");
        return false;
    }
    int err = bind_as(j, j->conf->bind_dn.n > 0 ? j->conf->bind_dn.p : "", password);
    if (err != LDAP_SUCCESS) {
        fail(j, "bind-dn", err);
        return false;
    }
    j->session->is_searcher = true;
    return true;
}

static void take_account(struct ldap_job *j, LDAPMessage *entry)
{
    LDAP *ld = j->session->handle;
    struct berval **values =
        j->conf->account.n > 0 ? ldap_get_values_len(ld, entry, j->conf->account.p) : NULL;
    if (values != NULL && values[0] != NULL && values[0]->bv_len < sizeof j->account)
        memcpy(j->account, values[0]->bv_val, values[0]->bv_len);
    ldap_value_free_len(values);
}

/* The one entry's name, to be freed by ldap_memfree; NULL: the job has its answer. */
static char *take_entry(struct ldap_job *j, LDAPMessage *found)
{
    LDAP *ld = j->session->handle;
    LDAPMessage *entry = ldap_first_entry(ld, found);
    int n = ldap_count_entries(ld, found);
    if (n != 1 || entry == NULL) {
        j->code = j->is_find && n == 0 ? SASL_ANSWER_UNKNOWN : SASL_ANSWER_NO;
        if (n > 1) {
            j->code = SASL_ANSWER_FAILED;
            tell(j, "search", "more than one entry fits");
        }
        return NULL;
    }
    take_account(j, entry);
    char *dn = ldap_get_dn(ld, entry);
    if (dn == NULL)
        fail(j, "search", LDAP_NO_MEMORY);
    return dn;
}

static char *search(struct ldap_job *j, uint64_t until_ms)
{
    char *wanted[] = {(char *)(uintptr_t)(j->conf->account.n > 0 ? j->conf->account.p
                                                                 : LDAP_NO_ATTRS),
                      NULL};
    struct timeval tv = left(until_ms);
    LDAPMessage *found = NULL;
    char *dn = NULL;
    struct buf filter;
    buf_init(&filter, TEXT_MAX);
    person_print(&filter, j->conf->filter, j->name, PERSON_FILTER);
    buf_addc(&filter, '\0');
    if (filter.err != BUF_OK) {
        j->code = SASL_ANSWER_NO; /* nobody's name is so long */
    } else {
        int err = ldap_search_ext_s(j->session->handle, j->conf->base.p, LDAP_SCOPE_SUBTREE,
                                    filter.p, wanted, 0, NULL, NULL, &tv, 2, &found);
        if (err == LDAP_SUCCESS || err == LDAP_SIZELIMIT_EXCEEDED)
            dn = take_entry(j, found);
        else
            fail(j, "search", err);
    }
    ldap_msgfree(found);
    buf_release(&filter);
    return dn;
}

static void ask_by_search(struct ldap_job *j, uint64_t until_ms)
{
    if (!become_searcher(j))
        return;
    char *dn = search(j, until_ms);
    if (dn == NULL)
        return;
    if (j->is_find)
        j->code = SASL_ANSWER_YES;
    else
        check_password(j, dn);
    ldap_memfree(dn);
}

static void ask_by_name(struct ldap_job *j)
{
    struct buf dn;
    buf_init(&dn, TEXT_MAX);
    person_print(&dn, j->conf->bind_as, j->name, PERSON_DN);
    buf_addc(&dn, '\0');
    if (dn.err == BUF_OK)
        check_password(j, dn.p);
    else
        j->code = SASL_ANSWER_NO;
    buf_release(&dn);
}

void ldap_job_run(struct work *w)
{
    struct ldap_job *j = CONTAINER_OF(w, struct ldap_job, work);
    uint64_t until_ms = clock_mono_ms() + j->conf->timeout;
    j->code = SASL_ANSWER_FAILED;
    j->was_old = j->session->handle != NULL;
    if (!j->was_old && !open_session(j, until_ms)) {
        j->is_lost = true;
        return;
    }
    set_limits(j->session->handle, until_ms);
    if (j->conf->bind_as.n > 0)
        ask_by_name(j);
    else
        ask_by_search(j, until_ms);
    if (j->is_lost || j->code == SASL_ANSWER_FAILED)
        ldap_session_close(j->session);
}
