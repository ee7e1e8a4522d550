"""candor account and app-password: passwords and rights, on the database itself; no server runs here."""
import base64
import crypt
import hashlib
import hmac
import json
import os
import pty
import re
import select
import sqlite3
import subprocess
import time

import pytest

from server import CANDOR

NO, USAGE = 1, 2
ALICE = "alice@example.org"


@pytest.fixture
def candor(tmp_path):
    """Runs a command on a directory of its own; returns its standard output, or the parsed object
    with --json. status is what it must end with; then standard error comes back when not 0."""
    (tmp_path / "candor.conf").write_text(
        f"host mx.example.org\ndatabase {tmp_path}/candor.db\ncontrol {tmp_path}/control.sock\n"
        f"deliver maildir {tmp_path}/mail/{{domain}}/{{local}}\ndomain example.org\n")

    def run(*arguments, status=0, text=""):
        done = subprocess.run([CANDOR, *arguments, "--dir", str(tmp_path)], capture_output=True,
                              timeout=60, text=True, input=text)
        assert done.returncode == status, done
        if "--json" in arguments:
            return json.loads(done.stdout)
        return done.stderr if status else done.stdout
    run.path = tmp_path
    run("account", "add", ALICE, "--no-password")
    return run


def row(candor, sql):
    db = sqlite3.connect(candor.path / "candor.db")
    db.row_factory = sqlite3.Row
    found = dict(db.execute(sql).fetchone())
    db.close()
    return found


def scram_fits(text, password):
    """RFC 5803's text form against the arithmetic of RFC 5802 3, in another language."""
    scheme, parameters, keys = text.split("$")
    digest = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[scheme]
    iterations, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", digest)
    server_key = hmac.digest(salted, b"Server Key", digest)
    want = [hashlib.new(digest, client_key).digest(), server_key]
    return [base64.b64decode(k) for k in keys.split(":")] == want


def fits(kept, password):
    return (crypt.crypt(password, kept["hash"]) == kept["hash"] and kept["hash"].startswith("$y$")
            and scram_fits(kept["scram_sha1"], password)
            and scram_fits(kept["scram_sha256"], password))


def test_password_of_a_new_account(candor):
    shown = candor("account", "add", "bob@example.org", "--password-stdin", text="correct horse\nx")
    assert "Password: set" in shown
    assert fits(row(candor, "SELECT * FROM account WHERE local = 'bob'"), "correct horse")
    assert "Password: none yet: candor account password" in candor("account", "show", ALICE)
    files = b"".join(p.read_bytes() for p in candor.path.iterdir() if p.is_file())
    assert b"correct horse" not in files


def test_a_name_without_a_domain(candor):
    """The only domain is meant, as where one signs in; where there are two it has to be said."""
    assert "alice@example.org" in candor("app-password", "add", "alice", "--name", "phone")
    assert "phone" in candor("app-password", "list", "Alice")
    assert "bob@example.org: enabled" in candor("account", "add", "bob", "--no-password")
    assert "bob@example.org" in candor("alias", "add", "team", "alice", "bob")
    assert "has moved to bob@example.org" in candor("account", "move", "alice", "bob")
    candor("account", "move", "alice", "--back")
    candor("domain", "add", "second.example")
    assert "\"alice\" cannot be used: it has no domain" in candor("account", "show", "alice", status=NO)
    with open(candor.path / "candor.conf", "a") as conf:
        conf.write("auth { default-domain example.org }\n")
    assert "alice@example.org: enabled" in candor("account", "show", "alice")


def test_password_changed_and_removed(candor):
    candor("account", "password", ALICE, "--stdin", text="first pass word\n")
    first = row(candor, "SELECT * FROM account")
    candor("account", "password", ALICE, "--stdin", text="second pass word\n")
    second = row(candor, "SELECT * FROM account")
    assert fits(second, "second pass word") and not fits(second, "first pass word")
    # The client is told the same salt before and after.
    assert first["scram_sha256"].split("$")[1] == second["scram_sha256"].split("$")[1]
    assert "backend" in candor("account", "password", ALICE, "--backend")
    assert row(candor, "SELECT * FROM account")["hash"] == ""
    assert "none yet" in candor("account", "password", ALICE, "--remove")


def test_password_is_prepared(candor):
    """RFC 4013: a full-width letter and a no-break space are what other keyboards make of them."""
    candor("account", "password", ALICE, "--stdin", text="\uff50ass\u00a0w\u00f6rter\n")
    assert fits(row(candor, "SELECT * FROM account"), "pass w\u00f6rter")
    assert "cannot be used" in candor("account", "password", ALICE, "--stdin", text="\n", status=NO)
    assert "cannot be used" in candor("account", "password", ALICE, "--stdin", text="a\tb\n",
                                      status=NO)
    assert "longer" in candor("account", "password", ALICE, "--stdin", text="x" * 3000, status=NO)
    assert "--stdin" in candor("account", "password", ALICE, status=USAGE)


def type_at_terminal(candor, arguments, lines):
    """What the command prints, its status; each line is typed when a colon asks for it."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(CANDOR, [str(CANDOR), *arguments, "--dir", str(candor.path)])
    seen = b""
    for i, line in enumerate(lines, 1):
        while seen.count(b": ") < i:
            assert select.select([fd], [], [], 20)[0], seen
            seen += os.read(fd, 1000)
        os.write(fd, line.encode())
    try:
        while got := os.read(fd, 1000):
            seen += got
    except OSError:
        pass
    os.close(fd)
    return seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_password_at_a_terminal(candor):
    shown, status = type_at_terminal(candor, ["account", "password", ALICE],
                                     ["tea for two people\n", "tea for two people\n"])
    assert status == 0 and f"New password of {ALICE}" in shown
    assert "tea" not in shown
    kept = row(candor, "SELECT * FROM account")
    assert fits(kept, "tea for two people")
    shown, status = type_at_terminal(candor, ["account", "password", ALICE],
                                     ["tea for three people\n", "tea for four people\n"])
    assert status == NO and "differ" in shown
    shown, status = type_at_terminal(candor, ["account", "password", ALICE], ["tea\x03"])
    assert status == NO and "nothing was changed" in shown
    assert row(candor, "SELECT * FROM account") == kept
    shown, status = type_at_terminal(candor, ["account", "add", "carol@example.org"],
                                     ["another pass word\n", "another pass word\n"])
    assert status == 0 and "Password: set" in shown


def test_app_passwords(candor):
    shown = candor("app-password", "add", ALICE, "--name", "phone", "--expires", "90d",
                   "--from", "192.0.2.0/24", "--from=2001:db8::/32")
    password = re.search("App password: ([a-z-]+)", shown)[1]
    assert f"User name:    {ALICE}" in shown and len(password) == 47 and "expires at" in shown
    kept = row(candor, "SELECT * FROM app_password")
    assert scram_fits(kept["scram_sha256"], password) and scram_fits(kept["scram_sha1"], password)
    assert kept["digest"] == hmac.digest(b"candor app password", password.replace("-", "").encode(),
                                         "sha256")
    assert 89 < (kept["expires_at"] - time.time()) / 86400 <= 90
    assert kept["networks"] == "192.0.2.0/24 2001:db8::/32"
    second = candor("app-password", "add", ALICE, "--name", "laptop", "--json")
    assert second["user"] == ALICE and second["app_password"]["expires_at"] is None
    rows = candor("app-password", "list", ALICE, "--json")["app_passwords"]
    assert [(r["id"], r["name"], r["last_use"]) for r in rows] == [(2, "phone", None), (3, "laptop", None)]
    assert "password" not in json.dumps(rows)
    assert "another app password" in candor("app-password", "add", ALICE, "--name", "phone", status=NO)
    assert "--name phone" in candor("app-password", "add", ALICE, status=USAGE)
    assert "no time" in candor("app-password", "add", ALICE, "--name", "x", "--expires", "soon",
                               status=USAGE)
    assert "no network" in candor("app-password", "add", ALICE, "--name", "x", "--from",
                                  "192.0.2.1/24", status=NO)
    assert "no account" in candor("app-password", "add", "x@example.org", "--name", "x", status=NO)
    assert "App passwords: 2" in candor("account", "show", ALICE)
    candor("app-password", "remove", ALICE, "phone")
    candor("app-password", "remove", ALICE, "3")
    assert "app-password list" in candor("app-password", "remove", ALICE, "3", status=NO)
    assert "no app password" in candor("app-password", "list", ALICE)
    # All keys of an account have one salt, so that a client which is told it can use any.
    candor("account", "password", ALICE, "--stdin", text="some pass word\n")
    candor("app-password", "add", ALICE, "--name", "again")
    main, app = (row(candor, f"SELECT * FROM {t}") for t in ("account", "app_password"))
    for column in ("scram_sha1", "scram_sha256"):
        assert main[column].split("$")[1] == app[column].split("$")[1]
    assert app["id"] == 4
    assert "need an app password" in candor("account", "app-passwords-only", ALICE, "on")
    assert "need an app password" not in candor("account", "app-passwords-only", ALICE, "off")


def test_last_use(candor):
    candor("app-password", "add", ALICE, "--name", "phone")
    db = sqlite3.connect(candor.path / "candor.db")
    db.execute("UPDATE app_password SET used_at = 1700000000, used_from = '192.0.2.7',"
               " used_client = 'pho\u202ene', used_mechanism = 'PLAIN'")
    db.execute("UPDATE account SET used_at = 1700000000, used_from = '192.0.2.7'")
    db.execute("INSERT INTO guess VALUES (1, 'root@example.org', 0, 70, 1700000000, '192.0.2.9'),"
               " (2, 'alice@example.org', 1, 9, 1700000060, '2001:db8::1')")
    db.commit()
    db.close()
    assert ("2023-11-14 22:13 UTC from 192.0.2.7 (pho?ne) with PLAIN"
            in candor("app-password", "list", ALICE))
    assert "Last sign-in: 2023-11-14 22:13 UTC from 192.0.2.7\n" in candor("account", "show", ALICE)
    lines = candor("account", "list", "--attacked").splitlines()
    assert lines[0].split() == ["NAME", "ACCOUNT", "WRONG", "LAST", "FROM"]
    assert lines[1].split() == ["root@example.org", "no", "70", "2023-11-14", "22:13", "UTC", "192.0.2.9"]
    assert candor("account", "list", "--attacked", "--json")["attacked"][1] == {
        "name": ALICE, "is_account": True, "count": 9, "last_at": 1700000060,
        "last_address": "2001:db8::1"}


def test_import(candor):
    hashes = {kind: crypt.crypt("old secret", crypt.mksalt(kind)) for kind in (
        crypt.METHOD_SHA512, crypt.METHOD_SHA256, crypt.METHOD_MD5, crypt.METHOD_BLOWFISH,
        crypt.METHOD_CRYPT)}
    path = candor.path / "users"
    path.write_text(
        "# from the old server\n\n"
        f"a@example.org:{hashes[crypt.METHOD_SHA512]}\n"
        f"b:{{SHA256-CRYPT}}{hashes[crypt.METHOD_SHA256]}:1000:1000::/srv/b::\n"
        f"c@example.org:{{BLF-CRYPT}}{hashes[crypt.METHOD_BLOWFISH]}\n"
        f"d@example.org:{{crypt}}{hashes[crypt.METHOD_CRYPT]}\r\n"
        f"e@example.org:{hashes[crypt.METHOD_MD5]}\n"
        f"alice@example.org:{hashes[crypt.METHOD_SHA512]}\n"
        "f@example.org:{PLAIN}secret\n"
        "g@example.org:secret\n"
        f"h@example.org:{hashes[crypt.METHOD_SHA512][:-5]}\n"
        "i@example.org:!\n"
        f"j@elsewhere.example:{hashes[crypt.METHOD_SHA512]}\n"
        "no colon\n")
    answer = candor("account", "import", str(path), "--domain", "example.org", "--json", status=NO)
    assert (answer["added"], answer["changed"]) == (5, 1)
    assert [r["line"] for r in answer["refused"]] == [9, 10, 11, 12, 13, 14]
    shown = candor("account", "import", str(path), "--domain", "example.org", status=NO)
    assert f"{path}:9: f@example.org: crypt(3) does not know the scheme PLAIN" in shown
    assert row(candor, "SELECT hash FROM account WHERE local = 'd'")["hash"] == hashes[crypt.METHOD_CRYPT]
    assert "1 added" in candor("account", "import", "-",
                               text=f"z@example.org:{hashes[crypt.METHOD_MD5]}\n")
    assert "no such file" in candor("account", "import", "/nowhere", status=NO)


def test_move(candor):
    candor("account", "add", "bob@example.org", "--no-password")
    assert "bob@example.org, where its mail is sent on" in candor("account", "move", ALICE,
                                                                  "bob@example.org")
    assert "leads back" in candor("account", "move", "bob@example.org", ALICE, status=NO)
    assert "itself" in candor("account", "move", "bob@example.org", "bob@example.org", status=NO)
    assert "neither" in candor("account", "move", ALICE, "typo@example.org", status=NO)
    assert "551" in candor("account", "move", ALICE, "Alice@far.example", "--refuse")
    assert candor("account", "show", ALICE, "--json")["account"]["moved"] == {
        "to": "Alice@far.example", "forwarded": False}
    assert "moved" in candor("account", "list")
    assert "enabled" in candor("account", "move", ALICE, "--back")
    assert "usage" in candor("account", "move", ALICE, status=USAGE)


def test_quota_and_limits(candor):
    assert candor("account", "quota", ALICE, "2G", "--json")["account"]["quota_bytes"] == 2 << 30
    assert "Quota: 2G" in candor("account", "show", ALICE)
    assert "Quota: 100K" in candor("account", "quota", ALICE, "100k")
    assert candor("account", "quota", ALICE, "none", "--json")["account"]["quota_bytes"] is None
    for wrong in ("many", "0.5G", "0", "9999999999T", "2X", ""):
        assert "no size" in candor("account", "quota", ALICE, wrong, status=USAGE)
    assert "5 a minute, 20 an hour" in candor("account", "limits", ALICE, "--minute", "5",
                                              "--hour", "20")
    limits = candor("account", "limits", ALICE, "--hour", "default", "--day", "100", "--json")
    assert limits["account"]["limits"] == {"minute": 5, "hour": 0, "day": 100}
    for wrong in ("few", "0"):
        assert "number" in candor("account", "limits", ALICE, "--day", wrong, status=USAGE)


def test_senders_and_certificates(candor):
    assert "None were granted" in candor("account", "sender", "list", ALICE)
    candor("account", "sender", "add", ALICE, "boss@far.example")
    candor("account", "sender", "add", ALICE, "@whole.example")
    assert candor("account", "sender", "list", ALICE, "--json")["senders"] == [
        "boss@far.example", "@whole.example"]
    assert "already" in candor("account", "sender", "add", ALICE, "boss@far.example", status=NO)
    candor("account", "sender", "remove", ALICE, "boss@far.example")
    assert "never granted" in candor("account", "sender", "remove", ALICE, "boss@far.example", status=NO)
    print_ = ":".join(["AB"] * 32)
    candor("account", "certificate", "add", ALICE, print_)
    candor("account", "certificate", "add", ALICE, "Alice@Cert.example")
    assert candor("account", "certificate", "list", ALICE, "--json")["certificates"] == [
        "ab" * 32, "alice@cert.example"]
    assert "already" in candor("account", "certificate", "add", ALICE, "ab" * 32, status=NO)
    assert "fingerprint" in candor("account", "certificate", "add", ALICE, "abc", status=NO)
    candor("account", "certificate", "remove", ALICE, print_.lower())
    assert "usage" in candor("account", "sender", "give", ALICE, status=USAGE)


def test_setup_gives_the_demo_passwords(tmp_path):
    def setup(*arguments):
        done = subprocess.run([CANDOR, "setup", "demo.example", "--json", *arguments],
                              capture_output=True, timeout=60, check=True)
        return json.loads(done.stdout)
    made = setup("--dir", str(tmp_path / "demo"), "--demo")["passwords"]
    assert list(made) == ["alice@demo.example", "bob@demo.example"]
    db = sqlite3.connect(tmp_path / "demo" / "candor.db")
    kept = dict(db.execute("SELECT local || '@demo.example', hash FROM account"))
    db.close()
    for address, password in made.items():
        assert crypt.crypt(password, kept[address]) == kept[address]
    assert setup("--dir", str(tmp_path / "real"))["passwords"] == {}
