"""Chips on disk come back as they were written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from landslide_geo.chips import store
from landslide_geo.errors import DatasetError


def some(count: int, start: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(start)
    image = rng.random((count, 2, 8, 8), dtype=np.float32)
    image[:, :, 0] = np.nan
    return store.batch(
        image, rng.choice(np.array([0, 1, store.UNKNOWN], dtype=np.uint8), (count, 8, 8)), bands=("red", "slope"),
        units=("reflectance", "degrees"), gsd_m=10.0, crs="EPSG:32654", id=[f"Ōsaka_{start + i}" for i in range(count)],
        block=["a/0/0"] * count, source=["a"] * count, reason=["field;road", *[""] * (count - 1)],
    )  # fmt: skip


def test_batches_come_back_as_one(tmp_path: Path) -> None:
    parts = [some(3), some(2, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the format is settled
        assert store.write(tmp_path / "train.zarr", iter(parts)) == 5
        found = store.read(tmp_path / "train.zarr")
        assert xr.open_zarr(tmp_path / "train.zarr").sizes["chip"] == 5, "as the documentation opens it"
    xr.testing.assert_identical(found.load(), xr.concat(parts, "chip", data_vars="minimal"))
    assert found.attrs == parts[0].attrs
    assert found["image"].dtype == np.float32
    assert found["mask"].dtype == np.uint8


def test_chips_are_read_one_by_one(tmp_path: Path) -> None:
    store.write(tmp_path / "train.zarr", [some(4)])
    for name in ("image", "mask"):  # a chip is a file
        assert len([path for path in (tmp_path / "train.zarr" / name).iterdir() if path.name[0] != "."]) == 4


def test_labels_stand_instead_of_masks(tmp_path: Path) -> None:
    masked = some(3)
    texts = {name: list(masked[name].to_numpy()) for name in ("id", "block", "source", "reason")}
    place = {"bands": ("red", "slope"), "units": ("reflectance", "degrees"), "gsd_m": None, "crs": ""}
    label = np.array([1, 0, 1], dtype=np.uint8)
    part = store.batch(masked["image"].to_numpy(), label=label, **place, **texts)
    store.write(tmp_path / "train.zarr", [part, part])
    found = store.read(tmp_path / "train.zarr")
    assert "mask" not in found
    assert found.attrs["gsd_m"] is None
    np.testing.assert_array_equal(found["label"], [1, 0, 1, 1, 0, 1])
    for truth in ({}, {"mask": masked["mask"].to_numpy(), "label": label}):
        with pytest.raises(ValueError, match="either masks or labels"):
            store.batch(masked["image"].to_numpy(), **truth, **place, **texts)


def test_steps_of_the_values_and_simulation_are_told(tmp_path: Path) -> None:
    plain = some(2)
    assert plain.attrs["quantum"] == [None, None]
    assert not store.is_simulated(plain)
    texts = {name: list(plain[name].to_numpy()) for name in ("id", "block", "source", "reason")}
    place = {"bands": ("red", "slope"), "units": ("reflectance", "degrees"), "gsd_m": None, "crs": ""}
    values = (plain["image"].to_numpy(), plain["mask"].to_numpy())
    part = store.batch(*values, **place, quantum=(0.5, None), simulated=True, **texts)
    store.write(tmp_path / "train.zarr", [part])
    found = store.read(tmp_path / "train.zarr")
    assert found.attrs["quantum"] == [0.5, None]
    assert store.is_simulated(found)
    assert store.is_simulated(store.batch(*values, **place, **texts | {"source": ["a", store.SIMULATED]}))
    with pytest.raises(ValueError, match="1 quanta for 2 bands"):
        store.batch(*values, **place, quantum=(0.5,), **texts)


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    assert store.write(tmp_path / "train.zarr", []) == 0
    assert not (tmp_path / "train.zarr").exists()


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.zarr: no chips there"):
        store.read(tmp_path / "nowhere.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DatasetError, match=r"empty.zarr: is no store of chips .*make them again"):
        store.read(tmp_path / "empty.zarr")
    some(1).drop_vars("mask").to_zarr(tmp_path / "half.zarr", zarr_format=2, consolidated=False)
    with pytest.raises(DatasetError, match=r"half.zarr: the chips lack 'mask'"):
        store.read(tmp_path / "half.zarr")
