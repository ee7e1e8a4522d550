"""The pages in a real browser: five languages, light and dark, phone and desktop; axe-core finds nothing.

CANDOR_PICTURES=FOLDER keeps a picture of each page."""
import json
import os
import pathlib
import shutil
import subprocess
import urllib.parse

import pytest

from server import Server, die_with_parent, free_port, new_directory, remove_directory

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = ("en", "de", "tr", "vi", "hi")
VIEWS = [{"name": f"{theme}-{size}", "theme": theme, "width": width, "height": height}
         for theme in ("light", "dark") for size, width, height in (("wide", 1280, 900), ("narrow", 360, 740))]
REPLY = urllib.parse.quote("554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org; "
                           "https://www.spamhaus.org/query/ip/203.0.113.7")
BOUNCE = urllib.parse.quote("Final-Recipient: rfc822; jane@example.org\nAction: failed\nStatus: 5.2.2\n"
                            "Diagnostic-Code: smtp; 552 5.2.2 mailbox full, limit 100 MB\n\n"
                            "Final-Recipient: rfc822; joe@example.org\nAction: failed\nStatus: 5.1.1\n")
FOUND = ["/", "/codes", "/codes?q=spam", "/codes/554", "/codes/220", "/codes/5.7.1", "/codes/4.6.7", "/codes/mailbox-full",
         "/codes/greylisted", "/compare", "/compare/250/554", "/compare/421/5.7.1", "/explain", f"/explain?q={REPLY}",
         f"/explain?q={BOUNCE}"]
MISSING = ["/codes/599", "/nothing"]


def chromium():
    found = shutil.which("chromium")
    if found is None or not (HERE / "node_modules/axe-core").is_dir():
        pytest.skip("needs chromium, and axe-core from npm (tools/deps test)")
    return found


@pytest.fixture(scope="module")
def base():
    directory = new_directory()
    try:
        server = Server(directory, extra=f"web 127.0.0.1:{(port := free_port())}")
        server.start()
        yield f"http://127.0.0.1:{port}"
        assert server.stop() == 0
    finally:
        if server.runs():
            server.kill()
        remove_directory(directory)


def looked_at(base, pages, profile):
    pictures = os.environ.get("CANDOR_PICTURES")
    job = {"base": base, "chromium": chromium(), "profile": str(profile), "pictures": pictures, "pages": pages,
           "views": VIEWS}
    done = subprocess.run(["node", str(HERE / "look.js")], input=json.dumps(job), capture_output=True, timeout=600,
                          encoding="utf-8", preexec_fn=die_with_parent)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(700)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_pages_in_a_browser(base, lang, tmp_path):
    pages = [f"/{lang}{page}" for page in FOUND + MISSING]
    looks = looked_at(base, pages, tmp_path)
    assert len(looks) == len(pages) * len(VIEWS)
    grounds = {}
    for look in looks:
        where = f"{look['page']} ({look['view']})"
        assert look["violations"] == [], where
        assert look["status"] == (404 if look["page"][3:] in MISSING else 200), where
        # A browser notes a 404 as an error of the page.
        assert [c for c in look["complaints"] if "404" not in c] == [], where
        assert all(url.startswith(base + "/") for url in look["requests"]), where
        assert look["overflow"] <= 0, f"{where} is wider than the screen"
        assert look["lang"] == lang and look["title"].strip() and look["headings"] == 1, where
        assert look["scripts"] == 0, where
        grounds.setdefault(look["view"].split("-")[0], set()).add(look["ground"])
    assert len(grounds["light"]) == len(grounds["dark"]) == 1 and grounds["light"] != grounds["dark"]
