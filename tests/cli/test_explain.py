"""candor explain: the real program, five languages, three widths, JSON."""
import json
import os
import subprocess

import pytest

from server import CANDOR

NO, USAGE = 1, 2
LANGUAGES = ("en", "de", "tr", "vi", "hi")
CODES = (220, 235, 250, 535, 550, 554)
HEADINGS = {
    "en": ("Description", "When you see it", "How to fix it", "Learn more", "Key differences",
           "When to use which"),
    "de": ("Beschreibung", "Wann Sie es sehen", "Wie man es behebt", "Mehr erfahren",
           "Wesentliche Unterschiede", "Wann welchen verwenden"),
    "tr": ("Açıklama", "Ne Zaman Görürsünüz", "Nasıl Düzeltilir", "Daha Fazla Öğren", "Temel Farklar",
           "Hangisini Ne Zaman Kullanmalı"),
    "vi": ("Mô tả", "Khi bạn thấy mã này", "Cách khắc phục", "Tìm hiểu thêm",
           "Sự khác biệt chính", "Khi nào dùng cái nào"),
    "hi": ("विवरण", "यह कब दिखता है", "कैसे ठीक करें", "और जानें", "मुख्य अंतर",
           "कब किसका उपयोग करें"),
}
EXPLAIN_KEYS = {"reason", "cause", "confidence", "kind", "code", "enhanced", "who", "title",
                "meaning", "when", "fix", "steps", "example", "learn", "lang", "system", "rfc"}


def candor(*arguments, status=0, stdin="", **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG",
                                                            "COLUMNS")}
    done = subprocess.run([CANDOR, *map(str, arguments)], input=stdin.encode(),
                          capture_output=True, timeout=30, env={**env, **environment})
    assert done.returncode == status, done
    assert status not in (0, NO) or done.stderr == b""
    return (done.stderr if status == USAGE else done.stdout).decode("utf-8")


def explained(*arguments, **options):
    return json.loads(candor("explain", "--json", *arguments, **options))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_six_codes_have_texts_of_their_own(code, lang):
    got = explained(code, "--lang", lang)
    assert set(got) == EXPLAIN_KEYS
    assert got["code"] == code and got["lang"] == lang
    assert got["kind"] == ("success" if code < 300 else "permanent")
    assert 0 <= got["confidence"] <= 1
    assert len(got["meaning"]) > 60 and len(got["when"]) > 20
    assert len(got["fix"]) >= 4 and all(got["fix"]) and all(got["learn"]) and all(got["rfc"])
    if lang != "en":
        english = explained(code)
        assert all(got[k] != english[k] for k in ("title", "meaning", "when"))
        assert not set(got["fix"]) & set(english["fix"])
        assert len(got["fix"]) == len(english["fix"])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("columns", (60, 80, 120))
@pytest.mark.parametrize("locale", ("C", "C.UTF-8"))
def test_terminal_is_wrapped_utf8_with_headings(lang, columns, locale):
    for code in (*CODES, 451, "5.7.1", "mailbox-not-found"):
        lines = candor("explain", code, "--lang", lang, COLUMNS=str(columns),
                       LC_ALL=locale).splitlines()
        for heading in HEADINGS[lang][:4] if code in CODES else ():
            assert heading in lines
        for line in lines:
            # A link or a command may be longer than the line; it then stands alone.
            assert len(line) <= columns or len(line.split()) == 1, line
        assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("reply, code, enhanced, reason, cause", [
    ("550 5.1.1 <x@example.org> User unknown", 550, "5.1.1", "mailbox-not-found",
     "mailbox-not-found"),
    ("550-5.1.1 The account\n550 5.1.1 does not exist", 550, "5.1.1", "mailbox-not-found",
     "mailbox-not-found"),
    ("530 5.7.0 Please use TLS: send STARTTLS first.", 530, "5.7.0", "starttls-first",
     "tls-required"),
    ("host mx.example.net[192.0.2.25]:25 said: 452 4.2.2 over quota (in reply to RCPT TO)", 452,
     "4.2.2", "mailbox-full", "mailbox-full"),
    ("535 5.7.8 no", 535, "5.7.8", "auth-failed", "auth-failed"),
    ("571 Message refused", 571, None, "policy-refused", "policy-generic"),
])
def test_whole_replies(reply, code, enhanced, reason, cause):
    for got in (explained(reply), explained(stdin=reply), explained(*reply.split())):
        assert (got["code"], got["enhanced"], got["reason"], got["cause"]) == (
            code, enhanced, reason, cause)


def test_own_reply_is_certain_and_others_are_not():
    own = explained("550 5.1.1 <x@example.org> There is no mailbox of this name here.")
    assert own["confidence"] == 1 and own["system"] == "Candor"
    other = explained("550 5.1.1 User unknown")
    assert 0.5 < other["confidence"] < 1 and other["system"] is None
    assert explained("550")["confidence"] < other["confidence"]


def test_says_who_spoke_what_stood_there_and_the_way_off_a_list():
    got = explained("554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org;"
                    " https://www.spamhaus.org/query/ip/203.0.113.7")
    assert got["cause"] == "ip-blocklisted"
    assert got["values"]["ip"] == "203.0.113.7" and got["values"]["list"] == "Spamhaus ZEN"
    assert got["fix"][0].startswith("203.0.113.7 is listed by Spamhaus ZEN")
    assert "https://check.spamhaus.org/" in got["fix"][1]
    assert got["steps"][0]["who"] == "sender-admin"
    gmail = explained("550-5.1.1 The email account that you tried to reach does not exist.\n"
                      "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser a1 - gsmtp")
    assert gmail["system"] == "Gmail" and gmail["confidence"] >= 0.9


def test_explains_a_whole_report():
    report = ("Final-Recipient: rfc822; jane@example.org\nAction: failed\nStatus: 5.2.2\n"
              "Diagnostic-Code: smtp; 552 5.2.2 mailbox full\n\n"
              "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 5.1.1\n")
    got = explained(stdin=report)
    assert got["cause"] == "mailbox-full" and got["recipients"] == 2
    assert "2 recipients failed" in candor("explain", stdin=report)


@pytest.mark.parametrize("words", [("550 " + "a" * 100000,), ("550", "a" * 100000, "b")])
def test_the_beginning_of_a_long_text_is_enough(words):
    assert explained(*words)["code"] == 550
    assert explained(stdin=" ".join(words[:2])[:20000])["code"] == 550


def test_what_cannot_be_read_is_an_error():
    for arguments in (["--each-line"], []):
        directory = os.open("/", os.O_RDONLY)
        done = subprocess.run([CANDOR, "explain", *arguments], stdin=directory, capture_output=True, timeout=30)
        os.close(directory)
        assert done.returncode == 75 and b"cannot read" in done.stderr, done


def test_each_line_is_a_reply():
    lines = candor("explain", "--each-line",
                   stdin="550-5.1.1 no such\\n550 5.1.1 user\n452 4.2.2 over quota\n").splitlines()
    got = [json.loads(line)["cause"] for line in lines]
    assert got == ["mailbox-not-found", "mailbox-full"]


@pytest.mark.parametrize("what", ("599", "999", "5.99.99", "hello", "5500"))
def test_unknown_is_said_to_be_unknown(what):
    got = explained(what, status=NO)
    assert got["confidence"] <= 0.2 and got["reason"] is None and got["fix"]
    assert candor("explain", what, status=NO)


def test_language_comes_from_the_environment():
    assert explained("550", LC_ALL="de_DE.UTF-8")["lang"] == "de"
    assert explained("550", LC_MESSAGES="tr_TR", LANG="vi_VN")["lang"] == "tr"
    assert explained("550", LANG="hi_IN.UTF-8")["lang"] == "hi"
    assert explained("550", LC_ALL="C", LANG="de_DE")["lang"] == "en"
    assert explained("550", LANG="xx_XX")["lang"] == "en"
    assert explained("550", "--lang=vi", LANG="de_DE")["lang"] == "vi"


def test_wrong_usage():
    assert "there is no language" in candor("explain", "550", "--lang", "xx", status=USAGE)
    assert "usage: candor explain" in candor("explain", "--nonsense", "550", status=USAGE)
    assert candor("explain", status=USAGE)
    assert "no command" in candor("explane", status=USAGE)
    assert "candor explain" in candor("explain", "--help")


def test_every_reason_of_the_server_is_explained_in_english():
    defs = os.path.join(os.path.dirname(__file__), "../../lib/catalogue/reasons.def")
    with open(defs, encoding="utf-8") as file:
        ids = [line.split('"')[1] for line in file if line.startswith("REASON(")]
    assert len(ids) > 100
    for one in ids:
        got = explained(one)
        assert got["reason"] == one and got["confidence"] == 1
        assert got["title"] and got["meaning"] and got["when"] and len(got["fix"]) >= 1
