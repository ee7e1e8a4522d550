"""The whole catalogue, by the real program: every code, enhanced code, reason and cause, in every language."""
import csv
import json
import pathlib
import re
import subprocess

import pytest

from server import CANDOR

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANGUAGES = ("en", "de", "tr", "vi", "hi")
WHO = {"nobody", "sender-user", "sender-admin", "recipient", "recipient-admin"}
KINDS = {"2": "success", "3": "intermediate", "4": "temporary", "5": "permanent"}


def column(path, name):
    with open(ROOT / path, encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


CODES = column("tests/vectors/codes/reply_codes.tsv", "code")
ENHANCED = [id_.replace("X", class_) for id_ in column("tests/vectors/codes/enhanced_codes.tsv", "code")
            for class_ in "45"]
CAUSES = column("tests/replies/taxonomy.tsv", "id")
REASONS = re.findall(r'^REASON\(\w+, "([^"]+)"', (ROOT / "lib/catalogue/reasons.def").read_text(), re.M)
# Those that no RFC defines have none to cite; no server ever sends 101 and 111.
WITHOUT_RFC = {code for code, rfc in zip(CODES, column("tests/vectors/codes/reply_codes.tsv", "rfc"))
               if "RFC" not in rfc}
NEVER_SENT = {"101", "111"}


def explained(whats, lang):
    done = subprocess.run([CANDOR, "explain", "--each-line", "--lang", lang], timeout=60, check=True,
                          input="".join(f"{what}\n" for what in whats), capture_output=True,
                          encoding="utf-8")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def everything():
    whats = CODES + ENHANCED + CAUSES + REASONS
    assert len(CODES) == 66 and len(ENHANCED) == 162 and len(CAUSES) == 60 and len(REASONS) > 130
    got = {lang: dict(zip(whats, explained(whats, lang), strict=True)) for lang in LANGUAGES}
    return got


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_has_whole_texts(everything, lang):
    for what, got in everything[lang].items():
        assert got["lang"] == lang, what
        assert got["title"] and not got["title"].endswith("."), what
        for text in (got["meaning"], got["when"], *got["fix"]):
            assert len(text) >= 12 and (text[-1] in ".!?।:>)`" or "://" in text), (what, text)
            assert not re.search(r"\{[a-z-]*\}", text), (what, text)
        assert 1 <= len(got["fix"]) <= 8, what
        assert [step["text"] for step in got["steps"]] == got["fix"], what
        assert {step["who"] for step in got["steps"]} <= WHO and got["who"] in WHO, what
        if got["kind"] in ("temporary", "permanent") and got["who"] != "nobody":
            assert got["who"] in {step["who"] for step in got["steps"]}, what
        assert got["learn"] or what in WITHOUT_RFC, what
        assert got["rfc"] or what in WITHOUT_RFC or what in ENHANCED + CAUSES, what
        assert re.match(r"[CS]: ", got["example"] or "") or what in NEVER_SENT, what


@pytest.mark.parametrize("lang", LANGUAGES[1:])
def test_no_text_stayed_english(everything, lang):
    for what, got in everything[lang].items():
        english = everything["en"][what]
        assert got["meaning"] != english["meaning"] and got["when"] != english["when"], what
        assert len(got["fix"]) == len(english["fix"]), what
        assert not set(got["fix"]) & set(english["fix"]), what
        assert [s["who"] for s in got["steps"]] == [s["who"] for s in english["steps"]], what


@pytest.mark.parametrize("lang", LANGUAGES)
def test_temporary_and_permanent_have_texts_of_their_own(everything, lang):
    for four in (what for what in ENHANCED if what[0] == "4"):
        now, good = everything[lang][four], everything[lang]["5" + four[1:]]
        assert (now["kind"], good["kind"]) == ("temporary", "permanent"), four
        assert now["enhanced"] == four, four
        assert now["meaning"] != good["meaning"] and now["fix"] != good["fix"], four


def test_codes_are_of_their_kind(everything):
    for code in CODES:
        assert everything["en"][code]["kind"] == KINDS.get(code[0], "pseudo"), code
        assert everything["en"][code]["code"] == int(code)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_nobody_defined_is_told_by_its_digits(lang):
    for got in explained(["599", "299", "5.9.9", "4.99.1"], lang):
        assert got["confidence"] <= 0.2 and got["lang"] == lang
        assert got["meaning"] and got["when"] and got["fix"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("pair", [("450", "550"), ("421", "554"), ("4.2.2", "5.2.2"), ("220", "5.7.1"),
                                  ("mailbox-full", "552"), ("greylisted", "rate-limited"),
                                  ("spf-fail", "dkim-fail"), ("214", "334"), ("556", "5.1.10")])
def test_pairs_have_whole_texts(lang, pair):
    done = subprocess.run([CANDOR, "compare", *pair, "--json", "--lang", lang], timeout=30, check=True,
                          capture_output=True, encoding="utf-8")
    got = json.loads(done.stdout)
    assert got["lang"] == got["a"]["lang"] == got["b"]["lang"] == lang
    texts = [got["title"], got["intro"], *got["differences"], *got["when_to_use"].values()]
    assert all(texts) and len(set(texts)) == len(texts)
    assert not re.search(r"\{[a-z_-]*\}", " ".join(texts))
    assert got["learn"]
