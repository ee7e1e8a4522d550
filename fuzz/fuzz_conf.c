/* Any text: the parser ends, reads inside, and says why when it refuses; what it takes is printed,
 * and the print reads back as the same. */
#include "fuzz/fuzz.h"
#include "lib/conf/conf.h"

static struct conf *parse(slice text, struct conf_errors *errors)
{
    struct conf *c = NULL;
    conf_errors_init(errors);
    enum conf_err err = conf_parse(text, SLICE_LIT("f"), SLICE_LIT("/d"), errors, &c);
    FUZZ_CHECK((err == CONF_OK) == (c != NULL));
    FUZZ_CHECK(err != CONF_INVALID || errors->n > 0);
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slice text = slice_of(data, n);
    struct conf_errors errors;
    struct buf out;
    buf_init(&out, 64 * CONF_TEXT_MAX);
    struct conf *c = parse(text, &errors);
    conf_errors_print(&out, &errors, SLICE_LIT("f"), text);
    conf_errors_release(&errors);
    if (c != NULL) {
        buf_clear(&out);
        conf_show(&out, c);
        buf_clear(&out);
        conf_print(&out, c);
        FUZZ_CHECK(out.err == BUF_OK);
        if (out.n <= CONF_TEXT_MAX) {
            struct conf *again = parse(buf_slice(&out), &errors);
            FUZZ_CHECK(again != NULL && conf_eq(c, again));
            conf_errors_release(&errors);
            conf_unref(again);
        }
    }
    conf_unref(c);
    buf_release(&out);
    return 0;
}
