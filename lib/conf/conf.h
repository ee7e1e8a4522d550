/* conf: the configuration. Text in, an immutable typed snapshot or a list of errors out.
 *
 * Pure: the caller reads the file. keys.def is the whole vocabulary; the structures below are made
 * from it, so a key `message-size` in block `limits` is conf->limits.message_size.
 *
 * The grammar: statements of words, ended by a new line, ';' or '}'; a statement may have a block
 * in braces. '#' at the start of a word begins a comment. Words with blanks or ;{}"# in them are
 * written in double quotes, in which only \" and \\ are special. {name} inside a word is part of
 * it. Durations have a unit (ms s m h d), sizes may have one (K M G, of 1024), lists are separated
 * by blanks. A key stands once, except those that are lists, which add up.
 *
 *   conf_parse(text, file, directory) -> snapshot      conf_print(snapshot) -> text
 *   conf_parse(conf_print(c)) equals c (tested, fuzzed), which is how master hands it to the roles.
 *
 * A snapshot is shared by counting references (conf_ref, conf_unref): a session keeps the one that
 * it began with. The count is not atomic: one thread. */
#ifndef CANDOR_CONF_CONF_H
#define CANDOR_CONF_CONF_H

#include "lib/base/arena.h"
#include "lib/base/ip.h"

/* The longest text that conf_parse reads. */
#define CONF_TEXT_MAX ((size_t)1 << 20)

/* Where a value stands in the file, from 1; columns count letters. Line 0: it is the default. */
struct conf_origin {
    uint32_t line;
    uint32_t column;
};

struct conf_endpoint {
    struct ip ip;
    uint16_t port;
};

struct conf_endpoints {
    const struct conf_endpoint *v;
    size_t n;
};

struct conf_nets {
    const struct ip_net *v;
    size_t n;
};

struct conf_paths {
    const slice *v;
    size_t n;
};

struct conf_texts {
    const slice *v;
    size_t n;
};

/* path: absolute, of a unix socket; empty: at, whose port is 0 where there is none at all. */
struct conf_socket {
    slice path;
    struct conf_endpoint at;
};

enum conf_deliver_kind { CONF_DELIVER_MAILDIR, CONF_DELIVER_LMTP };

/* path: of a Maildir, absolute, with {domain} and {local} still in it; else empty. host: who takes
 * it by LMTP; else not given. */
struct conf_deliver {
    enum conf_deliver_kind kind;
    slice path;
    struct conf_socket host;
};

enum conf_via_kind { CONF_VIA_NOTHING, CONF_VIA_LMTP };

/* On which way a route goes. */
struct conf_via {
    enum conf_via_kind kind;
    struct conf_socket host;
};

/* The KINDs of keys.def. All text lies in the snapshot and has a NUL behind it that does not count,
 * so that .p of a path can go to a system call. */
#define CONF_TYPE_COUNT uint64_t
#define CONF_TYPE_SIZE uint64_t     /* bytes */
#define CONF_TYPE_DURATION uint64_t /* milliseconds */
#define CONF_TYPE_HOST slice        /* a host's name, lower case, ASCII */
#define CONF_TYPE_DOMAIN slice      /* a domain, lower case in ASCII; may have U-labels */
#define CONF_TYPE_NAME slice        /* letters, digits, '-', '_' */
#define CONF_TYPE_TEXT slice        /* printable */
#define CONF_TYPE_URL slice         /* https, or http to this machine: lib/base/url.h */
#define CONF_TYPE_PATH slice        /* absolute */
#define CONF_TYPE_TEXTS struct conf_texts
#define CONF_TYPE_PATHS struct conf_paths
#define CONF_TYPE_SOCKET struct conf_socket
#define CONF_TYPE_LISTEN struct conf_socket
#define CONF_TYPE_ENDPOINT struct conf_endpoint
#define CONF_TYPE_ENDPOINTS struct conf_endpoints
#define CONF_TYPE_NETS struct conf_nets
#define CONF_TYPE_DELIVER struct conf_deliver
#define CONF_TYPE_VIA struct conf_via

/* enum conf_class { CONF_CLASS_MX, CONF_CLASS_SUBMIT }; and so on. */
#define CHOICE(choice)                                                                             \
    enum conf_##choice                                                                             \
    {
#define WORD(choice, constant, word, doc) constant,
#define END_CHOICE(choice)                                                                         \
    }                                                                                              \
    ;
#include "lib/conf/keys.def"

/* What every block begins with. key_at has the origin of each key, by its place in keys.def:
 * conf->limits.node.key_at[CONF_limits_sessions]. */
struct conf_node {
    struct conf_origin at; /* of the block; line 0: it is not in the file */
    const struct conf_origin *key_at;
};

/* enum conf_limits_keys { CONF_limits_sessions, …, CONF_limits_KEYS }; */
#define BLOCK(block, word, many, doc)                                                              \
    enum conf_##block##_keys                                                                       \
    {
#define ARGUMENT(block, field, kind, doc) CONF_##block##_##field,
#define KEY(block, field, kind, word, fallback, min, max, doc) CONF_##block##_##field,
#define PICK(block, field, choice, word, fallback, doc) CONF_##block##_##field,
#define PICKS(block, field, choice, word, fallback, doc) CONF_##block##_##field,
#define END_BLOCK(block)                                                                           \
    CONF_##block##_KEYS                                                                            \
    }                                                                                              \
    ;
#include "lib/conf/keys.def"

/* struct conf_limits { struct conf_node node; uint64_t sessions; … };
 * struct conf_limits_list { const struct conf_limits *v; size_t n; }; */
#define BLOCK(block, word, many, doc)                                                              \
    struct conf_##block {                                                                          \
        struct conf_node node;
#define ARGUMENT(block, field, kind, doc) CONF_TYPE_##kind field;
#define KEY(block, field, kind, word, fallback, min, max, doc) CONF_TYPE_##kind field;
#define PICK(block, field, choice, word, fallback, doc) enum conf_##choice field;
#define PICKS(block, field, choice, word, fallback, doc) unsigned field; /* 1U << constant */
#define END_BLOCK(block)                                                                           \
    }                                                                                              \
    ;                                                                                              \
    struct conf_##block##_list {                                                                   \
        const struct conf_##block *v;                                                              \
        size_t n;                                                                                  \
    };
#include "lib/conf/keys.def"

enum conf_check_id {
#define CHECK(phase, constant, word, kind, doc) constant,
#include "lib/conf/keys.def"
    CONF_CHECKS
};

/* One step of the policy. nets is empty where the check takes none. */
struct conf_check {
    enum conf_check_id id;
    struct conf_origin at;
    struct conf_nets nets;
};

/* In the order of the file. */
struct conf_check_list {
    struct conf_origin at;
    const struct conf_check *v;
    size_t n;
};

/* conf->server.host, conf->limits.sessions; conf->listen.v[i], conf->domain.v[i];
 * conf->check_connect.v[i]. The index of a listener in conf->listen is its number everywhere. */
struct conf {
    struct arena arena;
    unsigned refs;
    slice file;
#define CONF_MEMBER_ONE(block) struct conf_##block block
#define CONF_MEMBER_MANY(block) struct conf_##block##_list block
#define BLOCK(block, word, many, doc) CONF_MEMBER_##many(block);
#include "lib/conf/keys.def"
    struct conf_check_list check_connect; /* default: fcrdns */
};

/* How many errors are kept; one more is counted in `more`. */
#define CONF_ERRORS_MAX 20

struct conf_error {
    struct conf_origin at; /* line 0: it is about the file as a whole */
    bool is_warning;       /* the configuration is used nevertheless */
    slice message;         /* a sentence without its full stop */
    slice hint;            /* what to do; may be empty */
};

struct conf_errors {
    struct arena arena;
    struct conf_error v[CONF_ERRORS_MAX];
    size_t n;
    bool more;
};

void conf_errors_init(struct conf_errors *e);
void conf_errors_release(struct conf_errors *e);
/* FILE:LINE:COLUMN: message, the line with a caret, the hint; as often as there are errors. text is
 * what was parsed. */
void conf_errors_print(struct buf *out, const struct conf_errors *e, slice file, slice text);

enum conf_err { CONF_OK = 0, CONF_INVALID, CONF_NO_MEMORY };

/* file is the name to show. directory is absolute; relative paths begin there. On CONF_OK *ret has
 * one reference, and errors may hold warnings; on CONF_INVALID it holds at least one error. */
enum conf_err conf_parse(slice text, slice file, slice directory, struct conf_errors *errors,
                         struct conf **ret) __attribute__((warn_unused_result));

/* What conf_print wrote, as master hands it to the roles: its paths are absolute and its errors are
 * nobody's to read. NULL: no memory, or not such a text. One reference. */
struct conf *conf_read_print(slice text) __attribute__((warn_unused_result));

struct conf *conf_ref(struct conf *c);
/* NULL is fine. */
void conf_unref(struct conf *c);

/* The canonical print: every key, defaults included. Out of room is seen in out->err. */
void conf_print(struct buf *out, const struct conf *c);
/* The same with, behind each line, where its value comes from: `# line 3` or `# default`. */
void conf_show(struct buf *out, const struct conf *c);
/* Equal in all values; origins do not count. */
bool conf_eq(const struct conf *a, const struct conf *b);

/* Every value in the order of the print. Key and value are valid during the call only: key is
 * `message-size`, block `limits` (empty at the top level) and argument what tells it from its
 * sisters (`[::]:25`, `example.org`, `connect`; else empty). A block of which nothing has a value
 * is a key of the top level, its argument the value. */
struct conf_item {
    slice block;
    slice argument;
    slice key;
    slice value; /* as the canonical print has it */
    struct conf_origin at;
};
typedef void conf_visit(void *context, const struct conf_item *item);
void conf_each(const struct conf *c, conf_visit *visit, void *context);

/* Does the configuration say where these accounts are asked for? True for the database. */
bool conf_has_accounts(const struct conf *c, enum conf_accounts accounts);
/* Can it be asked which of them there are, or passwords only? */
bool conf_can_find(const struct conf *c, enum conf_accounts accounts);

/* Whether other's listeners include this one, by address and port. For a reload. */
bool conf_endpoint_eq(const struct conf_endpoint *a, const struct conf_endpoint *b);
/* ADDRESS:PORT, IPv6 in brackets. */
void conf_endpoint_print(struct buf *out, const struct conf_endpoint *e);
bool conf_socket_is_given(const struct conf_socket *s);
bool conf_socket_eq(const struct conf_socket *a, const struct conf_socket *b);
/* unix:PATH or ADDRESS:PORT; nothing when none is given. */
void conf_socket_print(struct buf *out, const struct conf_socket *s);

/* Who takes mail by LMTP, by place: the top level, the domains, the routes, in this order. index is
 * below conf_lmtp_count; a place whose mail does not go that way gives NULL. */
size_t conf_lmtp_count(const struct conf *c);
const struct conf_socket *conf_lmtp_at(const struct conf *c, size_t index);
/* Is there any? */
bool conf_has_lmtp(const struct conf *c);

/* The documentation of the vocabulary, from keys.def, for the manual page and for people. */
struct conf_doc {
    slice block;
    slice key;      /* empty: about the block itself */
    slice value;    /* SIZE, DURATION, on|off … */
    slice fallback; /* the default; empty: none, or worked out as the text says */
    slice text;
};
typedef void conf_doc_visit(void *context, const struct conf_doc *doc);
void conf_each_doc(conf_doc_visit *visit, void *context);

#endif
