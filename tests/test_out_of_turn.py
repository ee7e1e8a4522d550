"""Who speaks before it is his turn, or another language: each gets one answer, and it costs little."""
import socket
import ssl
import time

import pytest

from server import DOMAIN, eventually, free_port
from smtp import Closed, Talk, stuffed

ALICE = f"alice@{DOMAIN}"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def said_until_closed(talk):
    codes = []
    try:
        while True:
            codes.append(talk.reply().code)
    except (Closed, ConnectionResetError):
        return codes


@pytest.mark.parametrize("bytes_,code", [
    (b"GET / HTTP/1.1\r\nHost: mx.demo.example\r\n\r\n", 500),
    (b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nEHLO a\r\nMAIL FROM:<>\r\n", 500),
    (b"CONNECT mx.demo.example:25 HTTP/1.1\r\n\r\n", 500),
    (b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03" + bytes(190), 554),
    (b"EHLO a.example\r\nMAIL FROM:<>\r\n", 503),
    (b"x" * 70000, 500),
])
def test_one_answer_and_the_end(server, bytes_, code):
    with Talk(server.plain) as talk:
        assert talk.reply().code == 220
        talk.send(bytes_)
        assert said_until_closed(talk) == [code]


def test_tls_on_a_plain_port_is_seen_by_a_real_client(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.plain), 10) as s:
        with pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(s)
    eventually(lambda: "reason=tls-not-here" in server.log_text(), 5, "the reason in the log")


def test_plain_words_on_the_port_for_tls(server):
    with Talk(server.tls) as talk:
        talk.send("EHLO client.example\r\n")
        reply = talk.reply()
        assert reply.code == 554 and "TLS" in reply.lines[0]
        assert talk.is_closed()
    # TLS is still spoken there.
    with server.talk("tls") as talk:
        assert talk.command("NOOP").code == 250


def test_who_waits_on_the_port_for_tls_is_told(new_server):
    one = new_server(extra="timeouts { tls 1s }")
    one.start()
    with Talk(one.tls) as talk:
        reply = talk.reply()
        assert reply.code == 554 and "TLS" in reply.lines[0]
        assert talk.is_closed()


def test_tls_bytes_on_the_submission_port_and_http_under_tls(server):
    hello = b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03" + bytes(190)
    with Talk(server.starttls) as talk:
        assert talk.reply().code == 220
        talk.send(hello)
        assert said_until_closed(talk) == [554]
    for word in (b"GET / HTTP/1.1\r\nHost: mx.demo.example\r\n\r\n", hello):
        with Talk(server.tls, tls=True) as talk:
            assert talk.reply().code == 220
            talk.send(word)
            assert said_until_closed(talk) == [500 if word[:1] == b"G" else 554]


def test_commands_behind_data_are_not_obeyed(server):
    with server.talk() as talk:
        talk.send(f"MAIL FROM:<>\r\nRCPT TO:<{ALICE}>\r\nDATA\r\nSubject: too early\r\n\r\n.\r\n")
        assert said_until_closed(talk) == [250, 250, 503]


def test_groups_as_rfc_2920_allows_them(server):
    with server.talk() as talk:
        talk.send(f"RSET\r\nMAIL FROM:<>\r\nRCPT TO:<{ALICE}>\r\nDATA\r\n")
        assert [talk.reply().code for _ in range(4)] == [250, 250, 250, 354]
        talk.send(stuffed(b"Subject: a group\r\n\r\n") + b"MAIL FROM:<>\r\nQUIT\r\n")
        assert [talk.reply().code for _ in range(3)] == [250, 250, 221]


def test_early_commands_where_they_are_allowed(new_server):
    one = new_server(limits="early-commands on")
    one.start()
    with Talk(one.plain) as talk:
        talk.send("EHLO client.example\r\nMAIL FROM:<>\r\nQUIT\r\n")
        assert [talk.reply().code for _ in range(4)] == [220, 250, 250, 221]


def test_who_speaks_before_the_greeting(new_server):
    one = new_server(extra="timeouts { pause 1s }")
    one.start()
    with Talk(one.plain) as talk:
        talk.send("EHLO client.example\r\n")
        began = time.monotonic()
        reply = talk.reply()
        assert reply.code == 554 and time.monotonic() - began < 0.8
        assert talk.is_closed()
    began = time.monotonic()
    with Talk(one.plain) as talk:
        assert talk.reply().code == 220
        assert time.monotonic() - began > 0.9
        assert talk.command("EHLO client.example").code == 250
    assert "reason=spoke-too-early" in one.log_text()


def test_ten_thousand_unknown_commands(server):
    pid = server.role_pid("smtpd")
    with Talk(server.plain) as talk:
        assert talk.reply().code == 220
        before = cpu_seconds(pid)
        try:
            talk.send(b"XYZZY\r\n" * 10000)
        except OSError:
            pass
        codes = said_until_closed(talk)
        assert codes[:21] == [500] * 21 and codes[21:] in ([421], [])
        assert cpu_seconds(pid) - before < 0.5


def test_an_endless_header(server):
    with server.talk() as talk:
        for command, code in (("MAIL FROM:<>", 250), (f"RCPT TO:<{ALICE}>", 250), ("DATA", 354)):
            assert talk.command(command).code == code
        before = memory_kib(server.role_pid("smtpd"))
        for _ in range(200):
            talk.send(b"X-Filler: " + b"x" * 60 + b"\r\n" + b" more\r\n" * 1000)
        talk.send(b"\r\n.\r\n")
        assert talk.reply().code == 554
        assert memory_kib(server.role_pid("smtpd")) - before < 4096


def test_slow_and_silent_clients_end(new_server):
    one = new_server(extra="timeouts { command 2s; data-block 2s; data-total 1m }")
    one.start()
    with Talk(one.plain) as silent, Talk(one.plain) as slow, Talk(one.plain) as late:
        assert [t.reply().code for t in (silent, slow, late)] == [220, 220, 220]
        assert late.command("HELO a.example").code == 250
        assert late.command("MAIL FROM:<>").code == 250
        assert late.command(f"RCPT TO:<{ALICE}>").code == 250
        assert late.command("DATA").code == 354
        began = time.monotonic()
        try:
            for byte in "EHLO client.exam":
                slow.send(byte)
                time.sleep(0.25)
        except OSError:
            pass
        assert time.monotonic() - began >= 1.5
        replies = [t.reply() for t in (silent, slow, late)]
        assert [(r.code, r.enhanced) for r in replies] == [(421, "4.4.2")] * 3
        assert all(t.is_closed() for t in (silent, slow, late))
    log = one.log_text()
    assert "reason=idle-timeout" in log and "reason=data-timeout" in log


def drip(talk, bytes_, every=0.25):
    """How many seconds it lets us, and the reply with which it ends."""
    began = time.monotonic()
    try:
        for byte in bytes_:
            talk.send(bytes([byte]))
            time.sleep(every)
    except OSError:
        pass
    return time.monotonic() - began, talk.reply()


def test_who_drips_a_password_a_chunk_or_a_proxy_header_ends(new_server):
    port = free_port()
    one = new_server(extra=f"listen 127.0.0.1:{port} {{ tls none; proxy 127.0.0.1 }}\n"
                           "timeouts { command 2s; greeting 2s; data-block 1s; data-total 1m }")
    one.start()
    with Talk(one.tls, tls=True) as talk:
        talk.greeting()
        assert talk.command("AUTH LOGIN").code == 334
        seconds, reply = drip(talk, b"YWxpY2VAZGVtby5leGFtcGxl")
        assert reply.code == 421 and 1.5 <= seconds
    with Talk(one.plain) as talk:
        talk.greeting()
        assert talk.command("MAIL FROM:<>").code == 250
        assert talk.command(f"RCPT TO:<{ALICE}>").code == 250
        talk.send(b"BDAT 100000\r\n")
        _, reply = drip(talk, b"ab", 1.5)
        assert reply.code == 421 and reply.enhanced == "4.4.2"
    with Talk(port) as talk:
        seconds, reply = drip(talk, b"PROXY TCP4 192.0.2.1 192.0")
        assert reply.code == 421 and 1.5 <= seconds
    log = one.log_text()
    for reason in ("idle-timeout", "data-timeout", "proxy-header-bad"):
        assert f"reason={reason}" in log


def test_who_says_nothing_ends_on_each_kind_of_port(new_server):
    port = free_port()
    one = new_server(extra=f"listen 127.0.0.1:{port} {{ tls none; proxy 127.0.0.1 }}\n"
                           "timeouts { command 2s; greeting 2s; tls 2s }")
    one.start()
    silent = [Talk(p) for p in (one.plain, one.starttls, one.tls, port)]
    under_tls = Talk(one.tls, tls=True)
    pids = [pid for pid, (_, program) in one.members().items() if program == "smtpd"]
    assert len(pids) >= 2
    cpu = sum(cpu_seconds(p) for p in pids)
    want = ([220, 421], [220, 421], [554], [421])
    for talk, codes in zip(silent, want):
        assert said_until_closed(talk) == codes
    assert said_until_closed(under_tls) == [220, 421]
    assert sum(cpu_seconds(p) for p in pids) - cpu < 0.2
    for talk in (*silent, under_tls):
        talk.close()


def test_hundreds_that_say_nothing_cost_little(server):
    pid = server.role_pid("smtpd")
    before, cpu = memory_kib(pid), cpu_seconds(pid)
    talks = [Talk(server.plain) for _ in range(300)]
    try:
        assert all(t.reply().code == 220 for t in talks)
        assert (memory_kib(pid) - before) / 300 < 24
        assert cpu_seconds(pid) - cpu < 1
        with Talk(server.plain) as other:
            other.greeting()
    finally:
        for t in talks:
            t.close()
