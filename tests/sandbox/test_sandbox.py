"""What each role is kept from: tried by a program inside the same sandbox (probe.c), and read off
the processes of a running server, started by root and by an ordinary user."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import server as server_module
from server import BUILD, Server, eventually, free_port, new_directory, remove_directory

PROBE = BUILD / "tests" / "sandbox" / "sandbox_probe"
ROLES = ["mx", "submit", "resolver", "directory", "keys", "counters", "queue", "deliver", "control",
         "web"]
WHEN_CONFIGURED = ["relay", "fetch"]
NOBODY = 65534

ALWAYS = {"use-memfd", "send-on-pair", "get-random", "wait-epoll", "take-memory", "write-held-file"}
MAY = {
    "mx": {"accept"},
    "submit": {"accept"},
    "resolver": {"socket-tcp", "socket-udp", "connect-tcp", "bind-tcp"},
    "directory": {"sync"},
    "keys": set(),
    "counters": set(),
    "queue": {"sync", "read-inside", "make-inside"},
    "deliver": {"sync", "read-inside", "make-inside"},
    "control": {"accept"},
    "relay": {"socket-tcp", "socket-udp", "connect-tcp", "bind-tcp"},
    "fetch": {"socket-tcp", "socket-udp", "connect-tcp", "bind-tcp"},
    "web": {"accept"},
}
# What nobody tries by mistake ends the process.
ENDS = {"exec", "exec-held", "fork", "thread", "ptrace", "read-memory", "sigqueue", "mount", "bpf",
        "unshare", "chroot", "setuid", "keyctl", "userfaultfd", "open-handle", "x32"}
REFUSALS = {"EACCES", "EPERM", "ENOSYS", "EXDEV", "SIGSYS"}

is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="needs root, who alone can become somebody else")
who = pytest.mark.parametrize(
    "user", [pytest.param("root", marks=needs_root), "ordinary"])


def sanitized():
    # The wide filter of sanitized programs forbids less; the proofs are about what is installed.
    return subprocess.run(["grep", "-q", "__asan_init", PROBE]).returncode == 0


pytestmark = pytest.mark.skipif(not PROBE.exists() or sanitized(), reason="no plain build")


def copied(path, directory):
    """An ordinary user may not reach the checkout."""
    to = pathlib.Path(directory) / path.name
    shutil.copy(path, to)
    to.chmod(0o755)
    return to


def as_user(user, command):
    if user == "ordinary" and is_root:
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    return command


@pytest.fixture
def ground():
    """inside, outside, and a socket that listens, for everybody to write."""
    top = new_directory()
    for name in ("inside", "outside"):
        path = pathlib.Path(top, name)
        path.mkdir()
        path.chmod(0o777)
        for file in ("file", "other"):
            (path / file).write_text("text")
            (path / file).chmod(0o666)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{top}/socket")
    os.chmod(f"{top}/socket", 0o777)
    listener.listen(100)
    yield pathlib.Path(top)
    listener.close()
    remove_directory(top)


def probe(user, role, ground):
    """{attempt: (on the main thread, on a helper thread)}"""
    done = subprocess.run(
        as_user(user, [copied(PROBE, ground), role, ground / "inside", ground / "outside",
                       ground / "socket"]),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return {line.split()[0]: tuple(line.split()[1:]) for line in done.stdout.splitlines()}


@who
@pytest.mark.parametrize("role", ROLES + WHEN_CONFIGURED)
def test_a_role_may_do_this_and_nothing_else(role, user, ground):
    outcome = probe(user, role, ground)
    wrong = {}
    for name, both in outcome.items():
        if name == "abort":
            right = both == ("SIGABRT", "SIGABRT")
        elif name in ALWAYS | MAY[role]:
            right = both == ("ok", "ok")
        elif name in ENDS:
            right = both == ("SIGSYS", "SIGSYS")
        elif name == "connect-unix" and "connect-tcp" in MAY[role]:
            continue  # it can have no such socket: socket-unix says so
        elif name in ("connect-tcp", "connect-unix"):
            right = both == ("SIGSYS", "SIGSYS")
        else:
            right = set(both) <= REFUSALS
        if not right:
            wrong[name] = both
    assert not wrong
    assert len(outcome) >= 50
    assert not (ground / "outside" / "new").exists()


@who
def test_master_keeps_what_the_roles_start_with(user, ground):
    """And so the attempts are good ones: they succeed where nothing forbids them."""
    outcome = probe(user, "master", ground)
    for name in ALWAYS | set.union(*MAY.values()) | {
            "read-passwd", "read-outside", "read-dotdot", "make-outside", "remove-outside", "symlink",
            "socket-unix", "connect-unix", "exec", "fork", "thread", "kill", "tgkill", "mmap-exec"}:
        assert outcome[name][0] == "ok", name
    for name in ("mount", "bpf", "unshare", "keyctl", "open-handle", "read-memory"):
        assert outcome[name] == ("SIGSYS", "SIGSYS"), name


# a running server ---------------------------------------------------------------------------------


class UserServer(Server):
    """A server of an ordinary user, from a build that he can reach."""

    def __init__(self, directory, **options):
        self.programs = pathlib.Path(directory) / "programs"
        for path in [BUILD / "cli" / "candor", *(BUILD / "src").glob("*/*")]:
            if path.is_file() and os.access(path, os.X_OK) and path.name in (
                    path.parent.name, "candor"):
                to = self.programs / path.relative_to(BUILD)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)
        for path in [self.programs, *self.programs.rglob("*")]:
            path.chmod(0o755)
        state = pathlib.Path(directory) / "state"
        state.mkdir()
        if is_root:
            os.chown(state, NOBODY, NOBODY)
        super().__init__(state, **options)

    def run(self, *arguments, **options):
        return subprocess.run(
            as_user("ordinary", [self.programs / "cli" / "candor", *arguments]), **options)

    def candor(self, *arguments, status=0, text=None):
        done = self.run(*arguments, input=text, text=True, capture_output=True, timeout=60,
                        cwd=self.directory)
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout

    def start(self, environment=None):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            as_user("ordinary", [self.programs / "cli" / "candor", "serve", "-c", self.conf]),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        eventually(self.is_up, 30, "220 from a new server")
        self.family = self.members()
        return self


@pytest.fixture(params=[pytest.param("root", marks=needs_root), "ordinary"])
def running(request):
    directory = new_directory()
    one = None
    try:
        one = (Server if request.param == "root" else UserServer)(
            directory, extra=f"web 127.0.0.1:{free_port()}")
        one.user = request.param
        one.start()
        yield one
        one.stop()
        one.check_log()
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {line.split(":")[0]: line.split(":", 1)[1].split() for line in text.splitlines()}


def rows(server):
    return json.loads(server.candor("status", "--json", "-c", str(server.conf)))["roles"]


def send(server, text, mode="plain"):
    with server.talk(mode) as talk:
        assert talk.command("EHLO client.example").code == 250
        assert talk.command("MAIL FROM:<a@client.example>").code == 250
        assert talk.command("RCPT TO:<alice@demo.example>").code == 250
        assert talk.command("DATA").code == 354
        assert talk.command(f"Subject: {text}\r\n\r\n{text}\r\n.").code == 250
        talk.command("QUIT")


def test_each_process_has_given_up_what_status_says(running):
    shown = rows(running)
    assert {row["role"] for row in shown} == set(ROLES)
    for row in shown:
        really = status_of(row["pid"])
        assert really["NoNewPrivs"] == ["1"], row
        assert really["Seccomp"] == ["2"], row
        for thread in os.listdir(f"/proc/{row['pid']}/task"):
            assert status_of(f"{row['pid']}/task/{thread}")["Seccomp"] == ["2"], row
        assert int(really["CapEff"][0], 16) == 0, row
        assert int(really["CapPrm"][0], 16) == 0, row
        words = set(row["sandbox"])
        assert {"no-new-privs", "seccomp"} <= words and "wide-filter" not in words, row
        if running.user == "root":
            own = pwd.getpwnam("candor-" + row["role"])
            assert set(really["Uid"]) == {str(own.pw_uid)}, row
            assert set(really["Gid"]) == {str(own.pw_gid)}, row
            assert really["Groups"] == [], row
            assert {"own-user", "chroot"} <= words, row
            root = os.readlink(f"/proc/{row['pid']}/root")
            assert root.endswith("(deleted)") or root == "/", row
            assert root != "/" or not os.listdir(f"/proc/{row['pid']}/root"), row
    master = status_of(next(pid for pid, (_, name) in running.members().items()
                            if name == "master"))
    assert master["NoNewPrivs"] == ["1"] and master["Seccomp"] == ["2"]


def test_mail_comes_through_restarts_and_reloads(running):
    for mode in ("plain", "starttls", "tls"):
        send(running, f"first by {mode}", mode)
        running.wait_message("alice", f"first by {mode}")
    running.account("carol")
    for role in ("queue", "deliver", "directory", "keys", "counters", "resolver", "control",
                 "web"):
        before = running.role_pid(role)
        os.kill(before, signal.SIGKILL)
        eventually(lambda: all(row["state"] == "ready" and row["pid"] != before
                               for row in rows_or_none(running)), 30, f"another {role}")
    time.sleep(0.5)
    send(running, "after the restarts", "tls")
    running.wait_message("alice", "after the restarts")
    log = running.log_text()
    assert "SYS" not in log
    # Those were ours; what comes after must be clean.
    running.log_path.write_text("")


def rows_or_none(server):
    done = subprocess.run(
        as_user(server.user, [BUILD / "cli" / "candor" if server.user == "root"
                              else server.programs / "cli" / "candor",
                              "status", "--json", "-c", str(server.conf)]),
        capture_output=True, text=True, timeout=60, cwd=server.directory)
    return json.loads(done.stdout)["roles"] if done.returncode == 0 else [{"state": "", "pid": 0}]


def test_a_renewed_certificate_is_used_after_a_reload(running):
    """Started by root the key is root's, and keys has its own user: master opens the file for it."""
    def shown():
        import ssl
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", running.tls), 10) as s:
            with context.wrap_socket(s) as tls:
                return tls.getpeercert(True)

    before = shown()
    for name in ("cert.pem", "key.pem"):
        (running.directory / "tls" / name).unlink()
    running.candor("setup", "demo.example", "--dir", str(running.directory / "again"))
    for name in ("cert.pem", "key.pem"):
        os.rename(running.directory / "again" / "tls" / name, running.directory / "tls" / name)
    running.candor("reload", "-c", str(running.conf))
    eventually(lambda: shown() != before, 20, "the new certificate")
    # A key that does not fit is refused, and the one before goes on.
    good = shown()
    (running.directory / "tls" / "key.pem").write_text("nonsense")
    running.candor("reload", "-c", str(running.conf))
    assert shown() == good
    send(running, "still here", "tls")


def test_a_new_place_for_mail_holds_after_a_reload(running):
    send(running, "to the old place")
    running.wait_message("alice", "to the old place")
    text = running.conf.read_text()
    running.conf.write_text(text.replace("/mail/{domain}/{local}", "/elsewhere/{domain}/{local}"))
    running.candor("reload", "-c", str(running.conf))
    # deliver begins anew meanwhile, and the queue tries again soon after.
    send(running, "to the new place")

    def arrived():
        return any(b"to the new place" in path.read_bytes() for path in
                   (running.directory / "elsewhere").glob("demo.example/alice/new/*"))
    eventually(arrived, 90, "mail in the new place")


@needs_root
def test_the_state_may_lie_where_only_root_comes():
    directory = tempfile.mkdtemp(prefix="candor-test-")  # mode 0700, as /root has it
    one = None
    try:
        state = pathlib.Path(directory, "demo")
        state.mkdir()
        one = Server(state)
        one.start()
        for i in range(3):
            send(one, f"message {i}", "tls")
            one.wait_message("alice", f"message {i}")
        one.account("dave")
        assert "dave" in one.candor("account", "list", "-c", str(one.conf))
        one.stop()
        one.start()
        assert "dave" in one.candor("account", "list", "-c", str(one.conf))
        send(one, "again", "starttls")
        one.wait_message("alice", "again")
        one.stop()
        one.check_log()
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)


@needs_root
def test_root_is_told_when_a_system_user_is_missing(tmp_path):
    """In a mount namespace of its own, where /etc/passwd knows none of them."""
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0::/root:/bin/sh\n")
    directory = new_directory()
    try:
        one = Server(directory)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c",
             'mount --bind "$1" /etc/passwd && exec "$2" serve -c "$3"', "sh", passwd,
             server_module.CANDOR, one.conf],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "candor-queue" in done.stderr and "useradd" in done.stderr, done.stderr
        assert "ordinary user" in done.stderr
    finally:
        remove_directory(directory)
