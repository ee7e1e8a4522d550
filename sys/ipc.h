/* ipc: the messages between roles, from ipc.def: structs, encoder, decoder, log printer, matrix.
 *
 * On the wire a message is a head {u32 length with head, u16 type, u16 flags, u32 call} and its
 * fields without padding, BYTES as u32 length and bytes. flags: the low byte counts descriptors,
 * IPC_FLAG_MORE says that the reply goes on. One datagram carries 1..n messages, and the
 * descriptors of all in order beside it. All of this is memory only: no system call is here.
 *
 * The decoder trusts nothing: it reads no byte outside the datagram, and whatever is not exactly
 * as ipc.def says is an error that condemns the sender. */
#ifndef CANDOR_SYS_IPC_H
#define CANDOR_SYS_IPC_H

#include "lib/base/buf.h"
#include "sys/roles.h"

enum {
    /* The largest envelope and header section with a little room: one commit has both. */
    IPC_DATAGRAM_MAX = 192 * 1024,
    IPC_HEAD_BYTES = 12,
    IPC_FDS_MAX = 64,           /* descriptors in one datagram */
    IPC_BYTES_MAX = 127 * 1024, /* one BYTES field; all together must fit a datagram */
};

/* The macros open what END closes. */
/* clang-format off */
enum ipc_type {
#define SEND(name, NAME, ...) IPC_##NAME,
#define CALL(name, NAME, ...) IPC_##NAME,
#define REPLY(name, NAME, ...) IPC_##NAME,
#include "sys/ipc.def"
    IPC_COUNT
};

/* struct ipc_hello, struct ipc_commit ... The slices of a received message lie in the datagram and
 * live as long as the handler runs; its descriptors belong to it (ipc_take_fd). */
#define SEND(name, ...) struct ipc_##name {
#define CALL(name, ...) struct ipc_##name {
#define REPLY(name, ...) struct ipc_##name {
#define U8(field) uint8_t field;
#define U16(field) uint16_t field;
#define U32(field) uint32_t field;
#define U64(field) uint64_t field;
#define BYTES(field, max) slice field;
#define FD(field) int field;
#define FD_OPT(field) int field;
#define END(name) };
#include "sys/ipc.def"

/* Any message, as the decoder gives it: m->type says which member of the union holds. */
struct ipc_message {
    enum ipc_type type;
    uint32_t call; /* 0 for a one-way message */
    bool more;     /* a RUN reply that goes on */
    union {
#define SEND(name, ...) struct ipc_##name name;
#define CALL(name, ...) struct ipc_##name name;
#define REPLY(name, ...) struct ipc_##name name;
#include "sys/ipc.def"
    };
};
/* clang-format on */

enum ipc_kind { IPC_KIND_SEND, IPC_KIND_CALL, IPC_KIND_REPLY };

enum ipc_err {
    IPC_OK = 0,
    IPC_SHORT,       /* the datagram ends inside the message */
    IPC_UNKNOWN,     /* no such type */
    IPC_TOO_LONG,    /* a field above its maximum, a message above the datagram's */
    IPC_BAD_LENGTH,  /* the fields do not fill the length that the head gives */
    IPC_BAD_FLAGS,   /* unknown bits, MORE where no run is, call id where none may be or none */
    IPC_BAD_FDS,     /* not as many descriptors as the row says */
    IPC_TRUNCATED,   /* the kernel cut the datagram or lost a descriptor */
    IPC_NOT_ALLOWED, /* this role may not send this to us */
    IPC_NOT_FIXED,   /* of variable size, to a receiver that takes fixed sizes only */
    IPC_BAD_HELLO,   /* missing, from another table, or from another role than wired */
    IPC_NO_CALL,     /* a reply to no open call, or of the wrong type */
    IPC_NO_CREDIT,   /* more open calls than the row allows */
    IPC_ERR_COUNT
};

/* What a row says. */
const char *ipc_name(uint32_t type); /* "commit"; "?" when there is none */
enum ipc_kind ipc_kind(enum ipc_type type);
enum ipc_type ipc_reply_of(enum ipc_type call); /* call must be a CALL */
enum ipc_type ipc_call_of(enum ipc_type reply); /* reply must be a REPLY */
uint32_t ipc_limit_ms(enum ipc_type call);
uint32_t ipc_credits(enum ipc_type call);
bool ipc_is_run(enum ipc_type reply);
/* No BYTES in it. */
bool ipc_is_fixed(enum ipc_type type);
/* There is a SECRET in it. */
bool ipc_is_secret(enum ipc_type type);
/* The matrix. type, from and to may be any number. */
bool ipc_may_send(uint32_t type, uint32_t from, uint32_t to);
/* Are there messages between the two at all, hello aside? Then master wires them. */
bool ipc_are_peers(enum role_id a, enum role_id b);
/* Of every row and field: differs when two programs were built from different tables. */
uint64_t ipc_table_hash(void);
const char *ipc_err_name(uint32_t err);

/* fields points to the type's struct. The bytes and descriptors that ipc_write will need;
 * IPC_TOO_LONG, or IPC_BAD_FDS when a descriptor that must be there is negative. */
enum ipc_err ipc_measure(enum ipc_type type, const void *fields, size_t *ret_bytes, size_t *ret_fds)
    __attribute__((warn_unused_result));
/* Writes what ipc_measure measured (fields must not have changed) to `to`, descriptors to fds. */
void ipc_write(enum ipc_type type, uint32_t call, bool more, const void *fields, char *to,
               int *fds);

/* A datagram on its way through the decoder. */
struct ipc_reader {
    slice rest;
    int *fds; /* those not yet given to a message: they belong to the reader's owner */
    size_t nfds;
};

/* Takes one message off r. On failure neither *r nor *ret changes. At the end of a datagram
 * r->rest.n and r->nfds must be 0. */
enum ipc_err ipc_take(struct ipc_reader *r, struct ipc_message *ret)
    __attribute__((warn_unused_result));
/* The type of the message at the head of r, without decoding it. */
enum ipc_err ipc_peek(const struct ipc_reader *r, enum ipc_type *ret)
    __attribute__((warn_unused_result));

/* Takes a descriptor out of a message: the handler owns it from here. What no handler took is
 * closed after it. */
static inline int ipc_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
/* The descriptors still in the message, through pointers to its fields; how many. */
size_t ipc_fds(struct ipc_message *m, int *ret[IPC_FDS_MAX]);

/* "commit call=7 file=0 body_bytes=4096 body=[4096]": numbers, and of BYTES the length only, since
 * they may be mail or secrets. */
void ipc_print(struct buf *out, const struct ipc_message *m);

#endif
