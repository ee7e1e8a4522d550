"""Domains, accounts and aliases of a running server: every change holds at once; and the Maildirs."""
import re
import sqlite3
import stat
import subprocess

import pytest

from server import CANDOR, DOMAIN, eventually


@pytest.fixture
def rcpt(server):
    """(code, enhanced) for RCPT TO:<address>; with SMTPUTF8."""
    def ask(address):
        with server.talk() as talk:
            assert talk.command("MAIL FROM:<s@client.example> SMTPUTF8").code == 250
            reply = talk.command(f"RCPT TO:<{address}>".encode())
            return reply.code, reply.enhanced
    return ask


def run(server, *arguments, status=0):
    return server.candor(*arguments, "-c", str(server.conf), status=status)


def send(server, to, mark):
    with server.talk() as talk:
        reply = talk.message(f"Subject: {mark}\r\n\r\nHello.\r\n".encode(), to,
                             parameters=" SMTPUTF8")
        assert reply.code == 250, reply


OK = (250, "2.1.5")
UNKNOWN = (550, "5.1.1")
DISABLED = (550, "5.2.1")
RELAY = (550, "5.7.1")


def test_account_is_there_at_once_and_gone_at_once(server, rcpt):
    for _ in range(3):
        assert rcpt(f"carol@{DOMAIN}") == UNKNOWN
        run(server, "account", "add", f"carol@{DOMAIN}")
        assert rcpt(f"carol@{DOMAIN}") == OK
        assert rcpt(f"carol@{DOMAIN}") == OK  # from what smtpd remembers
        run(server, "account", "disable", f"carol@{DOMAIN}")
        assert rcpt(f"carol@{DOMAIN}") == DISABLED
        run(server, "account", "enable", f"carol@{DOMAIN}")
        assert rcpt(f"carol@{DOMAIN}") == OK
        run(server, "account", "remove", f"carol@{DOMAIN}")


def test_change_within_a_session(server):
    with server.talk() as talk:
        assert talk.command("MAIL FROM:<s@client.example>").code == 250
        assert talk.command(f"RCPT TO:<dave@{DOMAIN}>").code == 550
        run(server, "account", "add", f"dave@{DOMAIN}")
        assert talk.command(f"RCPT TO:<dave@{DOMAIN}>").code == 250
        run(server, "account", "remove", f"dave@{DOMAIN}")
        assert talk.command(f"RCPT TO:<dave@{DOMAIN}>").code == 550


def test_spellings_of_one_mailbox(server, rcpt):
    for address in (f"ALICE@{DOMAIN.upper()}", f"alice+shop@{DOMAIN}", f'"alice"@{DOMAIN}',
                    f'"al\\ice"@{DOMAIN}', f"@relay.example:alice@{DOMAIN}"):
        assert rcpt(address) == OK, address
        send(server, address, f"spelled {address!r}")
    eventually_subjects(server, "alice", 5, "spelled")


def eventually_subjects(server, name, count, mark):
    eventually(lambda: sum(b"Subject: " + mark.encode() in m
                           for m in server.messages(name).values()) == count,
               20, f"{count} messages {mark!r} for {name}")


def test_internationalised(server, rcpt):
    run(server, "domain", "add", "bücher.example")
    run(server, "account", "add", "ünal@bücher.example")
    for address in ("ünal@bücher.example", "ÜNAL@xn--bcher-kva.example",
                    "u\u0308nal+x@BÜCHER.example"):
        assert rcpt(address) == OK, address
        send(server, address, "Grüße")
    path = server.directory / "mail" / "xn--bcher-kva.example" / "ünal" / "new"
    eventually(lambda: path.is_dir() and len(list(path.iterdir())) == 3, 20, "three letters")
    run(server, "account", "remove", "ünal@bücher.example")
    run(server, "domain", "remove", "bücher.example")
    assert rcpt("ünal@bücher.example") == RELAY


def test_aliases_and_catch_all(server, rcpt):
    run(server, "alias", "add", f"team@{DOMAIN}", f"alice@{DOMAIN}", f"bob@{DOMAIN}",
        f"alice+again@{DOMAIN}")
    send(server, f"Team+x@{DOMAIN}", "for the team")
    eventually_subjects(server, "alice", 1, "for the team")
    eventually_subjects(server, "bob", 1, "for the team")
    assert rcpt(f"whoever@{DOMAIN}") == UNKNOWN
    run(server, "alias", "add", f"@{DOMAIN}", f"bob@{DOMAIN}")
    assert rcpt(f"whoever@{DOMAIN}") == OK
    send(server, f"whoever@{DOMAIN}", "for whoever")
    eventually_subjects(server, "bob", 1, "for whoever")
    run(server, "alias", "remove", f"@{DOMAIN}")
    assert rcpt(f"whoever@{DOMAIN}") == UNKNOWN


def test_postmaster_always(server, rcpt):
    for address in ("Postmaster", "POSTMASTER", f"postmaster@{DOMAIN}", "postmaster@[127.0.0.1]"):
        assert rcpt(address) == OK, address
    assert rcpt("postmaster@elsewhere.example") == RELAY
    assert rcpt("alice@[127.0.0.1]") == UNKNOWN


def test_no_relay(rcpt):
    for address in ("x@elsewhere.example", f"x%elsewhere.example@{DOMAIN}",
                    f'"x@elsewhere.example"@{DOMAIN}', f"elsewhere.example!x@{DOMAIN}"):
        assert rcpt(address) in (RELAY, UNKNOWN), address


def test_list_shows_what_is_there(server):
    shown = run(server, "account", "list")
    assert f"alice@{DOMAIN}" in shown and f"bob@{DOMAIN}" in shown
    assert "account already" in server_error(server, "account", "add", f"alice@{DOMAIN}")


def server_error(server, *arguments):
    done = subprocess.run([CANDOR, *arguments, "-c", str(server.conf)], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 1, done
    return done.stderr


@pytest.mark.parametrize("local", ['"../../escape"', '"a/b"', '".."'])
def test_addresses_stay_below_the_mail(server, rcpt, local):
    address = f"{local}@{DOMAIN}"
    run(server, "account", "add", address)
    try:
        send(server, address, "hostile")
        folder = server.directory / "mail" / DOMAIN
        eventually(lambda: any(b"hostile" in p.read_bytes() for p in folder.glob("*%2*/new/*")),
                   20, "the letter")
        assert not (server.directory / "escape").exists()
        assert not (server.directory / "mail" / DOMAIN / "new").exists()
    finally:
        run(server, "account", "remove", address)


def test_maildir_is_private_and_complete(server):
    send(server, f"bob@{DOMAIN}", "look at the folder")
    server.wait_message("bob", "look at the folder")
    path = server.maildir("bob")
    assert {p.name for p in path.iterdir()} == {"cur", "new", "tmp"}
    assert not list((path / "tmp").iterdir())
    for folder in (path, path / "new", path / "tmp", path / "cur"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for letter in (path / "new").iterdir():
        assert stat.S_IMODE(letter.stat().st_mode) == 0o600
        assert not letter.name.startswith(".") and ":" not in letter.name
        text = letter.read_bytes()
        assert b"\r" not in text and text.endswith(b"\n")
        assert re.match(rb"Return-Path: <[^\n]*>\nDelivered-To: [^\n]+\n", text), text[:200]


def test_mail_waits_while_the_disk_refuses(new_server):
    """The mailbox's folder cannot be made: 250 all the same, the letter is kept, others get in as
    soon as it can."""
    server = new_server()
    mail = server.directory / "mail"
    mail.mkdir(exist_ok=True)
    (mail / DOMAIN).write_text("a file where a folder should be")
    server.start()
    send(server, f"alice@{DOMAIN}", "patience")
    eventually(lambda: "deliver.failed" in server.log_text(), 20, "a failed delivery")
    eventually(lambda: "4.2.0" in server.candor("queue", "list", "-c", str(server.conf)), 20,
               "the reason in the list of the queue")
    (mail / DOMAIN).unlink()
    send(server, f"alice@{DOMAIN}", "no patience")
    server.wait_message("alice", "no patience")


def test_change_behind_the_servers_back(server, rcpt):
    """Another program writes the database: seen at once, and what is remembered soon forgotten."""
    run(server, "account", "add", f"erin@{DOMAIN}")
    assert rcpt(f"erin@{DOMAIN}") == OK
    database = sqlite3.connect(server.directory / "candor.db")
    database.execute("UPDATE account SET local = 'frank' WHERE local = 'erin'")
    database.commit()
    database.close()
    assert rcpt(f"frank@{DOMAIN}") == OK
    eventually(lambda: rcpt(f"erin@{DOMAIN}") == UNKNOWN, 5, "erin forgotten")
    run(server, "account", "remove", f"frank@{DOMAIN}")


def test_domain_by_reload(server, rcpt):
    assert rcpt("postmaster@new.example") == RELAY
    text = server.conf.read_text()
    server.conf.write_text(text + "\ndomain new.example\naddresses { separator \"-\" }\n")
    run(server, "reload")
    assert rcpt("postmaster@new.example") == OK
    assert rcpt(f"alice-x@{DOMAIN}") == OK
    assert rcpt(f"alice+x@{DOMAIN}") == UNKNOWN
    server.conf.write_text(text)
    run(server, "reload")
    assert rcpt("postmaster@new.example") == RELAY
    assert rcpt(f"alice+x@{DOMAIN}") == OK
