"""A client of the raw protocol, for what no well-behaved client would send."""
import socket
import ssl


class Closed(Exception):
    """The server ended the connection."""


class Reply:
    """One reply: code, lines without code and separator, raw bytes."""

    def __init__(self, code, lines, raw):
        self.code, self.lines, self.raw = code, lines, raw

    @property
    def enhanced(self):
        """The enhanced status code, "" if there is none."""
        word = self.lines[0].split(" ", 1)[0]
        return word if word.count(".") == 2 and word.replace(".", "").isdigit() else ""

    def __repr__(self):
        return f"{self.code} {' / '.join(self.lines)}"


class Talk:
    """A connection. Every wait ends after `timeout` seconds with an exception."""

    def __init__(self, port, host="127.0.0.1", timeout=20, tls=False, source=None):
        self.timeout = timeout
        self.buffer = b""
        self.socket = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.secure()

    def secure(self, name="mx.demo.example", context=None):
        """The TLS handshake, without looking at who it is unless context does."""
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise Closed(self.buffer)
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply line without CR: {line!r}"
        return line[:-1]

    def reply(self):
        lines, raw = [], b""
        while True:
            line = self.line()
            raw += line + b"\r\n"
            assert len(line) + 2 <= 512, f"a reply line of {len(line) + 2} octets"
            assert line[:3].isdigit() and line[3:4] in (b"-", b" ", b""), f"no reply: {line!r}"
            lines.append(line[4:].decode("utf-8"))
            if line[3:4] != b"-":
                return Reply(int(line[:3]), lines, raw)

    def command(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def greeting(self, name="client.example"):
        """220, EHLO, 250; returns the reply to EHLO."""
        hello = self.reply()
        assert hello.code == 220, hello
        ehlo = self.command("EHLO " + name)
        assert ehlo.code == 250, ehlo
        return ehlo

    def starttls(self, name="client.example"):
        """STARTTLS after greeting(), and EHLO again."""
        ready = self.command("STARTTLS")
        assert ready.code == 220, ready
        self.secure()
        ehlo = self.command("EHLO " + name)
        assert ehlo.code == 250, ehlo
        return ehlo

    def message(self, text, to, sender="sender@client.example", parameters=""):
        """A whole transaction; the first reply that is no success, else the last."""
        to = [to] if isinstance(to, str) else to
        reply = self.command(f"MAIL FROM:<{sender}>{parameters}")
        if reply.code != 250:
            return reply
        for address in to:
            reply = self.command(f"RCPT TO:<{address}>")
            if reply.code != 250:
                return reply
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        self.send(stuffed(text))
        return self.reply()

    def is_closed(self):
        """Whether the server has ended, or ends within the timeout, without another word."""
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except (ConnectionResetError, ssl.SSLEOFError):
            return True
        except (TimeoutError, socket.timeout):
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def crlf(text):
    """Lines that end in LF or CRLF, all in CRLF."""
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def stuffed(text):
    """text (bytes, CRLF) as it goes after 354: dots doubled, the last line ended, the final dot."""
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"
