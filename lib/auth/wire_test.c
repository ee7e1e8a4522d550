#include "lib/auth/wire.h"

#include "lib/base/secret.h"
#include "lib/base/test.h"

static const struct {
    const char *line;
    enum auth_wire response, initial;
    slice want;
} rows[] = {
    {"AHRlc3QAdGVzdA==", AUTH_WIRE_OK, AUTH_WIRE_OK, SLICE_LIT("\0test\0test")},
    {"", AUTH_WIRE_OK, AUTH_WIRE_BAD, {0}},
    {"=", AUTH_WIRE_BAD, AUTH_WIRE_OK, {0}},
    {"*", AUTH_WIRE_CANCEL, AUTH_WIRE_BAD, {0}},
    {"**", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"==", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"====", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"AHRlc3QAdGVzdA=", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"AHRlc3QAdGVzdA", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"AHRlc3QAdGVzdB==", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {" AHRlc3Q", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"AHRlc3Q ", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
    {"AHR-c3Q_", AUTH_WIRE_BAD, AUTH_WIRE_BAD, {0}},
};

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int initial = 0; initial < 2; initial++) {
            struct buf out;
            slice line = slice_cstr(rows[i].line);
            buf_init(&out, AUTH_LINE_MAX_BYTES);
            enum auth_wire got =
                initial == 1 ? auth_initial_read(line, &out) : auth_response_read(line, &out);
            if (got != (initial == 1 ? rows[i].initial : rows[i].response))
                fail_msg("%s: %d", rows[i].line, (int)got);
            assert_slice(buf_slice(&out), got == AUTH_WIRE_OK ? rows[i].want : (slice){0});
            secret_release(&out);
        }
}

static void has_bounds(void **state)
{
    (void)state;
    static char line[AUTH_LINE_MAX_BYTES];
    struct buf out;
    memset(line, 'A', sizeof line);
    buf_init(&out, AUTH_LINE_MAX_BYTES);
    assert_int_equal(auth_response_read(slice_of(line, 12288), &out), AUTH_WIRE_TOO_LONG);
    assert_int_equal(auth_response_read(slice_of(line, 12284), &out), AUTH_WIRE_OK);
    assert_int_equal(out.n, 12284 / 4 * 3);
    buf_release(&out);
    buf_init(&out, 10);
    assert_int_equal(auth_response_read(slice_of(line, 16), &out), AUTH_WIRE_NOMEM);
    buf_release(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
