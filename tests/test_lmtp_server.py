"""LMTP (RFC 2033) from programs that others wrote, over TCP and over a unix socket."""
import grp
import os
import smtplib
import socket
import stat

import pytest

from server import DOMAIN, Server, eventually, free_port, new_directory, remove_directory
from smtp import Talk, stuffed

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"


@pytest.fixture(scope="module")
def server():
    directory = new_directory()
    port = free_port()
    one = Server(directory, extra=f"""
listen 127.0.0.1:{port} {{ protocol lmtp; tls none }}
listen unix:{directory}/lmtp {{ protocol lmtp }}
""")
    one.lmtp, one.socket = port, f"{directory}/lmtp"
    try:
        one.start()
        yield one
        assert one.stop() == 0
        one.check_log()
    finally:
        if one.runs():
            one.kill()
        remove_directory(directory)


def text(subject):
    return f"From: sender@client.example\r\nSubject: {subject}\r\n\r\nhello\r\n"


@pytest.mark.parametrize("how", ["tcp", "unix"])
def test_python_delivers(server, how):
    """To one that exists: smtplib reads one answer, however many are due (RFC 2033 4.2)."""
    client = smtplib.LMTP("127.0.0.1", server.lmtp) if how == "tcp" else smtplib.LMTP(server.socket)
    with client:
        refused = client.sendmail("sender@client.example",
                                  [ALICE, f"nobody@{DOMAIN}"], text(f"by {how}"))
    assert list(refused) == [f"nobody@{DOMAIN}"] and refused[f"nobody@{DOMAIN}"][0] == 550
    assert b"with LMTP" in server.wait_message("alice", f"by {how}")


def test_an_answer_for_each_recipient(server):
    with Talk(server.lmtp) as talk:
        assert talk.reply().lines[0].endswith("LMTP Candor")
        assert talk.command("EHLO client.example").code == 500
        assert talk.command("LHLO client.example").code == 250
        assert talk.command("MAIL FROM:<>").code == 250
        assert talk.command("DATA").code == 503
        for address in (ALICE, BOB, ALICE):
            assert talk.command(f"RCPT TO:<{address}>").code == 250
        assert talk.command("DATA").code == 354
        talk.send(stuffed(text("three answers").encode()))
        assert [talk.reply().code for _ in range(3)] == [250, 250, 250]
        assert talk.command("NOOP").code == 250


def test_the_socket_is_not_for_everybody(server):
    mode = os.stat(server.socket)
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a socket to a group")
def test_the_socket_may_be_a_groups(new_server):
    one = new_server()
    path = one.directory / "run" / "lmtp"
    one.conf.write_text(one.conf.read_text() +
                        f"listen unix:{path} {{ protocol lmtp; group mail }}\n")
    one.start()
    mode = os.stat(path)
    assert stat.S_IMODE(mode.st_mode) == 0o660 and mode.st_gid == grp.getgrnam("mail").gr_gid
    # Its sessions have no address, and are no less served for it.
    with smtplib.LMTP(str(path)) as client:
        client.sendmail("sender@client.example", [ALICE], text("by the group's socket"))
    assert b"from" in one.wait_message("alice", "by the group's socket")


def test_the_socket_outlives_its_server(new_server):
    one = new_server()
    path = one.directory / "lmtp"
    one.conf.write_text(one.conf.read_text() + f"listen unix:{path} {{ protocol lmtp }}\n")
    one.start()
    one.kill()
    assert path.exists()
    one.start()

    def greeted():
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(path))
            return s.recv(100).startswith(b"220 ")
    eventually(greeted, 10, "a greeting on the socket")
    # A reload keeps it.
    one.candor("reload", "-c", str(one.conf))
    assert greeted()


def test_lmtp_is_not_for_port_25(new_server):
    one = new_server()
    one.conf.write_text(one.conf.read_text() + "listen 127.0.0.1:25 { protocol lmtp }\n")
    with pytest.raises(AssertionError, match="port 25 is for SMTP"):
        one.candor("config", "check", "-c", str(one.conf))
