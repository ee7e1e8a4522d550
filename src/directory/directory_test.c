/* directory as smtpd and the backends see it: a real database, real helper threads and real
 * channels, all in one loop. */
#include "src/directory/directory.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/auth/app_password.h"
#include "lib/auth/wire.h"
#include "lib/base/test.h"
#include "src/directory/exchange.h"
#include "src/directory/notes.h"
#include "src/directory/revocations.h"
#include "sys/answers.h"
#include "sys/clock.h"
#include "sys/directory/account.h"

/* The other end of a channel, and what came there last. */
struct far {
    struct rpc *near, *rpc;
    unsigned answers, messages;
    struct ipc_message last;
    uint32_t call; /* of the last message */
    char bytes[3][PASS_MAX_BYTES + 512];
    slice text[3]; /* of an answer: challenge, account, pass; or the grant as the third */
};

static struct {
    struct loop *loop;
    struct directory d;
    struct far smtpd, authx, deliver;
    bool has_authx, has_deliver;
    char folder[64], path[128];
    struct timer poll;
    unsigned want;
    const struct far *of;
} t;

static const struct directory_address alice = {{"alice", 5}, {"example.org", 11}},
                                      bob = {{"bob", 3}, {"example.org", 11}};
#define ALICE SLICE_LIT("alice@example.org")

/* ---- channels ---- */

static void near_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    directory_message(owner, r, m);
}

static void near_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                        enum rpc_result result, struct ipc_message *m)
{
    (void)r;
    directory_answered(owner, call, token, result == RPC_ANSWER ? m : NULL);
}

static void near_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    (void)error;
    assert_int_equal(why, IPC_OK);
    directory_gone(owner, r);
    rpc_free(r);
    *(r == t.smtpd.near   ? &t.smtpd.near
      : r == t.authx.near ? &t.authx.near
                          : &t.deliver.near) = NULL;
}

static void keep(struct far *f, size_t i, slice text)
{
    assert_in_range(text.n, 0, sizeof f->bytes[i]);
    if (text.n > 0)
        memcpy(f->bytes[i], text.p, text.n);
    f->text[i] = slice_of(f->bytes[i], text.n);
}

static void far_message(void *owner, struct rpc *r, struct ipc_message *m)
{
    struct far *f = owner;
    (void)r;
    if (m->type == IPC_GENERATION_PAGE)
        return;
    f->messages++;
    f->last = *m;
    f->call = m->call;
}

static void far_answer(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                       enum rpc_result result, struct ipc_message *m)
{
    struct far *f = owner;
    (void)r;
    (void)token;
    assert_int_equal(result, RPC_ANSWER);
    f->answers++;
    f->last = *m;
    if (call == IPC_AUTH) {
        keep(f, 0, m->auth_step.challenge);
        keep(f, 1, m->auth_step.account);
        keep(f, 2, m->auth_step.pass);
    } else if (call == IPC_SENDER_CHECK) {
        keep(f, 2, m->sender_verdict.grant);
    }
}

static void far_gone(void *owner, struct rpc *r, int error, enum ipc_err why)
{
    struct far *f = owner;
    (void)error;
    (void)why;
    rpc_free(r);
    f->rpc = NULL;
}

static void connect_far(struct far *f, enum role_id role)
{
    static const struct rpc_ops near_ops = {.message = near_message,
                                            .answer = near_answer,
                                            .gone = near_gone};
    static const struct rpc_ops far_ops = {.message = far_message,
                                           .answer = far_answer,
                                           .gone = far_gone};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    const struct rpc_options near = {.loop = t.loop,
                                     .fd = fds[0],
                                     .self = ROLE_DIRECTORY,
                                     .peer = role,
                                     .ops = &near_ops,
                                     .owner = &t.d};
    const struct rpc_options far = {.loop = t.loop,
                                    .fd = fds[1],
                                    .self = role,
                                    .peer = ROLE_DIRECTORY,
                                    .ops = &far_ops,
                                    .owner = f};
    *f = (struct far){0};
    f->near = rpc_new(&near);
    f->rpc = rpc_new(&far);
    assert_true(f->near != NULL && f->rpc != NULL);
}

static struct rpc *peer_of(struct directory *d, enum role_id role)
{
    (void)d;
    return role == ROLE_AUTHX && t.has_authx       ? t.authx.near
           : role == ROLE_DELIVER && t.has_deliver ? t.deliver.near
                                                   : NULL;
}

static struct rpc *next_peer(struct directory *d, struct rpc *after)
{
    (void)d;
    return after == NULL ? t.smtpd.near : NULL;
}

static void poll_over(struct timer *timer)
{
    if (t.of->answers + t.of->messages >= t.want)
        loop_stop(t.loop);
    else
        timer_set(t.loop, timer, 1, poll_over);
}

/* Until so many more answers and messages have come there. */
static void run_for(const struct far *f, unsigned more)
{
    t.of = f;
    t.want = f->answers + f->messages + more;
    timer_set(t.loop, &t.poll, 0, poll_over);
    assert_int_equal(loop_run(t.loop), 0);
    timer_stop(t.loop, &t.poll);
}

static void on_pause(struct timer *timer)
{
    (void)timer;
    loop_stop(t.loop);
}

static void run_ms(uint64_t ms)
{
    timer_set(t.loop, &t.poll, ms, on_pause);
    assert_int_equal(loop_run(t.loop), 0);
}

/* ---- the server ---- */

static const char conf_text[] =
    "host mx.example.org\n"
    "domain example.org\n"
    "domain far.example { accounts dovecot }\n"
    "dovecot { socket unix:/nowhere }\n"
    "limits { unlimited 10.0.0.0/8 }\n"
    "auth { default-domain example.org; guesses-account 4; guesses-address 40; delay 20ms\n"
    "messages-per-minute 3\n"
    "mechanisms SCRAM-SHA-256 PLAIN LOGIN EXTERNAL }\n"; /* SCRAM would not be, beside dovecot */

static void set_password(struct directory_address at, const char *password, const char *setting)
{
    struct crypt_data data = {0};
    const struct directory_password hash = {.hash = slice_cstr(crypt_r(password, setting, &data))};
    assert_int_equal(directory_account_set_password(t.d.db, at, &hash, false), 0);
}

static void add_account(struct directory_address at, const char *password)
{
    const struct directory_account account = {.domain = at.domain,
                                              .local = at.local,
                                              .shown = at.local,
                                              .name = SLICE_LIT(""),
                                              .enabled = true};
    assert_int_equal(directory_account_add(t.d.db, &account), 0);
    set_password(at, password, "$1$saltsalt$");
}

static int set_up(void **state)
{
    struct conf_errors errors;
    slice bad = {0};
    (void)state;
    memset(&t, 0, sizeof t);
    struct directory *d = &t.d;
    snprintf(t.folder, sizeof t.folder, "/tmp/candor-directory-XXXXXX");
    if (mkdtemp(t.folder) == NULL || (t.loop = loop_new()) == NULL ||
        loop_start_workers(t.loop, 2) != 0)
        return -1;
    snprintf(t.path, sizeof t.path, "%s/db", t.folder);
    *d = (struct directory){.loop = t.loop, .peer_of = peer_of, .next_peer = next_peer};
    arena_init(&d->rules_arena, (size_t)1 << 20);
    arena_init(&d->scratch, (size_t)4 << 20);
    buf_init(&d->out, IPC_BYTES_MAX);
    buf_init(&d->canonical, 1024);
    buf_init(&d->moved_to, 1024);
    conf_errors_init(&errors);
    if (conf_parse(slice_cstr(conf_text), SLICE_LIT("f"), SLICE_LIT("/"), &errors, &d->conf) !=
            CONF_OK ||
        directory_rules_make(d->conf, &d->rules_arena, NULL, 0, &d->rules, &bad) != 0 ||
        directory_db_open(t.path, &d->db) != 0 ||
        directory_db_version(d->db, &d->db_version) != 0 || directory_begin(d, 2) != 0 ||
        genpage_create(&d->page, 1000) != 0)
        return -1;
    conf_errors_release(&errors);
    add_account(alice, "pencil");
    add_account(bob, "crayon");
    connect_far(&t.smtpd, ROLE_SUBMIT);
    return 0;
}

static int tear_down(void **state)
{
    struct directory *d = &t.d;
    (void)state;
    rpc_free(t.smtpd.rpc);
    rpc_free(t.authx.rpc);
    rpc_free(t.deliver.rpc);
    directory_end(d);
    rpc_free(t.smtpd.near);
    rpc_free(t.authx.near);
    rpc_free(t.deliver.near);
    directory_db_settle(d->db);
    directory_db_close(d->db);
    genpage_close(&d->page);
    conf_unref(d->conf);
    arena_release(&d->rules_arena);
    arena_release(&d->scratch);
    buf_release(&d->out);
    buf_release(&d->canonical);
    buf_release(&d->moved_to);
    loop_free(t.loop);
    for (size_t i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        char name[160];
        snprintf(name, sizeof name, "%s%s", t.path, ends[i]);
        unlink(name);
    }
    return rmdir(t.folder);
}

/* ---- what smtpd does ---- */

static const char home[4] = {(char)192, 0, 2, 1}, away[4] = {(char)198, 51, 100, 1},
                  inside[4] = {10, 0, 0, 1};

static void put_start(const char ip[4], const char *mechanism, slice initial, uint32_t number)
{
    const struct ipc_auth m = {.exchange = number,
                               .flags = AUTH_FLAG_START | AUTH_FLAG_TLS |
                                        (initial.p != NULL ? AUTH_FLAG_INITIAL : 0),
                               .offered = UINT32_MAX,
                               .ip = slice_of(ip, 4),
                               .session = SLICE_LIT("s1"),
                               .client = SLICE_LIT("laptop"),
                               .mechanism = slice_cstr(mechanism),
                               .response = initial};
    assert_int_equal(rpc_call_auth(t.smtpd.rpc, number, &m), 0);
}

/* An attempt by PLAIN from the start to its end. */
static enum auth_result try_plain(const char ip[4], const char *name, const char *password)
{
    char text[256];
    size_t n = 1;
    text[0] = '\0';
    n += (size_t)snprintf(text + n, sizeof text - n, "%s", name) + 1;
    n += (size_t)snprintf(text + n, sizeof text - n, "%s", password);
    put_start(ip, "PLAIN", slice_of(text, n), 1);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.type, IPC_AUTH_STEP);
    return t.smtpd.last.auth_step.result;
}

static enum sender_verdict ask_sender(slice pass, const char *session, const char *address)
{
    const struct ipc_sender_check m = {.pass = pass,
                                       .session = slice_cstr(session),
                                       .address = slice_cstr(address)};
    assert_int_equal(rpc_call_sender_check(t.smtpd.rpc, 7, &m), 0);
    run_for(&t.smtpd, 1);
    return t.smtpd.last.sender_verdict.verdict;
}

/* ---- signing in ---- */

static void right_wrong_and_nobody(void **state)
{
    (void)state;
    struct pass pass;
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    assert_slice(t.smtpd.text[1], ALICE);
    assert_int_equal(t.smtpd.last.auth_step.credential, DIRECTORY_MAIN_PASSWORD);
    assert_int_equal(pass_read(t.smtpd.text[2], slice_of(t.d.keys.pass, sizeof t.d.keys.pass),
                               clock_wall_ms(), &pass),
                     GRANT_OK);
    assert_slice(pass.account, ALICE);
    assert_slice(pass.session, SLICE_LIT("s1"));
    assert_int_equal(try_plain(home, "Alice@Example.ORG", "pencil"), AUTH_IS_DONE);
    assert_int_equal(try_plain(home, "alice", "pencil"), AUTH_IS_DONE);
    assert_int_equal(try_plain(home, "alice@example.org", "Pencil"), AUTH_IS_WRONG);
    assert_slice(t.smtpd.text[2], (slice){0});
    assert_int_equal(try_plain(home, "nobody@example.org", "pencil"), AUTH_IS_WRONG);
    assert_int_equal(try_plain(home, "alice@elsewhere.example", "pencil"), AUTH_IS_WRONG);
    assert_int_equal(directory_account_enable(t.d.db, bob.domain, bob.local, false), 0);
    assert_int_equal(try_plain(home, "bob@example.org", "crayon"), AUTH_IS_WRONG);
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
}

static void login_goes_in_steps(void **state)
{
    (void)state;
    put_start(home, "LOGIN", (slice){0}, 5);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_CHALLENGE);
    assert_slice(t.smtpd.text[0], SLICE_LIT("Username:"));
    struct ipc_auth m = {.exchange = 5, .response = SLICE_LIT("alice@example.org")};
    assert_int_equal(rpc_call_auth(t.smtpd.rpc, 1, &m), 0);
    run_for(&t.smtpd, 1);
    assert_slice(t.smtpd.text[0], SLICE_LIT("Password:"));
    m.response = SLICE_LIT("pencil");
    assert_int_equal(rpc_call_auth(t.smtpd.rpc, 1, &m), 0);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_DONE);
    /* It is over: there is no such exchange any more. */
    assert_int_equal(rpc_call_auth(t.smtpd.rpc, 1, &m), 0);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNAVAILABLE);
}

static void faults_have_their_answers(void **state)
{
    (void)state;
    static const struct {
        uint8_t fault;
        enum auth_result want;
    } rows[] = {{AUTH_WIRE_CANCEL, AUTH_IS_CANCELLED},
                {AUTH_WIRE_BAD, AUTH_IS_MALFORMED},
                {AUTH_WIRE_TOO_LONG, AUTH_IS_MALFORMED},
                {AUTH_WIRE_NOMEM, AUTH_IS_UNAVAILABLE}};
    for (uint32_t i = 0; i < COUNT(rows); i++) {
        put_start(home, "PLAIN", (slice){0}, i);
        run_for(&t.smtpd, 1);
        assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_CHALLENGE);
        const struct ipc_auth m = {.exchange = i, .fault = rows[i].fault};
        assert_int_equal(rpc_call_auth(t.smtpd.rpc, 1, &m), 0);
        run_for(&t.smtpd, 1);
        assert_int_equal(t.smtpd.last.auth_step.result, rows[i].want);
    }
    put_start(home, "CRAM-MD5", (slice){0}, 9);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNKNOWN);
    put_start(home, "EXTERNAL", (slice){0}, 9); /* no certificate was shown */
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNSUPPORTED);
    put_start(home, "XOAUTH2", (slice){0}, 9); /* no oauth block */
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNSUPPORTED);
}

static void imported_hashes_are_made_anew(void **state)
{
    (void)state;
    struct directory_credentials kept;
    struct ip ip = {.family = IP_V4};
    assert_int_equal(try_plain(home, "alice@example.org", "wrong"), AUTH_IS_WRONG);
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    for (unsigned i = 0; i < 500; i++) {
        arena_reset(&t.d.scratch);
        assert_int_equal(directory_credentials(t.d.db, &t.d.rules, &t.d.scratch, ALICE, &ip, 1,
                                               &kept),
                         0);
        if (!kept.is_old)
            break;
        run_ms(10);
    }
    assert_false(kept.is_old);
    assert_int_equal(kept.answer.count, 3); /* the hash, and keys for SCRAM with both digests */
    assert_true(slice_starts(kept.answer.credentials[0].text, SLICE_LIT("$y$")));
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
}

static void app_passwords_only(void **state)
{
    (void)state;
    struct app_password p;
    struct digest_value digest;
    char shown[APP_PASSWORD_SHOWN + 1] = {0};
    uint64_t id;
    app_password_make((const unsigned char *)"0123456789abcdef", &p);
    app_password_show(&p, shown);
    assert_true(app_password_digest(&p, &digest));
    const struct directory_app_password app = {.name = SLICE_LIT("phone"),
                                               .digest = digest_slice(&digest),
                                               .networks = SLICE_LIT("192.0.2.0/24")};
    assert_int_equal(directory_app_password_add(t.d.db, alice, &app, &id), 0);
    assert_int_equal(directory_account_set_wants_app(t.d.db, alice, true), 0);
    assert_int_equal(try_plain(home, "alice@example.org", shown), AUTH_IS_DONE);
    assert_int_equal(t.smtpd.last.auth_step.credential, id);
    assert_int_equal(try_plain(away, "alice@example.org", shown), AUTH_IS_WRONG);
    /* Only who knows the own password hears that it is not wanted. */
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_TOO_WEAK);
    assert_int_equal(try_plain(home, "alice@example.org", "crayon"), AUTH_IS_WRONG);
}

/* ---- guesses ---- */

static void guesses_end_in_421(void **state)
{
    (void)state;
    struct guess_who who = {.account = ALICE, .ip = {.family = IP_V4}};
    memcpy(who.ip.bytes, away, 4);
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    for (unsigned i = 0; i < 4; i++) {
        char password[16];
        snprintf(password, sizeof password, "guess %u", i);
        uint64_t from_ms = clock_mono_ms();
        assert_int_equal(try_plain(away, "alice@example.org", password), AUTH_IS_WRONG);
        assert_true(i == 0 || clock_mono_ms() - from_ms >= 20U << (i - 1));
        /* The same again counts nothing. */
        if (i == 0)
            assert_int_equal(try_plain(away, "alice@example.org", password), AUTH_IS_WRONG);
    }
    assert_int_equal(guess_failures(&t.d.guess, &who, GUESS_ACCOUNT, clock_mono_ms()), 4);
    assert_int_equal(try_plain(away, "alice@example.org", "pencil"), AUTH_IS_TOO_MANY);
    /* At home she signs in as ever, and so does bob from there. */
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    assert_int_equal(try_plain(away, "bob@example.org", "crayon"), AUTH_IS_DONE);
    /* A name that is nobody's fares the same. */
    for (unsigned i = 0; i < 4; i++) {
        char password[16];
        snprintf(password, sizeof password, "guess %u", i);
        assert_int_equal(try_plain(away, "nobody@example.org", password), AUTH_IS_WRONG);
    }
    assert_int_equal(try_plain(away, "nobody@example.org", "x"), AUTH_IS_TOO_MANY);
}

static void unlimited_networks_are_not_slowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        char password[16];
        snprintf(password, sizeof password, "guess %u", i);
        assert_int_equal(try_plain(inside, "alice@example.org", password), AUTH_IS_WRONG);
    }
    assert_int_equal(try_plain(inside, "alice@example.org", "pencil"), AUTH_IS_DONE);
}

/* Who goes away before the answer has had a hash for it. */
static void leaving_is_a_guess(void **state)
{
    (void)state;
    struct guess_who who = {.account = ALICE, .ip = {.family = IP_V4}};
    memcpy(who.ip.bytes, away, 4);
    put_start(away, "PLAIN", slice_of("\0alice@example.org\0x", 20), 3);
    run_ms(1);
    assert_int_equal(rpc_send_auth_drop(t.smtpd.rpc, &(struct ipc_auth_drop){3}), 0);
    run_for(&t.smtpd, 1);
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
    assert_in_range(guess_failures(&t.d.guess, &who, GUESS_ACCOUNT, clock_mono_ms()), 1, 1);
    /* The late result finds nothing. */
    run_ms(100);
    /* A challenge that is never answered costs nobody anything. */
    put_start(away, "SCRAM-SHA-256", SLICE_LIT("n,,n=alice@example.org,r=abcdef"), 4);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_CHALLENGE);
    assert_int_equal(rpc_send_auth_drop(t.smtpd.rpc, &(struct ipc_auth_drop){4}), 0);
    run_ms(20);
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
    assert_int_equal(guess_failures(&t.d.guess, &who, GUESS_ACCOUNT, clock_mono_ms()), 1);
}

/* The password changes while the old one is still being hashed. */
static void what_is_revoked_meanwhile_signs_nobody_in(void **state)
{
    (void)state;
    set_password(alice, "pencil", "$6$rounds=600000$saltsalt$");
    put_start(home, "PLAIN", slice_of("\0alice@example.org\0pencil", 25), 3);
    while (hashing_figures(t.d.hashing).running == 0)
        run_ms(1);
    set_password(alice, "crayon", "$1$saltsalt$");
    revocations_add(t.d.revocations, ALICE, DIRECTORY_MAIN_PASSWORD);
    run_for(&t.smtpd, 2); /* the revocation, and the answer */
    assert_int_equal(t.smtpd.last.type, IPC_AUTH_STEP);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_WRONG);
    assert_int_equal(try_plain(home, "alice@example.org", "crayon"), AUTH_IS_DONE);
}

/* He knows the password, and asks for what he may not: the password is no wrong one for that. */
static void a_right_password_is_never_a_repeat(void **state)
{
    (void)state;
    put_start(home, "PLAIN", slice_of("bob@example.org\0alice@example.org\0pencil", 40), 3);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_WRONG);
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
}

/* While so many wait that more are refused, a name that is nobody's is refused like an account. */
static void a_flood_tells_nothing_of_names(void **state)
{
    (void)state;
    static const char *const names[] = {"alice@example.org", "nobody@example.org"};
    t.d.conf->auth.stranger_hashes = 0;
    guard_configure(&t.d);
    for (uint64_t id = UINT64_C(1) << 40; !hashing_is_full(t.d.hashing, HASH_STRANGER); id++)
        assert_true(hashing_verify(t.d.hashing, HASH_STRANGER, id, SLICE_LIT("x"), (slice){0},
                                   SLICE_LIT("$6$rounds=200000$saltsalt$x")));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(try_plain(away, names[i], "guess"), AUTH_IS_UNAVAILABLE);
}

/* alice's is an imported hash, which takes no time; she herself does not wait. */
static void imported_hashes_take_as_long(void **state)
{
    (void)state;
    uint64_t typical_ms = hashing_figures(t.d.hashing).median_ms, from_ms = clock_mono_ms();
    assert_int_equal(try_plain(away, "alice@example.org", "guess"), AUTH_IS_WRONG);
    assert_true(clock_mono_ms() - from_ms + 1 >= typical_ms);
    assert_int_equal(hashing_figures(t.d.hashing).median_ms, typical_ms);
}

/* A name that is nobody's, beyond the budget for those: no hash is computed. */
static void leaving_a_hash_that_seems_is_a_guess_too(void **state)
{
    (void)state;
    struct guess_who who = {.account = SLICE_LIT("nobody@example.org"), .ip = {.family = IP_V4}};
    memcpy(who.ip.bytes, away, 4);
    t.d.guess.limits.strangers_per_s = 0;
    put_start(away, "PLAIN", slice_of("\0nobody@example.org\0x", 21), 3);
    run_ms(1);
    assert_int_equal(rpc_send_auth_drop(t.smtpd.rpc, &(struct ipc_auth_drop){3}), 0);
    run_for(&t.smtpd, 1);
    assert_int_equal(guess_failures(&t.d.guess, &who, GUESS_ACCOUNT, clock_mono_ms()), 1);
}

/* A number that is taken still: the old exchange is answered and over, and its hash is nobody's. So
 * is one that goes on while it is computed. */
static void a_number_twice(void **state)
{
    (void)state;
    set_password(alice, "pencil", "$6$rounds=100000$saltsalt$");
    put_start(home, "PLAIN", slice_of("\0alice@example.org\0pencil", 25), 3);
    put_start(home, "PLAIN", slice_of("\0bob@example.org\0crayon", 23), 3);
    run_for(&t.smtpd, 2);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_DONE);
    assert_slice(t.smtpd.text[1], SLICE_LIT("bob@example.org"));
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
    put_start(home, "PLAIN", slice_of("\0alice@example.org\0pencil", 25), 3);
    const struct ipc_auth m = {.exchange = 3, .response = SLICE_LIT("x")};
    assert_int_equal(rpc_call_auth(t.smtpd.rpc, 4, &m), 0);
    run_for(&t.smtpd, 2);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNAVAILABLE);
    run_ms(300);
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
}

static void a_dead_peer_clears_its_own(void **state)
{
    (void)state;
    put_start(away, "LOGIN", (slice){0}, 3);
    put_start(away, "LOGIN", (slice){0}, 4);
    run_for(&t.smtpd, 2);
    assert_int_equal(exchanges_count(t.d.exchanges), 2);
    put_start(away, "PLAIN", slice_of("\0alice@example.org\0x", 20), 5);
    rpc_flush(t.smtpd.rpc);
    rpc_free(t.smtpd.rpc);
    t.smtpd.rpc = NULL;
    run_ms(100);
    assert_int_equal(exchanges_count(t.d.exchanges), 0);
}

/* ---- backends ---- */

static void answer_verify(enum sasl_answer_code code)
{
    const struct ipc_verified m = {.code = (uint8_t)code, .account = ALICE};
    run_for(&t.authx, 1);
    assert_int_equal(t.authx.last.type, IPC_VERIFY);
    assert_int_equal(rpc_reply_verified(t.authx.rpc, t.authx.call, &m), 0);
    run_for(&t.smtpd, 1);
}

static void a_backend_knows(void **state)
{
    (void)state;
    const slice plain = slice_of("\0alice@example.org\0x", 20);
    assert_int_equal(directory_account_set_password(t.d.db, alice, &(struct directory_password){0},
                                                    true),
                     0);
    assert_int_equal(try_plain(home, "alice@example.org", "x"), AUTH_IS_UNAVAILABLE);
    connect_far(&t.authx, ROLE_AUTHX);
    t.has_authx = true;
    put_start(home, "PLAIN", plain, 1);
    answer_verify(SASL_ANSWER_YES);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_DONE);
    put_start(home, "PLAIN", plain, 1);
    answer_verify(SASL_ANSWER_NO);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_WRONG);
    put_start(home, "PLAIN", plain, 1);
    answer_verify(SASL_ANSWER_FAILED);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNAVAILABLE);
    /* It dies while it is asked. */
    put_start(home, "PLAIN", plain, 1);
    run_for(&t.authx, 1);
    rpc_free(t.authx.rpc);
    t.authx.rpc = NULL;
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_UNAVAILABLE);
}

/* ---- recipients ---- */

static void put_sized_rcpt(const char *address, uint64_t size_bytes)
{
    const struct ipc_rcpt_check m = {.size_bytes = size_bytes, .address = slice_cstr(address)};
    assert_int_equal(rpc_call_rcpt_check(t.smtpd.rpc, 9, &m), 0);
}

static void put_rcpt(const char *address)
{
    put_sized_rcpt(address, 0);
}

static enum recipient_verdict rcpt_verdict(void)
{
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.type, IPC_RCPT_VERDICT);
    return t.smtpd.last.rcpt_verdict.verdict;
}

static enum recipient_verdict check(const char *address)
{
    put_rcpt(address);
    return rcpt_verdict();
}

static void answer_find(enum sasl_answer_code code)
{
    const struct ipc_user_found m = {.code = (uint8_t)code};
    run_for(&t.authx, 1);
    assert_int_equal(t.authx.last.type, IPC_FIND_USER);
    assert_int_equal(rpc_reply_user_found(t.authx.rpc, t.authx.call, &m), 0);
}

static void a_backend_knows_who_there_is(void **state)
{
    (void)state;
    assert_int_equal(check("alice@example.org"), RECIPIENT_IS_OK);
    assert_int_equal(check("carol@far.example"), RECIPIENT_IS_TEMPFAIL);
    connect_far(&t.authx, ROLE_AUTHX);
    t.has_authx = true;
    put_rcpt("Carol+x@far.example");
    answer_find(SASL_ANSWER_YES);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_OK);
    assert_int_equal(t.smtpd.last.rcpt_verdict.generation, 0);
    /* Known for a while. */
    assert_int_equal(check("carol@far.example"), RECIPIENT_IS_OK);
    assert_int_equal(t.authx.messages, 1);
    put_rcpt("dave@far.example");
    answer_find(SASL_ANSWER_UNKNOWN);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_UNKNOWN);
    put_rcpt("erin@far.example");
    answer_find(SASL_ANSWER_DISABLED);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_DISABLED);
    put_rcpt("frank@far.example");
    answer_find(SASL_ANSWER_FAILED);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_TEMPFAIL);
    put_rcpt("frank@far.example");
    answer_find(SASL_ANSWER_NO);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_UNKNOWN);
}

/* An alias to two of them: each is asked for in turn. */
static void an_alias_leads_to_a_backend(void **state)
{
    (void)state;
    const struct directory_address far[] = {{SLICE_LIT("carol"), SLICE_LIT("far.example")},
                                            {SLICE_LIT("dave"), SLICE_LIT("far.example")}};
    const struct directory_alias list = {.domain = SLICE_LIT("example.org"),
                                         .local = SLICE_LIT("list"),
                                         .shown = SLICE_LIT("list")};
    size_t added;
    assert_int_equal(directory_alias_add(t.d.db, &list, far, 2, &added), 0);
    connect_far(&t.authx, ROLE_AUTHX);
    t.has_authx = true;
    put_rcpt("list@example.org");
    answer_find(SASL_ANSWER_UNKNOWN);
    answer_find(SASL_ANSWER_YES);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_OK);
}

static void a_backends_account_sends(void **state)
{
    (void)state;
    static char bytes[PASS_MAX_BYTES];
    const struct ipc_verified yes = {.code = SASL_ANSWER_YES, .account = SLICE_LIT("carol")};
    connect_far(&t.authx, ROLE_AUTHX);
    t.has_authx = true;
    put_start(home, "PLAIN", slice_of("\0carol@far.example\0x", 20), 1);
    run_for(&t.authx, 1);
    assert_int_equal(rpc_reply_verified(t.authx.rpc, t.authx.call, &yes), 0);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.auth_step.result, AUTH_IS_DONE);
    assert_slice(t.smtpd.text[1], SLICE_LIT("carol@far.example"));
    memcpy(bytes, t.smtpd.text[2].p, t.smtpd.text[2].n);
    slice pass = slice_of(bytes, t.smtpd.text[2].n);
    assert_int_equal(ask_sender(pass, "s1", "carol+x@far.example"), SENDER_IS_OK);
    assert_int_equal(ask_sender(pass, "s1", "dave@far.example"), SENDER_IS_NOT_OWN);
    assert_int_equal(ask_sender(pass, "s1", "alice@example.org"), SENDER_IS_NOT_OWN);
}

/* Whom that catch-all does not reach may be somebody: only the backend knows. */
static void a_catch_all_is_no_right_to_a_backends_names(void **state)
{
    (void)state;
    static char bytes[PASS_MAX_BYTES];
    const struct directory_alias all = {.domain = SLICE_LIT("far.example"),
                                        .local = SLICE_LIT(""),
                                        .shown = SLICE_LIT("")};
    size_t added;
    assert_int_equal(directory_alias_add(t.d.db, &all, &alice, 1, &added), 0);
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    memcpy(bytes, t.smtpd.text[2].p, t.smtpd.text[2].n);
    slice pass = slice_of(bytes, t.smtpd.text[2].n);
    assert_int_equal(ask_sender(pass, "s1", "carol@far.example"), SENDER_IS_NOT_OWN);
}

static void answer_usage(uint8_t result, uint64_t used)
{
    const struct ipc_usage_told m = {.result = result, .bytes = used};
    run_for(&t.deliver, 1);
    assert_int_equal(t.deliver.last.type, IPC_USAGE);
    assert_int_equal(rpc_reply_usage_told(t.deliver.rpc, t.deliver.call, &m), 0);
}

static void a_mailbox_gets_full(void **state)
{
    (void)state;
    assert_int_equal(directory_account_set_quota(t.d.db, alice.domain, alice.local, 1000), 0);
    assert_int_equal(check("alice@example.org"), RECIPIENT_IS_OK); /* nobody to ask */
    connect_far(&t.deliver, ROLE_DELIVER);
    t.has_deliver = true;
    put_rcpt("alice@example.org");
    answer_usage(1, 0);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_OK); /* it does not know */
    put_rcpt("alice@example.org");
    answer_usage(0, 999);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_OK);
    assert_int_equal(t.smtpd.last.rcpt_verdict.generation, 0);
    assert_int_equal(check("alice@example.org"), RECIPIENT_IS_OK);
    put_sized_rcpt("alice@example.org", 1);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_OK);
    put_sized_rcpt("alice@example.org", 2);
    assert_int_equal(rcpt_verdict(), RECIPIENT_IS_FULL);
    const struct ipc_mailbox_used used = {.bytes = 1000,
                                          .mailbox = SLICE_LIT("/srv/mail/example.org/alice")};
    assert_int_equal(rpc_send_mailbox_used(t.deliver.rpc, &used), 0);
    run_ms(20);
    assert_int_equal(check("alice@example.org"), RECIPIENT_IS_FULL);
    assert_int_equal(t.deliver.messages, 2);
    assert_int_equal(check("bob@example.org"), RECIPIENT_IS_OK);
}

/* ---- what one may do then ---- */

static void a_pass_gives_grants(void **state)
{
    (void)state;
    static char bytes[PASS_MAX_BYTES];
    struct grant g;
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    memcpy(bytes, t.smtpd.text[2].p, t.smtpd.text[2].n);
    slice pass = slice_of(bytes, t.smtpd.text[2].n);
    assert_int_equal(ask_sender(pass, "s1", "alice+shop@example.org"), SENDER_IS_OK);
    assert_int_equal(t.smtpd.last.sender_verdict.recipients, 1000);
    assert_int_equal(grant_read(t.smtpd.text[2], slice_of(t.d.keys.grant, sizeof t.d.keys.grant),
                                clock_wall_ms(), &g),
                     GRANT_OK);
    assert_int_equal(grant_covers(&g, SLICE_LIT("s1"), SLICE_LIT("alice+shop@example.org"), 1000),
                     GRANT_OK);
    assert_slice(g.account, ALICE);
    assert_int_equal(ask_sender(pass, "s1", "bob@example.org"), SENDER_IS_NOT_OWN);
    assert_int_equal(ask_sender(pass, "s2", "alice@example.org"), SENDER_IS_OVER);
    assert_int_equal(ask_sender(slice_head(pass, pass.n - 1), "s1", "alice@example.org"),
                     SENDER_IS_OVER);
    assert_int_equal(ask_sender(pass, "s1", ""), SENDER_IS_OK);
    assert_int_equal(ask_sender(pass, "s1", "alice@example.org"), SENDER_IS_OK);
    assert_int_equal(ask_sender(pass, "s1", "alice@example.org"), SENDER_IS_LIMITED);
    assert_int_equal(t.smtpd.last.sender_verdict.limit, 3);
    assert_int_equal(t.smtpd.last.sender_verdict.window_s, 60);
    assert_slice(t.smtpd.text[2], (slice){0});
    /* What is revoked is over, here and there. */
    revocations_add(t.d.revocations, ALICE, DIRECTORY_MAIN_PASSWORD);
    run_for(&t.smtpd, 1);
    assert_int_equal(t.smtpd.last.type, IPC_REVOKE);
    assert_int_equal(ask_sender(pass, "s1", "alice@example.org"), SENDER_IS_OVER);
}

static int count_guess(void *self, const struct directory_guess *g)
{
    *(uint64_t *)self += g->count;
    return 0;
}

static void uses_and_guesses_are_written(void **state)
{
    (void)state;
    uint64_t guesses = 0;
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    assert_int_equal(try_plain(home, "alice@example.org", "pencil"), AUTH_IS_DONE);
    assert_int_equal(try_plain(away, "alice@example.org", "guess"), AUTH_IS_WRONG);
    assert_int_equal(try_plain(away, "nobody@example.org", "guess"), AUTH_IS_WRONG);
    notes_write(t.d.notes);
    assert_int_equal(directory_each_guess(t.d.db, 10, count_guess, &guesses), 0);
    assert_int_equal(guesses, 2);
}

int main(void)
{
#define ROW(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(right_wrong_and_nobody),
        ROW(login_goes_in_steps),
        ROW(faults_have_their_answers),
        ROW(imported_hashes_are_made_anew),
        ROW(app_passwords_only),
        ROW(guesses_end_in_421),
        ROW(unlimited_networks_are_not_slowed),
        ROW(leaving_is_a_guess),
        ROW(what_is_revoked_meanwhile_signs_nobody_in),
        ROW(a_right_password_is_never_a_repeat),
        ROW(a_flood_tells_nothing_of_names),
        ROW(imported_hashes_take_as_long),
        ROW(leaving_a_hash_that_seems_is_a_guess_too),
        ROW(a_number_twice),
        ROW(a_dead_peer_clears_its_own),
        ROW(a_backend_knows),
        ROW(a_backend_knows_who_there_is),
        ROW(an_alias_leads_to_a_backend),
        ROW(a_backends_account_sends),
        ROW(a_catch_all_is_no_right_to_a_backends_names),
        ROW(a_mailbox_gets_full),
        ROW(a_pass_gives_grants),
        ROW(uses_and_guesses_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
