"""What the Prefect page shows of a region: progress, new landslides, where results lie, a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from PIL import Image
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

#: Longest side of the picture in pixels: it is kept in the server's database.
_SIDE: Final = 900
#: Rows of the table, the largest landslides first.
_ROWS: Final = 200
#: Files that a scan's links name, with what they are for.
_FILES: Final = {
    "report.html": "report",
    "review.qgz": "QGIS project",
    "landslides.gpkg": "landslides of this scan",
    "probability.tif": "probability",
}


class Progress:
    """A bar of how much of a night is done."""

    def __init__(self, name: str) -> None:
        made: Any = create_progress_artifact(
            0.0, key=f"{name}-progress", description=f"Acquisitions of {name} that are done"
        )
        self._id: UUID = made

    def __call__(self, share: float) -> None:
        """Show a share, 0 to 1."""
        update_progress_artifact(self._id, progress=100 * share)


def show_landslides(name: str, landslides: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """A table of landslides.

    Args:
        name: of the region, which the artifact's key begins with.
        landslides: the largest first, as `landslide_geo.regions.status.new_landslides` tells them.
        title: of the table.
    """
    more = f" (the {_ROWS} largest of {len(landslides):,})" if len(landslides) > _ROWS else ""
    create_table_artifact(
        [dict(one) for one in landslides[:_ROWS]], key=f"{name}-new-landslides", description=f"## {title}{more}"
    )


def show_scan(name: str, folder: Path) -> None:
    """Where the files of a scan lie, and its picture.

    Args:
        name: of the region.
        folder: of the scan.
    """
    lines = [
        f"- [{title}]({(folder / file).absolute().as_uri()})" for file, title in _FILES.items()
        if (folder / file).exists()
    ]  # fmt: skip
    create_markdown_artifact("\n".join([f"**{folder.name}**", "", *lines]), key=f"{name}-files", description="Results")
    if (picture := folder / "quicklook.png").exists():
        create_image_artifact(_small(picture), key=f"{name}-quicklook", description=f"{name}, {folder.name}")


def _small(picture: Path) -> str:
    """A picture as an address that holds it."""
    with Image.open(picture) as image:
        image.thumbnail((_SIDE, _SIDE))
        found = io.BytesIO()
        image.convert("RGB").save(found, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(found.getvalue()).decode()
