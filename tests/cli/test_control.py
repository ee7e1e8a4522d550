"""The control socket of a running server, and the commands that use it."""
import contextlib
import json
import os
import pathlib
import re
import signal
import smtplib
import socket
import subprocess
import threading

import pytest

from server import CANDOR, DOMAIN, eventually


def connect(server):
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(server.directory / "control.sock"))  # waits for room in the backlog
    s.settimeout(20)
    return s


def lines(s, n):
    stream = s.makefile("rb")
    return [json.loads(stream.readline()) for _ in range(n)]


def ask(server, **request):
    with connect(server) as s:
        s.sendall(json.dumps(request).encode() + b"\n")
        return lines(s, 1)[0]["answer"]


def candor(server, *arguments, **options):
    return subprocess.run([CANDOR, *arguments, "-c", str(server.conf)], capture_output=True,
                          text=True, timeout=60, **options)


# status --------------------------------------------------------------------------------------------


def test_status_lists_every_role(server):
    roles = json.loads(server.candor("status", "--json", "-c", str(server.conf)))["roles"]
    assert {r["role"] for r in roles} == {
        "mx", "submit", "resolver", "directory", "keys", "counters", "queue", "deliver", "control"}
    for role in roles:
        assert role["state"] == "ready"
        assert "no-new-privs" in role["sandbox"]
        assert pathlib.Path(f"/proc/{role['pid']}").exists()
    text = server.candor("status", "-c", str(server.conf))
    assert re.search(r"^queue +\d+ +ready ", text, re.M)


def test_status_has_figures(server):
    with smtplib.SMTP("127.0.0.1", server.plain) as client:
        client.noop()
    figures = {row["role"]: row for row in ask(server, do="figures")["figures"]}
    assert {"mx", "submit", "counters", "keys", "queue", "deliver"} <= set(figures)
    assert figures["mx"]["sessions"] >= 1
    assert re.search(r"^counters +.*admitted \d+", server.candor("status", "-c", str(server.conf)), re.M)


def test_status_counts_restarts(new_server):
    server = new_server()
    server.start()

    def counters():
        roles = ask(server, do="status")["roles"]
        return next(r for r in roles if r["role"] == "counters")

    before = counters()
    os.kill(before["pid"], signal.SIGKILL)
    after = eventually(lambda: (c := counters())["state"] == "ready" and c["pid"] != before["pid"]
                       and c, what="counters again")
    assert after["restarts"] == before["restarts"] + 1


def test_a_role_that_is_stuck_hides_no_other(new_server):
    server = new_server()
    server.start()
    roles = {r["role"]: r["pid"] for r in ask(server, do="status")["roles"]}
    os.kill(roles["deliver"], signal.SIGSTOP)
    try:
        figures = {row["role"] for row in ask(server, do="figures")["figures"]}
        assert "counters" in figures and "deliver" not in figures
        with connect(server) as s:  # the late answer is not taken for the next one's
            s.sendall(b'{"do":"figures"}\n')
            lines(s, 1)
            s.sendall(b'{"do":"figures"}\n')
            os.kill(roles["deliver"], signal.SIGCONT)
            again = [row["role"] for row in lines(s, 1)[0]["answer"]["figures"]]
        # A busy machine may make another role late the first time.
        assert again.count("deliver") == 1 and len(again) == len(set(again)) and figures < set(again)
    finally:
        os.kill(roles["deliver"], signal.SIGCONT)


# reload --------------------------------------------------------------------------------------------


def test_reload_and_diff(new_server):
    server = new_server()
    server.start()
    assert candor(server, "config", "diff").stdout == "no difference\n"
    text = server.conf.read_text()
    server.conf.write_text(text + "timeouts { command 7m }\n")
    done = candor(server, "config", "diff")
    assert done.returncode == 1
    assert done.stdout == "- timeouts { command 5m }\n+ timeouts { command 7m }\n"
    assert candor(server, "reload").returncode == 0
    assert candor(server, "config", "diff").stdout == "no difference\n"


def test_a_bad_configuration_is_refused_with_its_place(new_server):
    server = new_server()
    server.start()
    text = server.conf.read_text()
    server.conf.write_text(text + "timeouts { comand 7m }\n")
    line = len(text.splitlines()) + 1
    done = candor(server, "reload")
    assert done.returncode == 1
    assert f"candor.conf:{line}:12: " in done.stderr and "did you mean command?" in done.stderr
    answer = ask(server, do="reload")
    assert answer["error"] == "refused"
    assert f"candor.conf:{line}:12: " in answer["message"]
    assert server.is_up()
    server.conf.write_text(text)
    assert ask(server, do="reload") == {"ok": True}


def test_a_broken_file_does_not_hide_the_server(new_server):
    """The server goes on with what it read before, and so do the commands that ask it."""
    server = new_server()
    server.start()
    text = server.conf.read_text()
    server.conf.write_text(text + "limits { recipients many }\n")
    for arguments in (["status"], ["queue", "list"], ["account", "list"]):
        done = candor(server, *arguments, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True
        assert "has errors" in done.stderr and "control.sock" in done.stderr
    server.stop()
    done = candor(server, "account", "list")
    assert done.returncode == 1 and '"many" is no number' in done.stderr and not done.stdout
    server.conf.write_text(text + "control a b\nlimits { recipients many }\n")
    done = candor(server, "status")
    assert done.returncode == 1 and '"many" is no number' in done.stderr


# queue ---------------------------------------------------------------------------------------------


def test_an_empty_queue(server):
    for word in (["list"], []):
        assert server.candor("queue", *word, "-c", str(server.conf)) == "No mail waits.\n"
    assert json.loads(server.candor("queue", "list", "--json", "-c", str(server.conf))) == {
        "ok": True, "messages": []}
    done = candor(server, "queue", "show", "zzzzzzzzzzz")
    assert done.returncode == 1 and done.stderr


def test_mail_that_waits(new_server):
    server = new_server(extra="")
    server.conf.write_text(server.conf.read_text().replace("min-free 1M", "min-free 1M; hold on"))
    server.start()
    with smtplib.SMTP("127.0.0.1", server.plain) as client:
        client.sendmail("you@client.example", [f"alice@{DOMAIN}", f"bob@{DOMAIN}"], "Subject: a\n\na")
        client.sendmail("", [f"bob@{DOMAIN}"], "Subject: b\n\nb")
    listed = json.loads(candor(server, "queue", "list", "--json").stdout)["messages"]
    assert [(m["sender"], m["recipients"], m["held"]) for m in listed] == [
        ("you@client.example", 2, True), ("", 1, True)]
    text = candor(server, "queue", "list").stdout
    assert re.search(rf"^{listed[0]['id']} .* held .* you@client.example", text, re.M)
    assert " <> " in text
    shown = json.loads(candor(server, "queue", "show", listed[0]["id"], "--json").stdout)
    assert [r["address"] for r in shown["recipients"]] == [f"alice@{DOMAIN}", f"bob@{DOMAIN}"]
    text = candor(server, "queue", "show", listed[0]["id"]).stdout
    assert re.search(rf"^alice@{DOMAIN} +waiting", text, re.M) and "127.0.0.1" in text
    summary = json.loads(candor(server, "queue", "summary", "--json").stdout)
    assert summary["messages"]["waiting"] == 2
    assert re.search(r"^waiting +2$", candor(server, "queue", "summary").stdout, re.M)
    assert candor(server, "queue", "show", "2222222222222").returncode == 1


# who may -------------------------------------------------------------------------------------------


def test_the_socket_is_not_the_worlds(server):
    assert (server.directory / "control.sock").stat().st_mode & 0o777 == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_others_are_refused(server):
    path = server.directory / "control.sock"
    for folder in [server.directory, *server.directory.parents]:
        if not folder.stat().st_mode & 0o001:
            pytest.skip(f"{folder} is closed to others")
    os.chmod(path, 0o666)  # past the file's mode, the server itself must say no
    try:
        done = subprocess.run(
            ["/usr/bin/python3", "-c", f"""
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect({str(path)!r})
print(s.makefile().readline())
"""], capture_output=True, text=True, timeout=60)
    finally:
        os.chmod(path, 0o660)
    assert json.loads(done.stdout)["answer"]["error"] == "not-allowed", done.stderr


# hostile clients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("request_line, error", [
    (b"{", "bad-request"), (b"", "bad-request"), (b"[1]", "bad-request"), (b"\x00\xff", "bad-request"),
    (b'{"do":"format-the-disk"}', "bad-request"), (b'{"do":7}', "bad-request"),
    (b'{"do":"status","do":"reload"}', "bad-request"), (b"[" * 5000, "bad-request"),
    (b'{"do":"account-add"}', "bad-request"), (b"x" * 150000, "bad-request")])
def test_wrong_requests_are_answered(server, request_line, error):
    with connect(server) as s:
        try:
            s.sendall(request_line + b"\n")
        except OSError:
            pass  # refused before its end
        answer = lines(s, 1)[0]["answer"]
    assert (answer["ok"], answer["error"]) == (False, error)
    assert answer["message"]


def test_requests_arrive_in_any_pieces(server):
    with connect(server) as s:
        for byte in b'{"do":"status"}\n' * 2:
            s.send(bytes([byte]))
        assert all(line["answer"]["ok"] for line in lines(s, 2))


def test_requests_may_be_sent_ahead(server):
    with connect(server) as s:
        s.sendall(b'{"do":"account-list"}\n{"do":"status"}\n' * 25)
        answers = [line["answer"] for line in lines(s, 50)]
    assert all(("accounts" in a) == (i % 2 == 0) for i, a in enumerate(answers))


def test_one_who_never_reads_stops_nobody(server):
    with connect(server) as s:
        s.settimeout(1)
        sent = 0
        with pytest.raises(OSError):
            while sent < 10_000_000:
                sent += s.send(b'{"do":"account-list"}\n' * 100)
        assert sent < 1_000_000
        assert ask(server, do="status")["ok"]


def test_too_many_connections(server):
    many = [connect(server) for _ in range(64)]
    try:
        with connect(server) as s:
            assert lines(s, 1)[0]["answer"]["error"] == "unavailable"
        assert many[0].send(b'{"do":"status"}\n') and lines(many[0], 1)[0]["answer"]["ok"]
    finally:
        for s in many:
            s.close()
    assert eventually(lambda: ask(server, do="status").get("ok"))


def test_clients_come_and_go_at_any_moment(server):
    def visit(n):
        for i in range(40):
            with connect(server) as s, contextlib.suppress(BrokenPipeError):  # may be one too many
                s.sendall((b'{"do":"account-list"}\n' * 3)[:(n * 7 + i) % 66])

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert eventually(lambda: ask(server, do="status").get("ok"))
    assert ask(server, do="account-show", address=f"alice@{DOMAIN}")["ok"]
