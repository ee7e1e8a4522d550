"""How many sessions there may be, from one address and in all; and that a dead smtpd's are forgotten."""
import os
import signal

import pytest

from server import eventually
from smtp import Closed, Talk


@pytest.fixture
def limited(new_server):
    def make(**limits):
        one = new_server()
        lines = "\n    ".join(f"{key.replace('_', '-')} {value}" for key, value in limits.items())
        one.conf.write_text(one.conf.read_text().replace("unlimited 127.0.0.0/8", lines))
        return one.start()
    return make


def code(talk):
    try:
        return talk.reply().code
    except (Closed, ConnectionError):
        return 0


def opened(port, source="127.0.0.1"):
    """(connection, code of its greeting)"""
    talk = Talk(port, source=source)
    return talk, code(talk)


def admitted(port, source="127.0.0.1"):
    """Is there room for a session from here? It is not kept."""
    talk, greeting = opened(port, source)
    talk.socket.close()
    return greeting == 220


def test_sessions_per_address(limited):
    one = limited(sessions_per_address=3)
    eventually(lambda: admitted(one.plain, "127.0.0.9"), 10, "the first session to be counted out")
    talks = []
    for port in (one.plain, one.starttls, one.plain):  # two processes, one count
        talk, greeting = opened(port, "127.0.0.2")
        assert greeting == 220
        talks.append(talk)
    for port in (one.plain, one.starttls):
        talk, greeting = opened(port, "127.0.0.2")
        assert greeting == 421
        talk.socket.close()
    assert admitted(one.plain, "127.0.0.3")
    assert talks[1].command("QUIT").code == 221
    talks[1].socket.close()
    eventually(lambda: admitted(one.plain, "127.0.0.2"), 10, "room again")
    talks[0].socket.close()  # without a word
    talks[2].socket.close()
    eventually(lambda: admitted(one.plain, "127.0.0.2"), 10, "room again")


def test_sessions_in_all(limited):
    one = limited(sessions=4)
    eventually(lambda: admitted(one.plain, "127.0.0.9"), 10, "room")
    talks = []

    def fill():
        talk, greeting = opened(one.plain, f"127.0.0.{len(talks) + 2}")
        if greeting == 220:
            talks.append(talk)
            return len(talks) == 4
        talk.socket.close()
        return False
    eventually(fill, 10, "four sessions")
    talk, greeting = opened(one.starttls, "127.0.0.20")
    assert greeting == 421
    talk.socket.close()
    talks.pop().socket.close()
    eventually(lambda: admitted(one.starttls, "127.0.0.20"), 10, "room again")


def test_dead_smtpd_is_forgotten(limited):
    one = limited(sessions_per_address=2)
    eventually(lambda: admitted(one.plain, "127.0.0.9"), 10, "room")
    talks = [opened(one.plain, "127.0.0.2") for _ in range(2)]
    assert [greeting for _, greeting in talks] == [220, 220]
    assert not admitted(one.plain, "127.0.0.2")
    for pid, (_, name) in one.members().items():
        if name == "smtpd":
            os.kill(pid, signal.SIGKILL)
    for talk, _ in talks:
        talk.socket.close()

    def again():
        try:
            return admitted(one.plain, "127.0.0.2")
        except OSError:
            return False
    eventually(again, 20, "room with a new smtpd")


def test_life_without_counters(limited):
    """counters dies: sessions go on, new ones are let in again when it is back."""
    one = limited(sessions_per_address=50)
    with one.talk() as talk:
        pid = one.role_pid("counters")
        os.kill(pid, signal.SIGKILL)
        assert talk.command("NOOP").code == 250
        eventually(lambda: one.role_pid("counters") not in (None, pid), 20, "another counters")
        eventually(lambda: admitted(one.plain), 20, "a new session")
        assert talk.command("NOOP").code == 250
