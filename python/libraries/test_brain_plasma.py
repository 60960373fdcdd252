"""brain-plasma's own tests, with a real store in place of their mock."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import SOURCES

PLUGIN = """
import brain_plasma.mock
from brain_plasma.brain_client import BrainClient

class Fresh(BrainClient):
    def __init__(self, path):
        super().__init__(path)
        self.delete(list(self.list()))

brain_plasma.mock.MockPlasmaClient = Fresh
"""


def test_its_own_tests(tmp_path: object) -> None:
    project = SOURCES / "brain-plasma"
    if not project.exists():
        pytest.skip("brain-plasma was not fetched")
    path = "/tmp/plasma"  # its default, which its tests expect
    if os.path.lexists(path):
        pytest.skip(f"{path} exists")
    with open(f"{tmp_path}/real_store.py", "w") as plugin:
        plugin.write(PLUGIN)
    server = subprocess.Popen(["plasma_store", "-m", "10000000", "-s", path])
    try:
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{project}"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "real_store", "tests"]
        subprocess.run(command, cwd=project, env=environment, check=True, timeout=120)
    finally:
        server.terminate()
        assert server.wait(10) == 0
