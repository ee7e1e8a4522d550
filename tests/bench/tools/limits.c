/* limits DIR: what the disk and loopback can do.  Every loop is time-bounded. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#define T 5.0
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static const char *dir;
static char buf[1 << 20];
static int mode;
enum { APPEND, PREALLOC, CREATE, CREATE_RENAME, SHARED_DUMMY };
struct r {
    long n;
    double *lat;
    int id;
};
#define MAXLAT 2000000
static void *work(void *v)
{
    struct r *r = v;
    char p[512], q[512];
    double end = now() + T;
    snprintf(p, sizeof p, "%s/f%d", dir, r->id);
    int fd = -1;
    if (mode == APPEND || mode == PREALLOC) {
        fd = open(p, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        if (mode == PREALLOC) {
            for (int i = 0; i < 64; i++)
                if (write(fd, buf, sizeof buf) < 0)
                    exit(1);
            fsync(fd);
            lseek(fd, 0, SEEK_SET);
        }
        end = now() + T;
    }
    while (now() < end && r->n < MAXLAT) {
        double t = now();
        if (mode == APPEND || mode == PREALLOC) {
            if (mode == PREALLOC && r->n % 16384 == 16383)
                lseek(fd, 0, SEEK_SET);
            if (write(fd, buf, 4096) != 4096 || fdatasync(fd)) {
                perror("write");
                exit(1);
            }
        } else {
            snprintf(p, sizeof p, "%s/c%d-%ld", dir, r->id, r->n);
            fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0600);
            if (write(fd, buf, 4096) != 4096 || fsync(fd)) {
                perror("write");
                exit(1);
            }
            close(fd);
            if (mode == CREATE_RENAME) {
                snprintf(q, sizeof q, "%s/r%d-%ld", dir, r->id, r->n);
                if (rename(p, q)) {
                    perror("rename");
                    exit(1);
                }
            }
        }
        r->lat[r->n++] = now() - t;
    }
    return NULL;
}
static int cmp(const void *a, const void *b)
{
    double x = *(double *)a, y = *(double *)b;
    return x < y ? -1 : x > y;
}
static void sync_test(const char *what, int m, int threads)
{
    pthread_t t[64];
    struct r r[64];
    long n = 0;
    double s = now();
    mode = m;
    for (int i = 0; i < threads; i++) {
        r[i] = (struct r){0, malloc(MAXLAT * sizeof(double)), i};
        pthread_create(&t[i], NULL, work, &r[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(t[i], NULL);
        n += r[i].n;
    }
    double el = now() - s;
    if (m == PREALLOC)
        el = T;
    double *all = malloc((n + 1) * sizeof(double));
    long k = 0;
    for (int i = 0; i < threads; i++) {
        memcpy(all + k, r[i].lat, r[i].n * sizeof(double));
        k += r[i].n;
        free(r[i].lat);
    }
    qsort(all, n, sizeof(double), cmp);
    printf("%-44s %2d thr %9.0f /s   p50 %7.3f ms  p99 %7.3f ms\n", what, threads, n / el,
           n ? all[n / 2] * 1e3 : 0, n ? all[n * 99 / 100] * 1e3 : 0);
    fflush(stdout);
    free(all);
    char c[600];
    snprintf(c, sizeof c, "find '%s' -type f -delete; sync", dir);
    if (system(c)) {
    }
}
static void bw(size_t chunk)
{
    char p[512];
    snprintf(p, sizeof p, "%s/bw", dir);
    int fd = open(p, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    double s = now();
    long n = 0;
    while (now() - s < T && n < 20000) {
        if (write(fd, buf, chunk) != (ssize_t)chunk || fdatasync(fd)) {
            perror("bw");
            exit(1);
        }
        n++;
    }
    double el = now() - s;
    printf("%-44s        %9.1f MB/s   %8.3f ms per commit\n",
           chunk == 1 << 20 ? "sequential append, fdatasync each 1 MiB"
                            : "sequential append, fdatasync each 64 KiB",
           n * (double)chunk / 1e6 / el, el / n * 1e3);
    fflush(stdout);
    close(fd);
    unlink(p);
    sync();
}
static int lport;
static void *acceptor(void *v)
{
    int l = *(int *)v;
    for (;;) {
        int c = accept(l, NULL, NULL);
        if (c < 0)
            return NULL;
        close(c);
    }
}
static long conns[8];
static void *connector(void *v)
{
    long i = (long)v;
    double e = now() + T;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = lport,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    while (now() < e && conns[i] < 400000) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        char c;
        if (connect(s, (struct sockaddr *)&a, sizeof a) == 0) {
            if (read(s, &c, 1) == 0)
                conns[i]++;
        }
        close(s);
    }
    return NULL;
}
int main(int ac, char **av)
{
    if (ac < 2)
        return 2;
    dir = av[1];
    memset(buf, 'x', sizeof buf);
    sync_test("4 KiB append + fdatasync (growing file)", APPEND, 1);
    sync_test("4 KiB append + fdatasync (growing file)", APPEND, 8);
    sync_test("4 KiB append + fdatasync (growing file)", APPEND, 50);
    sync_test("4 KiB overwrite + fdatasync (preallocated)", PREALLOC, 1);
    sync_test("4 KiB overwrite + fdatasync (preallocated)", PREALLOC, 8);
    sync_test("create + 4 KiB + fsync + close", CREATE, 1);
    sync_test("create + 4 KiB + fsync + close", CREATE, 8);
    sync_test("create + 4 KiB + fsync + close", CREATE, 50);
    sync_test("create + 4 KiB + fsync + rename", CREATE_RENAME, 8);
    sync_test("create + 4 KiB + fsync + rename", CREATE_RENAME, 50);
    bw(1 << 16);
    bw(1 << 20);
    int l = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t al = sizeof a;
    bind(l, (struct sockaddr *)&a, sizeof a);
    listen(l, 1024);
    getsockname(l, (struct sockaddr *)&a, &al);
    lport = a.sin_port;
    pthread_t t, c[4];
    pthread_create(&t, NULL, acceptor, &l);
    double s = now();
    long n = 0;
    for (long i = 0; i < 4; i++)
        pthread_create(&c[i], NULL, connector, (void *)i);
    for (int i = 0; i < 4; i++) {
        pthread_join(c[i], NULL);
        n += conns[i];
    }
    printf("%-44s        %9.0f /s (client and server share the CPUs)\n",
           "loopback connect+accept+close", n / (now() - s));
    return 0;
}
