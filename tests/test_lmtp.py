"""LMTP servers that misbehave: nothing is lost, nothing is delivered twice but in doubt, and what the
server said is there to read."""
import json
import re
import socket
import threading
import time

import pytest
from conftest import end
from server import Server, eventually, free_port, new_directory, remove_directory


class Fake:
    """An LMTP server in a thread. `mood` says what it does with the next connection or message."""

    def __init__(self):
        self.port = free_port()
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.mood, self.delay = "good", 0.0
        self.messages, self.connections, self.open, self.most = [], 0, 0, 0
        self.slow = 0  # who has sent a text and waits
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            self.connections += 1
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            with client, client.makefile("rwb") as f:
                self.talk(client, f)
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1

    def talk(self, client, f):
        def say(text):
            f.write(text.encode() + b"\r\n")
            f.flush()
        if self.mood == "silent":
            time.sleep(3)
            return
        if self.mood in ("no-greeting", "http", "421"):
            if self.mood != "no-greeting":
                say({"http": "HTTP/1.1 400 Bad Request", "421": "421 4.3.2 come back"}[self.mood])
            return
        say("220 fake")
        rcpts = []
        for line in f:
            verb = line[:4].upper()
            if verb == b"LHLO":
                say("250-fake\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"MAIL":
                rcpts = []
                if self.mood == "close-at-mail":
                    return
                say("250 ok")
            elif verb == b"RCPT":
                rcpts.append(line)
                say("550 5.1.1 nobody\\ \x07of that name" if self.mood == "refuse" else "250 ok")
            elif verb == b"DATA":
                if self.mood == "refuse":
                    say("503 5.5.1 nobody")
                    continue
                say("354 go")
                if self.mood == "close-in-text":
                    return
                text = b""
                for more in f:
                    if more == b".\r\n":
                        break
                    text += more
                self.slow += 1
                time.sleep(self.delay)
                self.slow -= 1
                if self.mood == "close-at-end":
                    return
                with self.lock:
                    self.messages.append(text)
                for i in range(len(rcpts)):
                    if self.mood == "one-of-two" and i > 0:
                        return
                    say("250 2.0.0 has it")
                if self.mood == "close-after":
                    return
            elif verb == b"RSET":
                say("250 ok")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("500 what")


MOODS = {
    "no-greeting": r"4\.4\.2 .*before its greeting",
    "http": r"4\.5\.0 .*no sense",
    "421": r"421 4\.3\.2 come back",
    "close-at-mail": r"4\.4\.2 .*ended the connection",
    "close-in-text": r"4\.4\.2 .*(middle of the text|said that it has the message)",
    "close-at-end": r"4\.4\.2 .*said that it has the message",
}


@pytest.fixture(scope="module")
def fakes():
    """One for each mood, at MOOD.example, and a good one at lmtp.example."""
    all_of_them = {mood: Fake() for mood in [*MOODS, "lmtp"]}
    yield all_of_them
    for one in all_of_them.values():
        one.socket.close()


@pytest.fixture(scope="module")
def fake(fakes):
    return fakes["lmtp"]


@pytest.fixture(scope="module")
def server(fakes):
    directory = new_directory()
    try:
        routes = "".join(f"route {name}.example {{ via lmtp:127.0.0.1:{one.port} }}\n"
                         for name, one in fakes.items())
        one = Server(directory, extra=routes + "relay { connections 4 }")
        one.start()
        yield one
        end(one)
    finally:
        remove_directory(directory)


def send(server, subject, to=("a@lmtp.example",)):
    with server.talk() as talk:
        reply = talk.message(f"Subject: {subject}\r\n\r\nx\r\n".encode(), list(to))
        assert reply.code == 250, reply
        return re.search(r"\b[0-9a-z]{13}\b", " ".join(reply.lines))[0]


def shown(server, number):
    return json.loads(server.candor("queue", "show", number, "--json", "-c", str(server.conf)))


def tried(server, number):
    """The message after its first try, which is written down a moment later than it is counted."""
    def look():
        message = shown(server, number)
        return message if message["attempts"] > 0 and message["last"] else None
    return eventually(look, 10, "the first try")


def arrived(fake, subject):
    return [m for m in fake.messages if f"Subject: {subject}\r\n".encode() in m]


def test_they_wait_and_come(server, fakes):
    numbers = {}
    for mood in MOODS:
        fakes[mood].mood = mood
        numbers[mood] = send(server, mood, [f"a@{mood}.example"])
    for mood, words in MOODS.items():
        rcpt = tried(server, numbers[mood])["recipients"][0]
        fakes[mood].mood = "good"
        assert rcpt["state"] == "waiting" and re.match(words, rcpt["last"]), (mood, rcpt)
    for mood in MOODS:
        eventually(lambda: arrived(fakes[mood], mood), 90, f"the message that met {mood}")
        assert len(arrived(fakes[mood], mood)) == 1


def test_refused_words_are_kept(server, fake):
    fake.mood = "refuse"
    number = send(server, "refuse", ["a@lmtp.example", "b@lmtp.example"])
    tried(server, number)
    fake.mood = "good"
    for rcpt in shown(server, number)["recipients"]:
        assert rcpt["state"] == "failed", rcpt
        assert rcpt["last"] == "550 5.1.1 nobody\\ \x07of that name", rcpt
    text = server.candor("queue", "show", number, "-c", str(server.conf))
    assert "\x07" not in text and "nobody" in text


def test_who_has_it_gets_no_second_copy(server, fake):
    fake.mood = "one-of-two"
    number = send(server, "half", ["a@lmtp.example", "b@lmtp.example"])
    tried(server, number)
    states = [rcpt["state"] for rcpt in shown(server, number)["recipients"]]
    fake.mood = "good"
    assert states == ["delivered", "waiting"]
    eventually(lambda: len(arrived(fake, "half")) == 2, 60, "the second one's copy")


def test_a_connection_that_died_idle_is_no_try(server, fake):
    fake.mood = "close-after"
    for i in range(10):
        send(server, f"stale {i}")
        eventually(lambda: arrived(fake, f"stale {i}"), 5, "the message, at once")
    fake.mood = "good"


def test_connections_are_bounded_and_used_again(server, fake):
    before = fake.connections
    fake.most, fake.delay = fake.open, 0.05
    for i in range(40):
        send(server, f"many {i}")
    eventually(lambda: all(arrived(fake, f"many {i}") for i in range(40)), 30, "all of them")
    fake.delay = 0.0
    assert fake.most <= 4 and fake.connections - before <= 8, (fake.most, fake.connections - before)


def test_a_stop_in_the_middle_is_clean(server, fake, new_server):
    """The server is ended while LMTP is slow: it ends in time, the message is there once or again."""
    one = new_server(extra=f"route lmtp.example {{ via lmtp:127.0.0.1:{fake.port} }}")
    one.start()
    fake.delay = 2.0
    send(one, "stopped")
    eventually(lambda: fake.slow > 0, 10, "the end of the text")
    assert one.stop() == 0
    fake.delay = 0.0
    one.start()
    eventually(lambda: arrived(fake, "stopped"), 60, "the message")
