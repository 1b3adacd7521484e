from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from inventory_scenes import GRID, PIXEL, PROVENANCE, layers, square, write
from odc.geo.geom import BoundingBox
from PIL import Image

from landslide_geo.errors import OutputError, SourceNotFoundError
from landslide_geo.inventory import vectorize
from landslide_geo.report import quicklook
from landslide_geo.report.picture import over_paper, read_rgb, read_single
from landslide_geo.report.quicklook import _detail


def scan(folder: Path, mask: np.ndarray) -> dict[str, object]:
    """Arguments of `quicklook` for a scene of dark forest with bright scars."""
    rasters = layers(folder, mask)
    shade = np.random.default_rng(0).integers(0, 40, (3, *mask.shape))
    picture = np.where(mask, 190, 50) + shade
    bands = np.concatenate([picture, np.full((1, *mask.shape), 255)]).astype(np.uint8)
    inventory = vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0)
    return {
        "post": write(folder / "post.tif", bands),
        "probability": rasters.probability,
        "landslides": inventory.landslides,
        "pre": write(folder / "pre.tif", bands),
        "hillshade": write(folder / "hillshade.tif", bands[0]),
        "title": "A scene",
        "credits": "Simulated",
    }


@pytest.mark.parametrize(("size", "tall"), [(500, True), (120, False)])
def test_large_scenes_get_a_closer_look_and_small_ones_do_not(size: int, tall: bool, tmp_path: Path) -> None:
    arguments = scan(tmp_path, square((size, size), 20, 30, 30))
    quicklook(tmp_path / "q.png", **arguments)  # type: ignore[arg-type]
    width, height = Image.open(tmp_path / "q.png").size
    assert (height > 0.6 * width) == tall


def test_picture_shows_polygons_in_the_colours_of_the_map(tmp_path: Path) -> None:
    arguments = scan(tmp_path, square((120, 120), 20, 30, 60))
    quicklook(tmp_path / "q.png", **arguments)  # type: ignore[arg-type]
    pixels = np.asarray(Image.open(tmp_path / "q.png").convert("RGB")).astype(int)
    likely = np.abs(pixels - np.array([0xD5, 0x5E, 0x00])).max(axis=2) < 14
    assert likely.mean() > 0.02


@pytest.mark.parametrize("missing", [("pre",), ("hillshade",), ("pre", "hillshade")])
def test_what_is_missing_is_left_out(missing: tuple[str, ...], tmp_path: Path) -> None:
    arguments = scan(tmp_path, square((450, 500), 20, 30, 30)) | dict.fromkeys(missing)
    quicklook(tmp_path / "q.png", **arguments)  # type: ignore[arg-type]
    assert Image.open(tmp_path / "q.png").size[0] > 1000


def test_nothing_found_is_a_picture_too(tmp_path: Path) -> None:
    arguments = scan(tmp_path, np.zeros((450, 500), dtype=bool))
    quicklook(tmp_path / "q.png", **arguments)  # type: ignore[arg-type]
    assert Image.open(tmp_path / "q.png").size[0] > 1000


def test_errors_leave_nothing(tmp_path: Path) -> None:
    arguments = scan(tmp_path, square((60, 60), 20, 30, 10))
    with pytest.raises(SourceNotFoundError):
        quicklook(tmp_path / "q.png", **arguments | {"post": tmp_path / "absent.tif"})  # type: ignore[arg-type]
    with pytest.raises(OutputError):
        quicklook(tmp_path / "absent" / "q.png", **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("**/*q.png*"))


def test_pictures_are_decimated_and_stretched_alike_in_whole_and_part(tmp_path: Path) -> None:
    values = np.tile(np.linspace(100, 3000, 400).astype(np.uint16), (3, 400, 1))
    path = write(tmp_path / "rgb.tif", values, nodata=0)
    whole = read_rgb(path, size=100)
    assert whole.values.shape == (100, 100, 3)
    assert whole.values[:, 0].max() == 0
    assert whole.values[:, -1].min() == 255
    box = whole.bounds
    middle = BoundingBox(box.left + 1000, box.bottom, box.left + 3000, box.top, crs=box.crs)
    part = read_rgb(path, size=100, bounds=middle)
    assert part.values[0, 0, 0] == pytest.approx(255 * 0.25**0.8, abs=4)
    assert read_single(path, size=50).values.shape == (50, 50)


def test_transparent_and_nodata_become_paper(tmp_path: Path) -> None:
    bands = np.full((4, 20, 20), 90, dtype=np.uint8)
    bands[3, :, :10] = 0
    shown = over_paper(read_rgb(write(tmp_path / "a.tif", bands), size=20), paper=(1, 2, 3))
    assert (shown[:, :10] == [1, 2, 3]).all()
    assert not (shown[:, 10:] == [1, 2, 3]).any()


def test_the_closer_look_is_where_landslides_are_dense(tmp_path: Path) -> None:
    mask = np.zeros((500, 500), dtype=bool)
    for i in range(6):
        mask |= square(mask.shape, 400 + 12 * (i // 3), 380 + 12 * (i % 3), 8)
    mask |= square(mask.shape, 30, 30, 9)
    found = scan(tmp_path, mask)["landslides"]
    box = BoundingBox(GRID.c, GRID.f - 500 * PIXEL, GRID.c + 500 * PIXEL, GRID.f, crs="EPSG:32654")
    detail = _detail(found, box)  # type: ignore[arg-type]
    assert detail is not None
    assert detail.left <= GRID.c + 3800
    assert detail.right >= GRID.c + 4100
    assert detail.bottom >= box.bottom
    assert detail.right <= box.right
