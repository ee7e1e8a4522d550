"""SIGKILL at random moments under load: what was promised is there, once or more, byte for byte."""
import os
import random
import signal
import time

import pytest

from load import Load
from server import eventually

KILLS = int(os.environ.get("CANDOR_CHAOS_KILLS", "50"))
SEED = int(os.environ.get("CANDOR_CHAOS_SEED", str(random.randrange(1 << 32))))


def whole_server(server, _):
    server.kill()
    server.start()


def master(server, _):
    server.freeze()
    server.family = {**server.family, **server.members()}
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(20)
    eventually(lambda: not server.left(), 20, f"the end of {server.left()}")
    server.log.close()
    server.start()


def one_role(server, dice):
    members = {pid: name for pid, (_, name) in server.members().items() if pid != server.process.pid}
    pid = dice.choice(sorted(members))
    os.kill(pid, signal.SIGKILL)
    return members[pid]


def queue(server, _):
    pid = server.role_pid("queue")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(KILLS * 30 + 120)
def test_nothing_promised_is_lost(new_server):
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    server = new_server(extra="processes { mx 2 }").start()
    counts = {}
    with Load(server, threads=6, seed=SEED) as load:
        for kill in range(KILLS):
            many = len(load.promised)
            eventually(lambda: len(load.promised) > many, 60, "mail between two kills")
            time.sleep(dice.uniform(0, 0.4))
            how = dice.choice([whole_server, master, one_role, one_role, queue])
            counts[how.__name__] = counts.get(how.__name__, 0) + 1
            what = how(server, dice) or how.__name__
            # While nothing new comes, what is there can be counted.
            load.pause()
            try:
                eventually(lambda: not load.missing(), 60)
            except AssertionError:
                late = load.missing()
                raise AssertionError(f"{len(late)} of {len(load.promised)} messages promised before kill {kill} "
                                     f"({what}, seed {SEED}) are missing: {late[:5]}\n"
                                     + server.log_text()[-6000:]) from None
            load.resume()
            if kill % 50 == 49:
                print(f"{kill + 1} kills, {len(load.promised)} messages promised")
    eventually(lambda: not load.missing(), 60, "every promised message")
    assert not load.strange, load.strange[:5]
    print(f"{KILLS} kills {counts}: {len(load.promised)} promised, {len(load.arrived)} arrived, "
          f"{len(load.sent)} begun")
