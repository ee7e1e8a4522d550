#include "src/deliver/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to the slash before the part that has the first {. */
static slice root_of(slice template)
{
    slice fixed = slice_head(template, slice_find(template, '{'));
    size_t slash = slice_rfind(fixed, '/');
    return slice_head(fixed, slash == fixed.n ? 0 : slash);
}

static bool has(const struct roots *r, slice path)
{
    for (size_t i = 0; i < r->n; i++)
        if (slice_is(path, r->v[i].path))
            return true;
    return false;
}

/* The ways in: the top level's, then each domain's. False at the end. */
static bool template_at(const struct conf *conf, size_t i, slice *ret)
{
    if (i > conf->domain.n)
        return false;
    *ret = i == 0 ? conf->server.deliver.path : conf->domain.v[i - 1].deliver.path;
    return true;
}

/* All of path is there afterwards. *ret_made: its last part was not. */
static int make(char *path, bool *ret_made)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int err = mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : errno;
        *p = '/';
        if (err != 0)
            return -err;
    }
    *ret_made = mkdir(path, 0700) == 0;
    return *ret_made || errno == EEXIST ? 0 : -errno;
}

static int root_open(struct root *root, const struct sandbox_user *user,
                     struct sandbox_places *places)
{
    const char *path = root->path[0] == '\0' ? "/" : root->path;
    bool is_new = false;
    root->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->dir < 0 && errno == ENOENT) {
        int err = make(root->path, &is_new);
        if (err != 0)
            return err;
        root->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (root->dir < 0)
        return -errno;
    if (is_new && user->is_own && fchownat(root->dir, "", user->uid, user->gid, AT_EMPTY_PATH) != 0)
        return -errno;
    return sandbox_allow(places, root->dir);
}

int roots_open(struct roots *r, const struct conf *conf, const struct sandbox_user *user,
               struct sandbox_places *places, const char **ret_path)
{
    slice template;
    int err = 0;
    *ret_path = "";
    r->v = calloc(conf->domain.n + 1, sizeof *r->v);
    if (r->v == NULL)
        return -ENOMEM;
    for (size_t i = 0; err == 0 && template_at(conf, i, &template); i++) {
        slice path = root_of(template);
        if (template.n == 0 || has(r, path))
            continue;
        struct root *root = &r->v[r->n];
        *root = (struct root){.path = strndup(path.n > 0 ? path.p : "", path.n), .dir = -1};
        if (root->path == NULL)
            return -ENOMEM;
        r->n++;
        *ret_path = root->path;
        err = root_open(root, user, places);
    }
    return err;
}

void roots_close(struct roots *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].path);
        if (r->v[i].dir >= 0)
            (void)close(r->v[i].dir); /* O_PATH: there is nothing to lose */
    }
    free(r->v);
    *r = (struct roots){0};
}

bool roots_are_enough(const struct roots *r, const struct conf *conf)
{
    slice template;
    for (size_t i = 0; template_at(conf, i, &template); i++)
        if (template.n > 0 && !has(r, root_of(template)))
            return false;
    return true;
}

bool roots_find(const struct roots *r, const char *path, int *ret_dir, const char **ret_rest)
{
    size_t best = 0;
    bool is_found = false;
    for (size_t i = 0; i < r->n; i++) {
        size_t n = strlen(r->v[i].path);
        if (strncmp(path, r->v[i].path, n) != 0 || path[n] != '/' || path[n + 1] == '\0' ||
            (is_found && n < best))
            continue;
        best = n;
        is_found = true;
        *ret_dir = r->v[i].dir;
        *ret_rest = path + n + 1;
    }
    return is_found;
}
