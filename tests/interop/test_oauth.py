"""Signing in with tokens: curl by OAUTHBEARER and XOAUTH2 on the ports of our users, against a private
issuer (issuer.py) that the whole server asks; and what a client hears whose token is not good."""
import base64
import json
import os
import pathlib
import signal
import subprocess

import pytest

from issuer import Issuer, Key
from server import DOMAIN, eventually, free_port

ALICE = f"alice@{DOMAIN}"
MECHANISMS = ("OAUTHBEARER", "XOAUTH2")
mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)


@pytest.fixture(scope="module", params=["jwks", "introspection"])
def ground(request, tmp_path_factory):
    """(issuer, server), for each way to find out about a token."""
    from conftest import end
    from server import Server, eventually, new_directory, remove_directory
    directory = new_directory()
    place = pathlib.Path(directory, "issuer")
    place.mkdir()
    issuer = Issuer(place, free_port()).start()
    issuer.kind = request.param
    try:
        server = Server(directory, extra=issuer.configuration(request.param))
        server.start()
        # The role fetch may come a moment later than the first greeting.
        eventually(lambda: sign_in(server, "XOAUTH2", new_token(issuer))[1].code == 235)
        yield issuer, server
        end(server)
    finally:
        issuer.stop()
        remove_directory(directory)


def new_token(issuer, **claims):
    """One that its issuer knows or has signed, whichever the server goes by."""
    token = issuer.token(**claims)
    good = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    issuer.opaque[token] = {"active": True, **good}
    return token


def curl(server, mechanism, token, port="tls", user=ALICE):
    mail = server.directory / "mail.txt"
    mail.write_bytes(b"From: <alice@demo.example>\r\nTo: <bob@demo.example>\r\nSubject: by token\r\n\r\nHello\r\n")
    scheme = {"tls": "smtps", "starttls": "smtp"}[port]
    return subprocess.run(
        ["curl", "-q", "-sS", "-v", "-k", "--ssl-reqd", "--max-time", "30", "--user", f"{user}:",
         "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}", "--mail-from", ALICE,
         "--mail-rcpt", f"bob@{DOMAIN}", "-T", mail,
         f"{scheme}://127.0.0.1:{getattr(server, port)}/client.example"],
        capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(server.directory)})


def replies(done):
    return [line[2:] for line in done.stderr.splitlines() if line.startswith("< ")]


@mechanism
@pytest.mark.parametrize("port", ["tls", "starttls"])
def test_curl_signs_in(ground, mechanism, port):
    issuer, server = ground
    done = curl(server, mechanism, new_token(issuer, jti=f"{mechanism}{port}"), port)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("235 2.7.0 ") for line in replies(done))
    assert any(mechanism in line for line in replies(done) if line[4:].startswith("AUTH "))


def initial(mechanism, token, user=ALICE):
    text = {"OAUTHBEARER": f"n,a={user},\1host=mx.{DOMAIN}\1port=465\1auth=Bearer {token}\1\1",
            "XOAUTH2": f"user={user}\1auth=Bearer {token}\1\1"}[mechanism]
    return base64.b64encode(text.encode()).decode()


def sign_in(server, mechanism, token, user=ALICE):
    """(what the 334 said, the last reply) of an AUTH by hand."""
    with server.talk("tls") as talk:
        talk.command("EHLO client.example")
        reply = talk.command(f"AUTH {mechanism}")
        assert reply.code == 334
        reply = talk.command(initial(mechanism, token, user))
        said = None
        if reply.code == 334:
            said = json.loads(base64.b64decode(reply.lines[0]))
            reply = talk.command("AQ==" if mechanism == "OAUTHBEARER" else "")
        return said, reply


def bad_tokens(issuer):
    signed = issuer.kind == "jwks"
    good = issuer.token(jti="x")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    yield "expired", new_token(issuer, exp=1000000000)
    yield "of another issuer", new_token(issuer, iss="https://elsewhere.example")
    yield "never issued", "2YotnFZFEjr1zCsicMWpAA"
    if signed:
        yield "wrong signature", issuer.token(key=Key("ES256", "ES256-1"))
        yield "wrong audience", issuer.token(aud="imap")
        yield "alg none", f"{none}.{good.split('.')[1]}."


@mechanism
def test_bad_tokens(ground, mechanism):
    issuer, server = ground
    for name, token in bad_tokens(issuer):
        said, reply = sign_in(server, mechanism, token)
        assert said is not None, (name, reply.lines)
        assert said["status"] == {"OAUTHBEARER": "invalid_token", "XOAUTH2": "401"}[mechanism], name
        assert said["scope"] == "mail"
        if mechanism == "OAUTHBEARER":  # RFC 7628 3.2.2
            assert said["openid-configuration"] == issuer.url + "/.well-known/openid-configuration"
        assert reply.code == 535 and reply.lines[0].startswith("5.7.8 "), name


@mechanism
def test_too_narrow(ground, mechanism):
    issuer, server = ground
    said, reply = sign_in(server, mechanism, new_token(issuer, scope="openid", jti=mechanism))
    assert said["status"] == {"OAUTHBEARER": "insufficient_scope", "XOAUTH2": "403"}[mechanism]
    assert reply.code == 535


@mechanism
def test_of_nobody_here(ground, mechanism):
    """A good token of somebody who has no account looks like any other that is not good."""
    issuer, server = ground
    for claims in ({"email": "nobody@demo.example"}, {"email": None}):
        said, reply = sign_in(server, mechanism, new_token(issuer, **claims), "nobody@demo.example")
        assert said["status"] in ("invalid_token", "401") and reply.code == 535


@mechanism
def test_somebody_elses_name(ground, mechanism):
    """The token says who it is; the client may not be somebody else with it."""
    issuer, server = ground
    _, reply = sign_in(server, mechanism, new_token(issuer, jti="b"), f"bob@{DOMAIN}")
    assert reply.code == 535


def test_without_an_issuer_there_are_no_tokens(new_server):
    server = new_server().start()
    with server.talk("tls") as talk:
        lines = talk.command("EHLO client.example").lines
        assert not any("OAUTHBEARER" in line or "XOAUTH2" in line for line in lines)
        assert talk.command("AUTH XOAUTH2 " + initial("XOAUTH2", "abc")).code == 504
    assert server.role_pid("fetch") is None


@pytest.mark.parametrize("kind", ["jwks", "introspection"])
def test_the_issuer_is_down(new_server, tmp_path, kind):
    issuer = Issuer(tmp_path, free_port())
    server = new_server(extra=issuer.configuration(kind)).start()
    token = new_token(issuer)
    for mechanism in MECHANISMS:
        said, reply = sign_in(server, mechanism, token)
        assert said is None and reply.code == 454 and reply.lines[0].startswith("4.7.0 ")
    issuer.start()
    eventually(lambda: sign_in(server, "XOAUTH2", token)[1].code == 235, 20, "235")
    # fetch dies: it comes back, and so do sign-ins.
    os.kill(server.role_pid("fetch"), 9)
    eventually(lambda: sign_in(server, "XOAUTH2", token)[1].code == 235, 20, "235 again")
    issuer.stop()


def test_a_reload_brings_an_issuer(new_server, tmp_path):
    issuer = Issuer(tmp_path, free_port()).start()
    server = new_server().start()
    with server.conf.open("a") as file:
        file.write(issuer.configuration())
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: server.role_pid("fetch"), 10, "fetch")
    eventually(lambda: sign_in(server, "OAUTHBEARER", new_token(issuer))[1].code == 235, 20, "235")
    # Another audience: fetch begins anew with it.
    text = server.conf.read_text().replace("audience smtp", "audience mail")
    server.conf.write_text(text)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: sign_in(server, "OAUTHBEARER",
                               new_token(issuer, aud="mail"))[1].code == 235, 20, "235")
    assert sign_in(server, "OAUTHBEARER", new_token(issuer))[1].code == 535
    issuer.stop()


def test_a_reload_in_the_middle(new_server, tmp_path):
    """What a client is told may be of the configuration that it began with."""
    issuer = Issuer(tmp_path, free_port()).start()
    server = new_server(extra=issuer.configuration(extra="scope \"mail send\"").replace(
        "    scope mail\n", "")).start()
    fetch = server.role_pid("fetch")
    with server.talk("tls") as talk:
        assert talk.command("AUTH OAUTHBEARER").code == 334
        server.conf.write_text(server.conf.read_text().replace("mail send", "mail"))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "event=config.reloaded" in server.log_text(), 10, "the reload")
        # fetch begins anew with it; until it is there, 454 would be right.
        eventually(lambda: server.role_pid("fetch") not in (None, fetch), 10, "another fetch")
        eventually(lambda: sign_in(server, "XOAUTH2", issuer.token())[1].code == 235, 10, "235")
        reply = talk.command(initial("OAUTHBEARER", issuer.token(aud="imap")))
        assert reply.code == 334
        assert json.loads(base64.b64decode(reply.lines[0]))["scope"] == "mail send"
        assert talk.command("AQ==").code == 535
    issuer.stop()
