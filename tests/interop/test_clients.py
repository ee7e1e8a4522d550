"""Clients that we did not write deliver over every port, and each hears 550 5.1.1 for a mailbox
that is not there."""
import pathlib
import shutil
import smtplib
import ssl
import subprocess
import uuid

import pytest

HERE = pathlib.Path(__file__).parent
SENDER = "sender@client.example"
MODES = ("plain", "starttls", "tls")
TEXT = "From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nA line.\r\n.a line that begins with a dot\r\n"


def run(command, text=None):
    """(whether it went well, all that it printed)"""
    done = subprocess.run(list(map(str, command)), input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, cwd=HERE)
    return done.returncode == 0, done.stdout


def swaks(server, mode, to, subject):
    tls = {"plain": [], "starttls": ["--tls"], "tls": ["--tls-on-connect"]}[mode]
    return run(["swaks", "--server", "127.0.0.1", "--port", getattr(server, mode), "--helo",
                "client.example", "--from", SENDER, "--to", to, "--timeout", "20",
                "--header", f"Subject: {subject}",
                "--body", "A line.\n.a line that begins with a dot\n", *tls])


def curl(server, mode, to, subject):
    scheme = "smtps" if mode == "tls" else "smtp"
    tls = ["--ssl-reqd"] if mode == "starttls" else []
    # The certificate is looked at: curl is told which one to trust, and by which name.
    name = "mx.demo.example"
    port = getattr(server, mode)
    return run(["curl", "-sS", "-v", "--max-time", "20", "--cacert",
                server.directory / "tls" / "cert.pem", "--resolve", f"{name}:{port}:127.0.0.1",
                "--url", f"{scheme}://{name}:{port}/client.example", "--mail-from", SENDER,
                "--mail-rcpt", to, "-T", "-", *tls],
               TEXT.format(sender=SENDER, to=to, subject=subject))


def msmtp(server, mode, to, subject):
    tls = {"plain": ["--tls=off"], "starttls": ["--tls=on", "--tls-starttls=on"],
           "tls": ["--tls=on", "--tls-starttls=off"]}[mode]
    trust = [] if mode == "plain" else ["--tls-certcheck=off"]
    return run(["msmtp", "--file=/dev/null", "--debug", "--host=127.0.0.1", f"--port={getattr(server, mode)}",
                "--domain=client.example", f"--from={SENDER}", "--auth=off", "--timeout=20",
                *tls, *trust, to],
               TEXT.format(sender=SENDER, to=to, subject=subject).replace("\r\n", "\n"))


def python(server, mode, to, subject):
    context = ssl.create_default_context(cafile=server.directory / "tls" / "cert.pem")
    context.check_hostname = False
    port = getattr(server, mode)
    if mode == "tls":
        session = smtplib.SMTP_SSL("127.0.0.1", port, "client.example", timeout=20, context=context)
    else:
        session = smtplib.SMTP("127.0.0.1", port, "client.example", timeout=20)
    with session:
        if mode == "starttls":
            session.starttls(context=context)
        try:
            session.sendmail(SENDER, [to], TEXT.format(sender=SENDER, to=to, subject=subject))
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = refused.recipients[to]
            return False, f"{code} {text.decode()}"
    return True, ""


def perl(server, mode, to, subject):
    return run(["perl", HERE / "send.pl", getattr(server, mode), mode, SENDER, to, subject])


def nodemailer(server, mode, to, subject):
    return run(["node", HERE / "send.js", getattr(server, mode), mode, SENDER, to, subject])


CLIENTS = {"swaks": swaks, "curl": curl, "msmtp": msmtp, "smtplib": python, "Net::SMTP": perl,
           "nodemailer": nodemailer}
NEEDS = {"swaks": "swaks", "curl": "curl", "msmtp": "msmtp", "smtplib": "python3",
         "Net::SMTP": "perl", "nodemailer": "node"}


@pytest.fixture(params=CLIENTS)
def client(request):
    program = NEEDS[request.param]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing; tools/deps installs it")
    return CLIENTS[request.param]


@pytest.mark.parametrize("mode", MODES)
def test_delivers(server, client, mode):
    subject = f"interop-{uuid.uuid4().hex}"
    good, said = client(server, mode, "alice@demo.example", subject)
    assert good, said
    message = server.wait_message("alice", f"Subject: {subject}")
    head, _, body = message.partition(b"\r\n\r\n")
    assert head.startswith(b"Return-Path: <sender@client.example>\r\n")
    assert b"\r\n.a line that begins with a dot\r\n" in body
    assert (b"TLS" in head.split(b"Received:", 1)[1].split(b"\r\nFrom:")[0]) == (mode != "plain")


@pytest.mark.parametrize("mode", MODES)
def test_is_told_that_there_is_no_mailbox(server, client, mode):
    good, said = client(server, mode, "nobody@demo.example", "never")
    assert not good
    assert "550" in said and "5.1.1" in said, said
