"""candor compare: the real program, written and composed, five languages, three widths, JSON."""
import json

import pytest

from test_explain import EXPLAIN_KEYS, HEADINGS, LANGUAGES, NO, USAGE, candor

KEYS = {"title", "intro", "a", "b", "differences", "when_to_use", "learn", "lang"}
WRITTEN = ((250, 554), (220, 554), (250, 550), (250, 535), (235, 554), (450, 550), (530, 535),
           ("5.7.1", "5.7.26"))
COMPOSED = ((421, 550), (334, 554), ("mailbox-full", "mailbox-not-found"), ("4.2.1", "5.7.23"),
            (101, 220), (510, 511))


def compared(a, b, *options, status=0):
    return json.loads(candor("compare", a, b, "--json", *options, status=status))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("a, b", WRITTEN + COMPOSED)
def test_has_all_parts_in_the_language_asked_for(a, b, lang):
    got = compared(a, b, "--lang", lang)
    assert set(got) == KEYS and set(got["when_to_use"]) == {"a", "b"}
    assert EXPLAIN_KEYS <= set(got["a"]) and EXPLAIN_KEYS <= set(got["b"])
    assert got["lang"] == got["a"]["lang"] == got["b"]["lang"] == lang
    assert str(a) in got["title"] and str(b) in got["title"]
    assert len(got["intro"]) > 60 and all(got["differences"]) and all(got["learn"])
    assert f"candor explain {a}" in got["learn"] and f"candor explain {b}" in got["learn"]
    if lang != "en":
        english = compared(a, b)
        assert got["title"] != english["title"] and got["intro"] != english["intro"]
        assert not set(got["differences"]) & set(english["differences"])
        assert got["when_to_use"]["a"] != english["when_to_use"]["a"]


@pytest.mark.parametrize("a, b", WRITTEN + COMPOSED)
def test_the_other_order_changes_sides_only(a, b):
    got, mirror = compared(a, b), compared(b, a)
    for key in ("title", "intro", "differences"):
        assert got[key] == mirror[key]
    assert (got["a"], got["b"]) == (mirror["b"], mirror["a"])
    assert got["when_to_use"] == {"a": mirror["when_to_use"]["b"], "b": mirror["when_to_use"]["a"]}


def test_says_what_people_ask():
    got = compared(250, 554)
    assert got["title"] == "SMTP 250 OK and 554 Transaction failed"
    assert "success" in got["intro"] and "permanent" in got["intro"]
    assert "storage" not in got["when_to_use"]["b"] and "550" in got["when_to_use"]["b"]
    got = compared(421, 550)
    assert got["differences"][0] == "421 is a temporary failure. 550 is a permanent failure."
    assert "Trying again later helps after 421" in got["differences"][-1]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("columns", (60, 80, 99, 100, 120))
@pytest.mark.parametrize("a, b", ((250, 554), (421, 550), ("mailbox-full", 535)))
def test_terminal_keeps_its_width_and_has_its_headings(a, b, columns, lang):
    lines = candor("compare", a, b, "--lang", lang, COLUMNS=str(columns), LC_ALL="C").splitlines()
    description, when, fix, learn, differences, which = HEADINGS[lang]
    for heading in (description, learn, differences, which):
        assert lines.count(heading) == 1
    is_wide = columns >= 100
    # Side by side they share the headings, one below the other each has its own.
    for heading in (when, fix):
        assert lines.count(heading) == is_wide and lines.count("  " + heading) == 2 * (not is_wide)
    beside = [line for line in lines if line.startswith(f"{a}  ") and f"  {b}  " in line]
    assert len(beside) == is_wide
    for line in lines:
        # A link or a command may be longer than the line; it then stands alone.
        assert len(line) <= columns or len(line.split()) == 1, line
        assert line == line.rstrip()


def test_whole_replies_are_compared_by_their_words():
    got = compared("550 5.7.1 Relaying denied",
                   "554 5.7.1 Client host [203.0.113.7] blocked using zen.spamhaus.org")
    assert got["a"]["cause"] == "relay-denied" and got["b"]["cause"] == "ip-blocklisted"
    assert "550 5.7.1" in got["title"] and "554 5.7.1" in got["title"]
    assert compared("250 OK", "554 Transaction failed")["title"] == compared(250, 554)["title"]


def test_the_same_on_both_sides():
    got = compared(554, 554)
    assert "both sides" in got["title"] and len(got["differences"]) == 1
    shown = candor("compare", 554, 554, COLUMNS="120")
    assert shown.count("The server refuses for good") == 1


@pytest.mark.parametrize("a, b", ((250, 599), (599, 250), ("5.9.9", 550), ("nonsense", 250),
                                  (250, "nonsense"), (599, 599), ("nonsense", "nonsense")))
def test_what_nobody_knows_is_said_and_answered_with_1(a, b):
    got = compared(a, b, status=NO)
    assert got["title"] and got["intro"] and got["differences"]
    assert all(got["when_to_use"].values())
    assert not any("599" in one for one in got["learn"])
    assert candor("compare", a, b, status=NO)


def test_explain_names_the_written_comparisons():
    learn = json.loads(candor("explain", 554, "--json"))["learn"]
    assert "candor compare 250 554" in learn and "candor compare 553 554" in learn
    assert "  candor compare 5.1.1 5.1.10\n" in candor("explain", "5.1.10")
    assert not any("compare" in one for one in compared(250, 554)["learn"])


def test_two_things_are_needed():
    assert "usage: candor compare" in candor("compare", "550", status=USAGE)
    candor("compare", 250, 550, 554, status=USAGE)
