"""Clients that send without end and remember what was promised to them."""
import hashlib
import os
import random
import re
import threading

from server import DOMAIN, without_added
from smtp import Closed, Talk, stuffed

MARK = re.compile(rb"^Subject: load-([0-9a-f]{16})\r\n", re.M)
# Small ones go through the channel, middle ones as a sealed memory file, large ones as a file of the
# spool's own.
SIZES = [0, 300, 3000, 3000, 3000, 20_000, 200_000, 1_200_000]


class Load:
    """Threads that send to mailboxes in turn, each with a connection that it opens again when it
    breaks. `sent` has the digest of all that was begun, `promised` what got its 250, `strange`
    what no healthy server says."""

    def __init__(self, server, threads=4, mailboxes=("alice", "bob"), sizes=None, seed=None):
        self.server, self.mailboxes, self.sizes = server, mailboxes, sizes or SIZES
        self.sent, self.promised, self.strange = {}, {}, []
        self.arrived = set()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.go = threading.Event()
        self.go.set()
        seed = random.randrange(1 << 32) if seed is None else seed
        self.threads = [threading.Thread(target=self.work, args=(random.Random(seed + n),), daemon=True)
                        for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.go.set()
        for thread in self.threads:
            thread.join(60)

    def pause(self):
        """No new message is begun until resume(); those under way go on."""
        self.go.clear()

    def resume(self):
        self.go.set()

    def work(self, dice):
        while not self.over.is_set():
            try:
                with Talk(self.server.plain, timeout=30) as talk:
                    hello = talk.reply()
                    if hello.code == 421:
                        continue
                    if talk.command("EHLO load.example").code != 250:
                        continue
                    while not self.over.is_set():
                        if self.go.wait(0.2):
                            self.one(talk, dice)
            except (OSError, Closed):
                self.over.wait(0.05)

    def one(self, talk, dice):
        name = os.urandom(8).hex()
        mailbox = dice.choice(self.mailboxes)
        body = os.urandom(dice.choice(self.sizes) // 2).hex().encode()
        text = b"Subject: load-" + name.encode() + b"\r\n\r\n" + b"".join(
            body[n:n + 76] + b"\r\n" for n in range(0, len(body), 76))
        with self.lock:
            self.sent[name] = hashlib.sha256(text).digest()
        talk.send(f"MAIL FROM:<load@client.example>\r\nRCPT TO:<{mailbox}@{DOMAIN}>\r\nDATA\r\n")
        mail, rcpt, data = talk.reply(), talk.reply(), talk.reply()
        reply = data
        if data.code == 354:
            talk.send(stuffed(text))
            reply = talk.reply()
        for r in (mail, rcpt, reply):
            if r.code // 100 == 5 and mail.code // 100 == 2 and rcpt.code // 100 == 2:
                self.strange.append(repr(r))
        if mail.code == 250 and rcpt.code == 250 and reply.code == 250:
            with self.lock:
                self.promised[name] = mailbox
        elif reply.code == 421:
            raise Closed()

    def collect(self, remove=True):
        """Looks at what the mailboxes hold: nothing may be there that was not sent like that."""
        for mailbox in self.mailboxes:
            for folder in ("new", "cur"):
                path = self.server.maildir(mailbox) / folder
                for entry in path.iterdir() if path.is_dir() else []:
                    raw = entry.read_bytes()
                    raw = raw if b"\r\n" in raw else raw.replace(b"\n", b"\r\n")
                    text = without_added(raw)[1]
                    mark = MARK.match(text)
                    assert mark, f"{entry}: nothing that we sent: {text[:80]!r}"
                    name = mark.group(1).decode()
                    assert hashlib.sha256(text).digest() == self.sent[name], f"{entry} is damaged"
                    self.arrived.add(name)
                    if remove:
                        entry.unlink()

    def missing(self):
        """Promised, and not in its mailbox so far."""
        self.collect()
        with self.lock:
            return [name for name in self.promised if name not in self.arrived]
