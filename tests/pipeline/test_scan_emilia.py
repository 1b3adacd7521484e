"""A real place with both sensors at two dates, two passes and an elevation model, as its files are."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from landslide_geo import scan
from landslide_geo.chips.split import Split
from landslide_geo.config import AugmentParams, FixedParams, ScanParams, TrainParams
from landslide_geo.models import build
from landslide_geo.models.modalities import arguments_of
from landslide_geo.training import package

OPTICAL, RADAR = ("red", "green", "blue", "nir"), ("vv_desc", "vh_desc", "vv_asc", "vh_asc")
BANDS = (*OPTICAL, *(f"pre_{name}" for name in OPTICAL), *RADAR, *(f"pre_{name}" for name in RADAR), "slope")
HOW = FixedParams(centre=(800.0,) * 8 + (-14.0,) * 8 + (10.0,), scale=(600.0,) * 8 + (5.0,) * 8 + (10.0,))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fusion network with random weights, which any of its sensors may lack."""
    from landslide_geo.chips import simulated

    torch.manual_seed(0)
    given = arguments_of("fusion_unet", BANDS, {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]})
    params = TrainParams(
        name="random", architecture="fusion_unet", arguments=given, normalisation=HOW, tta=1,
        augment=AugmentParams(modality_dropout=0.2),
    )  # fmt: skip
    chips = Split.of("simulated", simulated.collection(chips=2, size=64, bands=BANDS).batches("train"))
    network = build("fusion_unet", bands=len(BANDS), arguments=given).eval()
    out = tmp_path_factory.mktemp("models") / "fused"
    with pytest.MonkeyPatch.context() as patch:  # one gradient instead of sixteen: what it looks at is not the matter
        patch.setattr(package, "window_facts", partial(package.window_facts, samples=1))
        package.draft(
            network, chips, params=params, normalisation=HOW, out=out, command="none", data=["none"], measured={}
        )
    return out


def test_all_of_its_files_make_one_scan(mirror: Path, model: Path, tmp_path: Path) -> None:
    place = mirror / "scene_italy_emilia"
    if not place.is_dir():
        pytest.skip(f"{place} is not in the mirror")
    optical = [place / "s2_post_2023-05-23.tif", f"pre={place / 's2_pre_2023-04-28.tif'}"]
    radar = [
        f"asc={place / 's1asc_post_2023-05-23.tif'}", f"pre_asc={place / 's1asc_pre_2023-05-11.tif'}",
        f"desc={place / 's1dsc_post_2023-05-22.tif'}", f"pre_desc={place / 's1dsc_pre_2023-05-15.tif'}",
    ]  # fmt: skip
    params = ScanParams(model=str(model), threshold=0.5, min_slope_deg=0, flat_slope_deg=0, backend="torch")
    found = {}
    for name, sources in {"both": [*optical, *radar], "optical": optical, "radar": radar}.items():
        scan(sources, tmp_path / name, dem=place / "dem.tif", params=params)
        with rasterio.open(tmp_path / name / "probability.tif") as dataset:
            assert str(dataset.crs) == "EPSG:32632"
            found[name] = dataset.read(1)
        assert np.isfinite(found[name]).all()
        told = json.loads((tmp_path / name / "scan.json").read_text())
        assert told["model"]["name"] == "random"
    assert found["both"].shape == (128, 128)
    # Each sensor has its say: what is left without the other is another map.
    assert not np.allclose(found["both"], found["optical"], atol=1e-3)
    assert not np.allclose(found["both"], found["radar"], atol=1e-3)
