"""The process that keeps an ephemeral store tidy."""

from __future__ import annotations

from pathlib import Path

from conftest import eventually, start

import plasma
from plasma import keeper
from plasma.temporary import sweep


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


def test_another_store_of_the_kind_removes_what_a_killed_keeper_left(store: str) -> None:
    script = """
import os, sys, plasma
client = plasma.connect(sys.argv[1] + "-left", ephemeral=True, capacity="16M")
client.put(1)
os.kill(os.getpid(), 9)
"""
    with start(script, store) as process:
        process.wait()
    assert Path(store + "-left").exists()
    with plasma.connect(store, ephemeral=True, capacity="16M") as client:
        sweep(client.address, "store")
        assert Path(store).exists() and not Path(store + "-left").exists()


def test_the_store_goes_when_all_its_clients_are_killed(store: str) -> None:
    script = """
import sys, time, plasma
from plasma import keeper
from plasma.temporary import sweep
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
