/* load: offers mail to a server on loopback as fast as it takes it, over plain TCP or TLS, with or
 * without pipelining, and counts the replies.
 *
 *   load [-s SESSIONS] [-m MESSAGES] [-l BYTES] [-u USERS] [-D DOMAIN] [-r] [-p] [-T|-S]
 *        [-a USER:PASSWORD] PORT
 *   load -i SESSIONS [-T|-S] PORT
 *
 *   -s  connections at the same time (50)       -r  use a connection again, to its end
 *   -m  messages in all (1000)                  -p  MAIL, RCPT and DATA in one write (RFC 2920)
 *   -l  bytes of a message (4096)               -T  TLS from the first byte
 *   -u  recipients u0…, in turn (1)             -S  STARTTLS
 *   -a  sign in by AUTH PLAIN and send as USER, an address
 *   -i  open sessions up to EHLO's reply, print "ready N", hold them until stdin ends
 *
 * Prints `messages=N refused=N seconds=S rate=R p50_ms=… p99_ms=… max_ms=…`: a message's time is
 * that from MAIL to the reply behind its last dot. Status 0 when every message was accepted. One
 * thread, one epoll. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum state {
    CLOSED,
    CONNECT,
    HANDSHAKE,
    GREETING, /* from here on the name of what a reply is awaited to */
    EHLO,
    STARTTLS,
    AUTH,
    MAIL,
    RCPT,
    DATA,
    TEXT,
    RSET,
    QUIT,
    IDLE,
};

struct session {
    int fd;
    enum state state;
    SSL *tls;
    bool secure; /* the handshake is done */
    bool bad;    /* this message was refused somewhere */
    double began;
    char in[4096];
    size_t in_n;
    const char *out; /* what is still to be written, after `small` */
    size_t out_n;
    char small[512];
    size_t small_n, small_at;
    bool wants_write;
};

static struct {
    int sessions, users, port, idle;
    long messages;
    size_t bytes;
    const char *domain, *sender;
    char plain[512]; /* AUTH PLAIN's response in base64; empty: nobody signs in */
    bool reuse, pipelining, tls, starttls;
} opt = {.sessions = 50,
         .users = 1,
         .messages = 1000,
         .bytes = 4096,
         .domain = "test.example",
         .sender = "load@gen.example"};

static int epoll;
static SSL_CTX *context;
static char *text; /* a whole message with its final dot */
static size_t text_n;
static long given, accepted, refused, broken;
static int open_sessions, idle_ready;
static double *times;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void make_text(void)
{
    text = malloc(opt.bytes + 512);
    if (text == NULL)
        die("memory");
    text_n = (size_t)sprintf(text,
                             "From: <%s>\r\nSubject: load\r\n"
                             "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n",
                             opt.sender);
    for (size_t column = 0; text_n < opt.bytes; column++) {
        if (column % 80 >= 78)
            text[text_n++] = column % 80 == 78 ? '\r' : '\n';
        else
            text[text_n++] = (char)('a' + column % 26);
    }
    if (text[text_n - 1] == '\r')
        text[text_n++] = '\n';
    memcpy(text + text_n, text[text_n - 1] == '\n' ? ".\r\n" : "\r\n.\r\n", 5);
    text_n += text[text_n - 1] == '\n' ? 3 : 5;
}

static void watch(struct session *s, bool writing)
{
    if (s->wants_write == writing)
        return;
    s->wants_write = writing;
    struct epoll_event e = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = s};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &e) != 0)
        die("epoll_ctl");
}

static void begin(struct session *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    *s = (struct session){.state = CONNECT, .wants_write = true};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        die("socket");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s->fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e) != 0)
        die("epoll_ctl");
    open_sessions++;
}

static void end(struct session *s)
{
    SSL_free(s->tls);
    close(s->fd);
    s->state = CLOSED;
    s->tls = NULL;
    open_sessions--;
}

/* The session broke: what it was about to deliver counts as refused. */
static void fail(struct session *s, const char *why)
{
    if (broken++ < 5)
        fprintf(stderr, "load: %s in state %d: %.*s\n", why, s->state, (int)s->in_n, s->in);
    if (s->state >= MAIL && s->state <= TEXT)
        refused++;
    end(s);
}

/* >0 bytes, 0 later, -1 broken or ended */
static int try_write(struct session *s, const char *p, size_t n)
{
    if (s->secure) {
        int got = SSL_write(s->tls, p, n > 1 << 30 ? 1 << 30 : (int)n);
        if (got > 0)
            return got;
        int error = SSL_get_error(s->tls, got);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t got = send(s->fd, p, n > 1 << 30 ? 1 << 30 : n, MSG_NOSIGNAL);
    return got >= 0 ? (int)got : errno == EAGAIN ? 0 : -1;
}

static int try_read(struct session *s)
{
    size_t room = sizeof s->in - s->in_n;
    if (s->secure) {
        int got = SSL_read(s->tls, s->in + s->in_n, (int)room);
        if (got > 0)
            return got;
        int error = SSL_get_error(s->tls, got);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    ssize_t got = recv(s->fd, s->in + s->in_n, room, 0);
    return got > 0 ? (int)got : got < 0 && errno == EAGAIN ? 0 : -1;
}

static bool flush(struct session *s)
{
    while (s->small_at < s->small_n || s->out_n > 0) {
        bool small = s->small_at < s->small_n;
        int got = small ? try_write(s, s->small + s->small_at, s->small_n - s->small_at)
                        : try_write(s, s->out, s->out_n);
        if (got < 0)
            return false;
        if (got == 0) {
            watch(s, true);
            return true;
        }
        if (small) {
            s->small_at += (size_t)got;
        } else {
            s->out += got;
            s->out_n -= (size_t)got;
        }
    }
    s->small_n = s->small_at = 0;
    watch(s, false);
    return true;
}

__attribute__((format(printf, 3, 4))) static void say(struct session *s, enum state next,
                                                      const char *format, ...)
{
    va_list list;
    va_start(list, format);
    s->small_n +=
        (size_t)vsnprintf(s->small + s->small_n, sizeof s->small - s->small_n, format, list);
    va_end(list);
    s->state = next;
}

static void mail(struct session *s)
{
    if (given >= opt.messages) {
        say(s, QUIT, "QUIT\r\n");
        return;
    }
    long number = given++;
    s->began = now();
    s->bad = false;
    if (opt.pipelining)
        say(s, MAIL, "MAIL FROM:<%s>\r\nRCPT TO:<u%ld@%s>\r\nDATA\r\n", opt.sender,
            number % opt.users, opt.domain);
    else
        say(s, MAIL, "MAIL FROM:<%s>\r\n", opt.sender);
}

static void next_message(struct session *s)
{
    if (opt.reuse)
        mail(s);
    else
        say(s, QUIT, "QUIT\r\n");
}

static void after_ehlo(struct session *s)
{
    if (opt.starttls && !s->secure) {
        say(s, STARTTLS, "STARTTLS\r\n");
    } else if (opt.plain[0] != '\0' && s->state != AUTH) {
        say(s, AUTH, "AUTH PLAIN %s\r\n", opt.plain);
    } else if (opt.idle > 0) {
        s->state = IDLE;
        idle_ready++;
    } else {
        mail(s);
    }
}

static bool handshake(struct session *s)
{
    if (s->tls == NULL) {
        s->tls = SSL_new(context);
        if (s->tls == NULL || SSL_set_fd(s->tls, s->fd) != 1)
            die("TLS");
        s->state = HANDSHAKE;
    }
    int got = SSL_connect(s->tls);
    if (got != 1) {
        int error = SSL_get_error(s->tls, got);
        watch(s, error == SSL_ERROR_WANT_WRITE);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }
    s->secure = true;
    watch(s, false);
    if (opt.starttls)
        say(s, EHLO, "EHLO gen.example\r\n");
    else
        s->state = GREETING;
    return true;
}

/* A whole reply has come. False: the session is over, well or not. */
static bool replied(struct session *s, int code)
{
    bool good = code / 100 == 2;
    switch (s->state) {
    case GREETING:
        say(s, EHLO, "EHLO gen.example\r\n");
        return code == 220;
    case EHLO:
        after_ehlo(s);
        return good;
    case STARTTLS:
        return code == 220 && handshake(s);
    case AUTH:
        after_ehlo(s);
        return code == 235;
    case MAIL:
        s->bad |= !good;
        s->state = RCPT;
        if (!opt.pipelining)
            say(s, RCPT, "RCPT TO:<u%ld@%s>\r\n", (given - 1) % opt.users, opt.domain);
        return true;
    case RCPT:
        s->bad |= !good;
        s->state = DATA;
        if (!opt.pipelining)
            say(s, DATA, "DATA\r\n");
        return true;
    case DATA:
        if (code == 354) {
            s->state = TEXT;
            s->out = text;
            s->out_n = text_n;
            return true;
        }
        refused++;
        say(s, RSET, "RSET\r\n");
        return true;
    case TEXT:
        if (good && !s->bad)
            times[accepted++] = now() - s->began;
        else
            refused++;
        next_message(s);
        return true;
    case RSET:
        next_message(s);
        return good;
    case QUIT:
        end(s);
        return true;
    default:
        return false;
    }
}

/* Every reply that stands whole in the buffer. */
static bool take_replies(struct session *s)
{
    for (;;) {
        char *line = s->in, *end_of = s->in + s->in_n, *lf;
        while ((lf = memchr(line, '\n', (size_t)(end_of - line))) != NULL && lf - line >= 4 &&
               line[3] == '-')
            line = lf + 1;
        if (lf == NULL)
            return s->in_n < sizeof s->in;
        if (lf - line < 4)
            return false;
        int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
        s->in_n = (size_t)(end_of - lf - 1);
        memmove(s->in, lf + 1, s->in_n);
        if (!replied(s, code))
            return false;
        if (s->state == CLOSED || s->state == HANDSHAKE)
            return true;
    }
}

static void handle(struct session *s, uint32_t events)
{
    if (s->state == CONNECT) {
        int error = 0;
        socklen_t n = sizeof error;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error != 0) {
            errno = error;
            die("connect");
        }
        s->state = opt.tls ? HANDSHAKE : GREETING;
        watch(s, false);
    }
    if (s->state == HANDSHAKE && !handshake(s)) {
        fail(s, "handshake failed");
        return;
    }
    while ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && s->state > HANDSHAKE) {
        int got = try_read(s);
        if (got == 0)
            break;
        if (got < 0) {
            fail(s, "connection ended");
            return;
        }
        s->in_n += (size_t)got;
        if (!take_replies(s)) {
            fail(s, "unwanted reply");
            return;
        }
        if (s->state != CLOSED && !flush(s)) {
            fail(s, "write failed");
            return;
        }
    }
    if (s->state > HANDSHAKE && !flush(s))
        fail(s, "write failed");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double per_mille(int n)
{
    return accepted == 0 ? 0 : times[(accepted - 1) * n / 1000] * 1000;
}

/* RFC 4616: NUL, name, NUL, password. */
static void sign_in_as(char *name)
{
    unsigned char response[256];
    char *password = strchr(name, ':');
    if (password == NULL || strlen(name) + 2 > sizeof response)
        die("-a USER:PASSWORD");
    *password++ = '\0';
    opt.sender = name;
    int n = snprintf((char *)response, sizeof response, "%c%s%c%s", 0, name, 0, password);
    EVP_EncodeBlock((unsigned char *)opt.plain, response, n);
}

static void options(int argc, char **argv)
{
    int o;
    while ((o = getopt(argc, argv, "s:m:l:u:D:i:a:rpTS")) != -1) {
        switch (o) {
        case 's':
            opt.sessions = atoi(optarg);
            break;
        case 'm':
            opt.messages = atol(optarg);
            break;
        case 'l':
            opt.bytes = (size_t)atol(optarg);
            break;
        case 'u':
            opt.users = atoi(optarg);
            break;
        case 'D':
            opt.domain = optarg;
            break;
        case 'i':
            opt.idle = opt.sessions = atoi(optarg);
            break;
        case 'a':
            sign_in_as(optarg);
            break;
        case 'r':
            opt.reuse = true;
            break;
        case 'p':
            opt.pipelining = true;
            break;
        case 'T':
            opt.tls = true;
            break;
        case 'S':
            opt.starttls = true;
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc || opt.sessions < 1 || opt.users < 1 || opt.messages < 1) {
        fprintf(stderr, "load: wrong arguments; see the head of load.c\n");
        exit(2);
    }
    opt.port = atoi(argv[optind]);
}

int main(int argc, char **argv)
{
    options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    make_text();
    times = calloc((size_t)opt.messages, sizeof *times);
    struct session *all = calloc((size_t)opt.sessions, sizeof *all);
    context = SSL_CTX_new(TLS_client_method());
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (times == NULL || all == NULL || context == NULL || epoll < 0)
        die("start");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    double start = now();
    for (int i = 0; i < opt.sessions && i < opt.messages; i++) {
        if (opt.idle == 0 || i < 50)
            begin(&all[i]);
    }
    /* A server that breaks every session would be called for ever. */
    while (open_sessions > 0 && broken <= opt.sessions &&
           (opt.idle == 0 || idle_ready + broken < opt.idle)) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 60000);
        if (n == 0) {
            fprintf(stderr, "load: nothing heard for a minute\n");
            break;
        }
        for (int i = 0; i < n; i++)
            handle(events[i].data.ptr, events[i].events);
        for (int i = 0, at_work = 0; i < opt.sessions; i++) {
            bool more = opt.idle > 0 ? all[i].fd == 0 && at_work < 50 : given < opt.messages;
            if (all[i].state == CLOSED && more)
                begin(&all[i]);
            at_work += all[i].state != IDLE;
        }
    }
    if (opt.idle > 0) {
        printf("ready %d\n", idle_ready);
        fflush(stdout);
        char byte;
        while (read(0, &byte, 1) > 0)
            ;
        return idle_ready == opt.idle ? 0 : 1;
    }
    double seconds = now() - start;
    qsort(times, (size_t)accepted, sizeof *times, by_size);
    printf("messages=%ld refused=%ld seconds=%.3f rate=%.1f p50_ms=%.2f p99_ms=%.2f max_ms=%.2f\n",
           accepted, refused, seconds, (double)accepted / seconds, per_mille(500), per_mille(990),
           per_mille(1000));
    return accepted == opt.messages && broken == 0 ? 0 : 1;
}
