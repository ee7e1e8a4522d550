"""candor setup, config and serve: what an administrator meets before a server runs."""
import json
import os
import re
import ssl
import stat
import subprocess

import pytest

from server import CANDOR


def candor(*arguments, env=None, cwd=None):
    return subprocess.run([CANDOR, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          cwd=cwd, env={**os.environ, **(env or {})})


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def made(tmp_path):
    """A folder made by setup."""
    done = candor("setup", "example.org", "--dir", tmp_path / "d")
    assert done.returncode == 0, done.stderr
    return tmp_path / "d", done.stdout


# setup ---------------------------------------------------------------------------------------------


def test_setup_makes_a_configuration_that_is_good(made):
    directory, _ = made
    done = candor("config", "check", "--dir", directory)
    assert (done.returncode, done.stderr) == (0, "")
    shown = candor("config", "show", "--dir", directory).stdout
    assert re.search(r"^host mx\.example\.org +# line \d+$", shown, re.M)
    for port, tls in ((25, "optional"), (587, "required"), (465, "implicit")):
        assert re.search(rf"^listen \[::\]:{port} {{\n    class \w+ .*\n    tls {tls} ", shown, re.M)


def test_setup_keeps_secrets_to_itself(made):
    directory, _ = made
    assert mode(directory / "spool") == mode(directory / "mail") == mode(directory / "tls") == 0o700
    assert mode(directory / "tls/key.pem") == mode(directory / "candor.db") == 0o600
    assert not list(directory.glob("**/*.new"))


def test_setup_makes_a_certificate_for_the_host(made):
    directory, _ = made
    context = ssl.create_default_context(cafile=directory / "tls/cert.pem")
    names = [name for kind, name in
             ssl._ssl._test_decode_cert(str(directory / "tls/cert.pem"))["subjectAltName"]]
    assert "mx.example.org" in names
    context.load_cert_chain(directory / "tls/cert.pem", directory / "tls/key.pem")


def test_setup_says_what_to_publish(made):
    _, out = made
    assert "example.org.  MX  10 mx.example.org." in out
    assert "_submissions._tcp.example.org.  SRV  0 1 465 mx.example.org." in out
    assert '"v=spf1 mx -all"' in out and "_dmarc.example.org." in out and " AAAA " in out


def test_setup_makes_postmaster(made):
    directory, _ = made
    done = candor("account", "list", "--json", "--dir", directory)
    assert [a["address"] for a in json.loads(done.stdout)["accounts"]] == ["postmaster@example.org"]


def test_setup_never_touches_a_server_that_is_there(made):
    directory, _ = made
    before = {p: p.read_bytes() for p in directory.glob("**/*") if p.is_file()}
    done = candor("setup", "example.net", "--dir", directory)
    assert done.returncode == 1 and "already" in done.stderr
    assert before == {p: p.read_bytes() for p in directory.glob("**/*") if p.is_file()}


def test_setup_goes_on_where_it_was_interrupted(made):
    directory, _ = made
    certificate = (directory / "tls/cert.pem").read_bytes()
    (directory / "candor.conf").unlink()
    assert candor("setup", "example.org", "--dir", directory).returncode == 0
    assert (directory / "tls/cert.pem").read_bytes() == certificate
    (directory / "candor.conf").unlink()
    (directory / "tls/cert.pem").unlink()
    assert candor("setup", "example.org", "--dir", directory).returncode == 0
    assert (directory / "tls/cert.pem").read_bytes() != certificate


def test_setup_takes_a_given_certificate_and_looks_at_it(made, tmp_path):
    directory, _ = made
    other = tmp_path / "other"
    given = ("--cert", directory / "tls/cert.pem", "--key", directory / "tls/key.pem")
    done = candor("setup", "example.org", "--dir", other, "--json", *given)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["certificate"] == str(directory / "tls/cert.pem") and not answer["self_signed"]
    assert not (other / "tls/cert.pem").exists()
    third = tmp_path / "third"
    assert candor("setup", "example.net", "--dir", third).returncode == 0
    done = candor("setup", "example.org", "--dir", tmp_path / "fourth",
                  "--cert", directory / "tls/cert.pem", "--key", third / "tls/key.pem")
    assert done.returncode == 1 and "not the key of" in done.stderr
    assert not (tmp_path / "fourth/candor.conf").exists()


def test_setup_of_the_demo_stays_on_loopback(tmp_path):
    done = candor("setup", "demo.example", "--dir", "d", "--demo", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accounts"] == ["alice@demo.example", "bob@demo.example"]
    text = (tmp_path / "d/candor.conf").read_text()
    assert re.findall(r"^listen (\S+)", text, re.M) == [
        "127.0.0.1:2525", "127.0.0.1:2587", "127.0.0.1:2465"]
    assert "unlimited 127.0.0.0/8" in text


@pytest.mark.parametrize("arguments", [
    [], ["example.org", "extra"], ["no..domain"], ["example.org", "--cert", "x"], ["example.org", "--demo"],
    ["example.org", "--bogus"], ["example.org", "--dir"]])
def test_setup_called_wrongly(arguments, tmp_path):
    done = candor("setup", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr and not list(tmp_path.iterdir())


def test_setup_of_an_international_domain(tmp_path):
    done = candor("setup", "bücher.example", "--dir", tmp_path / "d", "--json")
    assert json.loads(done.stdout)["host"] == "mx.xn--bcher-kva.example"


# config --------------------------------------------------------------------------------------------


def conf(tmp_path, text):
    path = tmp_path / "candor.conf"
    path.write_text(text)
    return path


def test_check_shows_line_column_caret_and_hint(tmp_path):
    path = conf(tmp_path, "host mx.example.org\nlimits { mesage-size 5M }\n")
    done = candor("config", "check", "-c", path)
    assert done.returncode == 1
    assert done.stderr == (f'{path}:2:10: "mesage-size" is not known in limits\n'
                           "    limits { mesage-size 5M }\n"
                           "             ^\n"
                           "    hint: did you mean message-size?\n")
    error = json.loads(candor("config", "check", "-c", path, "--json").stdout)["errors"][0]
    assert (error["line"], error["column"], error["severity"]) == (2, 10, "error")


def test_check_refuses_an_open_relay(tmp_path):
    done = candor("config", "check", "-c", conf(tmp_path, "host mx.example.org\ndomain *\n"))
    assert done.returncode == 1 and "open relay" in done.stderr


def test_check_misses_a_certificate(tmp_path):
    path = conf(tmp_path, "host mx.example.org\ntls { certificate c.pem; key k.pem }\n")
    done = candor("config", "check", "-c", path)
    assert done.returncode == 1
    assert f"{path}:2:19: there is no certificate {tmp_path}/c.pem" in done.stderr


def test_check_looks_at_certificate_and_ciphers(made, tmp_path):
    one = made[0] / "tls"
    assert candor("setup", "example.net", "--dir", tmp_path / "other").returncode == 0
    other = tmp_path / "other" / "tls"
    path = conf(tmp_path, f"""host mx.example.org
tls {{ certificate {one}/cert.pem; key {other}/key.pem; ciphers NONSENSE }}
""")
    done = candor("config", "check", "-c", path)
    assert done.returncode == 1
    assert f"{path}:2:19: the certificate {one}/cert.pem does not belong to its key" in done.stderr
    assert "OpenSSL knows no cipher of NONSENSE" in done.stderr
    errors = json.loads(candor("config", "check", "-c", path, "--json").stdout)["errors"]
    assert len(errors) == 2 and errors[0]["column"] == 19
    path = conf(tmp_path, f"""host mx.example.org
tls {{ certificate {other}/cert.pem; key {other}/key.pem }}
""")
    done = candor("config", "check", "-c", path)
    assert done.returncode == 0 and "warning: the certificate" in done.stderr


def test_three_lines_are_a_server(made, tmp_path):
    directory, _ = made
    path = conf(tmp_path, f"""host mx.example.org
domain example.org
tls {{ certificate {directory}/tls/cert.pem; key {directory}/tls/key.pem }}
""")
    assert candor("config", "check", "-c", path).returncode == 0


def test_show_tells_defaults_from_the_file(tmp_path):
    path = conf(tmp_path, "host mx.example.org\nspool here\n")
    values = json.loads(candor("config", "show", "-c", path, "--json").stdout)["values"]
    of = {v["key"]: v for v in values if "block" not in v}
    assert (of["spool"]["value"], of["spool"]["line"]) == (f"{tmp_path}/here", 2)
    assert of["database"]["origin"] == "default" and "line" not in of["database"]


def test_what_is_shown_is_a_configuration(tmp_path):
    path = conf(tmp_path, 'host mx.example.org\nlog { format json }\n')
    shown = candor("config", "show", "-c", path).stdout
    (tmp_path / "again.conf").write_text(shown)
    assert candor("config", "diff", "-c", path, tmp_path / "again.conf").stdout == "no difference\n"


def test_diff_of_two_files(tmp_path):
    path = conf(tmp_path, "host mx.example.org\n")
    other = tmp_path / "other"
    other.write_text("host mx.example.org\nlimits { errors 5 }\ndomain example.org\n")
    done = candor("config", "diff", "-c", path, other)
    assert done.returncode == 1
    assert done.stdout == ("- limits { errors 20 }\n"
                           "+ domain example.org { deliver maildir /srv/mail/{domain}/{local} }\n"
                           "+ domain example.org { accounts database }\n"
                           "+ limits { errors 5 }\n")
    assert json.loads(candor("config", "diff", "-c", path, other, "--json").stdout)["same"] is False


def test_keys_are_documented(tmp_path):
    keys = json.loads(candor("config", "keys", "--json").stdout)["keys"]
    shown = candor("config", "show", "--json", "-c", conf(tmp_path, "host a.example\n")).stdout
    known = {(k["block"], k["key"]) for k in keys}
    assert {(v.get("block", ""), v["key"]) for v in json.loads(shown)["values"]} <= known
    assert all(k["text"] for k in keys)
    text = candor("config", "keys", env={"COLUMNS": "60"}).stdout
    assert "message-size SIZE   (default: 50M)" in text


def test_no_file(tmp_path):
    for command in ("check", "show", "diff"):
        done = candor("config", command, "-c", tmp_path / "none")
        assert done.returncode == 1 and "candor setup" in done.stderr


def test_the_environment_names_the_file(tmp_path):
    path = conf(tmp_path, "host a.example\n")
    assert candor("config", "check", env={"CANDOR_CONF": str(path)}).returncode == 0


# without a server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status"], ["reload"], ["queue", "list"], ["queue", "show", "x"],
                                     ["config", "diff"]])
def test_commands_say_that_no_server_runs(made, command):
    directory, _ = made
    done = candor(*command, "--dir", directory)
    assert done.returncode == 75
    assert "no server runs here" in done.stderr and "candor serve" in done.stderr


def test_serve_refuses_a_bad_configuration(tmp_path):
    done = candor("serve", "-c", conf(tmp_path, "hots x\n"))
    assert done.returncode == 1 and "did you mean host?" in done.stderr
