"""``quicklook.png``: scene, probability and landslides side by side, and a closer look where they are densest."""

from __future__ import annotations

from dataclasses import dataclass
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
from matplotlib.patches import Patch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox

from landslide_geo.inventory.schema import CONFIDENCE
from landslide_geo.inventory.style import category_colours
from landslide_geo.report.furniture import draw_graticule, framed, north_arrow, scale_bar
from landslide_geo.report.house import (
    DPI,
    FAINT,
    HEAD,
    INK,
    NOTE,
    PAPER,
    PROBABILITY,
    TICK,
    UNKNOWN,
    drawing,
    write_png,
)
from landslide_geo.report.picture import Picture, over_paper, read_rgb, read_single
from landslide_geo.report.sheet import shortened

#: Pixels a side of the pictures read for a panel: a bit more than a panel has at the resolution of the figure.
PANEL_PIXELS = 700
#: Inches: width of the picture, its margins, and the gap between maps in a row.
_WIDTH, _SIDE, _GAP = 12.0, 0.42, 0.26
#: Fewer landslides than this have a bolder edge in the overview.
_FEW = 60
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
    frames = _layout(box, closer=detail is not None)
    relief = _relief(hillshade, None)
    left, middle, right = frames.overview
    _scene(left, scene, "Scene")
    _probability(middle, read_single(probability, size=PANEL_PIXELS), relief, "Probability")
    _ground(right, scene, relief, f"Landslides ({len(landslides):,})")
    _polygons(right, landslides)
    for number, ax in enumerate(frames.overview):
        ax.set(xlim=(frames.box.left, frames.box.right), ylim=(frames.box.bottom, frames.box.top))
        draw_graticule(ax, frames.box, dark=number > 0, named_left=number == 0 or frames.stacked)
    scale_bar(left, frames.box)
    north_arrow(left, frames.box)
    if detail is not None:
        for ax in frames.overview:
            ax.add_patch(_frame(detail))
        _details(
            frames.detail, detail, post=post, pre=pre, hillshade=hillshade, probability=probability,
            landslides=landslides,
        )  # fmt: skip
    _furnish(frames, landslides, title=title, credits=credits, hidden=bool(_hidden(scene).any()))
    write_png(path, frames.figure)


@dataclass(frozen=True, eq=False)
class _Frames:
    """A figure with room for its maps.

    Attributes:
        figure: 12 inches wide.
        overview: three maps of the whole scene.
        detail: three of a part of it, or none.
        box: of the ground that the first three show.
        stacked: they lie below one another, as those of a strip do.
    """

    figure: Figure
    overview: list[Axes]
    detail: list[Axes]
    box: BoundingBox
    stacked: bool

    @property
    def last(self) -> list[Axes]:
        """The maps at the bottom, of which there are three in a row or one."""
        return self.detail or ([self.overview[-1]] if self.stacked else self.overview)


def _layout(box: BoundingBox, *, closer: bool) -> _Frames:
    """Three maps in a row, of a low strip in a column; square ones of a part below them."""
    width, side, gap, top, between, bottom = _WIDTH, _SIDE, _GAP, 0.66, 0.6, 1.0
    whole = width - 2 * side
    panel = (whole - 2 * gap) / 3
    stacked = (box.top - box.bottom) / (box.right - box.left) < 0.4
    view = framed(box, least=0.1, most=1.6) if stacked else framed(box, least=0.4, most=1.6)
    across = whole if stacked else panel
    first = across * (view.top - view.bottom) / (view.right - view.left)
    rows = 3 if stacked else 1
    height = top + rows * first + (rows - 1) * between + closer * (panel + between) + bottom
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)

    def axes(x: float, y: float, w: float, h: float) -> Axes:
        return figure.add_axes((x / width, y / height, w / width, h / height))

    places = [(0, row) if stacked else (row, 0) for row in range(3)]
    overview = [
        axes(side + col * (panel + gap), height - top - first - row * (first + between), across, first)
        for col, row in places
    ]
    detail = [axes(side + col * (panel + gap), bottom, panel, panel) for col in range(3)] if closer else []
    return _Frames(figure, overview, detail, view, stacked)


def _scene(ax: Axes, picture: Picture, heading: str) -> None:
    ax.imshow(over_paper(picture), extent=picture.extent, interpolation="antialiased")
    _dress(ax, picture, heading)


def _probability(ax: Axes, picture: Picture, relief: Picture | None, heading: str) -> None:
    ax.set_facecolor(UNKNOWN)
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
    ax.set_facecolor(UNKNOWN)
    ax.set_title(heading, loc="left", fontsize=HEAD + 1, color=INK, pad=4)
    for spine in ax.spines.values():
        spine.set(visible=True, edgecolor=FAINT, linewidth=0.6)


def _ground(ax: Axes, scene: Picture, relief: Picture | None, heading: str) -> None:
    """Pale ground that leaves the colours to the polygons: the relief, or else the scene, washed out."""
    pale = np.ma.masked_array(255 - (255 - over_paper(scene).mean(axis=2)) * 0.5, _hidden(scene))
    if relief is None:
        ax.imshow(pale, extent=scene.extent, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    else:
        ax.set_facecolor(UNKNOWN)
        ax.imshow(relief.values, extent=relief.extent, cmap="gray", vmin=-150, vmax=280, interpolation="antialiased")
    _dress(ax, scene, heading)


def _hidden(scene: Picture) -> NDArray[np.bool_]:
    return np.asarray(np.ma.getmaskarray(scene.values).all(axis=2))


def _polygons(ax: Axes, landslides: gpd.GeoDataFrame, *, outlined: bool = False) -> None:
    """Polygons by confidence, least sure first, so that what is likely lies on top.

    Args:
        ax: panel to draw in.
        landslides: polygons with their confidence.
        outlined: bright outlines that leave the ground inside visible, instead of filled ones.
    """
    edge = 0.6 if len(landslides) < _FEW else 0.15  # a few small ones must be found on the map at all
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
                collection = PathCollection(outlines, facecolor=(*rgb, 0.95), edgecolor=dark, linewidth=edge)
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
    axes: list[Axes],
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
    for number, ax in enumerate(axes):
        draw_graticule(ax, after.bounds, dark=False, named_left=number == 0)
    scale_bar(axes[0], after.bounds)


def _furnish(frames: _Frames, landslides: gpd.GeoDataFrame, *, title: str, credits: str, hidden: bool) -> None:
    """Title, legends, sources."""
    figure, height = frames.figure, frames.figure.get_size_inches()[1]
    left = frames.overview[0].get_position().x0
    figure.text(left, 1 - 0.20 / height, shortened(title, 90), fontsize=14, fontweight="bold", color=INK, va="center")
    foot = frames.last[0].get_position().y0 - 0.14 / height
    thirds = [left + third * (_WIDTH - 2 * _SIDE + _GAP) / 3 / _WIDTH for third in range(3)]
    bar = figure.add_axes((left, foot - 0.30 / height, 0.2, 0.10 / height))
    figure.colorbar(ScalarMappable(Normalize(0, 1), PROBABILITY), cax=bar, orientation="horizontal")
    bar.tick_params(labelsize=NOTE, length=2, pad=2)
    bar.set_title("Probability of landslide", fontsize=TICK, loc="left", pad=3, color=INK)
    labels, colours = dict(CONFIDENCE), category_colours("landslides")
    present = {int(code) for code in landslides["confidence"].dropna().unique()} | {1, 2, 3}
    handles = []
    for code in sorted(present):
        red, green, blue = mpl.colors.to_rgb(colours[code])
        edge = (0.45 * red, 0.45 * green, 0.45 * blue)
        handles.append(Patch(facecolor=(red, green, blue), edgecolor=edge, linewidth=0.5, label=labels[str(code)]))
    others = [Patch(facecolor=UNKNOWN, edgecolor=FAINT, linewidth=0.5, label="no image")] if hidden else []
    if frames.detail:
        others.append(Patch(facecolor="white", edgecolor="black", linewidth=1.4, label="closer look"))
    for at, heading, shown in ((thirds[1], "Confidence", handles), (thirds[2], "Also", others)):
        if shown:
            figure.legend(
                handles=shown, loc="upper left", bbox_to_anchor=(at - 0.006, foot), ncols=len(shown),
                fontsize=TICK, frameon=False, title=heading, title_fontsize=TICK, alignment="left",
                handlelength=1.4, columnspacing=1.2,
            )  # fmt: skip
    grid = f"{landslides.crs.name}, degrees of WGS 84" if landslides.crs is not None else ""
    told = " · ".join(part for part in (credits, grid) if part)
    figure.text(left, 0.12 / height, shortened(told, 200), fontsize=NOTE, color=FAINT)
