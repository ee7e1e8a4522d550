"""A server's life: start, reload, the death of each of its processes, the end."""
import os
import signal
import subprocess
import time

import pytest

from load import Load
from server import CANDOR, eventually
from smtp import Talk

ROLES = ["smtpd", "resolver", "directory", "keys", "counters", "queue", "deliver", "control"]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_ends_cleanly(new_server, sign):
    server = new_server().start()
    assert server.stop(sign) == 0
    server.check_log()


def test_an_open_session_hears_of_the_end(new_server):
    server = new_server(extra="timeouts { drain 1s }").start()
    with server.talk() as talk:
        server.process.send_signal(signal.SIGTERM)
        reply = talk.reply()
        assert reply.code == 421, reply
    assert server.process.wait(20) == 0


def test_what_waits_survives_a_restart(new_server):
    server = new_server()
    text = server.conf.read_text()
    server.conf.write_text(text.replace("min-free 1M", "min-free 1M; hold on"))
    server.start()
    with server.talk() as talk:
        assert talk.message(b"Subject: patient\r\n\r\nhello\r\n", "alice@demo.example").code == 250
    time.sleep(0.3)
    assert not server.messages("alice")
    assert server.stop() == 0
    server.conf.write_text(text)
    server.start()
    server.wait_message("alice", "Subject: patient")


def test_two_servers_do_not_share_a_spool(new_server):
    server = new_server().start()
    other = server.directory / "other.conf"
    text = server.conf.read_text().replace("control.sock", "other.sock")
    for port in (server.plain, server.starttls, server.tls):
        text = text.replace(f":{port}", f":{port + 1}")
    other.write_text(text)
    done = subprocess.run([CANDOR, "serve", "-c", other], capture_output=True, text=True, timeout=60)
    assert done.returncode not in (0, None)
    with server.talk() as talk:
        assert talk.message(b"Subject: still here\r\n\r\n", "alice@demo.example").code == 250
    server.wait_message("alice", "still here")


def size(server):
    with Talk(server.plain) as talk:
        return next(line.split()[1] for line in talk.greeting().lines if line.startswith("SIZE"))


def test_reloads_and_refuses_a_bad_configuration(new_server):
    server = new_server().start()
    good = server.conf.read_text()
    assert size(server) == str(50 << 20)
    with server.talk() as old:
        server.conf.write_text(good.replace("unlimited", "message-size 1M\n    unlimited"))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: size(server) == str(1 << 20), 20, "the new size")
        assert old.command("NOOP").code == 250
        before = len(server.log_text())
        bad = good + "\nmesage-size 2M\n"
        server.conf.write_text(bad)
        server.process.send_signal(signal.SIGHUP)
        line = bad.splitlines().index("mesage-size 2M") + 1
        eventually(lambda: f"{line}" in server.log_text()[before:] and "mesage-size" in server.log_text()[before:],
                   20, "the refusal with its line")
        assert size(server) == str(1 << 20)
        assert old.command("NOOP").code == 250


@pytest.mark.parametrize("role", ROLES)
def test_a_dead_role_comes_back_and_nothing_is_lost(new_server, role):
    server = new_server().start()
    with server.talk() as idle, Load(server, sizes=[300, 3000, 20_000]) as load:
        eventually(lambda: len(load.promised) > 20, 20, "some mail")
        pid = server.role_pid(role)
        assert pid is not None, server.members()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: server.role_pid(role) not in (None, pid), 30, f"a new {role}")
        many = len(load.promised)
        eventually(lambda: len(load.promised) > many + 20, 30, "mail again")
        if role != "smtpd":
            assert idle.command("NOOP").code == 250
    eventually(lambda: not load.missing(), 40, "every promised message")
    assert not load.strange


def test_without_master_all_end_and_nothing_is_lost(new_server):
    server = new_server().start()
    with Load(server, sizes=[300, 3000, 20_000]) as load:
        eventually(lambda: len(load.promised) > 50, 20, "some mail")
        server.family = {**server.family, **server.members()}
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
        eventually(lambda: not server.left(), 20, f"the end of {server.left()}")
    server.log.close()
    server.start()
    eventually(lambda: not load.missing(), 40, "every promised message")
    assert not load.strange
