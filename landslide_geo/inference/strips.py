"""Finished strips on disk: what a killed scan leaves behind and a resumed one takes up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import OutputError
from landslide_geo.files import replacing
from landslide_geo.inference.engine import Strip
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]


class StripStore:
    """A folder with one ``.npy`` file per finished strip; a file is there complete or not at all."""

    def __init__(self, folder: Path, grid: WindowGrid) -> None:
        """Use ``folder``, made where it is missing.

        Raises:
            OutputError: it cannot be made.
        """
        self.folder = folder
        self._starts = [*grid.row_starts, grid.height]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose a folder you can write") from None

    def done(self, index: int) -> bool:
        """Whether the strip of a row of windows is finished."""
        return self._path(index).exists()

    def save(self, strip: Strip) -> None:
        """Keep a strip.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        with replacing(self._path(strip.index)) as part, part.open("wb") as file:
            np.save(file, strip.values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())

    def read(self, block: Block) -> FloatArray:
        """Rows of the result, whole width: (K, h, w) float32."""
        parts = []
        for index, (top, bottom) in enumerate(zip(self._starts[:-1], self._starts[1:], strict=True)):
            first, last = max(top, block.row), min(bottom, block.row + block.height)
            if first < last:
                strip = np.load(self._path(index), mmap_mode="r", allow_pickle=False)
                parts.append(np.asarray(strip[:, first - top : last - top]))
        return np.concatenate(parts, axis=1)

    @property
    def count(self) -> int:
        """Bands per strip."""
        return int(np.load(self._path(0), mmap_mode="r", allow_pickle=False).shape[0])

    def remove(self) -> None:
        """Delete the folder and all strips in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"strip-{index:05d}.npy"
