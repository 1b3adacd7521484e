from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
from PIL import Image

import landslide_geo.report as room
from landslide_geo.report import gallery


def test_gallery_has_one_of_every_picture_and_says_that_all_is_simulated(tmp_path: Path) -> None:
    paths = gallery.draw(tmp_path / "gallery")
    assert sorted(path.name for path in (tmp_path / "gallery").iterdir()) == sorted(path.name for path in paths)
    for path in paths:
        picture = np.asarray(Image.open(path))
        assert picture.shape[2] == 3
        assert np.ptp(picture[100:].astype(int)) > 200, path.name
        assert (np.abs(picture[20, 5].astype(int) - [0xD5, 0x5E, 0x00]) < 3).all(), "the band of what is simulated"
    code = "".join(file.read_text() for file in Path(room.__file__).parent.glob("*.py") if file.stem != "gallery")
    drawers = {line.split("(")[0].removeprefix("def ") for line in code.splitlines() if line.startswith("def draw_")}
    shown = inspect.getsource(gallery)
    assert {name for name in drawers - {"draw_graticule"} if f"{name}(" not in shown} == set()
