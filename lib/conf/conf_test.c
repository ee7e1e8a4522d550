#include "lib/conf/conf.h"

#include "lib/base/test.h"

#define HOST "host mx.example.org\n"

/* The snapshot of a text, or NULL; the errors as they are shown in *shown. */
static struct conf *parse(const char *text, struct buf *shown)
{
    struct conf_errors errors;
    struct conf *c = NULL;
    conf_errors_init(&errors);
    enum conf_err err =
        conf_parse(slice_cstr(text), SLICE_LIT("f"), SLICE_LIT("/etc/candor"), &errors, &c);
    assert_true((err == CONF_OK) == (c != NULL));
    assert_int_not_equal(err, CONF_NO_MEMORY);
    assert_true(err == CONF_OK || errors.n > 0);
    if (shown != NULL)
        conf_errors_print(shown, &errors, SLICE_LIT("f"), slice_cstr(text));
    conf_errors_release(&errors);
    return c;
}

static struct conf *good(const char *text)
{
    struct buf shown;
    buf_init(&shown, 65536);
    struct conf *c = parse(text, &shown);
    if (shown.n > 0)
        fail_msg("%s\n%.*s", text, SLICE_ARG(buf_slice(&shown)));
    buf_release(&shown);
    return c;
}

static void test_three_lines_are_enough(void **state)
{
    (void)state;
    struct conf *c = good(HOST "domain Example.ORG\n"
                               "tls { certificate c.pem; key ../k.pem }\n");
    assert_slice(c->server.host, SLICE_LIT("mx.example.org"));
    assert_int_equal(c->domain.n, 1);
    assert_slice(c->domain.v[0].name, SLICE_LIT("example.org"));
    assert_slice(c->domain.v[0].deliver.path, SLICE_LIT("/srv/mail/{domain}/{local}"));
    assert_slice(c->tls.certificates.v[0], SLICE_LIT("/etc/candor/c.pem"));
    assert_slice(c->tls.keys.v[0], SLICE_LIT("/etc/candor/../k.pem"));
    assert_int_equal(c->listen.n, 3);
    assert_int_equal(c->listen.v[0].address.at.port, 25);
    assert_int_equal(c->listen.v[0].class, CONF_CLASS_MX);
    assert_int_equal(c->listen.v[0].tls, CONF_TLS_OPTIONAL);
    assert_int_equal(c->listen.v[0].auth, CONF_AUTH_NONE);
    assert_int_equal(c->listen.v[1].tls, CONF_TLS_IMPLICIT);
    assert_int_equal(c->listen.v[2].address.at.port, 587);
    assert_int_equal(c->listen.v[2].tls, CONF_TLS_REQUIRED);
    assert_int_equal(c->listen.v[2].auth, CONF_AUTH_REQUIRED);
    assert_int_equal(c->limits.message_size, 50 << 20);
    assert_int_equal(c->timeouts.command, 300000);
    assert_int_equal(c->queue.hold, CONF_OFF);
    assert_int_equal(c->check_connect.n, 1);
    assert_int_equal(c->check_connect.v[0].id, CONF_CHECK_FCRDNS);
    conf_unref(c);
    c = good(HOST);
    assert_int_equal(c->listen.n, 1);
    assert_int_equal(c->listen.v[0].tls, CONF_TLS_NONE);
    conf_unref(c);
}

static const char *const everything =
    "\xef\xbb\xbf# all that there is\r\n"
    "host   mx.example.org   # ours\r\n"
    "spool spool; database ./db\n"
    "control \"/run/a \\\"b\\\\\"\n"
    "deliver maildir \"mail boxes/{domain}/{local}\"\n"
    "listen [::]:25   { tls optional }\n"
    "listen 0.0.0.0:25\n"
    "listen 127.0.0.1:2465{class submit;tls implicit;auth optional}\n"
    "listen [::1]:10025\n"
    "{\n    class mx\n    tls none\n}\n"
    "listen unix:/run/candor/lmtp { protocol lmtp; group mail }\n"
    "listen 127.0.0.1:26 { proxy 192.0.2.0/24 2001:db8::7; xclient 127.0.0.1; expn on }\n"
    "tls\n{\n certificate a b\n key ka; key kb; min-version 1.3; ciphers \"ECDHE+AESGCM:!SHA1\" }\n"
    "domain example.org { deliver maildir /srv/{local}/x }\n"
    "domain b\xc3\xbc"
    "cher.example { deliver lmtp [::1]:24 }\n"
    "route other.example { via \"lmtp:unix:run/l m\" }\n"
    "route third.example { via lmtp:[::1]:24 }\n"
    "oauth https://id.example.org/a { jwks https://id.example.org/keys; audience smtp; timeout 3s "
    "}\n"
    "oauth https://b.example:8443 { introspection http://127.0.0.1:81/x?y; client-id c\n"
    " client-secret-file s; account-claim sub; scope \"mail send\"\n"
    " openid-configuration https://b.example/c; ca-file ca.pem; cache 0s }\n"
    "submission { hide-client on }\n"
    "addresses { separator \"\"; case keep }\n"
    "limits { sessions 10; unlimited 127.0.0.0/8 ::1; unlimited 10.0.0.0/8; message-size 65536\n"
    "         sessions-per-address 7 }\n"
    "timeouts { command 6m; drain 0s; tls 1500ms; data-total 2h }\n"
    "resolver { server 192.0.2.53 [2001:db8::53]:5353 2001:db8::54; trust-anchor root.key }\n"
    "queue { hold on; min-free 0 }\n"
    "processes { mx 3 }\n"
    "dovecot { socket 127.0.0.1:12345; users unix:run/users; timeout 7s }\n"
    "ldap { url ldaps://a.example ldapi://%2Frun%2Fldapi; base \"dc=example,dc=org\"\n"
    "       filter \"(|(mail={address})(uid={local}))\"; bind-dn cn=x; password-file p }\n"
    "pam { service candor; user \"{address}\" }\n"
    "log { to journal; format json; level debug }\n"
    "check connect { refuse-list 192.0.2.0/24 2001:db8::/32; fcrdns; refuse-list 203.0.113.9 }";

static void test_all_values(void **state)
{
    (void)state;
    struct conf *c = good(everything);
    assert_slice(c->server.spool, SLICE_LIT("/etc/candor/spool"));
    assert_slice(c->server.database, SLICE_LIT("/etc/candor/db"));
    assert_slice(c->server.control, SLICE_LIT("/run/a \"b\\"));
    assert_slice(c->server.deliver.path, SLICE_LIT("/etc/candor/mail boxes/{domain}/{local}"));
    assert_int_equal(c->listen.n, 6);
    assert_int_equal(c->listen.v[5].proxy.n, 2);
    assert_int_equal(c->listen.v[4].protocol, CONF_PROTOCOL_LMTP);
    assert_int_equal(c->listen.v[4].tls, CONF_TLS_NONE);
    assert_slice(c->listen.v[4].address.path, SLICE_LIT("/run/candor/lmtp"));
    assert_int_equal(c->listen.v[2].class, CONF_CLASS_SUBMIT);
    assert_int_equal(c->listen.v[2].auth, CONF_AUTH_OPTIONAL);
    assert_int_equal(c->listen.v[3].tls, CONF_TLS_NONE);
    assert_int_equal(c->tls.certificates.n, 2);
    assert_slice(c->tls.keys.v[1], SLICE_LIT("/etc/candor/kb"));
    assert_int_equal(c->tls.min_version, CONF_TLS_1_3);
    assert_int_equal(c->domain.v[1].deliver.kind, CONF_DELIVER_LMTP);
    assert_int_equal(c->domain.v[1].deliver.path.n, 0);
    assert_int_equal(c->domain.v[1].deliver.host.at.port, 24);
    assert_slice(c->route.v[0].via.host.path, SLICE_LIT("/etc/candor/run/l m"));
    assert_true(conf_has_lmtp(c));
    assert_int_equal(conf_lmtp_count(c), 5);
    assert_null(conf_lmtp_at(c, 0));
    assert_null(conf_lmtp_at(c, 1));
    assert_ptr_equal(conf_lmtp_at(c, 2), &c->domain.v[1].deliver.host);
    assert_ptr_equal(conf_lmtp_at(c, 3), &c->route.v[0].via.host);
    assert_ptr_equal(conf_lmtp_at(c, 4), &c->route.v[1].via.host);
    assert_int_equal(c->oauth.n, 2);
    assert_slice(c->oauth.v[0].configuration,
                 SLICE_LIT("https://id.example.org/a/.well-known/openid-configuration"));
    assert_slice(c->oauth.v[0].account_claim, SLICE_LIT("email"));
    assert_int_equal(c->oauth.v[0].timeout, 3000);
    assert_slice(c->oauth.v[1].client_secret_file, SLICE_LIT("/etc/candor/s"));
    assert_slice(c->oauth.v[1].configuration, SLICE_LIT("https://b.example/c"));
    assert_slice(c->oauth.v[1].scope, SLICE_LIT("mail send"));
    assert_int_equal(c->oauth.v[1].cache, 0);
    assert_int_equal(c->submission.hide_client, CONF_ON);
    assert_int_equal(c->addresses.separator.n, 0);
    assert_int_equal(c->addresses.local_case, CONF_CASE_KEEP);
    assert_int_equal(c->limits.unlimited.n, 3);
    assert_int_equal(c->limits.unlimited.v[2].bits, 8);
    assert_int_equal(c->timeouts.tls, 1500);
    assert_int_equal(c->timeouts.drain, 0);
    assert_int_equal(c->resolver.servers.n, 3);
    assert_int_equal(c->resolver.servers.v[0].port, 53);
    assert_int_equal(c->resolver.servers.v[1].port, 5353);
    assert_int_equal(c->dovecot.socket.at.port, 12345);
    assert_int_equal(c->dovecot.socket.path.n, 0);
    assert_slice(c->dovecot.users.path, SLICE_LIT("/etc/candor/run/users"));
    assert_int_equal(c->ldap.urls.n, 2);
    assert_slice(c->ldap.urls.v[1], SLICE_LIT("ldapi://%2Frun%2Fldapi"));
    assert_slice(c->ldap.filter, SLICE_LIT("(|(mail={address})(uid={local}))"));
    assert_int_equal(c->domain.v[0].accounts, CONF_ACCOUNTS_DATABASE);
    assert_slice(c->pam.service, SLICE_LIT("candor"));
    assert_int_equal(c->check_connect.n, 3);
    assert_int_equal(c->check_connect.v[0].nets.n, 2);
    assert_int_equal(c->check_connect.v[1].id, CONF_CHECK_FCRDNS);
    assert_int_equal(c->limits.node.key_at[CONF_limits_sessions].line, 30);
    assert_int_equal(c->limits.node.key_at[CONF_limits_sessions].column, 19);
    assert_int_equal(c->limits.node.key_at[CONF_limits_errors].line, 0);
    conf_unref(c);
}

static void test_print_is_read_back(void **state)
{
    (void)state;
    const char *const texts[] = {
        everything,
        HOST,
        HOST "check connect {}",
        HOST "deliver maildir \"/a ;{domain}/{local}\"",
        HOST "domain a.example; domain b.example { deliver maildir \"/x y/{local}\" }",
        HOST "web 127.0.0.1:8025; web [::1]:8025 { }; web unix:/run/x { group adm }",
        HOST "deliver lmtp unix:/run/x; domain a.example; domain b.example { deliver maildir "
             "/{local} }"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct conf *a = good(texts[i]);
        struct buf one, two;
        buf_init(&one, 65536);
        buf_init(&two, 65536);
        conf_print(&one, a);
        buf_addc(&one, '\0');
        struct conf *b = good(one.p);
        conf_print(&two, b);
        buf_addc(&two, '\0');
        assert_string_equal(one.p, two.p);
        assert_true(conf_eq(a, b));
        conf_unref(b);
        conf_unref(a);
        buf_release(&one);
        buf_release(&two);
    }
}

static void test_show_has_origins(void **state)
{
    (void)state;
    struct conf *c = good(HOST "limits {\n errors 5 }\nweb [::1]:8025");
    struct buf out;
    buf_init(&out, 65536);
    conf_show(&out, c);
    static const char *const lines[] = {"host mx.example.org", "    errors 5", "    sessions 2000",
                                        "web [::1]:8025"};
    static const char *const origins[] = {" # line 1\n", " # line 3\n", " # default\n",
                                          " # line 4\n"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        slice line =
            slice_tail(buf_slice(&out), slice_find_slice(buf_slice(&out), slice_cstr(lines[i])));
        line = slice_head(line, slice_find(line, '\n') + 1);
        assert_true(slice_ends(line, slice_cstr(origins[i])));
        assert_int_equal(line.n, 48 + strlen(origins[i]));
    }
    buf_release(&out);
    struct conf *again = conf_ref(c);
    conf_unref(c);
    assert_slice(again->server.host, SLICE_LIT("mx.example.org"));
    conf_unref(again);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* the beginning of what is shown */
    } rows[] = {
        {"", "f: the server has no name: host is missing\n    hint: host mx.example.org\n"},
        {HOST "hots a.b", "f:2:1: \"hots\" is not known at the top level\n"
                          "    hots a.b\n    ^\n    hint: did you mean host?\n"},
        {HOST "limits {\n\tmesage-size 5M }",
         "f:3:2: \"mesage-size\" is not known in limits\n    \tmesage-size 5M }\n    \t^\n"
         "    hint: did you mean message-size?\n"},
        {HOST "limits { size 5M }",
         "f:2:10: \"size\" is not known in limits\n    limits { size 5M }\n             ^\n"
         "    hint: did you mean message-size?\n"},
        {HOST "message-size 5M", "f:2:1: \"message-size\" is not known at the top level\n"
                                 "    message-size 5M\n    ^\n"
                                 "    hint: it belongs in the block: limits { message-size … }\n"},
        {HOST "limits { host a.b }",
         "f:2:10: \"host\" is not known in limits\n    limits { host a.b }\n             ^\n"
         "    hint: it belongs outside of any block\n"},
        {HOST "limits { sessions 5\nlisten [::]:25",
         "f:3:1: \"listen\" is not known in limits\n    listen [::]:25\n    ^\n"
         "    hint: it belongs outside of any block; is a } missing before it?\n"},
        {HOST "limits { sessions 5", "f:2:1: this block is not closed: there is no } for it\n"},
        {HOST "}", "f:2:1: no block is open here\n"},
        {"{ }\n" HOST, "f:1:1: before a brace stands the block's name\n"},
        {HOST "limits", "f:2:1: limits is a block: limits { … }\n"},
        {HOST "limits x { }", "f:2:8: limits takes nothing before its brace\n"},
        {HOST "host b.c", "f:2:1: host was already given in line 1\n"},
        {"host", "f:1:1: a value is missing\n    host\n    ^\n    hint: host HOST\n"},
        {"host a.b c", "f:1:10: here is a word too many: \"c\"\n"},
        {"host a.b {}", "f:1:1: host has no block\n"},
        {"host a..b", "f:1:6: \"a..b\" is no host name\n"},
        {"host 192.0.2.1", "f:1:6: \"192.0.2.1\" is no host name\n"},
        {"host b\xc3\xbc.de", "f:1:6: \"b\xc3\xbc.de\" is no host name\n"
                              "    host b\xc3\xbc.de\n         ^\n    hint: write its ASCII form"},
        {"host a.b.", "f:1:6: \"a.b.\" is no host name\n    host a.b.\n         ^\n"
                      "    hint: leave out the dot at its end\n"},
        {"host localhost", "f:1:6: warning: other servers refuse a greeting whose name"},
        {HOST "domain *", "f:2:8: \"*\" would take mail for everybody: an open relay\n"},
        {HOST "domain", "f:2:1: a value is missing\n"},
        {HOST "domain a.b; domain A.B", "f:2:13: a.b was already given in line 2\n"},
        {HOST "domain local", "f:2:8: warning: a domain without a dot"},
        {HOST "listen 25", "f:2:8: \"25\" is no address with a port\n"},
        {HOST "listen *:25", "f:2:8: \"*:25\" is no address with a port\n    listen *:25\n"
                             "           ^\n    hint: [::]:25 is port 25 on every address\n"},
        {HOST "listen ::1:25", "f:2:8: \"::1:25\" is no address with a port\n"},
        {HOST "listen [::1]:0", "f:2:8: \"[::1]:0\" is no address"},
        {HOST "listen [::1]:65536", "f:2:8: \"[::1]:65536\" is no address"},
        {HOST "listen [127.0.0.1]:25", "f:2:8: \"[127.0.0.1]:25\" is no address"},
        {HOST "listen [::]:25\nlisten [0::0]:25",
         "f:3:1: this address and port were already given in line 2\n"},
        {HOST "listen [::]:25 { protocol lmtp }", "f:2:27: port 25 is for SMTP"},
        {HOST "listen unix:/run/x\nlisten unix:/run/x", "f:3:1: this socket was already given"},
        {HOST "listen [::]:24 { group mail }", "f:2:24: a port of the network"},
        {HOST "listen unix:/run/x { proxy 192.0.2.1 }", "f:2:1: whoever connects to a socket"},
        {HOST "web", "f:2:1: a value is missing\n"},
        {HOST "web 8025", "f:2:5: \"8025\" is no address with a port\n"},
        {HOST "web [::1]:8025\nweb [::1]:8025",
         "f:3:1: this address and port were already given in line 2\n"},
        {HOST "web unix:/run/x\nlisten unix:/run/x",
         "f:2:1: this socket was already given in line 3\n"},
        {HOST "web [::]:25", "f:2:1: without a listen line mail comes in at this address"},
        {HOST "web [::1]:8025 { group adm }",
         "f:2:24: a port of the network belongs to no group\n"},
        {HOST "listen [::]:25 { xclient 0.0.0.0/0 }", "f:2:26: warning: this lets everybody"},
        {HOST "listen [::]:587", "f:2:1: TLS needs a certificate, and there is none\n"},
        {HOST "listen [::]:25 { tls optinal }",
         "f:2:22: tls is none, optional, required or implicit, not \"optinal\"\n"
         "    listen [::]:25 { tls optinal }\n                         ^\n"
         "    hint: did you mean optional?\n"},
        {HOST "listen [::]:587 { tls none }",
         "f:2:23: passwords would cross the network in the clear\n"},
        {HOST "listen [::]:25 { tls none; client-certificates /etc/ca.pem }",
         "f:2:48: warning: clients show certificates under TLS alone\n"},
        {HOST "listen [::]:25 { auth optional; tls none }",
         "f:2:23: warning: passwords are taken under TLS alone: nobody can sign in here\n"},
        {HOST "listen 127.0.0.1:587 { tls none; auth required }",
         "f:2:39: warning: passwords are taken under TLS alone"},
        {HOST "listen [::]:25 { auth required }", "f:2:23: other servers have no login here"},
        {HOST "tls { certificate a b; key c }", "f:2:19: there are 2 certificates and 1 keys\n"},
        {HOST "tls { key c }", "f:2:11: there are 0 certificates and 1 keys\n"},
        {HOST "limits { sessions 0 }", "f:2:19: sessions may be from 1 to 1000000\n"},
        {HOST "limits { sessions x }", "f:2:19: \"x\" is no number\n"},
        {HOST "limits { message-size 3G }", "f:2:23: message-size may be from 64K to 2G\n"},
        {HOST "limits { message-size 50MB }", "f:2:23: \"50MB\" is no size\n"},
        {HOST "limits { message-size 99999999999G }", "f:2:23: \"99999999999G\" is no size\n"},
        {HOST "timeouts { command 300 }", "f:2:20: \"300\" is no duration\n"},
        {HOST "auth { mechanisms PLAIN XOAUTH2 }",
         "f:2:19: warning: OAUTHBEARER and XOAUTH2 are not offered"},
        {HOST "auth { mechanisms EXTERNAL PLAIN }", "f:2:19: warning: EXTERNAL is not offered"},
        {HOST "timeouts { command 2m }", "f:2:20: warning: RFC 5321 4.5.3.2.7"},
        {HOST "timeouts { data-end 10m }", "f:2:21: data-end may be from 1s to 9m\n"},
        {HOST "deliver mbox /x", "f:2:9: mail cannot be delivered to \"mbox\"\n"},
        {HOST "deliver maildir", "f:2:1: a value is missing\n    deliver maildir\n    ^\n"
                                 "    hint: deliver maildir PATH | lmtp SOCKET\n"},
        {HOST "deliver lmtp /run/x", "f:2:14: \"/run/x\" is no socket\n"},
        {HOST "deliver lmtp 127.0.0.1", "f:2:14: \"127.0.0.1\" is no socket\n"},
        {HOST "route a.b", "f:2:1: nothing says on which way mail for a.b goes\n"},
        {HOST "route a.b { via mx }", "f:2:17: mail goes on by lmtp only, not by \"mx\"\n"},
        {HOST "route a.b { via lmtp:x }", "f:2:17: \"x\" is no socket\n"},
        {HOST "route * { via lmtp:unix:/x }",
         "f:2:7: \"*\" would take mail for everybody: an open relay\n"},
        {HOST "domain a.b; route a.b { via lmtp:unix:/x }", "f:2:19: a.b has its accounts here"},
        {HOST "route a.b { via lmtp:unix:/x }; route a.b { via lmtp:unix:/x }",
         "f:2:33: a.b was already given"},
        {HOST "deliver maildir /x/{user}", "f:2:17: \"{user}\" stands for nothing\n"},
        {HOST "deliver maildir /x/{domain}", "f:2:9: without {local} everybody's mail"},
        {HOST "deliver maildir /x/{local}", "f:2:9: without {domain} mailboxes"},
        {HOST "deliver maildir /var/spool/candor/{domain}/{local}",
         "f:2:9: this lies in the spool"},
        {HOST "domain a.b { deliver maildir /x }", "f:2:22: without {local}"},
        {HOST "database /var/spool/candor/db", "f:2:10: the database lies in the spool"},
        {HOST "control-group a/b", "f:2:15: \"a/b\" is no good control-group\n"},
        {HOST "spool \"\"", "f:2:7: a path may not be empty\n"},
        {HOST "check", "f:2:1: a check has a phase"},
        {HOST "check rcpt { }", "f:2:1: a check has a phase"},
        {HOST "check connect { fcrnds }",
         "f:2:17: there is no check \"fcrnds\" at connect\n"
         "    check connect { fcrnds }\n"
         "                    ^\n    hint: did you mean fcrdns?\n"},
        {HOST "check connect { fcrdns x }", "f:2:24: here is a word too many: \"x\"\n"},
        {HOST "check connect { refuse-list }", "f:2:17: a value is missing\n"},
        {HOST "check connect { refuse-list 10.1.2.3/8 }",
         "f:2:29: \"10.1.2.3/8\" is no address or network\n"
         "    check connect { refuse-list 10.1.2.3/8 }\n                                ^\n"
         "    hint: the network is 10.0.0.0/8\n"},
        {HOST "check connect { refuse-list 10.0.0.1, 10.0.0.2 }",
         "f:2:29: \"10.0.0.1,\" is no address or network\n"
         "    check connect { refuse-list 10.0.0.1, 10.0.0.2 }\n"
         "                                ^\n"
         "    hint: blanks stand between addresses, no commas\n"},
        {HOST "check connect { refuse-list ::/0 }", "f:2:17: warning: this refuses everybody\n"},
        {HOST "check connect { }\ncheck connect { }", "f:3:1: check connect was already given"},
        {HOST "domain a.b { accounts pam }",
         "f:2:23: nothing says where these accounts are asked for\n"
         "    domain a.b { accounts pam }\n                          ^\n"
         "    hint: pam { service candor }\n"},
        {HOST "domain a.b { accounts imap }", "f:2:23: accounts is database, dovecot, ldap"},
        {HOST "dovecot { socket auth-client }", "f:2:18: \"auth-client\" is no socket\n"},
        {HOST "dovecot { users 127.0.0.1:1 }", "f:2:17: nobody could sign in without a socket"},
        {HOST "ldap { url ldap.example.org; base dc=x }",
         "f:2:12: \"ldap.example.org\" is no address of an LDAP server\n"},
        {HOST "ldap { url ldap://a.example; starttls off; base dc=x }",
         "f:2:39: warning: passwords cross the network"},
        {HOST "ldap { url ldap://a.example }", "f:2:1: it takes either bind-as or base"},
        {HOST "ldap { url ldap://a.example; bind-as uid=x }", "f:2:38: without {local}"},
        {HOST "ldap { url ldap://a.example; bind-as uid={user} }",
         "f:2:38: \"{user}\" stands for nothing\n"},
        {HOST "ldap { url ldap://a.example; base dc=x; bind-dn cn=y }",
         "f:2:49: bind-dn has no password"},
        {HOST "pam { service candor; user x }", "f:2:28: without {local}"},
        {HOST "queue { segment-size 24M }", "f:2:22: segment-size is a power of two\n"},
        {HOST "oauth id.example { }", "f:2:7: \"id.example\" is no URL that can be used\n"},
        {HOST "oauth https://a.b@c.d { }", "f:2:7: \"https://a.b@c.d\" is no URL"},
        {HOST "oauth http://id.example { }",
         "f:2:7: \"http://id.example\" would cross the network"},
        {HOST "oauth https://a.b { }", "f:2:1: nothing says how its tokens are verified\n"},
        {HOST "oauth https://a.b { jwks https://a.b/k }", "f:2:26: without audience a token"},
        {HOST "oauth https://a.b { jwks https://a.b/k; audience x; introspection https://a.b/i\n"
              "client-id c; client-secret-file s }",
         "f:2:1: its tokens are verified by jwks or by introspection, not both\n"},
        {HOST "oauth https://a.b { introspection https://a.b/i; client-id c }",
         "f:2:35: introspection answers only those whom it knows"},
        {HOST
         "oauth https://a.b { introspection https://a.b/i; client-id c; client-secret-file s }\n"
         "oauth https://c.d { introspection https://c.d/i; client-id c; client-secret-file s }",
         "f:3:35: a token does not say whom to ask: line 2 has introspection already\n"},
        {HOST "oauth https://a.b { jwks https://a.b/k; audience x }\n"
              "oauth https://a.b { jwks https://a.b/k; audience y }",
         "f:3:1: https://a.b was already given in line 2\n"},
        {HOST "addresses { separator +@ }", "f:2:23: a separator is an ASCII letter"},
        {"host \"a.b", "f:1:6: this quote is not closed on its line\n"},
        {"host \"a\\b\"", "f:1:8: between quotes \\ stands only before"},
        {"host \"a\"b", "f:1:9: after the closing quote a blank is missing\n"},
        {"host a\"b\"", "f:1:7: a quote may only begin a word\n"},
        {"host \x01", "f:1:6: this control character has no place"},
        {"host \"\x01\"", "f:1:7: a control character stands between quotes\n"},
        {"host a.b\n\xc3\xbc\xff", "f:2:2: here is a byte that is not UTF-8\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf shown;
        buf_init(&shown, 65536);
        struct conf *c = parse(rows[i].text, &shown);
        bool is_warning = slice_find_slice(slice_cstr(rows[i].want), SLICE_LIT(": warning: ")) <
                          strlen(rows[i].want);
        if ((c != NULL) != is_warning || !slice_starts(buf_slice(&shown), slice_cstr(rows[i].want)))
            fail_msg("%s\ngot  %.*s\nwant %s", rows[i].text, SLICE_ARG(buf_slice(&shown)),
                     rows[i].want);
        conf_unref(c);
        buf_release(&shown);
    }
}

static void test_many_errors_are_bounded(void **state)
{
    (void)state;
    struct buf text, shown;
    buf_init(&text, 65536);
    buf_init(&shown, 65536);
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "x y\n");
    buf_addc(&text, '\0');
    assert_null(parse(text.p, &shown));
    assert_true(slice_ends(buf_slice(&shown), SLICE_LIT("f: and more; these are the first 20\n")));
    buf_release(&text);
    buf_release(&shown);
}

static void count_doc(void *context, const struct conf_doc *doc)
{
    assert_true(doc->text.n > 0);
    assert_true(slice_ends(doc->text, SLICE_LIT(".")) || doc->text.p[doc->text.n - 1] == '"' ||
                slice_starts(doc->text, SLICE_LIT("Mail")));
    ++*(size_t *)context;
}

static void test_all_is_documented(void **state)
{
    (void)state;
    size_t n = 0;
    conf_each_doc(count_doc, &n);
    assert_true(n > 50);
}

static void test_several_of_a_choice(void **state)
{
    (void)state;
    struct conf *c = good(HOST "auth { mechanisms plain LOGIN plain SCRAM-SHA-256-PLUS }\n");
    struct conf *none = good(HOST);
    struct buf text;
    assert_int_equal(c->auth.mechanisms, 1U << CONF_MECHANISM_PLAIN | 1U << CONF_MECHANISM_LOGIN |
                                             1U << CONF_MECHANISM_SCRAM_SHA_256_PLUS);
    assert_int_equal(none->auth.mechanisms, 0);
    buf_init(&text, 65536);
    conf_print(&text, c);
    assert_true(slice_find_slice(buf_slice(&text),
                                 SLICE_LIT("mechanisms SCRAM-SHA-256-PLUS PLAIN LOGIN\n")) <
                text.n);
    struct conf *again = conf_read_print(buf_slice(&text));
    assert_true(again != NULL && conf_eq(c, again));
    buf_release(&text);
    buf_init(&text, 65536);
    assert_null(parse(HOST "auth { mechanisms PLAIN PLANE }\n", &text));
    assert_true(slice_find_slice(buf_slice(&text), SLICE_LIT("did you mean PLAIN?")) < text.n);
    buf_release(&text);
    conf_unref(c);
    conf_unref(none);
    conf_unref(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_of_a_choice),
        cmocka_unit_test(test_three_lines_are_enough),
        cmocka_unit_test(test_all_values),
        cmocka_unit_test(test_print_is_read_back),
        cmocka_unit_test(test_show_has_origins),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_many_errors_are_bounded),
        cmocka_unit_test(test_all_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
