/* Real files in a folder of the test's own, and a file system in front of them whose Nth call
 * fails. */
#include "lib/base/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/deliver/mailboxes.h"

#define LETTERS 6

/* ---- a file system that fails ---- */

static struct {
    struct vfs vfs;
    struct vfs_ops ops;
    int until_failure; /* 0: the next call fails; negative: none does */
    int error;
    int calls;
} broken;

static bool fails(void)
{
    broken.calls++;
    return broken.until_failure-- == 0;
}

#define OR_FAIL(call) (fails() ? broken.error : vfs_kernel.ops->call)

static int broken_open(struct vfs *v, int dir, const char *name, int flags, unsigned mode)
{
    (void)v;
    return OR_FAIL(open(&vfs_kernel, dir, name, flags, mode));
}

static int broken_close(struct vfs *v, int fd)
{
    bool failed = fails();
    int err = vfs_kernel.ops->close(&vfs_kernel, fd);

    (void)v;
    return failed ? broken.error : err;
}

static ssize_t broken_read(struct vfs *v, int fd, void *to, size_t n, uint64_t offset)
{
    (void)v;
    return OR_FAIL(read(&vfs_kernel, fd, to, n, offset));
}

static ssize_t broken_write(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset)
{
    (void)v;
    /* Half of it is there all the same. */
    if (fails()) {
        ssize_t half = vfs_kernel.ops->write(&vfs_kernel, fd, from, n / 2, offset);
        return half < 0 ? half : broken.error;
    }
    return vfs_kernel.ops->write(&vfs_kernel, fd, from, n, offset);
}

/* The disk itself would only take its time. */
static int broken_fsync(struct vfs *v, int fd)
{
    (void)v;
    return fails() ? broken.error : fcntl(fd, F_GETFD) < 0 ? -errno : 0;
}

static int broken_mkdir(struct vfs *v, int dir, const char *name, unsigned mode)
{
    (void)v;
    return OR_FAIL(mkdir(&vfs_kernel, dir, name, mode));
}

static int broken_rename(struct vfs *v, int from_dir, const char *from, int to_dir, const char *to)
{
    (void)v;
    return OR_FAIL(rename(&vfs_kernel, from_dir, from, to_dir, to));
}

static int broken_unlink(struct vfs *v, int dir, const char *name)
{
    (void)v;
    return OR_FAIL(unlink(&vfs_kernel, dir, name));
}

static int broken_list(struct vfs *v, int dir, vfs_name_fn *each, void *owner)
{
    (void)v;
    return OR_FAIL(list(&vfs_kernel, dir, each, owner));
}

static int broken_size(struct vfs *v, int fd, uint64_t *ret)
{
    (void)v;
    return OR_FAIL(size(&vfs_kernel, fd, ret));
}

static int broken_syncfs(int fd)
{
    return fails() ? broken.error : fcntl(fd, F_GETFD) < 0 ? -errno : 0;
}

static const struct maildir_system by_file = {.vfs = &broken.vfs};
static const struct maildir_system by_syncfs = {.vfs = &broken.vfs, .syncfs = broken_syncfs};

/* ---- a folder ---- */

static char folder[64];
static struct buf room;

static int set_up(void **state)
{
    (void)state;
    broken.ops = *vfs_kernel.ops;
    broken.ops.open = broken_open;
    broken.ops.close = broken_close;
    broken.ops.read = broken_read;
    broken.ops.write = broken_write;
    broken.ops.fsync = broken_fsync;
    broken.ops.mkdir = broken_mkdir;
    broken.ops.rename = broken_rename;
    broken.ops.unlink = broken_unlink;
    broken.ops.list = broken_list;
    broken.ops.size = broken_size;
    broken.vfs.ops = &broken.ops;
    broken.until_failure = -1;
    broken.error = -EIO;
    buf_init(&room, 1 << 20);
    snprintf(folder, sizeof folder, "/tmp/candor-maildir-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&room);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Good for the next 31 calls. */
static const char *in_folder(const char *name)
{
    static char path[32][256];
    static size_t turn;
    char *p = path[turn++ % 32];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static size_t count_files(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    if (d == NULL)
        return 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void assert_file(const char *path, const char *want)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        fail_msg("%s is not there", path);
    n = read(fd, text, sizeof text);
    close(fd);
    assert_true(n >= 0);
    assert_slice(slice_of(text, (size_t)n), slice_cstr(want));
}

static struct letter letter_to(struct maildir *to, const char *name)
{
    return (struct letter){.to = to,
                           .name = name,
                           .head = SLICE_LIT("Return-Path: <>\r\nSubject: x\r\n\r\n"),
                           .body = SLICE_LIT("one\r\ntwo\r\n"),
                           .fd = -1};
}

#define TEXT "Return-Path: <>\nSubject: x\n\none\ntwo\n"

static struct letter deliver_one(struct maildir *to, const char *name)
{
    struct letter l = letter_to(to, name);

    maildir_deliver(&by_file, &l, 1, &room);
    return l;
}

/* ---- tests ---- */

static void test_makes_mailbox(void **state)
{
    struct maildir m = {.path = in_folder("mail/example.org/alice")};
    struct stat st;

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    assert_file(in_folder("mail/example.org/alice/new/n1,S=36"), TEXT);
    assert_int_equal(count_files(in_folder("mail/example.org/alice/tmp")), 0);
    assert_int_equal(stat(in_folder("mail/example.org/alice/cur"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(in_folder("mail/example.org"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(in_folder("mail/example.org/alice/new/n1,S=36"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    maildir_close(&by_file, &m);
}

static void test_repetition_replaces(void **state)
{
    struct maildir m = {.path = in_folder("a")};
    int fd;

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    /* What a crash may have left. */
    fd = open(in_folder("a/tmp/n1"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "torn", 4), 4);
    close(fd);
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    assert_int_equal(count_files(in_folder("a/new")), 1);
    assert_int_equal(count_files(in_folder("a/tmp")), 0);
    assert_file(in_folder("a/new/n1,S=36"), TEXT);
    maildir_close(&by_file, &m);
}

static void test_links_are_refused(void **state)
{
    struct maildir a = {.path = in_folder("a")}, b = {.path = in_folder("b")};

    (void)state;
    assert_int_equal(mkdir(in_folder("elsewhere"), 0700), 0);
    assert_int_equal(symlink("elsewhere", in_folder("a")), 0);
    assert_int_not_equal(deliver_one(&a, "n1").err, 0);
    assert_int_equal(count_files(in_folder("elsewhere")), 0);
    assert_int_equal(mkdir(in_folder("b"), 0700), 0);
    assert_int_equal(symlink("../elsewhere", in_folder("b/new")), 0);
    assert_int_not_equal(deliver_one(&b, "n1").err, 0);
    assert_int_equal(unlink(in_folder("b/new")), 0);
    /* A link with the letter's own name in tmp/ is taken away, not followed. */
    assert_int_equal(deliver_one(&b, "n0").err, 0);
    assert_int_equal(symlink("../../elsewhere/victim", in_folder("b/tmp/n1")), 0);
    assert_int_equal(deliver_one(&b, "n1").err, 0);
    assert_int_equal(count_files(in_folder("elsewhere")), 0);
    assert_file(in_folder("b/new/n1,S=36"), TEXT);
    maildir_close(&by_file, &b);
}

static void test_something_in_the_way(void **state)
{
    struct maildir m = {.path = in_folder("file/alice")};
    int fd = open(in_folder("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    close(fd);
    assert_int_equal(deliver_one(&m, "n1").err, -ENOTDIR);
    assert_false(m.is_open);
}

static void test_moved_and_removed(void **state)
{
    struct maildir m = {.path = in_folder("a")};

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    assert_int_equal(rename(in_folder("a"), in_folder("moved")), 0);
    assert_int_equal(deliver_one(&m, "n2").err, 0);
    assert_int_equal(count_files(in_folder("moved/new")), 1);
    assert_file(in_folder("a/new/n2,S=36"), TEXT);
    maildir_close(&by_file, &m);
}

/* A restored backup, say: what was held open is no more, and one attempt finds that out. */
static void test_new_is_another(void **state)
{
    struct maildir m = {.path = in_folder("a")};

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    assert_int_equal(unlink(in_folder("a/new/n1,S=36")), 0);
    assert_int_equal(rmdir(in_folder("a/new")), 0);
    assert_int_equal(mkdir(in_folder("a/new"), 0700), 0);
    assert_int_not_equal(deliver_one(&m, "n2").err, 0);
    assert_int_equal(deliver_one(&m, "n2").err, 0);
    assert_file(in_folder("a/new/n2,S=36"), TEXT);
    maildir_close(&by_file, &m);
}

static void test_descriptor(void **state)
{
    struct maildir m = {.path = in_folder("a")};
    struct letter l = letter_to(&m, "big");
    char line[64];
    int fd = memfd_create("body", MFD_CLOEXEC);
    struct stat st;
    size_t n = 0;

    (void)state;
    memset(line, 'x', 62);
    memcpy(line + 62, "\r\n", 2);
    /* 3 bytes first, so that pieces end between CR and LF. */
    assert_int_equal(write(fd, "abc", 3), 3);
    for (n = 0; n < 20000; n++)
        assert_int_equal(write(fd, line, 64), 64);
    l.fd = fd;
    l.body_bytes = 3 + n * 64;
    maildir_deliver(&by_file, &l, 1, &room);
    assert_int_equal(l.err, 0);
    assert_int_equal(stat(in_folder("a/new/big,S=1260031"), &st), 0);
    assert_int_equal(st.st_size, 28 + 3 + n * 63);
    /* No lines: not a byte is changed, in the head either. */
    l = letter_to(&m, "binary");
    l.head = SLICE_LIT("A: b\r\n\r\n");
    l.is_binary = true;
    l.fd = fd;
    l.body_bytes = 3 + n * 64;
    maildir_deliver(&by_file, &l, 1, &room);
    assert_int_equal(l.err, 0);
    assert_int_equal(stat(in_folder("a/new/binary,S=1280011"), &st), 0);
    assert_int_equal(st.st_size, 8 + 3 + n * 64);
    /* A body that ends early is no body. */
    l = letter_to(&m, "short");
    l.fd = fd;
    l.body_bytes = 3 + n * 64 + 1;
    maildir_deliver(&by_file, &l, 1, &room);
    assert_int_equal(l.err, -ENODATA);
    assert_int_equal(count_files(in_folder("a/new")), 2);
    assert_int_equal(count_files(in_folder("a/tmp")), 0);
    close(fd);
    maildir_close(&by_file, &m);
}

static const char *const names[LETTERS] = {"n0", "n1", "n2", "n3", "n4", "n5"};

static void deliver_all(const struct maildir_system *system, struct maildir m[2],
                        struct letter letters[LETTERS])
{
    for (size_t i = 0; i < LETTERS; i++)
        letters[i] = letter_to(&m[i % 2], names[i]);
    maildir_deliver(system, letters, LETTERS, &room);
}

static void assert_delivered(const char *box, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "%s/new/%s,S=36", box, name);
    assert_file(in_folder(path), TEXT);
}

/* The Nth call fails, for every N: who is told "done" is there whole, who is not is tried again,
 * and in the end everybody is there once. */
static void fail_every_call(const struct maildir_system *system)
{
    static const char *const boxes[] = {"x/a", "x/b"};
    char paths[2][128];
    bool clean = false;

    for (int n = 0; !clean; n++) {
        struct maildir m[2] = {{.path = paths[0]}, {.path = paths[1]}};
        struct letter letters[LETTERS];
        size_t failed = 0;

        for (size_t i = 0; i < 2; i++)
            snprintf(paths[i], sizeof paths[i], "%s", in_folder(boxes[i]));
        broken.until_failure = n;
        deliver_all(system, m, letters);
        clean = broken.until_failure >= 0;
        broken.until_failure = -1;
        for (size_t i = 0; i < LETTERS; i++) {
            if (letters[i].err == 0)
                assert_delivered(boxes[i % 2], names[i]);
            failed += letters[i].err != 0;
        }
        if (clean)
            assert_int_equal(failed, 0);
        assert_int_equal(count_files(in_folder("x/a/tmp")) + count_files(in_folder("x/b/tmp")), 0);
        deliver_all(system, m, letters);
        for (size_t i = 0; i < LETTERS; i++) {
            assert_int_equal(letters[i].err, 0);
            assert_delivered(boxes[i % 2], names[i]);
        }
        assert_int_equal(count_files(in_folder("x/a/new")), LETTERS / 2);
        assert_int_equal(count_files(in_folder("x/b/new")), LETTERS / 2);
        maildir_close(system, &m[0]);
        maildir_close(system, &m[1]);
        nftw(in_folder("x"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static void test_every_failure(void **state)
{
    (void)state;
    fail_every_call(&by_file);
}

static void test_every_failure_by_syncfs(void **state)
{
    (void)state;
    fail_every_call(&by_syncfs);
}

/* ---- quota: TEXT has 36 bytes ---- */

static int deliver_with_quota(const struct maildir_system *system, struct maildir *m,
                              const char *name, uint64_t quota)
{
    struct letter l = letter_to(m, name);

    l.quota_bytes = quota;
    maildir_deliver(system, &l, 1, &room);
    return l.err;
}

static void put_file(const char *path, const char *text, uint64_t age_s)
{
    struct timespec times[2] = {{.tv_sec = 1000000 - (time_t)age_s}};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    times[1] = times[0];
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void assert_usage(const char *path, uint64_t bytes, uint64_t messages)
{
    struct maildirsize sum;

    assert_int_equal(maildir_usage(&by_file, path, &sum), 0);
    assert_int_equal(sum.bytes, bytes);
    assert_int_equal(sum.messages, messages);
}

static void test_quota(void **state)
{
    struct maildir m = {.path = in_folder("a")};
    struct maildir_system system = by_file;

    (void)state;
    system.now_s = 1000000;
    assert_usage(m.path, 0, 0);
    assert_int_equal(deliver_with_quota(&system, &m, "n1", 100), 0);
    assert_file(in_folder("a/maildirsize"), "100S\n0 0\n36 1\n");
    /* A repetition is not counted twice. */
    assert_int_equal(deliver_with_quota(&system, &m, "n1", 100), 0);
    assert_int_equal(deliver_with_quota(&system, &m, "n2", 100), 0);
    assert_file(in_folder("a/maildirsize"), "100S\n0 0\n36 1\n36 1\n");
    assert_int_equal(deliver_with_quota(&system, &m, "n3", 72), -EDQUOT);
    assert_int_equal(count_files(in_folder("a/new")), 2);
    assert_int_equal(count_files(in_folder("a/tmp")), 0);
    assert_usage(m.path, 72, 2);
    /* There is room, if not for all of it. */
    assert_int_equal(deliver_with_quota(&system, &m, "n3", 73), 0);
    /* Without a quota nobody is refused, and the count is kept right. */
    assert_int_equal(deliver_with_quota(&system, &m, "n4", 0), 0);
    assert_file(in_folder("a/maildirsize"), "100S\n0 0\n36 1\n36 1\n36 1\n36 1\n");
    maildir_close(&by_file, &m);
}

/* Who reads their mail and removes it without a word is found out after a quarter of an hour. */
static void test_quota_is_counted_anew(void **state)
{
    struct maildir m = {.path = in_folder("a")};
    struct maildir_system system = by_file;

    (void)state;
    system.now_s = 1000000;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    put_file(in_folder("a/maildirsize"), "100S\n100 3\n", 600);
    assert_int_equal(deliver_with_quota(&system, &m, "n2", 100), -EDQUOT);
    put_file(in_folder("a/maildirsize"), "100S\n100 3\n", 901);
    assert_int_equal(deliver_with_quota(&system, &m, "n2", 100), 0);
    assert_file(in_folder("a/maildirsize"), "100S\n36 1\n36 1\n");
    assert_int_equal(deliver_with_quota(&system, &m, "n3", 72), -EDQUOT);
    /* Another limit in the file: at once only when it is old. */
    put_file(in_folder("a/maildirsize"), "50S\n0 0\n", 600);
    assert_int_equal(deliver_with_quota(&system, &m, "n3", 100), 0);
    assert_file(in_folder("a/maildirsize"), "50S\n0 0\n36 1\n");
    put_file(in_folder("a/maildirsize"), "50S\n0 0\n", 901);
    assert_int_equal(deliver_with_quota(&system, &m, "n4", 200), 0);
    assert_file(in_folder("a/maildirsize"), "200S\n108 3\n36 1\n");
    maildir_close(&by_file, &m);
}

/* Folders too; by the name, else by the size; what is no message is not counted. */
static void test_what_is_counted(void **state)
{
    struct maildir m = {.path = in_folder("a")};

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    assert_int_equal(mkdir(in_folder("a/.Sent"), 0700), 0);
    assert_int_equal(mkdir(in_folder("a/.Sent/cur"), 0700), 0);
    assert_int_equal(mkdir(in_folder("a/.Empty"), 0700), 0);
    put_file(in_folder("a/.Sent/cur/x,S=1000,W=1100:2,S"), "", 0);
    put_file(in_folder("a/cur/y:2,"), "12345", 0);
    put_file(in_folder("a/cur/.hidden"), "12345", 0);
    put_file(in_folder("a/.file"), "12345", 0);
    assert_int_equal(symlink("/", in_folder("a/.link")), 0);
    assert_usage(m.path, 1041, 3);
    assert_int_equal(deliver_with_quota(&by_file, &m, "n2", 2000), 0);
    assert_file(in_folder("a/maildirsize"), "2000S\n1041 3\n36 1\n");
    maildir_close(&by_file, &m);
}

static void test_odd_files(void **state)
{
    static const char *const bad[] = {
        "",          "100S",          "100S\nx\n",     "100S\n1\n",
        "100S\n1 2", "100S\n1 2 3\n", "100S\n1 2\n\n", "100S\n99999999999999999999 1\n"};
    static const struct {
        const char *text;
        uint64_t bytes, messages;
    } good[] = {
        {"100S\n", 0, 0},
        {"100S,5C\n10 1\n", 10, 1},
        {"5C,100S\n     10    1\n-4 -1\n", 6, 0},
        {"100S\n-50 -1\n", 0, 0},
        {"NOQUOTA\n10 2\n", 10, 2},
    };
    static char big[6000];
    struct maildir m = {.path = in_folder("a")};

    (void)state;
    assert_int_equal(deliver_one(&m, "n1").err, 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        put_file(in_folder("a/maildirsize"), bad[i], 0);
        assert_usage(m.path, 36, 1);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        put_file(in_folder("a/maildirsize"), good[i].text, 0);
        assert_usage(m.path, good[i].bytes, good[i].messages);
    }
    /* Too long: written anew. */
    memcpy(big, "100S\n", 5);
    for (size_t i = 5; i < 5200; i += 4)
        memcpy(big + i, "1 1\n", 4);
    put_file(in_folder("a/maildirsize"), big, 0);
    assert_int_equal(deliver_with_quota(&by_file, &m, "n2", 100), 0);
    assert_file(in_folder("a/maildirsize"), "100S\n36 1\n36 1\n");
    /* A link is not followed. */
    assert_int_equal(unlink(in_folder("a/maildirsize")), 0);
    assert_int_equal(symlink("/etc/passwd", in_folder("a/maildirsize")), 0);
    assert_int_equal(deliver_with_quota(&by_file, &m, "n3", 200), 0);
    assert_file(in_folder("a/maildirsize"), "200S\n72 2\n36 1\n");
    maildir_close(&by_file, &m);
}

/* Six letters for two mailboxes with room for two each, and the Nth call fails: nobody ever gets
 * more than the quota, and in the end the count is right or there is none. */
static void test_every_failure_with_quota(void **state)
{
    static const char *const boxes[] = {"x/a", "x/b"};
    bool clean = false;

    (void)state;
    for (int n = 0; !clean; n++) {
        char paths[2][128];
        struct maildir m[2] = {{.path = paths[0]}, {.path = paths[1]}};
        struct letter letters[LETTERS];

        for (unsigned turn = 0; turn < 2; turn++) {
            for (size_t i = 0; i < 2; i++)
                snprintf(paths[i], sizeof paths[i], "%s", in_folder(boxes[i]));
            for (size_t i = 0; i < LETTERS; i++) {
                letters[i] = letter_to(&m[i % 2], names[i]);
                letters[i].quota_bytes = 72;
            }
            broken.until_failure = turn == 0 ? n : -1;
            maildir_deliver(&by_file, letters, LETTERS, &room);
            clean = turn == 0 ? broken.until_failure >= 0 : clean;
            broken.until_failure = -1;
        }
        for (size_t i = 0; i < 2; i++) {
            struct maildirsize sum;
            size_t files = count_files(in_folder(i == 0 ? "x/a/new" : "x/b/new"));

            assert_true(files <= 2);
            assert_int_equal(maildir_usage(&by_file, paths[i], &sum), 0);
            /* A letter that is there though its sync failed is counted as what it is: there. */
            assert_true(sum.messages >= files);
            maildir_close(&by_file, &m[i]);
        }
        assert_int_equal(count_files(in_folder("x/a/tmp")) + count_files(in_folder("x/b/tmp")), 0);
        nftw(in_folder("x"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* A real full disk; needs root for the mount. */
static void test_full_disk(void **state)
{
    struct maildir m = {.path = in_folder("small/alice")};
    struct letter l;
    static char big[300000];

    (void)state;
    assert_int_equal(mkdir(in_folder("small"), 0700), 0);
    if (mount("tmpfs", in_folder("small"), "tmpfs", 0, "size=128k") != 0)
        skip();
    l = letter_to(&m, "big");
    l.body = slice_of(big, sizeof big);
    maildir_deliver(&by_file, &l, 1, &room);
    assert_int_equal(l.err, -ENOSPC);
    assert_int_equal(count_files(in_folder("small/alice/tmp")), 0);
    assert_int_equal(deliver_one(&m, "small").err, 0);
    assert_int_equal(mount(NULL, in_folder("small"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(deliver_one(&m, "other").err, -EROFS);
    maildir_close(&by_file, &m);
    assert_int_equal(umount(in_folder("small")), 0);
}

static void test_names(void **state)
{
    static const char *const good[] = {"a", "1k2.3.mx.example.org", "a+b,c=d_e-f~%"};
    static const char *const bad[] = {"",  ".",   "..",  ".a",  "a/b",
                                      "/", "a b", "a\n", "a:2", "\xc3\xbc"};
    static const char *const paths[] = {"/a", "/a/b/c"};
    static const char *const no_paths[] = {"",      "/",      "a",     "a/b",   "/a/", "//a",
                                           "/a//b", "/a/./b", "/a/..", "/../a", "/.."};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(maildir_is_name(slice_cstr(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(maildir_is_name(slice_cstr(bad[i])));
    for (size_t i = 0; i < COUNT(paths); i++)
        assert_true(maildir_is_path(slice_cstr(paths[i])));
    for (size_t i = 0; i < COUNT(no_paths); i++)
        assert_false(maildir_is_path(slice_cstr(no_paths[i])));
    assert_false(maildir_is_name(slice_of("a\0b", 3)));
    assert_false(maildir_is_path(slice_of("/a\0b", 4)));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_makes_mailbox),
        T(test_repetition_replaces),
        T(test_links_are_refused),
        T(test_something_in_the_way),
        T(test_moved_and_removed),
        T(test_new_is_another),
        T(test_descriptor),
        T(test_every_failure),
        T(test_every_failure_by_syncfs),
        T(test_quota),
        T(test_quota_is_counted_anew),
        T(test_what_is_counted),
        T(test_odd_files),
        T(test_every_failure_with_quota),
        T(test_full_disk),
        T(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
