"""The map page as a person uses it: look, filter, review, upload, scan, cancel, download."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import rasterio
from PIL import Image, ImageChops
from rasterio.transform import from_origin

from landslide_geo.inventory import read_layer
from landslide_geo.simulate import SimulatedScene
from tests.app.conftest import World

pytestmark = pytest.mark.integration


def _open(page: Any, scan: str = "late") -> None:
    page.goto(f"/map/?scan={scan}")
    page.locator("#table button").first.wait_for()
    _still(page)


def _still(page: Any) -> Image.Image:
    """The map once it no longer changes."""
    before = _picture(page)
    for _ in range(60):
        page.wait_for_timeout(150)
        now = _picture(page)
        if ImageChops.difference(before, now).getbbox() is None:
            return now
        before = now
    raise AssertionError("the map does not come to rest")


def _picture(page: Any) -> Image.Image:
    return Image.open(BytesIO(page.locator("#map").screenshot())).convert("RGB")


def _changed(one: Image.Image, other: Image.Image) -> float:
    """Share of the pixels that differ."""
    return float((np.asarray(ImageChops.difference(one, other)).sum(axis=2) > 24).mean())


def test_the_map_draws_scene_probability_and_polygons(page: Any) -> None:
    _open(page)
    whole = _still(page)
    page.uncheck("#show-landslides")
    without = _still(page)
    assert _changed(whole, without) > 0.001, "polygons"
    page.locator("#opacity").fill("100")
    assert "100 %" in page.inner_text("#opacity-value")
    full = _still(page)
    page.locator("#opacity").fill("0")
    clear = _still(page)
    assert _changed(full, clear) > 0.001, "probability"
    page.uncheck("#show-probability")
    assert _changed(clear, _still(page)) == 0
    page.get_by_role("radio", name="Image before").check()
    assert _changed(clear, _still(page)) > 0.1, "the earlier image"
    page.get_by_role("radio", name="Relief").check()
    assert _changed(clear, _still(page)) > 0.1, "relief"


def test_filters_say_how_many_are_left(page: Any, scanned: World) -> None:
    _open(page, "early")
    frame = read_layer(scanned.early / "landslides.gpkg")
    assert page.inner_text("#count").startswith(f"{len(frame)} landslides")
    middle = int(frame["area_m2"].median())
    page.fill("#min-area", str(middle))
    left = int((frame["area_m2"] >= middle).sum())
    page.wait_for_function("n => document.querySelector('#count').textContent.startsWith(n)", arg=f"{left} landslides")
    assert page.locator("#table button").count() == min(left, 50)
    page.select_option("#min-confidence", "3")
    both = int(((frame["area_m2"] >= middle) & (frame["confidence"] >= 3)).sum())
    page.wait_for_function("n => document.querySelector('#count').textContent.startsWith(n)", arg=f"{both} landslides")


def test_a_review_with_the_keyboard_alone_is_written_to_the_geopackage(page: Any, own_world: World) -> None:
    _open(page)
    path = own_world.late / "landslides.gpkg"
    page.fill("#reviewer", "A. Geologist") if page.locator("#reviewer").is_visible() else None
    first, second = (page.locator("#table button").nth(n).get_attribute("data-id") for n in (0, 1))
    page.locator("#table button").first.focus()
    page.keyboard.press("Enter")
    page.locator("#panel").wait_for()
    page.keyboard.press("c")
    page.locator("#verdict", has_text="confirmed").wait_for()
    page.keyboard.press("n")
    page.locator(f"#table button[data-id='{second}'][aria-current=true]").wait_for()
    page.keyboard.press("r")  # without a reason: it asks for one, and goes there
    page.locator("#message.error", has_text="choose the reason").wait_for()
    assert page.evaluate("document.activeElement.id") == "reason"
    page.keyboard.type("river")
    page.locator("#reject").focus()
    page.keyboard.press("Enter")
    page.locator("#verdict", has_text="rejected: river bar").wait_for()
    frame = read_layer(path).set_index("landslide_id")
    assert frame.loc[first, "review_status"] == "confirmed"
    assert tuple(frame.loc[second, ["review_status", "reject_reason"]]) == ("rejected", "river_bar")
    assert (frame.drop([first, second])["review_status"] == "unreviewed").all()
    page.keyboard.press("u")
    page.locator("#verdict", has_text="Not reviewed yet").wait_for()
    assert read_layer(path).set_index("landslide_id").loc[second, "review_status"] == "unreviewed"
    page.locator("#finish").click()
    page.get_by_role("link", name="GeoPackage, review read back").wait_for()
    page.locator("#message", has_text=f"1 confirmed, {len(frame) - 1} unreviewed").wait_for()
    assert read_layer(own_world.late / "landslides_reviewed.gpkg")["review_status"].eq("confirmed").sum() == 1


def test_a_click_on_a_polygon_shows_what_it_says(page: Any, scanned: World) -> None:
    _open(page, "early")
    frame = read_layer(scanned.early / "landslides.gpkg")
    chosen = frame["compactness"].idxmax()  # the middle of its box is inside it
    id = frame.loc[chosen, "landslide_id"]
    page.locator(f"#table button[data-id='{id}']").click()
    page.locator("#panel").wait_for()
    _still(page)
    page.locator("#close-panel").click()
    _still(page)
    box = page.locator("#map canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#panel").wait_for()
    assert page.inner_text("#panel-title") == f"Landslide {id[:8]}"
    assert f"{frame.loc[chosen, 'area_m2']:,.0f} m²" in page.inner_text("#attributes")


def test_results_can_be_had(page: Any, own_world: World, tmp_path: Path) -> None:
    _open(page, "early")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="GeoPackage", exact=True).click()
    waiting.value.save_as(tmp_path / "had.gpkg")
    assert (tmp_path / "had.gpkg").read_bytes() == (own_world.early / "landslides.gpkg").read_bytes()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report").click()
    report = opened.value
    report.wait_for_load_state()
    assert "Simulated, early" in report.inner_text("body")


def test_a_2_gb_upload_and_a_text_named_tif_are_refused(page: Any, tmp_path: Path) -> None:
    _open(page)
    page.get_by_text("New scan").click()
    page.select_option("#source", "files")
    huge, text = tmp_path / "huge.tif", tmp_path / "notes.tif"
    with huge.open("wb") as file:
        file.truncate(2 * 10**9)
    text.write_text("These are no pixels.\n")
    page.set_input_files("#files", huge)
    page.locator("#message.error", has_text="huge.tif: 2,000 MB, and an upload may have 50 MB at most").wait_for()
    page.set_input_files("#files", text)
    page.locator(
        "#message.error", has_text="notes.tif: is not a GeoTIFF file, whatever its name says; it is text"
    ).wait_for()
    assert page.locator("#uploads li").count() == 0
    page.locator("#start").click()
    told = page.locator("#message.error", has_text="choose the files of the scene first")
    told.wait_for()
    assert told.bounding_box()["y"] >= 0, "what is wrong is seen from where the button is"


def test_bands_without_names_are_named_and_what_failed_is_removed(page: Any, tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "s2_B4B3B2.tif", "w", driver="GTiff", width=64, height=64, count=3, dtype="uint16",
                       crs="EPSG:32654", transform=from_origin(5e5, 5e6, 10, 10)) as dataset:  # fmt: skip
        dataset.write(np.zeros((3, 64, 64), np.uint16))
    _open(page)
    page.get_by_text("New scan").click()
    page.select_option("#source", "files")
    page.set_input_files("#files", tmp_path / "s2_B4B3B2.tif")
    page.locator("#message", has_text="3 bands; say which they are").wait_for()
    page.locator("#start").click()
    page.locator("#message.error", has_text="s2_B4B3B2.tif: name its bands, or remove it").wait_for()
    assert page.get_by_label("Its 3 bands in their order").input_value() == "red, green, blue"
    page.get_by_label("Its 3 bands in their order").press("Enter")
    page.locator("#uploads option", has_text="bands as named: red, green, blue").wait_for(state="attached")
    page.fill("#box", "1, 1, 2, 2")
    page.locator("#start").click()
    job = page.locator("#jobs li", has_text="s2_B4B3B2")
    job.get_by_text("failed").wait_for()
    job.get_by_role("button", name=re.compile("^Remove")).click()
    job.wait_for(state="detached")
    page.reload()
    page.get_by_text("New scan").click()
    page.select_option("#source", "files")
    sent = page.locator("#uploads li", has_text="s2_B4B3B2.tif, sent earlier")
    sent.get_by_role("button", name="Remove").click()
    sent.wait_for(state="detached")


def test_files_are_scanned_in_a_drawn_area_cancelled_and_taken_up(
    page: Any, simulated: SimulatedScene, own_world: World
) -> None:
    _open(page)
    page.get_by_text("New scan").click()
    page.select_option("#source", "files")
    paths = dict(source.split("=") for source in simulated.sources)
    page.set_input_files("#files", [paths["red"], paths["green"], paths["blue"], str(simulated.dem)])
    page.locator("#uploads li select").nth(3).wait_for()
    chosen = [page.locator("#uploads li select").nth(n).input_value() for n in range(4)]
    assert sorted(chosen) == ["blue", "dem", "green", "red"]
    box = page.locator("#map canvas").bounding_box()
    before = _still(page)
    page.click("#draw")
    for x, y in ((0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.wait_for_timeout(350)  # two clicks at once would end it
    page.keyboard.press("Enter")
    page.get_by_text("Only the drawn area is mapped.").wait_for()
    assert _changed(before, _still(page)) > 0.05, "the area is shown"
    page.get_by_text("Name and dates").click()
    page.fill("#name", "From the page")
    page.click("#start")
    job = page.locator("#jobs li", has_text="From the page")
    job.get_by_role("button", name=re.compile("^Cancel")).click()
    job.get_by_text("cancelled").wait_for()
    assert _workers() == []
    job.get_by_role("button", name=re.compile("^Go on")).click()
    page.locator("#message", has_text="From the page: finished").wait_for(timeout=90_000)
    assert page.locator("#scan option:checked").inner_text().startswith("From the page")
    _still(page)
    (made,) = (folder for folder in (own_world.folder / "scans").iterdir() if folder.name.startswith("from-the-page"))
    frame = read_layer(made / "landslides.gpkg")
    whole = read_layer(made / "landslides.gpkg", "visibility")
    assert page.inner_text("#count").startswith(f"{len(frame)} landslides")
    seen = whole[whole["class"] != "nodata"]["share"].sum()
    assert 0.05 < seen < 0.6, "only the drawn area"


def _workers() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "landslide_geo.app.worker" in (process.info["cmdline"] or []) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
