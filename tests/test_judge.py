"""candor explain against labelled replies of the wild."""
import pathlib
import subprocess

from server import CANDOR

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_finds_the_causes_of_the_sample():
    done = subprocess.run([ROOT / "tools/judge", "--least", "95", "--candor", CANDOR],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    assert done.returncode == 0, done.stdout
