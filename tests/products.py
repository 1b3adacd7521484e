"""Tiny Sentinel-2 products and Landsat scenes on disk, as their agencies name and describe them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

CRS = "EPSG:32654"
WEST, NORTH = 600_000.0, 4_720_000.0
TILE = "T54TWN"

_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")


def write_image(path: Path, values: np.ndarray, metres: float, *, nodata: float | None = None) -> Path:
    """(y, x) numbers as a GeoTIFF, or as JPEG 2000 without loss where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"} if path.suffix == ".jp2" else {}
    with rasterio.open(
        path, "w", **{"driver": "GTiff", **own}, height=values.shape[0], width=values.shape[1], count=1,
        dtype=values.dtype, crs=CRS, transform=from_origin(WEST, NORTH, metres, metres), nodata=nodata,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
    return path


def write_safe(
    parent: Path,
    bands: dict[str, np.ndarray],
    *,
    level: str = "2A",
    baseline: str = "05.00",
    offset: int | None = -1000,
    quantification: str = "10000",
    scl: np.ndarray | None = None,
    day: str = "2018-09-11",
    name: str | None = None,
) -> Path:
    """A product of the compact naming.

    Args:
        parent: of its folder.
        bands: numbers by ``B04_10m`` and so on in Level 2A, by ``B04`` in Level 1C.
        level: ``2A`` or ``1C``.
        baseline: of the processing.
        offset: of all bands, or None where the metadata tell none.
        quantification: as the metadata tell it.
        scl: scene classification, 20 m.
        day: of the acquisition.
        name: of the folder.
    """
    stamp = f"{TILE}_{day.replace('-', '')}T012701"
    folder = parent / (name or f"S2A_MSIL{level}_{day.replace('-', '')}T012701_N0500_R074_{TILE}_20230101T000000.SAFE")
    granule = f"L{level}_{TILE}_A016801_{day.replace('-', '')}T012701"
    listed = []
    images = dict(bands) | ({} if scl is None else {"SCL_20m": scl})
    for key, values in images.items():
        band, _, metres = key.partition("_")
        place = f"R{metres}/" if metres else ""
        local = f"GRANULE/{granule}/IMG_DATA/{place}{stamp}_{key}"
        size = float(metres[:-1]) if metres else {"B01": 60.0, "B05": 20.0, "B10": 60.0}.get(band, 10.0)
        write_image(folder / f"{local}.jp2", values, size)
        listed.append(f"<IMAGE_FILE>{local}</IMAGE_FILE>")
    prefix, shift = ("BOA_", "BOA_ADD_OFFSET") if level == "2A" else ("", "RADIO_ADD_OFFSET")
    offsets = "" if offset is None else "".join(f'<{shift} band_id="{i}">{offset}</{shift}>' for i in range(len(_IDS)))
    (folder / f"MTD_MSIL{level}.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.'
        f'esa.int/PSD/User_Product_Level-{level}.xsd"><n1:General_Info><Product_Info>'
        f"<PRODUCT_START_TIME>{day}T01:27:01.024Z</PRODUCT_START_TIME><PROCESSING_BASELINE>{baseline}"
        f"</PROCESSING_BASELINE>{''.join(listed)}</Product_Info><Product_Image_Characteristics>"
        f'<{prefix}QUANTIFICATION_VALUE unit="none">{quantification}</{prefix}QUANTIFICATION_VALUE>{offsets}'
        f"</Product_Image_Characteristics></n1:General_Info></n1:Level-{level}_User_Product>\n",
        encoding="utf-8",
    )
    (folder / "GRANULE" / granule / "MTD_TL.xml").write_text(
        f'<n1:Tile xmlns:n1="x"><n1:General_Info><SENSING_TIME>{day}T01:27:33.5Z</SENSING_TIME></n1:General_Info>'
        "<n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle><ZENITH_ANGLE unit='deg'>40</ZENITH_ANGLE>"
        "<AZIMUTH_ANGLE unit='deg'>155</AZIMUTH_ANGLE></Mean_Sun_Angle></Tile_Angles></n1:Geometric_Info></n1:Tile>",
        encoding="utf-8",
    )
    return folder


def change(path: Path, old: str, new: str) -> None:
    """Replace a text in a file, which holds it."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
