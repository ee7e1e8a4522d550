"""The role fetch by itself, in its whole sandbox, against a private issuer (issuer.py): a program
(fetch/asker.c) starts it as master would, asks what directory would, and is its resolver."""
import http.server
import os
import pathlib
import subprocess
import threading
import time

import pytest

from issuer import Issuer, Key, b64
from server import BUILD, free_port, new_directory, remove_directory

ASKER = BUILD / "tests" / "fetch" / "fetch_asker"
FETCH = BUILD / "src" / "fetch" / "fetch"
GOOD = "yes alice@demo.example"


class Asker:
    """A fetch that runs; ask() gives its answers in the order of the questions."""

    def __init__(self, directory, configuration, names=(), environment=None):
        conf = directory / "fetch.conf"
        conf.write_text("host mx.demo.example\n" + configuration)
        self.log = open(directory / "log", "w+b")
        self.asked = 0
        self.process = subprocess.Popen(
            [ASKER, FETCH, conf, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env={**os.environ, **(environment or {})})

    def ask(self, *tokens):
        self.process.stdin.write("".join(token + "\n" for token in tokens) + "\n")
        self.process.stdin.flush()
        answers = {}
        for _ in tokens:
            number, answer = self.process.stdout.readline().split(" ", 1)
            answers[int(number)] = answer.strip()
        self.asked += len(tokens)
        return [answers[n] for n in range(self.asked - len(tokens) + 1, self.asked + 1)]

    def one(self, token):
        return self.ask(token)[0]

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode()

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(20)
        self.log.close()
        return status


@pytest.fixture
def directory():
    path = pathlib.Path(new_directory())
    yield path
    remove_directory(path)


@pytest.fixture
def issuer(directory):
    issuer = Issuer(directory, free_port()).start()
    yield issuer
    issuer.stop()


@pytest.fixture
def start(directory):
    askers = []

    def start(configuration, **options):
        askers.append(Asker(directory, configuration, **options))
        return askers[-1]
    yield start
    for asker in askers:
        assert asker.end() == 0, "fetch did not end well"


# ---- signed tokens ----

def test_every_algorithm(issuer, start):
    asker = start(issuer.configuration())
    assert asker.ask(*(issuer.token(a) for a in issuer.keys)) == [GOOD] * len(issuer.keys)
    assert issuer.asked == ["/keys"]
    log = asker.log_text()
    assert issuer.token("RS256").split(".")[1] not in log and "event=token.good" in log


def changed(token, part, where=10):
    parts = token.split(".")
    text = parts[part]
    letter = "A" if text[where] != "A" else "B"
    parts[part] = text[:where] + letter + text[where + 1:]
    return ".".join(parts)


def with_header(token, text):
    return ".".join([b64(text), *token.split(".")[1:]])


def test_what_is_refused(issuer, start):
    now = int(time.time())
    good = issuer.token("RS256")
    stranger = Key("RS256", "RS256-1")
    tokens = {
        "another's signature": issuer.token(key=stranger),
        "changed claims": changed(good, 1),
        "changed signature": changed(good, 2),
        "no signature": good.rsplit(".", 1)[0] + ".",
        "none": with_header(good, b'{"alg":"none"}').rsplit(".", 1)[0] + ".",
        "none with a signature": with_header(good, b'{"alg":"none"}'),
        "HS256": with_header(good, b'{"alg":"HS256","kid":"RS256-1"}'),
        "another algorithm of the same key": with_header(good, b'{"alg":"PS256","kid":"RS256-1"}'),
        "crit": issuer.token(header={"crit": ["b64"], "b64": False}),
        "logout token": issuer.token(header={"typ": "logout+jwt"}),
        "no kid, wrong key": issuer.token(key=stranger, header={"kid": None}),
        "expired": issuer.token(exp=now - 120),
        "never ends": issuer.token(exp=None),
        "ends in a text": issuer.token(exp=str(now + 300)),
        "not yet": issuer.token(nbf=now + 300),
        "made in the future": issuer.token(iat=now + 300),
        "another audience": issuer.token(aud="imap"),
        "no audience": issuer.token(aud=None),
        "another issuer": issuer.token(iss="https://elsewhere.example"),
        "almost the issuer": issuer.token(iss=issuer.url + "/"),
        "no issuer": issuer.token(iss=None),
        "opaque": "2YotnFZFEjr1zCsicMWpAA",
        "doubled name": with_header(good, b'{"alg":"RS256","alg":"RS256","kid":"RS256-1"}'),
        "no JSON": "YQ.YQ.YQ",
        "five parts": good + ".YQ.YQ",
    }
    asker = start(issuer.configuration())
    answers = dict(zip(tokens, asker.ask(*tokens.values())))
    assert answers == {name: "no" for name in tokens}
    others = {
        "scope": issuer.token(scope="openid"),
        "scope ": issuer.token(scope=None),
        "unknown": issuer.token(email=None),
        "unknown ": issuer.token(email_verified=False),
        GOOD: issuer.token(header={"kid": None}),
        GOOD + " ": issuer.token(aud=["web", "smtp"], scope=None, scp=["openid", "mail"],
                                 header={"typ": "JWT"}),
        GOOD + "  ": issuer.token(exp=now - 30),  # within the leeway
    }
    assert asker.ask(*others.values()) == [name.strip() for name in others]


def test_account_claim_and_many_audiences(issuer, start):
    asker = start(issuer.configuration(extra="account-claim sub"))
    assert asker.ask(issuer.token(), issuer.token(sub="x\ny"), issuer.token(sub=7),
                     issuer.token(aud=["x"] * 15 + ["smtp"]), issuer.token(aud=["x"] * 17)) == [
        "yes u1", "no", "no", "yes u1", "no"]


def test_new_keys_are_fetched_but_not_for_everybody(issuer, start):
    asker = start(issuer.configuration())
    assert asker.one(issuer.token()) == GOOD
    assert issuer.asked == ["/keys"]
    issuer.keys["ES256"] = Key("ES256", "ES256-2")
    token = issuer.token("ES256")
    # Asked a moment ago: not again at once. And nobody can make us a nuisance to the issuer.
    unknown = [issuer.token(key=Key("ES256", f"made-up-{n}")) for n in range(20)]
    assert asker.ask(token, *unknown) == ["no"] * 21
    assert issuer.asked == ["/keys"]
    time.sleep(10.1)
    # One question for all that wait, and what the issuer has withdrawn is no key any more.
    old = issuer.token()
    issuer.hidden.add("RS256-1")
    assert asker.ask(token, *unknown, token) == [GOOD] + ["no"] * 20 + [GOOD]
    assert issuer.asked == ["/keys"] * 2
    assert asker.ask(old, token) == ["no", GOOD]


def test_issuer_is_down(issuer, start):
    issuer.stop()
    asker = start(issuer.configuration())
    token = issuer.token()
    assert asker.ask(token, token) == ["failed", "failed"]
    assert "event=issuer.keys-failed" in asker.log_text()
    issuer.start()
    assert asker.one(token) == "failed"     # asked a moment ago
    time.sleep(5.1)
    assert asker.one(token) == GOOD
    issuer.stop()                           # its keys are known
    assert asker.one(token) == GOOD


def answers(status, headers=(), body=b"", length=None):
    def answer(request):
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)
    return answer


@pytest.mark.parametrize("broken", [
    pytest.param(answers(500), id="status"),
    pytest.param(answers(200, body=b"<html>"), id="no-json"),
    pytest.param(answers(200, body=b'{"keys": 7}'), id="no-list"),
    pytest.param(answers(200, body=b" " * 600000 + b'{"keys":[]}'), id="too-long"),
    pytest.param(answers(200, body=b"x" * 10, length=10 ** 9), id="says-too-long"),
    pytest.param(answers(302, [("Location", "/keys")]), id="redirect"),
    pytest.param(lambda request: request.connection.shutdown(2), id="closes"),
])
def test_answers_that_are_none(issuer, start, broken):
    issuer.broken = broken
    asker = start(issuer.configuration())
    assert asker.one(issuer.token()) == "failed"
    assert issuer.asked == ["/keys"]


def test_a_slow_issuer(issuer, start):
    issuer.slow = 3
    asker = start(issuer.configuration(extra="timeout 1s"))
    begin = time.monotonic()
    assert asker.one(issuer.token()) == "failed"
    assert 0.9 < time.monotonic() - begin < 2.5
    assert "result=timeout" in asker.log_text()


# ---- whom it talks to ----

def test_a_certificate_of_somebody_else(issuer, directory, start):
    other = directory / "other"
    other.mkdir(mode=0o711)
    stranger = Issuer(other, free_port())
    asker = start(issuer.configuration().replace(str(issuer.ca_file), str(stranger.ca_file)))
    assert asker.one(issuer.token()) == "failed"
    assert "result=untrusted" in asker.log_text() and issuer.asked == []


def test_a_certificate_for_another_name(directory, start):
    issuer = Issuer(directory, free_port(), "other.example").start()
    issuer.url = f"https://id.example:{issuer.port}"
    asker = start(issuer.configuration(), names=["id.example=127.0.0.1"])
    assert asker.one(issuer.token()) == "failed"
    issuer.stop()
    assert "result=untrusted" in asker.log_text() and issuer.asked == []


def test_names_come_from_the_resolver(directory, start):
    issuer = Issuer(directory, free_port(), "id.example").start()
    asker = start(issuer.configuration(), names=["id.example=127.0.0.1"])
    assert asker.one(issuer.token()) == GOOD
    issuer.stop()


def test_a_name_that_does_not_exist(directory, start):
    issuer = Issuer(directory, free_port(), "localhost").start()  # /etc/hosts is not asked
    asker = start(issuer.configuration())
    assert asker.one(issuer.token()) == "failed"
    issuer.stop()
    assert "result=no-address" in asker.log_text() and issuer.asked == []


def test_no_proxy_from_the_environment(issuer, start):
    seen = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def handle(self):
            seen.append(1)

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        where = f"http://127.0.0.1:{proxy.server_address[1]}"
        asker = start(issuer.configuration(), environment={
            name: where for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY",
                                     "ALL_PROXY")})
        assert asker.one(issuer.token()) == GOOD
        proxy.shutdown()
    assert seen == []


# ---- introspection ----

def active(**more):
    return {"active": True, "scope": "mail", "email": "alice@demo.example", "client_id": "phone",
            **more}


def test_introspection(issuer, start):
    now = int(time.time())
    issuer.opaque = {
        "t/1+x=": active(), "t2": active(exp=now + 300, aud="anything", iss=issuer.url),
        "t3": active(exp=now - 300), "t4": active(scope="openid"), "t5": active(email=None),
        "t6": active(iss="https://elsewhere.example"), "t7": active(nbf=now + 300),
        "t8": {"active": "true", "email": "alice@demo.example"}, "t9": active(exp="soon"),
    }
    asker = start(issuer.configuration("introspection"))
    want = {"t/1+x=": GOOD, "t2": GOOD, "t3": "no", "t4": "scope", "t5": "unknown", "t6": "no",
            "t7": "no", "t8": "failed", "t9": "failed", "never-issued": "no"}
    assert dict(zip(want, asker.ask(*want))) == want
    assert len(issuer.asked) == len(want)
    # A JWT of this issuer is asked about too; one of another issuer is not shown to it.
    token = issuer.token()
    issuer.opaque[token] = active()
    issuer.asked.clear()
    assert asker.ask(token, issuer.token(iss="https://elsewhere.example")) == [GOOD, "no"]
    assert issuer.asked == ["/introspect"]
    assert "s3cret" not in asker.log_text() and "t/1+x" not in asker.log_text()


def test_introspection_needs_an_audience_where_one_is_configured(issuer, start):
    issuer.opaque = {"t1": active(), "t2": active(aud=["smtp"]), "t3": active(aud="web")}
    asker = start(issuer.configuration("introspection", "audience smtp"))
    assert asker.ask("t1", "t2", "t3") == ["no", GOOD, "no"]


def test_introspected_tokens_are_believed_for_a_while(issuer, start):
    now = int(time.time())
    issuer.opaque = {"long": active(), "short": active(exp=now + 2)}
    asker = start(issuer.configuration("introspection", "cache 4s"))
    assert asker.ask("long", "short") == [GOOD, GOOD]
    issuer.opaque.clear()                       # revoked
    begin = time.monotonic()
    assert asker.ask("long", "short", "long") == [GOOD] * 3
    assert len(issuer.asked) == 2
    time.sleep(2.2)
    assert asker.ask("long", "short") == [GOOD, "no"]     # never beyond its own end
    time.sleep(max(0, begin + 4.2 - time.monotonic()))
    assert asker.one("long") == "no"
    assert len(issuer.asked) == 4


def test_introspection_fails(issuer, start):
    issuer.opaque = {"t1": active()}
    issuer.secret_file.write_text("wrong\n")
    asker = start(issuer.configuration("introspection"))
    assert asker.one("t1") == "failed"
    assert "event=issuer.introspection-failed" in asker.log_text()
    assert "status=401" in asker.log_text()
    issuer.stop()
    assert asker.one("t1") == "failed"
    assert "result=no-connection" in asker.log_text()


def test_many_at_once(issuer, start):
    issuer.opaque = {f"t{n}": active(email=f"u{n}@demo.example") for n in range(300)}
    asker = start(issuer.configuration("introspection"))
    assert asker.ask(*issuer.opaque) == [f"yes u{n}@demo.example" for n in range(300)]
    assert len(issuer.asked) == 300


def test_two_issuers(issuer, directory, start):
    other = directory / "other"
    other.mkdir(mode=0o711)
    second = Issuer(other, free_port()).start()
    second.opaque = {"t1": active(email="bob@demo.example")}
    asker = start(issuer.configuration() + second.configuration("introspection"))
    assert asker.ask(issuer.token(), "t1", second.token(), issuer.token(iss=second.url)) == [
        GOOD, "yes bob@demo.example", "no", "no"]
    assert issuer.asked == ["/keys"]
    second.stop()


# ---- the start ----

@pytest.mark.parametrize("what", ["ca_file", "secret_file", "empty_secret", "no_certificate"])
def test_a_file_that_is_not_there(issuer, directory, what):
    if what == "empty_secret":
        issuer.secret_file.write_text("\n")
    elif what == "no_certificate":
        issuer.ca_file.write_text("not a certificate\n")
    else:
        getattr(issuer, what).unlink()
    asker = Asker(directory, issuer.configuration("introspection"))
    assert asker.process.wait(20) == 1
    assert "event=issuer.unreadable" in asker.log_text()
    asker.log.close()
