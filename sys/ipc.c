#include "sys/ipc.h"

#include <assert.h>

/* What a field is; the numbers go into the table's hash. */
enum field_kind { NO_FIELD, IS_U8, IS_U16, IS_U32, IS_U64, IS_BYTES, IS_FD, IS_FD_OPT };

struct field {
    enum field_kind kind;
    const char *name;
    size_t offset; /* in the message's struct */
    size_t max;    /* of IS_BYTES */
};

struct row {
    const char *name;
    const struct field *(*fields)(void); /* ends in NO_FIELD */
    enum ipc_kind kind;
    role_set from, to;
    uint32_t reply, limit_ms, credits; /* of a call */
    bool is_run;                       /* of a reply */
    bool is_secret;
};

/* The words of ipc.def. */
enum {
#define ROLE(NAME, ...) NAME = 1 << ROLE_##NAME,
#include "sys/role.def"
    SMTPD = MX | SUBMIT,
    ALL = (1 << ROLE_COUNT) - 1,
    ANY = ALL & ~MASTER,
};
enum { ONE = 0, RUN = 1 };

/* The macros open what END closes. A function a message, so that its fields know
 * their struct by one name. */
/* clang-format off */
#define OPEN(name)                                                                                 \
    static const struct field *fields_##name(void)                                                 \
    {                                                                                              \
        typedef struct ipc_##name self;                                                            \
        static const struct field fields[] = {
#define SEND(name, ...) OPEN(name)
#define CALL(name, ...) OPEN(name)
#define REPLY(name, ...) OPEN(name)
#define U8(field) {IS_U8, #field, offsetof(self, field), 0},
#define U16(field) {IS_U16, #field, offsetof(self, field), 0},
#define U32(field) {IS_U32, #field, offsetof(self, field), 0},
#define U64(field) {IS_U64, #field, offsetof(self, field), 0},
#define BYTES(field, max) {IS_BYTES, #field, offsetof(self, field), max},
#define FD(field) {IS_FD, #field, offsetof(self, field), 0},
#define FD_OPT(field) {IS_FD_OPT, #field, offsetof(self, field), 0},
#define END(name)                                                                                  \
            {NO_FIELD, #name, sizeof(self), 0}};                                                   \
        return fields;                                                                             \
    }
#include "sys/ipc.def"
#undef OPEN

/* How many secrets a message has. */
#define SEND(name, ...) enum { secrets_of_##name = 0
#define CALL(name, ...) enum { secrets_of_##name = 0
#define REPLY(name, ...) enum { secrets_of_##name = 0
#define SECRET(...) + 1
#define END(name) };
#include "sys/ipc.def"

static const struct row rows[IPC_COUNT] = {
#define SEND(name, NAME, from, to)                                                                 \
    [IPC_##NAME] = {#name, fields_##name, IPC_KIND_SEND, from, to, 0, 0, 0, false,                 \
                    secrets_of_##name > 0},
#define CALL(name, NAME, from, to, REPLY, limit_ms, credits)                                       \
    [IPC_##NAME] = {#name, fields_##name, IPC_KIND_CALL, from, to, IPC_##REPLY, limit_ms, credits, \
                    false, secrets_of_##name > 0},
#define REPLY(name, NAME, from, to, kind)                                                          \
    [IPC_##NAME] = {#name, fields_##name, IPC_KIND_REPLY, from, to, 0, 0, 0, kind == RUN,           \
                    secrets_of_##name > 0},
#include "sys/ipc.def"
};
/* clang-format on */

static const enum ipc_type call_of[IPC_COUNT] = {
#define CALL(name, NAME, from, to, REPLY, ...) [IPC_##REPLY] = IPC_##NAME,
#include "sys/ipc.def"
};

enum { FLAG_FDS = 0xff, FLAG_MORE = 0x100 };

const char *ipc_name(uint32_t type)
{
    return type < IPC_COUNT ? rows[type].name : "?";
}

enum ipc_kind ipc_kind(enum ipc_type type)
{
    assert(type < IPC_COUNT);
    return rows[type].kind;
}

enum ipc_type ipc_reply_of(enum ipc_type call)
{
    assert(call < IPC_COUNT && rows[call].kind == IPC_KIND_CALL);
    return (enum ipc_type)rows[call].reply;
}

enum ipc_type ipc_call_of(enum ipc_type reply)
{
    assert(reply < IPC_COUNT && rows[reply].kind == IPC_KIND_REPLY);
    return call_of[reply];
}

uint32_t ipc_limit_ms(enum ipc_type call)
{
    assert(call < IPC_COUNT);
    return rows[call].limit_ms;
}

uint32_t ipc_credits(enum ipc_type call)
{
    assert(call < IPC_COUNT);
    return rows[call].credits;
}

bool ipc_is_run(enum ipc_type reply)
{
    assert(reply < IPC_COUNT);
    return rows[reply].is_run;
}

bool ipc_is_fixed(enum ipc_type type)
{
    assert(type < IPC_COUNT);
    for (const struct field *f = rows[type].fields(); f->kind != NO_FIELD; f++)
        if (f->kind == IS_BYTES)
            return false;
    return true;
}

bool ipc_is_secret(enum ipc_type type)
{
    assert(type < IPC_COUNT);
    return rows[type].is_secret;
}

bool ipc_may_send(uint32_t type, uint32_t from, uint32_t to)
{
    return type < IPC_COUNT && from < ROLE_COUNT && to < ROLE_COUNT &&
           (rows[type].from & ROLE_BIT(from)) != 0 && (rows[type].to & ROLE_BIT(to)) != 0;
}

bool ipc_are_peers(enum role_id a, enum role_id b)
{
    for (uint32_t t = 0; t < IPC_COUNT; t++)
        if (t != IPC_HELLO && (ipc_may_send(t, a, b) || ipc_may_send(t, b, a)))
            return true;
    return false;
}

/* FNV-1a: no secret depends on it. */
static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *byte = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ byte[i]) * 0x100000001b3;
    return h;
}

static uint64_t hash_name(uint64_t h, const char *name)
{
    return hash_bytes(h, name, strlen(name) + 1);
}

static uint64_t hash_u64(uint64_t h, uint64_t v)
{
    return hash_bytes(h, &v, sizeof v);
}

uint64_t ipc_table_hash(void)
{
    uint64_t h = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < ROLE_COUNT; i++)
        h = hash_name(h, role_name(i));
    for (uint32_t t = 0; t < IPC_COUNT; t++) {
        const struct row *row = &rows[t];
        h = hash_name(h, row->name);
        const uint64_t facts[] = {row->kind,     row->from,    row->to,    row->reply,
                                  row->limit_ms, row->credits, row->is_run};
        for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
            h = hash_u64(h, facts[i]);
        for (const struct field *f = row->fields(); f->kind != NO_FIELD; f++)
            h = hash_u64(hash_u64(hash_name(h, f->name), f->kind), f->max);
    }
    return h;
}

const char *ipc_err_name(uint32_t err)
{
    static const char *const names[] = {
        [IPC_OK] = "ok",
        [IPC_SHORT] = "short",
        [IPC_UNKNOWN] = "unknown-type",
        [IPC_TOO_LONG] = "too-long",
        [IPC_BAD_LENGTH] = "bad-length",
        [IPC_BAD_FLAGS] = "bad-flags",
        [IPC_BAD_FDS] = "bad-descriptors",
        [IPC_TRUNCATED] = "truncated",
        [IPC_NOT_ALLOWED] = "not-allowed",
        [IPC_NOT_FIXED] = "not-fixed-size",
        [IPC_BAD_HELLO] = "bad-hello",
        [IPC_NO_CALL] = "no-such-call",
        [IPC_NO_CREDIT] = "no-credit",
    };
    return err < IPC_ERR_COUNT ? names[err] : "?";
}

/* ---- encoder ---- */

/* Bytes of a number on the wire; 0 for what is none. */
static size_t number_bytes(enum field_kind kind)
{
    switch (kind) {
    case IS_U8:
        return 1;
    case IS_U16:
        return 2;
    case IS_U32:
        return 4;
    case IS_U64:
        return 8;
    case NO_FIELD:
    case IS_BYTES:
    case IS_FD:
    case IS_FD_OPT:
        break;
    }
    return 0;
}

static const slice *slice_at(const void *fields, const struct field *f)
{
    return (const slice *)((const char *)fields + f->offset);
}

static int fd_at(const void *fields, const struct field *f)
{
    return *(const int *)((const char *)fields + f->offset);
}

enum ipc_err ipc_measure(enum ipc_type type, const void *fields, size_t *ret_bytes, size_t *ret_fds)
{
    assert(type < IPC_COUNT);
    size_t bytes = IPC_HEAD_BYTES, fds = 0;
    for (const struct field *f = rows[type].fields(); f->kind != NO_FIELD; f++) {
        if (f->kind == IS_BYTES) {
            size_t n = slice_at(fields, f)->n;
            if (n > f->max)
                return IPC_TOO_LONG;
            bytes += 4 + n;
        } else if (f->kind == IS_FD || f->kind == IS_FD_OPT) {
            bool is_there = fd_at(fields, f) >= 0;
            if (!is_there && f->kind == IS_FD)
                return IPC_BAD_FDS;
            fds += is_there;
        } else {
            bytes += number_bytes(f->kind);
        }
    }
    if (bytes > IPC_DATAGRAM_MAX)
        return IPC_TOO_LONG;
    *ret_bytes = bytes;
    *ret_fds = fds;
    return IPC_OK;
}

static char *put(char *to, const void *p, size_t n)
{
    if (n > 0)
        memcpy(to, p, n);
    return to + n;
}

void ipc_write(enum ipc_type type, uint32_t call, bool more, const void *fields, char *to, int *fds)
{
    assert(type < IPC_COUNT);
    char *at = to + IPC_HEAD_BYTES;
    size_t nfds = 0;
    for (const struct field *f = rows[type].fields(); f->kind != NO_FIELD; f++) {
        if (f->kind == IS_BYTES) {
            const slice *s = slice_at(fields, f);
            uint32_t n = (uint32_t)s->n;
            at = put(put(at, &n, sizeof n), s->p, n);
        } else if (f->kind == IS_FD || f->kind == IS_FD_OPT) {
            if (fd_at(fields, f) >= 0)
                fds[nfds++] = fd_at(fields, f);
        } else {
            at = put(at, (const char *)fields + f->offset, number_bytes(f->kind));
        }
    }
    uint32_t length = (uint32_t)(at - to);
    uint16_t type16 = (uint16_t)type, flags = (uint16_t)(nfds | (more ? FLAG_MORE : 0));
    put(put(put(put(to, &length, 4), &type16, 2), &flags, 2), &call, 4);
}

/* ---- decoder ---- */

struct head {
    uint32_t length, call;
    uint16_t type, flags;
};

static enum ipc_err read_head(slice in, struct head *ret)
{
    struct head h;
    if (in.n < IPC_HEAD_BYTES)
        return IPC_SHORT;
    memcpy(&h.length, in.p, 4);
    memcpy(&h.type, in.p + 4, 2);
    memcpy(&h.flags, in.p + 6, 2);
    memcpy(&h.call, in.p + 8, 4);
    if (h.type >= IPC_COUNT)
        return IPC_UNKNOWN;
    if (h.length > IPC_DATAGRAM_MAX)
        return IPC_TOO_LONG;
    if (h.length < IPC_HEAD_BYTES)
        return IPC_BAD_LENGTH;
    if (h.length > in.n)
        return IPC_SHORT;
    const struct row *row = &rows[h.type];
    bool is_more = (h.flags & FLAG_MORE) != 0;
    if ((h.flags & ~(FLAG_FDS | FLAG_MORE)) != 0 || (is_more && !row->is_run) ||
        (h.call == 0) != (row->kind == IPC_KIND_SEND))
        return IPC_BAD_FLAGS;
    *ret = h;
    return IPC_OK;
}

/* The whole message must be there before the first field is read: in is exactly its fields. */
static enum ipc_err read_fields(const struct field *f, slice in, const int *fds, size_t nfds,
                                char *to)
{
    for (; f->kind != NO_FIELD; f++) {
        size_t n = number_bytes(f->kind);
        if (f->kind == IS_FD || f->kind == IS_FD_OPT) {
            if (nfds == 0 && f->kind == IS_FD)
                return IPC_BAD_FDS;
            int fd = nfds > 0 ? *fds++ : -1;
            nfds -= nfds > 0;
            memcpy(to + f->offset, &fd, sizeof fd);
            continue;
        }
        if (f->kind == IS_BYTES) {
            uint32_t length;
            if (in.n < sizeof length)
                return IPC_BAD_LENGTH;
            memcpy(&length, in.p, sizeof length);
            in = slice_tail(in, sizeof length);
            if (length > f->max)
                return IPC_TOO_LONG;
            if (length > in.n)
                return IPC_BAD_LENGTH;
            slice s = slice_head(in, length);
            memcpy(to + f->offset, &s, sizeof s);
            n = length;
        } else {
            if (in.n < n)
                return IPC_BAD_LENGTH;
            memcpy(to + f->offset, in.p, n);
        }
        in = slice_tail(in, n);
    }
    return in.n != 0 ? IPC_BAD_LENGTH : nfds != 0 ? IPC_BAD_FDS : IPC_OK;
}

enum ipc_err ipc_take(struct ipc_reader *r, struct ipc_message *ret)
{
    struct head h;
    enum ipc_err err = read_head(r->rest, &h);
    if (err != IPC_OK)
        return err;
    size_t nfds = h.flags & FLAG_FDS;
    if (nfds > r->nfds)
        return IPC_BAD_FDS;
    struct ipc_message m = {.type = (enum ipc_type)h.type,
                            .call = h.call,
                            .more = (h.flags & FLAG_MORE) != 0};
    /* All members of a union begin at the same address. */
    slice fields = slice_tail(slice_head(r->rest, h.length), IPC_HEAD_BYTES);
    err = read_fields(rows[h.type].fields(), fields, r->fds, nfds, (char *)&m.hello);
    if (err != IPC_OK)
        return err;
    r->rest = slice_tail(r->rest, h.length);
    r->fds = nfds > 0 ? r->fds + nfds : r->fds;
    r->nfds -= nfds;
    *ret = m;
    return IPC_OK;
}

enum ipc_err ipc_peek(const struct ipc_reader *r, enum ipc_type *ret)
{
    struct head h;
    enum ipc_err err = read_head(r->rest, &h);
    if (err == IPC_OK)
        *ret = (enum ipc_type)h.type;
    return err;
}

size_t ipc_fds(struct ipc_message *m, int *ret[IPC_FDS_MAX])
{
    size_t n = 0;
    for (const struct field *f = rows[m->type].fields(); f->kind != NO_FIELD; f++)
        if (f->kind == IS_FD || f->kind == IS_FD_OPT) {
            int *fd = (int *)((char *)&m->hello + f->offset);
            if (*fd >= 0)
                ret[n++] = fd;
        }
    return n;
}

/* ---- log printer ---- */

static void print_number(struct buf *out, const char *from, size_t n)
{
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;
    uint64_t v = 0;
    if (n == 1) {
        memcpy(&v8, from, n);
        v = v8;
    } else if (n == 2) {
        memcpy(&v16, from, n);
        v = v16;
    } else if (n == 4) {
        memcpy(&v32, from, n);
        v = v32;
    } else {
        memcpy(&v, from, n);
    }
    buf_addu(out, v);
}

void ipc_print(struct buf *out, const struct ipc_message *m)
{
    buf_adds(out, ipc_name(m->type));
    if (m->call != 0)
        buf_addf(out, " call=%u", m->call);
    if (m->more)
        buf_adds(out, " more");
    const char *fields = (const char *)&m->hello;
    for (const struct field *f = rows[m->type].fields(); f->kind != NO_FIELD; f++) {
        buf_addf(out, " %s=", f->name);
        if (f->kind == IS_BYTES)
            buf_addf(out, "[%zu]", slice_at(fields, f)->n);
        else if (f->kind == IS_FD || f->kind == IS_FD_OPT)
            buf_adds(out, fd_at(fields, f) >= 0 ? "fd" : "none");
        else
            print_number(out, fields + f->offset, number_bytes(f->kind));
    }
}
