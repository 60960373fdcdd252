"""The process that keeps an ephemeral store tidy."""

from __future__ import annotations

from pathlib import Path

from conftest import eventually, start

import plasma
from plasma import keeper


def test_what_a_killed_process_put_goes_and_what_is_held_or_pinned_stays(store: str) -> None:
    client = plasma.connect(store, ephemeral=True, capacity="16M")
    keeper.start(client.address)
    client.put(1, name="held")
    held = client.get("held")
    client.put(1, name="pinned", pinned=True)
    script = """
import sys, time, plasma
client = plasma.connect(sys.argv[1])
client.put(list(range(1000)), name="lost", pinned=True)
buffer = client.get("lost")
client.unpin("lost")
print("ready", flush=True)
time.sleep(1000)
"""
    with start(script, store) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        lost = client.get_object("lost")
        assert "lost" in client
        process.kill()
    eventually(lambda: "lost" not in client)
    assert "held" in client and "pinned" in client and len(lost) == 1000
    del held
    eventually(lambda: "held" not in client)
    client.close()
    eventually(lambda: not Path(store).exists())


def test_the_store_goes_when_all_its_clients_are_killed(store: str) -> None:
    script = """
import sys, time, plasma
from plasma import keeper
client = plasma.connect(sys.argv[1], ephemeral=True, capacity="16M")
keeper.start(client.address)
print("ready", flush=True)
time.sleep(1000)
"""
    with start(script, store) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        assert Path(store).exists()
        process.kill()
    eventually(lambda: not Path(store).exists())
