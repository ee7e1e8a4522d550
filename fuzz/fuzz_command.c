/* Any line: the parts lie inside it, and parameters that are read are printed and read as the
 * same. */
#include "fuzz/fuzz.h"
#include "lib/smtp/bdat.h"
#include "lib/smtp/command.h"
#include "lib/smtp/status.h"

enum { ALL = 0xffff };

static bool is_inside(slice part, slice whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_mail(slice in)
{
    struct mail_params p, again;
    slice bad;
    enum param_err err = mail_params_parse(in, ALL, &p, &bad);
    FUZZ_CHECK(param_err_name(err) != NULL);
    if (err != PARAM_OK) {
        FUZZ_CHECK(is_inside(bad, in));
        return;
    }
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    mail_params_print(&first, &p);
    FUZZ_CHECK(mail_params_parse(buf_slice(&first), p.given, &again, NULL) == PARAM_OK);
    FUZZ_CHECK(again.given == p.given);
    mail_params_print(&second, &again);
    FUZZ_CHECK(slice_eq(buf_slice(&first), buf_slice(&second)));
    buf_release(&first);
    buf_release(&second);
}

static void check_rcpt(slice in)
{
    struct rcpt_params p, again;
    if (rcpt_params_parse(in, ALL, &p, NULL) != PARAM_OK)
        return;
    struct buf out;
    buf_init(&out, 1 << 20);
    rcpt_params_print(&out, &p);
    FUZZ_CHECK(rcpt_params_parse(buf_slice(&out), p.given, &again, NULL) == PARAM_OK);
    FUZZ_CHECK(again.notify == p.notify && slice_eq(again.orcpt, p.orcpt) &&
               slice_eq(again.orcpt_type, p.orcpt_type));
    buf_release(&out);
}

static void check_xtext(slice in)
{
    struct buf text, out;
    buf_init(&text, 1 << 22);
    buf_init(&out, 1 << 20);
    xtext_encode(&text, in);
    FUZZ_CHECK(xtext_decode(&out, buf_slice(&text), false));
    FUZZ_CHECK(slice_eq(buf_slice(&out), in));
    buf_clear(&out);
    FUZZ_CHECK(xtext_decode(&out, in, true) || out.n == 0);
    buf_release(&text);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice line = slice_of(data, n);
    struct command command = command_split(line);
    FUZZ_CHECK(is_inside(command.verb, line) && is_inside(command.args, line));
    FUZZ_CHECK(command.verb.n > 0 || command.args.n == 0);
    bool spaced;
    slice args = command.args;
    FUZZ_CHECK(take_path_lead(&args, "FROM", &spaced) || args.n == command.args.n);
    FUZZ_CHECK(is_inside(args, line));
    check_mail(line);
    check_rcpt(line);
    check_xtext(slice_head(line, 4096));
    struct bdat_chunk chunk;
    if (bdat_parse(args, &chunk) == BDAT_OK)
        FUZZ_CHECK(is_inside(bdat_take(&chunk, &line), slice_of(data, n)));
    struct status status;
    FUZZ_CHECK(take_status(&args, &status) || args.n <= n);
    return 0;
}
