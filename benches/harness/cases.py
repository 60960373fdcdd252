# SPDX-License-Identifier: Apache-2.0
"""The cases: each a workload with its keys (benches/README.md), and its subjects.

The first subject of a case is what the others are compared with. A subject that turns out not to
have a workload, or not with these keys, says so by its exit code; those who cannot do it in a
sensible time are left out here.
"""

from dataclasses import dataclass
from typing import Tuple

OWN = ("plasma", "floor", "plasma_cpp", "plasma_py", "plasma_command", "recovery")
PEERS = ("lmdb", "boost", "redis", "arrow", "iceoryx2", "shm")

# Results of the floor have other names, and are shown beside Plasma's first result.
FLOOR = "floor"

GROUPS = {
    "W1": "Get",
    "W2": "Create and put",
    "W3": "Processes at once",
    "W4": "Handover",
    "W5": "Attach",
    "W6": "Memory",
    "W7": "Churn",
    "W8": "Mixed sizes",
    "W9": "List",
    "W10": "Recovery",
    "W11": "Default stores",
    "W12": "Beside other clients",
}


@dataclass(frozen=True)
class Case:
    group: str
    workload: str
    keys: str
    title: str
    subjects: Tuple[str, ...]
    slow: bool = False  # left out by --quick

    @property
    def name(self):
        return f"{self.workload} {self.keys}".strip()


B, KIB, MIB, GIB = 1, 1 << 10, 1 << 20, 1 << 30
SIZES = ((100 * B, "100 B"), (4 * KIB, "4 KiB"), (1 * MIB, "1 MiB"), (64 * MIB, "64 MiB"))
OURS = ("plasma", "plasma_cpp", "plasma_py")


def get_cases():
    everyone = (*OURS, *PEERS, FLOOR)
    # One object is used; the others make the store an ordinary one.
    for size, text in SIZES:
        objects = max(1, min(1000, 64 * MIB // size))
        yield "get", f"size={size} objects={objects} order=hot", f"{text}, hot", everyone
    for objects in (1000, 100000, 1000000):
        for size, text in SIZES:
            if size * objects > 8 * GIB:
                continue
            # Arrow and Redis need minutes to create this many, shm has a file for each.
            fast = [who for who in everyone if who not in ("arrow", "redis", "shm")]
            yield (
                "get",
                f"size={size} objects={objects} order=random",
                f"{text}, 1 of {objects:,}",
                everyone if objects <= 1000 else fast,
            )


def create_cases():
    for size, text in SIZES[:3]:
        yield "create", f"size={size}", text, (*OURS, *PEERS)
    yield "put_array", f"size={KIB}", "1 KiB NumPy array", ("plasma_py",)
    yield "batch", "of=16", "16 of 100 B together, default store", ("plasma",)
    yield "batch", "of=10", "10 of 100 B in a transaction, default store", ("plasma", "lmdb")
    yield "named", "", "a name of 11 bytes, default store", ("plasma",)
    yield "metadata", "keys=8", "8 keys, default store", ("plasma",)
    sizes = (*SIZES[:2], (64 * KIB, "64 KiB"), *SIZES[2:], (GIB, "1 GiB"))
    for memory in ("reused", "fresh"):
        for threads in (1, 2):
            for size, text in sizes:
                if threads == 2 and size < MIB:
                    continue  # far less than it takes to start a thread
                title = f"{text}, {memory}" + (", 2 threads" if threads == 2 else "")
                who = (*OURS, *PEERS, FLOOR) if threads == 1 else ("plasma", FLOOR)
                yield "put", f"size={size} memory={memory} threads={threads}", title, who


def process_cases():
    for processes in (1, 2, 4, 8):
        who = ("plasma", "lmdb", "boost", "redis", "arrow", FLOOR)
        yield "getters", f"processes={processes}", processes_text(processes), who
    for processes in (1, 2, 8):
        who = ("plasma", "lmdb", "boost", "redis", "arrow")
        yield "creators", f"processes={processes}", processes_text(processes), who
    for processes in (1, 2, 8):
        keys = f"processes={processes} together=10"
        title = f"{processes_text(processes)}, ten in a call or transaction"
        yield "creators", keys, title, ("plasma", "lmdb")
    for awaited, text in ((1, "an object each"), (1000, "1,000 objects each")):
        beside = f"processes=1 sleepers=900 of=each awaited={awaited} ms=3000"
        yield "creators", beside, f"1 process beside 900 threads that wait for {text}", ("plasma",)


def processes_text(count):
    return counted(count, "process", "processes")


def counted(count, one, many):
    return f"{count} {one if count == 1 else many}"


def handover_cases():
    """Only Plasma distinguishes identifiers and names."""
    peers = ("boost", "redis", "arrow", "iceoryx2")
    everyone = ("plasma", *peers, FLOOR)
    crowd = "by=id mode=asleep waiters=100"
    yield "handover", "by=id mode=asleep", "by id", everyone
    yield "handover", "by=name mode=asleep", "by name", ("plasma", FLOOR)
    yield "handover", "by=id mode=soon", "by id, soon", everyone
    yield "handover", "by=id mode=asleep cpus=1", "by id, one processor", everyone
    yield "handover", f"{crowd} objects=one", "100 waiters for one object", everyone
    yield "handover", f"{crowd} objects=many", "100 waiters for one object each", everyone


def other_cases():
    """The cases of the groups from W5 on."""
    million, text = "objects=1000000", "1,000,000 objects"
    stores = ("plasma", "lmdb", "boost")
    yield "W5", "attach", "", "", ("plasma", *PEERS, FLOOR)
    yield "W5", "first_touch", f"size={GIB}", "1 GiB", ("plasma", FLOOR)
    yield "W6", "memory", "objects=100000 size=100", "100,000 objects", (*stores, "redis", "arrow")
    yield "W6", "memory", f"{million} size=100", text, stores
    for pattern in ("zipf", "scan"):
        yield "W7", "churn", f"pattern={pattern} size=4096", pattern, ("plasma", "arrow")
    for objects, size, kind, store in (
        (30000, 4096, "plain", "default"),
        (100000, 4096, "plain", "default"),
        (100000, 4096, "named", "default"),
        (100000, 4096, "keyed", "default"),
        (1200000, 256, "plain", "fitted"),
    ):
        keys = f"objects={objects} size={size} kind={kind} store={store}"
        title = f"{objects:,} objects of {size} B, {kind}, {store} store"
        yield "W7", "evict", keys, title, ("plasma",)
    for objects, size, more, text in (
        (100000, 1000, "", "a fifth of the capacity"),
        (1200000, 256, "", "a fifth of the capacity"),
        (1200000, 256, " bytes=1048576 leases=1000", "1 MiB among 1,000 leases"),
    ):
        keys = f"objects={objects} size={size} store=fitted{more}"
        title = f"{text}, {objects:,} objects of {size} B, fitted store"
        yield "W7", "evict_large", keys, title, ("plasma",)
    yield "W8", "mixed", "operations=10000000", "10,000,000 operations", ("plasma",)
    large = "least=1000 most=16000000 operations=60000"
    small = "least=100 most=100000 operations=400000"
    yield "W8", "full", f"deletes=oldest {large}", "oldest deleted, 1 kB to 16 MB", ("plasma",)
    yield "W8", "full", f"deletes=any {large}", "any deleted, 1 kB to 16 MB", ("plasma",)
    yield "W8", "full", f"deletes=any {small}", "any deleted, 100 B to 100 kB", ("plasma",)
    yield "W9", "list", million, text, ("plasma", "lmdb")
    yield "W10", "recovery", f"{million} steals=30", "", ("recovery",)


def default_cases():
    """Stores as users make them: default options, no huge pages."""
    for capacity, text in ((0, "default capacity"), (16 * GIB, "16 GiB")):
        yield "make", f"capacity={capacity}", text, ("plasma",)
    for threads in (1, 2):
        text = counted(threads, "thread", "threads")
        yield "first_connect", f"threads={threads}", text, ("plasma",)
    yield "room", "", "", ("plasma",)
    for store in ("default", "fitted"):
        keys = f"size=100 objects=10000 order=random store={store}"
        yield "get", keys, f"100 B, 1 of 10,000, {store} store", ("plasma",)
    yield "create", "size=100 store=default", "100 B", ("plasma", "lmdb")
    for size, text in ((MIB, "1 MiB"), (GIB, "1 GiB")):
        keys = f"size={size} memory=fresh threads=1 store=default"
        yield "put", keys, f"{text}, fresh", ("plasma", "plasma_py", FLOOR)
    for processes in (1, 2, 8):
        keys, text = f"processes={processes} store=default", processes_text(processes)
        yield "creators", keys, text, ("plasma", "lmdb")
    yield "creators", "processes=2 stores=apart", "2 processes, a store each", ("plasma",)
    for waiters in (10, 100):
        keys = f"by=id mode=asleep waiters={waiters}"
        yield "handover", keys, f"{waiters} waiters", ("plasma", FLOOR)
    for size, text in ((100, "100 B"), (GIB, "1 GiB")):
        yield "command_put", f"size={size}", text, ("plasma_command",)
    yield "command_get", f"size={GIB}", "1 GiB", ("plasma_command",)


def crowd_cases():
    """Default stores that others are connected to."""
    for clients in (0, 100, 1000):
        yield "reconnect", f"clients={clients}", f"beside {clients:,}", ("plasma",)
    for clients in (0, 10, 100, 1000):
        yield "put_beside", f"clients={clients}", f"1 MiB, beside {clients:,}", ("plasma",)
    for leases in (10, 100):
        keys = f"clients=1000 holders=100 leases={leases}"
        title = f"100 of 1,000 clients hold {leases} deleted objects each"
        yield "limbo", keys, title, ("plasma",)


def all_cases():
    rows = []
    for group, cases in (
        ("W1", get_cases()),
        ("W2", create_cases()),
        ("W3", process_cases()),
        ("W4", handover_cases()),
    ):
        rows += [(group, *case) for case in cases]
    rows += other_cases()
    rows += [("W11", *case) for case in default_cases()]
    rows += [("W12", *case) for case in crowd_cases()]
    for group, workload, keys, title, who in rows:
        yield Case(group, workload, keys, title, tuple(who), is_slow(keys))


def is_slow(keys):
    """Whether it takes long, or memory that some machines do not have."""
    pairs = (pair.split("=") for pair in keys.split())
    numbers = {key: int(value) for key, value in pairs if value.isdigit()}
    count = numbers.get("objects", numbers.get("operations", 1))
    return count >= 1000000 or count * numbers.get("size", 0) > 128 * MIB


CASES = tuple(all_cases())
# Smaller replacements of slow cases, where no other case runs the workload.
QUICK_CASES = (
    *(case for case in CASES if not case.slow and case.workload != "full"),
    Case("W5", "first_touch", f"size={64 * MIB}", "64 MiB", ("plasma", FLOOR)),
    Case("W8", "mixed", "operations=100000", "100,000 operations", ("plasma",)),
    Case(
        "W8",
        "full",
        "deletes=any least=1000 most=16000000 operations=5000",
        "any deleted, 5,000 creates",
        ("plasma",),
    ),
    Case("W9", "list", "objects=10000", "10,000 objects", ("plasma", "lmdb")),
    Case("W11", "command_get", f"size={MIB}", "1 MiB", ("plasma_command",)),
    Case("W10", "recovery", "objects=10000 steals=1", "", ("recovery",)),
)
