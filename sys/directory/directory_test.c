/* The database, the look-up and the requests together: each test has a file of its own. */
#include "lib/base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/directory/admin.h"

static struct {
    char folder[64];
    char path[96];
    struct directory_db *db;
    struct arena scratch;
    struct buf answer, targets, canonical, moved_to;
    struct directory_change change;
} t;

static const struct directory_rules_domain domains[] = {
    {.name = SLICE_LIT("example.org")},
    {.name = SLICE_LIT("other.example"), .way.maildir = SLICE_LIT("/other/{local}")},
    {.name = SLICE_LIT("lmtp.example"), .way.lmtp = SLICE_LIT("unix:/run/lmtp")},
};

static const struct directory_rules_route routes[] = {
    {SLICE_LIT("routed.example"), SLICE_LIT("127.0.0.1:24")},
    {SLICE_LIT("other.example"), SLICE_LIT("127.0.0.1:25")},
};

static struct directory_rules rules = {
    .recipient = {.separators = SLICE_LIT("+")},
    .host = SLICE_LIT("mx.example.org"),
    .way.maildir = SLICE_LIT("/m/{domain}/{local}"),
    .domains = domains,
    .domain_count = COUNT(domains),
    .routes = routes,
    .route_count = COUNT(routes),
};

static int set_up(void **state)
{
    (void)state;
    snprintf(t.folder, sizeof t.folder, "/tmp/candor-directory-XXXXXX");
    if (mkdtemp(t.folder) == NULL)
        return -1;
    snprintf(t.path, sizeof t.path, "%s/db", t.folder);
    arena_init(&t.scratch, (size_t)4 << 20);
    buf_init(&t.answer, 1 << 20);
    buf_init(&t.targets, DIRECTORY_TARGETS_BYTES_MAX);
    buf_init(&t.canonical, 1024);
    buf_init(&t.moved_to, 1024);
    return directory_db_open(t.path, &t.db);
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
    buf_release(&t.answer);
    buf_release(&t.targets);
    buf_release(&t.canonical);
    buf_release(&t.moved_to);
    return rmdir(t.folder);
}

/* The answer to a request in which ' stands for ". */
static slice ask(const char *request)
{
    char text[2048];
    size_t n = 0;

    for (; request[n] != '\0'; n++)
        text[n] = request[n] == '\'' ? '"' : request[n];
    buf_clear(&t.answer);
    assert_int_equal(directory_admin(t.db, &rules, slice_of(text, n), 1700000000, &t.answer,
                                     &t.change),
                     0);
    return buf_slice(&t.answer);
}

static void expect(const char *request, const char *part)
{
    slice answer = ask(request);

    if (slice_find_slice(answer, slice_cstr(part)) == answer.n)
        fail_msg("%s: got %.*s, want %s in it", request, SLICE_ARG(answer), part);
}

#define OK "\"ok\":true"

/* "verdict target target": local@domain=path,quota or local@domain. */
static const char *look_up(const char *address)
{
    static char shown[4096];
    struct target target;
    slice rest;
    size_t n;
    enum recipient_verdict v;
    struct directory_answer answer = {&t.targets, &t.canonical, &t.moved_to, 0};

    buf_clear(&t.targets);
    buf_clear(&t.canonical);
    buf_clear(&t.moved_to);
    arena_reset(&t.scratch);
    v = directory_expand(t.db, &rules, &t.scratch, slice_cstr(address), &answer);
    n = (size_t)snprintf(shown, sizeof shown, "%d", (int)v);
    rest = buf_slice(&t.targets);
    while (target_take(&rest, &target)) {
        n += (size_t)snprintf(shown + n, sizeof shown - n, " %.*s@%.*s%s%.*s",
                              SLICE_ARG(target.local), SLICE_ARG(target.domain),
                              target.path.n > 0 ? "=" : "", SLICE_ARG(target.path));
        if (target.quota_bytes > 0)
            n += (size_t)snprintf(shown + n, sizeof shown - n, ",%lu",
                                  (unsigned long)target.quota_bytes);
    }
    assert_int_equal(rest.n, 0);
    return shown;
}

static void test_accounts(void **state)
{
    (void)state;
    /* Nobody at all: that may be a lost file, and nothing is refused for good. */
    assert_string_equal(look_up("alice@example.org"), "5");
    assert_string_equal(look_up("alice@elsewhere.example"), "3");
    assert_string_equal(look_up("alice"), "4");
    expect("{'do':'account-add','address':'other@example.org'}", OK);
    assert_string_equal(look_up("alice@example.org"), "1");
    expect("{'do':'account-remove','address':'other@example.org'}", OK);
    expect("{'do':'account-add','address':'Alice@Example.ORG','name':'Alice \xc3\x9c.'}", OK);
    expect("{'do':'account-add','address':'alice@example.org'}", "\"exists\"");
    expect("{'do':'account-add','address':'alice@elsewhere.example'}", "\"not-local\"");
    expect("{'do':'account-add','address':'alice@@'}", "\"bad-address\"");
    expect("{'do':'account-add','address':'postmaster'}", "\"bad-address\"");
    expect("{'do':'account-add','address':'@example.org'}", "\"bad-address\"");
    expect("{'do':'account-show','address':'ALICE@example.org'}",
           "\"address\":\"Alice@example.org\",\"name\":\"Alice \xc3\x9c.\",\"enabled\":true,"
           "\"maildir\":\"/m/example.org/alice\"");
    assert_string_equal(look_up("ALICE@EXAMPLE.org"), "0 alice@example.org=/m/example.org/alice");
    assert_slice(buf_slice(&t.canonical), SLICE_LIT("alice@example.org"));
    assert_string_equal(look_up("alice+tag@example.org"),
                        "0 alice@example.org=/m/example.org/alice");
    assert_string_equal(look_up("\"alice\"@example.org"),
                        "0 alice@example.org=/m/example.org/alice");
    expect("{'do':'account-disable','address':'alice@example.org'}", "\"enabled\":false");
    assert_string_equal(look_up("alice@example.org"), "2");
    expect("{'do':'account-enable','address':'alice@example.org'}", "\"enabled\":true");
    expect("{'do':'account-enable','address':'nobody@example.org'}", "\"not-found\"");
    expect("{'do':'account-remove','address':'alice@example.org'}", OK);
    expect("{'do':'account-remove','address':'alice@example.org'}", "\"not-found\"");
    expect("{'do':'account-show','address':'alice@example.org'}", "\"not-found\"");
    assert_string_equal(look_up("alice@example.org"), "5");
}

static void test_domains(void **state)
{
    (void)state;
    expect("{'do':'domain-list'}", "\"domain\":\"example.org\"");
    expect("{'do':'domain-add','domain':'example.org'}", "\"exists\"");
    expect("{'do':'domain-add','domain':'no domain'}", "\"bad-address\"");
    expect("{'do':'domain-add','domain':'x.example','maildir':'m/{local}'}", "\"bad-request\"");
    expect("{'do':'domain-add','domain':'B\xc3\xbc"
           "cher.example','maildir':'/b/{local}'}",
           "\"ascii\":\"xn--bcher-kva.example\"");
    expect("{'do':'domain-add','domain':'xn--bcher-kva.example'}", "\"exists\"");
    expect("{'do':'domain-show','domain':'b\xc3\xbc"
           "cher.example'}",
           "\"source\":\"database\"");
    expect("{'do':'account-add','address':'\xc3\x9cnal@b\xc3\xbc"
           "cher.example'}",
           "\"address\":\"\xc3\x9cnal@b\xc3\xbc"
           "cher.example\"");
    assert_string_equal(look_up("\xc3\xbcnal@XN--BCHER-KVA.example"),
                        "0 \xc3\xbcnal@xn--bcher-kva.example=/b/\xc3\xbcnal");
    assert_string_equal(look_up("u\xcc\x88nal@b\xc3\xbc"
                                "cher.example"),
                        "0 \xc3\xbcnal@xn--bcher-kva.example=/b/\xc3\xbcnal");
    expect("{'do':'domain-remove','domain':'b\xc3\xbc"
           "cher.example'}",
           "\"in-use\"");
    expect("{'do':'account-remove','address':'\xc3\xbcnal@b\xc3\xbc"
           "cher.example'}",
           OK);
    expect("{'do':'domain-remove','domain':'b\xc3\xbc"
           "cher.example'}",
           OK);
    expect("{'do':'domain-remove','domain':'b\xc3\xbc"
           "cher.example'}",
           "\"not-found\"");
    expect("{'do':'domain-remove','domain':'example.org'}", "\"in-use\"");
    assert_string_equal(look_up("x@b\xc3\xbc"
                                "cher.example"),
                        "3");
    expect("{'do':'account-add','address':'o@other.example'}", "\"/other/o\"");
    expect("{'do':'domain-show','domain':'other.example'}", "\"accounts\":1");
    expect("{'do':'domain-add','domain':'aaa.example'}", OK);
    expect("{'do':'domain-add','domain':'zzz.example'}", OK);
    expect("{'do':'domain-list','after':'aaa.example'}",
           "{\"domains\":[{\"domain\":\"example.org\"");
    expect("{'do':'domain-list','after':'other.example'}",
           "{\"domains\":[{\"domain\":\"zzz.example\"");
}

static void test_aliases(void **state)
{
    (void)state;
    expect("{'do':'account-add','address':'a@example.org'}", OK);
    expect("{'do':'account-add','address':'b@example.org'}", OK);
    expect("{'do':'alias-add','address':'team@example.org','targets':['a@example.org',"
           "'B@example.org','a+x@example.org','Who@elsewhere.example']}",
           "\"targets\":[\"a@example.org\",\"b@example.org\",\"a+x@example.org\","
           "\"Who@elsewhere.example\"]");
    assert_string_equal(look_up("TEAM+x@example.org"),
                        "0 a@example.org=/m/example.org/a b@example.org=/m/example.org/b"
                        " Who@elsewhere.example");
    assert_slice(buf_slice(&t.canonical), SLICE_LIT("team@example.org"));
    /* Two ways to one mailbox: once. */
    expect("{'do':'alias-add','address':'all@example.org','targets':['team@example.org',"
           "'b@example.org']}",
           OK);
    assert_string_equal(look_up("all@example.org"),
                        "0 b@example.org=/m/example.org/b a@example.org=/m/example.org/a"
                        " Who@elsewhere.example");
    expect("{'do':'alias-add','address':'team@example.org','targets':['all@example.org']}",
           "\"loop\"");
    expect("{'do':'alias-add','address':'self@example.org','targets':['self@example.org']}",
           "\"loop\"");
    expect("{'do':'alias-show','address':'self@example.org'}", "\"not-found\"");
    expect("{'do':'alias-add','address':'x@example.org','targets':['typo@example.org']}",
           "\"not-found\"");
    expect("{'do':'alias-show','address':'x@example.org'}", "\"not-found\"");
    expect("{'do':'alias-add','address':'x@example.org','targets':[]}", "\"bad-request\"");
    expect("{'do':'alias-add','address':'x@example.org','targets':[1]}", "\"bad-address\"");
    expect("{'do':'alias-add','address':'a@example.org','targets':['b@example.org']}",
           "\"exists\"");
    expect("{'do':'account-add','address':'team@example.org'}", "\"exists\"");
    expect("{'do':'account-disable','address':'a@example.org'}", OK);
    assert_string_equal(look_up("team@example.org"),
                        "0 b@example.org=/m/example.org/b Who@elsewhere.example");
    expect("{'do':'alias-remove','address':'team@example.org','targets':['b@example.org',"
           "'Who@elsewhere.example']}",
           OK);
    assert_string_equal(look_up("team@example.org"), "2");
    expect("{'do':'alias-remove','address':'team@example.org','targets':['b@example.org']}",
           "\"not-found\"");
    expect("{'do':'account-remove','address':'b@example.org'}", "\"in-use\"");
    expect("{'do':'account-remove','address':'b@example.org','force':true}", OK);
    expect("{'do':'alias-show','address':'all@example.org'}", "[\"team@example.org\"]");
    expect("{'do':'alias-remove','address':'all@example.org'}", OK);
    expect("{'do':'alias-remove','address':'all@example.org'}", "\"not-found\"");
    expect("{'do':'alias-list'}", "\"team@example.org\"");
}

static void test_catch_all_and_postmaster(void **state)
{
    static const struct ip own[] = {{.family = IP_V4, .bytes = {127, 0, 0, 1}},
                                    {.family = IP_V6, .bytes = {[15] = 1}}};
    struct directory_rules before = rules;

    (void)state;
    rules.own_ips = own;
    rules.own_ip_count = COUNT(own);
    /* Nothing at all is there: postmaster is. */
    assert_string_equal(look_up("postmaster"),
                        "0 postmaster@example.org=/m/example.org/postmaster");
    assert_string_equal(look_up("Postmaster@other.example"),
                        "0 postmaster@other.example=/other/postmaster");
    expect("{'do':'account-add','address':'z@other.example'}", OK);
    assert_string_equal(look_up("postmaster"), "0 z@other.example=/other/z");
    expect("{'do':'account-add','address':'y@example.org'}", OK);
    assert_string_equal(look_up("POSTMASTER"), "0 y@example.org=/m/example.org/y");
    assert_string_equal(look_up("postmaster@[127.0.0.1]"), "0 y@example.org=/m/example.org/y");
    assert_string_equal(look_up("postmaster@[IPv6:0:0::1]"), "0 y@example.org=/m/example.org/y");
    assert_string_equal(look_up("y@[127.0.0.1]"), "1");
    assert_string_equal(look_up("postmaster@[192.0.2.1]"), "3");
    assert_string_equal(look_up("postmaster@elsewhere.example"), "3");
    expect("{'do':'alias-add','address':'@example.org','targets':['y@example.org']}",
           "\"@example.org\"");
    assert_string_equal(look_up("whoever@example.org"), "0 y@example.org=/m/example.org/y");
    assert_string_equal(look_up("whoever@other.example"), "1");
    expect("{'do':'alias-add','address':'@other.example','targets':['nobody@other.example']}",
           "\"loop\"");
    expect("{'do':'account-add','address':'postmaster@example.org'}", OK);
    assert_string_equal(look_up("postmaster"),
                        "0 postmaster@example.org=/m/example.org/postmaster");
    expect("{'do':'account-disable','address':'postmaster@example.org'}", OK);
    assert_string_equal(look_up("postmaster"), "0 y@example.org=/m/example.org/y");
    expect("{'do':'alias-remove','address':'@example.org'}", OK);
    assert_string_equal(look_up("whoever@example.org"), "1");
    rules = before;
}

/* An account whose mail goes by LMTP; a domain that is handed on whole; a local one is not. */
static void test_lmtp(void **state)
{
    (void)state;
    expect("{'do':'account-add','address':'a@lmtp.example'}",
           "\"maildir\":\"\",\"lmtp\":\"unix:/run/lmtp\"");
    assert_string_equal(look_up("A+x@lmtp.example"), "0 a@lmtp.example=unix:/run/lmtp");
    assert_string_equal(look_up("b@lmtp.example"), "1");
    assert_string_equal(look_up("Any.One+x@Routed.example"),
                        "0 Any.One+x@routed.example=127.0.0.1:24");
    assert_slice(buf_slice(&t.canonical), SLICE_LIT("Any.One+x@routed.example"));
    assert_string_equal(look_up("nobody@other.example"), "1");
    assert_string_equal(look_up("a@sub.routed.example"), "3");
    expect("{'do':'account-add','address':'a@routed.example'}", "\"not-local\"");
    expect("{'do':'alias-add','address':'on@example.org','targets':['Who@routed.example']}", OK);
    assert_string_equal(look_up("on@example.org"), "0 Who@routed.example=127.0.0.1:24");
}

/* FORWARDED, MOVED, and what a ring of them is. */
static void test_moved(void **state)
{
    struct directory_address a = {SLICE_LIT("a"), SLICE_LIT("example.org")};
    struct directory_address b = {SLICE_LIT("b"), SLICE_LIT("example.org")};
    struct directory_address far = {SLICE_LIT("A"), SLICE_LIT("far.example")};

    (void)state;
    expect("{'do':'account-add','address':'a@example.org'}", OK);
    expect("{'do':'account-add','address':'b@example.org'}", OK);
    expect("{'do':'alias-add','address':'x@example.org','targets':['a@example.org']}", OK);
    assert_int_equal(directory_account_set_quota(t.db, b.domain, b.local, 5), 0);
    assert_int_equal(directory_account_move(t.db, a.domain, a.local, &b, true), 0);
    assert_string_equal(look_up("A+tag@example.org"), "6 b@example.org=/m/example.org/b,5");
    assert_slice(buf_slice(&t.canonical), SLICE_LIT("a@example.org"));
    assert_slice(buf_slice(&t.moved_to), SLICE_LIT("b@example.org"));
    assert_string_equal(look_up("x@example.org"), "0 b@example.org=/m/example.org/b,5");
    assert_int_equal(t.moved_to.n, 0);
    assert_int_equal(directory_account_move(t.db, b.domain, b.local, &a, true), 0);
    assert_string_equal(look_up("a@example.org"), "5");
    assert_string_equal(look_up("b@example.org"), "5");
    assert_int_equal(directory_account_move(t.db, b.domain, b.local, &far, false), 0);
    assert_string_equal(look_up("b@example.org"), "7");
    assert_slice(buf_slice(&t.moved_to), SLICE_LIT("A@far.example"));
    assert_string_equal(look_up("a@example.org"), "7");
    assert_int_equal(directory_account_move(t.db, a.domain, a.local, &far, true), 0);
    assert_string_equal(look_up("a@example.org"), "6 A@far.example");
    assert_int_equal(directory_account_move(t.db, a.domain, a.local, NULL, true), 0);
    assert_string_equal(look_up("a@example.org"), "0 a@example.org=/m/example.org/a");
    /* Nobody takes postmaster's mail away, wherever he has gone. */
    expect("{'do':'account-add','address':'postmaster@example.org'}", OK);
    assert_int_equal(directory_account_move(t.db, a.domain, SLICE_LIT("postmaster"), &far, false),
                     0);
    assert_string_equal(look_up("postmaster"), "0 a@example.org=/m/example.org/a");
}

/* A ring that a change of the configuration closed: no endless walk, and the mail waits. */
static void test_ring_at_look_up(void **state)
{
    struct directory_address a = {SLICE_LIT("a"), SLICE_LIT("example.org")};
    struct directory_address b = {SLICE_LIT("b"), SLICE_LIT("example.org")};
    struct directory_alias alias = {.domain = a.domain, .local = a.local, .shown = a.local};
    size_t added;

    (void)state;
    assert_int_equal(directory_alias_add(t.db, &alias, &b, 1, &added), 0);
    alias.local = alias.shown = b.local;
    assert_int_equal(directory_alias_add(t.db, &alias, &a, 1, &added), 0);
    assert_string_equal(look_up("a@example.org"), "5");
    assert_int_equal(directory_alias_add(t.db, &alias, &a, 1, &added), 0);
    assert_int_equal(added, 0);
}

static void test_pages(void **state)
{
    char request[128], last[64] = "";
    size_t seen = 0, pages = 0;
    bool more = true;

    (void)state;
    assert_int_equal(directory_db_begin(t.db), 0);
    for (size_t i = 0; i < 2000; i++) {
        char local[16];
        size_t n = (size_t)snprintf(local, sizeof local, "u%05zu", i);
        struct directory_account account = {.domain = SLICE_LIT("example.org"),
                                            .local = slice_of(local, n),
                                            .shown = slice_of(local, n),
                                            .enabled = true};
        assert_int_equal(directory_account_add(t.db, &account), 0);
    }
    assert_int_equal(directory_db_commit(t.db), 0);
    for (; more; pages++) {
        slice answer;

        snprintf(request, sizeof request, "{'do':'account-list','after':'%s'}", last);
        answer = ask(request);
        assert_true(answer.n < 100000);
        more = slice_find_slice(answer, SLICE_LIT("\"more\":true")) < answer.n;
        for (size_t at; (at = slice_find_slice(answer, SLICE_LIT("\"address\":\""))) < answer.n;) {
            answer = slice_tail(answer, at + 11);
            snprintf(last, sizeof last, "%.*s", (int)slice_find(answer, '"'), answer.p);
            snprintf(request, sizeof request, "u%05zu@example.org", seen++);
            assert_string_equal(last, request);
        }
    }
    assert_int_equal(seen, 2000);
    assert_true(pages > 1);
}

/* What ends sessions is told to the caller, and what is logged has no secret in it. */
static void test_changes(void **state)
{
#define PASSWORD                                                                                   \
    "'password':{'hash':'$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd."      \
    "RhAtQ7'}"
#define DIGEST "'digest':'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'"
    static const struct {
        const char *request;
        int credential; /* -1: nobody is signed out */
    } rows[] = {
        {"{'do':'account-show','address':'a@example.org'}", -1},
        {"{'do':'account-password','address':'A+@example.org'}", -1}, /* refused */
        {"{'do':'account-password','address':'A@example.org'," PASSWORD "}", 1},
        {"{'do':'account-password','address':'a@example.org','backend':true}", 1},
        {"{'do':'account-add','address':'new@example.org'," PASSWORD "}", -1},
        {"{'do':'account-password','address':'a@example.org','remove':true}", 1},
        {"{'do':'account-import','address':'a@example.org'," PASSWORD "}", 1},
        {"{'do':'app-password-add','address':'a@example.org','name':'x'," DIGEST "}", -1},
        {"{'do':'app-password-remove','address':'a@example.org','which':'y'}", -1}, /* refused */
        {"{'do':'app-password-remove','address':'a@example.org','which':'x'}", 2},
        {"{'do':'account-app-passwords-only','address':'a@example.org','only':true}", 1},
        {"{'do':'account-app-passwords-only','address':'a@example.org','only':false}", -1},
        {"{'do':'certificate-add','address':'a@example.org','value':'a@x.example'}", -1},
        {"{'do':'certificate-remove','address':'a@example.org','value':'a@x.example'}", 0},
        {"{'do':'account-quota','address':'a@example.org','quota_bytes':5}", -1},
        {"{'do':'account-move','address':'a@example.org','to':'b@far.example'}", 0},
        {"{'do':'account-move','address':'a@example.org','back':true}", -1},
        {"{'do':'account-disable','address':'a@example.org'}", 0},
        {"{'do':'account-enable','address':'a@example.org'}", -1},
        {"{'do':'account-remove','address':'a@example.org'}", 0},
    };
    static const char request[] = "{\"do\":\"account-password\",\"address\":\"a@example.org\","
                                  "\"password\":{\"hash\":\"$y$secret\"},\"name\":\"x\"}";
    struct buf line;

    (void)state;
    expect("{'do':'account-add','address':'a@example.org'}", OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        ask(rows[i].request);
        if (t.change.is_revoked != (rows[i].credential >= 0) ||
            (t.change.is_revoked && t.change.credential != (uint64_t)rows[i].credential))
            fail_msg("%s: revoked %d, credential %d", rows[i].request, (int)t.change.is_revoked,
                     (int)t.change.credential);
        if (t.change.is_revoked)
            assert_slice(slice_of(t.change.account, t.change.account_n),
                         SLICE_LIT("a@example.org"));
    }
    expect("{'do':'account-add','address':'c@example.org','password':{'hash':'secret'}}",
           "\"bad-hash\"");
    expect("{'do':'account-show','address':'c@example.org'}", "\"not-found\"");
    expect("{'do':'account-add','address':'c@example.org'," PASSWORD "}", "\"password\":\"set\"");
    expect("{'do':'app-password-add','address':'c@example.org','name':'x'," DIGEST
           ",'scram-sha-1':'SCRAM-SHA-1$4096:c2FsdA==$MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=:"
           "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA='}",
           "the account's salt");
    buf_init(&line, 1024);
    directory_admin_summary(slice_cstr(request), &line);
    assert_slice(buf_slice(&line), SLICE_LIT("account-password a@example.org"));
    buf_clear(&line);
    directory_admin_summary(SLICE_LIT("[1"), &line);
    assert_int_equal(line.n, 0);
    buf_release(&line);
#undef PASSWORD
#undef DIGEST
}

static void test_bad_requests(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{'do':'format-disk'}",
        "{'do':'account-add'}",
        "{'do':'account-add','address':7}",
        "{'do':'domain-add','domain':''}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        expect(bad[i], "\"ok\":false");
}

static void test_other_process(void **state)
{
    struct directory_db *other;
    struct directory_account account = {.domain = SLICE_LIT("example.org"),
                                        .local = SLICE_LIT("new"),
                                        .shown = SLICE_LIT("new"),
                                        .enabled = true};
    uint32_t first, second;

    (void)state;
    assert_int_equal(directory_db_version(t.db, &first), 0);
    assert_int_equal(directory_db_version(t.db, &second), 0);
    assert_int_equal(first, second);
    assert_int_equal(directory_db_open(t.path, &other), 0);
    assert_int_equal(directory_account_add(other, &account), 0);
    assert_int_equal(directory_db_version(t.db, &second), 0);
    assert_int_not_equal(first, second);
    assert_string_equal(look_up("new@example.org"), "0 new@example.org=/m/example.org/new");
    directory_db_close(other);
}

static void run_sql(const char *text)
{
    sqlite3 *sqlite;

    assert_int_equal(sqlite3_open(t.path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sqlite);
}

static void test_foreign_files(void **state)
{
    struct directory_db *other;
    struct stat st;
    char link[128];
    int fd;

    (void)state;
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    run_sql("PRAGMA user_version = 99");
    assert_int_equal(directory_db_open(t.path, &other), -EPROTONOSUPPORT);
    run_sql("PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_int_equal(directory_db_open(t.path, &other), -EMEDIUMTYPE);
    snprintf(link, sizeof link, "%s/link", t.folder);
    assert_int_equal(symlink(t.path, link), 0);
    assert_int_equal(directory_db_open(link, &other), -ELOOP);
    unlink(link);
    fd = open(link, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "this is no database, but a letter to the editor\n", 48), 48);
    close(fd);
    assert_int_equal(directory_db_open(link, &other), -EMEDIUMTYPE);
    unlink(link);
    assert_int_equal(directory_db_open(t.folder, &other), -EISDIR);
    assert_int_equal(directory_db_open("/nowhere/at/all", &other), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_accounts),        T(test_domains),
        T(test_aliases),         T(test_catch_all_and_postmaster),
        T(test_moved),           T(test_lmtp),
        T(test_ring_at_look_up), T(test_pages),
        T(test_changes),         T(test_bad_requests),
        T(test_other_process),   T(test_foreign_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
