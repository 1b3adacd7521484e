"""The pictures of the tutorial, taken of the real programs: ``make screenshots``.

It scans the demonstration scene, reviews the result in QGIS's own window, reads the review back, and opens report and
web page in a browser. Needed are, beside the project's environment (``make env``), Debian's packages ``qgis``, ``xvfb``
and ``chromium``. Nothing is drawn by hand: what a picture shows is what the programs showed.

    python docs/screenshots.py [--only NAME …] [--work DIR] [--data DIR]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from PIL import Image

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))
from diagrams import digest, drawings  # noqa: E402  it lies beside the extension of the pages

PICTURES: Final = HERE / "images"
#: Of QGIS's window and of the browser's, in pixels.
SIZE: Final = (1280, 800)
#: No picture may be larger, in bytes.
LIMIT: Final = 300_000
#: How a browser draws maps without a graphics card.
CHROMIUM: Final = [
    "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
#: Of npm, which draws diagrams.
MERMAID: Final = "11.17.2"
#: Text as text, not as a page within the picture, which few programs show; no font that a machine may lack; a white
#: ground, which labels of edges have as well, so that they can be read on dark pages.
_DRAW: Final = """async source => {
    mermaid.initialize({
        startOnLoad: false, theme: "neutral", fontFamily: "Arial, Helvetica, sans-serif", htmlLabels: false,
        flowchart: {htmlLabels: false, useMaxWidth: false}, deterministicIds: true,
        themeCSS: ".edgeLabel rect, .edgeLabel .background { fill: #fff !important; opacity: 1 !important; }",
    })
    const {svg} = await mermaid.render("diagram", source)
    const drawn = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement
    drawn.setAttribute("style", "background: #fff")
    return drawn.outerHTML
}"""


class Missing(SystemExit):
    """A program that pictures are taken of is not installed."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} is missing; install Debian's package: apt-get install {package}")


def needed(program: str, package: str) -> str:
    """The path of a program.

    Raises:
        Missing: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise Missing(program, package)
    return found


def landslide(*arguments: str | Path) -> None:
    """Run a command of this installation."""
    script = Path(sys.executable).with_name("landslide")
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    subprocess.run([script, *map(str, arguments)], check=True, cwd=HERE.parent, env=environment)


def keep(taken: Path, name: str, *, box: tuple[int, int, int, int] | None = None) -> Path:
    """Store a picture small enough for a page: drawings as PNG of few colours, images of ground as JPEG.

    Raises:
        ValueError: it stays too large.
    """
    target = PICTURES / name
    with Image.open(taken) as picture:
        image = picture.convert("RGB").crop(box) if box else picture.convert("RGB")
    if target.suffix == ".png":
        image.quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    else:
        image.save(target, quality=80, optimize=True, progressive=True)
    size = target.stat().st_size
    if size > LIMIT:
        raise ValueError(f"{target}: {size:,} bytes, and {LIMIT:,} may be; cut it or store it as JPEG")
    print(f"{target.relative_to(HERE.parent)}  {size / 1000:.0f} kB")
    return target


class Work:
    """A folder with a scan, made where it is not there yet, and reviewed copies of it."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        folder.mkdir(parents=True, exist_ok=True)

    def scan(self) -> Path:
        """The demonstration's folder. The real scene must be had: pictures of a simulated one would mislead."""
        landslide("demo", "--out", self.folder / "out", "--data", self.data)
        found = self.folder / "out/hokkaido"
        if not (found / "scan.json").is_file():
            raise SystemExit("the real scene cannot be had; set LANDSLIDE_MIRROR to a folder with copies of the data")
        return found

    def copy(self) -> Path:
        """A copy that may be edited."""
        copy = self.folder / "reviewed"
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(self.scan(), copy))


@contextlib.contextmanager
def display() -> Iterator[dict[str, str]]:
    """A screen that nobody sees; gives the environment of programs that are to draw on it."""
    xvfb = needed("Xvfb", "xvfb")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [xvfb, "-displayfd", str(writing), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told, tempfile.TemporaryDirectory() as runtime:
            number = told.readline().strip()
            if not number:
                raise SystemExit("Xvfb does not start")
            # QGIS brings its own Python, which must not meet the packages of this one.
            own = {"PATH": "/usr/bin:/bin", "HOME": runtime, "LANG": "C.UTF-8"}
            yield own | {"DISPLAY": f":{number}", "XDG_RUNTIME_DIR": runtime}
    finally:
        server.terminate()
        server.wait()


def in_qgis(asked: Mapping[str, str], *, project: Path | None = None) -> None:
    """Run `screenshots_qgis.py` in a real QGIS, with its own window."""
    qgis = needed("qgis", "qgis")
    with display() as environment, tempfile.TemporaryDirectory() as profile:
        opened = [] if project is None else ["--project", str(project)]
        subprocess.run(
            [qgis, "--nologo", "--noversioncheck", "--noplugins", "--profiles-path", profile, *opened,
             "--code", str(HERE / "screenshots_qgis.py")],
            env=environment | {"LANDSLIDE_SCREENSHOTS": json.dumps(dict(asked))}, check=True, timeout=300,
        )  # fmt: skip


def qgis(work: Work) -> None:
    """The review project, the form, the map with decisions, and the reviewed inventory on its own."""
    folder = work.copy()
    with tempfile.TemporaryDirectory() as taken:
        in_qgis({"pictures": taken}, project=folder / "review.qgz")
        landslide("review", "import", folder / "landslides.gpkg", "--reviewer", "A. Geologist")
        in_qgis({"pictures": taken, "reviewed": str(folder / "landslides_reviewed.gpkg")})
        keep(Path(taken, "qgis_review.png"), "qgis_review.jpg")
        keep(Path(taken, "qgis_form.png"), "qgis_form.jpg")
        keep(Path(taken, "qgis_reviewed.png"), "qgis_reviewed.jpg")
        keep(Path(taken, "qgis_inventory.png"), "qgis_inventory.png")


@contextlib.contextmanager
def browser(*, height: int = SIZE[1]) -> Iterator[Any]:
    """An empty page of a real browser."""
    from playwright.sync_api import sync_playwright

    chromium = needed("chromium", "chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        try:
            yield opened.new_page(viewport={"width": SIZE[0], "height": height})
        finally:
            opened.close()


def report(work: Work) -> None:
    """`report.html` as a browser shows it, from the disk."""
    page_of(work.scan() / "report.html", "report.jpg", height=1000)


def page_of(path: Path, name: str, *, height: int) -> None:
    """The top of a page that lies on the disk."""
    with browser(height=height) as page, tempfile.TemporaryDirectory() as folder:
        page.goto(path.resolve().as_uri())
        kept(page, folder, name)


@contextlib.contextmanager
def web_page(work: Work) -> Iterator[str]:
    """The address of ``landslide app`` over a folder with a copy of the scan."""
    folder = work.folder / "web"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(work.scan(), folder / "hokkaido")
    script = Path(sys.executable).with_name("landslide")
    server = subprocess.Popen(
        [script, "app", "--work", folder, "--port", "0"], cwd=HERE.parent, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise SystemExit("landslide app ended before it said where it listens")
        yield found[0]
    finally:
        server.terminate()
        server.wait(30)


def app(work: Work) -> None:
    """The web page: a scan with a landslide that is being reviewed, two dates side by side, a patch."""
    with web_page(work) as address, browser() as page, tempfile.TemporaryDirectory() as folder:
        page.set_default_timeout(60_000)
        page.goto(f"{address}/map/?scan=hokkaido")
        page.locator("#table button").first.wait_for()
        page.locator("#table button").nth(4).click()
        page.locator("#panel").wait_for()
        kept(page, folder, "web_map.jpg")

        page.goto(f"{address}/map/compare.html")
        page.locator("#after option").first.wait_for(state="attached")  # of one scan: its earlier and its later image
        kept(page, folder, "web_compare.jpg")

        page.goto(f"{address}/patch/")
        page.locator("figure img").nth(3).wait_for()
        kept(page, folder, "web_patch.jpg")


def kept(page: Any, folder: str, name: str) -> None:
    """A picture of a page once nothing moves in it any more: maps are drawn tile by tile."""
    taken = Path(folder, "page.png")
    page.wait_for_timeout(1000)
    before = b""
    for _ in range(60):
        now = page.screenshot(path=str(taken))
        if now == before:
            break
        before = now
        page.wait_for_timeout(500)
    keep(taken, name)


def diagrams(work: Work) -> None:
    """The networks of models.md, drawn by mermaid, which comes from npm; pages show them without its 3.5 MB."""
    npm = needed("npm", "npm")
    package = work.folder / "mermaid"
    if not (package / "node_modules/mermaid").is_dir():
        subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--prefix", package, f"mermaid@{MERMAID}"], check=True
        )
    script = (package / "node_modules/mermaid/dist/mermaid.min.js").read_text(encoding="utf-8")
    with browser() as page:
        page.set_content("<body></body>")
        page.add_script_tag(content=script)
        for source in drawings((HERE / "models.md").read_text(encoding="utf-8")):
            svg = page.evaluate(_DRAW, source)
            target = PICTURES / f"diagram-{digest(source)}.svg"
            target.write_text(svg + "\n", encoding="utf-8")
            print(f"{target.relative_to(HERE.parent)}  {target.stat().st_size / 1000:.0f} kB")


#: What can be taken, by name.
SHOTS: Final[dict[str, Callable[[Work], None]]] = {"report": report, "qgis": qgis, "app": app, "diagrams": diagrams}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS), help="these pictures only")
    parser.add_argument("--work", type=Path, default=HERE.parent / "build/pictures", help="folder to work in")
    parser.add_argument("--data", type=Path, default=HERE.parent / "data/raw", help="folder to keep the scene in")
    given = parser.parse_args()
    work = Work(given.work.resolve(), given.data.resolve())
    for name in given.only:
        SHOTS[name](work)


if __name__ == "__main__":
    main()
