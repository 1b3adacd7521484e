"""Finished strips on disk: what a killed scan leaves behind and a resumed one takes up."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import OutputError
from landslide_geo.files import remove_folder, replacing
from landslide_geo.inference.engine import Strip, Tally
from landslide_geo.inference.windows import ColumnBlock, WindowGrid
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]

#: The file that tells a folder from one that took its place.
_MARK: Final = "mark"
#: Form of the files. Part of every key of unfinished work, so that files of another form are never taken up.
FORMAT: Final = 2


class StripStore:
    """A folder with one ``.npy`` file per finished strip; a file is there complete or not at all.

    Behind its array a strip's file says, as JSON, what became of the strip's windows and whether it is coarse: strip
    and count are there together or not at all. Several processes may save into one folder.
    """

    def __init__(self, folder: Path, grid: WindowGrid, *, mark: str | None = None) -> None:
        """Use ``folder``, made where it is missing.

        Args:
            folder: of the strips.
            grid: windows over the scene.
            mark: that of a folder which is there already. No other one is used or made, now or later: a worker that
                goes on after its scan was given up must not mix its strips with those of another.

        Raises:
            OutputError: it cannot be made, or is not the one that is meant.
        """
        self.folder, self._grid = folder, grid
        if mark is not None:
            self.mark = mark
            self._check()
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self._marked() is None:
                with replacing(folder / _MARK) as part:
                    part.write_text(secrets.token_hex(8))
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose a folder you can write") from None
        self.mark = self._marked() or ""

    def done(self, columns: ColumnBlock, row: int) -> bool:
        """Whether a strip is finished."""
        return self._path(columns, row).exists()

    def finished(self) -> int:
        """Number of finished strips."""
        return sum(
            self.done(columns, row) for columns in self._grid.column_blocks for row in range(len(self._grid.row_starts))
        )

    def save(self, strip: Strip) -> None:
        """Keep a strip.

        Raises:
            OutputError: the disk is full, or the folder has gone.
        """
        self._save(self._path(strip.columns, strip.row), strip.values, asdict(strip.tally) | {"coarse": strip.coarse})

    def read(self, block: Block) -> FloatArray:
        """A block of the result: (K, h, w) float32."""
        out = np.empty((self.count, *block.shape), dtype=np.float32)
        for columns in self._grid.column_blocks:
            if columns.right <= block.col or columns.left >= block.col + block.width:
                continue
            for row, top in enumerate(self._grid.row_starts):
                if top >= block.row + block.height:
                    break
                strip = self._grid.strip(columns, row)
                shared = strip.intersection(block)
                if shared.height > 0 and shared.width > 0:
                    values = np.load(self._path(columns, row), mmap_mode="r", allow_pickle=False)
                    out[(slice(None), *shared.inside(block))] = values[(slice(None), *shared.inside(strip))]
        return out

    def has_rim(self, columns: ColumnBlock, row: int) -> bool:
        """See `landslide_geo.inference.engine.Rims`."""
        return self._rim_path(columns, row).exists()

    def rim(self, columns: ColumnBlock, row: int) -> FloatArray:
        """See `landslide_geo.inference.engine.Rims`."""
        values: FloatArray = np.load(self._rim_path(columns, row), allow_pickle=False)
        return values

    def save_rim(self, columns: ColumnBlock, row: int, rim: FloatArray) -> None:
        """See `landslide_geo.inference.engine.Rims`."""
        self._save(self._rim_path(columns, row), rim)

    @property
    def count(self) -> int:
        """Bands per strip."""
        path = self._path(self._grid.column_blocks[0], 0)
        return int(np.load(path, mmap_mode="r", allow_pickle=False).shape[0])

    @property
    def coarse(self) -> bool:
        """Whether the network gave one value per window."""
        return any(told["coarse"] for told in self._told())

    def tally(self) -> Tally:
        """What became of the windows of all finished strips, whichever run finished them.

        Windows whose strip a kill came before are not in it: they count when they are run again.
        """
        found = Tally(total=len(self._grid))
        for told in self._told():
            found.add(Tally(run=told["run"], repeated=told["repeated"], skipped=told["skipped"]))
        return found

    def remove(self) -> None:
        """Delete the folder and all strips in it; a kill in between leaves none of them in place."""
        remove_folder(self.folder)

    def _told(self) -> Iterator[dict[str, Any]]:
        """What each finished strip says beside its values."""
        for columns in self._grid.column_blocks:
            for row in range(len(self._grid.row_starts)):
                if self.done(columns, row):
                    path = self._path(columns, row)
                    array = np.load(path, mmap_mode="r", allow_pickle=False)
                    with path.open("rb") as file:
                        file.seek(array.offset + array.nbytes)
                        yield json.loads(file.read())

    def _rim_path(self, columns: ColumnBlock, row: int) -> Path:
        return self.folder / f"rim-{columns.index:03d}-{row:05d}.npy"

    def _path(self, columns: ColumnBlock, row: int) -> Path:
        return self.folder / f"strip-{columns.index:03d}-{row:05d}.npy"

    def _marked(self) -> str | None:
        try:
            return (self.folder / _MARK).read_text()
        except FileNotFoundError:
            return None

    def _check(self) -> None:
        if self._marked() != self.mark:
            raise OutputError(
                f"{self.folder}: is gone, or not that of this scan any more; the scan was given up, or the folder lies "
                "where this process does not see it: name one that all workers share"
            )

    def _save(self, path: Path, values: FloatArray, told: dict[str, Any] | None = None) -> None:
        self._check()
        with replacing(path) as part, part.open("wb") as file:
            np.save(file, values, allow_pickle=False)
            if told is not None:
                file.write(json.dumps(told).encode())
            file.flush()
            os.fsync(file.fileno())
