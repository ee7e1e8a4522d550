"""People sign in, and send: with clients that we did not write, and with bytes of our own."""
import base64
import hashlib
import hmac
import json
import os
import secrets
import signal
import smtplib
import socket
import ssl
import subprocess

import pytest

from conftest import end
from server import DOMAIN, Server, eventually, free_port, new_directory, remove_directory
from smtp import Reply, Talk

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
WORDS = {ALICE: "correct horse battery", BOB: "four plain little words"}
ELSEWHERE = "somebody@elsewhere.example"
NO_TLS_CHECK = ssl.create_default_context()
NO_TLS_CHECK.check_hostname = False
NO_TLS_CHECK.verify_mode = ssl.CERT_NONE


def certificate(folder, name, ca=None):
    """A key and a certificate (folder/name.key, .pem), by ca (a name) or by itself."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    by = ["-CA", folder / f"{ca}.pem", "-CAkey", folder / f"{ca}.key"] if ca else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", pem,
                    "-addext", f"basicConstraints=critical,CA:{'FALSE' if ca else 'TRUE'}", *by],
                   check=True, capture_output=True)
    return key, pem


@pytest.fixture(scope="module")
def server():
    """587 and 465 as their defaults are: nobody sends without having signed in."""
    directory, one = new_directory(), None
    submission, submissions, certified = free_port(), free_port(), free_port()
    try:
        one = Server(directory, extra=f"""
listen 127.0.0.1:{submission}  {{ class submit; tls required }}
listen 127.0.0.1:{submissions} {{ class submit; tls implicit }}
listen 127.0.0.1:{certified}   {{ class submit; tls implicit; client-certificates {directory}/ca.pem }}
""")
        certificate(one.directory, "ca")
        one.submission, one.submissions, one.certified = submission, submissions, certified
        one.start()
        for address, password in WORDS.items():
            set_password(one, address, password)
        yield one
        end(one)
    finally:
        if one is not None and one.process is not None and one.runs():
            one.kill()
        remove_directory(directory)


def set_password(server, address, password):
    server.candor("account", "password", address, "--stdin", "-c", str(server.conf), text=password + "\n")


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(user, password):
    return "AUTH PLAIN " + b64(f"\0{user}\0{password}")


def opened(server, port="submissions", **options):
    """A greeted connection under TLS."""
    talk = Talk(getattr(server, port), tls=port != "submission", **options)
    talk.ehlo = talk.greeting()
    if port == "submission":
        talk.ehlo = talk.starttls()
    return talk


def signed_in(server, user=ALICE, **options):
    talk = opened(server, **options)
    reply = talk.command(plain(user, WORDS[user]))
    assert (reply.code, reply.enhanced) == (235, "2.7.0"), reply
    return talk


def waiting(server, sender):
    """What the queue has from this sender, as `candor queue list` tells it."""
    listed = json.loads(server.candor("queue", "list", "--json", "-c", str(server.conf)))
    return [m for m in listed["messages"] if m["sender"] == sender]


# ---- real clients -------------------------------------------------------------------------------

@pytest.mark.parametrize("port", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("good", [True, False])
def test_smtplib(server, port, mechanism, good):
    kind = smtplib.SMTP_SSL if port == "submissions" else smtplib.SMTP
    options = {"context": NO_TLS_CHECK} if port == "submissions" else {}
    with kind("127.0.0.1", getattr(server, port), "client.example", timeout=30, **options) as client:
        if port == "submission":
            client.starttls(context=NO_TLS_CHECK)
        client.ehlo()
        client.user, client.password = ALICE, WORDS[ALICE] if good else "wrong"
        auth = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        if not good:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.auth(mechanism, auth)
            assert refused.value.smtp_code == 535
            return
        assert client.auth(mechanism, auth)[0] == 235
        mark = f"{port} {mechanism}"
        client.sendmail(ALICE, [BOB], f"Subject: {mark}\r\n\r\nHello.\r\n")
    server.wait_message("bob", mark)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("good", [True, False])
def test_swaks(server, mechanism, good):
    mark = f"swaks {mechanism} {secrets.token_hex(4)}"
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{server.submission}", "-tls", "--auth", mechanism,
         "--auth-user", ALICE, "--auth-password", WORDS[ALICE] if good else "wrong",
         "--from", ALICE, "--to", BOB, "--header", f"Subject: {mark}", "--timeout", "30"],
        capture_output=True, text=True, timeout=60)
    assert ("235 2.7.0" in done.stdout) == good, done
    assert ("535 5.7.8" in done.stdout) != good, done  # and no 05:35 in a Message-ID
    if good:
        server.wait_message("bob", mark)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("good", [True, False])
def test_curl(server, tmp_path, mechanism, good):
    mark = f"curl {mechanism} {secrets.token_hex(4)}"
    (tmp_path / "mail").write_text(f"From: {ALICE}\nSubject: {mark}\n\nHello.\n")
    done = subprocess.run(
        ["curl", "-sSk", f"smtps://127.0.0.1:{server.submissions}", "--login-options", f"AUTH={mechanism}",
         "-u", f"{ALICE}:{WORDS[ALICE] if good else 'wrong'}", "--mail-from", ALICE, "--mail-rcpt", BOB,
         "--crlf", "-T", tmp_path / "mail"], capture_output=True, text=True, timeout=60)
    assert done.returncode == (0 if good else 67), done  # 67: login denied
    if good:
        server.wait_message("bob", mark)


# ---- SCRAM, with the binding to the connection --------------------------------------------------

def scram(talk, user, password, binding_type="", binding=b"", digest="sha256"):
    """RFC 5802 from the client's side; the last reply."""
    plus, name = ("-PLUS" if binding_type else ""), {"sha256": "SHA-256", "sha1": "SHA-1"}[digest]
    gs2 = f"p={binding_type},," if binding_type else "n,,"
    nonce = b64(secrets.token_bytes(18))
    first = f"n={user},r={nonce}"
    reply = talk.command(f"AUTH SCRAM-{name}{plus} " + b64(gs2 + first))
    if reply.code != 334:
        return reply
    challenge = base64.b64decode(reply.lines[0]).decode()
    said = dict(part.split("=", 1) for part in challenge.split(","))
    assert said["r"].startswith(nonce) and len(said["r"]) > len(nonce)
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    without_proof = f"c={b64(gs2.encode() + binding)},r={said['r']}"
    text = ",".join([first, challenge, without_proof]).encode()
    client_key = hmac.digest(salted, b"Client Key", digest)
    signature = hmac.digest(hashlib.new(digest, client_key).digest(), text, digest)
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    reply = talk.command(b64(f"{without_proof},p={b64(proof)}"))
    if reply.code != 334:
        return reply
    verifier = hmac.digest(hmac.digest(salted, b"Server Key", digest), text, digest)
    assert base64.b64decode(reply.lines[0]).decode() == "v=" + b64(verifier)
    return talk.command("")


def end_point(talk):
    return hashlib.sha256(talk.socket.getpeercert(binary_form=True)).digest()


@pytest.mark.parametrize("digest", ["sha256", "sha1"])
def test_scram(server, digest):
    with opened(server) as talk:
        assert scram(talk, ALICE, "wrong", digest=digest).code == 535
    with opened(server) as talk:
        assert scram(talk, ALICE, WORDS[ALICE], digest=digest).code == 235
        assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("digest", ["sha256", "sha1"])
def test_scram_with_end_point(server, version, digest):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    for binding, code in ((None, 235), (b"of another connection", 535)):
        with Talk(server.submissions) as talk:
            talk.secure(context=context)
            talk.greeting()
            reply = scram(talk, ALICE, WORDS[ALICE], "tls-server-end-point",
                          end_point(talk) if binding is None else binding, digest)
            assert reply.code == code, reply


class KeyingMaterial:
    """openssl s_client as a connection that knows RFC 9266's value."""

    def __init__(self, port, version):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version, "-ign_eof", "-nocommands",
             "-crlf", "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lines = self.until(b"220 ")
        found = [line for line in lines if b"Keying material: " in line]
        self.exporter = bytes.fromhex(found[0].split(b": ")[1].strip().decode())

    def until(self, start):
        lines = []
        while not lines or not lines[-1].startswith(start):
            line = self.process.stdout.readline()
            assert line, lines
            lines.append(line)
        return lines

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline().strip()
            assert line
            if line[:3].isdigit() and line[3:4] == b" ":
                return Reply(int(line[:3]), [line[4:].decode()], line)

    def close(self):
        self.process.kill()
        self.process.communicate()


def test_scram_with_exporter(server):
    talk = KeyingMaterial(server.submissions, "-tls1_3")
    try:
        assert talk.command("EHLO client.example").code == 250
        assert scram(talk, ALICE, WORDS[ALICE], "tls-exporter", b"x" * 32).code == 535
        assert scram(talk, ALICE, WORDS[ALICE], "tls-exporter", talk.exporter).code == 235
    finally:
        talk.close()


# ---- certificates of clients ---------------------------------------------------------------------

def words_of(ehlo):
    return next((line.split()[1:] for line in ehlo.lines if line.startswith("AUTH ")), [])


def with_certificate(server, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if name:
        context.load_cert_chain(server.directory / f"{name}.pem", server.directory / f"{name}.key")
    talk = Talk(server.certified)
    talk.secure(context=context)
    talk.ehlo = talk.greeting()
    return talk


def test_external(server):
    certificate(server.directory, "laptop", ca="ca")
    certificate(server.directory, "stranger")
    der = ssl.PEM_cert_to_DER_cert((server.directory / "laptop.pem").read_text())
    # keys has looked at the file by now, or will have
    eventually(lambda: "EXTERNAL" in words_of(with_certificate(server, "laptop").ehlo), 20, "EXTERNAL")
    assert "EXTERNAL" not in words_of(with_certificate(server, "stranger").ehlo)
    assert "EXTERNAL" not in words_of(with_certificate(server, None).ehlo)
    with with_certificate(server, "stranger") as talk:  # it ends nothing
        assert talk.command(plain(ALICE, WORDS[ALICE])).code == 235
    with with_certificate(server, "laptop") as talk:
        assert talk.command("AUTH EXTERNAL =").code == 535  # nobody's
    server.candor("account", "certificate", "add", ALICE, hashlib.sha256(der).hexdigest(), "-c", str(server.conf))
    with with_certificate(server, "laptop") as talk:
        assert talk.command("AUTH EXTERNAL =").code == 235
        assert talk.command(f"MAIL FROM:<{BOB}>").code == 553
        assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250
    with with_certificate(server, "laptop") as talk:
        assert talk.command("AUTH EXTERNAL " + b64(BOB)).code == 535


# ---- what is offered, and what is refused --------------------------------------------------------

def test_offered_under_tls_alone(server):
    with Talk(server.submission) as talk:
        assert words_of(talk.greeting()) == []
        reply = talk.command(plain(ALICE, WORDS[ALICE]))
        assert (reply.code, reply.enhanced) == (538, "5.7.11"), reply
    with opened(server, "submission") as talk:
        words = words_of(talk.ehlo)
        assert {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} <= set(words)
        assert not {"EXTERNAL", "OAUTHBEARER", "XOAUTH2"} & set(words)


@pytest.mark.parametrize("line, code, enhanced", [
    (plain(ALICE, "wrong"), 535, "5.7.8"),
    (plain(f"nobody@{DOMAIN}", "wrong"), 535, "5.7.8"),
    (plain("nobody@elsewhere.example", "wrong"), 535, "5.7.8"),
    ("AUTH PLAIN ****", 501, "5.5.2"),
    ("AUTH PLAIN " + b64("no nul"), 501, "5.5.2"),
    ("AUTH NONSENSE", 504, "5.5.4"),
    ("AUTH " + "X" * 500, 504, "5.5.4"),
    ("AUTH EXTERNAL =", 504, "5.5.4"),
])
def test_refused(server, line, code, enhanced):
    with opened(server) as talk:
        reply = talk.command(line)
        assert (reply.code, reply.enhanced) == (code, enhanced), reply
        reply = talk.command(f"MAIL FROM:<{ALICE}>")
        assert (reply.code, reply.enhanced) == (530, "5.7.0"), reply


def test_same_words_for_unknown_and_wrong(server):
    said = []
    for user in (ALICE, f"nobody@{DOMAIN}"):
        with opened(server) as talk:
            said.append([line.split("session")[0] for line in talk.command(plain(user, "wrong")).lines])
    assert said[0][0] == said[1][0]


def test_cancelled_and_twice(server):
    with opened(server) as talk:
        assert talk.command("AUTH LOGIN").code == 334
        assert talk.command("*").code == 501
        assert talk.command(plain(ALICE, WORDS[ALICE])).code == 235
        assert talk.command(plain(ALICE, WORDS[ALICE])).code == 503


# ---- whose mail it is ----------------------------------------------------------------------------

def test_sender_is_ones_own(server):
    with signed_in(server) as talk:
        reply = talk.command(f"MAIL FROM:<{BOB}>")
        assert (reply.code, reply.enhanced) == (553, "5.7.1"), reply
        assert talk.command("MAIL FROM:<somebody@elsewhere.example>").code == 553
        assert talk.command(f"MAIL FROM:<{ALICE}>").code == 250


def test_mail_for_elsewhere_waits_for_its_route(server):
    with signed_in(server) as talk:
        mark = secrets.token_hex(8)
        reply = talk.message(f"Subject: {mark}\r\n\r\nHello.\r\n".encode(), [BOB, ELSEWHERE], ALICE)
        assert reply.code == 250, reply
    server.wait_message("bob", mark)

    def no_route():
        return [m for m in waiting(server, ALICE) if "no route yet" in m["last"]]
    message = eventually(no_route, 20, "no route yet")[0]
    assert message["account"] == ALICE
    shown = server.candor("queue", "show", message["id"], "-c", str(server.conf))
    assert ALICE in shown and "no-route" in shown and "delivered" in shown
    assert ALICE in server.candor("queue", "list", "-c", str(server.conf))


def test_a_large_message_under_a_grant(server):
    with signed_in(server) as talk:
        mark = secrets.token_hex(8)
        text = f"Subject: {mark}\r\n\r\n".encode() + b"0123456789abcdef\r\n" * 150000
        assert talk.message(text, BOB, ALICE).code == 250
        assert talk.message(text[:40000], BOB, ALICE).code == 250
    server.wait_message("bob", mark)


def test_strangers_send_nothing_elsewhere(server):
    with server.talk() as talk:  # port 25
        assert talk.command("MAIL FROM:<s@client.example>").code == 250
        assert talk.command(f"RCPT TO:<{ELSEWHERE}>").code == 550
    assert waiting(server, "s@client.example") == []


# ---- the end of it -------------------------------------------------------------------------------

def account(server, verb, address):
    server.candor("account", verb, address, "-c", str(server.conf))


def test_revoked_at_once(server):
    carol = f"carol@{DOMAIN}"
    account(server, "add", carol)
    WORDS[carol] = "the third of them"
    set_password(server, carol, WORDS[carol])
    with signed_in(server, carol) as idle, signed_in(server, carol, port="submission") as busy, \
            signed_in(server) as other:
        assert busy.command(f"MAIL FROM:<{carol}>").code == 250
        account(server, "disable", carol)
        reply = idle.reply()
        assert reply.code == 421, reply
        assert idle.is_closed()
        assert eventually(lambda: busy.command("NOOP").code == 421, 10, "421")
        assert other.command(f"MAIL FROM:<{ALICE}>").code == 250
    with opened(server) as talk:
        assert talk.command(plain(carol, WORDS[carol])).code == 535


def test_without_directory(server):
    """Who has signed in stays so, and waits; nobody else signs in; then all goes on."""
    with signed_in(server) as talk, opened(server) as late:
        assert late.command("AUTH LOGIN").code == 334
        os.kill(server.role_pid("directory"), signal.SIGKILL)
        reply = late.command(b64(ALICE))  # the exchange went with it
        assert (reply.code, reply.enhanced) == (454, "4.7.0"), reply

        def again():
            reply = talk.command(f"MAIL FROM:<{ALICE}>")
            assert reply.code in (250, 451), reply
            return reply.code == 250
        eventually(again, 20, "250 from a signed-in session")
        mark = secrets.token_hex(8)
        assert talk.command(f"RCPT TO:<{BOB}>").code == 250
        assert talk.command("DATA").code == 354
        talk.send(f"Subject: {mark}\r\n\r\nHello.\r\n.\r\n")
        assert talk.reply().code == 250
        eventually(lambda: late.command(plain(ALICE, WORDS[ALICE])).code == 235, 20, "235")
    server.wait_message("bob", mark)


def test_clients_that_leave_in_the_middle(server):
    for _ in range(50):
        with opened(server) as talk:
            assert talk.command("AUTH LOGIN").code == 334
            talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    signed_in(server).close()


def test_no_secret_in_the_log(server):
    text = server.log_text()
    for password in (*WORDS.values(), *(b64(w) for w in WORDS.values())):
        assert password not in text
    assert "queue.grant-refused" not in text
