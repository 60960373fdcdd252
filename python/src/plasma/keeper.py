"""Keeps an ephemeral store tidy: python -m plasma.keeper ADDRESS

It deletes what no client holds or pins, such as the objects of a killed process, and leaves when it
is the last client, so that the store goes, too, however the others ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress

from plasma.client import Client, connect
from plasma.errors import NotFoundError, PlasmaError
from plasma.infos import State

PAUSE = 0.5
"""Seconds between two looks."""


def start(address: str) -> None:
    """Start the process, as a child of nobody: no signal to this one or its group reaches it."""
    command = [sys.executable, "-m", "plasma.keeper", address]
    subprocess.run(
        command, check=True, cwd="/", start_new_session=True, env=_environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [place, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def keep(client: Client) -> None:
    """Tidy up until there is no other client."""
    while True:
        client.reap()
        for info in client.list():
            if info.state is State.SEALED and not info.lease_count and not info.pinned:
                with suppress(NotFoundError):
                    client.delete(info.id)
        if client.stats().clients == 1:
            return
        time.sleep(PAUSE)


def main() -> None:
    """The process."""
    with connect(sys.argv[1], create=False) as client:
        if os.fork() != 0:
            # The child is a client by now.
            os._exit(0)
        keep(client)


if __name__ == "__main__":
    with suppress(PlasmaError):  # the store is gone
        main()
