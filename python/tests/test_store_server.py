"""plasma_store comes with the package; it needs no pyarrow."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from conftest import HANG, eventually

import plasma


def test_a_store_lives_as_long_as_its_server(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "plasma_store"
    address = tmp_path / "socket"
    server = subprocess.Popen([command, "-m", "10000000", "-s", address], stderr=subprocess.PIPE)
    try:
        eventually(lambda: address.exists() or server.poll() is not None)
        with plasma.connect(address, create=False) as client:
            assert client.get_object(client.put([1, 2])) == [1, 2]
            server.send_signal(signal.SIGTERM)
            _, complaints = server.communicate(timeout=HANG)
            assert server.returncode == 0, complaints
            assert not address.exists() and not Path(client.address).exists()
    finally:
        server.kill()
        server.communicate()
