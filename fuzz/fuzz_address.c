/* Any bytes as path, mailbox and HELO name: what is taken is printed again as it was, what is
 * refused leaves its input alone. */
#include "fuzz/fuzz.h"
#include "lib/smtp/address.h"

static void check_local(const struct path *path)
{
    struct buf name, text, again;
    buf_init(&name, 1000);
    buf_init(&text, 1000);
    buf_init(&again, 1000);
    local_dequote(&name, path->local);
    FUZZ_CHECK(local_print(&text, buf_slice(&name)));
    local_dequote(&again, buf_slice(&text));
    FUZZ_CHECK(slice_eq(buf_slice(&again), buf_slice(&name)));
    FUZZ_CHECK(text.n <= path->local.n);
    buf_release(&name);
    buf_release(&text);
    buf_release(&again);
}

static void check_literal(slice text)
{
    struct ip ip, again;
    enum literal_kind kind = literal_parse(text, &ip);
    FUZZ_CHECK(kind != LITERAL_NONE);
    if (kind == LITERAL_GENERAL)
        return;
    struct buf out;
    buf_init(&out, 100);
    literal_print(&out, &ip);
    FUZZ_CHECK(literal_parse(buf_slice(&out), &again) == kind && ip_eq(&ip, &again));
    buf_release(&out);
}

typedef enum path_err path_taker(slice *, bool, struct path *);

static void check_path(path_taker *take, slice in, bool smtputf8)
{
    slice rest = in;
    struct path path, again;
    enum path_err err = take(&rest, smtputf8, &path);
    FUZZ_CHECK(path_err_name(err) != NULL);
    if (err != PATH_OK) {
        FUZZ_CHECK(rest.p == in.p && rest.n == in.n);
        return;
    }
    FUZZ_CHECK(path.text.n + 2 <= PATH_MAX_BYTES && (smtputf8 || !path.is_utf8));
    struct buf out;
    buf_init(&out, 1000);
    path_print(&out, &path);
    slice printed = buf_slice(&out);
    FUZZ_CHECK((take == take_mailbox ? take_forward_path : take)(&printed, true, &again) ==
               PATH_OK);
    FUZZ_CHECK(printed.n == 0 && slice_eq(again.text, path.text));
    FUZZ_CHECK(path.has_route || take == take_mailbox || out.n == in.n - rest.n);
    if (!path.is_null && !path.is_postmaster)
        check_local(&path);
    if (path.is_literal)
        check_literal(path.domain);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice in = slice_of(data, n), rest = in;
    for (int smtputf8 = 0; smtputf8 < 2; smtputf8++) {
        check_path(take_forward_path, in, smtputf8 != 0);
        check_path(take_reverse_path, in, smtputf8 != 0);
        check_path(take_mailbox, in, smtputf8 != 0);
    }
    struct domain strict, tolerant;
    bool is_strict = take_domain(&rest, true, &strict) == PATH_OK;
    rest = in;
    if (take_domain_tolerant(&rest, &tolerant) == PATH_OK) {
        FUZZ_CHECK(tolerant.is_strict == is_strict);
        FUZZ_CHECK(!is_strict || slice_eq(strict.text, tolerant.text));
        FUZZ_CHECK(tolerant.text.n > 0 && tolerant.text.n <= DOMAIN_MAX_BYTES);
    } else {
        FUZZ_CHECK(!is_strict && rest.n == in.n);
    }
    return 0;
}
