# SPDX-License-Identifier: Apache-2.0
"""The conditions of a run: the machine, its state, and all versions."""

import os
import platform
import re
import subprocess
from pathlib import Path

from harness import subjects


def read(path):
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def cpu_model():
    found = re.search(r"^(?:model name|CPU implementer)\s*:\s*(.+)$", read("/proc/cpuinfo"), re.M)
    return found.group(1) if found else "unknown"


def huge_pages(which):
    """The policy in force, which the kernel shows in brackets."""
    text = read(f"/sys/kernel/mm/transparent_hugepage/{which}")
    found = re.search(r"\[(.+)\]", text)
    return found.group(1) if found else "unknown"


def load():
    return " ".join(read("/proc/loadavg").split()[:3])


def describe():
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{int(memory.group(1)) / 2**20:.1f} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "transparent_hugepage/enabled": huge_pages("enabled"),
        "transparent_hugepage/shmem_enabled": huge_pages("shmem_enabled"),
        "load before": load(),
    }


def output(*command):
    try:
        done = subprocess.run(command, cwd=subjects.ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def plasma_version():
    found = re.search(r'^version = "(.+)"', read(subjects.ROOT / "Cargo.toml"), re.M)
    commit = output("git", "rev-parse", "--short", "HEAD")
    changed = output(
        *("git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"),
        *("src", "capi", "include", "Cargo.lock"),
    )
    words = [found.group(1) if found else "unknown", commit, "with changes" if changed else ""]
    return " ".join(word for word in words if word)


def versions(names):
    """Versions of Plasma, of its compilers, and of the subjects that report one."""
    found = {
        "plasma": plasma_version(),
        "rustc": output("rustc", "--version"),
        "cc": output("cc", "--version").split("\n")[0],
        "python": platform.python_version(),
    }
    found.update((name, subjects.version(name)) for name in names if name not in found)
    return {name: text for name, text in found.items() if text}
