"""What the web pages bear: slow and many clients, and the life of their process."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from http_client import Raw, ask
from server import CANDOR, eventually, free_port

GET = b"GET /codes/554 HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = "timeouts { web-request 1s; web-answer 2s; drain 1s }"


@pytest.fixture
def start(new_server):
    """A function that starts a server with pages."""
    def begin(extra="", limits=""):
        port = free_port()
        one = new_server(extra=f"web 127.0.0.1:{port}\n{extra}", limits=limits)
        one.web = port
        return one.start()
    return begin


def figures(server):
    shown = json.loads(server.candor("status", "--json", "-c", str(server.conf)))
    return next(row for row in shown["figures"] if row["role"] == "web")


def memory_kib(server):
    text = open(f"/proc/{server.role_pid('web')}/status").read()
    return int(text.split("VmRSS:")[1].split()[0])


def seconds_until_closed(raw, drip=b"", every=0.1, limit=10):
    """How long a client that sends a little now and then is borne."""
    begun = time.monotonic()
    raw.socket.settimeout(every)
    while time.monotonic() - begun < limit:
        try:
            if drip:
                raw.send(drip)
            if not raw.more():
                return time.monotonic() - begun
        except TimeoutError:
            pass
        except ConnectionError:
            return time.monotonic() - begun
    return limit


# slow clients -------------------------------------------------------------------------------------


def test_slow_clients_are_borne_for_their_time_and_no_longer(start):
    server = start(SLOW)
    head = b"GET /codes/554 HTTP/1.1\r\nHost: x\r\n"
    cases = {
        "silent": (b"", b""),
        "slow first line": (b"GET /", b"a"),
        "slow header": (head, b"A: b\r\n"),
        "slow header without lines": (head + b"A: ", b"a"),
        "slow body": (b"POST /explain HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", b"a"),
        "slow chunks": (b"POST /explain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        "one answered request, then silence": (GET, b""),
    }
    taken = {}

    def run(name, first, drip):
        with Raw(server.web) as raw:
            raw.send(first)
            taken[name] = seconds_until_closed(raw, drip)
    threads = [threading.Thread(target=run, args=(name, *case)) for name, case in cases.items()]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert ask(server.web, "/codes/554").status == 200  # nobody else notices
        time.sleep(0.05)
    assert len(taken) == len(cases)
    for name, seconds in taken.items():
        assert 0.8 < seconds < 8, taken
    eventually(lambda: figures(server)["open"] == 0, 10)
    assert figures(server)["timed_out"] >= 4


def test_a_client_that_does_not_read_is_not_waited_for(start):
    server = start(SLOW)
    with Raw(server.web) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.settimeout(0.5)
        request = b"GET /codes HTTP/1.1\r\nHost: x\r\n\r\n" * 200
        try:
            raw.send(request)  # 12 MB of answers, if somebody read them
        except TimeoutError:
            pass
        eventually(lambda: figures(server)["open"] == 1, 10)
        assert ask(server.web, "/codes/554").status == 200
        eventually(lambda: figures(server)["open"] == 0, 10)
    assert figures(server)["timed_out"] == 1
    assert memory_kib(server) < 40000


# many clients -------------------------------------------------------------------------------------


def test_who_waits_makes_room_for_who_asks(start):
    server = start(limits="web-connections 20")
    idle = [Raw(server.web) for _ in range(20)]
    drip = [Raw(server.web).send(b"GET / HTTP/1.1\r\n") for _ in range(20)]
    begun = time.monotonic()
    assert ask(server.web, "/codes/554").status == 200
    assert time.monotonic() - begun < 15
    for raw in idle + drip:
        raw.socket.close()
    shown = figures(server)
    assert shown["crowded"] >= 1 and shown["open"] <= 20
    assert server.log_text().count("event=http.crowded") == 1


def test_who_never_reads_makes_room_too(start):
    server = start(limits="web-connections 10")
    deaf = [Raw(server.web) for _ in range(10)]
    for raw in deaf:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.settimeout(0.3)
        try:
            raw.send(b"GET /codes HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        except TimeoutError:
            pass
    begun = time.monotonic()
    assert ask(server.web, "/codes/554").status == 200
    assert time.monotonic() - begun < 15  # web-answer is a minute
    for raw in deaf:
        raw.socket.close()


def test_clients_that_are_gone_again_do_not_fill_the_door(start):
    """They wait in the socket with what they had written, and each is done in no time."""
    server = start(limits="web-connections 200")
    for _ in range(2000):
        with Raw(server.web) as raw:
            raw.send(b"GET /codes HTTP/1.1\r\nHo")
    begun = time.monotonic()
    assert ask(server.web, "/codes/554").status == 200
    assert time.monotonic() - begun < 10
    eventually(lambda: figures(server)["open"] == 0, 10)


def test_many_at_once(start):
    server = start(limits="web-connections 1000")
    clients = [Raw(server.web) for _ in range(600)]
    for raw in clients:
        raw.send(GET[:-2] + b"A: " + b"a" * 8000)  # each holds what a request may hold
    eventually(lambda: figures(server)["open"] == 600, 20)
    assert memory_kib(server) < 60000
    for raw in clients:
        raw.send(b"\r\n\r\n")
    assert all(raw.answer().status == 200 for raw in clients)
    for raw in clients:
        raw.socket.close()
    eventually(lambda: figures(server)["open"] == 0, 10)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can make a network of his own")
def test_one_address_has_its_share(start):
    """In a network of its own, where 192.0.2.1 is not this machine's loopback."""
    server = start()
    server.stop()
    port = free_port()
    text = server.conf.read_text().replace(f"web 127.0.0.1:{server.web}", f"web [::]:{port}")
    server.conf.write_text(text.replace("limits {", "limits {\n web-connections-per-address 5"))
    script = f"""
import socket, subprocess, sys, time
subprocess.run("ip link set lo up; ip addr add 192.0.2.1/32 dev lo; ip addr add 192.0.2.2/32 dev lo;"
               "ip addr add 2001:db8::1/128 dev lo; ip addr add 2001:db8::2/128 dev lo", shell=True, check=True)
server = subprocess.Popen([sys.argv[1], "serve", "-c", sys.argv[2]], stdin=subprocess.DEVNULL)
def connect(source, to):
    s = socket.create_connection((to, {port}), 5, source_address=(source, 0))
    s.sendall(b"GET /robots.txt HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    try:
        return s, s.recv(100)[9:12]
    except ConnectionResetError:
        return s, b""
end = time.time() + 20
while time.time() < end:
    try:
        connect("192.0.2.1", "192.0.2.1")[0].close()
        break
    except OSError:
        time.sleep(0.05)
time.sleep(0.2)
counts = []
kept = []
for sources, to in ((["192.0.2.1"], "192.0.2.1"), (["192.0.2.2"], "192.0.2.1"), (["127.0.0.1"], "127.0.0.1"),
                    (["2001:db8::1", "2001:db8::2"], "2001:db8::1")):
    found = [connect(sources[i % len(sources)], to) for i in range(12)]
    kept += found
    counts.append(sum(answer == b"200" for _, answer in found))
print(counts)
server.terminate()
sys.exit(server.wait(40))
"""
    done = subprocess.run(["unshare", "-n", "python3", "-c", script, CANDOR, server.conf], text=True,
                          stdout=subprocess.PIPE, timeout=120)
    assert done.returncode == 0
    assert done.stdout.strip() == "[5, 5, 12, 5]"


# life ---------------------------------------------------------------------------------------------


def test_its_death_costs_only_what_was_open(start):
    server = start()
    stop = threading.Event()
    counts = {"good": 0, "cut": 0, "refused": 0}
    lock = threading.Lock()

    def load():
        while not stop.is_set():
            try:
                kind = "good" if ask(server.web, "/codes/554").status == 200 else "cut"
            except ConnectionRefusedError:
                kind = "refused"
            except Exception:
                kind = "cut"
            with lock:
                counts[kind] += 1
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = server.role_pid("web")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: server.role_pid("web") not in (None, before), 20, "another web")
        good = counts["good"]
        eventually(lambda: counts["good"] > good + 20, 20, "answers from it")
    stop.set()
    for thread in threads:
        thread.join()
    # A connection waits in the socket that master holds.
    assert counts["refused"] == 0 and counts["cut"] <= 3 * 2 * 4, counts
    with server.talk() as talk:
        assert talk.command("NOOP").code == 250


def test_a_reload_moves_it_and_keeps_who_is_there(start):
    server = start()
    second, sock = free_port(), server.directory / "web.sock"
    text = server.conf.read_text()

    def reload(new):
        server.conf.write_text(new)
        server.candor("reload", "-c", str(server.conf))
    with Raw(server.web) as raw:
        assert raw.send(GET).answer().status == 200
        # A line of listen more, so that the numbers of the others change.
        reload(text.replace("listen", f"listen 127.0.0.1:{free_port()} {{ tls none }}\nlisten", 1) +
               f"\nweb 127.0.0.1:{second}\nweb unix:{sock}\n")
        for port in (server.web, second):
            assert ask(port, "/codes/554").status == 200
        done = subprocess.run(["curl", "-sf", "-m", "10", "--unix-socket", sock, "http://x/codes/554.json"],
                              capture_output=True, text=True)
        assert done.returncode == 0 and '"code": 554' in done.stdout
        assert raw.send(GET).answer().status == 200
        reload(text.replace(f"web 127.0.0.1:{server.web}", f"web 127.0.0.1:{second}"))
        assert raw.send(GET).answer().status == 200
        assert ask(second, "/codes/554").status == 200
        with pytest.raises(ConnectionRefusedError):
            ask(server.web, "/codes/554")
    reload(text.replace(f"web 127.0.0.1:{server.web}", ""))
    eventually(lambda: server.role_pid("web") is None, 20, "the end of web")
    with pytest.raises(ConnectionRefusedError):
        ask(second, "/codes/554")
    reload(text)
    eventually(lambda: server.role_pid("web"), 20, "another web")
    assert ask(server.web, "/codes/554").status == 200


def test_what_is_wrong_is_refused(start):
    server = start()
    text = server.conf.read_text()
    assert f"web 127.0.0.1:{server.web}" in server.candor("config", "show", "-c", str(server.conf))
    for line, complaint in ((f"web 127.0.0.1:{server.plain}", "already given in line"),
                            (f"web 127.0.0.1:{server.web}", "already given in line"),
                            (f"web 127.0.0.1:{free_port()} {{ group adm }}", "belongs to no group"),
                            ("web 127.0.0.1", "port"), ("web", "")):
        server.conf.write_text(text + "\n" + line + "\n")
        done = subprocess.run([CANDOR, "config", "check", "-c", server.conf], capture_output=True, text=True)
        assert done.returncode == 1 and complaint in done.stdout + done.stderr, (line, done)


def test_the_end_waits_for_an_answer_and_for_nobody_who_only_stays(start):
    server = start()
    with Raw(server.web) as idle, Raw(server.web) as slow, Raw(server.web) as busy:
        idle.send(GET).answer()
        slow.send(GET[:-2])
        busy.send(GET.replace(b"/554", b"") * 400)  # and reads nothing yet
        eventually(lambda: figures(server)["open"] == 3, 10)
        server.process.send_signal(signal.SIGTERM)
        assert idle.is_closed()
        answer = slow.send(b"\r\n").answer()
        assert answer.status == 200 and answer["connection"] == "close"
        begun = time.monotonic()
        assert busy.answer().status == 200 and busy.is_closed()
        assert server.process.wait(20) == 0 and time.monotonic() - begun < 20
