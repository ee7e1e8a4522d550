"""The ESMTP extensions on the wire and in the mailbox: BINARYMIME, REQUIRETLS, LIMITS, EXPN."""
import json
import random

from server import DOMAIN
from smtp import Talk

ALICE = f"alice@{DOMAIN}"


def keywords(ehlo):
    return {line.split()[0]: line.split()[1:] for line in ehlo.lines[1:]}


def begin(talk, parameters=""):
    assert talk.command(f"MAIL FROM:<sender@client.example>{parameters}").code == 250
    assert talk.command(f"RCPT TO:<{ALICE}>").code == 250


def chunks(talk, message, sizes):
    at = 0
    for i, n in enumerate(sizes):
        last = " LAST" if i == len(sizes) - 1 else ""
        piece = message[at:] if last else message[at:at + n]
        at += len(piece)
        talk.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
    return [talk.reply().code for _ in sizes]


def stored(server, mark):
    """The file in the mailbox as it lies there."""
    server.wait_message("alice", mark)
    for folder in ("new", "cur"):
        path = server.maildir("alice") / folder
        for entry in path.iterdir() if path.is_dir() else []:
            text = entry.read_bytes()
            if mark in text:
                return text
    raise AssertionError(mark)


def test_limits_are_those_of_the_configuration(server):
    with Talk(server.plain) as talk:
        assert keywords(talk.greeting())["LIMITS"] == ["RCPTMAX=1000", "MAILMAX=1000"]


def test_any_octets_are_kept_octet_by_octet(server):
    """Small and large enough to go by a file; the body is the same to the last byte."""
    dice = random.Random(7)
    for size, sizes in ((3000, [1, 1000, 0]), (200_000, [70_000, 1, 65_536, 0]),
                        (3_000_000, [1_000_000, 1_999_999, 0])):
        mark = f"binary-{size}".encode()
        head = b"From: <sender@client.example>\r\nSubject: " + mark + \
            b"\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        body = b"\0\r\n.\r\n\r\r\n\n\nMAIL FROM:<>\r\n" + dice.randbytes(size) + b"\r"
        with server.talk() as talk:
            begin(talk, " BODY=BINARYMIME")
            assert talk.command("DATA").code == 503
            assert set(chunks(talk, head + body, sizes)) == {250}
        text = stored(server, mark)
        at = text.index(b"From: <sender")
        assert text[at:] == head + body
        # What we put on top has the same line ends, so that the file is of one kind.
        assert b"\n" not in text[:at].replace(b"\r\n", b"")


def test_lines_in_chunks_are_still_lines(server):
    with server.talk() as talk:
        begin(talk)
        message = b"Subject: lines\r\n\r\none\ntwo\r\n"
        assert chunks(talk, message, [10, 0]) == [250, 554]


def test_requiretls_is_promised_under_tls_alone(server):
    with server.talk() as clear, server.talk("starttls") as safe:
        assert clear.command("MAIL FROM:<sender@client.example> REQUIRETLS").code == 555
        assert "REQUIRETLS" in keywords(safe.command("EHLO client.example"))
    with Talk(server.plain) as talk:
        talk.greeting()
        talk.starttls()
        begin(talk, " REQUIRETLS")
        assert talk.command("RSET").code == 250


def test_what_was_asked_for_is_kept(new_server):
    one = new_server()
    one.conf.write_text(one.conf.read_text().replace("min-free 1M", "min-free 1M; hold on"))
    one.start()
    with Talk(one.plain) as talk:
        talk.greeting()
        talk.starttls()
        talk.command("EHLO client.example")
        assert talk.message(b"Subject: kept\r\n\r\n", ALICE,
                            parameters=" REQUIRETLS BODY=8BITMIME").code == 250
    where = ("-c", str(one.conf), "--json")
    message = json.loads(one.candor("queue", "list", *where))["messages"][0]
    shown = json.loads(one.candor("queue", "show", message["id"], *where))
    assert shown["requiretls"] is True and shown["body"] == "8BITMIME"


def test_strangers_learn_nothing_of_lists(new_server):
    one = new_server()
    one.conf.write_text(one.conf.read_text().replace("tls optional }", "tls optional; expn on }", 1))
    one.start()
    with Talk(one.plain) as talk:
        assert "EXPN" not in keywords(talk.greeting())
        assert talk.command("EXPN staff").code == 550
        assert talk.command("VRFY alice").code == 252
    with Talk(one.starttls) as talk:
        talk.greeting()
        talk.starttls()
        assert talk.command("EXPN staff").code == 502
