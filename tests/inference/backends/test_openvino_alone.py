"""What OpenVINO does beside running networks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")


#: Opens a network, and says where anything is forked, started or sent.
_OPENED = """
import sys
def heard(event, arguments):
    if event in ("os.fork", "socket.connect", "socket.getaddrinfo"):
        print(event, arguments, flush=True)
sys.addaudithook(heard)
import time
import torch
from landslide_geo.inference.backends import openvino_backend
from landslide_geo.inference.backends.base import Candidate, Shape
network = torch.nn.Conv2d(2, 1, 1)
openvino_backend.open_network(network, Candidate("openvino", "float32", "cpu"), SHAPE)
time.sleep(0.5)
"""


def test_nothing_is_told_to_anybody_over_the_network(tmp_path: Path) -> None:
    program = _OPENED.replace("SHAPE", "Shape(bands=2, window=32, batch_size=1)")
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment |= {"HOME": str(tmp_path)}  # where somebody may have declined
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == ""
