"""A private server for tests: on free ports of loopback, with everything in one folder."""
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from smtp import Talk

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("CANDOR_BUILD", "build")
CANDOR = BUILD / "cli" / "candor"
DOMAIN = "demo.example"

# What no log of a healthy run has in it. SIGKILL is the tests' own doing.
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion|damaged=[1-9]"
                     r"|event=role\.(condemned|spawn|config-)|event=role\.died(?!.*signal=KILL)")


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """No server outlives the tests, however these end."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port below the kernel's own range, so that no client of another test is given it."""
    while True:
        port = random.randrange(15000, 30000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def eventually(condition, seconds=20, what=""):
    """The first true value of condition(), which is asked again and again."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} seconds: {what or condition}"
        time.sleep(0.02)


def processes():
    """pid: (parent, session, start time, name) of everything that runs."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            name, rest = text[text.index("(") + 1:].rsplit(")", 1)
            field = rest.split()
            if field[0] != "Z":
                found[int(entry)] = (int(field[1]), int(field[3]), int(field[19]), name)
    return found


class Server:
    """One installation: start, stop and kill it as often as you like."""

    def __init__(self, directory, extra="", accounts=("alice", "bob"), limits="",
                 unlimited="127.0.0.0/8"):
        self.directory = pathlib.Path(directory)
        self.plain, self.starttls, self.tls = free_port(), free_port(), free_port()
        self.log_path = self.directory / "log"
        self.extra, self.limits, self.unlimited = extra, limits, unlimited
        self.process = None
        self.family = {}
        self.candor("setup", DOMAIN, "--dir", str(self.directory))
        self.configure()
        for name in accounts:
            self.account(name)

    # configuration -----------------------------------------------------------------------------

    def configure(self):
        d = self.directory
        self.conf = d / "candor.conf"
        self.conf.write_text(f"""
host      mx.{DOMAIN}
spool     {d}/spool
database  {d}/candor.db
control   {d}/control.sock
deliver   maildir {d}/mail/{{domain}}/{{local}}

listen 127.0.0.1:{self.plain}    {{ class mx;      tls optional }}
listen 127.0.0.1:{self.starttls} {{ class submit;  tls required; auth optional }}
listen 127.0.0.1:{self.tls}      {{ class submit;  tls implicit; auth optional }}

tls {{
    certificate {d}/tls/cert.pem
    key         {d}/tls/key.pem
}}
domain {DOMAIN} {{ }}
limits {{
    unlimited {self.unlimited}
    {self.limits}
}}
queue {{
    min-free 1M
}}
{self.extra}
""")

    def candor(self, *arguments, status=0, text=None):
        """Runs the command; its standard output."""
        assert CANDOR.exists(), f"{CANDOR} is not built"
        done = subprocess.run([CANDOR, *arguments], input=text, text=True, capture_output=True,
                              timeout=60, cwd=self.directory)
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def account(self, name):
        address = name if "@" in name else f"{name}@{DOMAIN}"
        self.candor("account", "add", address, "-c", str(self.conf))
        return address

    # life --------------------------------------------------------------------------------------

    def start(self, environment=None):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [CANDOR, "serve", "-c", self.conf], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, start_new_session=True, preexec_fn=die_with_parent,
            env={**os.environ, **(environment or {})})
        try:
            eventually(self.is_up, 30, "220 from a new server")
        except AssertionError:
            self.kill()
            raise AssertionError("the server does not answer:\n" + self.log_text()[-4000:])
        self.family = self.members()
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"status {self.process.returncode}")
        try:
            with Talk(self.plain, timeout=5) as talk:
                good = talk.reply().code == 220
                talk.command("QUIT")
                return good
        except OSError:
            return False

    def members(self):
        """The server's processes: pid: (start time, name)."""
        everything = processes()
        ours = {self.process.pid}
        while True:
            more = {pid for pid, (parent, session, _, _) in everything.items()
                    if parent in ours or session == self.process.pid} - ours
            if not more:
                return {pid: everything[pid][2:] for pid in ours if pid in everything}
            ours |= more

    def left(self):
        """Those of its processes that still run."""
        everything = processes()
        return {pid: name for pid, (start, name) in {**self.family, **self.members()}.items()
                if pid in everything and everything[pid][2] == start}

    def role_pid(self, name):
        """The pid of a role by the file name of its program."""
        return next((pid for pid, (_, program) in self.members().items() if program == name), None)

    def stop(self, sign=signal.SIGTERM, seconds=40):
        """Ends it as an admin would; its exit status."""
        self.family = {**self.family, **self.members()}
        self.process.send_signal(sign)
        status = self.process.wait(seconds)
        eventually(lambda: not self.left(), 10, f"the end of {self.left()}")
        self.log.close()
        return status

    def freeze(self):
        """Stops master, so that it starts nobody between a look at its children and their end."""
        if self.runs():
            os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self):
        """Ends every process of it at once."""
        self.freeze()
        family = {**self.family, **self.members()}
        for pid, (start, _) in family.items():
            if processes().get(pid, (0, 0, 0))[2] == start:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait(20)
        self.family = family
        eventually(lambda: not self.left(), 10, "the end of all processes")
        self.log.close()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def check_log(self):
        trouble = [line for line in self.log_text().splitlines() if TROUBLE.search(line)]
        assert not trouble, "\n".join(trouble[:20])

    # use ---------------------------------------------------------------------------------------

    def talk(self, mode="plain", **options):
        """A connection to the port of this mode, greeted, with TLS where the mode has it."""
        talk = Talk(getattr(self, mode), tls=mode == "tls", **options)
        talk.greeting()
        if mode == "starttls":
            talk.starttls()
        return talk

    def maildir(self, name):
        local, _, domain = name.partition("@")
        return self.directory / "mail" / (domain or DOMAIN) / local

    def messages(self, name):
        """What lies in the mailbox, as {file name: bytes with CRLF}."""
        found = {}
        for folder in ("new", "cur"):
            path = self.maildir(name) / folder
            for entry in sorted(path.iterdir()) if path.is_dir() else []:
                text = entry.read_bytes()
                found[entry.name] = text if b"\r\n" in text else text.replace(b"\n", b"\r\n")
        return found

    def wait_message(self, name, part, seconds=20):
        """The message in the mailbox that has `part` in it."""
        part = part if isinstance(part, bytes) else part.encode()
        return eventually(lambda: next((m for m in self.messages(name).values() if part in m), None),
                          seconds, f"{part!r} in the mailbox {name}")


def new_directory():
    """A folder that the roles' own users can pass through."""
    path = tempfile.mkdtemp(prefix="candor-test-")
    os.chmod(path, 0o711)
    return path


def remove_directory(path):
    shutil.rmtree(path, ignore_errors=True)


def without_added(message):
    """(headers that the server put on top, the rest): Return-Path, Delivered-To, one Received."""
    lines = message.split(b"\r\n")
    names = []
    n = 0
    while n < len(lines) and len(names) < 3:
        names.append(lines[n].split(b":", 1)[0].lower())
        n += 1
        while n < len(lines) and lines[n][:1] in (b" ", b"\t"):
            n += 1
    assert sorted(names) == [b"delivered-to", b"received", b"return-path"], names
    return b"\r\n".join(lines[:n]) + b"\r\n", b"\r\n".join(lines[n:])
