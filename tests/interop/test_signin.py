"""People sign in with the programs that they have: every mechanism, over both ports, with the
account's password and with an app password, and with a wrong one.

The table says which program speaks which mechanism. 235 means that a message went through after it;
535 that the program was told so."""
import base64
import pathlib
import re
import shutil
import smtplib
import ssl
import subprocess
import uuid

import pytest

from server import DOMAIN, Server, free_port, new_directory, remove_directory

HERE = pathlib.Path(__file__).parent
USER = f"alice@{DOMAIN}"
PASSWORD = "correct horse, battery"
WRONG = "correct horse, batterie"
TO = f"bob@{DOMAIN}"
NAME = f"mx.{DOMAIN}"  # in the certificate
TEXT = "From: <{user}>\nTo: <{to}>\nSubject: {subject}\n\nA line.\n"


def run(command, text=None):
    """All that it printed."""
    done = subprocess.run(list(map(str, command)), input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=90, cwd=HERE)
    return done.stdout


def swaks(server, mode, mechanism, password, subject):
    tls = {"starttls": ["--tls"], "tls": ["--tls-on-connect"]}[mode]
    return run(["swaks", "--server", "127.0.0.1", "--port", getattr(server, mode), "--helo",
                "client.example", "--from", USER, "--to", TO, "--timeout", "20", "--auth", mechanism,
                "--auth-user", USER, "--auth-password", password, "--header", f"Subject: {subject}",
                *tls])


def curl(server, mode, mechanism, password, subject):
    scheme, tls = {"starttls": ("smtp", ["--ssl-reqd"]), "tls": ("smtps", [])}[mode]
    port = getattr(server, mode)
    who = ["--user", f"{USER}:{password}"]
    if mechanism == "EXTERNAL":
        port, certificate = server.external, server.directory / password
        who = ["--cert", f"{certificate}.pem", "--key", f"{certificate}.key", "--user", f"{USER}:"]
    return run(["curl", "-sS", "-v", "--max-time", "20", "--cacert",
                server.directory / "tls" / "cert.pem", "--resolve", f"{NAME}:{port}:127.0.0.1",
                "--url", f"{scheme}://{NAME}:{port}/client.example", "--mail-from", USER,
                "--mail-rcpt", TO, "--login-options", f"AUTH={mechanism}", *who, "-T", "-", *tls],
               TEXT.format(user=USER, to=TO, subject=subject).replace("\n", "\r\n"))


def msmtp(server, mode, mechanism, password, subject):
    return run(["msmtp", "--file=/dev/null", "--debug", "--host=127.0.0.1",
                f"--port={getattr(server, mode)}", "--domain=client.example", f"--from={USER}",
                "--timeout=20", "--tls=on", "--tls-certcheck=off",
                f"--tls-starttls={'on' if mode == 'starttls' else 'off'}",
                f"--auth={mechanism.lower()}", f"--user={USER}",
                f"--passwordeval=printf %s '{password}'", TO],
               TEXT.format(user=USER, to=TO, subject=subject))


def python(server, mode, mechanism, password, subject):
    context = ssl.create_default_context(cafile=server.directory / "tls" / "cert.pem")
    context.check_hostname = False
    port = getattr(server, mode)
    if mode == "tls":
        session = smtplib.SMTP_SSL("127.0.0.1", port, "client.example", timeout=20, context=context)
    else:
        session = smtplib.SMTP("127.0.0.1", port, "client.example", timeout=20)
        session.starttls(context=context)
    with session:
        session.ehlo()
        session.user, session.password = USER, password
        how = {"PLAIN": session.auth_plain, "LOGIN": session.auth_login}[mechanism]
        try:
            code, text = session.auth(mechanism, how)
            session.sendmail(USER, [TO], TEXT.format(user=USER, to=TO, subject=subject))
        except smtplib.SMTPAuthenticationError as refused:
            code, text = refused.smtp_code, refused.smtp_error
    return f"{code} {text.decode()}"


def nodemailer(server, mode, mechanism, password, subject):
    return run(["node", HERE / "signin.js", getattr(server, mode), mode, mechanism, USER, password, TO,
                subject])


def go(server, mode, mechanism, password, subject):
    return run(["go", "run", HERE / "signin.go", getattr(server, mode), mode, mechanism, USER, password,
                TO, subject, server.directory / "tls" / "cert.pem"])


def gsasl(server, mode, mechanism, password, subject):
    """Signs in, and no more."""
    assert mode == "starttls"
    binding = [] if mechanism.endswith("-PLUS") else ["--no-cb"]
    return run(["gsasl", "--smtp", "--client", "--connect", f"127.0.0.1:{server.starttls}",
                "--starttls", *binding, "--mechanism", mechanism, "--authentication-id", USER,
                "--password", password, "--x509-ca-file", ""])


CLIENTS = {"swaks": swaks, "curl": curl, "msmtp": msmtp, "smtplib": python, "nodemailer": nodemailer,
           "go": go, "gsasl": gsasl}
SENDS_NOTHING = {"gsasl"}
NEEDS = {"smtplib": "python3", "nodemailer": "node"}

BOTH = ("starttls", "tls")
TABLE = [
    ("swaks", "PLAIN", BOTH), ("swaks", "LOGIN", BOTH),
    ("curl", "PLAIN", BOTH), ("curl", "LOGIN", BOTH),
    ("msmtp", "PLAIN", BOTH), ("msmtp", "LOGIN", BOTH),
    ("msmtp", "SCRAM-SHA-1", BOTH), ("msmtp", "SCRAM-SHA-256", BOTH),
    ("smtplib", "PLAIN", BOTH), ("smtplib", "LOGIN", BOTH),
    ("nodemailer", "PLAIN", BOTH), ("nodemailer", "LOGIN", BOTH),
    ("go", "PLAIN", BOTH),
    ("gsasl", "PLAIN", ("starttls",)), ("gsasl", "LOGIN", ("starttls",)),
    ("gsasl", "SCRAM-SHA-1", ("starttls",)), ("gsasl", "SCRAM-SHA-256", ("starttls",)),
    ("gsasl", "SCRAM-SHA-1-PLUS", ("starttls",)), ("gsasl", "SCRAM-SHA-256-PLUS", ("starttls",)),
]
CASES = [(client, mechanism, mode) for client, mechanism, modes in TABLE for mode in modes]


def make_certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=email:{name}@{DOMAIN}", "-addext",
                    "extendedKeyUsage=clientAuth", "-keyout", f"{directory}/{name}.key", "-out",
                    f"{directory}/{name}.pem"], check=True, capture_output=True)
    return pathlib.Path(f"{directory}/{name}.pem").read_text()


@pytest.fixture(scope="module")
def server():
    directory = new_directory()
    known = make_certificate(directory, "alice") + make_certificate(directory, "mallory")
    pathlib.Path(directory, "authorities.pem").write_text(known)
    external = free_port()
    server = Server(directory, extra=f"""
listen 127.0.0.1:{external} {{
    class submit
    tls implicit
    client-certificates {directory}/authorities.pem
}}""")
    server.external = external
    server.candor("account", "certificate", "add", USER, USER, "-c", str(server.conf))
    server.candor("account", "password", USER, "--stdin", "-c", str(server.conf), text=PASSWORD + "\n")
    server.start()
    yield server
    server.stop()
    server.check_log()
    remove_directory(directory)


@pytest.fixture(scope="module")
def app_password(server):
    said = server.candor("app-password", "add", USER, "--name", "phone", "--json", "-c",
                         str(server.conf))
    return re.search(r"\b[a-z]{5}(?:-[a-z]{5}){7}\b", said).group()


def sign_in(server, name, mechanism, mode, password, subject):
    program = NEEDS.get(name, name)
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing; tools/deps installs it")
    return CLIENTS[name](server, mode, mechanism, password, subject)


def finds(code, text):
    return re.search(rf"(?<!\d){code}[ -]", text) is not None


@pytest.mark.parametrize("client,mechanism,mode", CASES)
def test_the_password_opens(server, client, mechanism, mode):
    subject = f"signin-{uuid.uuid4().hex}"
    said = sign_in(server, client, mechanism, mode, PASSWORD, subject)
    assert finds(235, said), said
    if client in SENDS_NOTHING:
        return
    message = server.wait_message("bob", f"Subject: {subject}")
    assert re.search(rb" with (ESMTPSA|UTF8SMTPSA)", message), message.decode()


@pytest.mark.parametrize("client,mechanism,mode", CASES)
def test_a_wrong_one_does_not(server, client, mechanism, mode):
    said = sign_in(server, client, mechanism, mode, WRONG, "never")
    assert finds(535, said) and "5.7.8" in said, said
    assert not finds(235, said), said


@pytest.mark.parametrize("client,mechanism,mode", CASES)
def test_an_app_password_opens(server, app_password, client, mechanism, mode):
    subject = f"signin-{uuid.uuid4().hex}"
    said = sign_in(server, client, mechanism, mode, app_password, subject)
    assert finds(235, said), said
    if client not in SENDS_NOTHING:
        server.wait_message("bob", f"Subject: {subject}")


def test_a_certificate_opens(server):
    subject = f"signin-{uuid.uuid4().hex}"
    said = sign_in(server, "curl", "EXTERNAL", "tls", "alice", subject)
    assert finds(235, said), said
    server.wait_message("bob", f"Subject: {subject}")


def test_another_certificate_does_not(server):
    said = sign_in(server, "curl", "EXTERNAL", "tls", "mallory", "never")
    assert finds(535, said) and "5.7.8" in said, said
    assert not finds(235, said), said


def test_no_log_has_a_password(server, app_password):
    text = server.log_text()
    for secret in (PASSWORD, WRONG, app_password):
        for form in (secret, base64.b64encode(secret.encode()).decode(),
                     base64.b64encode(f"\0{USER}\0{secret}".encode()).decode()):
            assert form not in text
