/* What is kept of passwords, notes, senders: each test has a file of its own. */
#include "lib/base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "lib/auth/scram.h"
#include "sys/directory/account.h"
#include "sys/directory/hash.h"

static struct {
    char folder[64];
    char path[96];
    struct directory_db *db;
    struct arena scratch;
} t;

static const struct directory_rules_domain domains[] = {{.name = SLICE_LIT("example.org")},
                                                        {.name = SLICE_LIT("b.example")}};
static struct directory_rules rules = {
    .recipient = {.separators = SLICE_LIT("+")},
    .host = SLICE_LIT("mx.example.org"),
    .way = {.maildir = SLICE_LIT("/m/{domain}/{local}")},
    .domains = domains,
    .domain_count = 1,
};
static const struct directory_address alice = {SLICE_LIT("alice"), SLICE_LIT("example.org")};
static const struct directory_address bob = {SLICE_LIT("bob"), SLICE_LIT("example.org")};
#define ALICE SLICE_LIT("alice@example.org")
#define BOB SLICE_LIT("bob@example.org")
static const struct ip here = {.family = IP_V4, .bytes = {192, 0, 2, 7}};

static void add_account(struct directory_address at)
{
    const struct directory_account account = {.domain = at.domain,
                                              .local = at.local,
                                              .shown = at.local,
                                              .enabled = true};

    assert_int_equal(directory_account_add(t.db, &account), 0);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(t.folder, sizeof t.folder, "/tmp/candor-directory-XXXXXX");
    if (mkdtemp(t.folder) == NULL)
        return -1;
    snprintf(t.path, sizeof t.path, "%s/db", t.folder);
    arena_init(&t.scratch, (size_t)4 << 20);
    t.db = NULL;
    return 0;
}

static int set_up(void **state)
{
    int err = make_folder(state);

    if (err == 0)
        err = directory_db_open(t.path, &t.db);
    if (err == 0) {
        add_account(alice);
        add_account(bob);
    }
    return err;
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[128];

    (void)state;
    directory_db_close(t.db);
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(name, sizeof name, "%s%s", t.path, ends[i]);
        unlink(name);
    }
    arena_release(&t.scratch);
    return rmdir(t.folder);
}

/* ---- the schema ---- */

static const char schema_1[] =
    "CREATE TABLE domain ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, shown TEXT NOT NULL,"
    "  maildir TEXT NOT NULL DEFAULT '', added INTEGER NOT NULL CHECK (added IN (0, 1)),"
    "  created_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE account ("
    "  id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL REFERENCES domain (id),"
    "  local TEXT NOT NULL CHECK (local <> ''), shown TEXT NOT NULL, name TEXT NOT NULL,"
    "  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)), created_at INTEGER NOT NULL,"
    "  UNIQUE (domain_id, local)) STRICT;"
    "CREATE TABLE alias ("
    "  id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL REFERENCES domain (id),"
    "  local TEXT NOT NULL, shown TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  UNIQUE (domain_id, local)) STRICT;"
    "CREATE TABLE alias_target ("
    "  id INTEGER PRIMARY KEY, alias_id INTEGER NOT NULL REFERENCES alias (id) ON DELETE CASCADE,"
    "  local TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (alias_id, local, domain)) STRICT;"
    "CREATE INDEX alias_target_address ON alias_target (domain, local);"
    "INSERT INTO domain VALUES (1, 'example.org', 'example.org', '', 0, 5);"
    "INSERT INTO account VALUES (1, 1, 'alice', 'Alice', 'Alice A.', 1, 6);"
    "INSERT INTO account VALUES (2, 1, 'bob', 'bob', '', 0, 7);"
    "INSERT INTO alias VALUES (1, 1, 'team', 'team', 8);"
    "INSERT INTO alias_target VALUES (1, 1, 'alice', 'example.org');"
    "PRAGMA application_id = 0x436e6472; PRAGMA user_version = 1;";

static void run_sql(const char *text, int want)
{
    sqlite3 *sqlite;

    assert_int_equal(sqlite3_open(t.path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, text, NULL, NULL, NULL), want);
    sqlite3_close(sqlite);
}

static void test_from_1(void **state)
{
    unsigned char fake[DIRECTORY_SECRET_BYTES], grant[DIRECTORY_SECRET_BYTES],
        again[DIRECTORY_SECRET_BYTES];
    struct directory_account account;
    struct directory_credentials c;

    (void)state;
    run_sql(schema_1, SQLITE_OK);
    assert_int_equal(directory_db_open(t.path, &t.db), 0);
    assert_int_equal(directory_find_account(t.db, &t.scratch, alice.domain, alice.local, &account),
                     0);
    assert_slice(account.shown, SLICE_LIT("Alice"));
    assert_slice(account.name, SLICE_LIT("Alice A."));
    assert_false(account.has_password);
    assert_int_equal(account.quota_bytes, 0);
    assert_int_equal(account.moved_domain.n, 0);
    assert_int_equal(directory_credentials(t.db, &rules, &t.scratch, BOB, &here, 9, &c), 0);
    assert_int_equal(c.answer.code, SASL_ANSWER_DISABLED);
    assert_int_equal(c.answer.count, 0);
    /* The secrets are there, differ, and stay. */
    assert_int_equal(directory_secret(t.db, DIRECTORY_SECRET_FAKE, fake), 0);
    assert_int_equal(directory_secret(t.db, DIRECTORY_SECRET_GRANT, grant), 0);
    assert_memory_not_equal(fake, grant, sizeof fake);
    directory_db_close(t.db);
    assert_int_equal(directory_db_open(t.path, &t.db), 0);
    assert_int_equal(directory_secret(t.db, DIRECTORY_SECRET_FAKE, again), 0);
    assert_memory_equal(fake, again, sizeof fake);
}

/* What stops half-way leaves the old file as it was. */
static void test_from_1_all_or_nothing(void **state)
{
    (void)state;
    run_sql(schema_1, SQLITE_OK);
    run_sql("CREATE TABLE guess (x TEXT) STRICT", SQLITE_OK); /* in the way of the new one */
    assert_int_not_equal(directory_db_open(t.path, &t.db), 0);
    t.db = NULL;
    run_sql("SELECT quota_bytes FROM account", SQLITE_ERROR);
    run_sql("DROP TABLE guess", SQLITE_OK);
    assert_int_equal(directory_db_open(t.path, &t.db), 0);
}

static void test_guarded(void **state)
{
    static const char *const bad[] = {
        "UPDATE account SET is_remote = 2",
        "UPDATE account SET quota_bytes = -1",
        "UPDATE account SET limit_hour = 4294967296",
        "UPDATE account SET moved_local = 'x'",
        "UPDATE account SET hash = x'00'",
        "INSERT INTO secret VALUES (3, x'00')",
        "INSERT INTO app_password (account_id, name, digest, scram_sha1, scram_sha256, networks,"
        " created_at, expires_at) VALUES (1, '', zeroblob(32), '', '', '', 0, 0)",
        "INSERT INTO app_password (id, account_id, name, digest, scram_sha1, scram_sha256,"
        " networks, created_at, expires_at) VALUES (1, 1, 'x', zeroblob(32), '', '', '', 0, 0)",
        "PRAGMA foreign_keys = ON; INSERT INTO sender (account_id, local, domain)"
        " VALUES (99, '', 'x')",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        run_sql(bad[i], SQLITE_CONSTRAINT);
}

/* ---- names ---- */

static slice sign_in_name(const char *name)
{
    slice ret;

    assert_int_equal(directory_sign_in_name(t.db, &rules, &t.scratch, slice_cstr(name), &ret), 0);
    return ret;
}

static void test_names(void **state)
{
    (void)state;
    assert_slice(sign_in_name("Alice@EXAMPLE.org"), ALICE);
    assert_slice(sign_in_name("\"alice\"@example.org"), ALICE);
    assert_slice(sign_in_name("ALICE"), ALICE);
    assert_slice(sign_in_name("alice+x"), SLICE_LIT("alice+x@example.org"));
    assert_slice(sign_in_name("Nobody@Far.example"), SLICE_LIT("nobody@far.example"));
    assert_slice(sign_in_name("No Address @"), SLICE_LIT("no address @"));
    assert_slice(sign_in_name(""), SLICE_LIT(""));
    /* A second domain, in the database or in the configuration: a bare name is nobody's. */
    assert_int_equal(directory_domain_add(t.db, SLICE_LIT("c.example"), SLICE_LIT("c.example"),
                                          SLICE_LIT(""), 1),
                     0);
    assert_slice(sign_in_name("Alice"), SLICE_LIT("alice"));
    assert_int_equal(directory_domain_remove(t.db, SLICE_LIT("c.example")), 0);
    rules.domain_count = 2;
    assert_slice(sign_in_name("Alice"), SLICE_LIT("alice"));
    rules.domain_count = 1;
    assert_slice(sign_in_name("Alice"), ALICE);
}

/* ---- credentials ---- */

static const char *shown_of(const char *name, int64_t now, const struct ip *ip)
{
    static char shown[1024];
    struct directory_credentials c;
    size_t n;

    arena_reset(&t.scratch);
    assert_int_equal(directory_credentials(t.db, &rules, &t.scratch, slice_cstr(name), ip, now, &c),
                     0);
    n = (size_t)snprintf(shown, sizeof shown, "%s%s%s",
                         c.answer.code == SASL_ANSWER_YES        ? "yes"
                         : c.answer.code == SASL_ANSWER_DISABLED ? "disabled"
                         : c.answer.code == SASL_ANSWER_UNKNOWN  ? "unknown"
                                                                 : "?",
                         c.wants_app_password ? " wants-app" : "", c.is_old ? " old" : "");
    for (size_t i = 0; i < c.answer.count; i++)
        n +=
            (size_t)snprintf(shown + n, sizeof shown - n, " %c%d",
                             "HASR"[c.answer.credentials[i].kind], (int)c.answer.credentials[i].id);
    return shown;
}

static uint64_t add_app(const char *name, const char *networks, int64_t expires_at)
{
    const struct directory_app_password p = {
        .name = slice_cstr(name),
        .digest = SLICE_LIT("0123456789abcdef0123456789abcdef"),
        .scram = {SLICE_LIT("one"), SLICE_LIT("two")},
        .networks = slice_cstr(networks),
        .created_at = 1000,
        .expires_at = expires_at,
    };
    uint64_t id = 0;

    assert_int_equal(directory_app_password_add(t.db, alice, &p, &id), 0);
    return id;
}

static void test_credentials(void **state)
{
    const struct ip mapped = {.family = IP_V6, .bytes = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7}};
    const struct ip far = {.family = IP_V6, .bytes = {0x20, 0x01}};
    const struct directory_password password = {.hash = SLICE_LIT("$y$j9T$x$y"),
                                                .scram = {SLICE_LIT("a"), SLICE_LIT("b")}};
    const struct directory_password imported = {.hash = SLICE_LIT("$6$x$y")};
    uint64_t id;

    (void)state;
    assert_string_equal(shown_of("alice@example.org", 1, &here), "yes");
    assert_string_equal(shown_of("nobody@example.org", 1, &here), "unknown");
    assert_string_equal(shown_of("alice+x@example.org", 1, &here), "unknown");
    assert_string_equal(shown_of("alice@far.example", 1, &here), "unknown");
    assert_string_equal(shown_of("@@", 1, &here), "unknown");
    assert_int_equal(directory_account_set_password(t.db, alice, &imported, false), 0);
    assert_string_equal(shown_of("alice", 1, &here), "yes old H1");
    assert_int_equal(directory_rehash(t.db, ALICE, SLICE_LIT("other"), &password), -ESTALE);
    assert_int_equal(directory_rehash(t.db, SLICE_LIT("x@example.org"), imported.hash, &password),
                     -ENOENT);
    assert_int_equal(directory_rehash(t.db, ALICE, imported.hash, &password), 0);
    assert_string_equal(shown_of("alice", 1, &here), "yes H1 S1 S1");
    assert_int_equal(directory_account_set_wants_app(t.db, alice, true), 0);
    assert_int_equal(add_app("phone", "", 0), 2);
    assert_int_equal(add_app("laptop", "192.0.2.0/24 2001:db8::/32", 2000), 3);
    assert_string_equal(shown_of("alice", 1999, &here), "yes wants-app H1 S1 S1 A2 S2 S2 A3 S3 S3");
    assert_string_equal(shown_of("alice", 1999, &mapped),
                        "yes wants-app H1 S1 S1 A2 S2 S2 A3 S3 S3");
    assert_string_equal(shown_of("alice", 2000, &here), "yes wants-app H1 S1 S1 A2 S2 S2");
    assert_string_equal(shown_of("alice", 1999, &far), "yes wants-app H1 S1 S1 A2 S2 S2");
    assert_string_equal(shown_of("alice", 1999, NULL), "yes wants-app H1 S1 S1 A2 S2 S2 A3 S3 S3");
    assert_string_equal(shown_of("alice", 2000, NULL), "yes wants-app H1 S1 S1 A2 S2 S2");
    assert_int_equal(directory_app_password_remove(t.db, bob, 3), -ENOENT);
    assert_int_equal(directory_app_password_remove(t.db, alice, 3), 0);
    id = add_app("again", "", 0);
    assert_int_equal(id, 4); /* an id is never used again */
    /* A backend knows it: what was kept here counts no more. */
    assert_int_equal(directory_account_set_password(t.db, alice, &(struct directory_password){0},
                                                    true),
                     0);
    assert_string_equal(shown_of("alice", 1, &here), "yes wants-app R1 A2 S2 S2 A4 S4 S4");
    assert_int_equal(directory_account_enable(t.db, alice.domain, alice.local, false), 0);
    assert_string_equal(shown_of("alice", 1, &here), "disabled wants-app R1 A2 S2 S2 A4 S4 S4");
    assert_int_equal(directory_account_enable(t.db, alice.domain, alice.local, true), 0);
    assert_int_equal(directory_account_move(t.db, alice.domain, alice.local, &bob, true), 0);
    assert_string_equal(shown_of("alice", 1, &here), "disabled wants-app R1 A2 S2 S2 A4 S4 S4");
    /* A domain that is no longer ours. */
    rules.domain_count = 0;
    assert_string_equal(shown_of("alice@example.org", 1, &here), "unknown");
    rules.domain_count = 1;
}

static void test_app_passwords_are_bounded(void **state)
{
    struct directory_app_password p = {.name = SLICE_LIT("one more"),
                                       .digest = SLICE_LIT("0123456789abcdef0123456789abcdef"),
                                       .created_at = 1000};
    uint64_t id;
    char name[16];

    (void)state;
    for (size_t i = 0; i < DIRECTORY_APP_PASSWORDS_MAX; i++) {
        snprintf(name, sizeof name, "p%zu", i);
        add_app(name, "", i == 0 ? 1500 : 0);
    }
    assert_int_equal(directory_app_password_add(t.db, alice, &p, &id), -EOVERFLOW);
    p.name = SLICE_LIT("p3");
    p.created_at = 1500 + 40 * 24 * 3600; /* one has long expired */
    assert_int_equal(directory_app_password_add(t.db, alice, &p, &id), -EEXIST);
    p.name = SLICE_LIT("one more");
    assert_int_equal(directory_app_password_add(t.db, alice, &p, &id), 0);
}

/* What a client is told of a name does not change when there is an account, or none any more. */
static void test_salts(void **state)
{
    struct directory_salt first[DIRECTORY_DIGESTS], second[DIRECTORY_DIGESTS];
    unsigned char secret[DIRECTORY_SECRET_BYTES];
    const struct directory_address carol = {SLICE_LIT("carol"), SLICE_LIT("example.org")};
    struct scram_keys k, fake;
    struct buf text;

    (void)state;
    assert_int_equal(directory_secret(t.db, DIRECTORY_SECRET_FAKE, secret), 0);
    assert_int_equal(directory_salts(t.db, SLICE_LIT("carol@example.org"), true, first), 0);
    assert_true(scram_fake(DIGEST_SHA256, slice_of(secret, sizeof secret),
                           SLICE_LIT("carol@example.org"), &fake));
    assert_slice(slice_of(first[DIGEST_SHA256].salt, first[DIGEST_SHA256].bytes),
                 scram_salt(&fake));
    add_account(carol);
    assert_int_equal(directory_salts(t.db, SLICE_LIT("carol@example.org"), false, second), 0);
    assert_memory_equal(first, second, sizeof first);
    /* Keys that came from elsewhere: new ones share their salt, those of the own password only
     * while another key remains. */
    assert_true(scram_derive(DIGEST_SHA256, SLICE_LIT("pw"), SLICE_LIT("salty"), 4096, &k));
    buf_init(&text, 1024);
    scram_print(&text, &k);
    const struct directory_password password = {.hash = SLICE_LIT("$y$"),
                                                .scram = {[DIGEST_SHA256] = buf_slice(&text)}};
    assert_int_equal(directory_account_set_password(t.db, carol, &password, false), 0);
    assert_int_equal(directory_salts(t.db, SLICE_LIT("carol@example.org"), false, second), 0);
    assert_slice(slice_of(second[DIGEST_SHA256].salt, second[DIGEST_SHA256].bytes),
                 SLICE_LIT("salty"));
    assert_int_equal(second[DIGEST_SHA256].iterations, 4096);
    assert_memory_equal(&first[DIGEST_SHA1], &second[DIGEST_SHA1], sizeof first[0]);
    assert_int_equal(directory_salts(t.db, SLICE_LIT("carol@example.org"), true, second), 0);
    assert_memory_equal(first, second, sizeof first);
    buf_release(&text);
}

static void test_certificates(void **state)
{
    unsigned char print[32] = {0xab, [31] = 0x01};
    slice emails[] = {SLICE_LIT("nobody@far.example"), SLICE_LIT("Bob@Cert.EXAMPLE")};
    struct sasl_answer a;
    slice fingerprint = slice_of(print, sizeof print);

    (void)state;
    assert_int_equal(directory_certificate(t.db, &rules, &t.scratch, fingerprint, emails, 2, &a),
                     0);
    assert_int_equal(a.code, SASL_ANSWER_UNKNOWN);
    assert_int_equal(directory_certificate_add(t.db, bob, SLICE_LIT("bob@cert.example"), 1), 0);
    assert_int_equal(directory_certificate_add(t.db, alice, SLICE_LIT("bob@cert.example"), 1),
                     -EEXIST);
    assert_int_equal(directory_certificate(t.db, &rules, &t.scratch, fingerprint, emails, 2, &a),
                     0);
    assert_int_equal(a.code, SASL_ANSWER_YES);
    assert_slice(a.account, BOB);
    assert_int_equal(
        directory_certificate_add(
            t.db, alice,
            SLICE_LIT("ab00000000000000000000000000000000000000000000000000000000000001"), 1),
        0);
    assert_int_equal(directory_account_enable(t.db, alice.domain, alice.local, false), 0);
    assert_int_equal(directory_certificate(t.db, &rules, &t.scratch, fingerprint, emails, 2, &a),
                     0);
    assert_int_equal(a.code, SASL_ANSWER_DISABLED);
    assert_slice(a.account, ALICE);
    assert_int_equal(directory_certificate_remove(t.db, bob, SLICE_LIT("bob@cert.example")), 0);
    assert_int_equal(directory_certificate_remove(t.db, bob, SLICE_LIT("bob@cert.example")),
                     -ENOENT);
}

/* ---- notes ---- */

static int count_pair(void *self, const struct directory_pair *pair)
{
    int64_t *last = self;

    assert_slice(pair->account, ALICE);
    assert_true(pair->at <= *last);
    assert_int_equal(pair->net.bits, 24);
    *last = pair->at;
    return 0;
}

static int count_guess(void *self, const struct directory_guess *g)
{
    size_t *count = self;

    if (*count == 0) {
        assert_slice(g->name, ALICE);
        assert_true(g->is_known);
        assert_int_equal(g->count, 8);
        assert_int_equal(g->at, 20);
        assert_true(ip_eq(&g->ip, &here));
    }
    ++*count;
    return 0;
}

static void test_notes(void **state)
{
    struct directory_use use = {.account = ALICE,
                                .at = 77,
                                .ip = here,
                                .client = SLICE_LIT("[phone\x01]\xff"),
                                .mechanism = SLICE_LIT("PLAIN")};
    struct directory_pair pair = {.account = ALICE, .net = {.ip = here, .bits = 24}};
    struct directory_guess guess = {
        .name = ALICE, .is_known = true, .count = 5, .at = 10, .ip = here};
    struct directory_account account;
    int64_t last = INT64_MAX;
    size_t count = 0;

    (void)state;
    use.credential = add_app("phone", "", 0);
    assert_int_equal(directory_note_use(t.db, &use), 0);
    assert_int_equal(directory_find_account(t.db, &t.scratch, alice.domain, alice.local, &account),
                     0);
    assert_int_equal(account.used_at, 77);
    assert_slice(account.used_from, SLICE_LIT("192.0.2.7"));
    assert_slice(account.used_client, SLICE_LIT("[phone?]?"));
    use.account = SLICE_LIT("gone@example.org");
    assert_int_equal(directory_note_use(t.db, &use), -ENOENT);

    for (int i = 0; i < DIRECTORY_PAIRS_MAX + 5; i++) {
        pair.net.ip.bytes[2] = (uint8_t)i;
        pair.net.ip.bytes[3] = 0;
        pair.at = 100 + i;
        assert_int_equal(directory_note_pair(t.db, &pair), 0);
    }
    assert_int_equal(directory_each_pair(t.db, 0, count_pair, &last), 0);
    assert_int_equal(last, 105);

    assert_int_equal(directory_note_guess(t.db, &guess), 0);
    guess.count = 3;
    guess.at = 20;
    assert_int_equal(directory_note_guess(t.db, &guess), 0);
    assert_int_equal(directory_db_begin(t.db), 0);
    guess.is_known = false;
    guess.count = 1;
    for (int i = 0; i < 5; i++) {
        char name[16];
        guess.name = slice_of(name, (size_t)snprintf(name, sizeof name, "u%d", i));
        assert_int_equal(directory_note_guess(t.db, &guess), 0);
    }
    assert_int_equal(directory_db_commit(t.db), 0);
    assert_int_equal(directory_each_guess(t.db, 4, count_guess, &count), 0);
    assert_int_equal(count, 4);
}

/* ---- who may do what ---- */

static void test_may_send_as(void **state)
{
    static const struct {
        const char *address;
        int want;
    } rows[] = {
        {"", 1},
        {"alice@example.org", 1},
        {"ALICE+Shop@example.ORG", 1},
        {"bob@example.org", 0},
        {"bob+alice@example.org", 0},
        {"team@example.org", 1},  /* alice is one of its targets */
        {"chain@example.org", 0}, /* leads to team, and so to bob too */
        {"alone@example.org", 1}, /* leads to an alias that leads to alice alone */
        {"bobs@example.org", 0},  /* bob's */
        {"nobody@example.org", 0},
        {"granted@far.example", 1},
        {"granted+x@far.example", 1},
        {"other@far.example", 0},
        {"whoever@whole.example", 1},
        {"alice@[192.0.2.1]", 0},
        {"postmaster", 0},
        {"postmaster@example.org", 0},
        {"@example.org", 0},
        {"nonsense", 0},
        {"alice@far.example", 0},
    };
    const struct directory_address far = {SLICE_LIT("granted"), SLICE_LIT("far.example")};
    const struct directory_address whole = {SLICE_LIT(""), SLICE_LIT("whole.example")};
    struct directory_alias alias = {.domain = alice.domain};
    size_t added;

    (void)state;
#define ALIAS(name, ...)                                                                           \
    do {                                                                                           \
        const struct directory_address targets[] = {__VA_ARGS__};                                  \
        alias.local = alias.shown = SLICE_LIT(name);                                               \
        assert_int_equal(directory_alias_add(t.db, &alias, targets, COUNT(targets), &added), 0);   \
    } while (0)
    ALIAS("team", {SLICE_LIT("alice+t"), SLICE_LIT("example.org")}, bob);
    ALIAS("chain", {SLICE_LIT("team"), SLICE_LIT("example.org")});
    ALIAS("one", alice);
    ALIAS("alone", {SLICE_LIT("one"), SLICE_LIT("example.org")});
    ALIAS("bobs", bob);
    assert_int_equal(directory_sender_add(t.db, alice, far), 0);
    assert_int_equal(directory_sender_add(t.db, alice, far), -EEXIST);
    assert_int_equal(directory_sender_add(t.db, alice, whole), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena_reset(&t.scratch);
        int got =
            directory_may_send_as(t.db, &rules, &t.scratch, ALICE, slice_cstr(rows[i].address));
        if (got != rows[i].want)
            fail_msg("%s: got %d", rows[i].address, got);
    }
    ALIAS("", alice); /* the catch-all: what nobody else has */
    assert_int_equal(directory_may_send_as(t.db, &rules, &t.scratch, ALICE,
                                           SLICE_LIT("any@example.org")),
                     1);
    assert_int_equal(directory_may_send_as(t.db, &rules, &t.scratch, ALICE,
                                           SLICE_LIT("bob@example.org")),
                     0);
    assert_int_equal(directory_may_send_as(t.db, &rules, &t.scratch, SLICE_LIT("x@example.org"),
                                           SLICE_LIT("x@example.org")),
                     -ENOENT);
    assert_int_equal(directory_sender_remove(t.db, alice, whole), 0);
    assert_int_equal(directory_sender_remove(t.db, alice, whole), -ENOENT);
#undef ALIAS
}

static void test_limits(void **state)
{
    const uint32_t five = 5, zero = 0;
    struct directory_limits l;

    (void)state;
    assert_int_equal(directory_account_set_limits(t.db, alice, &five, NULL, &five), 0);
    assert_int_equal(directory_account_set_limits(t.db, alice, NULL, NULL, &zero), 0);
    assert_int_equal(directory_limits(t.db, ALICE, &l), 0);
    assert_int_equal(l.minute, 5);
    assert_int_equal(l.hour, 0);
    assert_int_equal(l.day, 0);
    assert_int_equal(directory_limits(t.db, SLICE_LIT("x@example.org"), &l), -ENOENT);
}

static void test_expn(void **state)
{
    const struct directory_address targets[] = {bob, {SLICE_LIT("C"), SLICE_LIT("far.example")}};
    const struct directory_alias alias = {.domain = alice.domain,
                                          .local = SLICE_LIT("team"),
                                          .shown = SLICE_LIT("team")};
    struct buf out;
    size_t added;
    int err;

    (void)state;
    buf_init(&out, 1024);
    assert_int_equal(directory_alias_add(t.db, &alias, targets, 2, &added), 0);
    assert_int_equal(directory_expn(t.db, &rules, &t.scratch, SLICE_LIT("Team"), &out, &err),
                     RECIPIENT_IS_OK);
    assert_slice(buf_slice(&out), SLICE_LIT("\x0f\0bob@example.org\x0d\0C@far.example"));
    buf_clear(&out);
    assert_int_equal(directory_expn(t.db, &rules, &t.scratch, ALICE, &out, &err), RECIPIENT_IS_OK);
    assert_slice(buf_slice(&out), SLICE_LIT("\x11\0alice@example.org"));
    buf_clear(&out);
    assert_int_equal(directory_expn(t.db, &rules, &t.scratch, SLICE_LIT("x"), &out, &err),
                     RECIPIENT_IS_UNKNOWN);
    assert_int_equal(directory_expn(t.db, &rules, &t.scratch, SLICE_LIT("x@far.example"), &out,
                                    &err),
                     RECIPIENT_IS_REMOTE);
    assert_int_equal(directory_expn(t.db, &rules, &t.scratch, SLICE_LIT("a b@"), &out, &err),
                     RECIPIENT_IS_MALFORMED);
    assert_int_equal(out.n, 0);
    buf_release(&out);
}

/* ---- hashes ---- */

static void test_hashes(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", true},
        {"$6$saltstring$.vnWcCATS7HX9wLGcWGmRWMy3QtkFQmcbgZ0JzwapmXyqGJ2Gt5UXnLK.."
         "eJGzeBsKnKBZB8CvweVE1t5sq6n.",
         true},
        {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", false}, /* cut */
        {"$5$saltstring$gpdvZHQ.qundoWJjAZwNzbBrhvpB73knRq.7HdH6Y9.", true},
        {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", true},
        {"$1$saltstri$21qjWclnT0i7sx/vjQICZ", false}, /* a letter short */
        {"$1$saltstri$21qjWclnT0i7sx/vjQICZ.", true},
        {"rEK1ecacw.7.c", true},
        {"hunter2", false},
        {"", false},
        {"*", false},
        {"!$6$saltstring$x", false},
        {"$9$unknown$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"{CRYPT}rEK1ecacw.7.c", false},
    };
    slice hash = SLICE_LIT("{Sha512-Crypt}$6$x"), scheme = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (directory_hash_is_known(slice_cstr(rows[i].text)) != rows[i].want)
            fail_msg("%s", rows[i].text);
    }
    assert_true(directory_hash_strip(&hash, &scheme));
    assert_slice(hash, SLICE_LIT("$6$x"));
    assert_true(directory_hash_strip(&hash, &scheme));
    hash = SLICE_LIT("{SSHA}xyz");
    assert_false(directory_hash_strip(&hash, &scheme));
    assert_slice(scheme, SLICE_LIT("SSHA"));
    assert_true(directory_hash_is_current(slice_cstr(rows[0].text)));
    assert_false(directory_hash_is_current(slice_cstr(rows[1].text)));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_1, make_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_from_1_all_or_nothing, make_folder, tear_down),
        T(test_guarded),
        T(test_names),
        T(test_credentials),
        T(test_app_passwords_are_bounded),
        T(test_salts),
        T(test_certificates),
        T(test_notes),
        T(test_may_send_as),
        T(test_limits),
        T(test_expn),
        cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
