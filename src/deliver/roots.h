/* roots: the directories that the configuration's Maildirs lie below, each the part of a
 * `deliver maildir` path that stands before the first {…}. They are opened before the sandbox: from
 * then on a mailbox is reached from its root, whoever may pass through what lies above, and nothing
 * else of the file system is in sight. */
#ifndef CANDOR_DELIVER_ROOTS_H
#define CANDOR_DELIVER_ROOTS_H

#include "lib/conf/conf.h"
#include "sys/sandbox.h"

struct root {
    char *path; /* without a slash at its end; empty for / */
    int dir;    /* ours, O_PATH */
};

struct roots {
    struct root *v;
    size_t n;
};

/* Opens all; makes what is missing, the last directory of each for user alone. -errno: *ret_path
 * (good until roots_close) says which, what was opened stays. */
int roots_open(struct roots *r, const struct conf *conf, const struct sandbox_user *user,
               struct sandbox_places *places, const char **ret_path)
    __attribute__((warn_unused_result));
void roots_close(struct roots *r);
/* Has this configuration no root but those? */
bool roots_are_enough(const struct roots *r, const struct conf *conf);
/* The root with path below it, and the path from there (no slash first); false: there is none. */
bool roots_find(const struct roots *r, const char *path, int *ret_dir, const char **ret_rest);

#endif
