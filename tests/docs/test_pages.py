"""The pages build without a warning, as `make docs` builds them, and load nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built by the options of `make docs`; a broken link or heading fails here."""
    (recipe,) = re.findall(r"-m sphinx (.*) docs build/docs$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert {"-W", "-n"} <= set(recipe.split()), "warnings are errors, and references must resolve"
    out = tmp_path_factory.mktemp("site")
    options = recipe.replace("build/doctrees", str(out / "doctrees")).split()
    made = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(PROJECT / "docs"), str(out / "html")],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return out / "html"


class Loads(HTMLParser):
    """Collects what a page makes a browser load, and the places in it that links can lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.places.add(given["id"])
        if tag in ("script", "img", "iframe", "source", "embed") and "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon", "preconnect"):
            self.loaded.append(given["href"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


def test_every_page_stands_in_the_contents(site: Path) -> None:
    contents = Loads(site / "index.html").links
    written = {page.stem for page in (PROJECT / "docs").glob("*.md")} - {"index"}
    assert written
    assert {page for page in written if f"{page}.html" not in contents} == set()


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert len(pages) > 20
    for page in pages:
        for loaded in Loads(page).loaded:
            assert not re.match(r"(?:[a-z]+:)?//", loaded), f"{page.name} loads {loaded}"
            assert (site / loaded.split("?")[0]).is_file(), f"{page.name} loads {loaded}, which is not there"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_links_lead_to_files_and_headings(site: Path) -> None:
    places = {page.name: Loads(page).places for page in site.glob("*.html")}
    seen = 0
    for page in site.glob("*.html"):
        for link in Loads(page).links:
            target, _, place = link.partition("#")
            if ":" in target:
                continue
            name = target or page.name
            assert (site / name).exists(), f"{page.name} links to {link}"
            assert not place or place in places[name], f"{page.name} links to {link}: no such heading"
            seen += bool(place)
    assert seen > 50
