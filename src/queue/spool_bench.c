/* How fast the spool alone takes mail: OUTSTANDING messages of BYTES wait for their commit at any
 * time; each that is committed is read back, called done, and replaced by the next. One helper
 * thread does the disk's work, as in the role.
 *
 *   spool_bench DIRECTORY [MESSAGES [BYTES [OUTSTANDING [keep]]]]
 *
 * keep: nothing is called done, so that the next start has something to recover. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "src/queue/spool.h"

struct helper {
    pthread_mutex_t lock;
    pthread_cond_t asked, done;
    struct spool *spool;
    bool has_job[SPOOL_LANES], is_done[SPOOL_LANES], is_over;
};

static struct {
    struct spool *spool;
    uint64_t committed, failed;
    uint64_t ids[65536];
    size_t id_count;
} self;

static void on_committed(void *owner, uint64_t cookie, int result, uint64_t id)
{
    (void)owner, (void)cookie;
    if (result == 0)
        self.ids[self.id_count++] = id;
    self.committed += result == 0;
    self.failed += result != 0;
}

static void on_event(void *owner, enum spool_event event, uint32_t segment, uint64_t offset,
                     int err)
{
    (void)owner;
    printf("event %d segment %u offset %lu err %d\n", (int)event, segment, (unsigned long)offset,
           err);
}

static void *help(void *arg)
{
    struct helper *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->is_over) {
        int lane = 0;
        while (lane < SPOOL_LANES && !h->has_job[lane])
            lane++;
        if (lane == SPOOL_LANES) {
            pthread_cond_wait(&h->asked, &h->lock);
            continue;
        }
        h->has_job[lane] = false;
        pthread_mutex_unlock(&h->lock);
        spool_job_run(h->spool, (enum spool_lane)lane);
        pthread_mutex_lock(&h->lock);
        h->is_done[lane] = true;
        pthread_cond_signal(&h->done);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t wall_ms(void)
{
    return (uint64_t)(seconds(CLOCK_REALTIME) * 1000);
}

/* Hands out what is to be done; waits when nothing else can go on. */
static void turn(struct helper *h, bool may_wait)
{
    static bool is_busy[SPOOL_LANES];
    bool any = false;
    pthread_mutex_lock(&h->lock);
    for (int lane = 0; lane < SPOOL_LANES; lane++) {
        if (is_busy[lane])
            continue;
        pthread_mutex_unlock(&h->lock);
        bool is_taken = spool_job_take(self.spool, (enum spool_lane)lane, wall_ms());
        pthread_mutex_lock(&h->lock);
        h->has_job[lane] = is_busy[lane] = is_taken;
        if (is_taken)
            pthread_cond_signal(&h->asked);
    }
    for (int lane = 0; lane < SPOOL_LANES; lane++)
        any = any || h->is_done[lane];
    if (!any && may_wait)
        pthread_cond_wait(&h->done, &h->lock);
    for (int lane = 0; lane < SPOOL_LANES; lane++)
        if (h->is_done[lane]) {
            h->is_done[lane] = is_busy[lane] = false;
            pthread_mutex_unlock(&h->lock);
            spool_job_finish(self.spool, (enum spool_lane)lane);
            pthread_mutex_lock(&h->lock);
        }
    pthread_mutex_unlock(&h->lock);
}

static void settle(struct buf *into, bool is_kept)
{
    for (size_t i = 0; i < self.id_count && !is_kept; i++) {
        struct spool_loaded m;
        struct entry *e = spool_find(self.spool, self.ids[i]);
        if (spool_load(self.spool, e, into, &m) != 0 || spool_done(self.spool, e) != 0)
            self.failed++;
    }
    self.id_count = 0;
}

static uint64_t number(int argc, char **argv, int i, uint64_t fallback)
{
    uint64_t n = fallback;
    if (i < argc && !slice_to_u64(slice_cstr(argv[i]), 100000000, &n))
        exit(2);
    return n;
}

int main(int argc, char **argv)
{
    uint64_t messages = number(argc, argv, 2, 200000), bytes = number(argc, argv, 3, 4096);
    uint64_t outstanding = number(argc, argv, 4, 50), given = 0;
    bool is_kept = argc > 5;
    int dir = argc < 2 ? -1 : open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *body = calloc(1, bytes + 1);
    if (dir < 0 || body == NULL || outstanding > 60000) {
        fprintf(stderr, "spool_bench DIRECTORY [MESSAGES [BYTES [OUTSTANDING [keep]]]]\n");
        return 2;
    }
    const struct spool_options options = {.vfs = &vfs_kernel,
                                          .dir = dir,
                                          .segment_bytes = SPOOL_SEGMENT_DEFAULT,
                                          .spares = 3,
                                          .listener = {on_committed, on_event, NULL}};
    struct spool_stats st;
    double start = seconds(CLOCK_MONOTONIC);
    int rc = spool_open(&options, wall_ms(), &self.spool);
    if (rc != 0) {
        fprintf(stderr, "%s: error %d\n", argv[1], -rc);
        return 1;
    }
    spool_stats(self.spool, &st);
    printf("%lu waiting messages in %lu segments opened in %.2f s, %lu bytes of memory each\n",
           (unsigned long)st.messages, (unsigned long)st.segments, seconds(CLOCK_MONOTONIC) - start,
           (unsigned long)(st.messages == 0 ? 0 : st.memory_bytes / st.messages));
    struct helper h = {.lock = PTHREAD_MUTEX_INITIALIZER,
                       .asked = PTHREAD_COND_INITIALIZER,
                       .done = PTHREAD_COND_INITIALIZER,
                       .spool = self.spool};
    pthread_t thread;
    if (pthread_create(&thread, NULL, help, &h) != 0)
        return 1;
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MAX);
    start = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double own = seconds(CLOCK_THREAD_CPUTIME_ID);
    while (self.committed + self.failed < messages) {
        while (given < messages && given - self.committed - self.failed < outstanding) {
            const struct spool_message m = {.envelope = SLICE_LIT("an envelope of a usual length, "
                                                                  "a@example.org b@example.net"),
                                            .added = SLICE_LIT("Received: from x by y\r\n"),
                                            .header = SLICE_LIT("Subject: z\r\n\r\n"),
                                            .body = slice_of(body, bytes),
                                            .body_bytes = bytes,
                                            .fd = -1};
            if (spool_commit(self.spool, &m, wall_ms(), given) != 0)
                self.failed++;
            given++;
        }
        turn(&h, true);
        settle(&into, is_kept);
    }
    double took = seconds(CLOCK_MONOTONIC) - start;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    own = seconds(CLOCK_THREAD_CPUTIME_ID) - own;
    spool_stats(self.spool, &st);
    printf("%lu messages of %lu bytes, %lu outstanding: %.0f a second, %.1f us of CPU each "
           "(%.1f on the owner's thread), %.1f to a group, %lu segments, %lu spares, %lu failed\n",
           (unsigned long)messages, (unsigned long)bytes, (unsigned long)outstanding,
           (double)messages / took, cpu / (double)messages * 1e6, own / (double)messages * 1e6,
           (double)messages / (double)st.groups, (unsigned long)st.segments,
           (unsigned long)st.spares, (unsigned long)self.failed);
    pthread_mutex_lock(&h.lock);
    h.is_over = true;
    pthread_cond_signal(&h.asked);
    pthread_mutex_unlock(&h.lock);
    pthread_join(thread, NULL);
    buf_release(&into);
    spool_close(self.spool);
    return self.failed != 0;
}
