"""candor domain, account and alias, on the database itself: no server runs here."""
import json
import os
import sqlite3
import stat
import subprocess

import pytest

from server import CANDOR

NO, USAGE, TEMPFAIL = 1, 2, 75


@pytest.fixture
def candor(tmp_path):
    """Runs a command on a directory of its own; returns its standard output, or the parsed object
    with --json. status is what it must end with; then standard error comes back when not 0."""
    (tmp_path / "candor.conf").write_text(
        f"host mx.example.org\ndatabase {tmp_path}/candor.db\ncontrol {tmp_path}/control.sock\n"
        f"deliver maildir {tmp_path}/mail/{{domain}}/{{local}}\n"
        "domain example.org\ndomain other.example { deliver maildir /other/{local} }\n")

    def run(*arguments, status=0, locale="C.UTF-8"):
        done = subprocess.run(
            [CANDOR, *arguments, "--dir", str(tmp_path)], capture_output=True, timeout=30,
            env={**os.environ, "LC_ALL": locale})
        assert done.returncode == status, done
        if "--json" in arguments:
            return json.loads(done.stdout)
        return (done.stderr if status else done.stdout).decode()
    run.path = tmp_path
    return run


def addresses(candor, *arguments):
    return [a["address"] for a in candor("account", "list", *arguments, "--json")["accounts"]]


def test_account_life(candor):
    shown = candor("account", "add", "Alice@Example.ORG", "--name", "Alice Ü.")
    assert "Alice@example.org (Alice Ü.): enabled" in shown
    assert f"{candor.path}/mail/example.org/alice" in shown
    assert "account already" in candor("account", "add", "alice@example.org", status=NO)
    one = candor("account", "show", "ALICE@example.org", "--json")["account"]
    assert one["name"] == "Alice Ü." and one["enabled"] is True
    assert one["maildir"] == f"{candor.path}/mail/example.org/alice"
    assert candor("account", "disable", "alice@example.org", "--json")["account"]["enabled"] is False
    assert "disabled" in candor("account", "list")
    assert candor("account", "enable", "alice@example.org", "--json")["account"]["enabled"] is True
    candor("account", "remove", "alice@example.org")
    assert "no account" in candor("account", "remove", "alice@example.org", status=NO)
    assert addresses(candor) == []


def test_table_is_utf8_in_any_locale(candor):
    candor("account", "add", "ünal@example.org", "--name", "Ünal Öz")
    for locale in ("C", "C.UTF-8", "POSIX"):
        rows = candor("account", "list", locale=locale).splitlines()
        assert rows[0].split() == ["ADDRESS", "STATE", "NAME", "SINCE"]
        assert rows[1].startswith("ünal@example.org  enabled  Ünal Öz  20")
        assert rows[0].index("STATE") == rows[1].index("enabled")


def test_errors_say_what_to_do(candor):
    assert "candor domain add" in candor("account", "add", "a@elsewhere.example", status=NO)
    assert "name@domain" in candor("account", "add", "nonsense", status=NO)
    assert "usage: candor account" in candor("account", "add", status=USAGE)
    assert "usage: candor account" in candor("account", status=USAGE)
    assert "usage: candor alias" in candor("alias", "twist", status=USAGE)
    assert "unknown option --frobnicate" in candor("account", "list", "--frobnicate", status=USAGE)
    assert "candor account list" in candor("account", "enable", "x@example.org", status=NO)
    answer = candor("account", "show", "x@example.org", "--json", status=NO)
    assert answer["ok"] is False and answer["error"] == "not-found" and answer["message"]


def test_domains(candor):
    candor("domain", "add", "bücher.example", "--maildir", "/b/{local}")
    assert "already" in candor("domain", "add", "xn--bcher-kva.example", status=NO)
    assert "already" in candor("domain", "add", "EXAMPLE.org", status=NO)
    assert "{local}" in candor("domain", "add", "x.example", "--maildir", "/b", status=NO)
    rows = candor("domain", "list", "--json")["domains"]
    assert [(d["domain"], d["ascii"], d["source"], d["maildir"]) for d in rows] == [
        ("example.org", "example.org", "configuration",
         f"{candor.path}/mail/{{domain}}/{{local}}"),
        ("other.example", "other.example", "configuration", "/other/{local}"),
        ("bücher.example", "xn--bcher-kva.example", "database", "/b/{local}")]
    candor("account", "add", "a@xn--bcher-kva.example")
    assert addresses(candor, "bücher.example") == ["a@bücher.example"]
    assert addresses(candor, "example.org") == []
    assert "accounts or aliases" in candor("domain", "remove", "bücher.example", status=NO)
    candor("account", "remove", "a@bücher.example")
    candor("domain", "remove", "bücher.example")
    assert "configuration" in candor("domain", "remove", "example.org", status=NO)
    assert "no domain" not in candor("domain", "show", "other.example")
    candor("domain", "show", "bücher.example", status=NO)


def test_aliases(candor):
    for name in ("a", "b"):
        candor("account", "add", f"{name}@example.org")
    candor("alias", "add", "team@example.org", "a@example.org", "B@example.org", "Who@far.example")
    one = candor("alias", "show", "team@example.org", "--json")["alias"]
    assert one["targets"] == ["a@example.org", "b@example.org", "Who@far.example"]
    candor("alias", "add", "all@example.org", "team@example.org")
    assert "itself" in candor("alias", "add", "team@example.org", "all@example.org", status=NO)
    assert candor("alias", "show", "team@example.org", "--json")["alias"] == one
    assert "neither" in candor("alias", "add", "x@example.org", "typo@example.org", status=NO)
    assert "account already" in candor("alias", "add", "a@example.org", "b@example.org", status=NO)
    assert "needs a target" in candor("alias", "add", "x@example.org", status=NO)
    candor("alias", "add", "@example.org", "a@example.org")
    assert [a["address"] for a in candor("alias", "list", "--json")["aliases"]] == [
        "@example.org", "all@example.org", "team@example.org"]
    assert "team@example.org" in candor("account", "remove", "b@example.org", status=NO)
    candor("account", "remove", "b@example.org", "--force")
    candor("alias", "remove", "team@example.org", "Who@far.example")
    assert candor("alias", "show", "team@example.org", "--json")["alias"]["targets"] == [
        "a@example.org"]
    candor("alias", "remove", "@example.org")
    candor("alias", "show", "@example.org", status=NO)


@pytest.mark.parametrize("local, name", [
    ('"../../etc"', "%2e.%2f..%2fetc"), ('"a/b"', "a%2fb"), ('".."', "%2e."), ("a.b", "a.b"),
    ('"a b"', "a%20b"), ("x%2fy", "x%252fy")])
def test_no_address_leads_out_of_the_mail(candor, local, name):
    shown = candor("account", "add", f"{local}@example.org", "--json")["account"]
    assert shown["maildir"] == f"{candor.path}/mail/example.org/{name}"


def test_many_accounts_come_whole(candor):
    candor("account", "add", "first@example.org")
    db = sqlite3.connect(candor.path / "candor.db")
    (domain,) = db.execute("SELECT id FROM domain").fetchone()
    db.executemany("INSERT INTO account (domain_id, local, shown, name, enabled, created_at)"
                   " VALUES (?, ?, ?, '', 1, 0)",
                   [(domain, f"u{i:05}", f"u{i:05}") for i in range(3000)])
    db.commit()
    db.close()
    assert addresses(candor) == ["first@example.org"] + [
        f"u{i:05}@example.org" for i in range(3000)]


def test_two_commands_at_once(candor):
    commands = [
        subprocess.Popen([CANDOR, "account", "add", f"u{i}@example.org", "--dir",
                          str(candor.path)], stdout=subprocess.DEVNULL) for i in range(8)]
    assert [c.wait(30) for c in commands] == [0] * 8
    assert addresses(candor) == [f"u{i}@example.org" for i in range(8)]


def test_database_is_private_and_ours(candor):
    candor("domain", "list")
    path = candor.path / "candor.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    assert "newer Candor" in candor("domain", "list", status=TEMPFAIL)
    path.unlink()
    path.write_bytes(b"not a database, though it is long enough to be taken for one" * 20)
    assert "no database" in candor("domain", "list", status=TEMPFAIL)
    path.unlink()
    path.mkdir()
    assert "cannot open" in candor("domain", "list", status=TEMPFAIL)


def test_domain_that_cannot_be(candor):
    """A domain that IDNA does not allow: config check says so, the others work all the same."""
    conf = candor.path / "candor.conf"
    conf.write_text(conf.read_text() + "domain ←.example\n")
    done = subprocess.run([CANDOR, "config", "check", "-c", str(conf)], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == NO and ":7:8: IDNA 2008" in done.stderr, done
    candor("account", "add", "a@example.org")
    assert "domain name" in candor("account", "add", "a@←.example", status=NO)
