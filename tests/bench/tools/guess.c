/* guess: how long honest users wait for their 235 while others guess passwords.
 *
 *   guess [-r RATE] [-n ADDRESSES] [-h USERS] [-t SECONDS] [-w SECONDS] -a USER:PASSWORD PORT
 *
 *   -r  wrong passwords a second, in all (200); 0: nobody guesses
 *   -n  addresses that they come from, 127.0.8.1 and on (50)
 *   -h  honest clients, each from 127.0.9.N, that sign in again and again, at most five times a
 *       second each (4)
 *   -t  seconds of measuring (10)
 *   -w  seconds before, while which the guessing has begun and honest users sign in unmeasured (5)
 *   -a  the honest users' name and password; half of the guesses are at this name, half at names
 *       that do not exist
 *
 * Every guess and every sign-in has a connection of its own, with TLS from the first byte, as real
 * guessers have who were told 421; a guesser that is made to wait gives up after two seconds, so
 * that the rate stands whatever the server does. Prints `guesses=N answered=N signins=N failed=N
 * p50_ms=… p95_ms=… max_ms=… whole_p50_ms=…`: from AUTH to 235, and from connect to 235. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GUESSERS_MAX = 512, HONEST_MAX = 64, TIMES_MAX = 100000, GIVE_UP_S = 2, HONEST_WAIT_S = 30 };

static struct {
    int rate, addresses, honest, seconds, warm, port;
    const char *name, *password;
} opt = {.rate = 200, .addresses = 50, .honest = 4, .seconds = 10, .warm = 5};

static SSL_CTX *context;
static atomic_bool is_over, is_measuring;
static atomic_long guesses, answered, failed, next_guess;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double auth_ms[TIMES_MAX], whole_ms[TIMES_MAX];
static size_t times_n;
static double started;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_until(double at)
{
    double left = at - now();
    if (left <= 0)
        return;
    struct timespec t = {.tv_sec = (time_t)left,
                         .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
    nanosleep(&t, NULL);
}

/* Connected from 127.0.NET.HOST, or -1. */
static int reach(unsigned net, unsigned host, int wait_s)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
    struct timeval limit = {.tv_sec = wait_s};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    from.sin_addr.s_addr = htonl(0x7f000000u | net << 8 | host);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)opt.port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The code of a whole reply; 0: none came. */
static int reply(SSL *tls)
{
    char text[8192];
    size_t n = 0;
    for (;;) {
        int got = SSL_read(tls, text + n, (int)(sizeof text - n));
        if (got <= 0)
            return 0;
        n += (size_t)got;
        for (char *line = text, *lf; (lf = memchr(line, '\n', (size_t)(text + n - line))) != NULL;
             line = lf + 1)
            if (lf - line >= 4 && line[3] != '-')
                return atoi(line);
        if (n == sizeof text)
            return 0;
    }
}

static int command(SSL *tls, const char *text)
{
    int n = (int)strlen(text);
    return SSL_write(tls, text, n) == n ? reply(tls) : 0;
}

/* The code that AUTH got; 0: none. *ret_ms: from AUTH to its reply. */
static int sign_in(unsigned net, unsigned host, int wait_s, const char *name, const char *password,
                   double *ret_ms)
{
    char line[600];
    unsigned char response[256], base64[400];
    int code = 0, fd = reach(net, host, wait_s);
    SSL *tls = fd < 0 ? NULL : SSL_new(context);
    if (tls != NULL && SSL_set_fd(tls, fd) == 1 && SSL_connect(tls) == 1 && reply(tls) == 220 &&
        command(tls, "EHLO client.example\r\n") == 250) {
        int n = snprintf((char *)response, sizeof response, "%c%s%c%s", 0, name, 0, password);
        EVP_EncodeBlock(base64, response, n);
        snprintf(line, sizeof line, "AUTH PLAIN %s\r\n", (char *)base64);
        double began = now();
        code = command(tls, line);
        *ret_ms = (now() - began) * 1000;
        if (code == 235)
            command(tls, "QUIT\r\n");
    }
    SSL_free(tls);
    if (fd >= 0)
        close(fd);
    return code;
}

/* Guesses are numbered; number N is due at N / rate, whoever takes it. */
static void *guesser(void *unused)
{
    (void)unused;
    while (!is_over) {
        long number = atomic_fetch_add(&next_guess, 1);
        char name[128], password[32];
        double ms;
        sleep_until(started + (double)number / opt.rate);
        if (is_over)
            break;
        snprintf(password, sizeof password, "guess-%ld", number);
        if (number % 2 == 0)
            snprintf(name, sizeof name, "%s", opt.name);
        else
            snprintf(name, sizeof name, "nobody%ld%s", number, strchr(opt.name, '@'));
        int code =
            sign_in(8, 1 + (unsigned)(number % opt.addresses), GIVE_UP_S, name, password, &ms);
        if (is_measuring) {
            guesses++;
            answered += code != 0;
        }
        if (code == 235) {
            fprintf(stderr, "guess: a wrong password got 235\n");
            exit(1);
        }
    }
    return NULL;
}

static void *honest(void *number)
{
    unsigned host = (unsigned)(size_t)number;
    while (!is_over) {
        double began = now(), ms = 0;
        bool counts = is_measuring;
        int code = sign_in(9, host, HONEST_WAIT_S, opt.name, opt.password, &ms);
        double whole = (now() - began) * 1000;
        if (counts && code != 235 && !is_over && failed++ < 3)
            fprintf(stderr, "guess: an honest user got %d\n", code);
        pthread_mutex_lock(&lock);
        if (counts && code == 235 && times_n < TIMES_MAX) {
            auth_ms[times_n] = ms;
            whole_ms[times_n++] = whole;
        }
        pthread_mutex_unlock(&lock);
        sleep_until(began + 0.2);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void options(int argc, char **argv)
{
    int o;
    char *colon = NULL;
    while ((o = getopt(argc, argv, "r:n:h:t:w:a:")) != -1) {
        switch (o) {
        case 'r':
            opt.rate = atoi(optarg);
            break;
        case 'n':
            opt.addresses = atoi(optarg);
            break;
        case 'h':
            opt.honest = atoi(optarg);
            break;
        case 't':
            opt.seconds = atoi(optarg);
            break;
        case 'w':
            opt.warm = atoi(optarg);
            break;
        case 'a':
            colon = strchr(optarg, ':');
            if (colon != NULL) {
                *colon = '\0';
                opt.name = optarg;
                opt.password = colon + 1;
            }
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc || colon == NULL || strchr(opt.name, '@') == NULL || opt.addresses < 1 ||
        opt.addresses > 250 || opt.honest < 1 || opt.honest > HONEST_MAX || opt.rate < 0) {
        fprintf(stderr, "guess: wrong arguments; see the head of guess.c\n");
        exit(2);
    }
    opt.port = atoi(argv[optind]);
}

int main(int argc, char **argv)
{
    pthread_t threads[GUESSERS_MAX + HONEST_MAX];
    size_t n = 0;
    options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return 2;
    started = now();
    /* So many that the rate holds when each waits until it gives up. */
    int guessers = opt.rate * GIVE_UP_S < GUESSERS_MAX ? opt.rate * GIVE_UP_S : GUESSERS_MAX;
    for (int i = 0; i < guessers; i++)
        if (pthread_create(&threads[n], NULL, guesser, NULL) == 0)
            n++;
    for (int i = 0; i < opt.honest; i++)
        if (pthread_create(&threads[n], NULL, honest, (void *)(size_t)(i + 1)) == 0)
            n++;
    sleep_until(started + opt.warm);
    is_measuring = true;
    sleep_until(started + opt.warm + opt.seconds);
    is_measuring = false;
    is_over = true;
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    qsort(auth_ms, times_n, sizeof *auth_ms, by_size);
    qsort(whole_ms, times_n, sizeof *whole_ms, by_size);
    if (times_n == 0) {
        fprintf(stderr, "guess: nobody could sign in\n");
        return 1;
    }
    printf("guesses=%ld answered=%ld signins=%zu failed=%ld p50_ms=%.1f p95_ms=%.1f max_ms=%.1f "
           "whole_p50_ms=%.1f\n",
           (long)guesses, (long)answered, times_n, (long)failed, auth_ms[times_n / 2],
           auth_ms[times_n * 95 / 100], auth_ms[times_n - 1], whole_ms[times_n / 2]);
    return failed == 0 ? 0 : 1;
}
