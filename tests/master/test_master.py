"""master with roles that do nothing but tell what happens to them (probe.c)."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

from server import BUILD, eventually, free_port, new_directory, processes, remove_directory

MASTER = BUILD / "src" / "master" / "master"
PROBE = BUILD / "tests" / "master" / "probe"
PROGRAMS = ("smtpd", "resolver", "directory", "keys", "counters", "queue", "deliver", "control")


class Master:
    """One master in a folder of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.libexec = self.directory / "libexec"
        self.libexec.mkdir()
        for name in PROGRAMS:
            (self.libexec / name).symlink_to(PROBE)
        self.conf = self.directory / "candor.conf"
        self.log_path = self.directory / "log"
        self.mx, self.submit = free_port(), free_port()
        self.process = None
        self.write()

    def write(self, host="mx.demo.example", extra="", mx_port=None):
        d = self.directory
        self.conf.write_text(f"""
host {host}
spool {d}/spool
database {d}/candor.db
control {d}/control.sock
listen 127.0.0.1:{mx_port or self.mx} {{ class mx; tls none }}
listen 127.0.0.1:{self.submit} {{ class submit; tls none }}
processes {{ mx 2 }}
log {{ level debug }}
timeouts {{ drain 1s }}
{extra}
""")

    def start(self, wait="server.ready", **options):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [MASTER, "-c", self.conf, "--libexec", self.libexec], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True, **options)
        if wait:
            self.wait_log(wait)
        return self

    def lines(self, event):
        """The log's lines about an event, each as a dict."""
        text = self.log_path.read_text(errors="replace")
        return [dict(re.findall(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)', line))
                for line in text.splitlines() if f" event={event}" in f"{line} "]

    def wait_log(self, event, count=1, **facts):
        def found():
            rows = [row for row in self.lines(event)
                    if all(row.get(k) == str(v) for k, v in facts.items())]
            return rows if len(rows) >= count else None
        try:
            return eventually(found, 20, f"{count} {event} {facts}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_path.read_text()[-6000:]}") from None

    def pids(self):
        """Of the children: {(name on the command line, instance): pid}."""
        found = {}
        for pid, (parent, _, _, _) in processes().items():
            if parent == self.process.pid:
                try:
                    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"--role" in words:
                    found[words[2].decode(), int(words[4])] = pid
        return found

    def kill(self, role, instance=0):
        pid = self.pids()[role, instance]
        os.kill(pid, signal.SIGKILL)
        return pid

    def greeting(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            return s.makefile().readline().split()

    def session(self):
        return {pid for pid, (_, session, _, _) in processes().items()
                if session == self.process.pid}

    def stop(self, sign=signal.SIGTERM):
        self.process.send_signal(sign)
        status = self.process.wait(30)
        assert not self.session()
        return status

    def clear(self):
        if self.process is not None and self.process.poll() is None:
            for pid in self.session():
                os.kill(pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture
def master():
    directory = new_directory()
    one = Master(directory)
    try:
        yield one
        text = one.log_path.read_text(errors="replace") if one.log_path.exists() else ""
        assert "Sanitizer" not in text and "runtime error" not in text, text[-4000:]
    finally:
        one.clear()
        remove_directory(directory)


def test_starts_wires_and_ends_all(master):
    master.start()
    assert set(master.pids()) == {("mx", 0), ("mx", 1), ("submit", 0), ("resolver", 0),
                                  ("directory", 0), ("counters", 0), ("queue", 0), ("deliver", 0),
                                  ("control", 0)}
    assert master.greeting(master.mx)[:2] == ["220", "mx"]
    assert master.greeting(master.submit)[:2] == ["220", "submit"]
    # Both ends of every wire, once each: the pairs that ipc.def knows.
    wires = {(row["role"].split(".")[0], row["peer"]) for row in master.wait_log("probe.peer", 44)}
    assert ("mx", "queue") in wires and ("queue", "mx") in wires and ("queue", "deliver") in wires
    assert ("mx", "deliver") not in wires and ("mx", "submit") not in wires
    assert master.stop() == 0
    order = [row["role"].split(".")[0] for row in master.lines("probe.drain")]
    assert set(order[:3]) == {"mx", "submit"} and set(order[3:5]) == {"queue", "control"}
    assert len(master.lines("probe.close")) == 9
    assert not master.lines("role.died") and not master.lines("role.overdue")


def test_interrupt_ends_it_too(master):
    master.start()
    assert master.stop(signal.SIGINT) == 0


def test_a_dead_role_comes_back_and_is_wired_again(master):
    master.start()
    before = master.pids()
    for count, wait_ms in ((1, 100), (2, 200), (3, 400)):
        dead = master.kill("queue")
        row = master.wait_log("role.died", count)[-1]
        assert (row["child"], row["child_pid"], row["signal"]) == ("queue", str(dead), "KILL")
        assert row["again_ms"] == str(wait_ms)
        for peer in ("mx", "mx.1", "submit", "deliver", "directory", "control"):
            master.wait_log("probe.gone", count, role=peer, peer="queue")
            master.wait_log("probe.peer", count + 1, role=peer, peer="queue")
    after = master.pids()
    assert {k: v for k, v in before.items() if k[0] != "queue"} == {
        k: v for k, v in after.items() if k[0] != "queue"}
    assert master.stop() == 0


def test_no_connection_is_lost_with_its_role(master):
    master.start()
    master.kill("submit")
    with socket.create_connection(("127.0.0.1", master.submit), timeout=10) as s:
        assert s.makefile().readline().startswith("220 submit")
    assert master.stop() == 0


def test_nobody_outlives_master(master):
    master.start()
    ours = master.session()
    assert len(ours) == 10
    os.kill(master.process.pid, signal.SIGKILL)
    master.process.wait(10)
    eventually(lambda: not master.session(), 10, "the end of all roles")
    assert len(master.wait_log("probe.close", 9)) == 9


def test_a_role_that_cannot_start_ends_the_server(master):
    master.write(host="fail.example")
    master.start(wait=None)
    assert master.process.wait(30) == 1
    assert not master.session()
    master.wait_log("role.start", role="deliver", error="EIO")


def test_a_missing_program_ends_the_server(master):
    (master.libexec / "deliver").unlink()
    master.start(wait=None)
    assert master.process.wait(30) == 1
    assert not master.session()


def test_wrong_start(master):
    master.write(extra="lisen 1")
    done = subprocess.run([MASTER, "-c", master.conf, "--libexec", master.libexec],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "candor.conf:11:1" in done.stderr
    assert subprocess.run([MASTER], capture_output=True, timeout=20).returncode == 2
    assert subprocess.run([PROBE], capture_output=True, timeout=20).returncode == 2
    master.write()
    with socket.socket() as s:
        s.bind(("127.0.0.1", master.mx))
        s.listen()
        done = subprocess.run([MASTER, "-c", master.conf, "--libexec", master.libexec],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and f"127.0.0.1:{master.mx}" in done.stderr


def test_a_bad_configuration_is_refused(master):
    master.start()
    master.write(extra="limits {\n  sesions 5\n}")
    master.process.send_signal(signal.SIGHUP)
    error = master.wait_log("config.error")[0]
    assert error["line"] == "12" and error["column"] == "3" and "sessions" in error["hint"]
    master.wait_log("config.refused", generation=1)
    assert master.greeting(master.mx)[1] == "mx"
    assert not master.lines("probe.configured")
    # And a good one that asks for a port that somebody has.
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        master.write(extra=f"listen 127.0.0.1:{s.getsockname()[1]} {{ class mx; tls none }}")
        master.process.send_signal(signal.SIGHUP)
        master.wait_log("config.listen", error="EADDRINUSE")
        master.wait_log("config.refused", 2)
    assert master.greeting(master.submit)[1] == "submit"
    assert master.stop() == 0


def test_a_good_configuration_is_taken(master):
    master.start()
    before = master.pids()
    other = free_port()
    # mx moves to another port and loses a process; submit's place in the list does not change.
    master.write(mx_port=other)
    master.conf.write_text(master.conf.read_text().replace("mx 2", "mx 1"))
    master.process.send_signal(signal.SIGHUP)
    master.wait_log("config.reloaded", generation=2)
    assert master.greeting(other)[1] == "mx"
    assert master.greeting(master.submit)[1] == "submit"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", master.mx), timeout=5)
    after = master.pids()
    eventually(lambda: ("mx", 1) not in master.pids())
    del before["mx", 1]
    after.pop(("mx", 1), None)
    assert before == after
    # Back again, and one role does not want it.
    master.write(host="refuse.example")
    master.process.send_signal(signal.SIGHUP)
    master.wait_log("role.config-refused", child="deliver")
    master.wait_log("config.partly", generation=3)
    assert master.greeting(master.mx)[1] == "mx"
    master.wait_log("role.ready", 3, child="mx")
    # Who is started now starts with the new one.
    master.kill("directory")
    master.wait_log("probe.peer", 3, role="directory", peer="mx")
    assert master.stop() == 0


def test_classes_come_and_go(master):
    master.start()
    text = master.conf.read_text()
    master.conf.write_text(re.sub(r"listen .* class submit.*\n", "", text))
    master.process.send_signal(signal.SIGHUP)
    master.wait_log("config.reloaded")
    eventually(lambda: ("submit", 0) not in master.pids())
    master.conf.write_text(text)
    master.process.send_signal(signal.SIGHUP)
    master.wait_log("config.reloaded", 2)
    eventually(lambda: ("submit", 0) in master.pids())
    assert master.greeting(master.submit)[1] == "submit"
    assert not master.lines("role.died")
    assert master.stop() == 0


def test_the_word_of_an_exposed_role_ends_itself(master):
    master.start()
    queue, mx = master.pids()["queue", 0], master.pids()["mx", 0]
    os.kill(mx, signal.SIGUSR2)
    assert master.wait_log("role.condemned")[0]["ended"] == "accuser"
    assert master.wait_log("role.died")[0]["child_pid"] == str(mx)
    master.wait_log("probe.peer", 2, role="queue", peer="mx", instance=0)
    assert master.pids()["queue", 0] == queue
    mx = master.pids()["mx", 0]
    os.kill(queue, signal.SIGUSR2)
    assert master.wait_log("role.condemned", 2)[1]["ended"] == "accused"
    assert master.wait_log("role.died", 2)[1]["child_pid"] == str(mx)
    assert master.stop() == 0


def test_tells_systemd(master):
    path = str(master.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(20)
        master.start(env={**os.environ, "NOTIFY_SOCKET": path})
        assert s.recv(1000).startswith(b"READY=1")
        master.process.send_signal(signal.SIGHUP)
        assert re.match(rb"RELOADING=1\nMONOTONIC_USEC=\d+$", s.recv(1000))
        assert s.recv(1000) == b"READY=1"
        assert master.stop() == 0
        assert s.recv(1000) == b"STOPPING=1"


def test_takes_sockets_from_systemd(master):
    with socket.socket() as s, socket.socket() as t:
        s.bind(("127.0.0.1", master.mx))
        s.listen()
        t.bind(("127.0.0.1", 0))
        t.listen()

        def pass_on():
            a, b = os.dup2(s.fileno(), 100), os.dup2(t.fileno(), 101)
            os.dup2(b, 3, inheritable=True)
            os.dup2(a, 4, inheritable=True)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = "2"

        shell = ("LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"",)
        master.log = open(master.log_path, "ab")
        master.process = subprocess.Popen(
            ["/bin/sh", "-c", *shell, "sh", MASTER, "-c", master.conf, "--libexec", master.libexec],
            stdin=subprocess.DEVNULL, stdout=master.log, stderr=master.log, start_new_session=True,
            close_fds=False, preexec_fn=pass_on)
        master.wait_log("server.ready")
        # The socket was bound here: only if it was taken could master serve this port.
        assert master.greeting(master.mx)[1] == "mx"
        assert master.stop() == 0


# Says hello from another table, and is gone from the folder by then: the next start is a probe's.
ALIEN = f"""#!{sys.executable}
import os, socket, struct, sys, time
os.unlink(sys.argv[0])
os.symlink({str(PROBE)!r}, sys.argv[0])
s = socket.socket(fileno=3)
s.send(struct.pack("<IHHIQII", 28, 0, 0, 0, 12345, 7, 0))
time.sleep(20)
"""


def test_an_upgraded_program_upgrades_the_server(master):
    master.start()
    (master.libexec / "queue").unlink()
    alien = master.libexec / "queue"
    alien.write_text(ALIEN)
    alien.chmod(0o755)
    master.kill("queue")
    master.wait_log("server.draining", upgrade=1)
    with socket.create_connection(("127.0.0.1", master.mx), timeout=20) as s:
        assert s.makefile().readline().startswith("220 mx")
    master.wait_log("server.ready", 2)
    assert master.process.poll() is None
    assert len(master.pids()) == 9
    assert master.stop() == 0
