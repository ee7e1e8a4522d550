"""The resolver's lookups against nsd, which serves what is here, and against servers that do not
answer. Nothing leaves loopback."""
import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import pytest

from server import BUILD, DOMAIN, eventually, free_port
from smtp import Talk

NSD = shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
ASK = BUILD / "tests" / "support" / "resolver_ask"

pytestmark = pytest.mark.skipif(NSD is None, reason="needs the package nsd")

HEAD = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"

ZONES = {
    "example.org": HEAD + r"""
mx        A     192.0.2.1
mx        AAAA  2001:db8::1
two       120 A 192.0.2.99
two       60  A 192.0.2.2
other     A     192.0.2.77
alias     CNAME mx
mail      MX    10 mx
mail      MX    20 two
mail      TXT   "v=spf1 -all" "second"
a_b       A     192.0.2.9
empty     TXT   "no address here"
""",
    "2.0.192.in-addr.arpa": "$TTL 300\n@ SOA ns.example.org. h.example.org. 1 3600 600 86400 60\n"
    "@ NS ns.example.org.\n" + r"""
1   PTR   mx.example.org.
2   PTR   nothing.example.org.
2   PTR   two.example.org.
3   PTR   other.example.org.
4   PTR   missing.example.org.
5   PTR   evil\010name.example.org.
5   PTR   evil\032name.example.org.
5   PTR   \000.example.org.
5   PTR   192.0.2.5.
6   PTR   evil\013\010.example.org.
6   PTR   mx.example.org.
7   CNAME 7.sub
7.sub PTR seven.example.org.
8   PTR   ns.broken.example.
9   PTR   a_b.example.org.
10  PTR   empty.example.org.
11  PTR   <script>.example.org.
12  TXT   "no name here"
""",
    "8.b.d.0.1.0.0.2.ip6.arpa": "$TTL 300\n@ SOA ns.example.org. h.example.org. 1 3600 600 86400 60\n"
    "@ NS ns.example.org.\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR mx.example.org.\n",
    "1.0.127.in-addr.arpa": "$TTL 300\n@ SOA ns.lan.test. h.lan.test. 1 3600 600 86400 60\n"
    "@ NS ns.lan.test.\n1 PTR one.lan.test.\n",
    "168.192.in-addr.arpa": "$TTL 300\n@ SOA ns.lan.test. h.lan.test. 1 3600 600 86400 60\n"
    "@ NS ns.lan.test.\n1.1 PTR printer.lan.test.\n",
    "lan.test": HEAD + "one A 127.0.1.1\nprinter A 192.168.1.1\n",
    "broken.example": None,  # nsd answers SERVFAIL for a zone without a file
}
ZONES["example.org"] += "seven A 192.0.2.7\n"


@pytest.fixture(scope="module")
def nsd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nsd")
    port = free_port()
    lines = ["server:", f"  ip-address: 127.0.0.1@{port}", f'  username: ""', '  chroot: ""',
             f'  zonesdir: "{folder}"', f'  pidfile: "{folder}/nsd.pid"',
             f'  xfrdfile: "{folder}/xfrd.state"', f'  zonelistfile: "{folder}/zone.list"',
             '  database: ""', f'  logfile: "{folder}/log"', "  server-count: 1",
             "remote-control:", "  control-enable: no"]
    for zone, text in ZONES.items():
        lines += ["zone:", f'  name: "{zone}"', f'  zonefile: "{zone}.zone"']
        if text is not None:
            (folder / f"{zone}.zone").write_text(text)
    (folder / "nsd.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([NSD, "-d", "-c", str(folder / "nsd.conf")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not (folder / "log").exists() or "nsd started" not in (folder / "log").read_text():
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def ask(port, *lines, timeout_ms=5000):
    done = subprocess.run([ASK, str(port), str(timeout_ms)], input="\n".join(lines) + "\n",
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("address, want", [
    ("192.0.2.1", "found 300 mx.example.org"),
    ("::ffff:192.0.2.1", "found 300 mx.example.org"),
    ("2001:db8::1", "found 300 mx.example.org"),
    ("192.0.2.2", "found 60 two.example.org"),       # the second name leads back
    ("192.0.2.3", "unconfirmed 300 "),               # leads to another address
    ("192.0.2.4", "unconfirmed 300 "),               # leads nowhere
    ("192.0.2.5", "unconfirmed 300 "),               # nothing that could be a host
    ("192.0.2.6", "unconfirmed 300 "),               # one that could, and is another's
    ("192.0.2.7", "found 300 seven.example.org"),    # RFC 2317: by way of a CNAME
    ("192.0.2.8", "tempfail 0 "),                    # the name's zone is broken
    ("192.0.2.9", "found 300 a_b.example.org"),
    ("192.0.2.10", "unconfirmed 300 "),
    ("192.0.2.11", "unconfirmed 300 "),
    ("192.0.2.12", "none 60 "),                      # there are other records only
    ("192.0.2.200", "none 60 "),                     # there is no such name
    ("127.0.1.1", "found 300 one.lan.test"),         # what libunbound would answer by itself
    ("192.168.1.1", "found 300 printer.lan.test"),
])
def test_ptr(nsd, address, want):
    # Twice in one go, then once more from the cache.
    got = ask(nsd, f"ptr {address}", f"ptr {address}", "---", f"ptr {address}")
    for line in got:
        assert line.split()[0] == want.split()[0]
        assert line.split(" ", 2)[2] == want.split(" ", 2)[2]
        assert int(line.split()[1]) <= int(want.split()[1])
    assert len(got) == 3 and got[0] == want


def records(text):
    data, found = bytes.fromhex(text), []
    while data:
        n = int.from_bytes(data[:2], "big")
        found.append(data[2:2 + n])
        data = data[2 + n:]
    return sorted(found)


def test_query(nsd):
    mx, txt, cname, none, broken, meta, bad = ask(
        nsd, "query mail.example.org 15", "query MAIL.example.org. 16", "query alias.example.org 1",
        "query mx.example.org 16", "query x.broken.example 1", "query mx.example.org 255",
        "query mx..example.org 1")
    assert mx.split()[:3] == ["found", "300", "0"]
    assert records(mx.split()[3]) == [b"\0\x0a\2mx\7example\3org\0", b"\0\x14\3two\7example\3org\0"]
    assert records(txt.split()[3]) == [b"\x0bv=spf1 -all\6second"]
    assert records(cname.split()[3]) == [bytes([192, 0, 2, 1])]
    assert none.split()[0] == "none"
    assert broken.split()[0] == "tempfail"
    assert meta.split()[0] == "refused" and bad.split()[0] == "refused"


def test_many(nsd):
    got = ask(nsd, *[f"ptr 192.0.2.{i % 14 + 1}" for i in range(4000)])
    assert len(got) == 4000
    for i, line in enumerate(got):
        assert (line.split()[0] == "found") == (i % 14 + 1 in (1, 2, 7, 9))


def test_no_answer():
    """A server that takes questions and says nothing: in time, a temporary failure."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        begin = time.monotonic()
        got = ask(silent.getsockname()[1], "ptr 192.0.2.1", "query example.org 15", timeout_ms=700)
        assert 0.6 < time.monotonic() - begin < 3
        assert [line.split()[0] for line in got] == ["tempfail", "tempfail"]


def test_no_server():
    got = ask(free_port(), "ptr 192.0.2.1", timeout_ms=3000)
    assert got[0].split()[0] == "tempfail"


def test_garbage():
    """A server that answers with noise: nothing worse than a temporary failure comes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.2)
        stop = threading.Event()

        def serve():
            n = 0
            while not stop.is_set():
                try:
                    question, peer = s.recvfrom(4096)
                except socket.timeout:
                    continue
                n += 1
                head = question[:2] + b"\x84\0\0\1\0\1\0\0\0\0"
                s.sendto([os.urandom(40), question[:2] + os.urandom(60), head + question[12:],
                          head + question[12:] + b"\xc0\x0c\0\x0c\0\1\0\0\0\1\0\xff\xc0"][n % 4], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            got = ask(s.getsockname()[1], *[f"ptr 192.0.2.{i}" for i in range(1, 40)], timeout_ms=2000)
        finally:
            stop.set()
            thread.join()
        assert {line.split()[0] for line in got} <= {"tempfail", "none"}


# ---- in the server -------------------------------------------------------------------------------

def test_received_has_the_confirmed_name(new_server, nsd):
    """The name is looked for while the letter comes; who is quicker than DNS goes without."""
    one = new_server(extra=f"resolver {{ server 127.0.0.1:{nsd} }}")
    one.start()
    serial = itertools.count()

    def received(source):
        mark = f"Subject: letter-{next(serial)}-"
        with Talk(one.plain, source=source) as talk:
            talk.greeting()
            assert talk.message(f"{mark}\r\n\r\n.\r\n".encode(), f"alice@{DOMAIN}").code == 250
        return b" ".join(one.wait_message("alice", mark).split(b"Subject:")[0].split())

    eventually(lambda: b"(one.lan.test [127.0.1.1])" in received("127.0.1.1"), 10, "the name")
    for _ in range(3):
        assert b"([127.0.1.2])" in received("127.0.1.2")


def test_mail_goes_on_without_dns(new_server):
    """No server answers: mail is taken, without a name."""
    one = new_server(extra=f"resolver {{ server 127.0.0.1:{free_port()}; timeout 1s }}")
    one.start()
    with one.talk() as talk:
        assert talk.message(b"Subject: nameless\r\n\r\n.\r\n", f"alice@{DOMAIN}").code == 250
    one.wait_message("alice", "Subject: nameless")
