"""STAC catalogues that are known by name, and how each sensor's products look in them and in others.

Sources: the catalogues' own collections (Earth Search v1, Planetary Computer, Copernicus Data Space), the Sentinel-2
Products Specification Document (asset names), and the USGS Landsat Collection 2 Level-2 guides (factors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import planetary_computer
import pystac

from landslide_geo.errors import MissingBandError, ParameterError

#: Sensors by their names on the command line.
SENSORS: Final = {"s2": "Sentinel-2 L2A", "s1": "Sentinel-1 RTC", "landsat": "Landsat C2 L2", "dem": "Copernicus DEM"}


@dataclass(frozen=True)
class Product:
    """A sensor's product, whichever catalogue has it.

    Attributes:
        sensor: its short name.
        title: for people.
        collections: names that catalogues give it, the better one first.
        assets: keys of the asset that holds a band, by vocabulary name; catalogues differ.
        classes: keys of the asset that tells what was seen.
        nodata: value of stored bands without one.
    """

    sensor: str
    title: str
    collections: tuple[str, ...]
    assets: Mapping[str, tuple[str, ...]]
    classes: tuple[str, ...] = ()
    nodata: float = 0

    def asset(self, item: pystac.Item, band: str) -> str:
        """The key of the asset that holds a band, or with ``classes`` what was seen.

        Raises:
            MissingBandError: the item has none of them.
        """
        keys = self.classes if band == "classes" else self.assets.get(band, ())
        for key in keys:
            if key in item.assets:
                return key
        what, mend = (
            ("what was seen", "another catalogue with --stac")
            if band == "classes"
            else (band, "take --level 1c, which alone has it")
            if band == "cirrus" and self.sensor == "s2"
            else (band, "leave the band out with --bands")
        )
        raise MissingBandError(
            f"{item.id}: has no asset for {what} ({' or '.join(keys) or 'none is known'}; it has "
            f"{', '.join(item.assets) or 'none'}); choose other dates, or {mend}"
        )

    def has(self, item: pystac.Item, band: str) -> bool:
        """Whether an item has a band, or with ``classes`` tells what was seen."""
        return any(key in item.assets for key in (self.classes if band == "classes" else self.assets.get(band, ())))


def _sentinel2(name: str, number: str, pixel: int) -> tuple[str, ...]:
    """Names of a band: Earth Search's, Planetary Computer's, Copernicus Data Space's."""
    return (name, number, f"{number}_{pixel}m")


#: Sentinel-2's Level 1C, top-of-atmosphere reflectance.
L1C: Final = "s2-l1c"

PRODUCTS: Final[dict[str, Product]] = {
    "s2": Product(
        sensor="s2",
        title="Sentinel-2 L2A",
        collections=("sentinel-2-l2a", "sentinel-2-c1-l2a"),
        assets={
            "coastal": _sentinel2("coastal", "B01", 60),
            "blue": _sentinel2("blue", "B02", 10),
            "green": _sentinel2("green", "B03", 10),
            "red": _sentinel2("red", "B04", 10),
            "rededge071": _sentinel2("rededge1", "B05", 20),
            "rededge075": _sentinel2("rededge2", "B06", 20),
            "rededge078": _sentinel2("rededge3", "B07", 20),
            "nir": _sentinel2("nir", "B08", 10),
            "nir08": _sentinel2("nir08", "B8A", 20),
            "nir09": _sentinel2("nir09", "B09", 60),
            "swir16": _sentinel2("swir16", "B11", 20),
            "swir22": _sentinel2("swir22", "B12", 20),
        },
        classes=("scl", "SCL", "SCL_20m"),
    ),
    # Without a classification: what can be seen is told from its bands.
    L1C: Product(
        sensor=L1C,
        title="Sentinel-2 L1C",
        collections=("sentinel-2-l1c",),
        assets={
            name: (key, number)
            for name, key, number in (
                ("coastal", "coastal", "B01"),
                ("blue", "blue", "B02"),
                ("green", "green", "B03"),
                ("red", "red", "B04"),
                ("rededge071", "rededge1", "B05"),
                ("rededge075", "rededge2", "B06"),
                ("rededge078", "rededge3", "B07"),
                ("nir", "nir", "B08"),
                ("nir08", "nir08", "B8A"),
                ("nir09", "nir09", "B09"),
                ("cirrus", "cirrus", "B10"),
                ("swir16", "swir16", "B11"),
                ("swir22", "swir22", "B12"),
            )
        },
    ),
    "landsat": Product(
        sensor="landsat",
        title="Landsat Collection 2 Level 2",
        collections=("landsat-c2-l2", "landsat-c2l2-sr"),
        assets={
            "coastal": ("coastal", "SR_B1"),
            "blue": ("blue", "SR_B2"),
            "green": ("green", "SR_B3"),
            "red": ("red", "SR_B4"),
            # Its fifth band is as narrow as Sentinel-2's nir08; rules and models want one that is called nir.
            "nir": ("nir08", "SR_B5"),
            "swir16": ("swir16", "SR_B6"),
            "swir22": ("swir22", "SR_B7"),
        },
        classes=("qa_pixel", "QA_PIXEL"),
    ),
    "s1": Product(
        sensor="s1",
        title="Sentinel-1, radiometrically terrain corrected",
        collections=("sentinel-1-rtc", "opera-s1-rtc-v1"),
        assets={"vv": ("vv", "VV"), "vh": ("vh", "VH")},
        nodata=float("nan"),
    ),
    "dem": Product(
        sensor="dem",
        title="Copernicus DEM GLO-30",
        collections=("cop-dem-glo-30", "cop-dem-glo-30-dged-cog", "copernicus-dem-30m"),
        assets={"elevation": ("data", "elevation", "dem")},
        nodata=float("nan"),
    ),
}

#: Why there is no radar from uncorrected products.
NOT_CORRECTED: Final = (
    "ground range detected products (GRD) are not corrected for terrain, so that slopes show their tilt towards the "
    "sensor rather than what lies on them"
)


@dataclass(frozen=True)
class Catalogue:
    """A STAC API.

    Attributes:
        name: short.
        url: of the API.
        sign: what an address needs before it may be read, done when it is read: signatures expire, and none is
            written to a file.
        settings: of GDAL, for its files.
    """

    name: str
    url: str
    sign: Callable[[str], str] | None = None
    settings: tuple[tuple[str, str], ...] = ()


CATALOGUES: Final[dict[str, Catalogue]] = {
    "earth-search": Catalogue(
        "earth-search", "https://earth-search.aws.element84.com/v1", settings=(("AWS_NO_SIGN_REQUEST", "YES"),)
    ),
    "planetary-computer": Catalogue(
        "planetary-computer",
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        sign=planetary_computer.sign_url,
    ),
    # Its files lie in an S3 store of its own; keys of an account are taken from AWS_ACCESS_KEY_ID and
    # AWS_SECRET_ACCESS_KEY.
    "copernicus": Catalogue(
        "copernicus",
        "https://stac.dataspace.copernicus.eu/v1",
        settings=(("AWS_S3_ENDPOINT", "eodata.dataspace.copernicus.eu"), ("AWS_VIRTUAL_HOSTING", "FALSE")),
    ),
}
DEFAULT: Final = "earth-search"
#: Those of the above that have radar which is corrected for terrain.
_WITH_RADAR: Final = "planetary-computer"


def catalogue_of(name: str) -> Catalogue:
    """A catalogue by name or address.

    Raises:
        ParameterError: it is neither.
    """
    if name in CATALOGUES:
        return CATALOGUES[name]
    known = next((one for one in CATALOGUES.values() if one.url.rstrip("/") == name.rstrip("/")), None)
    if known is not None:
        return known
    if not name.lower().startswith(("http://", "https://")):
        raise ParameterError(f"--stac {name}: is neither the address of a STAC API nor one of {', '.join(CATALOGUES)}")
    return Catalogue(name, name)


def collection_of(product: Product, catalogue: Catalogue, there: Mapping[str, Any]) -> str:
    """The name of a product's collection in a catalogue.

    Args:
        product: looked for.
        catalogue: for the message.
        there: the collections it has, by name.

    Raises:
        ParameterError: it has none; of radar, the message says why GRD does not do.
    """
    for name in product.collections:
        if name in there:
            return name
    if product.sensor == "s1":
        only = " (it has sentinel-1-grd)" if "sentinel-1-grd" in there else ""
        raise ParameterError(
            f"{catalogue.name}: has no Sentinel-1 that is corrected for terrain{only}: {NOT_CORRECTED}; use --stac "
            f"{_WITH_RADAR}, or leave s1 out of --sensors"
        )
    raise ParameterError(
        f"{catalogue.name}: has no collection {' or '.join(product.collections)} ({product.title}); use another "
        f"--stac, or leave {product.sensor} out of --sensors"
    )
