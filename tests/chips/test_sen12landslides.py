"""Sen12Landslides' series: dates, order of dimensions, clouds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from landslide_geo.bands import canonical_name
from landslide_geo.chips import sen12landslides as reader
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.errors import DatasetError

h5py = pytest.importorskip("h5py")

ROWS, COLS = np.mgrid[0:128, 0:128]


def made(
    path: Path, *, dims: tuple[str, ...] = ("time", "x", "y"), event: str = "{'pre': 2, 'post': 3}",
    cloudy: tuple[int, ...] = (), north_up: bool = True, times: list[int] | None = None, without: str = "",
) -> Path:  # fmt: skip
    """A patch of 6 dates: each band is 1000 × date + 100 × its place + row; DEM is the column, the west a landslide."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = times or [0, 30, 60, 90, 120, 150]
    sensor = path.stem.split("_")[-2]
    planes: dict[str, Any] = {
        name: lambda when, i=i: 1000 * when + 100 * i + ROWS for i, name in enumerate(reader.VARIABLES[sensor])
    }
    planes |= {"DEM": lambda when: COLS, "MASK": lambda when: (COLS < 4).astype(np.uint8)}
    if sensor == "s2":
        planes["SCL"] = lambda when: np.where((when in cloudy) & (ROWS < 64), 9, 4)
    with h5py.File(path, "w") as file:
        y = 5e6 - 10 * np.arange(128.0)
        axes = {"time": np.array(times), "x": 1e5 + 10 * np.arange(128.0), "y": y if north_up else y[::-1]}
        for name, values in axes.items():
            file[name] = values
            file[name].make_scale(name)
        for name, plane in planes.items():
            if name == without:
                continue
            stack = np.stack([plane(int(when)) for when in np.argsort(np.argsort(times))])  # time, y, x
            stack = stack if north_up else stack[:, ::-1]
            kind = np.uint8 if name == "MASK" else np.int16
            file[name] = stack.transpose([("time", "y", "x").index(dim) for dim in dims]).astype(kind)
            for axis, dim in enumerate(dims):
                file[name].dims[axis].attach_scale(file[dim])
        file.attrs["pre_post_dates"], file.attrs["annotated"] = event, str(bool(event))
    return path


def one(path: Path) -> Any:
    found = reader.collection(path.parent, seed=0)
    (chip,) = map(found.read, found.splits["train"])
    return chip


def values(path: Path) -> dict[str, float]:
    """The value of each band in row 100 of column 7."""
    return dict(zip(reader.collection(path.parent, seed=0).bands, one(path).image[:, 100, 7], strict=True))


def test_bands_are_those_before_and_after_the_event(tmp_path: Path) -> None:
    path = made(tmp_path / "italy_s2_1.nc")
    found = reader.collection(tmp_path, seed=0)
    assert [canonical_name(name) for name in found.bands] == list(found.bands)
    assert len(found.units) == len(found.bands) == 21
    assert values(path) == {
        **{f"pre_{canonical_name(name)}": 2100 + 100 * i for i, name in enumerate(reader.VARIABLES["s2"])},
        **{canonical_name(name): 3100 + 100 * i for i, name in enumerate(reader.VARIABLES["s2"])},
        "elevation": 7,
    }
    chip = one(path)
    assert (chip.id, chip.block) == ("italy_s2_1", "italy")
    assert chip.truth[:, :4].all()
    assert not chip.truth[:, 4:].any()


@pytest.mark.parametrize("sensor", ["s1asc", "s1dsc"])
def test_radar_keeps_its_pass(tmp_path: Path, sensor: str) -> None:
    end = {"s1asc": "asc", "s1dsc": "desc"}[sensor]
    path = made(tmp_path / f"new_zealand_{sensor}_1.nc")
    assert reader.collection(tmp_path, seed=0).units == ("dB",) * 4 + ("m",)
    assert one(path).block == "new_zealand"
    assert list(values(path)) == [f"pre_vv_{end}", f"pre_vh_{end}", f"vv_{end}", f"vh_{end}", "elevation"]


@pytest.mark.parametrize("dims", itertools.permutations(("time", "y", "x")))
@pytest.mark.parametrize("north_up", [True, False])
def test_the_order_of_dimensions_does_not_matter(tmp_path: Path, dims: tuple[str, ...], north_up: bool) -> None:
    plain = one(made(tmp_path / "a/italy_s2_1.nc", dims=("time", "y", "x")))
    other = one(made(tmp_path / "b/italy_s2_1.nc", dims=dims, north_up=north_up))
    np.testing.assert_array_equal(other.image, plain.image)
    np.testing.assert_array_equal(other.truth, plain.truth)


def test_dates_are_sorted(tmp_path: Path) -> None:
    path = made(tmp_path / "italy_s2_1.nc", times=[150, 0, 120, 30, 90, 60])
    assert (values(path)["pre_blue"], values(path)["blue"]) == (2100, 3100)


def test_the_clearest_dates_are_taken(tmp_path: Path) -> None:
    path = made(tmp_path / "italy_s2_1.nc", cloudy=(1, 2, 3))
    assert (values(path)["pre_blue"], values(path)["blue"]) == (100, 4100)
    path = made(tmp_path / "italy_s2_1.nc", cloudy=(0, 1, 2, 4))
    assert (values(path)["pre_blue"], values(path)["blue"]) == (2100, 3100)
    (part,) = reader.collection(tmp_path, seed=0).batches("train")
    assert (part["mask"][0, :64] == UNKNOWN).all()
    assert (part["mask"][0, 64:] != UNKNOWN).all()


def test_several_events_are_between_the_dates(tmp_path: Path) -> None:
    path = made(tmp_path / "italy_s2_1.nc", event="{'pre': 3, 'post': 4},{'pre': 1, 'post': 2}")
    assert (values(path)["pre_blue"], values(path)["blue"]) == (1100, 4100)


def test_without_an_event_the_middle_stands_in(tmp_path: Path) -> None:
    path = made(tmp_path / "italy_s2_1.nc", event="")
    assert (values(path)["pre_blue"], values(path)["blue"]) == (2100, 3100)


@pytest.mark.parametrize("event", ["{'pre': 0, 'post': 0}", "{'pre': 5, 'post': 5}", "{'pre': 5, 'post': 6}"])
def test_events_outside_of_the_series_are_left_out(tmp_path: Path, event: str) -> None:
    assert one(made(tmp_path / "italy_s2_1.nc", event=event)) is None
    assert list(reader.collection(tmp_path, seed=0).batches("train")) == []


def test_regions_stay_together(tmp_path: Path) -> None:
    for region, i in itertools.product("abcdefghij", range(3)):
        (tmp_path / f"{region}_s2_{i}.nc").touch()
    splits = reader.collection(tmp_path, seed=1).splits
    regions = {name: {path.name[0] for path in paths} for name, paths in splits.items()}
    assert {name: len(found) for name, found in regions.items()} == {"train": 6, "validation": 2, "test": 2}
    assert len(set.union(*regions.values())) == 10


def test_published_splits_are_taken_where_they_are_given(tmp_path: Path) -> None:
    for i in range(5):
        made(tmp_path / "s2" / f"italy_s2_{i}.nc")
    table = tmp_path / "splits.json"
    entry = '{{"id": "italy_{0}", "s2": "s2/italy_s2_{0}.nc", "pixel_annotated": 89}}'.format
    table.write_text(f'{{"train": [{entry(3)}, {entry(0)}], "val": [{entry(4)}], "test": [{entry(1)}]}}')
    found = reader.collection(tmp_path / "s2", seed=0, published=table)
    assert {name: [path.stem for path in paths] for name, paths in found.splits.items()} == {
        "train": ["italy_s2_3", "italy_s2_0"], "validation": ["italy_s2_4"], "test": ["italy_s2_1"]
    }  # fmt: skip

    def says(text: str, pattern: str) -> None:
        table.write_text(text)
        with pytest.raises(DatasetError, match=pattern) as error:
            reader.collection(tmp_path / "s2", seed=0, published=table)
        assert "\n" not in str(error.value)

    says(
        f'{{"train": [{entry(3)}, {entry(8)}], "val": [{entry(9)}], "test": []}}',
        r"italy_s2_8\.nc: missing, as are 1 oth",
    )
    says('{"train": [], "val": []}', r"splits\.json: holds no splits of s2 \(KeyError: 'test'\)")
    says('{"train": [{"id": "a", "s1asc": "b"}], "val": [], "test": []}', r"splits\.json: holds no splits of s2")
    says("train", r"splits\.json: holds no splits of s2")
    table.unlink()
    with pytest.raises(DatasetError, match=r"splits\.json: missing"):
        reader.collection(tmp_path / "s2", seed=0, published=table)


def test_bad_files_are_named(tmp_path: Path) -> None:
    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            list(reader.collection(tmp_path, seed=0).batches("train"))
        assert "\n" not in str(error.value)

    says(r"no REGION_SENSOR_ID\.nc there")
    path = tmp_path / "italy_s2_1.nc"
    for name in ("B8A", "MASK", "SCL", "DEM"):
        made(path, without=name)
        says(rf"italy_s2_1\.nc: holds no variable {name} \(it has .*B02")
    made(path)
    with h5py.File(path, "a") as file:
        file["MASK"][:] = 7
    says(r"italy_s2_1\.nc: a mask holds 0 and 1 only")
    made(path)
    with h5py.File(path, "a") as file:
        file["MASK"][:] = 0
    says(r"italy_s2_1\.nc: has landslides, but its mask is empty")
    made(path)
    with h5py.File(path, "a") as file:
        file["B11"].attrs["_FillValue"] = 7
        file["B11"][:] = 7
    says(r"italy_s2_1\.nc: band B11 of date 2 holds no number")
    made(path)
    with h5py.File(path, "a") as file:
        file.attrs["pre_post_dates"] = "soon"
    says(r"italy_s2_1\.nc: has landslides, but no dates of them")
    made(path)
    with h5py.File(path, "a") as file:
        del file["B04"]
        file["B04"] = np.zeros((6, 128, 128))
    says(r"italy_s2_1\.nc: B04 has dimensions .* instead of time, y and x")
    path.write_bytes(path.read_bytes()[:9000])
    says(r"italy_s2_1\.nc: not a readable HDF5 file")
    made(tmp_path / "italy_s1asc_1.nc")
    says("holds patches of s1asc, s2; name the folder of one of them")


def test_the_real_italian_patch_comes_back(mirror: Path, tmp_path: Path) -> None:
    folder = mirror / "scene_italy_emilia"
    if not folder.is_dir():
        pytest.skip("the mirror holds no scene_italy_emilia")

    def raster(name: str) -> np.ndarray:
        with rasterio.open(folder / name) as dataset:
            return dataset.read()

    path = made(tmp_path / "italy_s2_4120.nc", event="{'pre': 2, 'post': 3}")
    before, after = raster("s2_pre_2023-04-28.tif"), raster("s2_post_2023-05-23.tif")
    dem, mask = raster("dem.tif")[0], raster("mask.tif")[0]
    with h5py.File(path, "a") as file:  # time, x, y
        for i, name in enumerate(reader.VARIABLES["s2"]):
            file[name][2], file[name][3] = before[i].T, after[i].T
        file["DEM"][:], file["MASK"][:] = dem.T, mask.T
    chip = one(path)
    np.testing.assert_array_equal(chip.image, np.concatenate([before, after, dem[None]]))
    np.testing.assert_array_equal(chip.truth, mask)
    assert chip.truth.mean() == pytest.approx(0.0385, abs=1e-4)
