"""What a scan is expected to take in memory, beside what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from landslide_geo.errors import ParameterError
from landslide_geo.inference.budget import check_budget, engine_memory_mb
from landslide_geo.inference.windows import WindowGrid

BANDS = 4

#: Runs the engine over a source without files in a process of its own, and prints by how many MB that has grown.
SCRIPT = f"""
import json, sys, time
from pathlib import Path

import numpy as np

from landslide_geo.inference.members import Member, averaged
from landslide_geo.inference.run import Cluster, Work, compute
from landslide_geo.inference.store import StripStore
from landslide_geo.inference.symmetries import symmetries
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.memory import release, share_heap

class Source:
    count, geobox = {BANDS}, None
    def read(self, block):
        return np.ones((self.count, *block.shape), dtype=np.float32), np.ones(block.shape, dtype=bool)
    def close(self):
        pass

def network(batch):
    time.sleep(0.1 / answers)  # slower than everything around it, as networks are: all queues are full
    return batch[:, :1] / 2

def status(key):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024

folder, grid, turns, members = json.loads(sys.argv[1])
answers = turns * members
predict = averaged([Member(network, lambda p: p) for _ in range(members)], symmetries(turns))
predict(np.zeros((1, {BANDS}, 32, 32), dtype=np.float32))
grid = WindowGrid(*grid)
work = Work(Source(), predict, grid, 8)
share_heap()
release()
Path("/proc/self/clear_refs").write_text("5")  # the largest resident set is counted from here
before = status("VmRSS")
compute(work, StripStore(Path(folder), grid), Cluster(), memory_mb=1024, report=lambda windows: None)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells how much memory was taken")
@pytest.mark.parametrize(
    ("grid", "turns", "members"),
    [((1024, 4096, 256, 64), 1, 1), ((1024, 4096, 256, 64), 8, 3), ((1024, 4096, 128, 32), 1, 2)],
)
def test_the_estimate_is_what_a_scan_takes(tmp_path, grid, turns, members):
    """Never less, or a budget would not hold; not much more, or scans that fit would be refused.

    More because the queues between threads are seldom all full at once: measured, 1.1 to 1.3 times.
    """
    windows, answers = WindowGrid(*grid), turns * members
    expected = engine_memory_mb(windows, BANDS, windows.batch(8), min(answers, 2), answers=answers)
    asked = json.dumps([str(tmp_path / "strips"), grid, turns, members])
    done = subprocess.run([sys.executable, "-c", SCRIPT, asked], capture_output=True, text=True, check=True)
    taken = float(done.stdout)
    assert 0.95 * taken <= expected <= 1.6 * taken


def test_averaging_takes_memory_however_many_answers_there_are():
    grid = WindowGrid(4096, 4096, 256, 64)
    one, two, many = (engine_memory_mb(grid, 3, 8, answers=answers) for answers in (1, 2, 24))
    assert one < two == many


def test_a_budget_that_just_fits_one_answer_does_not_fit_several():
    grid = WindowGrid(4096, 4096, 768, 128)
    least = int(engine_memory_mb(grid, 3, 4) / 0.75) + 1
    check_budget(grid, 3, 4, least)
    with pytest.raises(ParameterError, match=rf"memory of {least} MB is too little"):
        check_budget(grid, 3, 4, least, answers=8)
