"""Try a patch: an image in, what a model makes of it beside it, live as the threshold moves."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslide_geo.app.folder import AppFolder
from landslide_geo.app.kinds import Kind, check_content, kind_of_name
from landslide_geo.chips.landslide4sense import unlabelled
from landslide_geo.errors import DatasetError, LandslideError, ParameterError
from landslide_geo.models import Ensemble, Model, load_simplest
from landslide_geo.pipeline.patch import Patch, Tried, read_patch, simulated_patch, try_patch
from landslide_geo.report.quicklook import PROBABILITY
from landslide_geo.training.metrics import Counts

Picture = NDArray[np.uint8]

KINDS: Final = (Kind.PNG, Kind.JPEG, Kind.TIFF, Kind.HDF5)
_ENDINGS: Final = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".h5"]
#: Simulated examples, and how many real ones of a mirror are offered.
_SIMULATED: Final = (0, 1, 2)
_REAL: Final = 4
#: The pictures of a patch, from left to right.
PANELS: Final = ("Input", "Truth", "Probability", "Landslides")
_FOUND: Final = (255, 193, 7)
_TRUE: Final = (64, 196, 255)
_UNKNOWN: Final = (200, 200, 200)

HEAD: Final = '<meta name="color-scheme" content="light dark">'
STYLE: Final = """
.gradio-container { max-width: 1500px !important; margin: 0 auto; }
nav.pages { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; font-size: 1rem; }
nav.pages { padding: .25rem 0 .5rem; }
nav.pages strong { font-size: 1.1rem; }
nav.pages a { color: #0b5394; text-decoration: underline; }
.dark nav.pages a { color: #9cc9ff; }
.gradio-container main { max-width: none !important; padding: .5rem 1rem !important; }
.patches { display: grid !important; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
figure.patch { margin: 0; max-width: 340px; }
p.wrong { background: #fdecee; border-left: 4px solid #a40e26; color: #1f2328; padding: .5rem .75rem; margin: 0; }
figure.patch img, figure.patch .none { width: 100%; image-rendering: pixelated; border: 1px solid #c8ccd1; }
figure.patch .none { aspect-ratio: 1; display: grid; place-items: center; color: #57606a; }
.dark figure.patch .none { color: #c8ccd1; }
.or, .min_value, .max_value { color: #57606a !important; }
.dark .or, .dark .min_value, .dark .max_value { color: #c8ccd1 !important; }
figure.patch figcaption { font-size: .9rem; padding: .2rem 0; }
"""
_NAV: Final = (
    '<nav class="pages" aria-label="Pages"><strong>landslide-geo</strong><a href="/map/">Scan a scene</a>'
    '<a href="/map/compare.html">Compare</a><span aria-current="page">Try a patch</span></nav>'
)
_LEGEND: Final = (
    "Probability from pale (0) to dark violet (1). Landslides above the threshold are outlined in yellow, the truth in "
    "blue; unknown ground is grey."
)


def THEME() -> gr.themes.Base:  # noqa: N802 — used like a constant, made when the library is there
    """System fonts only: nothing is loaded."""
    return gr.themes.Base(primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on the page: a patch and the answer of a model."""

    patch: Patch
    tried: Tried


def _sent(**options: Any) -> gr.File:
    """A box that takes files which came through the browser, and no others.

    What names a file in a request need not be one that was sent: the library takes any path of this machine, and any
    address, where a page is part of another application.
    """
    box = gr.File(file_types=_ENDINGS, type="filepath", height=120, **options)

    async def taken(url_or_file_path: str | Path | None) -> str | None:
        if url_or_file_path is None:
            return None
        path = Path(url_or_file_path).resolve()
        if not path.is_relative_to(Path(box.GRADIO_CACHE).resolve()) or not path.is_file():
            raise ParameterError("the file is no longer there; choose it again")
        return str(path)

    # Of this one alone: for each class of its own the library writes a file beside the module.
    box.async_move_resource_to_block_cache = taken  # type: ignore[method-assign]
    return box


def build(folder: AppFolder, *, mirror: Path | None = None) -> gr.Blocks:
    """The page.

    Args:
        folder: the work folder, for models.
        mirror: folder with copies of datasets; patches of Landslide4Sense in it are offered as examples.
    """
    examples = _examples(mirror)
    first = load_simplest("default")
    with gr.Blocks(title="Try a patch – landslide-geo", analytics_enabled=False) as page:
        gr.HTML(_NAV)
        gr.Markdown("# Try a patch\nDrop a small image, or pick an example, and see what a model makes of it.")
        shown = gr.State(None)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                example = gr.Dropdown([(name, name) for name in examples], value=next(iter(examples)), label="Example")
                file = _sent(label="Or your own: PNG, JPEG, GeoTIFF, or image_N.h5 of Landslide4Sense")
                truth = _sent(label="Its truth, if you know it (mask)")
                model = gr.Dropdown(list(folder.models()), value="default", label="Model")
                threshold = gr.Slider(0.01, 0.99, value=round(first.threshold, 2), step=0.01, label="Threshold")
                told = gr.Markdown("")
            with gr.Column(scale=4):
                wrong = gr.HTML("")
                with gr.Row(elem_classes="patches"):
                    pictures = [gr.HTML(_figure(label, None)) for label in PANELS]
                gr.Markdown(_LEGEND)
                with gr.Row():
                    with gr.Column(scale=1, min_width=200):
                        band = gr.Dropdown([], value=None, label="Band", interactive=True)
                        gate = gr.Label(label="What the model weighs", visible=False)
                    with gr.Column(scale=2):
                        one = gr.HTML(_figure("Band", None))
        outputs = [wrong, shown, threshold, *pictures, told, band, one, gate]
        ask = partial(_asked, folder, examples)
        example.input(lambda: (None, None), None, [file, truth])
        file.upload(lambda: None, None, example)
        gr.on([page.load, example.input, file.upload, truth.upload, truth.clear, model.input], ask,
              [example, file, truth, model], outputs, concurrency_limit=1, api_visibility="private")  # fmt: skip
        threshold.input(_decided, [shown, threshold], [pictures[3], told], show_progress="hidden",
                         trigger_mode="always_last", api_visibility="private")  # fmt: skip
        band.input(_band, [shown, band], one, show_progress="hidden", api_visibility="private")
    return page


def _asked(
    folder: AppFolder,
    examples: dict[str, Patch | tuple[Path, Path]],
    example: str | None,
    file: str | None,
    truth: str | None,
    model: str,
) -> tuple[Any, ...]:
    """Everything on the page for one patch and one model."""
    if file is None and example is None:
        return _nothing("")
    try:
        patch = _read(file, truth) if file is not None else _example(examples[str(example)])
        loaded = _model(folder.model(model), folder.model_changed(model))
        tried = try_patch(loaded, patch)
    except LandslideError as error:
        told = " ".join(str(error).split())
        for path in filter(None, (file, truth)):  # by its name: where it lies says nothing
            told = told.replace(path, Path(path).name)
        return _nothing(told)
    state = Shown(patch, tried)
    at = round(float(loaded.threshold), 2)
    mask, told = _decided(state, at)
    colours = _colours(patch)
    known = None if patch.truth is None else _outlined(colours, patch.truth, _TRUE)
    return (
        "",
        state,
        at,
        _figure("Input", colours),
        _figure("Truth", known),
        _figure("Probability", _probability(tried.probability)),
        mask,
        told,
        gr.update(choices=list(patch.bands), value=patch.bands[0]),
        _band(state, patch.bands[0]),
        gr.update(value=tried.gate, visible=tried.gate is not None),
    )


def _nothing(wrong: str) -> tuple[Any, ...]:
    """The page without a patch, and what is wrong: pictures of another one must not stay beside it."""
    empty = [_figure(label, None) for label in PANELS]
    none = gr.update(choices=[], value=None)
    alert = f'<p role="alert" class="wrong">{html.escape(wrong)}</p>' if wrong else ""
    return (alert, None, gr.skip(), *empty, "", none, _figure("Band", None), gr.update(visible=False))


def _decided(state: Shown | None, threshold: float) -> tuple[str, str]:
    """The picture of what lies above a threshold, and its figures."""
    if state is None:
        return _figure("Landslides", None), ""
    found = state.tried.probability >= threshold
    known = np.isfinite(state.tried.probability)
    share = found.sum() / max(known.sum(), 1)
    lines = [f"**{share:.1%}** of the known ground lies above {threshold:.2f}."]
    if (truth := state.patch.truth) is not None:
        hit, missed, false = (int((each & known).sum()) for each in (found & truth, truth & ~found, found & ~truth))
        counts = Counts(tp=hit, fp=false, fn=missed, tn=int(known.sum()) - hit - missed - false)
        lines.append(f"Against the truth: F1 **{counts.f1:.3f}**, IoU **{counts.iou:.3f}** of this patch alone.")
    if state.tried.cloud_score is not None:
        lines.append(f"Cloud score that the gate saw: {state.tried.cloud_score:.2f}.")
    if state.patch.simulated:
        lines.append("*Simulated: its landslides are made up.*")
    picture = _outlined(_colours(state.patch), found, _FOUND)
    return _figure("Landslides", picture, f"{share:.1%} above {threshold:.2f}"), "\n\n".join(lines)


def _band(state: Shown | None, band: str | None) -> str:
    """One band, stretched from its 2nd to its 98th percentile."""
    if state is None or band not in state.patch.bands:
        return _figure("Band", None)
    values = state.patch.image[[state.patch.bands.index(band)]]
    return _figure("Band", _stretched(np.repeat(values, 3, axis=0)), band)


def _figure(label: str, picture: Picture | None, told: str = "") -> str:
    """A picture with its name, inside the page: nothing is written to disk, and readers of screens are told."""
    said = html.escape(f"{label}: {told}" if told else label)
    if picture is None:
        return f'<figure class="patch"><div class="none">none</div><figcaption>{said}</figcaption></figure>'
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return (
        f'<figure class="patch"><img alt="{said}" src="data:image/png;base64,{data}">'
        f"<figcaption>{said}</figcaption></figure>"
    )


def _read(file: str, truth: str | None) -> Patch:
    paths = [Path(each) for each in (file, truth) if each is not None]
    for path in paths:
        check_content(path, path.name, kind_of_name(path.name, KINDS))
    return read_patch(paths[0], truth=paths[1] if len(paths) > 1 else None)


def _example(example: Patch | tuple[Path, Path]) -> Patch:
    return example if isinstance(example, Patch) else read_patch(example[0], truth=example[1])


def _examples(mirror: Path | None) -> dict[str, Patch | tuple[Path, Path]]:
    found: dict[str, Patch | tuple[Path, Path]] = {}
    if mirror is not None:
        try:
            patches = [path for _, path in unlabelled(mirror / "landslide4sense_h5").splits["test"]]
        except DatasetError:
            patches = []
        for path in patches[:_REAL]:
            mask = path.parent.parent / "mask" / path.name.replace("image", "mask")
            if mask.is_file():
                found[f"Landslide4Sense {path.stem}"] = path, mask
    return found | {f"Simulated patch {index + 1}": simulated_patch(index) for index in _SIMULATED}


@lru_cache(maxsize=3)
def _model(name: str, changed: float) -> Model | Ensemble:
    """A model as it was at some time: one in the work folder may be trained anew."""
    return load_simplest(name)


def _colours(patch: Patch) -> Picture:
    """Red, green and blue as they were seen; without them the first three bands, or one in grey."""
    names: tuple[str, ...] = ("red", "green", "blue")
    if not set(names) <= set(patch.bands):
        names = patch.bands[:3] if len(patch.bands) >= 3 else (patch.bands[0],) * 3
    return _stretched(patch.image[[patch.bands.index(name) for name in names]])


def _stretched(values: NDArray[np.float32]) -> Picture:
    """(3, y, x) → (y, x, 3) between the 2nd and 98th percentile of each, unknown ground grey."""
    known = np.isfinite(values).all(axis=0)
    picture = np.empty((*values.shape[1:], 3), np.uint8)
    picture[:] = _UNKNOWN
    if known.any():
        low, high = np.percentile(values[:, known], (2, 98), axis=1)[..., None]
        scaled = 255 * (values[:, known] - low) / np.maximum(high - low, 1e-9)
        picture[known] = np.clip(scaled, 0, 255).round().astype(np.uint8).T
    return picture


def _probability(values: NDArray[np.float32]) -> Picture:
    picture: Picture = PROBABILITY(np.nan_to_num(values), bytes=True)[..., :3].copy()
    picture[~np.isfinite(values)] = _UNKNOWN
    return picture


def _outlined(picture: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    """Ground in a mask tinted, its rim in full colour."""
    inner = mask.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            neighbour = np.roll(mask, step, axis=axis)
            edge = [slice(None)] * 2
            edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
            neighbour[tuple(edge)] = True  # the picture's own rim is no outline
            inner &= neighbour
    drawn = picture.astype(np.float32)
    drawn[inner] = 0.65 * drawn[inner] + 0.35 * np.array(colour, np.float32)
    drawn[mask & ~inner] = colour
    return np.asarray(drawn.round().astype(np.uint8))
