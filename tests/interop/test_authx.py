"""Accounts that others know: Dovecot, LDAP and PAM, each a real one, asked by the role authx as
directory asks it (tests/support/authx_ask.c); then through the whole server."""
import base64
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from dovecot import Dovecot
from dovecot import is_missing as dovecot_misses
from ldap_server import BASE, LdapServer
from ldap_server import is_missing as ldap_misses
from server import BUILD, die_with_parent, eventually, new_directory, remove_directory

ASK = BUILD / "tests" / "support" / "authx_ask"
AUTHX = BUILD / "src" / "authx" / "authx"
PAM = BUILD / "src" / "pam" / "pam"

DOMAIN = "demo.example"


@pytest.fixture
def directory():
    path = new_directory()
    yield path
    remove_directory(path)


class Authx:
    """The role, with this configuration, until the block ends."""

    def __init__(self, directory, text, pam=False, environment=None):
        self.conf = os.path.join(directory, "authx.conf")
        self.log_path = os.path.join(directory, "authx.log")
        with open(self.conf, "w") as f:
            f.write(f"host mx.{DOMAIN}\n{text}\n")
        self.arguments = [ASK, self.conf, AUTHX] + ([PAM] if pam else [])
        self.environment = {**os.environ, **(environment or {})}
        self.answers, self.asked, self.secrets = {}, 0, set()
        self.new = threading.Condition()

    def __enter__(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=self.environment, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if PAM in self.arguments:  # before they know each other nobody can be asked
            eventually(lambda: "role=authx" in self.log_text() and "peer=pam" in self.log_text())
        return self

    def read(self):
        for line in self.process.stdout:
            number, code, account = line.rstrip("\n").split(" ", 2)
            with self.new:
                self.answers[int(number)] = (code, account, time.monotonic())
                self.new.notify_all()

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        try:
            status = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(10)
        self.log.close()
        if kind is None:
            assert status == 0, self.log_text()
            for secret in self.secrets:
                assert secret not in self.log_text(), f"{secret!r} is in the log"

    def log_text(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.asked += 1
        return self.asked - 1

    def begin_verify(self, name, secret, as_sent=""):
        self.secrets |= {s for s in (secret, as_sent) if len(s) > 5}
        return self.ask(f"verify {name or '-'} {secret.encode().hex() or '-'} "
                        f"{as_sent.encode().hex() or '-'}".rstrip("-").rstrip())

    def wait(self, number, seconds=35):
        with self.new:
            assert self.new.wait_for(lambda: number in self.answers, seconds), self.log_text()[-4000:]
            return self.answers[number][:2]

    def verify(self, *arguments):
        return self.wait(self.begin_verify(*arguments))

    def find(self, name):
        return self.wait(self.ask(f"find {name}"))


# ---- Dovecot ----

needs_dovecot = pytest.mark.skipif(dovecot_misses() != "",
                                   reason=f"needs the packages {dovecot_misses()}")

FASTER = "auth_failure_delay = 1 secs"


@pytest.fixture
def dovecot(directory):
    one = Dovecot(os.path.join(directory, "dovecot"), extra=FASTER)
    one.user(f"alice@{DOMAIN}", "correct horse")
    one.user(f"hashed@{DOMAIN}", "battery staple", scheme="SHA512-CRYPT")
    with one:
        yield one


def unix(one):
    return (f"dovecot {{ socket unix:{one.auth_socket}; users unix:{one.run}/auth-userdb }}\n"
            f"domain {DOMAIN} {{ accounts dovecot }}")


@needs_dovecot
@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_dovecot_says_whose_password_it_is(directory, dovecot, way):
    text = unix(dovecot) if way == "unix" else f"dovecot {{ socket 127.0.0.1:{dovecot.auth_port} }}"
    with Authx(directory, text) as authx:
        alice = f"alice@{DOMAIN}"
        assert authx.verify(alice, "correct horse") == ("yes", alice)
        assert authx.verify(alice, "wrong horse")[0] == "no"
        assert authx.verify(f"ALICE@{DOMAIN}", "correct horse") == ("yes", alice)  # as it says
        assert authx.verify(f"hashed@{DOMAIN}", "battery staple")[0] == "yes"
        assert authx.verify(f"nobody@{DOMAIN}", "correct horse")[0] == "no"
        assert authx.verify("no address", "correct horse")[0] == "no"
        # SASLprep's form and what was typed: whichever fits.
        assert authx.verify(alice, "prepared text", "correct horse")[0] == "yes"
        assert authx.verify(alice, "correct horse", "typed otherwise")[0] == "yes"
        assert authx.verify(alice, "prepared text", "typed otherwise")[0] == "no"
        # What must never reach it.
        for secret in ("", "with\0nul", "long" * 1000):
            assert authx.verify(alice, secret)[0] == "no"
        assert authx.verify(alice, "correct horse")[0] == "yes"


@needs_dovecot
def test_dovecot_answers_many_at_a_time(directory, dovecot):
    """Wrong ones are held back by Dovecot; right ones do not wait for them."""
    with Authx(directory, unix(dovecot)) as authx:
        assert authx.verify(f"alice@{DOMAIN}", "correct horse")[0] == "yes"
        wrong = [authx.begin_verify(f"alice@{DOMAIN}", f"wrong horse {i}") for i in range(20)]
        right = [authx.begin_verify(f"alice@{DOMAIN}", "correct horse") for _ in range(100)]
        assert {authx.wait(n)[0] for n in right} == {"yes"}
        assert {authx.wait(n)[0] for n in wrong} == {"no"}
        assert max(authx.answers[n][2] for n in right) < min(authx.answers[n][2] for n in wrong)


@needs_dovecot
def test_dovecot_knows_who_there_is(directory, dovecot):
    with Authx(directory, unix(dovecot)) as authx:
        assert authx.find(f"alice@{DOMAIN}") == ("yes", f"alice@{DOMAIN}")
        assert authx.find(f"nobody@{DOMAIN}")[0] == "unknown"
        dovecot.user(f"new@{DOMAIN}", "x")
        eventually(lambda: authx.find(f"new@{DOMAIN}")[0] == "yes", 10, "the new user")
    with Authx(directory, f"dovecot {{ socket unix:{dovecot.auth_socket} }}") as authx:
        assert authx.find(f"alice@{DOMAIN}")[0] == "no"  # nobody can be asked


@needs_dovecot
def test_dovecot_goes_and_comes_back(directory, dovecot):
    with Authx(directory, unix(dovecot)) as authx:
        alice = f"alice@{DOMAIN}"
        assert authx.verify(alice, "correct horse")[0] == "yes"
        dovecot.stop()
        eventually(lambda: authx.verify(alice, "correct horse")[0] == "failed", 20, "its end")
        eventually(lambda: authx.find(alice)[0] == "failed", 20, "its end")
        began = time.monotonic()
        assert authx.verify(alice, "correct horse")[0] == "failed"
        assert time.monotonic() - began < 3
        dovecot.start()
        eventually(lambda: authx.verify(alice, "correct horse")[0] == "yes", 10, "Dovecot again")
        eventually(lambda: authx.find(alice)[0] == "yes", 10, "its users again")
    assert authx.log_text().count("event=backend.down") == 2  # once for each socket, not more


@needs_dovecot
def test_dovecot_without_plain_is_told_in_the_log(directory):
    one = Dovecot(os.path.join(directory, "dovecot"), mechanisms="scram-sha-256")
    with one, Authx(directory, f"dovecot {{ socket unix:{one.auth_socket} }}") as authx:
        assert authx.verify(f"alice@{DOMAIN}", "correct horse")[0] == "failed"
        assert "it speaks something else" in authx.log_text()


def test_a_backend_that_says_nothing(directory):
    """A port that takes connections and never answers; and one that greets and then is silent."""
    import socket
    listener = socket.create_server(("127.0.0.1", 0))
    held, greeting = [], [b""]

    def serve():
        while True:
            try:
                held.append(listener.accept()[0])
                held[-1].sendall(greeting[0])
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    text = f"dovecot {{ socket 127.0.0.1:{listener.getsockname()[1]}; timeout 2s }}"
    try:
        for greeting[0] in (b"", b"VERSION\t1\t2\nMECH\tPLAIN\nDONE\n", b"x" * 70000,
                            b"VERSION\t9\t0\n", b"VERSION\t1\t2\nMECH\tPLAIN\nDONE\nOK\tx\n"):
            with Authx(directory, text) as authx:
                began = time.monotonic()
                assert authx.verify(f"alice@{DOMAIN}", "correct horse")[0] == "failed"
                assert time.monotonic() - began < 6
    finally:
        listener.close()


# ---- PAM ----

# The passwords lie with a program of ours: the modules that ask it and judge are Debian's.
JUDGE = """#!/usr/bin/python3
import os, sys, time
user, secret = os.environ["PAM_USER"], sys.stdin.read().rstrip("\\0")
assert os.environ["PAM_TTY"] == "candor" and os.environ["PAM_RHOST"] in ("192.0.2.9", "127.0.0.1")
if user == "slow":
    time.sleep(60)
if user == "crash":
    os.kill(os.getppid(), 9)
sys.exit(0 if (user, secret) in [("alice", "correct horse"), ("gone", "correct horse"),
                                 ("x@y.example", "another one")] else 1)
"""


@pytest.fixture
def pam(directory):
    """A directory of service files, with one `candor`."""
    path = os.path.join(directory, "pam.d")
    os.mkdir(path)
    judge = os.path.join(directory, "judge")
    with open(judge, "w") as f:
        f.write(JUDGE)
    os.chmod(judge, 0o755)
    with open(os.path.join(directory, "gone"), "w") as f:
        f.write("gone\n")
    with open(os.path.join(path, "candor"), "w") as f:
        # pam_exec calls every no of its program a failure of the system.
        f.write(f"auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {judge}\n"
                "auth requisite pam_deny.so\nauth required pam_permit.so\n"
                f"account required pam_listfile.so item=user sense=deny file={directory}/gone "
                "onerr=fail quiet\n")
    for name, module in (("yes", "pam_permit"), ("no", "pam_deny"), ("lost", "pam_not_there")):
        with open(os.path.join(path, name), "w") as f:
            f.write(f"auth required {module}.so\naccount required {module}.so\n")
    return path


def test_pam_says_whose_password_it_is(directory, pam):
    text = f"pam {{ service candor; directory {pam}; timeout 10s }}\ndomain {DOMAIN} {{ accounts pam }}"
    with Authx(directory, text, pam=True) as authx:
        alice = f"alice@{DOMAIN}"
        assert authx.verify(alice, "correct horse") == ("yes", alice)
        assert authx.verify(alice, "wrong horse")[0] == "no"
        assert authx.verify(f"nobody@{DOMAIN}", "correct horse")[0] == "no"
        assert authx.verify(f"gone@{DOMAIN}", "correct horse")[0] == "disabled"
        assert authx.verify(f"gone@{DOMAIN}", "wrong horse")[0] == "no"
        for secret in ("", "with\0nul", "long" * 200):
            assert authx.verify(alice, secret)[0] == "no"
        assert authx.verify(f"@{DOMAIN}", "correct horse")[0] == "no"
        assert authx.find(alice)[0] == "no"  # it knows passwords, not people
        # One that hangs and one that takes its process down: nobody else waits for them.
        slow, crash = (authx.begin_verify(f"{name}@{DOMAIN}", "correct horse")
                       for name in ("slow", "crash"))
        began = time.monotonic()
        many = [authx.begin_verify(alice, "correct horse") for _ in range(20)]
        assert {authx.wait(n)[0] for n in many} == {"yes"}
        assert authx.wait(crash)[0] == "failed"
        assert slow not in authx.answers and time.monotonic() - began < 10
        assert authx.wait(slow)[0] == "failed"
        assert authx.verify(alice, "correct horse")[0] == "yes"
    assert "event=pam.late" in authx.log_text() and "event=pam.died" in authx.log_text()


def test_pam_by_address(directory, pam):
    text = f'pam {{ service candor; directory {pam}; user "{{address}}" }}'
    with Authx(directory, text, pam=True) as authx:
        assert authx.verify("x@y.example", "another one") == ("yes", "x@y.example")
        assert authx.verify("alice@y.example", "correct horse")[0] == "no"


@pytest.mark.parametrize("service, code", [("yes", "yes"), ("no", "no"), ("lost", "failed"),
                                           ("missing", "failed")])
def test_pam_by_its_word(directory, pam, service, code):
    with Authx(directory, f"pam {{ service {service}; directory {pam} }}", pam=True) as authx:
        assert authx.verify(f"alice@{DOMAIN}", "correct horse")[0] == code
    assert (service == "missing") == ("event=pam.no-service" in authx.log_text())


# ---- LDAP ----

needs_ldap = pytest.mark.skipif(ldap_misses() != "", reason=f"needs the packages {ldap_misses()}")

PEOPLE = f"""
dn: {BASE}
objectClass: domain
dc: demo

dn: cn=reader,{BASE}
objectClass: person
cn: reader
sn: reader
userPassword: may read

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,{BASE}
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
mail: alice@{DOMAIN}
mail: alice.a@{DOMAIN}
userPassword: correct horse

dn: uid=odd\\2c name*,ou=people,{BASE}
objectClass: inetOrgPerson
uid: odd, name*
cn: Odd
sn: O
mail: odd@{DOMAIN}
userPassword: correct horse

dn: uid=nopass,ou=people,{BASE}
objectClass: inetOrgPerson
uid: nopass
cn: N
sn: N
mail: nopass@{DOMAIN}

dn: uid=twin1,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin1
cn: T
sn: T
mail: twin@{DOMAIN}
userPassword: correct horse

dn: uid=twin2,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin2
cn: T
sn: T
mail: twin@{DOMAIN}
userPassword: correct horse
"""


@pytest.fixture
def ldap(directory):
    one = LdapServer(os.path.join(directory, "ldap"))
    with one:
        one.fill(PEOPLE)
        yield one


def ldap_block(ldap, url, *lines):
    text = "\n    ".join((f"url {url}", f"ca-file {ldap.ca}", *lines))
    return f"ldap {{\n    {text}\n}}\ndomain {DOMAIN} {{ accounts ldap }}\n"


def by_name(ldap, url, *lines):
    return ldap_block(ldap, url, f'bind-as "uid={{local}},ou=people,{BASE}"', *lines)


def by_search(ldap, url, *lines):
    secret = ldap.directory / "secret"
    secret.write_text("may read\nnot this\n")
    secret.chmod(0o600)
    return ldap_block(ldap, url, f'base "ou=people,{BASE}"', f'bind-dn "cn=reader,{BASE}"',
                      f"password-file {secret}", "filter (mail={address})", *lines)


def ldap_urls(ldap):
    return {"clear": f"ldap://127.0.0.1:{ldap.port}", "tls": f"ldaps://127.0.0.1:{ldap.tls_port}",
            "name": f"ldaps://ldap.demo.example:{ldap.tls_port}", "unix": ldap.socket_url}


@needs_ldap
@pytest.mark.parametrize("way", ["clear", "tls", "name", "unix"])
@pytest.mark.parametrize("how", [by_name, by_search])
def test_ldap_says_whose_password_it_is(directory, ldap, how, way):
    """In the clear with STARTTLS, from the first byte, by a name in DNS, and by a socket."""
    text = how(ldap, ldap_urls(ldap)[way])
    with Authx(directory, text, environment={"LDAPI_PATH": str(ldap.socket)}) as authx:
        alice = f"alice@{DOMAIN}"
        for _ in range(2):  # the second time by the same connection
            assert authx.verify(alice, "correct horse") == ("yes", alice)
            assert authx.verify(alice, "wrong horse")[0] == "no"
        assert authx.verify(f"nobody@{DOMAIN}", "correct horse")[0] == "no"
        assert authx.verify(f"nopass@{DOMAIN}", "correct horse")[0] == "no"
        # Without a password, or without a name, this server lets everybody in as nobody.
        assert authx.verify(alice, "")[0] == "no"
        assert authx.verify("", "correct horse")[0] == "no"
        assert authx.verify(alice, "", "")[0] == "no"
        # What a name may try in a filter or a DN.
        for name in ("*", "al*", "alice)(uid=*", "alice,ou=people", "alice\\00"):
            assert authx.verify(f"{name}@{DOMAIN}".replace(" ", ""), "correct horse")[0] == "no"
        many = [authx.begin_verify(alice, f"{'correct' if i % 2 else 'wrong'} horse")
                for i in range(100)]
        assert [authx.wait(n)[0] for n in many] == ["no", "yes"] * 50


@needs_ldap
def test_ldap_search(directory, ldap):
    text = by_search(ldap, ldap_urls(ldap)["clear"], "account-attribute mail")
    with Authx(directory, text) as authx:
        # Every address of hers is alice.
        assert authx.verify(f"alice.a@{DOMAIN}", "correct horse") == ("yes", f"alice@{DOMAIN}")
        assert authx.find(f"alice.a@{DOMAIN}") == ("yes", f"alice@{DOMAIN}")
        assert authx.find(f"nobody@{DOMAIN}")[0] == "unknown"
        assert authx.verify(f"odd@{DOMAIN}", "correct horse") == ("yes", f"odd@{DOMAIN}")
        assert authx.verify(f"twin@{DOMAIN}", "correct horse")[0] == "failed"
        assert "more than one entry fits" in authx.log_text()
    (ldap.directory / "secret").write_text("wrong\n")
    with Authx(directory, text) as authx:
        assert authx.verify(f"alice@{DOMAIN}", "correct horse")[0] == "failed"
        assert "bind-dn: Invalid credentials" in authx.log_text()
    with Authx(directory, by_name(ldap, ldap_urls(ldap)["clear"])) as authx:
        assert authx.find(f"alice@{DOMAIN}")[0] == "no"  # nobody can be asked


@needs_ldap
def test_ldap_trusts_only_its_authority_and_name(directory, ldap):
    other = LdapServer(os.path.join(directory, "other"))  # another authority
    alice = f"alice@{DOMAIN}"
    for url, ca, code in ((f"ldaps://127.0.0.1:{ldap.tls_port}", other.ca, "failed"),
                          (f"ldap://127.0.0.1:{ldap.port}", other.ca, "failed"),
                          (f"ldaps://not-its-name.example:{ldap.tls_port}", ldap.ca, "failed"),
                          (f"ldap://not-its-name.example:{ldap.port}", ldap.ca, "failed"),
                          (f"ldaps://ldap.demo.example:{ldap.tls_port}", ldap.ca, "yes")):
        text = by_name(ldap, url).replace(str(ldap.ca), str(ca))
        with Authx(directory, text) as authx:
            assert (url, authx.verify(alice, "correct horse")[0]) == (url, code)


@needs_ldap
def test_ldap_goes_and_comes_back(directory, ldap):
    alice = f"alice@{DOMAIN}"
    with Authx(directory, by_name(ldap, ldap_urls(ldap)["clear"])) as authx:
        assert authx.verify(alice, "correct horse")[0] == "yes"
        ldap.stop()
        began = time.monotonic()
        assert authx.verify(alice, "correct horse")[0] == "failed"
        assert authx.verify(alice, "correct horse")[0] == "failed"
        assert time.monotonic() - began < 3
        ldap.start()
        eventually(lambda: authx.verify(alice, "correct horse")[0] == "yes", 20, "it to be back")
        ldap.stop()  # its connections are closed while nobody asks
        ldap.start()
        assert authx.verify(alice, "correct horse")[0] == "yes"
    assert authx.log_text().count("event=backend.down") == 1


@needs_ldap
def test_ldap_with_a_server_that_is_dead(directory, ldap):
    """One refuses, one takes the connection and says nothing: the next is asked, and remembered."""
    import socket
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        urls = (f"ldap://127.0.0.1:{free.getsockname()[1]} {ldap_urls(ldap)['clear']}")
        alice = f"alice@{DOMAIN}"
        with Authx(directory, by_name(ldap, urls)) as authx:
            assert authx.verify(alice, "correct horse")[0] == "yes"
        urls = f"ldap://127.0.0.1:{silent.getsockname()[1]} {ldap_urls(ldap)['clear']}"
        with Authx(directory, by_name(ldap, urls, "timeout 1s")) as authx:
            began = time.monotonic()
            assert authx.verify(alice, "correct horse")[0] in ("failed", "yes")
            assert time.monotonic() - began < 4
            eventually(lambda: authx.verify(alice, "correct horse")[0] == "yes", 10, "the other")


# ---- through the whole server ----

def sign_in(server, name, secret):
    """The code of the reply to AUTH PLAIN on 465."""
    with server.talk("tls") as talk:
        talk.command("EHLO client.example")
        response = base64.b64encode(f"\0{name}\0{secret}".encode()).decode()
        return talk.command(f"AUTH PLAIN {response}").code


def rcpt(server, address):
    with server.talk() as talk:
        talk.command("EHLO client.example")
        assert talk.command("MAIL FROM:<s@client.example>").code == 250
        reply = talk.command(f"RCPT TO:<{address}>")
        return reply.code, reply.enhanced


def whole(new_server, accounts, block):
    """A server whose domain's accounts somebody else knows; alice and bob are in its database too."""
    one = new_server(extra=block, limits="errors 100")
    one.conf.write_text(one.conf.read_text().replace(
        f"domain {DOMAIN} {{ }}", f"domain {DOMAIN} {{ accounts {accounts} }}"))
    return one.start()


def check_sign_in(server, name):
    assert sign_in(server, name, "correct horse") == 235
    assert sign_in(server, name, "wrong horse") == 535
    assert sign_in(server, f"nobody@{DOMAIN}", "correct horse") == 535
    assert sign_in(server, name.upper(), "correct horse") == 235
    for secret in ("correct horse", "wrong horse"):
        assert secret not in server.log_text()
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in server.log_text()


def check_sends(server, name):
    """Signed in, one may send as oneself only."""
    with server.talk("tls") as talk:
        assert "SCRAM" not in str(talk.command("EHLO client.example").lines)
        response = base64.b64encode(f"\0{name}\0correct horse".encode()).decode()
        assert talk.command(f"AUTH PLAIN {response}").code == 235
        assert talk.command(f"MAIL FROM:<somebody.else@{DOMAIN}>").code == 553
        assert talk.command(f"MAIL FROM:<{name}>").code == 250
        assert talk.command(f"RCPT TO:<bob@{DOMAIN}>").code == 250
        assert talk.command("DATA").code == 354
        talk.send(b"Subject: from elsewhere\r\n\r\nHello.\r\n.\r\n")
        assert talk.reply().code == 250
    server.wait_message("bob", "Subject: from elsewhere")


@needs_dovecot
def test_whole_server_with_dovecot(directory, dovecot, new_server):
    dovecot.user(f"bob@{DOMAIN}", "battery staple")
    dovecot.user(f"carol@{DOMAIN}", "correct horse")  # in no database of ours
    dovecot.user(f"dave@{DOMAIN}", "x")
    block = f"dovecot {{ socket unix:{dovecot.auth_socket}; users unix:{dovecot.run}/auth-userdb }}"
    server = whole(new_server, "dovecot", block)
    check_sign_in(server, f"carol@{DOMAIN}")
    check_sends(server, f"carol@{DOMAIN}")
    assert sign_in(server, f"alice@{DOMAIN}", "correct horse") == 235
    # Whoever Dovecot knows gets mail, and nobody else does.
    assert rcpt(server, f"carol@{DOMAIN}")[0] == 250
    assert rcpt(server, f"carol+list@{DOMAIN}")[0] == 250
    assert rcpt(server, f"alice@{DOMAIN}")[0] == 250
    assert rcpt(server, f"nobody@{DOMAIN}") == (550, "5.1.1")
    with server.talk() as talk:
        assert talk.message(b"Subject: for carol\r\n\r\nHello.\r\n", f"carol@{DOMAIN}").code == 250
    server.wait_message("carol", "Subject: for carol")
    dovecot.stop()
    eventually(lambda: sign_in(server, f"carol@{DOMAIN}", "correct horse") == 454, 20, "454")
    assert rcpt(server, f"dave@{DOMAIN}")[0] == 451
    assert rcpt(server, f"carol@{DOMAIN}")[0] == 250  # it was said a moment ago
    assert rcpt(server, f"bob@{DOMAIN}")[0] == 250  # the database has him
    dovecot.start()
    eventually(lambda: sign_in(server, f"carol@{DOMAIN}", "correct horse") == 235, 20, "235")
    eventually(lambda: rcpt(server, f"dave@{DOMAIN}")[0] == 250, 20, "dave to be known")


@needs_ldap
def test_whole_server_with_ldap(directory, ldap, new_server):
    block = by_search(ldap, ldap_urls(ldap)["unix"]).split("domain ")[0]
    server = whole(new_server, "ldap", block)
    check_sign_in(server, f"alice@{DOMAIN}")
    check_sends(server, f"odd@{DOMAIN}")
    assert rcpt(server, f"odd@{DOMAIN}")[0] == 250
    assert rcpt(server, f"nobody@{DOMAIN}") == (550, "5.1.1")
    ldap.stop()
    assert sign_in(server, f"alice@{DOMAIN}", "correct horse") == 454
    ldap.start()
    eventually(lambda: sign_in(server, f"alice@{DOMAIN}", "correct horse") == 235, 20, "235")


def test_whole_server_with_pam(directory, pam, new_server):
    server = whole(new_server, "pam", f"pam {{ service candor; directory {pam} }}")
    check_sign_in(server, f"alice@{DOMAIN}")
    check_sends(server, f"alice@{DOMAIN}")
    assert rcpt(server, f"nobody@{DOMAIN}") == (550, "5.1.1")
    rows = json.loads(server.candor("status", "--json", "-c", str(server.conf)))["roles"]
    sandbox = {row["role"]: row["sandbox"] for row in rows}
    assert "wide-filter" in sandbox["pam"] and "no-new-privs" in sandbox["pam"]
    assert "seccomp" in sandbox["authx"]
    if "wide-filter" not in sandbox["queue"]:  # as with sanitizers everywhere
        assert "wide-filter" not in sandbox["authx"]
    # A role that is killed comes back.
    os.kill(server.role_pid("pam"), signal.SIGKILL)
    eventually(lambda: sign_in(server, f"alice@{DOMAIN}", "correct horse") == 235, 20, "pam again")
    os.kill(server.role_pid("authx"), signal.SIGKILL)
    eventually(lambda: sign_in(server, f"alice@{DOMAIN}", "correct horse") == 235, 20, "authx again")
    server.log_path.write_text("")  # those were ours


def test_one_account_that_pam_knows(directory, pam, new_server):
    """The domain's others are in the database; and a reload takes PAM away."""
    server = new_server(extra=f"pam {{ service candor; directory {pam} }}", limits="errors 100",
                        accounts=("bob",)).start()
    server.candor("account", "add", f"alice@{DOMAIN}", "--backend", "-c", str(server.conf))
    check_sign_in(server, f"alice@{DOMAIN}")
    assert sign_in(server, f"bob@{DOMAIN}", "correct horse") == 535
    server.conf.write_text(server.conf.read_text().replace("service candor;", "service yes;"))
    server.candor("reload", "-c", str(server.conf))
    eventually(lambda: sign_in(server, f"alice@{DOMAIN}", "any will do") == 235, 20, "the reload")
    server.conf.write_text(server.conf.read_text().replace("service yes;", ""))
    server.candor("reload", "-c", str(server.conf))
    eventually(lambda: sign_in(server, f"alice@{DOMAIN}", "any will do") == 454, 20, "the reload")
    eventually(lambda: server.role_pid("authx") is None and server.role_pid("pam") is None, 20,
               "the roles' end")
