#include "src/smtpd/authorities.h"

#include <errno.h>
#include <stdlib.h>

#include "src/smtpd/server.h"

static struct authority_file *find(struct server *s, slice path)
{
    for (size_t i = 0; i < s->authorities_n; i++)
        if (slice_eq(slice_of(s->authorities[i].path, s->authorities[i].path_n), path))
            return &s->authorities[i];
    return NULL;
}

static int apply(struct server *s, const struct authority_file *f)
{
    const struct conf *c = s->rules->conf;
    slice path = slice_of(f->path, f->path_n);
    int err = 0;
    for (uint32_t i = 0; i < c->listen.n && i < SERVER_LISTENERS && err == 0; i++)
        if (slice_eq(c->listen.v[i].client_certificates, path))
            err = tls_authorities(s->tls, i, slice_of(f->certificates, f->certificates_n));
    return err;
}

static void file_release(struct authority_file *f)
{
    free(f->path);
    free(f->certificates);
}

static char *copy_of(slice s)
{
    char *p = malloc(s.n + 1);
    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

int authorities_take(struct server *s, slice path, slice certificates)
{
    struct authority_file *old = find(s, path);
    struct authority_file f = {copy_of(path), copy_of(certificates), path.n, certificates.n};
    if (f.path == NULL || f.certificates == NULL ||
        (old == NULL && s->authorities_n == SERVER_LISTENERS)) {
        file_release(&f);
        return -ENOMEM;
    }
    if (old != NULL)
        file_release(old);
    else
        old = &s->authorities[s->authorities_n++];
    *old = f;
    return apply(s, old);
}

static bool is_wanted(const struct conf *c, slice path)
{
    for (size_t i = 0; i < c->listen.n; i++)
        if (slice_eq(c->listen.v[i].client_certificates, path))
            return true;
    return false;
}

void authorities_apply(struct server *s)
{
    for (uint32_t i = 0; i < SERVER_LISTENERS; i++)
        (void)!tls_authorities(s->tls, i, (slice){0}); /* takes away, which cannot fail */
    for (size_t i = 0; i < s->authorities_n;) {
        struct authority_file *f = &s->authorities[i];
        if (is_wanted(s->rules->conf, slice_of(f->path, f->path_n))) {
            (void)!apply(s, f); /* was understood before; without memory nobody is asked */
            i++;
        } else {
            file_release(f);
            *f = s->authorities[--s->authorities_n];
        }
    }
}

void authorities_release(struct server *s)
{
    while (s->authorities_n > 0)
        file_release(&s->authorities[--s->authorities_n]);
}
