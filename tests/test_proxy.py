"""Clients behind load balancers and proxies: PROXY headers, XCLIENT, XFORWARD."""
import shutil
import socket
import struct
import subprocess

import pytest

from server import DOMAIN, Server, die_with_parent, eventually, free_port, new_directory, \
    remove_directory
from smtp import Talk

ALICE = f"alice@{DOMAIN}"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def server():
    directory = new_directory()
    ports = {name: free_port() for name in ("proxied", "proxied_tls", "elsewhere", "xclient")}
    one = Server(directory, extra=f"""
listen 127.0.0.1:{ports["proxied"]}     {{ tls none; proxy 127.0.0.1 }}
listen 127.0.0.1:{ports["proxied_tls"]} {{ class submit; tls implicit; auth none; proxy 127.0.0.1 }}
listen 127.0.0.1:{ports["elsewhere"]}   {{ tls none; proxy 192.0.2.0/24 }}
listen 127.0.0.1:{ports["xclient"]}     {{ tls none; xclient 127.0.0.1 }}
timeouts {{ greeting 2s }}
check connect {{ refuse-list 203.0.113.0/24 }}
""")
    for name, port in ports.items():
        setattr(one, name, port)
    try:
        one.start()
        yield one
        assert one.stop() == 0
        one.check_log()
    finally:
        if one.runs():
            one.kill()
        remove_directory(directory)


def v2(source, port, extra=b"", command=0x21):
    addresses = socket.inet_aton(source) + socket.inet_aton("198.51.100.9") + \
        struct.pack("!HH", port, 25)
    return SIGNATURE + struct.pack("!BBH", command, 0x11, len(addresses) + len(extra)) + \
        addresses + extra


def deliver(talk, subject):
    assert talk.command("EHLO client.example").code == 250
    reply = talk.message(f"Subject: {subject}\r\n\r\n.\r\n".encode(), ALICE)
    assert reply.code == 250, reply


@pytest.mark.parametrize("header,address", [
    (b"PROXY TCP4 192.0.2.77 198.51.100.9 4711 25\r\n", b"[192.0.2.77]"),
    (b"PROXY TCP6 2001:db8::77 2001:db8::1 4711 25\r\n", b"[IPv6:2001:db8::77]"),
    (b"PROXY UNKNOWN\r\n", b"[127.0.0.1]"),
    (v2("192.0.2.78", 4711), b"[192.0.2.78]"),
    (v2("192.0.2.79", 4711, extra=b"\x04\x0f\xa0" + bytes(4000)), b"[192.0.2.79]"),
    (SIGNATURE + b"\x20\0\0\0", b"[127.0.0.1]"),
])
@pytest.mark.parametrize("piecewise", [False, True])
def test_the_header_says_who_it_is(server, header, address, piecewise):
    subject = f"from {address.decode()} {len(header)} {piecewise}"
    with Talk(server.proxied) as talk:
        if piecewise:
            for i in range(0, len(header), 40):
                talk.send(header[i:i + 40])
        else:
            talk.send(header)
        assert talk.reply().code == 220
        deliver(talk, subject)
    assert address in server.wait_message("alice", subject)


def test_the_handshake_may_come_with_the_header(server):
    with Talk(server.proxied_tls) as talk:
        talk.send(b"PROXY TCP4 192.0.2.80 198.51.100.9 4711 465\r\n")
        talk.secure()
        assert talk.reply().code == 220
        deliver(talk, "header and handshake")
    assert b"[192.0.2.80]" in server.wait_message("alice", "header and handshake")


def test_the_handshake_may_come_in_one_piece_with_the_header(server):
    """Both in one packet, which OpenSSL's BIO lets us see."""
    import ssl
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inward, outward, server_hostname="mx.demo.example")
    with socket.create_connection(("127.0.0.1", server.proxied_tls), 20) as s:
        first = v2("192.0.2.81", 4711)
        while True:
            try:
                tls.do_handshake()
                s.sendall(outward.read())
                break
            except ssl.SSLWantReadError:
                s.sendall(first + outward.read())
                first = b""
                inward.write(s.recv(65536))
        while True:
            try:
                assert tls.read(1000).startswith(b"220 ")
                break
            except ssl.SSLWantReadError:
                inward.write(s.recv(65536))


@pytest.mark.parametrize("bytes_", [b"EHLO client.example\r\n", b"PROXY TCP4 1.2.3 4 5 6\r\n",
                                    v2("192.0.2.1", 1, command=0x31), b"\x16\x03\x01\x02\x00"])
def test_without_a_header_there_is_no_service(server, bytes_):
    with Talk(server.proxied) as talk:
        talk.send(bytes_)
        assert talk.reply().code == 421
        assert talk.is_closed()


def test_who_sends_no_header_does_not_stay(server):
    with Talk(server.proxied) as talk:
        reply = talk.reply()
        assert reply.code == 421 and "PROXY" in reply.lines[0]
        assert talk.is_closed()


def test_others_are_not_believed(server):
    with Talk(server.elsewhere) as talk:
        assert talk.reply().code == 220
        assert talk.command("PROXY TCP4 192.0.2.77 198.51.100.9 4711 25").code == 500


def test_the_refused_stay_refused_behind_a_proxy(server):
    with Talk(server.proxied) as talk:
        talk.send(b"PROXY TCP4 203.0.113.9 198.51.100.9 4711 25\r\n")
        assert talk.reply().code == 554
    with Talk(server.xclient) as talk:
        talk.greeting()
        assert talk.command("XCLIENT ADDR=203.0.113.9").code == 554


def test_curl_sends_a_header(server):
    done = subprocess.run(
        ["curl", "-sS", "--haproxy-protocol", "--url", f"smtp://127.0.0.1:{server.proxied}/client.example",
         "--mail-from", "sender@client.example", "--mail-rcpt", ALICE, "-T", "-"],
        input="Subject: by curl\r\n\r\nhello\r\n", text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert b"[127.0.0.1]" in server.wait_message("alice", "by curl")


def test_swaks_says_xclient(server):
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{server.xclient}", "--from", "sender@client.example",
         "--to", ALICE, "--h-Subject", "by swaks", "--xclient-addr", "192.0.2.90",
         "--xclient-name", "client.example", "--xclient-helo", "told.example"],
        text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    found = server.wait_message("alice", "by swaks")
    assert b"from told.example (client.example [192.0.2.90])" in found


def test_xforward_is_noted(server):
    with Talk(server.xclient) as talk:
        talk.greeting()
        assert talk.command("XFORWARD ADDR=192.0.2.91 NAME=far.example HELO=far").code == 250
        assert talk.message(b"Subject: forwarded\r\n\r\n.\r\n", ALICE).code == 250
    assert b"[127.0.0.1]" in server.wait_message("alice", "forwarded")
    eventually(lambda: "origin=192.0.2.91" in server.log_text(), 5, "the origin in the log")


def test_strangers_may_not_say_xclient(server):
    with Talk(server.plain) as talk:
        ehlo = talk.greeting()
        assert not any(line.startswith("XCLIENT") for line in ehlo.lines)
        reply = talk.command("XCLIENT ADDR=192.0.2.92")
        assert (reply.code, reply.enhanced) == (550, "5.7.1")


def test_sessions_are_counted_by_the_address_behind_the_proxy(new_server):
    port = free_port()
    one = new_server(extra=f"listen 127.0.0.1:{port} {{ tls none; proxy 127.0.0.1; xclient 192.0.2.1 }}",
                     limits="sessions-per-address 2")
    one.start()
    talks = []

    def connect(address):
        talk = Talk(port)
        talks.append(talk)
        talk.send(f"PROXY TCP4 {address} 198.51.100.9 4711 25\r\n".encode())
        return talk.reply().code
    try:
        assert [connect("192.0.2.1") for _ in range(3)] == [220, 220, 421]
        assert connect("192.0.2.2") == 220
        # XCLIENT gives one place back and takes another.
        assert talks[0].command("EHLO a.example").code == 250
        assert talks[0].command("XCLIENT ADDR=192.0.2.3").code == 220
        eventually(lambda: connect("192.0.2.1") == 220, 10, "the place that came free")
        assert connect("192.0.2.3") == 220
        assert connect("192.0.2.3") == 421
    finally:
        for talk in talks:
            talk.close()


@pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None,
                    reason="the package haproxy is missing")
@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_haproxy_stands_in_front(server, tmp_path, version):
    front = free_port()
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend smtp
    bind 127.0.0.1:{front}
    default_backend candor
backend candor
    server one 127.0.0.1:{server.proxied} {version}
""")
    balancer = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(conf)],
                                preexec_fn=die_with_parent, stderr=subprocess.DEVNULL)
    try:
        def talk():
            try:
                return Talk(front, source="127.0.0.5")
            except ConnectionRefusedError:
                return None
        with eventually(talk, 10, "HAProxy") as client:
            assert client.reply().code == 220
            deliver(client, f"by {version}")
        assert b"[127.0.0.5]" in server.wait_message("alice", f"by {version}")
    finally:
        balancer.terminate()
        balancer.wait(10)
