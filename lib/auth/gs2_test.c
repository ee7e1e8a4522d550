#include "lib/auth/gs2.h"

#include "lib/base/test.h"

static void takes_headers(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        enum gs2_binding binding;
        const char *binding_name, *identity, *text, *rest;
    } rows[] = {
        {"n,,n=user", true, GS2_CANNOT_BIND, "", "", "n,,", "n=user"},
        {"y,,", true, GS2_NOT_OFFERED, "", "", "y,,", ""},
        {"n,a=a=2Cb,x", true, GS2_CANNOT_BIND, "", "a=2Cb", "n,a=a=2Cb,", "x"},
        {"p=tls-exporter,,n=u", true, GS2_BINDS, "tls-exporter", "", "p=tls-exporter,,", "n=u"},
        {"p=a.b-9,a=z,", true, GS2_BINDS, "a.b-9", "z", "p=a.b-9,a=z,", ""},
        {.in = ""},
        {.in = "n"},
        {.in = "n,"},
        {.in = "n,x"},
        {.in = "n,x,"},
        {.in = "n,a=,"},
        {.in = "p=,,"},
        {.in = "p,,"},
        {.in = "p=tls_x,,"},
        {.in = "N,,"},
        {.in = "F,n,,"},
        {.in = ",n,,"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice in = slice_cstr(rows[i].in);
        struct gs2_header h = {.binding = GS2_BINDS};
        if (take_gs2_header(&in, &h) != rows[i].ok)
            fail_msg("row %zu: %s", i, rows[i].in);
        if (!rows[i].ok) {
            assert_slice(in, slice_cstr(rows[i].in));
            assert_int_equal(h.binding, GS2_BINDS);
            continue;
        }
        assert_int_equal(h.binding, rows[i].binding);
        assert_slice(h.binding_name, slice_cstr(rows[i].binding_name));
        assert_slice(h.identity, slice_cstr(rows[i].identity));
        assert_slice(h.text, slice_cstr(rows[i].text));
        assert_slice(in, slice_cstr(rows[i].rest));
    }
}

static void decodes_names(void **state)
{
    (void)state;
    static const struct {
        slice in;
        const char *want; /* NULL: bad */
    } rows[] = {
        {SLICE_LIT("user"), "user"}, {SLICE_LIT("a=2Cb=3Dc"), "a,b=c"},
        {SLICE_LIT("=3D2C"), "=2C"}, {SLICE_LIT("b\xc3\xbc"), "b\xc3\xbc"},
        {SLICE_LIT(""), NULL},       {SLICE_LIT("a="), NULL},
        {SLICE_LIT("a=2"), NULL},    {SLICE_LIT("a=2c"), NULL},
        {SLICE_LIT("a=20"), NULL},   {SLICE_LIT("a,b"), NULL},
        {SLICE_LIT("a\0b"), NULL},   {SLICE_LIT("a\xff"), NULL},
    };
    struct arena a;
    arena_init(&a, 4096);
    for (size_t i = 0; i < COUNT(rows); i++) {
        slice got = {0};
        enum gs2_name_err e = gs2_name_decode(&a, rows[i].in, &got);
        assert_int_equal(e, rows[i].want == NULL ? GS2_NAME_BAD : GS2_NAME_OK);
        assert_slice(got, slice_cstr(rows[i].want));
    }
    struct arena none;
    slice got = {0};
    arena_init(&none, 0);
    assert_int_equal(gs2_name_decode(&none, SLICE_LIT("user"), &got), GS2_NAME_NOMEM);
    arena_release(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_headers),
        cmocka_unit_test(decodes_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
