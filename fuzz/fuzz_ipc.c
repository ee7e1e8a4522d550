/* Any datagram, and any number of descriptors beside it: the decoder ends, reads inside, and what
 * it takes is written again as the same bytes. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "sys/ipc.h"

static void check_round_trip(const struct ipc_message *m, slice was, const int *fds_was)
{
    size_t bytes, nfds;
    int fds[IPC_FDS_MAX];
    FUZZ_CHECK(ipc_measure(m->type, &m->hello, &bytes, &nfds) == IPC_OK);
    FUZZ_CHECK(bytes == was.n);
    char *again = malloc(bytes);
    FUZZ_CHECK(again != NULL);
    ipc_write(m->type, m->call, m->more, &m->hello, again, fds);
    FUZZ_CHECK(memcmp(again, was.p, bytes) == 0);
    FUZZ_CHECK(memcmp(fds, fds_was, nfds * sizeof fds[0]) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    int fds[IPC_FDS_MAX];
    for (int i = 0; i < IPC_FDS_MAX; i++)
        fds[i] = 1000 + i;
    struct ipc_reader r = {slice_of(data + 1, n - 1), fds, data[0] % IPC_FDS_MAX};
    struct buf out;
    buf_init(&out, 4096);
    struct ipc_message m;
    for (;;) {
        struct ipc_reader before = r;
        if (ipc_take(&r, &m) != IPC_OK) {
            FUZZ_CHECK(r.rest.n == before.rest.n && r.nfds == before.nfds);
            break;
        }
        check_round_trip(&m, slice_head(before.rest, before.rest.n - r.rest.n), before.fds);
        buf_clear(&out);
        ipc_print(&out, &m);
    }
    buf_release(&out);
    return 0;
}
