"""Masked chips that lack a sensor teach and score a network that can do without it, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landslide_geo.chips import simulated, store
from landslide_geo.chips.split import Split
from landslide_geo.chips.zindi import BANDS
from landslide_geo.config import AugmentParams, FixedParams, TrainParams
from landslide_geo.models import Ensemble, Model, build
from landslide_geo.models.modalities import arguments_of
from landslide_geo.pipeline.training import calibrate_model, train_model
from landslide_geo.training.data import HeldChips, TrainingChips
from landslide_geo.training.evaluate import answer, histogram_of, score
from landslide_geo.training.out_of_fold import Predictions
from landslide_geo.training.package import draft

SIZE, COUNT = 64, 4
RADAR = slice(4, 12)
HOW = FixedParams(centre=(800.0,) * 4 + (-14.0,) * 8, scale=(600.0,) * 4 + (5.0,) * 8)
SMALL = {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]}


def params(dropout: float = 0.2, **more) -> TrainParams:
    return TrainParams(
        name="random", architecture="fusion_unet", arguments=arguments_of("fusion_unet", BANDS, SMALL), epochs=1,
        late_epochs=0, batch_size=2, normalisation=HOW, tta=1, workers=0,
        augment=AugmentParams(modality_dropout=dropout), **more,
    )  # fmt: skip


def made(split: str = "train"):
    """Batches of which every second chip was never seen by radar, and the first one's corner by nothing."""
    (whole,) = simulated.collection(chips=8, size=SIZE, bands=BANDS, share=1.0).batches(split)
    whole = whole.isel(chip=slice(0, COUNT))
    whole["image"][1::2, RADAR] = np.nan
    whole["image"][0, :, :8, :8] = np.nan
    return [whole]


@pytest.fixture(scope="module")
def chips() -> Split:
    return Split.of("simulated", made())


@pytest.fixture(scope="module")
def models(chips: Split, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """The same random weights, of a network that learned to do without a sensor, and of one that did not."""
    found = {}
    for name, dropout in (("easy", 0.2), ("stern", 0.0)):
        torch.manual_seed(0)
        network = build("fusion_unet", bands=len(BANDS), arguments=params().arguments).eval()
        out = tmp_path_factory.mktemp("models") / name
        about = {"normalisation": HOW, "out": out, "command": "none", "data": ["none"], "measured": {}}
        found[name] = Model(draft(network, chips, params=params(dropout), **about))
    return found


def test_their_pixels_count_and_radar_is_zero(chips: Split, models: dict[str, Model]) -> None:
    easy, stern = models["easy"], models["stern"]
    assert score(easy, chips).n == COUNT * SIZE**2 - 64, "all but the corner that nothing saw"
    assert score(stern, chips).n == COUNT // 2 * SIZE**2 - 64
    centre, scale = (np.array(v, np.float32)[:, None, None] for v in (HOW.centre, HOW.scale))
    normal = np.clip((chips.images - centre) / scale, *HOW.clip)
    normal[1::2, RADAR] = 0
    normal[0, :, :8, :8] = 0
    expected = easy.calibrate(easy.probabilities(normal.astype(np.float32))[:, 0])
    np.testing.assert_allclose(answer(easy, chips).probability, expected, atol=1e-6)


def test_one_model_an_ensemble_of_it_and_one_with_a_prior_count_the_same(chips: Split, models: dict) -> None:
    alone = histogram_of(models["easy"], chips)
    twice = Ensemble(Path(), "twice", ((models["easy"], 1.0), (models["easy"], 3.0)), 0.5, 1, "", {})
    prior = histogram_of(models["easy"], chips, prior=0.2)
    for other in (histogram_of(twice, chips), prior):
        assert (other.positive.sum(), other.negative.sum()) == (alone.positive.sum(), alone.negative.sum())
    mixed = Ensemble(Path(), "mixed", ((models["easy"], 1.0), (models["stern"], 1.0)), 0.5, 1, "", {})
    assert histogram_of(mixed, chips).at(0.5).n == score(models["stern"], chips).n, "one member needs all of its bands"


def test_samples_to_train_and_to_validate_on_hold_them(chips: Split) -> None:
    own = chips.seen_by((BANDS[:4], BANDS[4:8], BANDS[8:]))
    for sample in (
        HeldChips(own, HOW)[1],
        TrainingChips(own, None, params().model_copy(update={"augment": None}), HOW)[(0, 1)],
    ):
        image, mask, valid, _ = sample
        assert valid.all()
        assert mask.sum() == chips.mask(1).sum()
        assert not image[RADAR].any()
        assert image[:4].any()
    noisy = AugmentParams(noise=1.0, modality_dropout=0.0)
    image = TrainingChips(own, None, params().model_copy(update={"augment": noisy}), HOW)[(0, 1)][0]
    assert not image[RADAR].any(), "what radar did not see is not noise either"
    _, _, valid, _ = HeldChips(chips, HOW)[1]
    assert not valid.any(), "nothing says that the network can do without radar"


def test_training_and_calibration_take_them(tmp_path: Path, chips: Split) -> None:
    for split in ("train", "validation"):
        store.write(tmp_path / f"{split}.zarr", made())
    out = tmp_path / "out"
    bundle = train_model(tmp_path, out, params=params())
    positive = sum(int((chips.masks[i] == 1).sum()) for i in range(COUNT)) - int((chips.masks[0, :8, :8] == 1).sum())
    assert bundle.manifest.calibration.prevalence == pytest.approx(positive / (COUNT * SIZE**2 - 64), abs=1e-6)
    decision = calibrate_model(out, tmp_path, predictions=tmp_path / "p.csv")
    assert decision.before.at(0.5).n == COUNT * SIZE**2 - 64
    told = Predictions.read(tmp_path / "p.csv")
    assert np.isfinite(told.probability).all()
    assert told.truth[1] == pytest.approx((chips.masks[1] == 1).mean(), abs=1e-6)


def test_what_a_network_can_miss_is_a_matter_of_the_chips_bands(chips: Split) -> None:
    easy = chips.seen_by((BANDS[:4], BANDS[4:8], BANDS[8:]))
    assert easy.taking(BANDS[4:]).valid(0).sum() == SIZE**2 - 64
    assert not easy.taking(BANDS[4:]).valid(1).any(), "no sensor is left"
    assert replace(easy, sensors=()).valid(1).sum() == 0
