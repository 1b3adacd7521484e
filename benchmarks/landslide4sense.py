"""What Landslide4Sense divided its bands by, from its patches: ``python -m benchmarks.landslide4sense FOLDER``.

Its values were whole numbers (digital numbers, degrees, metres) before each band was divided by a constant, so they are
multiples of the constant's inverse. `landslide_geo.config.LANDSLIDE4SENSE` holds what this finds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslide_geo.chips.landslide4sense import BANDS
from landslide_geo.chips.reading import hdf5_array
from landslide_geo.config import LANDSLIDE4SENSE

#: Values nearer to each other than this are the same one.
_SAME = 1e-9


@dataclass(frozen=True)
class Found:
    """The constant of a band.

    Attributes:
        constant: that its values are whole multiples of the inverse of.
        off: by how much the worst of them misses a whole number.
        largest: of the whole numbers.
        different: how many different ones there were.
    """

    constant: float
    off: float
    largest: int
    different: int


def recovered(values: NDArray[np.float64]) -> Found:
    """The constant that whole numbers were divided by, the largest one that could be.

    Args:
        values: of one band, of any shape, two different ones at least, some of them neighbours before the division.
    """
    different = np.unique(values)
    steps = np.diff(different)
    constant = 1 / float(steps[steps > _SAME].min())
    for _ in range(3):  # the least step has the rounding of two values; all values together have hardly any
        whole = np.round(different * constant)
        constant = float(whole @ whole / (whole @ different))
    constant /= int(np.gcd.reduce(np.round(different * constant).astype(np.int64)))
    whole = np.round(different * constant)
    off = float(np.abs(different * constant - whole).max())
    return Found(constant, off, int(whole.max()), int((steps > _SAME).sum()) + 1)


def constants(folder: Path) -> dict[str, Found]:
    """Those of all bands, from all patches of a folder (``image_N.h5``, at any depth)."""
    patches = [hdf5_array(path, "img").reshape(-1, len(BANDS)) for path in sorted(folder.rglob("image_*.h5"))]
    values = np.concatenate(patches).astype(np.float64)
    return {band: recovered(values[:, number]) for number, band in enumerate(BANDS)}


def main() -> None:
    """Print what is found beside what the project goes by."""
    print(f"{'band':12}{'constant':>16}{'in use':>16}{'off by':>12}{'largest':>10}{'different':>11}")
    for band, one in constants(Path(sys.argv[1])).items():
        print(
            f"{band:12}{one.constant:16.8f}{LANDSLIDE4SENSE[band]:16.6f}{one.off:12.1e}{one.largest:10}"
            f"{one.different:11}"
        )


if __name__ == "__main__":
    main()
