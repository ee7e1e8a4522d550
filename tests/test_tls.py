"""TLS as clients see it: versions, kinds of key, names, tickets, a renewed certificate, many at once,
and that the private key stays where it belongs."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from server import DOMAIN, eventually
from smtp import Closed, Talk

HOST = f"mx.{DOMAIN}"
OPENSSL = shutil.which("openssl")

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs the package openssl")

KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-newkey", "ed25519"],
}


def make_certificate(folder, name, kind="p256", hosts=(HOST,), days=30):
    """A self-signed certificate and its key, put into place as a renewal tool does."""
    folder = pathlib.Path(folder)
    new = [folder / f".{name}.new-{part}.pem" for part in ("cert", "key")]
    san = ",".join(f"DNS:{host}" for host in hosts)
    subprocess.run([OPENSSL, "req", "-x509", "-nodes", *KINDS[kind], "-days", str(days),
                    "-subj", f"/CN={hosts[0]}", "-addext", f"subjectAltName={san}",
                    "-out", new[0], "-keyout", new[1]], check=True, capture_output=True)
    places = [folder / f"{name}-{part}.pem" for part in ("cert", "key")]
    for source, place in zip(new, places):
        source.chmod(0o600)
        os.rename(source, place)
    return places


def with_certificates(new_server, pairs, extra=""):
    """A server with these (certificate, key) files: [(name, kind, hosts)]."""
    one = new_server()
    folder = one.directory / "tls"
    lines = []
    for name, kind, hosts in pairs:
        cert, key = make_certificate(folder, name, kind, hosts)
        lines += [f"certificate {cert}", f"key {key}"]
    text = re.sub(r"tls \{\n.*?\n\}", "tls {\n" + "\n".join(lines) + f"\n{extra}\n}}",
                  one.conf.read_text(), count=1, flags=re.S)
    one.conf.write_text(text)
    return one.start()


def client(low=ssl.TLSVersion.TLSv1_2, high=ssl.TLSVersion.TLSv1_3, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = low, high
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(ca)
    return context


def handshake(port, context, name=HOST, session=None, timeout=20):
    """Implicit TLS; the socket."""
    plain = socket.create_connection(("127.0.0.1", port), timeout)
    try:
        return context.wrap_socket(plain, server_hostname=name, session=session)
    except BaseException:
        plain.close()
        raise


def peer(port, name=HOST, **options):
    """The certificate's DER that a client of this name is shown."""
    with handshake(port, client(**options), name) as s:
        return s.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


# ---- versions and keys ---------------------------------------------------------------------------

@pytest.mark.parametrize("version, word", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
def test_a_letter_in_each_version(server, mode, version, word):
    context = client(version, version)
    with Talk(getattr(server, mode)) as talk:
        if mode == "tls":
            talk.secure(context=context)
            talk.greeting()
        else:
            talk.greeting()
            assert talk.command("STARTTLS").code == 220
            talk.secure(context=context)
            assert talk.command("EHLO client.example").code == 250
        assert talk.socket.version() == word
        mark = f"{mode}-{word}"
        assert talk.message(f"Subject: {mark}\r\n\r\nhello\r\n".encode(), f"alice@{DOMAIN}").code == 250
        cipher = talk.socket.cipher()[0]
        assert talk.command("QUIT").code == 221
        assert talk.socket.recv(1) == b""  # close_notify, no error
    received = server.wait_message("alice", f"Subject: {mark}").split(b"Subject:")[0]
    assert b"with ESMTPS" in received and word.replace("v", "").encode() in received.replace(b"v", b"")
    assert cipher.replace("-", "_").encode()[-12:] in received.replace(b"-", b"_")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_key(new_server, kind):
    one = with_certificates(new_server, [("a", kind, [HOST])])
    cert = one.directory / "tls" / "a-cert.pem"
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert peer(one.tls, low=version, high=version, ca=cert) == der(cert)


def test_old_versions_and_ciphers_are_refused(server):
    for arguments in (["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"],
                      ["-tls1_2", "-cipher", "AES256-GCM-SHA384"]):
        done = subprocess.run([OPENSSL, "s_client", "-connect", f"127.0.0.1:{server.tls}", *arguments],
                              input="", text=True, capture_output=True, timeout=20)
        assert "alert" in done.stderr and "Cipher is (NONE)" in done.stdout


def test_openssl_s_client(server):
    done = subprocess.run(
        [OPENSSL, "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.plain}", "-ign_eof",
         "-servername", HOST, "-crlf"], input="EHLO x\nQUIT\n", text=True, capture_output=True, timeout=20)
    assert "250" in done.stdout and "221 " in done.stdout
    assert "Secure Renegotiation IS" not in done.stdout or "TLSv1.3" in done.stdout


def test_no_renegotiation(server):
    """An R on a line of its own makes s_client ask for it."""
    done = subprocess.run(
        [OPENSSL, "s_client", "-tls1_2", "-connect", f"127.0.0.1:{server.tls}"],
        input="R\n", text=True, capture_output=True, timeout=20)
    assert "no renegotiation" in done.stderr


def test_only_1_3(new_server):
    one = with_certificates(new_server, [("a", "p256", [HOST])], "min-version 1.3")
    assert peer(one.tls, low=ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError):
        peer(one.tls, high=ssl.TLSVersion.TLSv1_2)


# ---- names ---------------------------------------------------------------------------------------

def test_names(new_server):
    one = with_certificates(new_server, [
        ("first", "rsa", [HOST, "mail.demo.example"]), ("first-ec", "p256", [HOST]),
        ("wild", "p256", ["*.wild.example"]), ("other", "rsa", ["other.example"])])
    shown = {der(p): p.name.removesuffix("-cert.pem") for p in (one.directory / "tls").glob("*-cert.pem")}
    for name, want in [(HOST, "first-ec"), (None, "first-ec"), ("nobody.example", "first-ec"),
                       ("mail.demo.example", "first"), ("a.wild.example", "wild"),
                       ("wild.example", "first-ec"), ("a.b.wild.example", "first-ec"),
                       ("OTHER.example", "other")]:
        assert shown[peer(one.tls, name)] == want, name
    rsa_only = client(high=ssl.TLSVersion.TLSv1_2)
    rsa_only.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with handshake(one.tls, rsa_only) as s:
        assert shown[s.getpeercert(binary_form=True)] == "first"


# ---- tickets -------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_are_good_in_every_process(server, version):
    """A session of submit is resumed with submit, and with mx, which is another process."""
    context = client(version, version)

    def talk_on(mode, session):
        with Talk(getattr(server, mode)) as talk:
            if mode == "plain":
                talk.greeting()
                assert talk.command("STARTTLS").code == 220
            talk.socket = context.wrap_socket(talk.socket, server_hostname=HOST, session=session)
            if mode == "tls":
                talk.reply()
            assert talk.command("NOOP").code == 250  # a TLS 1.3 ticket has come by then
            return talk.socket.session_reused, talk.socket.session

    reused, session = talk_on("tls", None)
    assert not reused and session.has_ticket
    reused, session = talk_on("tls", session)
    assert reused
    reused, session = talk_on("plain", session)
    assert reused


# ---- renewal -------------------------------------------------------------------------------------

def test_renewed_certificate_is_used(new_server):
    one = with_certificates(new_server, [("a", "p256", [HOST])])
    folder = one.directory / "tls"
    cert = folder / "a-cert.pem"
    old = der(cert)
    assert peer(one.tls) == old
    with one.talk("tls") as before:
        # A certificate without its key: refused with a word in the log, the old one goes on.
        key = (folder / "a-key.pem").read_bytes()
        make_certificate(folder, "a")
        (folder / "a-key.pem").write_bytes(key)
        eventually(lambda: "tls.certificate-refused" in one.log_text(), 15, "a word of it")
        assert "does not belong" in one.log_text()
        assert peer(one.tls) == old
        # The whole pair, of another kind even.
        make_certificate(folder, "a", "rsa")
        new = der(cert)
        assert new != old
        eventually(lambda: peer(one.tls) == new, 15, "the new certificate")
        assert peer(one.tls, ca=cert) == new
        assert before.command("NOOP").code == 250  # a session under the old one lives on


def test_reload_changes_the_files(new_server):
    one = with_certificates(new_server, [("a", "p256", [HOST])])
    folder = one.directory / "tls"
    make_certificate(folder, "b", "p384")
    one.conf.write_text(one.conf.read_text().replace("/a-", "/b-"))
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: peer(one.tls) == der(folder / "b-cert.pem"), 15, "the other certificate")


# ---- load and trouble ----------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_500_handshakes_at_once(new_server, kind):
    one = with_certificates(new_server, [("a", kind, [HOST])])

    def one_handshake(_):
        with Talk(one.tls, timeout=60) as talk:
            talk.secure(context=client())
            hello = talk.reply().code
            return hello, talk.command("QUIT").code

    with concurrent.futures.ThreadPoolExecutor(500) as pool:
        assert list(pool.map(one_handshake, range(500))) == [(220, 221)] * 500


def test_client_that_says_nothing_keeps_nobody(server):
    silent = [socket.create_connection(("127.0.0.1", server.tls)) for _ in range(200)]
    try:
        with server.talk("tls") as talk:
            assert talk.command("NOOP").code == 250
    finally:
        for s in silent:
            s.close()


@pytest.mark.parametrize("garbage", [b"EHLO client.example\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 900,
                                     b"\x00" * 64, os.urandom(300)],
                         ids=["SMTP", "HTTP", "record", "zeros", "noise"])
def test_what_is_not_tls(server, garbage):
    with socket.create_connection(("127.0.0.1", server.tls), 20) as s:
        s.sendall(garbage)
        s.shutdown(socket.SHUT_WR)
        while s.recv(4096):
            pass
    with server.talk("tls") as talk:
        assert talk.command("NOOP").code == 250


def test_nothing_is_taken_from_before_the_handshake(server):
    """Commands behind STARTTLS in the clear are not heard under TLS (RFC 3207 4.2)."""
    with Talk(server.plain) as talk:
        talk.greeting()
        talk.send("STARTTLS\r\nNOOP\r\nEHLO evil.example\r\n")
        assert talk.reply().code == 503
        assert talk.is_closed()


def test_not_even_where_early_commands_are_taken(new_server):
    one = new_server(limits="early-commands on")
    one.start()
    with Talk(one.plain) as talk:
        talk.greeting()
        talk.send("STARTTLS\r\nNOOP\r\nEHLO evil.example\r\n")
        assert talk.reply().code == 220
        talk.buffer = b""
        talk.secure(context=client())
        assert talk.command("HELP").code == 214
        talk.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            talk.socket.recv(1)


def test_life_without_keys(new_server):
    """keys dies: sessions that stand go on, mail in the clear too, and when it is back so is TLS."""
    one = with_certificates(new_server, [("a", "p256", [HOST])])
    with one.talk("tls") as before, one.talk("plain") as clear:
        pid = one.role_pid("keys")
        os.kill(pid, signal.SIGKILL)
        assert before.command("NOOP").code == 250
        assert clear.command("NOOP").code == 250
        eventually(lambda: one.role_pid("keys") not in (None, pid), 20, "another keys")

        def works():
            try:
                return peer(one.tls)
            except (OSError, Closed):
                return None
        assert eventually(works, 20, "TLS again") == der(one.directory / "tls" / "a-cert.pem")
        assert before.command("NOOP").code == 250
    one.killed = True


# ---- where the key is ----------------------------------------------------------------------------

def memory_has(pid, needles):
    """Is one of these byte strings in the process's memory? None: it may not be read."""
    found = False
    try:
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                if "r" not in rights or "[v" in line:
                    continue
                low, high = (int(x, 16) for x in span.split("-"))
                if high - low > 1 << 30:
                    continue  # a sanitizer's shadow
                try:
                    data = os.pread(memory.fileno(), high - low, low)
                except OSError:
                    continue
                found = found or any(needle in data for needle in needles)
    except PermissionError:
        return None
    return found


def test_private_key_is_in_keys_alone(new_server):
    one = with_certificates(new_server, [("a", "p256", [HOST])])
    for _ in range(3):
        assert peer(one.tls)
    text = subprocess.run([OPENSSL, "ec", "-in", one.directory / "tls" / "a-key.pem", "-noout", "-text"],
                          check=True, capture_output=True, text=True).stdout
    secret = bytes.fromhex(re.search(r"priv:\s*([0-9a-f:\s]+?)pub:", text).group(1)
                           .replace(":", "").replace("\n", "").replace(" ", ""))[-32:]
    needles = [secret, secret[::-1]]
    members = one.members()
    smtpd = [pid for pid, (_, name) in members.items() if name == "smtpd"]
    assert len(smtpd) >= 2
    for pid, (_, name) in members.items():
        has = memory_has(pid, needles)
        if name == "keys" and os.geteuid() == 0:
            assert has is True  # so the search finds what is there
        elif name != "keys":
            assert not has, name
    for pid in smtpd:
        assert memory_has(pid, needles) is not None or os.geteuid() != 0
