#include "src/queue/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/le.h"
#include "lib/smtp/queueid.h"
#include "src/queue/spool_int.h"

void spool_say(struct spool *s, enum spool_event event, uint32_t segment, uint64_t offset, int err)
{
    if (s->options.listener.event != NULL)
        s->options.listener.event(s->options.listener.owner, event, segment, offset, err);
}

bool infos_add(struct infos *list, const struct record_info *i)
{
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        struct record_info *p = realloc(list->p, room * sizeof *p);
        if (p == NULL)
            return false;
        list->p = p;
        list->room = room;
    }
    list->p[list->n++] = *i;
    return true;
}

void infos_release(struct infos *list)
{
    free(list->p);
    *list = (struct infos){0};
}

bool ids_add(struct ids *list, uint64_t id)
{
    if (list->n == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        uint64_t *p = realloc(list->p, room * sizeof *p);
        if (p == NULL)
            return false;
        list->p = p;
        list->room = room;
    }
    list->p[list->n++] = id;
    return true;
}

/* ---- segments ---- */

struct segment *segment_at(const struct spool *s, uint32_t number)
{
    return number < s->segment_room ? s->segments[number] : NULL;
}

struct segment *segment_new(struct spool *s, uint32_t number, uint32_t bytes)
{
    if (number >= s->segment_room) {
        uint32_t room = number < 64 ? 64 : number * 2;
        struct segment **p = realloc(s->segments, room * sizeof(struct segment *));
        if (p == NULL)
            return NULL;
        memset(p + s->segment_room, 0, (room - s->segment_room) * sizeof(struct segment *));
        s->segments = p;
        s->segment_room = room;
    }
    struct segment *seg = calloc(1, sizeof *seg);
    if (seg == NULL)
        return NULL;
    seg->number = number;
    seg->bytes = bytes;
    seg->fd = -1;
    s->segments[number] = seg;
    return seg;
}

void segment_free(struct spool *s, struct segment *seg)
{
    if (seg->fd >= 0 && VFS(s, close, seg->fd) < 0)
        spool_say(s, SPOOL_UPKEEP_FAILED, seg->number, 0, 0);
    infos_release(&seg->infos);
    s->segments[seg->number] = NULL;
    free(seg);
}

bool segment_exists(const struct spool *s, uint32_t number, uint64_t generation)
{
    const struct segment *seg = segment_at(s, number);
    if (seg != NULL && seg->generation == generation)
        return true;
    return spool_count_state(s, SEGMENT_BROKEN) > 0;
}

uint32_t spool_count_state(const struct spool *s, enum segment_state state)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->segment_room; i++)
        n += s->segments[i] != NULL && s->segments[i]->state == state;
    return n;
}

void segment_name(uint32_t number, bool is_new, char to[SEGMENT_NAME_BYTES])
{
    for (unsigned i = 8; i-- > 0; number /= 10)
        to[i] = (char)('0' + number % 10);
    memcpy(to + 8, is_new ? ".new" : ".seg", 5);
}

void body_name(uint64_t id, char to[BODY_NAME_BYTES])
{
    queueid_print(id, to);
    to[QUEUEID_CHARS] = '\0';
}

void entry_move_message(struct spool *s, struct entry *e, struct place to)
{
    struct segment *seg = segment_at(s, e->message.segment);
    if (seg != NULL) {
        seg->live--;
        seg->live_bytes -= e->message.bytes;
    }
    e->message = to;
    seg = segment_at(s, to.segment);
    if (seg != NULL) {
        seg->live++;
        seg->live_bytes += to.bytes;
    }
}

void entry_move_state(struct spool *s, struct entry *e, struct place to)
{
    struct segment *seg = segment_at(s, e->state.segment);
    if (seg != NULL)
        seg->states--;
    e->state = to;
    seg = segment_at(s, to.segment);
    if (seg != NULL)
        seg->states++;
}

/* GENERATION-NUMBER-OFFSET in decimal. An older file of that name holds the same place: replaced.
 */
int quarantine(struct spool *s, uint64_t generation, uint32_t number, uint64_t offset, slice bytes)
{
    struct buf name;
    buf_init(&name, 80);
    buf_addf(&name, "%lu-%u-%lu", (unsigned long)generation, number, (unsigned long)offset);
    buf_addc(&name, '\0');
    int rc = name.err != BUF_OK ? -ENOMEM : 0, fd = -1;
    if (rc == 0)
        rc = fd = VFS(s, open, s->quarantine_dir, name.p, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
        rc = vfs_write_all(s->vfs, fd, bytes.p, bytes.n, 0);
        if (rc == 0)
            rc = VFS(s, fsync, fd);
        int closed = VFS(s, close, fd);
        if (rc == 0)
            rc = closed;
        if (rc == 0)
            rc = VFS(s, fsync, s->quarantine_dir);
    }
    buf_release(&name);
    return rc < 0 ? rc : 0;
}

/* ---- opening ---- */

static int open_dir(struct spool *s, const char *name)
{
    int rc = VFS(s, mkdir, s->options.dir, name, 0700);
    if (rc < 0 && rc != -EEXIST)
        return rc;
    return VFS(s, open, s->options.dir, name, O_RDONLY | O_DIRECTORY, 0);
}

/* "candor-spool FORMAT SALT\n", the salt as 16 hexadecimal digits. */
static int format_read(struct spool *s)
{
    char text[64];
    int fd = VFS(s, open, s->options.dir, "format", O_RDONLY, 0);
    if (fd < 0)
        return fd;
    ssize_t n = VFS(s, read, fd, text, sizeof text, 0);
    int rc = VFS(s, close, fd);
    if (n < 0 || rc < 0)
        return n < 0 ? (int)n : rc;
    slice rest = slice_of(text, (size_t)n), word;
    uint64_t format;
    if (!slice_split(&rest, ' ', &word) || !slice_is(word, "candor-spool") ||
        !slice_split(&rest, ' ', &word) || !slice_to_u64(word, UINT32_MAX, &format))
        return -EUCLEAN;
    if (format > SPOOL_FORMAT)
        return -EPROTO;
    if (format == 0 || rest.n != 17 || rest.p[16] != '\n')
        return -EUCLEAN;
    for (size_t i = 0; i < 16; i++) {
        int digit = (int)slice_find(SLICE_LIT("0123456789abcdef"), rest.p[i]);
        if (digit > 15)
            return -EUCLEAN;
        s->salt = s->salt << 4 | (uint64_t)digit;
    }
    return 0;
}

static int format_write(struct spool *s)
{
    struct buf text;
    buf_init(&text, 64);
    buf_addf(&text, "candor-spool %d %016lx\n", SPOOL_FORMAT, (unsigned long)s->options.random);
    int rc = text.err != BUF_OK ? -ENOMEM : 0, fd = -1;
    if (rc == 0)
        rc = fd = VFS(s, open, s->options.dir, "format.new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0) {
        rc = vfs_write_all(s->vfs, fd, text.p, text.n, 0);
        if (rc == 0)
            rc = VFS(s, fsync, fd);
        int closed = VFS(s, close, fd);
        if (rc == 0)
            rc = closed;
    }
    buf_release(&text);
    if (rc == 0)
        rc = VFS(s, rename, s->options.dir, "format.new", s->options.dir, "format");
    if (rc == 0)
        s->salt = s->options.random;
    return rc;
}

static int any_segment(void *owner, const char *name)
{
    (void)owner;
    return slice_ends(slice_cstr(name), SLICE_LIT(".seg")) ? -EUCLEAN : 0;
}

static int open_files(struct spool *s)
{
    int rc;
    if ((rc = s->lock_fd = VFS(s, open, s->options.dir, "lock", O_RDWR | O_CREAT, 0600)) < 0)
        return rc;
    if ((rc = VFS(s, lock, s->lock_fd)) < 0)
        return rc;
    if ((rc = s->log_dir = open_dir(s, "log")) < 0)
        return rc;
    if ((rc = s->incoming_dir = open_dir(s, "incoming")) < 0)
        return rc;
    if ((rc = s->bodies_dir = open_dir(s, "bodies")) < 0)
        return rc;
    if ((rc = s->quarantine_dir = open_dir(s, "quarantine")) < 0)
        return rc;
    rc = format_read(s);
    /* The first start, or a mistake: segments are never older than the format file. */
    if (rc == -ENOENT && (rc = VFS(s, list, s->log_dir, any_segment, NULL)) == 0)
        rc = format_write(s);
    /* A name that we see may be one that a killed process made and did not sync. */
    return rc < 0 ? rc : VFS(s, fsync, s->options.dir);
}

static void spool_free(struct spool *s)
{
    const int fds[] = {s->log_dir, s->incoming_dir, s->bodies_dir, s->quarantine_dir};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0 && VFS(s, close, fds[i]) < 0)
            spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, 0);
    for (uint32_t i = 0; i < s->segment_room; i++)
        if (s->segments[i] != NULL)
            segment_free(s, s->segments[i]);
    /* Last, for it holds the lock. */
    if (s->lock_fd >= 0 && VFS(s, close, s->lock_fd) < 0)
        spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, 0);
    free(s->segments);
    table_free(s->table);
    group_release(&s->gather);
    group_release(&s->commit.group);
    infos_release(&s->clean_infos);
    infos_release(&s->upkeep.infos);
    free(s->unlink.p);
    while (s->adopt_first != NULL) {
        struct adopt *a = s->adopt_first;
        s->adopt_first = a->next;
        adopt_free(a);
    }
    free(s);
}

int spool_open(const struct spool_options *options, uint64_t now_ms, struct spool **ret)
{
    if (options->segment_bytes < SPOOL_SEGMENT_MIN || options->segment_bytes > SPOOL_SEGMENT_MAX ||
        options->spares < 2)
        return -EINVAL;
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    s->vfs = options->vfs;
    s->options = *options;
    s->now_ms = now_ms;
    s->lock_fd = s->log_dir = s->incoming_dir = s->bodies_dir = s->quarantine_dir = -1;
    s->adopt_last = &s->adopt_first;
    s->next_generation = s->next_seq = s->next_id = s->next_file = 1;
    buf_init(&s->gather.bytes, SIZE_MAX / 4);
    buf_init(&s->commit.group.bytes, SIZE_MAX / 4);
    s->table = table_new();
    int rc = s->table == NULL ? -ENOMEM : open_files(s);
    if (rc == 0)
        rc = spool_recover(s);
    if (rc < 0) {
        spool_free(s);
        return rc;
    }
    /* Spares before the first message; without room we still start, and say so. */
    while (spool_job_take(s, SPOOL_LANE_UPKEEP, now_ms)) {
        spool_job_run(s, SPOOL_LANE_UPKEEP);
        spool_job_finish(s, SPOOL_LANE_UPKEEP);
    }
    *ret = s;
    return 0;
}

void spool_close(struct spool *s)
{
    if (s != NULL)
        spool_free(s);
}

/* ---- messages ---- */

struct entry *spool_find(struct spool *s, uint64_t id)
{
    return id == 0 ? NULL : table_find(s->table, id);
}

struct table *spool_table(struct spool *s)
{
    return s->table;
}

int spool_each(struct spool *s, spool_each_fn *each, void *owner)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < table_limit(s->table); i++) {
        struct entry *e = table_at(s->table, i);
        if (e != NULL)
            rc = each(owner, e);
    }
    return rc;
}

int spool_state(struct spool *s, struct entry *e, uint16_t attempts, uint64_t next_try_ms,
                slice state)
{
    char *payload;
    if (record_round((uint32_t)(RECORD_HEAD_BYTES + STATE_HEAD_BYTES + state.n)) >
        s->options.segment_bytes / 4)
        return -EMSGSIZE;
    struct rec *r = gather_add(s, RECORD_STATE, e->id, STATE_HEAD_BYTES + state.n, false, &payload);
    if (r == NULL)
        return -ENOMEM;
    memset(payload, 0, STATE_HEAD_BYTES);
    le_put(payload, 8, next_try_ms);
    le_put(payload + 8, 2, attempts);
    if (state.n > 0)
        memcpy(payload + STATE_HEAD_BYTES, state.p, state.n);
    r->when = e->next_try_ms = next_try_ms;
    r->attempts = e->attempts = attempts;
    e->states_gathered++;
    return 0;
}

int spool_done(struct spool *s, struct entry *e)
{
    if (!gather_done(s, e->id, e->message, e->has_file))
        return -ENOMEM;
    const struct place nowhere = {.segment = TABLE_NONE};
    entry_move_message(s, e, nowhere);
    entry_move_state(s, e, nowhere);
    table_remove(s->table, e);
    return 0;
}

/* ---- work ---- */

bool spool_job_take(struct spool *s, enum spool_lane lane, uint64_t now_ms)
{
    s->now_ms = now_ms;
    switch (lane) {
    case SPOOL_LANE_COMMIT:
        return commit_take(s);
    case SPOOL_LANE_UPKEEP:
        return upkeep_take(s);
    case SPOOL_LANE_ADOPT:
        return adopt_take(s);
    }
    return false;
}

void spool_job_run(struct spool *s, enum spool_lane lane)
{
    switch (lane) {
    case SPOOL_LANE_COMMIT:
        commit_run(s);
        break;
    case SPOOL_LANE_UPKEEP:
        upkeep_run(s);
        break;
    case SPOOL_LANE_ADOPT:
        adopt_run(s);
        break;
    }
}

void spool_job_finish(struct spool *s, enum spool_lane lane)
{
    switch (lane) {
    case SPOOL_LANE_COMMIT:
        commit_finish(s);
        break;
    case SPOOL_LANE_UPKEEP:
        upkeep_finish(s);
        break;
    case SPOOL_LANE_ADOPT:
        adopt_finish(s);
        break;
    }
}

bool spool_is_urgent(const struct spool *s)
{
    return s->gather.urgent > 0;
}

bool spool_has_room(struct spool *s)
{
    struct vfs_space space;
    int rc = VFS(s, space, s->log_dir, &space);
    bool was = s->is_below_floor;
    s->is_below_floor = rc < 0 || space.free_bytes < s->options.floor_bytes ||
                        space.free_inodes < s->options.floor_inodes;
    s->space_asked_ms = s->now_ms;
    if (s->is_below_floor && !was)
        spool_say(s, SPOOL_NO_SPACE, TABLE_NONE, 0, rc < 0 ? rc : -ENOSPC);
    else if (was && !s->is_below_floor && !s->is_create_failed)
        spool_say(s, SPOOL_SPACE_AGAIN, TABLE_NONE, 0, 0);
    return !s->is_below_floor && !s->is_create_failed;
}

void spool_stats(const struct spool *s, struct spool_stats *ret)
{
    *ret = (struct spool_stats){
        .messages = table_count(s->table),
        .spares = spool_count_state(s, SEGMENT_SPARE),
        .groups = s->groups,
        .records = s->records,
        .copied = s->copied,
        .torn = s->torn,
        .damaged = s->damaged,
        .memory_bytes = table_memory_bytes(s->table),
    };
    for (uint32_t i = 0; i < s->segment_room; i++)
        if (s->segments[i] != NULL && s->segments[i]->state != SEGMENT_SPARE) {
            ret->segments++;
            ret->message_bytes += s->segments[i]->live_bytes;
        }
}
