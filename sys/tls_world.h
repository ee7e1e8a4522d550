/* tls_world: for tests: the server's side against OpenSSL's client, over memory, with a stand-in
 * for `keys` that holds the private keys and answers when the test wants. */
#ifndef CANDOR_SYS_TLS_WORLD_H
#define CANDOR_SYS_TLS_WORLD_H

#include <openssl/ssl.h>

#include "lib/base/test.h"
#include "sys/tls_int.h"

enum { KEYS = 4, REQUESTS = 1024 };

struct request {
    uint64_t id;
    size_t key;
    uint16_t scheme;
    char tbs[TLS_SIGN_MAX_BYTES];
    size_t tbs_n;
};

struct fixture {
    struct tls *tls;
    EVP_PKEY *key[KEYS];
    char key_id[KEYS][TLS_KEY_ID_BYTES];
    struct request request[REQUESTS];
    size_t requests;
    size_t answered;
    int refuse;
    SSL_CTX *client;
    SSL_SESSION *ticket;
    size_t woken;
};

/* A client and a session, joined by memory. */
struct pair {
    struct fixture *f;
    struct tls_session *s;
    SSL *c;
    struct buf out;
    enum tls_step step;
    bool client_done;
};

extern const struct tls_ops world_ops;

void world_wake(void *owner);
void world_answer(struct fixture *f, const struct request *r);
void world_answer_all(struct fixture *f);
slice world_certificate(EVP_PKEY *key, const char *cn, unsigned char **ret);
int world_send_certificate(struct fixture *f, uint32_t index, uint32_t count, size_t key,
                           const char *cn, const char *names);
int world_setup(void **state);
int world_teardown(void **state);
void pair_init(struct pair *p, struct fixture *f, int version, const char *sni);
void pair_release(struct pair *p);
void pair_to_client(struct pair *p);
void pair_turn(struct pair *p, size_t piece);
void pair_handshake(struct pair *p, size_t piece);
void pair_talk(struct pair *p);

#endif
