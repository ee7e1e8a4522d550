"""What hostile clients, and processes that die at the wrong moment, must not bring about."""
import os
import signal
import socket
import time

import pytest

from server import eventually
from smtp import Closed, Talk, stuffed


def taken(talk, addresses, sender="sender@client.example"):
    """MAIL and the recipients, pipelined; how many were accepted."""
    assert talk.command(f"MAIL FROM:<{sender}>").code == 250
    talk.send("".join(f"RCPT TO:<{address}>\r\n" for address in addresses))
    return sum(talk.reply().code == 250 for _ in addresses)


def test_the_largest_envelope_with_the_largest_header(new_server):
    """Both travel in one commit: never a temporary refusal that no repetition can cure."""
    server = new_server(limits="header-size 96K").start()
    field = b"X-Long: " + b"x" * 900 + b"\r\n"
    for body in (b"small\r\n", b"large\r\n" * 5000):
        with server.talk() as talk:
            many = taken(talk, [f"alice+{n:054}@demo.example" for n in range(1000)])
            assert 500 < many < 1000
            assert talk.command("DATA").code == 354
            talk.send(stuffed(field * (95 * 1024 // len(field)) + b"Subject: giant\r\n\r\n" + body))
            reply = talk.reply()
            assert reply.code == 250, reply
            server.wait_message("alice", body[:5] + b"\r\n")


def begin(talk, text):
    """A transaction to alice with all of the text but its end."""
    assert taken(talk, ["alice@demo.example"]) == 1
    assert talk.command("DATA").code == 354
    talk.send(text)


def large(word, size=60_000):
    return b"Subject: " + word + b"\r\n\r\n" + (word + b"\r\n") * (size // (len(word) + 2))


def test_a_body_that_queue_never_got_is_in_no_later_message(new_server):
    server = new_server().start()
    with server.talk() as talk:
        for size in (60_000, 3_000_000):
            begin(talk, large(b"secret", size))
            time.sleep(0.3)
            queue = server.role_pid("queue")
            os.kill(server.process.pid, signal.SIGSTOP)  # so that no other queue comes
            os.kill(queue, signal.SIGKILL)
            time.sleep(0.3)
            talk.send(b".\r\n")
            assert talk.reply().code == 451
            os.kill(server.process.pid, signal.SIGCONT)
            eventually(lambda: server.role_pid("queue") not in (None, queue), 20, "another queue")
            eventually(lambda: talk.command("MAIL FROM:<>").code == 250, 20, "queue's answer")
            assert talk.command("RSET").code == 250
            word = b"public%d" % size
            begin(talk, large(word, size))
            talk.send(b".\r\n")
            assert talk.reply().code == 250
            message = server.wait_message("alice", b"Subject: " + word)
            assert message.endswith(large(word, size))
    assert not [m for m in server.messages("alice").values() if b"secret" in m]


def test_an_answer_that_comes_too_late(new_server):
    """The client has its 451, and goes on; what comes after that is about no message of the session's."""
    server = new_server(extra="timeouts { data-end 1s }").start()
    with server.talk() as talk:
        for size in (100, 60_000, 3_000_000):
            queue = server.role_pid("queue")
            begin(talk, large(b"late", size))
            time.sleep(0.3)
            os.kill(queue, signal.SIGSTOP)
            talk.send(b".\r\n")
            assert talk.reply().code == 451
            os.kill(queue, signal.SIGCONT)
            word = b"next%d" % size
            begin(talk, large(word, size))
            talk.send(b".\r\n")
            assert talk.reply().code == 250
            assert server.wait_message("alice", b"Subject: " + word).endswith(large(word, size))


def test_queue_stops_before_it_gives_a_file(new_server):
    server = new_server(extra="timeouts { data-end 1s; data-block 2s }").start()
    with server.talk() as talk:
        queue = server.role_pid("queue")
        assert taken(talk, ["alice@demo.example"]) == 1
        os.kill(queue, signal.SIGSTOP)
        assert talk.command("DATA").code == 354
        talk.send(large(b"first", 1_100_000) + b".\r\n")
        assert talk.reply().code in (421, 451)
        os.kill(queue, signal.SIGCONT)
    with server.talk() as talk:
        assert talk.message(large(b"second"), "alice@demo.example").code == 250
    server.wait_message("alice", b"second")


def closed_at_once(port, source):
    with socket.socket() as s:
        s.bind((source, 0))
        s.settimeout(5)
        s.connect(("127.0.0.1", port))
        try:
            return s.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


@pytest.mark.parametrize("mode", ["plain", "tls"])
def test_one_host_does_not_take_all_places(new_server, mode):
    """Connections that are refused and stay, or that never finish a handshake: only their own host is
    held up by them."""
    server = new_server()
    server.conf.write_text(server.conf.read_text().replace(
        "unlimited 127.0.0.0/8", "sessions 60\n    sessions-per-address 10"))
    server.start()
    port = getattr(server, mode)
    silent = [socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) for _ in range(200)]
    time.sleep(0.5)
    for other in ("127.0.0.3", "127.0.0.4"):
        with Talk(port, tls=mode == "tls", source=other) as talk:
            talk.greeting()
            assert talk.message(b"Subject: through\r\n\r\n", "alice@demo.example").code == 250
    assert closed_at_once(port, "127.0.0.2")
    for s in silent:
        s.close()

    def again():
        try:
            with Talk(port, tls=mode == "tls", source="127.0.0.2") as talk:
                return talk.reply().code == 220
        except (OSError, Closed):
            return False
    eventually(again, 10, "room for the host again")


def test_a_database_that_was_lost(new_server):
    """A file that was emptied (a disk that is not mounted, a restore that went wrong) knows nobody: that
    is no reason to send everybody's mail back."""
    server = new_server()
    for end in ("", "-wal", "-shm"):
        (server.directory / f"candor.db{end}").unlink(missing_ok=True)
    (server.directory / "candor.db").touch()
    server.start()

    def code(name):
        with server.talk() as talk:
            return talk.message(b"Subject: wait\r\n\r\n", f"{name}@demo.example").code

    assert code("alice") == 451
    server.account("bob")
    eventually(lambda: code("bob") == 250, 10, "bob")
    assert code("alice") == 550
