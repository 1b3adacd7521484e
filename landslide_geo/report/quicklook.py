"""``quicklook.png``: scene, probability and landslides side by side, and a closer look where they are densest."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox

from landslide_geo.inventory.schema import CONFIDENCE
from landslide_geo.inventory.style import category_colours
from landslide_geo.report.house import DPI, INK, PROBABILITY, drawing, write_png
from landslide_geo.report.picture import Picture, over_paper, read_rgb, read_single

#: Pixels a side of the pictures read for a panel: a bit more than a panel has at the resolution of the figure.
PANEL_PIXELS = 700
#: Share of the scene's longer side that the closer look shows, and the least ground it may show (m).
DETAIL_SHARE = 0.2
DETAIL_MIN_M = 1500.0
#: Scenes smaller than this (m) need no closer look.
DETAIL_SCENE_M = 4000.0


@drawing()
def quicklook(
    path: Path,
    *,
    post: Path,
    probability: Path,
    landslides: gpd.GeoDataFrame,
    pre: Path | None,
    hillshade: Path | None,
    title: str,
    credits: str,
) -> None:
    """Write a picture of a scan that is understood without further words.

    Args:
        path: PNG to write.
        post: RGB picture of the scene.
        probability: 0–1, NaN where unknown.
        landslides: the inventory's polygons, in the rasters' CRS.
        pre: RGB picture before the event, for the closer look.
        hillshade: grey relief, drawn below the probability and shown where there is no picture from before.
        title: in the first line.
        credits: data sources, in the last line.

    Raises:
        OutputError: the picture cannot be written; and what opening a raster raises.
    """
    scene = read_rgb(post, size=PANEL_PIXELS)
    box = scene.bounds
    detail = _detail(landslides, box)
    rows = 1 if detail is None else 2
    figure, axes, height = _layout(box, rows)
    relief = _relief(hillshade, None)
    _scene(axes[0, 0], scene, "Scene")
    _probability(axes[0, 1], read_single(probability, size=PANEL_PIXELS), relief, "Probability")
    _ground(axes[0, 2], scene, relief, f"Landslides ({len(landslides):,})")
    _polygons(axes[0, 2], landslides)
    if detail is not None:
        for ax in axes[0]:
            ax.add_patch(_frame(detail))
        _details(
            axes[1], detail, post=post, pre=pre, hillshade=hillshade, probability=probability, landslides=landslides
        )
    _furnish(figure, axes, landslides, title=title, credits=credits, height=height)
    write_png(path, figure)


def _layout(box: BoundingBox, rows: int) -> tuple[Figure, NDArray[np.object_], float]:
    """A figure 12 inches wide with three panels a row, the second row square."""
    width, side, gap, top, bottom = 12.0, 0.35, 0.22, 0.66, 0.86
    panel = (width - 2 * side - 2 * gap) / 3
    first = panel * min(max((box.top - box.bottom) / (box.right - box.left), 0.4), 1.6)
    second = panel if rows == 2 else 0.0
    between = 0.42 if rows == 2 else 0.0
    height = top + first + between + second + bottom
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    axes = np.empty((rows, 3), dtype=object)
    for row, (y, h) in enumerate([(height - top - first, first), (bottom, second)][:rows]):
        for col in range(3):
            x = side + col * (panel + gap)
            axes[row, col] = figure.add_axes((x / width, y / height, panel / width, h / height))
    return figure, axes, height


def _scene(ax: Axes, picture: Picture, heading: str) -> None:
    ax.imshow(over_paper(picture), extent=picture.extent, interpolation="antialiased")
    _dress(ax, picture, heading)


def _probability(ax: Axes, picture: Picture, relief: Picture | None, heading: str) -> None:
    ax.set_facecolor("#e8e8e8")
    if relief is not None:
        ax.imshow(relief.values, extent=relief.extent, cmap="gray", vmin=-150, vmax=300, interpolation="antialiased")
    values = picture.values.filled(0.0)
    colours = PROBABILITY(np.clip(values, 0, 1))
    opacity = np.clip(values / 0.2, 0, 1) * 0.95 if relief is not None else np.ones_like(values)
    colours[..., 3] = np.where(np.ma.getmaskarray(picture.values), 0.0, opacity)
    ax.imshow(colours, extent=picture.extent, interpolation="nearest")
    _dress(ax, picture, heading)


def _relief(hillshade: Path | None, bounds: BoundingBox | None) -> Picture | None:
    if hillshade is None:
        return None
    relief = read_single(hillshade, size=PANEL_PIXELS, bounds=bounds)
    return Picture(np.ma.masked_equal(relief.values, 0), relief.bounds)


def _dress(ax: Axes, picture: Picture, heading: str) -> None:
    left, right, bottom, top = picture.extent
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], aspect="equal")
    ax.set_title(heading, loc="left", fontsize=10, color=INK, pad=4)
    for spine in ax.spines.values():
        spine.set(visible=True, edgecolor="#555555", linewidth=0.6)


def _ground(ax: Axes, scene: Picture, relief: Picture | None, heading: str) -> None:
    """Pale ground that leaves the colours to the polygons: the relief, or else the scene, washed out."""
    pale = 255 - (255 - over_paper(scene).mean(axis=2)) * 0.5
    if relief is None:
        ax.imshow(pale, extent=scene.extent, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    else:
        ax.set_facecolor("#e8e8e8")
        ax.imshow(relief.values, extent=relief.extent, cmap="gray", vmin=-150, vmax=280, interpolation="antialiased")
    _dress(ax, scene, heading)


def _polygons(ax: Axes, landslides: gpd.GeoDataFrame, *, outlined: bool = False) -> None:
    """Polygons by confidence, least sure first, so that what is likely lies on top.

    Args:
        ax: panel to draw in.
        landslides: polygons with their confidence.
        outlined: bright outlines that leave the ground inside visible, instead of filled ones.
    """
    for code, colour in category_colours("landslides").items():
        chosen = landslides.geometry[(landslides["confidence"] == code).to_numpy(dtype=bool, na_value=False)]
        outlines = [outline for geometry in chosen for outline in _outlines(geometry)]
        if outlines:
            rgb = mpl.colors.to_rgb(colour)
            dark = tuple(0.45 * part for part in rgb)
            if outlined:
                collection = PathCollection(outlines, facecolor=(*rgb, 0.18), edgecolor=rgb, linewidth=1.0)
                collection.set_path_effects([withStroke(linewidth=2.0, foreground="#111111")])
            else:
                collection = PathCollection(outlines, facecolor=(*rgb, 0.95), edgecolor=dark, linewidth=0.15)
            ax.add_collection(collection, autolim=False)


def _outlines(geometry: shapely.Geometry) -> list[Outline]:
    """One compound path per polygon, so that holes stay open."""
    paths = []
    for polygon in shapely.get_parts(geometry):
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)]
        codes = [[Outline.MOVETO, *[Outline.LINETO] * (len(ring) - 2), Outline.CLOSEPOLY] for ring in rings]
        paths.append(Outline(np.concatenate(rings), np.concatenate(codes)))
    return paths


def _detail(landslides: gpd.GeoDataFrame, box: BoundingBox) -> BoundingBox | None:
    """The square with the most landslide area, none for small scenes or empty inventories."""
    width, height = box.right - box.left, box.top - box.bottom
    if landslides.empty or max(width, height) < DETAIL_SCENE_M:
        return None
    side = min(max(DETAIL_SHARE * max(width, height), DETAIL_MIN_M), width, height)
    points = shapely.get_coordinates(shapely.centroid(landslides.geometry.to_numpy()))
    # One huge object is not a dense place; the square root gives numbers their due.
    weight = np.sqrt(landslides["area_m2"].to_numpy())
    step = side / 4
    cols = np.arange(box.left, box.right - side + 1e-6, step)
    rows = np.arange(box.bottom, box.top - side + 1e-6, step)
    best, corner = -1.0, (box.left, box.bottom)
    for x in cols:
        inside = (points[:, 0] >= x) & (points[:, 0] < x + side)
        for y in rows:
            found = weight[inside & (points[:, 1] >= y) & (points[:, 1] < y + side)].sum()
            if found > best:
                best, corner = float(found), (float(x), float(y))
    return BoundingBox(corner[0], corner[1], corner[0] + side, corner[1] + side, crs=box.crs)


def _frame(detail: BoundingBox) -> Rectangle:
    patch = Rectangle(
        (detail.left, detail.bottom), detail.right - detail.left, detail.top - detail.bottom, fill=False,
        edgecolor="white", linewidth=1.2,
    )  # fmt: skip
    patch.set_path_effects([withStroke(linewidth=2.4, foreground="black")])
    return patch


def _details(
    axes: NDArray[np.object_],
    detail: BoundingBox,
    *,
    post: Path,
    pre: Path | None,
    hillshade: Path | None,
    probability: Path,
    landslides: gpd.GeoDataFrame,
) -> None:
    after = read_rgb(post, size=PANEL_PIXELS, bounds=detail)
    before = read_rgb(pre, size=PANEL_PIXELS, bounds=detail) if pre is not None else None
    if before is not None and np.ma.getmaskarray(before.values).mean() < 0.5:
        _scene(axes[0], before, "Closer look: before")
    else:
        relief = _relief(hillshade, detail)
        _probability(
            axes[0], read_single(probability, size=PANEL_PIXELS, bounds=detail), relief, "Closer look: probability"
        )
    _scene(axes[1], after, "After" if before is not None else "Scene")
    _scene(axes[2], after, "Landslides")
    near = landslides.cx[detail.left : detail.right, detail.bottom : detail.top]
    _polygons(axes[2], near, outlined=True)


def _furnish(
    figure: Figure, axes: NDArray[np.object_], landslides: gpd.GeoDataFrame, *, title: str, credits: str, height: float
) -> None:
    """Title, legends, scale bars, north arrow, sources."""
    left = axes[0, 0].get_position().x0
    figure.text(left, 1 - 0.20 / height, title, fontsize=14, fontweight="bold", color=INK, va="center")
    for row in axes:
        _scale_bar(row[0])
    _north(axes[0, 0])
    foot = axes[-1, 0].get_position().y0
    bar = figure.add_axes((axes[-1, 1].get_position().x0, foot - 0.30 / height, 0.2, 0.10 / height))
    figure.colorbar(ScalarMappable(Normalize(0, 1), PROBABILITY), cax=bar, orientation="horizontal")
    bar.tick_params(labelsize=7, length=2, pad=2)
    bar.set_title("Probability of landslide", fontsize=8, loc="left", pad=3, color=INK)
    labels, colours = dict(CONFIDENCE), category_colours("landslides")
    present = {int(code) for code in landslides["confidence"].dropna().unique()} | {1, 2, 3}
    handles = []
    for code in sorted(present):
        red, green, blue = mpl.colors.to_rgb(colours[code])
        edge = (0.45 * red, 0.45 * green, 0.45 * blue)
        handles.append(Patch(facecolor=(red, green, blue), edgecolor=edge, linewidth=0.5, label=labels[str(code)]))
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(axes[-1, 2].get_position().x0 - 0.006, foot - 0.06 / height),
        ncols=len(handles), fontsize=8, frameon=False, title="Confidence", title_fontsize=8, alignment="left",
        handlelength=1.4, columnspacing=1.2,
    )  # fmt: skip
    grid = landslides.crs.name if landslides.crs is not None else ""
    figure.text(left, 0.12 / height, " · ".join(part for part in (credits, grid) if part), fontsize=7, color="#555555")


def _scale_bar(ax: Axes) -> None:
    """A bar of a round length, about a quarter of the panel, on a plate that keeps it readable on any ground."""
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    wanted = (right - left) / 4
    power = 10 ** np.floor(np.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    margin, thick = (right - left) * 0.04, (top - bottom) * 0.012
    x, y = left + margin, bottom + margin
    plate = Rectangle(
        (x - margin / 2, y - margin / 2),
        length + margin,
        thick + margin * 1.9,
        facecolor="white",
        alpha=0.8,
        linewidth=0,
    )
    ax.add_patch(plate)
    for i, colour in enumerate(("black", "white")):
        half = Rectangle(
            (x + i * length / 2, y), length / 2, thick, facecolor=colour, edgecolor="black", linewidth=0.6
        )  # fmt: skip
        ax.add_patch(half)
    ax.text(x + length / 2, y + thick + margin * 0.25, text, ha="center", va="bottom", fontsize=7.5, color="black")


def _north(ax: Axes) -> None:
    """An arrow on a plate in the upper right corner; all grids are north-up."""
    plate = Rectangle((0.91, 0.82), 0.075, 0.165, transform=ax.transAxes, facecolor="white", alpha=0.8, linewidth=0)
    ax.add_patch(plate)
    corners = [(0.9475, 0.97), (0.968, 0.895), (0.9475, 0.91), (0.927, 0.895)]
    ax.add_patch(Polygon(corners, closed=True, transform=ax.transAxes, facecolor="black", linewidth=0))
    ax.text(0.9475, 0.855, "N", transform=ax.transAxes, ha="center", va="center", fontsize=8, fontweight="bold")
