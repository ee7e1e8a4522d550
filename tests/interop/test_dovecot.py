"""Mail to a real Dovecot by LMTP, read back by IMAP: who has it, who is unknown, who is full."""
import json
import os
import re
import signal

import pytest
from dovecot import Dovecot, is_missing
from conftest import end
from server import Server, eventually, new_directory, remove_directory
from smtp import Talk

pytestmark = pytest.mark.skipif(bool(is_missing()), reason=f"missing: {is_missing()}")

UNIX, TCP, ROUTED = "unix.example", "tcp.example", "routed.example"


@pytest.fixture(scope="module")
def dovecot():
    directory = new_directory()
    try:
        with Dovecot(directory) as one:
            for domain in (UNIX, TCP, ROUTED):
                one.user(f"alice@{domain}", "secret")
                one.user(f"bob@{domain}", "secret")
            one.user(f"full@{UNIX}", "secret", quota="1K")
            yield one
    finally:
        remove_directory(directory)


def ways(dovecot):
    return f"""
domain {UNIX} {{ deliver lmtp unix:{dovecot.lmtp_socket} }}
domain {TCP} {{ deliver lmtp 127.0.0.1:{dovecot.lmtp_port} }}
route {ROUTED} {{ via lmtp:unix:{dovecot.lmtp_socket} }}
"""


@pytest.fixture(scope="module")
def server(dovecot):
    directory = new_directory()
    try:
        one = Server(directory, extra=ways(dovecot),
                     accounts=("alice", f"alice@{UNIX}", f"bob@{UNIX}", f"full@{UNIX}",
                               f"alice@{TCP}", f"ghost@{UNIX}", f"bob@{TCP}"))
        one.start()
        yield one
        end(one)
    finally:
        remove_directory(directory)


def send(server, to, text, **options):
    with server.talk() as talk:
        reply = talk.message(text if isinstance(text, bytes) else text.encode(), to, **options)
        assert reply.code == 250, reply
        return re.search(r"\b[0-9A-Z]{13}\b", " ".join(reply.lines), re.I)[0]


def queue(server, *arguments):
    return json.loads(server.candor("queue", *arguments, "--json", "-c", str(server.conf)))


def waiting(server):
    return queue(server, "list")["messages"]


def shown(server, number):
    return queue(server, "show", number)


def tried(server, number):
    """The message after its first try, which is written down a moment later than it is counted."""
    def look():
        message = shown(server, number)
        return message if message["attempts"] > 0 and message["last"] else None
    return eventually(look, 10, "the first try")


@pytest.mark.parametrize("domain", [UNIX, TCP, ROUTED])
def test_delivered_and_read_back(server, dovecot, domain):
    send(server, f"alice@{domain}", f"Subject: to {domain}\r\n\r\n.dot\r\n..dots\r\nbody\r\n")
    got = dovecot.wait_message(f"alice@{domain}", "secret", f"Subject: to {domain}")
    assert got.endswith(b"\r\n\r\n.dot\r\n..dots\r\nbody\r\n")
    assert b"Return-Path: <sender@client.example>" in got
    assert b"by mx.demo.example" in got
    eventually(lambda: not waiting(server), what="an empty queue")


def test_several_recipients_in_one_transaction(server, dovecot):
    send(server, [f"alice@{UNIX}", f"bob@{UNIX}", "alice@demo.example", f"bob@{TCP}"],
         "Subject: for four\r\n\r\nbody\r\n")
    for user in (f"alice@{UNIX}", f"bob@{UNIX}", f"bob@{TCP}"):
        dovecot.wait_message(user, "secret", "Subject: for four")
    server.wait_message("alice", "Subject: for four")
    eventually(lambda: not waiting(server), what="an empty queue")


def test_large_message(server, dovecot):
    """Above what goes in a datagram, and above what the spool keeps inline."""
    for size, name in ((200_000, "medium"), (3_000_000, "large")):
        line = b"0123456789" * 7 + b"\r\n"
        body = line * (size // len(line))
        send(server, f"alice@{TCP}", f"Subject: {name}\r\n\r\n".encode() + body)
        got = dovecot.wait_message(f"alice@{TCP}", "secret", f"Subject: {name}")
        assert got.endswith(b"\r\n\r\n" + body)


def test_eight_bit(server, dovecot):
    send(server, f"alice@{UNIX}", "Subject: eight\r\n\r\ngrüße\r\n", parameters=" BODY=8BITMIME")
    assert "grüße".encode() in dovecot.wait_message(f"alice@{UNIX}", "secret", "Subject: eight")


def test_unknown_and_full_are_passed_on(server, dovecot):
    """A recipient that only Dovecot does not know, and one whose mailbox is full: with its words."""
    number = send(server, [f"ghost@{UNIX}", f"full@{UNIX}", f"bob@{UNIX}"],
                  "Subject: mixed\r\n\r\n" + ("x" * 70 + "\r\n") * 60)
    dovecot.wait_message(f"bob@{UNIX}", "secret", "Subject: mixed")
    tried(server, number)
    state = {r["address"]: r for r in shown(server, number)["recipients"]}
    ghost, full = state[f"ghost@{UNIX}"], state[f"full@{UNIX}"]
    assert ghost["state"] == "failed" and ghost["last"].startswith("550 5.1.1 "), ghost
    assert full["state"] == "failed" and full["last"].startswith("552 5.2.2 "), full
    assert state[f"bob@{UNIX}"]["state"] == "delivered", state
    # An account of Dovecot's that is not one here is refused at RCPT.
    with server.talk() as talk:
        assert talk.command("MAIL FROM:<a@client.example>").code == 250
        assert talk.command(f"RCPT TO:<nobody@{UNIX}>").code == 550
        assert talk.command(f"RCPT TO:<nobody@{ROUTED}>").code == 250
        assert talk.command("RCPT TO:<a@elsewhere.example>").code == 550


def test_one_dead_host_holds_up_nobody(server, dovecot, new_server):
    """Dovecot is down: its mail waits, all other mail goes; back again, it is delivered."""
    directory = new_directory()
    try:
        other = Dovecot(directory)
        other.user("late@late.example", "secret")
        one = new_server(extra=ways(dovecot) + f"""
route late.example {{ via lmtp:unix:{other.lmtp_socket} }}
""")
        one.start()
        numbers = [send(one, "late@late.example", f"Subject: late {i}\r\n\r\nx\r\n")
                   for i in range(100)]
        send(one, "alice@demo.example", "Subject: local\r\n\r\nx\r\n")
        send(one, f"alice@{ROUTED}", "Subject: other host\r\n\r\nx\r\n")
        one.wait_message("alice", "Subject: local")
        dovecot.wait_message(f"alice@{ROUTED}", "secret", "Subject: other host")
        tried(one, numbers[-1])
        last = shown(one, numbers[0])["recipients"][0]
        assert last["state"] == "waiting" and last["last"].startswith("4.4.1 no connection to unix:")
        with other:
            for number in range(100):
                other.wait_message("late@late.example", "secret", f"Subject: late {number}\r\n", 60)
        eventually(lambda: not waiting(one), what="an empty queue")
    finally:
        remove_directory(directory)


def test_relay_is_there_only_when_needed(server, new_server):
    names = {role["role"] for role in status(server)}
    assert "relay" in names
    one = new_server()
    one.start()
    assert "relay" not in {role["role"] for role in status(one)}
    one.conf.write_text(one.conf.read_text() + "\nroute x.example { via lmtp:127.0.0.1:1 }\n")
    one.candor("reload", "-c", str(one.conf))
    eventually(lambda: "relay" in {role["role"] for role in status(one)}, what="the role relay")


def status(server):
    return [role for role in json.loads(
        server.candor("status", "--json", "-c", str(server.conf)))["roles"] if role["pid"]]


def test_relay_dies(server, dovecot):
    """Nothing is lost, and nothing is counted as a try."""
    for i in range(30):
        send(server, f"bob@{TCP}", f"Subject: survives {i}\r\n\r\nx\r\n")
        if i % 10 == 5:
            old = server.role_pid("relay")
            os.kill(old, signal.SIGKILL)
            eventually(lambda: server.role_pid("relay") not in (None, old), what="relay again")
    for i in range(30):
        dovecot.wait_message(f"bob@{TCP}", "secret", f"Subject: survives {i}\r\n", 30)
    eventually(lambda: not any("survives" in str(m) for m in waiting(server)))


def test_many_on_few_connections(server, dovecot):
    before = len(dovecot.messages(f"bob@{UNIX}", "secret"))
    with Talk(server.plain) as talk:
        talk.greeting()
        for i in range(200):
            assert talk.message(f"Subject: many {i}\r\n\r\nx\r\n".encode(), f"bob@{UNIX}").code == 250
    eventually(lambda: len(dovecot.messages(f"bob@{UNIX}", "secret")) == before + 200, 60,
               "200 messages")


def test_temporary_refusal_is_tried_again(new_server):
    """A Dovecot that says 452 to a full mailbox: the message waits, and goes when there is room."""
    directory = new_directory()
    try:
        with Dovecot(directory, extra="quota_full_tempfail = yes\n") as one:
            one.user("full@full.example", "secret", quota="1K")
            server = new_server(extra=f"route full.example {{ via lmtp:127.0.0.1:{one.lmtp_port} }}")
            server.start()
            number = send(server, "full@full.example",
                          "Subject: waits\r\n\r\n" + ("x" * 70 + "\r\n") * 60)
            tried(server, number)
            last = shown(server, number)["recipients"][0]
            assert last["state"] == "waiting" and last["last"].startswith("452 4.2.2 "), last
            one.user("full@full.example", "secret", quota="1M")
            one.wait_message("full@full.example", "secret", "Subject: waits", 60)
    finally:
        remove_directory(directory)


def test_one_maildirsize_for_both(new_server):
    """Dovecot reads the Maildir that we deliver to, and counts its quota from the file that we keep;
    we refuse by what it wrote there."""
    directory = new_directory()
    server = new_server(accounts=("alice",))
    server.candor("account", "quota", "alice@demo.example", "20K", "-c", str(server.conf))
    server.start()
    try:
        for i in range(3):
            send(server, "alice@demo.example", f"Subject: {i}\r\n\r\n" + ("x" * 70 + "\r\n") * 60)
            server.wait_message("alice", f"Subject: {i}")
        box = server.maildir("alice")
        owner = box.stat()
        with Dovecot(directory) as one:
            one.user("alice@demo.example", "secret", quota="20K",
                     fields=f"userdb_uid={owner.st_uid} userdb_gid={owner.st_gid} "
                            f"userdb_mail=maildir:{box}")
            on_disk = sum(p.stat().st_size for p in box.glob("new/*"))
            assert all(f",S={p.stat().st_size}" in p.name for p in box.glob("new/*"))
            text = (box / "maildirsize").read_text()
            assert text.startswith("20480S\n") and len(text.splitlines()) == 5, text
            used, limit = one.quota_used("alice@demo.example", "secret")
            assert limit == 20480 and used == -(-on_disk // 1024) * 1024, (used, on_disk)
            assert (box / "maildirsize").read_text() == text, "it was counted anew"
            assert len(one.messages("alice@demo.example", "secret")) == 3
        # The one that fills it goes in whole; the next is refused at RCPT.
        send(server, "alice@demo.example", "Subject: 3\r\n\r\n" + ("x" * 70 + "\r\n") * 200)

        def rcpt():
            with server.talk() as talk:
                talk.command("EHLO client.example")
                talk.command("MAIL FROM:<you@client.example>")
                return talk.command("RCPT TO:<alice@demo.example>").code
        eventually(lambda: rcpt() == 452, what="a full mailbox")
        assert not waiting(server)
    finally:
        remove_directory(directory)
