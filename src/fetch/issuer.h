/* issuer: somebody whose tokens are believed (a block oauth of the configuration): what was read
 * for it at the start, and its public keys.
 *
 * Keys are fetched when the first token comes, again when they are KEYS_FRESH_MS old, and at once
 * when a token names one that is not among them, though not more often than every KEYS_AGAIN_MS: a
 * stranger's token must not make us a nuisance. While the issuer does not answer, the old ones hold
 * until they are KEYS_OLD_MS old: a broken issuer alone keeps nobody from signing in. */
#ifndef CANDOR_SRC_FETCH_ISSUER_H
#define CANDOR_SRC_FETCH_ISSUER_H

#include "lib/conf/conf.h"
#include "src/fetch/http.h"
#include "src/fetch/jose.h"

enum {
    KEYS_FRESH_MS = 3600 * 1000,
    KEYS_OLD_MS = 24 * 3600 * 1000,
    KEYS_AGAIN_MS = 10 * 1000,
    KEYS_RETRY_MS = 5 * 1000, /* after a failure, when there are none at all */
    KEYS_TEXT_MAX = 512 * 1024,
    KEYS_TRIED_MAX = 8, /* for one token that does not name its key */
};

struct issuer;
/* The fetch of the keys has ended, well or not; who waited looks again. */
typedef void issuer_changed(void *owner, struct issuer *issuer);

struct issuer {
    const struct conf_oauth *conf;
    struct role *role;
    struct http *http;
    issuer_changed *changed;
    void *owner;
    struct buf authorities;   /* PEM */
    struct buf authorization; /* "Basic …", for introspection */
    struct arena arena;       /* of the keys */
    struct jose_keys keys;
    uint64_t keys_ms;  /* when they came; 0: never */
    uint64_t asked_ms; /* when they were asked for last; 0: never */
    bool is_asking;
    bool has_failed; /* the last time */
};

/* Reads the files: before the sandbox. 0, or -errno after having logged which. conf must live on.
 */
int issuer_init(struct issuer *issuer, const struct conf_oauth *conf, struct role *role)
    __attribute__((warn_unused_result));
void issuer_release(struct issuer *issuer);

enum issuer_word {
    ISSUER_SIGNED,     /* by one of its keys */
    ISSUER_NOT_SIGNED, /* with a key that it could have been */
    ISSUER_WAIT,       /* changed will be called */
    ISSUER_SILENT,     /* it has no such key as far as we know, and cannot be asked */
};
/* Has it signed this token? was_asked: this token has waited for newer keys already. */
enum issuer_word issuer_has_signed(struct issuer *issuer, const struct jwt *token,
                                   const struct jose_header *header, bool was_asked);

#endif
