"""`make run`: what it prints works as it is printed."""
import os
import signal
import socket
import subprocess
import urllib.request

import pytest

from server import ROOT, eventually, new_directory, processes, remove_directory


def is_taken(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_what_the_demo_prints_works(sign):
    if any(map(is_taken, (2525, 2587, 2465, 8025))):
        pytest.skip("another server has port 2525, 2587, 2465 or 8025")
    directory = new_directory()
    log = os.path.join(directory, "output")
    try:
        with open(log, "wb") as out:
            demo = subprocess.Popen([ROOT / "tools" / "run", os.path.join(directory, "demo")],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        eventually(lambda: is_taken(2465) or demo.poll() is not None, 120, "the demo server")
        assert demo.poll() is None, open(log).read()
        lines = [line.strip() for line in open(log) if line.startswith("  ")]
        tries = [line for line in lines if line.split()[0] in ("swaks", "printf", "python3", "curl", "./candor")]
        assert len(tries) == 7, lines
        for line in tries:
            done = subprocess.run(["bash", "-c", "set -o pipefail; " + line], cwd=ROOT, timeout=60,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert (done.returncode == 0) == ("nobody" not in line), (line, done.stdout, done.stderr)
            assert "nobody" not in line or "550" in done.stdout and "5.1.1" in done.stdout
        page = next(line for line in lines if line.startswith("http://"))
        with urllib.request.urlopen(page, timeout=20) as answer:
            assert answer.status == 200 and b"</html>" in answer.read()
        for name in ("alice", "bob"):
            new = os.path.join(directory, "demo", "mail", "demo.example", name, "new")
            eventually(lambda: os.path.isdir(new) and len(os.listdir(new)) == 2, 20, f"two messages in {new}")
        demo.send_signal(sign)
        assert demo.wait(40) == 0
        assert not [p for p, (_, session, _, _) in processes().items() if session == demo.pid]
    finally:
        if demo.poll() is None:
            for pid in [p for p, (_, session, _, _) in processes().items() if session == demo.pid]:
                os.kill(pid, signal.SIGKILL)
            demo.wait()
        remove_directory(directory)
