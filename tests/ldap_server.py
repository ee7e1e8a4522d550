"""A private slapd: its own folder, database, certificate and ports, started and ended by a test."""
import os
import pathlib
import shutil
import socket
import subprocess

from server import die_with_parent, eventually, free_port

SLAPD = shutil.which("slapd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
LDAPADD = shutil.which("ldapadd")
BASE = "dc=demo,dc=example"
ROOT, ROOT_PASSWORD = f"cn=root,{BASE}", "the root of it"


def is_missing():
    """The packages that are not there; empty: all are."""
    want = {"slapd": SLAPD, "ldap-utils": LDAPADD}
    return " ".join(name for name, path in want.items() if path is None)


class LdapServer:
    """Known as localhost, ldap.demo.example and 127.0.0.1. extra: more lines of slapd.conf."""

    def __init__(self, directory, extra=""):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.port, self.tls_port = free_port(), free_port()
        self.socket = self.directory / "ldapi"
        self.ca, self.log_path = self.directory / "ca.pem", self.directory / "log"
        self.process = None
        self.certificate()
        (self.directory / "db").mkdir()
        (self.directory / "slapd.conf").write_text(f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.directory}/pid
TLSCACertificateFile {self.ca}
TLSCertificateFile {self.directory}/cert.pem
TLSCertificateKeyFile {self.directory}/key.pem
# As old servers do, and as a client must never rely on.
allow bind_anon_cred bind_anon_dn
database mdb
suffix "{BASE}"
rootdn "{ROOT}"
rootpw "{ROOT_PASSWORD}"
directory {self.directory}/db
maxsize 33554432
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,{BASE}" read by * none
{extra}
""")

    def certificate(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True,
                           cwd=self.directory)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out",
                "ca.pem", "-days", "30", "-subj", "/CN=A test's authority")
        (self.directory / "names").write_text(
            "subjectAltName=DNS:ldap.demo.example,IP:127.0.0.1\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "csr.pem",
                "-subj", "/CN=ldap.demo.example")
        openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "30", "-extfile", "names", "-out", "cert.pem")

    @property
    def socket_url(self):
        return "ldapi://" + str(self.socket).replace("/", "%2F")

    def start(self):
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.socket_url}"
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [SLAPD, "-f", self.directory / "slapd.conf", "-h", urls, "-d", "none"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            preexec_fn=die_with_parent)
        eventually(self.is_up, 20, "slapd to answer")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.log_path.read_text()[-3000:]
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return self.socket.exists()
        except OSError:
            return False

    def fill(self, ldif):
        subprocess.run([LDAPADD, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", ROOT, "-w",
                        ROOT_PASSWORD], input=ldif, text=True, check=True, capture_output=True)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.log.close()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
