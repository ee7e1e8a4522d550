#include "src/directory/hashing.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/auth/prep.h"
#include "lib/auth/scram.h"
#include "lib/base/secret.h"
#include "sys/clock.h"
#include "sys/directory/hash.h"

enum {
    TIMES = 32,         /* of how many of the last a typical one is taken */
    WAIT_MAX_MS = 8000, /* what would wait for longer is refused */
    KNOWN_IN_A_ROW = 8,
    LATER_MAX = 64,
    SECRET_MAX_BYTES = 4096,
};

/* One at a time on a helper thread. */
struct slot {
    struct work work;
    struct hashing *hashing;
    struct job *job; /* NULL: free */
    struct crypt_data data;
};

enum job_kind { JOB_VERIFY, JOB_MAKE };

struct job {
    struct job *next;
    enum job_kind kind;
    enum hash_lane lane;
    uint64_t id;
    uint64_t since_us;
    char secret[SECRET_MAX_BYTES + 1];
    char as_sent[SECRET_MAX_BYTES + 1];
    char hash[HASHING_TEXT_ROOM]; /* to be verified; the old one */
    /* VERIFY: */
    enum hash_result result;
    /* MAKE: */
    char account[1024];
    size_t account_n;
    struct directory_salt salts[DIRECTORY_DIGESTS];
    char made[HASHING_TEXT_ROOM];
    char scram[DIRECTORY_DIGESTS][SCRAM_TEXT_MAX_BYTES];
    size_t scram_n[DIRECTORY_DIGESTS];
};

struct lane {
    struct job *first, **last;
    uint32_t count;
};

struct hashing {
    struct loop *loop;
    const struct hashing_ops *ops;
    void *owner;
    struct lane lanes[HASH_LANES];
    unsigned known_in_a_row;
    uint32_t times_ms[TIMES];
    uint64_t done;
    uint32_t cost_ms; /* of one, without waiting */
    bool is_freed;
    unsigned running, threads;
    struct slot slots[];
};

struct hashing *hashing_new(struct loop *loop, unsigned threads, const struct hashing_ops *ops,
                            void *owner)
{
    struct hashing *h = calloc(1, sizeof *h + threads * sizeof h->slots[0]);
    if (h == NULL)
        return NULL;
    h->loop = loop;
    h->ops = ops;
    h->owner = owner;
    h->threads = threads;
    for (size_t i = 0; i < HASH_LANES; i++)
        h->lanes[i].last = &h->lanes[i].first;
    for (unsigned i = 0; i < threads; i++)
        h->slots[i].hashing = h;
    return h;
}

static void job_free(struct job *job)
{
    secret_wipe(job, sizeof *job);
    free(job);
}

static void release(struct hashing *h)
{
    secret_wipe(h, sizeof *h + h->threads * sizeof h->slots[0]);
    free(h);
}

void hashing_free(struct hashing *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < HASH_LANES; i++)
        while (h->lanes[i].first != NULL) {
            struct job *job = h->lanes[i].first;
            h->lanes[i].first = job->next;
            job_free(job);
        }
    h->is_freed = true;
    if (h->running == 0)
        release(h);
    else
        loop_finish_work(h->loop); /* `done` releases it */
}

/* ---- on a helper thread ---- */

static bool fits(struct slot *slot, const char *secret, const char *hash, bool *ret_failed)
{
    const char *made = crypt_rn(secret, hash, &slot->data, sizeof slot->data);
    bool ok = made != NULL && secret_eq(slice_cstr(made), slice_cstr(hash));
    *ret_failed = made == NULL;
    secret_wipe(&slot->data, sizeof slot->data);
    return ok;
}

static void run_verify(struct slot *slot, struct job *job)
{
    bool is_failed;
    bool ok = fits(slot, job->secret, job->hash, &is_failed);
    if (!ok && !is_failed && job->as_sent[0] != '\0')
        ok = fits(slot, job->as_sent, job->hash, &is_failed);
    job->result = ok ? HASH_FITS : is_failed ? HASH_FAILED : HASH_DIFFERS;
}

static bool make_hash(struct crypt_data *data, const char *secret, char ret[HASHING_TEXT_ROOM])
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *made = NULL;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) != NULL)
        made = crypt_rn(secret, setting, data, sizeof *data);
    slice text = slice_cstr(made);
    bool ok = text.n > 0 && text.n < HASHING_TEXT_ROOM;
    if (ok) {
        memcpy(ret, text.p, text.n);
        ret[text.n] = '\0';
    }
    secret_wipe(data, sizeof *data);
    return ok;
}

static void make_scram(struct job *job, enum digest d)
{
    const struct directory_salt *salt = &job->salts[d];
    struct scram_keys keys;
    struct buf text = {.p = job->scram[d],
                       .cap = SCRAM_TEXT_MAX_BYTES,
                       .max = SCRAM_TEXT_MAX_BYTES};
    if (scram_derive(d, slice_cstr(job->secret), slice_of(salt->salt, salt->bytes),
                     salt->iterations, &keys)) {
        scram_print(&text, &keys);
        job->scram_n[d] = text.err == BUF_OK ? text.n : 0;
    }
    secret_wipe(&keys, sizeof keys);
}

static void run(struct work *w)
{
    struct slot *slot = CONTAINER_OF(w, struct slot, work);
    struct job *job = slot->job;
    switch (job->kind) {
    case JOB_VERIFY:
        run_verify(slot, job);
        break;
    case JOB_MAKE:
        if (!make_hash(&slot->data, job->secret, job->made))
            break;
        make_scram(job, DIGEST_SHA1);
        make_scram(job, DIGEST_SHA256);
        break;
    }
    secret_wipe(job->secret, sizeof job->secret);
    secret_wipe(job->as_sent, sizeof job->as_sent);
}

/* ---- on the loop ---- */

static struct job *lane_take(struct lane *lane)
{
    struct job *job = lane->first;
    lane->first = job->next;
    if (lane->first == NULL)
        lane->last = &lane->first;
    lane->count--;
    return job;
}

static struct job *next_job(struct hashing *h)
{
    struct lane *known = &h->lanes[HASH_KNOWN], *strangers = &h->lanes[HASH_STRANGER];
    bool is_strangers_turn = strangers->first != NULL && h->known_in_a_row >= KNOWN_IN_A_ROW;
    if (known->first != NULL && !is_strangers_turn) {
        h->known_in_a_row++;
        return lane_take(known);
    }
    h->known_in_a_row = 0;
    if (strangers->first != NULL)
        return lane_take(strangers);
    /* One thread is enough for what nobody waits for. */
    if (h->lanes[HASH_LATER].first != NULL && (h->running == 0 || h->threads == 1))
        return lane_take(&h->lanes[HASH_LATER]);
    return NULL;
}

static void dispatch(struct hashing *h);

static void finish_make(struct hashing *h, const struct job *job)
{
    struct hash_made made = {.account = slice_of(job->account, job->account_n),
                             .old_hash = slice_cstr(job->hash),
                             .password = {.hash = slice_cstr(job->made)}};
    for (size_t d = 0; d < DIRECTORY_DIGESTS; d++)
        made.password.scram[d] = slice_of(job->scram[d], job->scram_n[d]);
    if (made.password.hash.n > 0)
        h->ops->made(h->owner, &made);
}

static void finish_verify(struct hashing *h, const struct job *job)
{
    uint64_t took_ms = (clock_mono_us() - job->since_us + 999) / 1000;
    /* Imported ones may cost anything. */
    if (job->result != HASH_FAILED && directory_hash_is_current(slice_cstr(job->hash)))
        h->times_ms[h->done++ % TIMES] = took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ms;
    h->ops->verified(h->owner, job->id, job->result);
}

static void done(struct work *w)
{
    struct slot *slot = CONTAINER_OF(w, struct slot, work);
    struct hashing *h = slot->hashing;
    struct job *job = slot->job;
    slot->job = NULL;
    h->running--;
    if (!h->is_freed && job->kind == JOB_VERIFY)
        finish_verify(h, job);
    else if (!h->is_freed)
        finish_make(h, job);
    job_free(job);
    if (!h->is_freed)
        dispatch(h);
    else if (h->running == 0)
        release(h);
}

static void dispatch(struct hashing *h)
{
    for (unsigned i = 0; i < h->threads; i++) {
        struct slot *slot = &h->slots[i];
        if (slot->job != NULL)
            continue;
        if ((slot->job = next_job(h)) == NULL)
            return;
        h->running++;
        loop_submit(h->loop, &slot->work, run, done);
    }
}

static bool put(char *to, size_t room, slice text)
{
    if (text.n >= room || slice_find(text, '\0') < text.n)
        return false;
    if (text.n > 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

static void enqueue(struct hashing *h, struct job *job, enum hash_lane lane)
{
    job->lane = lane;
    job->next = NULL;
    job->since_us = clock_mono_us();
    *h->lanes[lane].last = job;
    h->lanes[lane].last = &job->next;
    h->lanes[lane].count++;
    dispatch(h);
}

/* The known do not wait for strangers, so these do not count against them. */
bool hashing_is_full(const struct hashing *h, enum hash_lane lane)
{
    uint32_t before = h->lanes[HASH_KNOWN].count;
    if (lane == HASH_STRANGER)
        before += h->lanes[HASH_STRANGER].count;
    return (uint64_t)before * h->cost_ms / h->threads > WAIT_MAX_MS;
}

bool hashing_verify(struct hashing *h, enum hash_lane lane, uint64_t id, slice secret,
                    slice as_sent, slice hash)
{
    struct job *job = hashing_is_full(h, lane) ? NULL : calloc(1, sizeof *job);
    if (job == NULL)
        return false;
    job->kind = JOB_VERIFY;
    job->id = id;
    if (!put(job->secret, sizeof job->secret, secret) ||
        !put(job->as_sent, sizeof job->as_sent, as_sent) ||
        !put(job->hash, sizeof job->hash, hash)) {
        /* Nothing that long is anybody's; it takes its turn all the same. */
        job->secret[0] = job->as_sent[0] = '\0';
        memcpy(job->hash, "*", 2);
    }
    enqueue(h, job, lane);
    return true;
}

void hashing_make(struct hashing *h, slice account, slice password, slice old_hash,
                  const struct directory_salt salts[DIRECTORY_DIGESTS])
{
    struct job *job = h->lanes[HASH_LATER].count >= LATER_MAX || account.n > sizeof job->account
                          ? NULL
                          : calloc(1, sizeof *job);
    if (job == NULL)
        return;
    job->kind = JOB_MAKE;
    memcpy(job->account, account.p, account.n);
    job->account_n = account.n;
    memcpy(job->salts, salts, sizeof job->salts);
    if (put(job->secret, sizeof job->secret, password) &&
        put(job->hash, sizeof job->hash, old_hash))
        enqueue(h, job, HASH_LATER);
    else
        job_free(job);
}

int hashing_fake(struct hashing *h, char ret[HASHING_TEXT_ROOM])
{
    unsigned char random[24];
    char secret[sizeof random * 2 + 1];
    struct crypt_data *data = calloc(1, sizeof *data);
    int err = data == NULL ? -ENOMEM : 0;
    if (err == 0 && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        err = -EIO;
    if (err == 0) {
        struct buf text = {.p = secret, .cap = sizeof secret, .max = sizeof secret};
        for (size_t i = 0; i < sizeof random; i++)
            buf_addf(&text, "%02x", random[i]);
        buf_addc(&text, '\0');
        uint64_t from_us = clock_mono_us();
        if (!make_hash(data, secret, ret))
            err = -EIO;
        h->cost_ms = (uint32_t)((clock_mono_us() - from_us + 999) / 1000);
        for (size_t i = 0; i < TIMES; i++)
            h->times_ms[i] = h->cost_ms;
    }
    secret_wipe(secret, sizeof secret);
    secret_wipe(random, sizeof random);
    free(data);
    return err;
}

uint32_t hashing_typical_ms(const struct hashing *h, uint32_t pick)
{
    return h->times_ms[pick % TIMES];
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct hashing_figures hashing_figures(const struct hashing *h)
{
    struct hashing_figures f = {.done = h->done, .running = h->running};
    uint32_t sorted[TIMES];
    memcpy(sorted, h->times_ms, sizeof sorted);
    qsort(sorted, TIMES, sizeof sorted[0], by_value);
    f.median_ms = sorted[TIMES / 2];
    for (size_t i = 0; i < HASH_LANES; i++)
        f.waiting[i] = h->lanes[i].count;
    return f;
}
