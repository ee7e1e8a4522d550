"""What stands between a guesser and an account, and between a thief of a password and the world."""
import base64
import json
import re
import sqlite3
import time

import pytest

from conftest import end
from server import DOMAIN, Server, eventually, new_directory, remove_directory
from smtp import Closed, Talk

ALICE, BOB, CAROL = (f"{name}@{DOMAIN}" for name in ("alice", "bob", "carol"))
WORDS = {ALICE: "correct horse battery", BOB: "four plain little words", CAROL: "tea for two people"}
# Loopback is one network of class A: each test has a /24 of it for itself.
HOME, AWAY = "127.0.1.1", "127.0.2.1"
LIMITS = """
auth {
    guesses-account 8
    guesses-address 8
    guesses-network 60
    delay           50ms
    delay-max       400ms
    messages-per-minute 6
}
"""


def make(directory):
    one = Server(directory, extra=LIMITS, unlimited="127.7.0.0/16",
                 accounts=("alice", "bob", "carol"))
    one.start()
    for address, password in WORDS.items():
        one.candor("account", "password", address, "--stdin", "-c", str(one.conf),
                   text=password + "\n")
    return one


@pytest.fixture(scope="module")
def server():
    directory, one = new_directory(), None
    try:
        one = make(directory)
        yield one
        end(one)
        for secret in WORDS.values():
            assert secret not in one.log_text()
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def opened(server, source):
    talk = Talk(server.tls, tls=True, source=source)
    talk.greeting()
    return talk


def attempt(server, source, user, password):
    """(code, seconds) of one sign-in on a connection of its own."""
    with opened(server, source) as talk:
        begun = time.monotonic()
        return talk.command(plain(user, password)).code, time.monotonic() - begun


def signed_in(server, source, user, password):
    talk = opened(server, source)
    reply = talk.command(plain(user, password))
    assert reply.code == 235, reply
    return talk


def app_password(server, name, *arguments, account=ALICE):
    shown = server.candor("app-password", "add", account, "--name", name, "-c", str(server.conf),
                          *arguments)
    return re.search(r"[a-z]{5}(-[a-z]{5}){7}", shown)[0]


def test_guesses_slow_down_and_end_in_421(server):
    assert attempt(server, HOME, ALICE, WORDS[ALICE])[0] == 235
    seconds = []
    for i in range(8):
        code, took = attempt(server, AWAY, ALICE, f"guess {i}")
        assert code == 535
        seconds.append(took)
    assert seconds[-1] > 0.4, seconds
    with opened(server, AWAY) as talk:
        reply = talk.command(plain(ALICE, WORDS[ALICE]))
        assert (reply.code, reply.enhanced) == (421, "4.7.0")
        assert talk.is_closed()
    # From another network of his too: it is the account that is guarded.
    assert attempt(server, "127.0.3.1", ALICE, "guess")[0] == 421
    # She herself is let in where she was before, at once.
    code, took = attempt(server, HOME, ALICE, WORDS[ALICE])
    assert code == 235 and took < 1
    assert "event=auth.failed" in server.log_text() and "cause=too-many of=account" in server.log_text()
    listed = eventually(lambda: next((text for text in [server.candor(
        "account", "list", "--attacked", "-c", str(server.conf))] if ALICE in text), None))
    assert AWAY in listed or "127.0.3.1" in listed


def test_who_hangs_up_while_he_waits_gives_up_his_place():
    """Guessers who do not wait for their delays must not fill the server with sessions."""
    directory, one = new_directory(), None
    try:
        one = Server(directory, extra="auth { delay 50s\n delay-max 50s }", unlimited="127.7.0.0/16")
        one.candor("account", "password", ALICE, "--stdin", "-c", str(one.conf), text=WORDS[ALICE] + "\n")
        one.start()

        def sessions():
            said = json.loads(one.candor("status", "--json", "-c", str(one.conf)))
            return next(r["sessions"] for rows in said.values() if isinstance(rows, list)
                        for r in rows if r.get("role") == "counters" and "sessions" in r)

        for i in range(5):  # those that cost nothing
            assert attempt(one, AWAY, ALICE, f"guess {i}")[0] == 535
        waiting = []
        for i in range(20):
            talk = opened(one, AWAY)
            talk.send(plain(ALICE, f"another guess {i}").encode() + b"\r\n")
            waiting.append(talk)
        # No more are kept waiting than would be refused: guesses-account is 20.
        eventually(lambda: one.log_text().count("cause=too-many") == 5)
        eventually(lambda: sessions() == 15)
        for talk in waiting:
            talk.close()
        eventually(lambda: sessions() == 0, 15)
        assert one.stop() == 0
        one.check_log()
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)


def test_a_name_that_is_nobodys_fares_the_same(server):
    source = "127.0.10.1"
    codes = [attempt(server, source, f"nobody@{DOMAIN}", f"guess {i}")[0] for i in range(9)]
    assert codes == [535] * 8 + [421]
    # The address has used up its own, too.
    assert attempt(server, source, BOB, WORDS[BOB])[0] == 421
    assert attempt(server, "127.0.11.1", BOB, WORDS[BOB])[0] == 235


def test_the_same_wrong_password_is_one_guess(server):
    """A telephone that does not know of the new password."""
    source = "127.0.20.1"
    assert [attempt(server, source, BOB, "the old password")[0] for _ in range(12)] == [535] * 12
    assert attempt(server, source, BOB, WORDS[BOB])[0] == 235


def test_unlimited_networks_are_not_slowed(server):
    for i in range(10):
        assert attempt(server, "127.7.0.1", CAROL, f"guess {i}")[0] == 535
    assert attempt(server, "127.7.0.1", CAROL, WORDS[CAROL])[0] == 235


def test_app_passwords_have_bounds(server):
    here = app_password(server, "desk", "--from", "127.0.30.0/24", account=CAROL)
    assert attempt(server, "127.0.30.1", CAROL, here)[0] == 235
    assert attempt(server, "127.0.31.1", CAROL, here)[0] == 535
    old = app_password(server, "tablet", "--expires", "1d", account=CAROL)
    assert attempt(server, "127.0.30.1", CAROL, old)[0] == 235
    with sqlite3.connect(server.directory / "candor.db") as db:
        db.execute("UPDATE app_password SET expires_at = 1 WHERE name = 'tablet'")
    db.close()
    assert attempt(server, "127.0.30.1", CAROL, old)[0] == 535
    listed = eventually(lambda: next((text for text in [server.candor(
        "app-password", "list", CAROL, "-c", str(server.conf))] if "127.0.30.1" in text), None))
    assert "desk" in listed
    assert "app_password=desk" in server.log_text()


def test_what_is_revoked_is_closed(server):
    word = app_password(server, "phone", account=CAROL)
    phone = signed_in(server, "127.0.40.1", CAROL, word)
    laptop = signed_in(server, "127.0.40.1", CAROL, WORDS[CAROL])
    server.candor("app-password", "remove", CAROL, "phone", "-c", str(server.conf))
    reply = phone.reply()
    assert reply.code == 421 and phone.is_closed()
    assert laptop.command("NOOP").code == 250
    assert attempt(server, "127.0.40.1", CAROL, word)[0] == 535
    server.candor("account", "password", CAROL, "--stdin", "-c", str(server.conf),
                  text="another set of words\n")
    assert laptop.reply().code == 421 and laptop.is_closed()
    assert attempt(server, "127.0.40.1", CAROL, "another set of words")[0] == 235
    phone.close()
    laptop.close()


def test_limits_and_alarms(server):
    with signed_in(server, "127.0.50.1", BOB, WORDS[BOB]) as talk:
        codes = []
        for i in range(7):
            reply = talk.command(f"MAIL FROM:<{BOB}>")
            codes.append((reply.code, reply.enhanced))
            talk.command("RSET")
        assert codes == [(250, "2.1.0")] * 6 + [(450, "4.7.1")]
    server.candor("account", "limits", ALICE, "--minute", "100", "-c", str(server.conf))
    with signed_in(server, HOME, ALICE, WORDS[ALICE]) as talk:
        for i in range(8):
            assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250
            assert talk.command("RSET").code == 250
        many = [f"bob+{i}@{DOMAIN}" for i in range(120)]
        assert talk.message(b"Subject: to all\r\n\r\nhello\r\n", many, sender=ALICE).code == 250
    line = eventually(lambda: next((one for one in server.log_text().splitlines()
                                    if "event=account.alarm" in one), None))
    assert f"account={ALICE}" in line and "recipients_hour=120" in line


def test_what_was_learned_survives_a_restart():
    directory, one = new_directory(), None
    try:
        one = make(directory)
        with signed_in(one, HOME, ALICE, WORDS[ALICE]) as talk:
            for i in range(6):
                assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250
                talk.command("RSET")
        assert one.stop() == 0
        one.start()
        for i in range(8):
            assert attempt(one, AWAY, ALICE, f"guess {i}")[0] == 535
        assert attempt(one, AWAY, ALICE, WORDS[ALICE])[0] == 421
        # The network is known still, and what was sent is counted still.
        with signed_in(one, HOME, ALICE, WORDS[ALICE]) as talk:
            with pytest.raises((AssertionError, Closed)):
                for i in range(3):
                    assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250
                    talk.command("RSET")
        end(one)
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)
