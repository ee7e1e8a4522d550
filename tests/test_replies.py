"""The form of the labelled replies: what explain is judged on must itself be sound."""
import collections
import csv
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent / "replies"
COLUMNS = ["reply", "class", "permanence", "who_acts", "system", "source"]
PERMANENCE = {"2": "success", "3": "intermediate", "4": "temporary", "5": "permanent"}
ACTORS = {"sender-user", "sender-admin", "recipient", "recipient-admin", "nobody"}
NO_ADDRESSES = ("4.16.55.1", "4.1.1.1", "127.0.0.1")  # a rule of Yahoo, a section of an RFC, the host itself
LINE = re.compile(r"[2-5][0-9][0-9](?:([ -]).*)?")
WILD = ["wild.tsv", "holdout.tsv"]
FREE = {"holdout.tsv"}  # has whole bounces and log lines too


def table(name):
    with open(HERE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def causes():
    return {row["id"] for row in table("taxonomy.tsv")}


def same(reply):
    """Two replies are the same if only case and white space differ."""
    return " ".join(reply.lower().split())


def is_reply(text):
    """Whether the text is what a server said, not a bounce or a line of a log around it."""
    return LINE.fullmatch(text.split("\\n")[0]) is not None


@pytest.mark.parametrize("name", ["sample.tsv", *WILD])
def test_rows_are_well_formed(name):
    known = causes()
    with open(HERE / name, encoding="utf-8") as file:
        assert file.readline().rstrip("\n").split("\t") == COLUMNS
    for row in table(name):
        assert None not in row and None not in row.values(), row
        assert all(value and value == value.strip() for value in row.values()), row
        assert row["class"] in known, row
        assert row["who_acts"] in ACTORS, row
        if name in FREE and not is_reply(row["reply"]):
            assert row["permanence"] in ("temporary", "permanent"), row
            continue
        assert row["permanence"] == PERMANENCE[row["reply"][0]], row
        lines = row["reply"].split("\\n")
        for number, line in enumerate(lines, 1):
            match = LINE.fullmatch(line)
            assert match and line[:3] == row["reply"][:3], row
            assert match[1] in ((" ", None) if number == len(lines) else ("-",)), row


def test_no_reply_comes_twice():
    seen = collections.Counter(same(row["reply"]) for name in ("sample.tsv", *WILD) for row in table(name))
    assert [reply for reply, times in seen.items() if times > 1] == []


@pytest.mark.parametrize("name", WILD)
def test_success_and_failure_are_not_confused(name):
    for row in table(name):
        good = row["class"].startswith(("ok", "continue-"))
        assert good == (row["permanence"] in ("success", "intermediate")), row
        assert not good or row["who_acts"] == "nobody", row


@pytest.mark.parametrize("name", WILD)
def test_wild_is_large_and_varied(name):
    rows = table(name)
    assert len(rows) >= 200
    assert len({row["system"] for row in rows}) >= 30


def test_holdout_has_free_forms_and_most_causes():
    rows = table("holdout.tsv")
    assert sum(not is_reply(row["reply"]) for row in rows) >= 30
    assert len({row["class"] for row in rows}) >= 40


@pytest.mark.parametrize("name", WILD)
def test_wild_tells_nobodys_address(name):
    """IP addresses are those of documentation (RFC 5737, RFC 3849)."""
    for row in table(name):
        for address in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", row["reply"]):
            assert address in NO_ADDRESSES or address.startswith(("192.0.2.", "198.51.100.", "203.0.113.")), row
