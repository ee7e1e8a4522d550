"""The wire, byte by byte: order of replies, refusals, and what must never be taken for a command
or for the end of a message (RFC 5321, 2920, 3207, 1870, 6531)."""
import uuid

import pytest

from server import DOMAIN, Server, eventually, new_directory, remove_directory, without_added
from smtp import Closed, Talk, crlf, stuffed

ALICE = f"alice@{DOMAIN}"
BOB = f"bob@{DOMAIN}"


def text(*lines, subject=None):
    """A message with a subject of its own; (subject, bytes)."""
    subject = subject or f"s-{uuid.uuid4().hex}"
    head = f"From: <sender@client.example>\r\nSubject: {subject}\r\n\r\n".encode()
    return subject, head + b"".join(line + b"\r\n" for line in lines)


def words(ehlo):
    return {line.split()[0]: line.split()[1:] for line in ehlo.lines[1:]}


# greeting and extensions ---------------------------------------------------------------------------


def test_greets_by_name_and_without_an_enhanced_code(server):
    with Talk(server.plain) as talk:
        hello = talk.reply()
        assert hello.code == 220 and hello.lines[0].split()[0] == "mx.demo.example"
        assert talk.command("QUIT").code == 221
        assert talk.is_closed()


def test_announces_what_it_does(server):
    with Talk(server.plain) as talk:
        said = words(talk.greeting())
        assert {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES",
                "STARTTLS"} <= set(said)
        assert said["SIZE"] == [str(50 << 20)]
        assert "AUTH" not in said
        assert "STARTTLS" not in words(talk.starttls())
    with Talk(server.tls, tls=True) as talk:
        assert "STARTTLS" not in words(talk.greeting())


def test_speaks_with_old_clients(server):
    subject, message = text(b"hello")
    with Talk(server.plain) as talk:
        assert talk.reply().code == 220
        assert talk.command("HELO client.example").code == 250
        assert talk.message(message, ALICE).code == 250
    stored = server.wait_message("alice", subject)
    assert b" with SMTP" in without_added(stored)[0]


@pytest.mark.parametrize("size", [1, 1000, 65536, 3 << 20])
def test_takes_a_message_in_chunks(server, size):
    """RFC 3030: what looks like an end, a dot or a command is text."""
    subject, message = text(b".", b"..", b"QUIT", b"x" * 900, *[b"line %d" % i for i in range(300)])
    if size > 65536:
        message += (b"y" * 70 + b"\r\n") * 30000
    chunks = [message[i:i + size] for i in range(0, len(message), size)]
    if size == 1:
        chunks = [message[i:i + 1] for i in range(40)] + [message[40:]]
    with Talk(server.plain) as talk:
        talk.greeting()
        lead = f"MAIL FROM:<sender@client.example>\r\nRCPT TO:<{ALICE}>\r\n".encode()
        talk.send(lead + b"".join(b"BDAT %d\r\n" % len(c) + c for c in chunks) + b"BDAT 0 LAST\r\n")
        assert [talk.reply().code for _ in range(len(chunks) + 3)] == [250] * (len(chunks) + 3)
    assert crlf(without_added(server.wait_message("alice", subject))[1]) == message


# order ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("commands, codes", [
    (["RCPT TO:<alice@demo.example>"], [503]),
    (["DATA"], [503]),
    (["MAIL FROM:<a@client.example>", "MAIL FROM:<a@client.example>"], [250, 503]),
    (["MAIL FROM:<a@client.example>", "RSET", "RCPT TO:<alice@demo.example>"], [250, 250, 503]),
    (["MAIL FROM:<a@client.example>", "EHLO again.example", "RCPT TO:<alice@demo.example>"], [250, 250, 503]),
    (["MAIL FROM:<a@client.example>", "RCPT TO:<nobody@demo.example>", "DATA"], [250, 550, 554]),
    (["mail from:<a@client.example>", "rcpt to:<alice@demo.example>", "rset"], [250, 250, 250]),
    (["NOOP", "NOOP anything", "VRFY alice", "HELP"], [250, 250, 252, 214]),
    (["MAIL FROM:<>", "RCPT TO:<alice@demo.example>"], [250, 250]),
    (["MAIL FROM:<a@[192.0.2.1]>"], [250]),
    (["MAIL FROM:<a@client.example> WHAT=EVER"], [555]),
    (["MAIL FROM:<a@client.example> SIZE=many"], [501]),
    (["MAIL FROM:<a@client.example> BODY=8BITMIME SIZE=1000"], [250]),
    (["MAIL a@client.example"], [501]),
    (["MAIL FROM:<a b@client.example>"], [553]),
    (["MAIL FROM:<a@client.example>", "RCPT TO:<>"], [250, 501]),
    (["EXPLODE"], [500]),
])
def test_answers_in_order(server, commands, codes):
    with server.talk() as talk:
        assert [talk.command(c).code for c in commands] == codes


def test_wants_a_name_first(server):
    with Talk(server.plain) as talk:
        assert talk.reply().code == 220
        assert talk.command("MAIL FROM:<a@client.example>").code == 503


def test_carries_an_enhanced_code_where_it_may(server):
    with server.talk() as talk:
        for command, code in [("MAIL FROM:<a@client.example>", "2.1.0"), ("RCPT TO:<alice@demo.example>", "2.1.5"),
                              ("RCPT TO:<nobody@demo.example>", "5.1.1"), ("RSET", "2.0.0")]:
            assert talk.command(command).enhanced == code, command
        assert talk.command("MAIL FROM:<a@client.example>").code == 250
        assert talk.command("RCPT TO:<alice@demo.example>").code == 250
        assert talk.command("DATA").enhanced == ""
        talk.send(b"Subject: x\r\n\r\n.\r\n")
        assert talk.reply().enhanced == "2.0.0"


def test_a_line_that_is_too_long_is_refused_and_forgotten(server):
    with server.talk() as talk:
        assert talk.command("NOOP " + "x" * 60000).code == 500
        assert talk.command("NOOP").code == 250


# recipients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
def test_is_no_relay(server, mode):
    with server.talk(mode) as talk:
        assert talk.command("MAIL FROM:<alice@demo.example>").code == 250
        for to in ["<x@elsewhere.example>", "<x%elsewhere.example@elsewhere.example>",
                   "<@demo.example:x@elsewhere.example>", "<x@[192.0.2.9]>", "<x@elsewhere.example.>"]:
            reply = talk.command(f"RCPT TO:{to}")
            assert reply.code in (550, 553), (to, reply)
            if to == "<x@elsewhere.example>":
                assert (reply.code, reply.enhanced) == (550, "5.7.1")


@pytest.mark.parametrize("to", [
    "@hosta.example,@hostb.example:alice@demo.example", "ALICE@DEMO.EXAMPLE", "alice+lists@demo.example",
    '"alice"@demo.example', "alice@demo.example"])
def test_knows_alice_by_every_spelling(server, to):
    subject, message = text(b"hello")
    with server.talk() as talk:
        assert talk.message(message, to).code == 250
    server.wait_message("alice", subject)


def test_takes_mail_for_the_postmaster(server):
    with server.talk() as talk:
        assert talk.command("MAIL FROM:<>").code == 250
        assert talk.command("RCPT TO:<Postmaster>").code == 250
        assert talk.command("RCPT TO:<postmaster@demo.example>").code == 250


def test_changes_of_accounts_are_live(server):
    name = f"new-{uuid.uuid4().hex[:8]}"

    def asked():
        with server.talk() as talk:
            talk.command("MAIL FROM:<a@client.example>")
            reply = talk.command(f"RCPT TO:<{name}@{DOMAIN}>")
            return reply.code, reply.enhanced
    assert asked() == (550, "5.1.1")
    address = server.account(name)
    assert asked() == (250, "2.1.5")
    server.candor("account", "disable", address, "-c", str(server.conf))
    assert asked() == (550, "5.2.1")
    server.candor("account", "enable", address, "-c", str(server.conf))
    assert asked() == (250, "2.1.5")


def test_an_alias_reaches_all_its_targets(server):
    subject, message = text(b"to both")
    server.candor("alias", "add", f"team@{DOMAIN}", ALICE, BOB, "-c", str(server.conf))
    with server.talk() as talk:
        assert talk.message(message, f"team@{DOMAIN}").code == 250
    server.wait_message("alice", subject)
    server.wait_message("bob", subject)


def test_two_recipients_are_two_deliveries(server):
    subject, message = text(b"to two")
    with server.talk() as talk:
        assert talk.message(message, [ALICE, BOB]).code == 250
    for name in ("alice", "bob"):
        added, rest = without_added(server.wait_message(name, subject))
        assert rest == message
        assert f"Delivered-To: {name}@{DOMAIN}\r\n".encode() in added


def test_too_many_recipients(new_server):
    server = new_server(limits="recipients 100").start()
    with server.talk() as talk:
        talk.send("MAIL FROM:<a@client.example>\r\n" +
                  "".join(f"RCPT TO:<alice+{n}@{DOMAIN}>\r\n" for n in range(103)))
        replies = [talk.reply() for _ in range(104)]
        assert [r.code for r in replies] == [250] * 101 + [452] * 3
        assert replies[-1].enhanced == "4.5.3"


# SMTPUTF8 ------------------------------------------------------------------------------------------


def test_addresses_beyond_ascii(server):
    address = server.account("jörg")
    subject, message = text("grüße".encode())
    with server.talk() as talk:
        reply = talk.message(message, address, sender="émile@client.example", parameters=" SMTPUTF8")
        assert reply.code == 250, reply
        assert talk.command("MAIL FROM:<a@client.example>").code == 250
        reply = talk.command(f"RCPT TO:<{address}>".encode())
        assert (reply.code, reply.enhanced) == (553, "5.6.7")
    added, rest = without_added(server.wait_message("jörg", subject))
    assert rest == message
    assert "Return-Path: <émile@client.example>".encode() in added
    assert b" with UTF8SMTP" in added


# the text ------------------------------------------------------------------------------------------


def test_dots(server):
    subject, message = text(b".", b"..", b"...", b".a", b" .", b"", b".", b"a.", b"..b", b"")
    with server.talk() as talk:
        assert talk.message(message, ALICE).code == 250
    assert without_added(server.wait_message("alice", subject))[1] == message


def test_every_octet_but_cr_lf_and_nul(server):
    every = bytes(n for n in range(1, 256) if n not in (10, 13))
    subject, message = text(every, every[::-1], b"\t ", every * 40)
    with server.talk() as talk:
        assert talk.message(message, ALICE, parameters=" BODY=8BITMIME").code == 250
    assert without_added(server.wait_message("alice", subject))[1] == message


@pytest.mark.parametrize("size", [0, 1, 4096, 16383, 16384, 16385, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_sizes(server, size):
    subject, message = text()
    lines = b"".join(b"%09d\r\n" % n for n in range(size // 11 + 1))[:size]
    message += lines if lines.endswith(b"\r\n") or not lines else lines.rstrip(b"\r\n") + b"\r\n"
    with server.talk() as talk:
        assert talk.message(message, ALICE).code == 250
    assert without_added(server.wait_message("alice", subject))[1] == message


def test_a_text_without_header_or_body(server):
    token = uuid.uuid4().hex.encode()
    with server.talk() as talk:
        assert talk.message(b"", f"alice+{token.decode()}@{DOMAIN}").code == 250
        assert talk.message(b"no header here " + token + b"\r\n", ALICE).code == 250
    assert without_added(server.wait_message("alice", token + b"\r\n"))[1].rstrip() == b"no header here " + token


def test_size_is_refused_early_and_late(new_server):
    server = new_server(limits="message-size 64K").start()
    with server.talk() as talk:
        reply = talk.command("MAIL FROM:<a@client.example> SIZE=65537")
        assert (reply.code, reply.enhanced) == (552, "5.3.4")
        assert talk.command("MAIL FROM:<a@client.example> SIZE=65536").code == 250
        assert talk.command("RSET").code == 250
        subject, message = text(*[b"x" * 78] * 1000)
        reply = talk.message(message, ALICE)
        assert (reply.code, reply.enhanced) == (552, "5.3.4")
        assert talk.message(text(b"small")[1], ALICE).code == 250
    eventually(lambda: server.messages("alice"), 20, "the small one")
    assert not any(subject.encode() in m for m in server.messages("alice").values())


def test_a_message_that_goes_in_a_circle(server):
    _, message = text(b"round and round")
    message = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * 101 + message
    with server.talk() as talk:
        reply = talk.message(message, ALICE)
        assert (reply.code, reply.enhanced) == (554, "5.4.6")


def test_a_client_that_vanishes_leaves_nothing(server):
    subject, message = text(b"half a mess")
    with server.talk() as talk:
        talk.command("MAIL FROM:<a@client.example>")
        talk.command(f"RCPT TO:<{ALICE}>")
        assert talk.command("DATA").code == 354
        talk.send(message)
    other, message = text(b"whole")
    with server.talk() as talk:
        assert talk.message(message, ALICE).code == 250
    server.wait_message("alice", other)
    assert not any(subject.encode() in m for m in server.messages("alice").values())


# pipelining ----------------------------------------------------------------------------------------


def whole_session(subject):
    _, message = text(b".dots", b"too", subject=subject)
    commands = (b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<nobody@demo.example>\r\n"
                b"RCPT TO:<alice@demo.example>\r\nDATA\r\n" + stuffed(message) +
                b"NOOP\r\nMAIL FROM:<b@client.example>\r\nRSET\r\nQUIT\r\n")
    return message, commands, [220, 250, 250, 550, 250, 354, 250, 250, 250, 250, 221]


@pytest.fixture(scope="module")
def patient_server():
    """One that takes a whole dialogue in one go, which RFC 2920 3.1 does not allow clients."""
    directory = new_directory()
    try:
        one = Server(directory, limits="early-commands on")
        one.start()
        yield one
        assert one.stop() == 0
        one.check_log()
    finally:
        if one.runs():
            one.kill()
        remove_directory(directory)


@pytest.mark.parametrize("cut", [None, 1, 2, 7, 100])
@pytest.mark.parametrize("mode", ["plain", "tls"])
def test_a_whole_session_in_pieces_of_any_size(patient_server, mode, cut):
    server = patient_server
    subject = f"pieces-{uuid.uuid4().hex}"
    message, commands, codes = whole_session(subject)
    with Talk(getattr(server, mode), tls=mode == "tls") as talk:
        for at in range(0, len(commands), cut or len(commands)):
            talk.send(commands[at:at + (cut or len(commands))])
        assert [talk.reply().code for _ in codes] == codes
        assert talk.is_closed()
    assert without_added(server.wait_message("alice", subject))[1] == message


def test_many_messages_in_one_write(patient_server):
    server = patient_server
    subjects, commands = [], b""
    for _ in range(50):
        subject, message = text(b"one of fifty")
        subjects.append(subject)
        commands += b"MAIL FROM:<a@client.example>\r\nRCPT TO:<bob@demo.example>\r\nDATA\r\n" + stuffed(message)
    with server.talk() as talk:
        talk.send(commands)
        assert [talk.reply().code for _ in range(200)] == [250, 250, 354, 250] * 50
    for subject in subjects:
        server.wait_message("bob", subject)


# STARTTLS ------------------------------------------------------------------------------------------


def test_nothing_said_in_the_clear_is_heard_after_starttls(patient_server):
    with patient_server.talk() as talk:
        talk.send(b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<alice@demo.example>\r\nNOOP\r\n")
        assert talk.reply().code == 220
        assert talk.buffer == b""
        talk.secure()
        # Had one of them been kept, its reply would be the first.
        ehlo = talk.command("EHLO client.example")
        assert ehlo.code == 250 and "PIPELINING" in words(ehlo)
        assert talk.command("RCPT TO:<alice@demo.example>").code == 503
        assert talk.command("NOOP").code == 250


def test_there_is_no_tls_for_who_says_more_than_starttls(server):
    with server.talk() as talk:
        talk.send(b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\n")
        assert talk.reply().code == 503
        assert talk.is_closed()


def test_what_was_agreed_before_starttls_is_forgotten(server):
    with server.talk() as talk:
        assert talk.command("MAIL FROM:<a@client.example>").code == 250
        reply = talk.command("STARTTLS")
        if reply.code == 220:
            talk.secure()
            assert talk.command("MAIL FROM:<a@client.example>").code == 503  # EHLO first
        else:
            assert reply.code == 503


def test_starttls_only_once_and_without_arguments(server):
    with server.talk() as talk:
        assert talk.command("STARTTLS now").code == 501
        talk.starttls()
        assert talk.command("STARTTLS").code == 503


def test_submission_wants_tls_first(server):
    with Talk(server.starttls) as talk:
        talk.greeting()
        reply = talk.command("MAIL FROM:<a@client.example>")
        assert (reply.code, reply.enhanced) == (530, "5.7.0")
        talk.starttls()
        assert talk.command("MAIL FROM:<a@client.example>").code == 250


def test_noise_instead_of_a_handshake(server):
    with server.talk() as talk:
        assert talk.command("STARTTLS").code == 220
        talk.send(b"NOOP\r\n" * 100)
        try:
            while talk.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass
    with Talk(server.tls) as talk:
        talk.send(b"EHLO client.example\r\n" * 10)
        try:
            while talk.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass
    with server.talk("tls") as talk:
        assert talk.command("NOOP").code == 250


# smuggling -----------------------------------------------------------------------------------------

FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\r\n.\r\n",
              b"\r\n.\r\r\n", b"\n\r\n.\r\n", b"\r.\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\n.\x0b\r\n",
              b"\r\n.\x85\r\n", b"\r\n . \r\n", b"\r\n. \r\n"]


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=repr)
@pytest.mark.parametrize("together", [True, False])
def test_a_message_is_never_two(server, false_end, together):
    subject, message = text(b"first")
    smuggled = f"smuggled-{uuid.uuid4().hex}"
    attack = (message[:-2] + false_end + b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@demo.example>\r\nDATA\r\n"
              b"Subject: " + smuggled.encode() + b"\r\n\r\nsecond\r\n.\r\n")
    real_end = false_end in (b"\r\r\n.\r\n", b"\n\r\n.\r\n")  # a bare CR or LF, then a true end
    with server.talk() as talk:
        talk.command("MAIL FROM:<a@client.example>")
        talk.command(f"RCPT TO:<{ALICE}>")
        assert talk.command("DATA").code == 354
        if real_end:
            attack = attack[:attack.index(false_end) + len(false_end)]
        if together:
            talk.send(attack)
        else:
            for n in range(len(attack)):
                talk.send(attack[n:n + 1])
        reply = talk.reply()
        line_ends = false_end.replace(b"\r\n", b"")
        if any(octet in line_ends for octet in (b"\r", b"\n", b"\0")):
            assert (reply.code, reply.enhanced) == (554, "5.6.0"), reply
        else:
            assert reply.code == 250, reply
        # That was the only reply, and the session is where it should be.
        assert talk.command("NOOP").code == 250
        assert talk.command("RCPT TO:<bob@demo.example>").code == 503
    if reply.code == 250:
        stored = server.wait_message("alice", subject)
        assert smuggled.encode() in stored
    assert not any(smuggled.encode() in m for m in server.messages("bob").values())


def test_a_command_that_ends_in_a_bare_line_feed_is_not_carried_out(server):
    with server.talk() as talk:
        talk.send(b"MAIL FROM:<a@client.example>\nRCPT TO:<alice@demo.example>\r\n")
        assert talk.reply().code == 500
        assert talk.reply().code == 503


# refusals of whole sessions ------------------------------------------------------------------------


def test_refused_addresses_get_554_and_nothing_else(new_server):
    server = new_server(extra="check connect { refuse-list 127.0.0.9/32 }").start()
    with Talk(server.plain, source="127.0.0.9") as talk:
        hello = talk.reply()
        assert hello.code == 554 and hello.enhanced == ""
        for command in ["EHLO client.example", "MAIL FROM:<a@client.example>", "NOOP", "HELP"]:
            assert talk.command(command).code == 503, command
        assert talk.command("QUIT").code == 221
        assert talk.is_closed()
    with server.talk() as talk:
        assert talk.command("NOOP").code == 250


def test_an_address_may_not_take_every_session(new_server):
    server = new_server(limits="sessions-per-address 3")
    server.conf.write_text(server.conf.read_text().replace("unlimited 127.0.0.0/8", ""))
    server.start()

    def three():
        held = []
        try:
            for _ in range(3):
                held.append(server.talk())
            with Talk(server.plain) as talk:
                reply = talk.reply()
                assert reply.code == 421, reply
                assert talk.is_closed()
            with Talk(server.plain, source="127.0.0.8") as talk:
                assert talk.reply().code == 220
        finally:
            for talk in held:
                talk.close()
        return True
    eventually(lambda: _quietly(three), 20, "three sessions and no fourth")


def _quietly(attempt):
    """The result of attempt, None when the sessions before have not been counted off yet."""
    try:
        return attempt()
    except (AssertionError, Closed):
        return None


def test_too_many_errors_end_the_session(server):
    with server.talk() as talk:
        codes = []
        try:
            for _ in range(25):
                codes.append(talk.command("EXPLODE").code)
        except (Closed, ConnectionError):
            pass
        assert codes[-1] == 421 and set(codes[:-1]) == {500} and len(codes) <= 22, codes


def test_the_received_line(server):
    subject, message = text(b"hello")
    with server.talk("tls") as talk:
        assert talk.message(message, ALICE).code == 250
    added, _ = without_added(server.wait_message("alice", subject))
    received = b" ".join(added[added.index(b"Received:"):].split())
    for part in (b"from client.example", b"127.0.0.1", b"by mx.demo.example", b"with ESMTPS", b" id ", b"TLSv1.3"):
        assert part in received, received
    assert received.rsplit(b";", 1)[1].split()[0].rstrip(b",") in (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")


def test_lines_survive_in_either_form(server):
    """What a Maildir reader sees has one kind of line end throughout."""
    subject, message = text(b"a", b"b")
    with server.talk() as talk:
        assert talk.message(message, ALICE).code == 250
    server.wait_message("alice", subject)
    for folder in ("new", "cur"):
        path = server.maildir("alice") / folder
        for entry in path.iterdir() if path.is_dir() else []:
            raw = entry.read_bytes()
            assert raw == crlf(raw) or b"\r\n" not in raw
