from __future__ import annotations

import pytest

from landslide_geo.config import ScanParams
from landslide_geo.errors import ParameterError
from landslide_geo.models import load_ensemble
from landslide_geo.pipeline.windows import choose_windows

ON_THE_PROCESSOR = ScanParams(backend="openvino")


@pytest.fixture(scope="module")
def model():
    return load_ensemble("default")


def test_a_large_scene_gets_the_windows_of_the_bundle(model):
    windows = choose_windows(model, ON_THE_PROCESSOR, 5000, 5000)
    assert (windows.grid.window, windows.grid.overlap) == model.windows("cpu")
    assert windows.batch_size == 1


@pytest.mark.parametrize(("height", "width", "window"), [(128, 128, 128), (300, 40, 320), (5000, 40, 768)])
def test_a_small_scene_gets_windows_that_just_hold_it(model, height, width, window):
    assert choose_windows(model, ON_THE_PROCESSOR, height, width).grid.window == window


def test_what_is_asked_for_is_taken(model):
    params = ON_THE_PROCESSOR.model_copy(update={"window": 96, "overlap": 8, "batch_size": 5})
    windows = choose_windows(model, params, 5000, 5000)
    assert (windows.grid.window, windows.grid.overlap, windows.batch_size) == (96, 8, 5)
    half = choose_windows(model, params.model_copy(update={"overlap": None}), 5000, 5000)
    assert half.grid.overlap == 48, "the model's own, but no more than half of the window"


def test_a_window_that_networks_cannot_take_is_refused(model):
    with pytest.raises(ParameterError, match="multiple of 32"):
        choose_windows(model, ScanParams(window=100), 500, 500)
