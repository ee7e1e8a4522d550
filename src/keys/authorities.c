#include "src/keys/authorities.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

static void log_file(const struct authorities *a, const struct authority_file *f,
                     enum log_level level, const char *event)
{
    struct log_line line;
    log_begin(&line, a->log, level, event);
    log_cstr(&line, "file", f->path);
    if (f->refusal != NULL) {
        log_cstr(&line, "why", f->refusal);
        log_error(&line, f->error);
    }
    log_end(&line);
}

static bool refuse(const struct authorities *a, struct authority_file *f, const char *why,
                   int error)
{
    if (f->refusal != why || f->error != error) {
        f->refusal = why;
        f->error = error;
        log_file(a, f, LOG_ERROR, "tls.client-certificates-refused");
    }
    return false;
}

const char *authorities_read(slice pem, struct buf *out)
{
    BIO *bio = BIO_new_mem_buf(pem.p == NULL ? "" : pem.p, (int)pem.n);
    const char *why = bio == NULL ? "out of memory" : NULL;
    X509 *x = NULL;
    while (why == NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        unsigned char *der = NULL;
        int n = i2d_X509(x, &der);
        if (n > 0)
            buf_add(out, slice_of(der, (size_t)n));
        why = n <= 0 || out->err != BUF_OK ? "the certificates are longer than 64 KiB" : NULL;
        OPENSSL_free(der);
        X509_free(x);
    }
    /* The end of the file is an end; what begins as a certificate and is none is not. */
    if (why == NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        why = "there is a PEM certificate in the file that cannot be read";
    if (why == NULL && out->n == 0)
        why = "there is no PEM certificate in the file";
    BIO_free(bio);
    ERR_clear_error();
    return why;
}

static bool load(const struct authorities *a, struct authority_file *f, int fd)
{
    struct buf pem, certificates;
    mode_t mode;
    buf_init(&pem, FILE_MAX_BYTES + 1);
    buf_init(&certificates, AUTHORITIES_MAX_BYTES);
    int err = file_read(fd, &pem, &mode);
    const char *why =
        err != 0 ? "the file cannot be read" : authorities_read(buf_slice(&pem), &certificates);
    buf_release(&pem);
    if (why != NULL) {
        buf_release(&certificates);
        return refuse(a, f, why, err);
    }
    buf_release(&f->certificates);
    f->certificates = certificates;
    f->refusal = NULL;
    f->error = 0;
    log_file(a, f, LOG_INFO, "tls.client-certificates");
    return true;
}

bool authorities_look(struct authorities *a, size_t i, int error, int fd)
{
    struct authority_file *f = &a->file[i];
    struct file_identity now;
    if (error == 0)
        error = file_identify(fd, &now);
    if (error != 0) {
        f->seen = (struct file_identity){0};
        return refuse(a, f, "the file cannot be opened", error);
    }
    bool is_same = file_is_same(&now, &f->seen);
    if (is_same && !f->is_settling)
        return false;
    f->seen = now;
    f->is_settling = !is_same && f->certificates.n > 0; /* it may be half written */
    return !f->is_settling && load(a, f, fd);
}

static void file_release(struct authority_file *f)
{
    free(f->path);
    buf_release(&f->certificates);
    *f = (struct authority_file){0};
}

static struct authority_file *find(const struct authorities *a, slice path)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->file[i].path != NULL && slice_is(path, a->file[i].path))
            return &a->file[i];
    return NULL;
}

bool authorities_configure(struct authorities *a, const struct conf *conf)
{
    size_t n = conf->listen.n;
    struct authorities fresh = {.log = a->log, .file = calloc(n + 1, sizeof *fresh.file)};
    bool ok = fresh.file != NULL;
    for (; ok && fresh.n < n; fresh.n++) {
        slice path = conf->listen.v[fresh.n].client_certificates;
        if (path.n == 0 || find(&fresh, path) != NULL)
            continue;
        fresh.file[fresh.n].path = strndup(path.p, path.n);
        ok = fresh.file[fresh.n].path != NULL;
    }
    if (!ok) {
        authorities_release(&fresh);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct authority_file *old =
            fresh.file[i].path == NULL ? NULL : find(a, slice_cstr(fresh.file[i].path));
        if (old == NULL)
            continue;
        file_release(&fresh.file[i]);
        fresh.file[i] = *old;
        *old = (struct authority_file){0};
    }
    authorities_release(a);
    *a = fresh;
    return true;
}

void authorities_release(struct authorities *a)
{
    for (size_t i = 0; i < a->n; i++)
        file_release(&a->file[i]);
    free(a->file);
    *a = (struct authorities){.log = a->log};
}
