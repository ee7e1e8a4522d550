"""A private Dovecot: its own folder, sockets and ports, started and ended by a test.

    with Dovecot(directory) as d:           # directory: of the test's own
        d.user("alice@demo.example", "secret", quota="100K")
        ... d.lmtp_socket, d.lmtp_port, d.auth_socket, d.auth_port, d.imap_port ...
        d.messages("alice@demo.example", "secret")

It runs as root or as an ordinary user; nothing of the system's own Dovecot is read or used. The
passdb and userdb are one passwd-file, so users come and go while it runs.
"""
import grp
import imaplib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

from server import die_with_parent, eventually, free_port

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
DOVEADM = shutil.which("doveadm") or "/usr/bin/doveadm"


def is_missing():
    """The packages that are not there; empty: all are."""
    want = {"dovecot-core": PROGRAM, "dovecot-lmtpd": "/usr/lib/dovecot/lmtp",
            "dovecot-imapd": "/usr/lib/dovecot/imap"}
    return " ".join(name for name, path in want.items() if not os.path.exists(path))


class Dovecot:
    """One instance. extra: more configuration; it may replace what is here."""

    def __init__(self, directory, extra="", mechanisms="plain login scram-sha-1 scram-sha-256"):
        self.directory = pathlib.Path(directory)
        self.run = self.directory / "run"
        self.log_path = self.directory / "dovecot.log"
        self.passwd = self.directory / "passwd"
        self.mail = self.directory / "mail"
        self.conf = self.directory / "dovecot.conf"
        # Short: a unix socket's path has 107 bytes.
        self.lmtp_socket, self.auth_socket = self.run / "lmtp", self.run / "auth-client"
        self.lmtp_port, self.auth_port, self.imap_port = free_port(), free_port(), free_port()
        self.process = None
        self.stamp = 0
        for path in (self.directory, self.run, self.mail):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        self.passwd.touch()
        self.configure(extra, mechanisms)

    def configure(self, extra="", mechanisms="plain login scram-sha-1 scram-sha-256"):
        """Writes the configuration; for the next start."""
        if os.geteuid() == 0:
            # The mailboxes belong to nobody, as with any virtual users.
            self.owner, internal, login = "nobody", "dovecot", "dovenull"
            group = "nogroup"
            shutil.chown(self.mail, self.owner, group)
        else:
            self.owner = internal = login = pwd.getpwuid(os.geteuid()).pw_name
            group = grp.getgrgid(os.getegid()).gr_name
        self.conf.write_text(f"""
base_dir = {self.run}
state_dir = {self.directory}/state
instance_name = candor-test
log_path = {self.log_path}
auth_verbose = yes
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal if os.geteuid() == 0 else group}
default_login_user = {login}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{self.mail}/%u
mail_plugins = quota
postmaster_address = postmaster@demo.example
hostname = dovecot.demo.example

passdb {{
    driver = passwd-file
    args = username_format=%u {self.passwd}
}}
userdb {{
    driver = passwd-file
    args = username_format=%u {self.passwd}
    default_fields = uid={self.owner} gid={group} home={self.mail}/%u
}}
plugin {{
    quota = maildir:User quota
}}
protocol imap {{
    mail_plugins = quota
}}
protocol lmtp {{
    mail_plugins = quota
    auth_username_format = %Lu
}}

service anvil {{
    chroot =
}}
service imap-login {{
    chroot =
    inet_listener imap {{
        port = {self.imap_port}
    }}
    inet_listener imaps {{
        port = 0
    }}
}}
service lmtp {{
    unix_listener lmtp {{
        mode = 0666
    }}
    inet_listener lmtp {{
        address = 127.0.0.1
        port = {self.lmtp_port}
    }}
}}
service auth {{
    unix_listener auth-client {{
        mode = 0666
    }}
    inet_listener {{
        address = 127.0.0.1
        port = {self.auth_port}
    }}
}}
service stats {{
    chroot =
}}
{extra}
""")

    def user(self, name, password=None, quota=None, scheme="PLAIN", fields=""):
        """A user with this password, in place of the one of the same name. password None: nobody
        can sign in. scheme as in Dovecot (SHA512-CRYPT, BLF-CRYPT...), made by doveadm."""
        if password is None:
            secret = "{PLAIN}!"
            fields = "nologin " + fields
        elif scheme == "PLAIN":
            secret = "{PLAIN}" + password
        else:
            secret = subprocess.run([DOVEADM, "-c", self.conf, "pw", "-s", scheme, "-p", password],
                                    capture_output=True, text=True, check=True).stdout.strip()
        more = f"userdb_quota_rule=*:bytes={quota}" if quota else ""
        line = f"{name}:{secret}::::::{more} {fields}".rstrip()
        lines = [old for old in self.passwd.read_text().splitlines()
                 if not old.startswith(name + ":")]
        new = self.passwd.with_suffix(".new")
        new.write_text("\n".join(lines + [line]) + "\n")
        new.chmod(0o644)
        new.rename(self.passwd)
        # It looks at the file's time in whole seconds and at its size: each change has its second.
        self.stamp = max(int(time.time()), self.stamp + 1)
        os.utime(self.passwd, (self.stamp, self.stamp))

    def start(self):
        self.log_path.touch()
        self.process = subprocess.Popen(
            [PROGRAM, "-F", "-c", self.conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=die_with_parent)
        try:
            eventually(self.is_up, 20, "Dovecot to answer")
        except AssertionError as e:
            self.stop()
            raise AssertionError(f"{e}\n{self.log_path.read_text()[-3000:]}") from None
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Dovecot ended with {self.process.returncode}\n"
                                 + self.log_path.read_text()[-3000:])
        try:
            imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=5).logout()
            return self.lmtp_socket.exists() and self.auth_socket.exists()
        except (OSError, imaplib.IMAP4.abort):
            return False

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        # auth outlives its master for as long as somebody is connected to it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def messages(self, name, password, folder="INBOX"):
        """What the user reads by IMAP, as bytes with CRLF."""
        box = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=20)
        try:
            box.login(name, password)
            box.select(folder, readonly=True)
            _, [numbers] = box.search(None, "ALL")
            found = []
            for number in numbers.split():
                _, parts = box.fetch(number.decode(), "(BODY.PEEK[])")
                found += [part[1] for part in parts if isinstance(part, tuple)]
            return found
        finally:
            box.logout()

    def wait_message(self, name, password, part, seconds=20):
        """The message in the user's inbox that has `part` in it."""
        part = part if isinstance(part, bytes) else part.encode()
        return eventually(
            lambda: next((m for m in self.messages(name, password) if part in m), None), seconds,
            f"{part!r} in the inbox of {name}")

    def quota_used(self, name, password):
        """(bytes used, limit in bytes) as Dovecot counts them, or None without a quota."""
        done = subprocess.run([DOVEADM, "-c", self.conf, "-f", "tab", "quota", "get", "-u", name],
                              capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            words = line.split("\t")
            if "STORAGE" in words:
                used, limit = words[words.index("STORAGE") + 1:][:2]
                return int(used) * 1024, None if limit == "-" else int(limit) * 1024
        return None
