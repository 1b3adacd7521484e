"""Files that appear complete or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rasterio.errors import RasterioError

from landslide_geo.errors import LandslideError, OutputError


@contextmanager
def replacing(path: Path, *, also: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """A path beside ``path`` that takes its place by rename if the block ends well, and vanishes if not.

    The temporary file has the final one's name, in a hidden folder of its own, so that libraries which write companions
    or look at the suffix behave as they would with the final one.

    Args:
        path: of the file to write; its folder exists.
        also: exceptions of a library that mean the file cannot be written, beside those of the system and GDAL.

    Raises:
        OutputError: the file cannot be written, or the disk is full.
    """
    folder: Path | None = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        part = folder / path.name
        yield part
        part.replace(path)
    except LandslideError:
        raise  # something else went wrong inside, an input that cannot be read perhaps
    except (OSError, RasterioError, *also) as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        raise OutputError(
            f"{path}: cannot be written ({reason}); check permissions and free disk space of its folder"
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """Checksum of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically: a reader finds it whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")
