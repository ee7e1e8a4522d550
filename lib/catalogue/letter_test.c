#include "lib/catalogue/letter.h"

#include "lib/base/test.h"

static const struct {
    const char *name, *text, *plain;
} rows[] = {
    {"nothing to do", "550 no\n> such\nuser", "550 no\n> such\nuser"},
    {"one line", "> 550 no", "> 550 no"},
    {"quoted", "> Status: 5.1.1\r\n>\r\n> Action: failed\r\n",
     "Status: 5.1.1\r\n\r\nAction: failed\r\n"},
    {"quoted twice, with a word above", "See:\n\n> > a\n> >  b\n>> c\n> > d\n> > e\n",
     "See:\n\na\n b\nc\nd\ne\n"},
    {"base64, cut by lines",
     "--x\nContent-Transfer-Encoding: base64\nX: y\n\nNTUwIDUu\nMS4xIG5v\n--x\n--y",
     "--x\nContent-Transfer-Encoding: base64\nX: y\n\n550 5.1.1 no\n--x\n--y"},
    {"base64 to the end", "content-transfer-encoding:BASE64\r\n\r\nNTUwIA==\r\n",
     "content-transfer-encoding:BASE64\r\n\r\n550 "},
    {"quoted-printable",
     "Content-Transfer-Encoding: quoted-printable\n\nEmpf=C3=A4nger un=\nbekannt =3D =zz\n",
     "Content-Transfer-Encoding: quoted-printable\n\nEmpf\xc3\xa4nger unbekannt = =zz\n"},
    {"a part without coding after one with it",
     "--x\nContent-Transfer-Encoding: base64\n\nTk8=\n--x\nA: b\n\nNTUw\n--x--\n",
     "--x\nContent-Transfer-Encoding: base64\n\nNO\n--x\nA: b\n\nNTUw\n--x--\n"},
    {"a header without body", "Content-Transfer-Encoding: base64\n",
     "Content-Transfer-Encoding: base64\n"},
};

static void plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a;
        slice got;
        arena_init(&a, 4096);
        assert_true(letter_plain(&a, slice_cstr(rows[i].text), &got));
        if (!slice_is(got, rows[i].plain))
            fail_msg("%s: got \"%.*s\"", rows[i].name, SLICE_ARG(got));
        arena_release(&a);
    }
}

static void no_room(void **state)
{
    (void)state;
    struct arena a;
    slice got = SLICE_LIT("untouched");
    arena_init(&a, 8);
    assert_false(letter_plain(&a, SLICE_LIT("> abcdefghijkl\n> abcdefghijkl\n"), &got));
    assert_slice(got, SLICE_LIT("untouched"));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
