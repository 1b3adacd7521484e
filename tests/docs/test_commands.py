"""Every command of README.md and docs/ is run, or at least understood by its program; none is left out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from documented import PROJECT, Block, Command, blocks, pages
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
from shapely import box
from understood import options_of, shell_reads, understand

sys.path.insert(0, str(PROJECT / "docs/_ext"))
from command_line import commands as program
from command_line import told

BLOCKS: list[Block] = [block for page in pages() for block in blocks(page)]
COMMANDS: list[Command] = [command for block in BLOCKS if block.language == "bash" for command in block.commands()]
PARSED = [command for command in COMMANDS if command.why is not None]
EXAMPLES = [(" ".join(names), example) for names, command in program() for example in told(command)[1]]
#: Pages of which anything is run, in order.
RUN = list(dict.fromkeys(block.page for block in BLOCKS if block.runs()))
#: What a reader has and a page only names, in blocks of Python.
STAND_INS = """
import torch
module = torch.nn.Sequential(torch.nn.Conv2d(4, 1, 1), torch.nn.Sigmoid())
my_network = lambda batch: batch[:, :1] / 10_000
"""
#: Where the real scene has many landslides: the first column and row, and pixels each way.
PLACE = Window(420, 330, 300, 300)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.why is None], ids=str)
def test_what_is_run_is_understood(command: Command) -> None:
    understand(command.text)


@pytest.mark.parametrize("command", PARSED, ids=lambda c: f"{c} ({c.why})")
def test_what_is_not_run_is_understood(command: Command) -> None:
    assert command.why
    understand(command.text)


@pytest.mark.parametrize(("command", "example"), EXAMPLES, ids=[example[:60] for _, example in EXAMPLES])
def test_examples_of_help_are_understood(command: str, example: str) -> None:
    assert example.startswith("landslide "), f"{command} --help: {example!r} is no command"
    for part in Block("", 0, "bash", example, ()).commands():
        understand(part.text)


def test_no_command_is_left_out(tmp_path: Path) -> None:
    """Blocks of commands are `bash`, none is merely indented, and every remark is about a command."""
    languages = {block.language for block in BLOCKS if not block.language.startswith("{")}
    assert languages <= {"bash", "python", "yaml", "text", "mermaid"}
    for block in BLOCKS:
        if block.language == "bash":
            shell_reads(block.text, tmp_path)
            assert block.commands(), f"{block.page}:{block.line}: a block without a command"
            for start, _ in block.remarks:
                assert start == "all" or any(c.text.startswith(start) for c in block.commands()), (
                    f"{block.page}:{block.line}: no command begins with {start!r}"
                )
        elif block.language == "python":
            compile(block.text, f"{block.page}:{block.line}", "exec")
        elif block.language in ("text", "yaml"):
            assert not re.search(r"^\s*landslide (?!\[)", block.text, re.MULTILINE), f"{block.page}:{block.line}"
    for page in pages():
        outside = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"^(?: {4}|\t)(?:landslide|python|make|dvc|pip) ", outside, re.MULTILINE), page.name
    assert set(PROJECT.glob("docs/*.md")) <= set(pages())
    run = [command for command in COMMANDS if command.why is None]
    assert len(run) + len(PARSED) == len(COMMANDS)
    assert len(run) >= 40, f"{len(run)} of {len(COMMANDS)} commands are run: the pages should show what can be tried"


def test_commands_mentioned_in_sentences_have_these_options() -> None:
    seen = 0
    for page in pages():
        outside = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for mention in re.findall(r"`(landslide [a-z][^`]*)`", outside):
            words = re.split(r"\s+", mention)[1:]
            if not re.fullmatch(r"[a-z][a-z-]*", words[0]):
                continue
            known, name = options_of([word for word in words if re.fullmatch(r"[a-z][a-z0-9-]*", word)])
            for option in (word for word in words if word.startswith("--")):
                assert option.strip(",.…") in known, f"{page.name}: `{mention}`: {name} has no {option}"
            seen += 1
    assert seen > 50


@pytest.fixture(scope="module")
def stock(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages name and a reader has: bands of a real scene, its elevations, an area. Never write into it."""
    folder = tmp_path_factory.mktemp("stock")
    scene = mirror / "scene_hokkaido_iburi"
    bands = (("red", "B04", "B4"), ("green", "B03", "B3"), ("blue", "B02", "B2"))
    for kind, name in (("post-event", "after"), ("pre-event", "before")):
        _cut(folder / f"{name}.tif", [scene / kind / f"download.{number}.tif" for *_, number in bands])
    (folder / "scene").mkdir()
    for band, name, number in bands:
        _cut(folder / f"{name}.tif", [scene / f"post-event/download.{number}.tif"])
        shutil.copy(folder / f"{name}.tif", folder / f"scene/{band}.tif")
    shutil.copy(scene / "dem/download.DSM.tif", folder / "dem.tif")
    four = [folder / f"{name}.tif" for name in ("B04", "B03", "B02")] + [folder / "before.tif"]
    _to_utm(folder / "scene.tif", four)
    with rasterio.open(folder / "B04.tif") as dataset:
        area = gpd.GeoDataFrame(geometry=[box(*dataset.bounds)], crs=dataset.crs)
    for name in ("area.geojson", "iburi.geojson", "area.gpkg"):
        area.to_file(folder / name)
    for name in ("inventory_balakot", "scene_italy_emilia"):
        (folder / name).symlink_to(mirror / name)
    return folder


def _cut(path: Path, sources: list[Path], place: Window = PLACE) -> None:
    """The same part of some files, all their bands in one."""
    names = ("red", "green", "blue", "nir")
    with rasterio.open(sources[0]) as first:
        count = len(sources) if len(sources) > 1 else first.count
        profile = first.profile | {"width": place.width, "height": place.height, "count": count, "driver": "GTiff"}
        profile["transform"] = first.window_transform(place)
    with rasterio.open(path, "w", **profile) as made:
        for number in range(count):
            with rasterio.open(sources[min(number, len(sources) - 1)]) as source:
                band = 1 if len(sources) > 1 else number + 1
                made.write(source.read(band, window=place), number + 1)
            if count > 1:
                made.set_band_description(number + 1, names[number])


def _to_utm(path: Path, sources: list[Path]) -> None:
    """The first bands of some files in one, on a grid in metres."""
    arrays = []
    for source in sources:
        with rasterio.open(source) as dataset, WarpedVRT(dataset, crs="EPSG:32654") as warped:
            arrays.append(warped.read(1))
            profile = warped.profile | {"driver": "GTiff", "count": len(sources)}
    with rasterio.open(path, "w", **profile) as made:
        made.write(np.stack(arrays))


@pytest.fixture(scope="module")
def finished(stock: Path, environment: dict[str, str]) -> Path:
    """A scan of that scene in `out/`, for pages that begin with one."""
    line = "landslide scan red=B04.tif green=B03.tif blue=B02.tif --dem dem.tif --date 2018-09-11 --out made/out -q"
    _run(["bash", "-c", line], stock, environment)
    return stock / "made/out"


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """The folder of `make demo`, run once; a second one finds its work done."""
    folder = tmp_path_factory.mktemp("demo")
    _checkout(folder)
    _run(["bash", "-c", _script(["make demo"])], folder, environment)
    return folder


def _checkout(folder: Path) -> None:
    """What `make` wants of a checkout, with an environment that is there."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / ".venv").symlink_to(sys.prefix)


@pytest.fixture(scope="module")
def environment(mirror: Path, cache: Path) -> dict[str, str]:
    """Commands are those of this installation and this checkout."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "LANDSLIDE_MIRROR": str(mirror),
        "XDG_CACHE_HOME": str(cache),
    }


#: Pages that begin with a finished scan.
BEGIN_WITH_SCAN = {"docs/review.md", "docs/own_data.md"}
#: Pages that have `make demo` in them, which takes a while the first time.
DEMONSTRATE = {"README.md", "docs/tutorial.md"}


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, stock: Path, finished: Path, demonstrated: Path, environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[None]]]:  # fmt: skip
    """The pages that are asked for, two at a time: most of what a command costs is one processor's start of it."""

    def run(page: str) -> None:
        folder = tmp_path_factory.mktemp(Path(page).stem)
        for path in stock.iterdir():
            if path != finished.parent:
                (folder / path.name).symlink_to(path)
        _checkout(folder)
        if page in DEMONSTRATE:
            for name in ("out", "data"):
                shutil.copytree(demonstrated / name, folder / name)
        if page in BEGIN_WITH_SCAN:
            shutil.copytree(finished, folder / "out")
        if page == "docs/own_data.md":
            _run(["bash", "-c", _script(["landslide review import out/landslides.gpkg"])], folder, environment)
            shutil.copy(folder / "out/landslides_reviewed.gpkg", folder / "inventory.gpkg")
        for block in BLOCKS:
            if block.page == page and block.runs():
                _run_block(block, folder, environment)

    asked = [item.callspec.params["page"] for item in request.session.items if item.originalname == _PAGE_TEST]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(2) as pool:
        yield {page: pool.submit(run, page) for page in asked}


#: The test that the pages are run for.
_PAGE_TEST = "test_commands_of_a_page_run"


@pytest.mark.integration
@pytest.mark.parametrize("page", RUN)
def test_commands_of_a_page_run(page: str, running: dict[str, Future[None]]) -> None:
    """In the order of the page, in one folder, which holds what the reader is told to have."""
    running[page].result()


def _run_block(block: Block, folder: Path, environment: dict[str, str]) -> None:
    if block.language == "bash":
        lines = [command.text for command in block.commands() if command.why is None]
        _run(["bash", "-c", _script(lines)], folder, environment)
    else:
        given = STAND_INS if "my_network" in block.text else ""
        _run([sys.executable, "-c", given + block.text], folder, environment)


def _script(lines: list[str]) -> str:
    """The commands as a page has them; where what was edited in QGIS is read back, an analyst edits it before."""
    script = ["set -eo pipefail"]
    for line in lines:
        if found := re.match(r"landslide review import (\S+)", line):
            script.append(shlex.join([sys.executable, str(Path(__file__).with_name("analyst.py")), found[1]]))
        # What is installed is this environment: make must not install another one.
        script.append(re.sub(r"^make ", "make -o .venv/.installed ", line))
    return "\n".join(script)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    made = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert made.returncode == 0, f"{command[-1]}\n{made.stdout[-2000:]}\n{made.stderr[-2000:]}"
