"""A private token issuer for tests: a web server of our own with its own authority, that has keys
(JWKS), answers introspection and signs whatever a test wants signed."""
import base64
import datetime
import functools
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    """A key of one of the kinds that tokens are signed with."""

    def __init__(self, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        if algorithm[:2] in ("RS", "PS"):
            self.private = rsa.generate_private_key(65537, 2048)
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = ec.generate_private_key(
                {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm])
        self.hash = {"256": hashes.SHA256(), "384": hashes.SHA384(),
                     "512": hashes.SHA512()}.get(algorithm[2:])

    def jwk(self):
        public = self.private.public_key()
        more = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}
        numbers = public.public_numbers()
        if self.algorithm[:2] in ("RS", "PS"):
            return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}
        size = public.curve.key_size // 8
        return {"kty": "EC", "crv": {32: "P-256", 48: "P-384"}[size],
                "x": number(numbers.x, size), "y": number(numbers.y, size), **more}

    def sign(self, text):
        if self.algorithm == "EdDSA":
            return self.private.sign(text)
        if self.algorithm[:2] == "RS":
            return self.private.sign(text, padding.PKCS1v15(), self.hash)
        if self.algorithm[:2] == "PS":
            return self.private.sign(
                text, padding.PSS(padding.MGF1(self.hash), self.hash.digest_size), self.hash)
        r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(self.hash)))
        size = self.private.curve.key_size // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@functools.cache
def first_keys():
    """An RSA key takes its time: all issuers of a run begin with the same."""
    return {a: Key(a, f"{a}-1") for a in ("RS256", "PS384", "ES256", "ES384", "EdDSA")}


class Issuer:
    """https://HOST:PORT with /keys and /introspect."""

    CLIENT, SECRET = "candor at mx", "s3cret+ä:%"

    def __init__(self, directory, port, host="127.0.0.1"):
        self.host, self.port, self.directory = host, port, directory
        self.url = f"https://{host}:{port}"
        self.keys = dict(first_keys())
        self.hidden = set()     # kids that /keys does not have
        self.opaque = {}        # token: what introspection says of it
        self.asked = []         # paths
        self.broken = None      # a function that answers instead
        self.slow = 0
        self.ca_file = directory / "issuer-ca.pem"
        self.secret_file = directory / "issuer-secret"
        self.secret_file.write_text(self.SECRET + "\n")
        self.make_certificates()
        self.server = None
        self.connections = set()

    # certificates ------------------------------------------------------------------------------

    def make_certificates(self):
        now = datetime.datetime.utcnow()
        day = datetime.timedelta(days=1)

        def certificate(name, key, issuer, issuer_key, extensions):
            builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer)
                       .public_key(key.public_key()).serial_number(x509.random_serial_number())
                       .not_valid_before(now - day).not_valid_after(now + day))
            for extension in extensions:
                builder = builder.add_extension(extension, True)
            return builder.sign(issuer_key, hashes.SHA256())

        def named(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name = named(f"authority of {self.url}")
        ca = certificate(ca_name, ca_key, ca_name, ca_key, [x509.BasicConstraints(True, None)])
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(self.host))
        except ValueError:
            alternative = x509.DNSName(self.host)
        leaf = certificate(named("issuer"), key, ca_name, ca_key,
                           [x509.SubjectAlternativeName([alternative])])
        pem = serialization.Encoding.PEM
        self.ca_file.write_bytes(ca.public_bytes(pem))
        (self.directory / "issuer.pem").write_bytes(
            leaf.public_bytes(pem) + key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    # the web server ----------------------------------------------------------------------------

    def start(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                issuer.connections.add(self.connection)

            def finish(self):
                issuer.connections.discard(self.connection)
                super().finish()

            def log_message(self, *_):
                pass

            def do_GET(self):
                issuer.answer(self, b"")

            def do_POST(self):
                issuer.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "issuer.pem")
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            for connection in list(self.connections):
                connection.shutdown(socket.SHUT_RDWR)
            self.server = None

    def answer(self, request, body):
        self.asked.append(request.path)
        time.sleep(self.slow)
        if self.broken is not None:
            self.broken(request)
            return
        status, value = 404, {}
        if request.path == "/keys":
            status, value = 200, {"keys": [{"kty": "oct", "k": "AA", "kid": "strange"}] + [
                key.jwk() for key in self.keys.values() if key.kid not in self.hidden]}
        elif request.path == "/introspect":
            status, value = self.introspect(request, body)
        self.say(request, status, json.dumps(value).encode())

    @staticmethod
    def say(request, status, text):
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def introspect(self, request, body):
        form = urllib.parse.parse_qs(body.decode(), strict_parsing=True)
        word, _, pair = request.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        known = (urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(secret)) == (
            self.CLIENT, self.SECRET)
        if word != "Basic" or not known:
            return 401, {"error": "invalid_client"}
        return 200, self.opaque.get(form["token"][0], {"active": False})

    # tokens ------------------------------------------------------------------------------------

    def token(self, algorithm="RS256", header=None, key=None, **claims):
        """A signed token that is good, but for what the arguments change (None: left out)."""
        key = key or self.keys[algorithm]
        now = int(time.time())
        values = {"iss": self.url, "aud": "smtp", "exp": now + 300, "iat": now,
                  "scope": "openid mail", "email": "alice@demo.example", "sub": "u1", **claims}
        head = {"alg": algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}
        text = ".".join(b64(json.dumps({k: v for k, v in part.items() if v is not None}).encode())
                        for part in (head, values)).encode()
        return text.decode() + "." + b64(key.sign(text))

    def configuration(self, kind="jwks", extra=""):
        how = {"jwks": f"jwks {self.url}/keys; audience smtp",
               "introspection": f"introspection {self.url}/introspect; client-id \"{self.CLIENT}\"\n"
                                f"    client-secret-file {self.secret_file}"}[kind]
        return f"""
oauth {self.url} {{
    {how}
    scope mail
    ca-file {self.ca_file}
    {extra}
}}
"""
