"""What precision is judged by, and what a scan need not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landslide_geo import scan
from landslide_geo.config import ScanParams
from landslide_geo.inference.backends import candidates
from landslide_geo.inference.skipping import Skips
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.pipeline.predictor import sample_windows
from landslide_geo.scene.grid import Block


class Coordinates:
    """A source whose two bands are row and column; the north is unknown."""

    count = 2

    def __init__(self, height: int, width: int, unknown: int) -> None:
        self.height, self.width, self.unknown = height, width, unknown

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        assert block == block.clipped(self.height, self.width)
        rows, cols = np.mgrid[block.row : block.row + block.height, block.col : block.col + block.width]
        values = np.stack([rows, cols]).astype(np.float32)
        valid = rows >= self.unknown
        values[:, ~valid] = np.nan
        return values, valid

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("window", "tiles", "windows"), [(768, 9, 1), (512, 4, 2), (256, 1, 8), (64, 1, 128)])
def test_large_windows_are_made_of_tiles_from_all_over_the_scene(window, tiles, windows):
    height, width = 5000, 4000
    grid = WindowGrid(height, width, window, window // 4)
    images, valid = sample_windows(Coordinates(height, width, 700), grid, Skips(None, None), 2)
    found = np.concatenate(images), np.concatenate(valid)
    assert all(image.shape == (2, 2, window, window) for image in images)
    assert not np.isnan(found[0]).any()
    assert found[1].sum() >= 2**19 * (0.9 if window >= 256 else 0.4)  # no more than 64 places are tried
    side = window if tiles == 1 else 256
    corners = found[0][:, :, ::side, ::side][:, :, : window // side, : window // side]
    known = found[1][:, ::side, ::side][:, : window // side, : window // side]
    places = corners.transpose(0, 2, 3, 1)[known]
    assert len(np.unique(places, axis=0)) == len(places) >= min(tiles * windows, 40) * 0.8
    spread = places.max(axis=0) - places.min(axis=0)
    assert (spread > 0.5 * np.array([height - 700, width])).all()
    # Within a tile pixels lie as they lie in the scene.
    inner = found[0][0, :, : min(side, 64), : min(side, 64)]
    if found[1][0, :64, :64].all():
        assert (np.diff(inner[0], axis=0) == 1).all()
        assert (np.diff(inner[1], axis=1) == 1).all()


def test_a_scene_smaller_than_a_tile_is_judged_by_what_there_is():
    grid = WindowGrid(100, 90, 512, 128)
    (image,), (valid,) = sample_windows(Coordinates(100, 90, 0), grid, Skips(None, None), 1)
    assert image.shape == (1, 2, 512, 512)
    assert valid.sum() == 100 * 90


def test_nothing_valid_gives_nothing_to_judge_by():
    grid = WindowGrid(600, 600, 256, 64)
    assert sample_windows(Coordinates(600, 600, 600), grid, Skips(None, None), 2) == ([], [])


@pytest.mark.skipif(
    "openvino" not in {candidate.name for candidate in candidates()}, reason="only OpenVINO keeps translations"
)
def test_a_scan_whose_network_is_translated_already_needs_no_pytorch(simulated, tmp_path: Path):
    rule = ScanParams(model="red_minus_green", backend="openvino")
    first = scan(simulated.sources, tmp_path / "first", params=rule)
    code = (
        "import sys\nfrom landslide_geo.cli.main import run\n"
        "assert run(sys.argv[1:]) == 0\nassert 'torch' not in sys.modules, 'imported'"
    )
    again = ["scan", *simulated.sources, "--model", "red_minus_green", "--backend", "openvino"]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *again, "--out", str(tmp_path / "again"), "-q"], check=True
    )
    assert (tmp_path / "again" / "probability.tif").read_bytes() == (first.out / "probability.tif").read_bytes()
