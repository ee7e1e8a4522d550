"""The web pages: every address, language and form, and HTTP as clients really speak it."""
import http.client
import json
import random
import re
import shutil
import socket
import subprocess
import urllib.parse

import pytest

from http_client import Raw, ask
from server import Server, die_with_parent, eventually, free_port, new_directory, remove_directory

LANGUAGES = ["en", "de", "tr", "vi", "hi"]
GET = b"GET /codes/554 HTTP/1.1\r\nHost: x\r\n\r\n"

BOUNCE = """From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example.net. Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; nobody@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.org
Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>: Recipient address
    rejected: User unknown in virtual mailbox table

--b--
"""


@pytest.fixture(scope="module")
def pages():
    directory = new_directory()
    port = free_port()
    try:
        one = Server(directory, extra=f"web 127.0.0.1:{port}\nlog {{ level debug }}")
        one.web = port
        one.start()
        before = one.role_pid("web")
        yield one
        assert one.role_pid("web") == before, "the role died"
        assert one.stop() == 0
        one.check_log()
        assert "http.failed" not in one.log_text()
    finally:
        if one.runs():
            one.kill()
        remove_directory(directory)


def check_fields(answer):
    """What every answer has."""
    policy = answer["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["referrer-policy"] == "no-referrer"
    assert re.fullmatch(r"no-store|public, max-age=\d+", answer["cache-control"])
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer["date"])
    answer.body.decode()


# addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path, status", [
    ("/", 200), ("/codes", 200), ("/codes?q=mailbox+full", 200), ("/codes?q=%ff%00%3Cscript%3E", 200),
    ("/codes/554", 200), ("/codes/5.7.1", 200), ("/codes/mailbox-full", 200), ("/codes/", 200),
    ("/codes/599", 404), ("/codes/zzz", 404), ("/codes/%3Cscript%3E", 404), ("/codes/%ff%fe%00", 404),
    ("/compare", 200), ("/compare/250/554", 200), ("/compare/4.2.2/5.2.2", 200),
    ("/compare?a=250&b=554", 303), ("/compare/250/zzz", 404), ("/compare/250", 404),
    ("/explain", 200), ("/explain?q=550+5.1.1+no+such+user", 200), ("/explain?q=%00%ff", 200),
    ("/style.css", 200), ("/robots.txt", 200), ("/nothing", 404), ("/../etc/passwd", 404),
    ("/codes/%2e%2e/%2e%2e/etc/passwd", 404), ("//example.org/codes", 404), ("/%", 404)])
def test_every_address_answers(pages, path, status):
    answer = ask(pages.web, path)
    assert answer.status == status
    check_fields(answer)
    assert int(answer["content-length"]) == len(answer.body)
    assert "<script" not in answer.text
    if status != 303 and answer["content-type"].startswith("text/html"):
        assert answer.text.startswith("<!DOCTYPE html>") and answer.text.rstrip().endswith("</html>")
        assert answer["content-language"] == "en"
    head = ask(pages.web, path, "HEAD")
    assert head.status == status and head.body == b""
    assert {k: v for k, v in head.fields.items() if k != "date"} == \
        {k: v for k, v in answer.fields.items() if k != "date"}


def test_a_comparison_asked_for_by_form_has_an_address_of_its_own(pages):
    answer = ask(pages.web, "/de/compare?a=250&b=554")
    assert answer.status == 303 and answer["location"] == "/de/compare/250/554"
    evil = ask(pages.web, "/compare?a=%0d%0aSet-Cookie:x&b=//evil.example")
    assert evil["set-cookie"] is None
    assert evil["location"] is None or evil["location"].startswith("/compare/")


def test_every_link_leads_somewhere(pages):
    connection = http.client.HTTPConnection("127.0.0.1", pages.web, timeout=20)
    seen, waiting = {"/"}, ["/"]
    while waiting:
        path = waiting.pop()
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        assert response.status == 200, path
        for link in re.findall(r'(?:href|src|action)="([^"#]+)', body):
            link = link.replace("&amp;", "&")
            if link.startswith("https://"):
                continue  # an RFC, for who wants to read it
            assert link.startswith("/") and not link.startswith("//"), (path, link)
            is_other = link[1:3] in LANGUAGES[1:] and (link[3:] == "" or link[3] == "/")
            if link not in seen and not is_other:
                seen.add(link)
                waiting.append(link)
    assert len(seen) > 300
    connection.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_address_names_the_language_or_the_browser_does(pages, language):
    for path in ("/", "/codes", "/codes/554", "/codes/5.7.1", "/compare/250/554", "/explain", "/codes/zzz"):
        by_path = ask(pages.web, f"/{language}{path}".rstrip("/"), accept_language="hi, tr;q=0.9")
        by_browser = ask(pages.web, path, accept_language=f"fr-FR, {language}-XX;q=0.8, en;q=0.1")
        for answer in (by_path, by_browser):
            assert answer["content-language"] == language
            assert f'<html lang="{language}"' in answer.text
            assert answer["vary"] == "Accept, Accept-Language"
    texts = {ask(pages.web, f"/{one}/codes").body for one in LANGUAGES}
    assert len(texts) == len(LANGUAGES)


def test_what_fits_no_language_is_english(pages):
    for value in ("fr", "*", "", "de;q=0", ";;,,;q=x", "\xff" * 100, "x" * 5000, "de" * 3000):
        assert ask(pages.web, "/codes", accept_language=value)["content-language"] == "en", value


# forms --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/codes", "/codes/554", "/codes/5.7.1", "/compare/250/554",
                                  "/explain?q=550+5.1.1+no+such+user", "/codes?q=mailbox"])
def test_json_by_name_and_by_accept(pages, path):
    name, _, query = path.partition("?")
    by_name = ask(pages.web, name + ".json" + ("?" + query if query else ""))
    by_accept = ask(pages.web, path, accept="application/json")
    assert by_name.status == by_accept.status == 200
    assert by_name["content-type"] == by_accept["content-type"] == "application/json"
    assert json.loads(by_name.body) == json.loads(by_accept.body)
    check_fields(by_name)
    browser = ask(pages.web, path, accept="text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert browser["content-type"] == "text/html; charset=utf-8"


def test_json_says_what_the_command_says(pages):
    page = json.loads(ask(pages.web, "/de/codes/5.2.2.json").body)
    command = json.loads(pages.candor("explain", "5.2.2", "--lang", "de", "--json"))
    assert page["title"] == command["title"] and page["fix"] == command["fix"]


def form(text):
    return urllib.parse.urlencode({"q": text})


def test_a_pasted_bounce_is_explained(pages):
    answer = ask(pages.web, "/explain", "POST", form(BOUNCE))
    assert answer.status == 200 and "5.1.1" in answer.text
    assert answer["cache-control"] == "no-store"
    found = json.loads(ask(pages.web, "/explain.json", "POST", form(BOUNCE)).body)
    assert found["cause"] == "mailbox-not-found" and found["enhanced"] == "5.1.1"
    assert "MAILER-DAEMON" not in pages.log_text()
    assert "no+such+user" not in pages.log_text()


def test_curl_speaks_to_it(pages):
    url = f"http://127.0.0.1:{pages.web}"
    for arguments in (["/codes/554"], ["-I", "/codes/554"], ["--http1.0", "/codes/554"],
                      ["--http2", "/codes/554"], ["--compressed", "-L", "/compare?a=250&b=554"],
                      ["--data-urlencode", "q=550 5.7.1 blocked", "/explain"],
                      ["-H", "Expect: 100-continue", "--data-urlencode", "q=550 blocked", "/explain"],
                      ["-H", "Transfer-Encoding: chunked", "-d", "q=550", "/explain"],
                      ["-x", url, "/codes/554"]):
        done = subprocess.run(["curl", "-sSf", "-m", "20", *arguments[:-1], url + arguments[-1]],
                              capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)
        assert "554" in done.stdout or "550" in done.stdout or "200 OK" in done.stdout


# bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, status", [(64 * 1024, 200), (64 * 1024 + 1, 413), (1024 * 1024, 413)])
def test_a_body_is_taken_up_to_64_kib(pages, size, status):
    body = b"q=" + b"a" * (size - 2)
    answer = ask(pages.web, "/explain", "POST", body)
    assert answer.status == status
    check_fields(answer)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
                      (body[i:i + 10000] for i in range(0, size, 10000))) + b"0\r\n\r\n"
    with Raw(pages.web) as raw:
        raw.send(b"POST /explain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        assert raw.answer().status == status
        assert raw.send(GET).answer().status == 200 if status == 200 else raw.is_closed()


@pytest.mark.parametrize("head, status", [
    ("Content-Length: 10000000000", 413), ("Content-Length: 100000\r\nExpect: 100-continue", 413),
    ("Content-Length: 5\r\nContent-Length: 6", 400), ("Content-Length: 5\r\nContent-Length: 5", 400),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400), ("Content-Length: -5", 400),
    ("Content-Length: 18446744073709551616", 413), ("Content-Length: 0x5", 400),
    ("Transfer-Encoding: gzip", 501), ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    ("Host: y", 400),
    # what a proxy may mend and pass on, or understand, and libmicrohttpd does not
    ("Content-Length : 5", 400), ("Content-Length\t: 5", 400), ("Transfer-Encoding : chunked", 400),
    ("Content-Length: 0\r\n 5", 400), ("Content-Length:\r\n\t5", 400), ("Transfer-Encoding:\r\n chunked", 400),
    ("A: b\rContent-Length: 5", 400), ("Host : y", 400), ("A(: b", 400)])
def test_what_two_readers_could_see_differently_is_refused(pages, head, status):
    with Raw(pages.web) as raw:
        raw.send(f"POST /explain HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n")
        assert raw.answer().status == status
        assert raw.is_closed()


def test_a_body_goes_with_its_request_only(pages):
    """What a proxy took for the body of one request is no other request."""
    inner = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    with Raw(pages.web) as raw:
        raw.send(b"GET /codes/554 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner + GET)
        assert [raw.answer().status, raw.answer().status] == [200, 200]
        raw.send(b"PUT /codes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner + GET)
        assert [raw.answer().status, raw.answer().status] == [405, 200]


# HTTP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line, status, allow", [
    ("PUT /codes", 405, {"GET", "HEAD"}), ("DELETE /explain", 405, {"GET", "HEAD", "POST"}),
    ("POST /codes", 405, {"GET", "HEAD"}), ("OPTIONS *", 405, {"GET", "HEAD", "POST"}),
    ("OPTIONS /codes", 405, {"GET", "HEAD"}), ("TRACE /", 405, {"GET", "HEAD"}),
    ("CONNECT mx.example.org:25", 405, {"GET", "HEAD"}), ("get /codes", 405, {"GET", "HEAD"}),
    ("EHLO /", 405, {"GET", "HEAD"}), ("GET mx.example.org:25", 400, None), ("GET *", 400, None)])
def test_other_methods(pages, line, status, allow):
    with Raw(pages.web) as raw:
        answer = raw.send(f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").answer()
        assert answer.status == status
        check_fields(answer)
        if allow:
            assert allow <= set(answer["allow"].split(", ")) <= {"GET", "HEAD", "POST"}
        assert raw.is_closed() and raw.buffer == b""


def test_one_connection_serves_many_requests(pages):
    with Raw(pages.web) as raw:
        for _ in range(50):
            assert raw.send(GET).answer().status == 200
        raw.send(b"\r\n" + GET)  # RFC 9112 2.2
        assert raw.answer().status == 200
        raw.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert raw.answer()["connection"] == "close" and raw.is_closed()


def test_http_1_0(pages):
    with Raw(pages.web) as raw:
        raw.send(b"GET /codes/554 HTTP/1.0\r\n\r\n")
        assert raw.answer().status == 200 and raw.is_closed()
    with Raw(pages.web) as raw:
        for _ in range(3):
            raw.send(b"GET /codes/554 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = raw.answer()
            assert answer.status == 200 and answer["connection"].lower() == "keep-alive"


def test_requests_in_one_write_are_answered_in_order(pages):
    paths = ["/codes/554", "/nothing", "/codes", "/style.css", "/tr/codes/5.7.1"] * 20
    want = [ask(pages.web, path) for path in paths[:5]] * 20
    body = form("550 5.1.1 user unknown").encode()
    post = b"POST /explain HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with Raw(pages.web) as raw:
        raw.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + post for path in paths))
        for one in want:
            answer = raw.answer()
            assert (answer.status, answer.body) == (one.status, one.body)
            assert b"5.1.1" in raw.answer().body


def test_a_request_may_come_byte_by_byte(pages):
    body = form("550 5.1.1 user unknown").encode()
    post = b"POST /explain HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with Raw(pages.web) as raw:
        for i in range(len(post)):
            raw.send(post[i:i + 1])
        assert b"5.1.1" in raw.answer().body
        raw.send(post)
        assert b"5.1.1" in raw.answer().body


def test_who_says_no_more_hears_the_answer(pages):
    want = [ask(pages.web, path).body for path in ("/codes", "/codes/554")]
    with Raw(pages.web) as raw:
        raw.send(b"GET /codes HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        raw.socket.shutdown(socket.SHUT_WR)
        assert [raw.answer().body, raw.answer().body] == want
        assert raw.is_closed()


def test_the_absolute_form(pages):
    want = ask(pages.web, "/codes/554").body
    for target in ("http://x/codes/554", "HTTP://anything.example:81/codes/554?a"):
        with Raw(pages.web) as raw:
            assert raw.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").answer().body == want


def test_no_host(pages):
    with Raw(pages.web) as raw:
        assert raw.send(b"GET / HTTP/1.1\r\n\r\n").answer().status == 400


@pytest.mark.parametrize("data, statuses", [
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}),
    (b"GET /?" + b"a=b&" * 25000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100000 + b"\r\n\r\n", {431}),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20000 + b"\r\n", {431}),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505})])
def test_heads_that_are_too_large(pages, data, statuses):
    with Raw(pages.web) as raw:
        try:
            raw.send(data)
        except ConnectionError:
            pass  # closed while we still wrote
        answer = raw.answer()
        assert answer is None or answer.status in statuses
        assert raw.is_closed()


def test_a_large_head_below_the_limit_is_taken(pages):
    with Raw(pages.web) as raw:
        raw.send(b"GET /codes/554 HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 16000 + b"\r\n\r\n")
        assert raw.answer().status == 200


def test_garbage_harms_nobody(pages):
    rng = random.Random(1)
    samples = [b"\x16\x03\x01\x02\x00\x01\xfc" + rng.randbytes(200), b"EHLO client.example\r\n", b"\r\n" * 500,
               b"\0" * 5000, b"GET / HTTP/1.1\r\nHost: x\0y\r\nA\0: b\r\n\r\n", b"GET\t/\tHTTP/1.1\r\n\r\n",
               b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff\xfe?\x80 HTTP/1.1\r\nHost: \xff\r\n: \r\n\r\n",
               b"GET / HTTP/1.1\r\n folded\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n"
               b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n"
               b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET / HTTP/1.1\nHost: x\n\n"]
    for _ in range(200):
        data = bytearray(rng.choice([GET, samples[4], b"POST /explain HTTP/1.1\r\nHost: x\r\n"
                                     b"Content-Length: 5\r\n\r\nq=550"]))
        for _ in range(rng.randrange(1, 8)):
            at = rng.randrange(len(data))
            data[at:at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        samples.append(bytes(data))
    for data in samples:
        with Raw(pages.web, timeout=0.02) as raw:
            try:
                raw.send(data)
                raw.more()
            except (TimeoutError, ConnectionError):
                pass
    assert ask(pages.web, "/codes/554").status == 200


@pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None,
                    reason="the package haproxy is missing")
@pytest.mark.parametrize("alpn", ["h2,http/1.1", "http/1.1"])
def test_a_proxy_with_tls_stands_in_front(pages, tmp_path, alpn):
    front, tls = free_port(), pages.directory / "tls"
    both = tmp_path / "both.pem"
    both.write_text((tls / "cert.pem").read_text() + (tls / "key.pem").read_text())
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend https
    bind 127.0.0.1:{front} ssl crt {both} alpn {alpn}
    default_backend pages
backend pages
    server one 127.0.0.1:{pages.web}
""")
    proxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(conf)],
                             preexec_fn=die_with_parent, stderr=subprocess.DEVNULL)
    try:
        def curl(*arguments):
            return subprocess.run(["curl", "-skS", "-m", "20", "-w", "%{http_version}", *arguments],
                                  capture_output=True, text=True)
        url = f"https://127.0.0.1:{front}"
        eventually(lambda: curl(url + "/robots.txt").returncode == 0, 10, "HAProxy")
        done = curl(url + "/de/codes/554")
        assert done.stdout.endswith("2" if alpn.startswith("h2") else "1.1")
        assert '<html lang="de"' in done.stdout
        assert "5.1.1" in curl("--data-urlencode", "q=550 5.1.1 user unknown", url + "/explain").stdout
        assert "413" in curl("-d", "q=" + "a" * 70000, url + "/explain").stdout
    finally:
        proxy.terminate()
        proxy.wait(10)


def test_the_log_names_pages_and_not_what_was_asked(pages):
    with Raw(pages.web) as raw:
        raw.send(b'GET /codes/x%0ay\xe4"\x1bz?q=secretword HTTP/1.1\r\nHost: x\r\n\r\n').answer()
    log = pages.log_text()
    assert "secretword" not in log and 'path="/codes/x%0ay\\xe4\\"\\x1bz"' in log
    line = next(line for line in log.splitlines() if "event=http.request" in line)
    for key in ("client=127.0.0.1", "path=/", "status=", "bytes=", "ms=", "end=done"):
        assert key in line
