"""The spool under the whole server: a full disk, two servers, big mail, mail that waits."""
import json
import os
import signal
import subprocess

import pytest

from server import CANDOR, DOMAIN, eventually


def send(server, text, to="alice", sender="a@client.example"):
    """The reply to a message, or the first that is no success."""
    with server.talk() as talk:
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}@{DOMAIN}>"):
            reply = talk.command(line)
            if reply.code != 250:
                return reply
        reply = talk.command("DATA")
        if reply.code != 354:
            return reply
        talk.send(text + b".\r\n")
        return talk.reply()


def message(mark, size=100):
    lines = b"".join(b"%075d\r\n" % n for n in range(size // 77 + 1))
    return b"Subject: " + mark.encode() + b"\r\n\r\n" + lines


def queue_json(server, *arguments):
    return json.loads(server.candor("queue", *arguments, "--json", "-c", str(server.conf)))


def hold(server, on):
    text = server.conf.read_text().replace("hold on", "hold off").replace("hold off", f"hold {on}")
    if "hold" not in text:
        text = text.replace("queue {", f"queue {{\n    hold {on}")
    server.conf.write_text(text)
    if server.runs():
        server.process.send_signal(signal.SIGHUP)


def test_held_mail_waits_and_goes_when_released(new_server):
    server = new_server()
    hold(server, "on")
    server.start()
    sizes = {"small": 100, "middle": 200_000, "large": 3_000_000}
    for mark, size in sizes.items():
        assert send(server, message(mark, size)).code == 250
    waiting = queue_json(server, "list")["messages"]
    assert [m["recipients"] for m in waiting] == [1, 1, 1]
    shown = queue_json(server, "show", waiting[2]["id"])
    assert shown["recipients"][0]["address"] == f"alice@{DOMAIN}"
    assert shown["recipients"][0]["state"] == "waiting"
    assert shown["client"]["ip"] == "127.0.0.1"
    assert server.messages("alice") == {}
    # Neither a kill nor an orderly end loses it.
    server.kill()
    server.start()
    assert len(queue_json(server, "list")["messages"]) == 3
    assert server.stop() == 0
    server.start()
    assert len(queue_json(server, "list")["messages"]) == 3
    hold(server, "off")
    for mark, size in sizes.items():
        assert server.wait_message("alice", f"Subject: {mark}\r\n").endswith(message(mark, size))
    eventually(lambda: queue_json(server, "list")["messages"] == [], 10, "an empty queue")
    # The file of a large body goes once its outcome is synced.
    bodies = server.directory / "spool" / "bodies"
    eventually(lambda: not list(bodies.iterdir()), 10, "no body left")


def test_a_second_server_on_the_spool_is_refused(new_server):
    first, second = new_server().start(), new_server()
    second.conf.write_text(second.conf.read_text().replace(f"{second.directory}/spool",
                                                           f"{first.directory}/spool"))
    log = open(second.log_path, "ab")
    other = subprocess.Popen([str(CANDOR), "serve", "-c", second.conf], stdout=log, stderr=log,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        eventually(lambda: "another server uses this spool" in second.log_text(), 20, "a refusal")
    finally:
        try:
            os.killpg(other.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        other.wait(20)
        log.close()
    assert send(first, message("still")).code == 250
    first.wait_message("alice", "Subject: still")


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a small file system of one's own takes root")
    os.chmod(tmp_path, 0o711)
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=112M,mode=711", "tmpfs", disk],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mount: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_452_and_nothing_is_lost(new_server, small_disk):
    server = new_server()
    hold(server, "on")
    server.conf.write_text(server.conf.read_text().replace(f"{server.directory}/spool",
                                                           f"{small_disk}/spool")
                           .replace("min-free 1M", "min-free 16M"))
    server.start()
    promised = []
    for n in range(400):
        reply = send(server, message(f"full-{n}", 700_000))
        if reply.code != 250:
            assert reply.code in (451, 452), reply
            break
        promised.append(f"full-{n}")
    else:
        pytest.fail("the disk never filled")
    assert len(promised) > 20
    assert eventually(lambda: send(server, message("no", 100)).code == 452, 10, "452")
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize > 8 << 20
    # The server lives: it answers, and what it promised goes out when it may, which makes room.
    server.kill()
    server.start()
    assert len(queue_json(server, "list")["messages"]) == len(promised)
    hold(server, "off")
    eventually(lambda: queue_json(server, "list")["messages"] == [], 60, "an empty queue")
    there = list(server.messages("alice").values())
    for mark in promised:
        assert any(m.endswith(message(mark, 700_000)) for m in there), mark
    eventually(lambda: send(server, message("again")).code == 250, 30, "250 again")
    server.wait_message("alice", "Subject: again")


def test_a_dead_deliver_delays_only(new_server):
    server = new_server().start()
    os.kill(server.role_pid("deliver"), signal.SIGKILL)
    for n in range(20):
        assert send(server, message(f"dead-{n}")).code == 250
    for n in range(20):
        server.wait_message("alice", f"Subject: dead-{n}\r\n")


def test_an_account_that_went_keeps_its_mail_in_the_queue(new_server):
    server = new_server()
    hold(server, "on")
    server.start()
    assert send(server, message("late")).code == 250
    server.candor("account", "remove", f"alice@{DOMAIN}", "-c", str(server.conf))
    hold(server, "off")

    def failed():
        waiting = queue_json(server, "list")["messages"]
        return waiting and waiting[0]["last"] and waiting[0]
    waiting = eventually(failed, 20, "a first attempt")
    assert "no mailbox" in waiting["last"]
    assert queue_json(server, "show", waiting["id"])["recipients"][0]["state"] == "failed"
