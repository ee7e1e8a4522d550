#include "src/directory/notes.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/clock.h"

enum { WRITE_MS = 1000, NOTES_MAX = 512, NOTES_BYTES_MAX = 1 << 20 };

struct notes {
    struct directory *directory;
    struct timer timer;
    struct arena arena;
    struct directory_use uses[NOTES_MAX];
    size_t use_count;
    struct directory_guess guesses[NOTES_MAX];
    size_t guess_count;
};

struct notes *notes_new(struct directory *d)
{
    struct notes *n = calloc(1, sizeof *n);
    if (n != NULL) {
        n->directory = d;
        arena_init(&n->arena, NOTES_BYTES_MAX);
    }
    return n;
}

void notes_free(struct notes *n)
{
    if (n == NULL)
        return;
    notes_write(n);
    timer_stop(n->directory->loop, &n->timer);
    arena_release(&n->arena);
    free(n);
}

static struct ip_net network_of(const struct ip *ip)
{
    struct ip_net net = {.ip = *ip, .bits = ip->family == IP_V4 ? 24 : 48};
    memset(net.ip.bytes + net.bits / 8, 0, sizeof net.ip.bytes - net.bits / 8);
    return net;
}

static int write_all(struct notes *n)
{
    struct directory_db *db = n->directory->db;
    int err = directory_db_begin(db);
    if (err != 0)
        return err;
    /* An account may have been removed meanwhile. */
    for (size_t i = 0; i < n->use_count && (err == 0 || err == -ENOENT); i++) {
        const struct directory_use *use = &n->uses[i];
        const struct directory_pair pair = {.account = use->account,
                                            .net = network_of(&use->ip),
                                            .at = use->at};
        err = directory_note_use(db, use);
        if (err == 0)
            err = directory_note_pair(db, &pair);
    }
    for (size_t i = 0; i < n->guess_count && (err == 0 || err == -ENOENT); i++)
        err = directory_note_guess(db, &n->guesses[i]);
    if (err == 0 || err == -ENOENT)
        return directory_db_commit(db);
    directory_db_rollback(db);
    return err;
}

void notes_write(struct notes *n)
{
    if (n->use_count == 0 && n->guess_count == 0)
        return;
    int err = write_all(n);
    if (err != 0)
        directory_log_failure(n->directory, "directory.notes", err);
    n->use_count = n->guess_count = 0;
    arena_reset(&n->arena);
}

static void on_timer(struct timer *t)
{
    notes_write(CONTAINER_OF(t, struct notes, timer));
}

static void write_soon(struct notes *n)
{
    if (!timer_is_set(&n->timer))
        timer_set(n->directory->loop, &n->timer, WRITE_MS, on_timer);
}

static bool is_same_use(const struct directory_use *a, const struct directory_use *b)
{
    return a->credential == b->credential && ip_eq(&a->ip, &b->ip) &&
           slice_eq(a->account, b->account);
}

void notes_signed_in(struct notes *n, const struct directory_use *use)
{
    struct directory_use copy = *use;
    for (size_t i = 0; i < n->use_count; i++)
        if (is_same_use(&n->uses[i], use)) {
            n->uses[i].at = use->at;
            return;
        }
    if (n->use_count == NOTES_MAX || !arena_copy(&n->arena, use->account, &copy.account) ||
        !arena_copy(&n->arena, use->client, &copy.client) ||
        !arena_copy(&n->arena, use->mechanism, &copy.mechanism)) {
        return;
    }
    n->uses[n->use_count++] = copy;
    write_soon(n);
}

void notes_guessed(struct notes *n, slice name, bool is_known, const struct ip *ip)
{
    struct directory_guess guess = {.is_known = is_known,
                                    .count = 1,
                                    .at = (int64_t)(clock_wall_ms() / 1000),
                                    .ip = *ip};
    for (size_t i = 0; i < n->guess_count; i++)
        if (slice_eq(n->guesses[i].name, name)) {
            n->guesses[i].count++;
            n->guesses[i].at = guess.at;
            n->guesses[i].ip = *ip;
            return;
        }
    if (n->guess_count == NOTES_MAX || !arena_copy(&n->arena, name, &guess.name)) {
        return;
    }
    n->guesses[n->guess_count++] = guess;
    write_soon(n);
}
