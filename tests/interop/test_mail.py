"""Three hundred real messages arrive as they were sent, or are refused whole."""
import csv
import pathlib

from server import eventually, without_added
from smtp import crlf

MAIL = pathlib.Path(__file__).parent.parent / "vectors" / "mail"


def corpus():
    """[(file name, bytes in CRLF form, whether it has a CR without LF)]"""
    with open(MAIL / "index.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["file"], crlf((MAIL / row["file"]).read_bytes()), int(row["bare_cr"]) > 0


def test_every_byte_of_the_corpus(server):
    sent, refused = {}, []
    with server.talk() as talk:
        for name, text, bare_cr in corpus():
            reply = talk.message(text, "alice@demo.example",
                                 parameters=f" SIZE={len(text)} BODY=8BITMIME")
            if bare_cr:
                assert reply.code == 554 and reply.enhanced == "5.6.0", (name, reply)
                refused.append(name)
            else:
                assert reply.code == 250, (name, reply)
                # Only a message whose last line had no end gets one: DATA has no other way.
                sent[text if text.endswith(b"\r\n") else text + b"\r\n"] = name
        assert talk.command("QUIT").code == 221
    assert (len(sent), len(refused)) == (292, 8)

    eventually(lambda: len(server.messages("alice")) >= 292, 60, "292 messages in the mailbox")
    stored = [without_added(m)[1] for m in server.messages("alice").values()]
    assert len(stored) == 292
    strange = [m[:200] for m in stored if m not in sent]
    missing = [name for text, name in sent.items() if text not in set(stored)]
    assert not strange and not missing, (missing, strange)
