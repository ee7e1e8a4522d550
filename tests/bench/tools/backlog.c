/* LD_PRELOAD shim: listen() with a backlog of 1024.  OpenSMTPD compiles in 5,
 * which on loopback turns 50 simultaneous connects into SYN retransmits. */
#define _GNU_SOURCE
#include <dlfcn.h>
int listen(int fd, int backlog)
{
    static int (*real)(int, int);
    if (!real)
        real = (int (*)(int, int))dlsym(RTLD_NEXT, "listen");
    return real(fd, backlog < 1024 ? 1024 : backlog);
}
