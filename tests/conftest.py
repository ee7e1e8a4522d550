"""Fixtures for tests of the whole program."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from server import Server, new_directory, remove_directory  # noqa: E402


def end(server):
    """Ends a server that is still up, and looks whether its life was a good one."""
    if server.runs():
        try:
            status = server.stop()
            assert status == 0, f"exit status {status} after SIGTERM\n{server.log_text()[-3000:]}"
        finally:
            if server.runs():
                server.kill()
    assert not server.left()
    server.check_log()


@pytest.fixture(scope="module")
def server():
    """A running server with the mailboxes alice and bob, shared by the tests of a file."""
    directory = new_directory()
    try:
        one = Server(directory)
        one.start()
        yield one
        end(one)
    finally:
        remove_directory(directory)


@pytest.fixture
def new_server():
    """A function that makes a server with a configuration of one's own; not yet started."""
    servers = []

    def make(**options):
        directory = new_directory()
        servers.append((directory, None))
        one = Server(directory, **options)
        servers[-1] = (directory, one)
        return one
    try:
        yield make
        for _, one in servers:
            if one is not None and one.process is not None:
                end(one)
    finally:
        for directory, one in servers:
            if one is not None and one.process is not None and one.runs():
                one.kill()
            remove_directory(directory)
