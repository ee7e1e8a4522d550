"""Passwords, app passwords and rights of a running server: each change holds at once."""
import base64
import crypt
import json
import smtplib
import sqlite3
import ssl

import pytest

from server import DOMAIN, eventually

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
PASSWORD = "a pass word of alice"


@pytest.fixture
def candor(server):
    def run(*arguments, status=0, text=None):
        out = server.candor(*arguments, "-c", str(server.conf), status=status, text=text)
        return json.loads(out) if "--json" in arguments else out
    return run


@pytest.fixture
def connect(server):
    """A submission session under TLS, with an account signed in if one is given."""
    open_ones = []

    def make(user=None, password=None):
        client = smtplib.SMTP_SSL("127.0.0.1", server.tls, "phone.client.example",
                                  context=ssl._create_unverified_context(), timeout=20)
        open_ones.append(client)
        client.ehlo()
        if user is not None:
            client.login(user, password)
        return client
    yield make
    for client in open_ones:
        client.close()


@pytest.fixture(autouse=True)
def alice_has_a_password(candor):
    candor("account", "password", ALICE, "--stdin", text=PASSWORD + "\n")


def code_of_login(connect, user, password):
    client = connect()
    try:
        return client.login(user, password)[0]
    except smtplib.SMTPAuthenticationError as e:
        return e.smtp_code


def sees_the_end(client):
    """Is it told 421, without having asked anything?"""
    client.sock.settimeout(10)
    line = client.file.readline()
    return line.startswith(b"421")


def test_sign_in_and_last_use(candor, connect):
    assert code_of_login(connect, ALICE, PASSWORD) == 235
    assert code_of_login(connect, ALICE.upper(), PASSWORD) == 235
    assert code_of_login(connect, "alice", PASSWORD) == 235
    assert code_of_login(connect, f"alice+tag@{DOMAIN}", PASSWORD) == 535
    assert code_of_login(connect, ALICE, PASSWORD + "!") == 535
    assert code_of_login(connect, BOB, PASSWORD) == 535

    def last():
        return candor("account", "show", ALICE, "--json")["account"]["last_sign_in"]
    eventually(lambda: last() is not None, 10, "the last sign-in")
    assert last()["address"] == "127.0.0.1" and last()["client"] == "phone.client.example"


def test_password_change_signs_out(candor, connect):
    client = connect(ALICE, PASSWORD)
    assert client.noop()[0] == 250
    candor("account", "password", ALICE, "--stdin", text="quite another one\n")
    assert sees_the_end(client)
    assert code_of_login(connect, ALICE, PASSWORD) == 535
    assert code_of_login(connect, ALICE, "quite another one") == 235


def test_app_password(candor, connect):
    made = candor("app-password", "add", ALICE, "--name", "phone", "--json")
    elsewhere = candor("app-password", "add", ALICE, "--name", "office", "--from", "192.0.2.0/24",
                       "--json")["password"]
    password, letters = made["password"], made["password"].replace("-", "").upper()
    assert code_of_login(connect, made["user"], password) == 235
    assert code_of_login(connect, made["user"], letters) == 235
    assert code_of_login(connect, BOB, password) == 535
    assert code_of_login(connect, ALICE, elsewhere) == 535

    def uses():
        rows = candor("app-password", "list", ALICE, "--json")["app_passwords"]
        return {r["name"]: r["last_use"] for r in rows}
    eventually(lambda: uses()["phone"] is not None, 10, "the last use")
    assert uses()["phone"]["address"] == "127.0.0.1" and uses()["office"] is None

    by_app, by_own = connect(ALICE, password), connect(ALICE, PASSWORD)
    candor("app-password", "remove", ALICE, "phone")
    assert sees_the_end(by_app)
    assert by_own.noop()[0] == 250
    assert code_of_login(connect, ALICE, password) == 535
    candor("app-password", "remove", ALICE, "office")


def test_app_passwords_only(candor, connect):
    password = candor("app-password", "add", ALICE, "--name", "only", "--json")["password"]
    client = connect(ALICE, PASSWORD)
    candor("account", "app-passwords-only", ALICE, "on")
    assert sees_the_end(client)
    assert code_of_login(connect, ALICE, PASSWORD) == 534
    assert code_of_login(connect, ALICE, PASSWORD + "!") == 535
    assert code_of_login(connect, ALICE, password) == 235
    candor("account", "app-passwords-only", ALICE, "off")
    assert code_of_login(connect, ALICE, PASSWORD) == 235
    candor("app-password", "remove", ALICE, "only")


@pytest.mark.parametrize("change, undo", [
    (["account", "disable", ALICE], ["account", "enable", ALICE]),
    (["account", "move", ALICE, BOB], ["account", "move", ALICE, "--back"])])
def test_no_more_an_account_to_sign_in_to(candor, connect, change, undo):
    client = connect(ALICE, PASSWORD)
    candor(*change)
    assert sees_the_end(client)
    assert code_of_login(connect, ALICE, PASSWORD) == 535
    candor(*undo)
    assert code_of_login(connect, ALICE, PASSWORD) == 235


def test_imported_hash_is_made_anew(server, candor, connect):
    hashed = crypt.crypt("an old secret", crypt.mksalt(crypt.METHOD_SHA512))
    candor("account", "import", "-", text=f"carol@{DOMAIN}:{{SHA512-CRYPT}}{hashed}\n")
    assert code_of_login(connect, f"carol@{DOMAIN}", "wrong") == 535
    assert code_of_login(connect, f"carol@{DOMAIN}", "an old secret") == 235

    def kept():
        db = sqlite3.connect(server.directory / "candor.db")
        found = db.execute("SELECT hash, scram_sha256 FROM account WHERE local = 'carol'").fetchone()
        db.close()
        return found
    eventually(lambda: kept()[0].startswith("$y$"), 10, "a new hash")
    assert kept()[1].startswith("SCRAM-SHA-256$")
    assert code_of_login(connect, f"carol@{DOMAIN}", "an old secret") == 235


def mail_from(client, address):
    code = client.mail(address)[0]
    client.rset()
    return code


def test_senders(candor, connect):
    client = connect(ALICE, PASSWORD)
    candor("alias", "add", f"team@{DOMAIN}", ALICE, BOB)
    for address, code in ((ALICE, 250), (f"alice+x@{DOMAIN}", 250), (f"team@{DOMAIN}", 250),
                          (BOB, 553), ("boss@far.example", 553), ("", 250)):
        assert mail_from(client, address) == code, address
    candor("account", "sender", "add", ALICE, "@far.example")
    assert mail_from(client, "boss@far.example") == 250
    candor("account", "sender", "remove", ALICE, "@far.example")
    assert mail_from(client, "boss@far.example") == 553


def test_moved(server, candor):
    candor("account", "add", f"dora@{DOMAIN}", "--no-password")

    def rcpt():
        with server.talk() as talk:
            assert talk.command("MAIL FROM:<s@client.example>").code == 250
            return talk.command(f"RCPT TO:<dora@{DOMAIN}>")
    candor("account", "move", f"dora@{DOMAIN}", BOB)
    assert rcpt().code == 251
    with server.talk() as talk:
        assert talk.command("MAIL FROM:<s@client.example>").code == 250
        assert talk.command(f"RCPT TO:<dora@{DOMAIN}>").code == 251
        assert talk.command("DATA").code == 354
        talk.send(b"Subject: sent on\r\n\r\nHello.\r\n.\r\n")
        assert talk.reply().code == 250
    server.wait_message("bob", "sent on")
    candor("account", "move", f"dora@{DOMAIN}", "dora@far.example", "--refuse")
    reply = rcpt()
    assert reply.code == 551 and reply.enhanced == "5.1.6" and b"dora@far.example" in reply.raw
    candor("account", "move", f"dora@{DOMAIN}", "--back")
    assert rcpt().code == 250


@pytest.mark.parametrize("rule, code, enhanced", [("", 452, "4.2.2"),
                                                  ("full-mailbox refuse", 552, "5.2.2")])
def test_a_full_mailbox(new_server, rule, code, enhanced):
    """What was answered with 250 arrives, and then there is no more 250."""
    server = new_server(extra=rule)
    server.candor("account", "quota", "alice", "10K", "-c", str(server.conf))
    server.start()
    text = b"Subject: %d\r\n\r\n" + b"x" * 70 * 100

    def rcpt(more=""):
        with server.talk() as talk:
            talk.command("EHLO client.example")
            talk.command(f"MAIL FROM:<you@client.example>{more}")
            return talk.command(f"RCPT TO:<{ALICE}>")
    for i in range(2):
        reply = rcpt(" SIZE=20000")
        assert reply.code == code and reply.enhanced == enhanced
        with server.talk() as talk:
            assert talk.message(text % i, ALICE).code == 250
        server.wait_message("alice", f"Subject: {i}")
    eventually(lambda: rcpt().code == code, 10, "a full mailbox")
    assert rcpt(" SIZE=1").enhanced == enhanced
    for new in server.maildir("alice").glob("new/*"):
        new.unlink()
    (server.maildir("alice") / "maildirsize").unlink()
    eventually(lambda: rcpt().code == 250, 10, "room again")


@pytest.mark.parametrize("unlimited", ["", "unlimited 127.0.0.0/8"])
def test_attacked(new_server, unlimited):
    """Also from networks that nothing slows: who is there may be guessing all the same."""
    server = new_server()
    server.conf.write_text(server.conf.read_text().replace("unlimited 127.0.0.0/8", unlimited)
                           + "auth { delay 20ms }\n")
    server.start()
    for name in ("root", "root", "root", "alice"):
        with smtplib.SMTP_SSL("127.0.0.1", server.tls, context=ssl._create_unverified_context(),
                              timeout=20) as client:
            client.ehlo()
            secret = base64.b64encode(f"\0{name}@{DOMAIN}\x00123456".encode()).decode()
            assert client.docmd("AUTH", f"PLAIN {secret}")[0] == 535

    def rows():
        out = server.candor("account", "list", "--attacked", "--json", "-c", str(server.conf))
        return [(r["name"], r["is_account"], r["count"], r["last_address"])
                for r in json.loads(out)["attacked"]]
    # Without a wait: what is asked for is written first.
    assert rows() == [(f"root@{DOMAIN}", False, 3, "127.0.0.1"), (ALICE, True, 1, "127.0.0.1")]
    assert "123456" not in server.log_text()


def test_nothing_secret_is_logged(server, candor):
    made = candor("app-password", "add", ALICE, "--name", "logged", "--json")["password"]
    candor("app-password", "remove", ALICE, "logged")
    log = server.log_text()
    assert f"account-password {ALICE}" in log
    for secret in (PASSWORD, made, "$y$", "SCRAM-SHA-256$", "an old secret"):
        assert secret not in log, secret
