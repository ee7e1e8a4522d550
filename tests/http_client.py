"""HTTP as the tests want it: whole answers by http.client, and bytes by raw sockets."""
import http.client
import re
import socket


class Answer:
    """An answer: status, header fields (lower case), body."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        return self.fields.get(name)

    @property
    def text(self):
        return self.body.decode()


def ask(port, path, method="GET", body=None, **fields):
    """One request on a connection of its own; fields as accept_language="de"."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


class Raw:
    """A connection on which anything can be sent, and answers are read one by one."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def more(self):
        """False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def answer(self, has_body=True):
        """The next answer; None when the connection ends instead."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin1").split("\r\n")
        assert re.fullmatch(r"HTTP/1\.1 \d{3} .+", lines[0]), lines[0]
        fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in fields, head
            fields[name.lower()] = value
        status = int(lines[0].split()[1])
        size = int(fields.get("content-length", 0)) if has_body and status != 100 else 0
        while len(self.buffer) < size:
            if not self.more():
                return None
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Answer(status, fields, body)

    def is_closed(self):
        """Waits for the end; what still comes is in buffer."""
        try:
            while self.more():
                pass
            return True
        except TimeoutError:
            return False
