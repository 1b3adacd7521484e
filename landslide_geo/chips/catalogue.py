"""Published datasets by name: what they are, on what terms, who reads them, and where they are had from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from landslide_geo.chips import bijie, hrgldd, landslide4sense, landslide4sense_rgb, negatives, sen12landslides, zindi
from landslide_geo.chips.collection import Collection
from landslide_geo.chips.hosts import Host, HuggingFace, Kaggle, Zenodo


@dataclass(frozen=True)
class Dataset:
    """A dataset that can be fetched by name.

    Attributes:
        name: as ``landslide prepare`` has it.
        title: one line for people.
        size: in words, as far as it is known before anybody asks.
        licence: in words.
        citation: what to cite.
        reader: its lister, which takes the folder and a seed.
        is_root: whether a folder is what the reader takes, for a part.
        mirrors: folders below a mirror's root that may hold it; the first that is there is taken.
        host: where it is published; none where that asks for what no program can do.
        by_hand: how to get it there then.
        parts: beginnings of the paths of each part.
        usual: parts that are had where none is asked for.
    """

    name: str
    title: str
    size: str
    licence: str
    citation: str
    reader: Callable[..., Collection]
    is_root: Callable[[Path, str], bool]
    mirrors: tuple[str, ...]
    host: Host | None = None
    by_hand: str = ""
    parts: dict[str, str] = field(default_factory=lambda: {"": ""})
    usual: tuple[str, ...] = ("",)


def _holds(*paths: str) -> Callable[[Path, str], bool]:
    return lambda folder, part: any((folder / path).exists() for path in paths)


_L4S: Final = "Ghorbanzadeh et al. 2022, Landslide4Sense, IEEE TGRS 60, doi:10.1109/TGRS.2022.3215209"
DATASETS: Final[dict[str, Dataset]] = {
    "landslide4sense": Dataset(
        name="landslide4sense",
        title="Landslide4Sense: 4,844 patches of Sentinel-2, slope and elevation with masks",
        size="about 9 GB",
        licence="MIT (IARAI)",
        citation=_L4S,
        reader=landslide4sense.collection,
        is_root=_holds("images/train", "TrainData", "img"),
        mirrors=("landslide4sense", "Landslide4sense", "landslide4sense_h5"),
        host=HuggingFace("ibm-nasa-geospatial/Landslide4sense"),
    ),
    "landslide4sense-rgb": Dataset(
        name="landslide4sense-rgb",
        title="Landslide4Sense as pictures in red, green and blue: 1,779 patches with masks",
        size="about 50 MB",
        licence="MIT (IARAI)",
        citation=_L4S,
        reader=landslide4sense_rgb.collection,
        is_root=_holds("train/images"),
        mirrors=("landslide4sense_rgb", "landslide4sense-rgb"),
        by_hand="its pictures are in the repository github.com/patschue/DLBS_landslides",
    ),
    "bijie": Dataset(
        name="bijie",
        title="Bijie: 770 pictures of landslides with masks, 2,003 without, elevations (TripleSat)",
        size="about 500 MB",
        licence="academic use; none stated",
        citation="Ji et al. 2020, Landslides 17, doi:10.1007/s10346-020-01353-2",
        reader=bijie.collection,
        is_root=_holds("landslide/image"),
        mirrors=("Bijie-landslide-dataset", "bijie", "bijie_224", "bijie_native"),
        host=Kaggle("hanstankman/bijie-landslidedataset"),
    ),
    "hrgldd": Dataset(
        name="hrgldd",
        title="HR-GLDD: 1,758 patches of PlanetScope with masks from ten places",
        size="told before the download",
        licence="see zenodo.org/records/7189381",
        citation="Meena et al. 2023, Earth System Science Data 15, doi:10.5194/essd-15-3283-2023",
        reader=hrgldd.collection,
        is_root=_holds("trainX.npy", "valX.npy", "testX.npy"),
        mirrors=("hrgldd", "hr_gldd", "HR-GLDD"),
        host=Zenodo(7189381),
    ),
    "sen12landslides": Dataset(
        name="sen12landslides",
        title="Sen12Landslides: 39,556 series of Sentinel-1 and Sentinel-2 with elevation and masks",
        size="told before the download",
        licence="CC BY 4.0",
        citation="Höhn et al. 2025, Scientific Data 12, doi:10.1038/s41597-025-06167-2",
        reader=sen12landslides.collection,
        is_root=lambda folder, part: folder.name == part and next(folder.rglob("*.nc"), None) is not None,
        mirrors=("sen12landslides", "Sen12Landslides"),
        host=HuggingFace("paulhoehn/Sen12Landslides"),
        parts={name: f"data_harmonized/{name}" for name in sen12landslides.VARIABLES},
        usual=("s2",),
    ),
    "negatives": Dataset(
        name="negatives",
        title="Sentinel-2 over Chittagong: city, fields, bare ground and forested hills without landslides",
        size="5 MB",
        licence="MIT (murad-geoAi/sentinel2-landslide-detection-dl); contains modified Copernicus Sentinel data",
        citation="github.com/murad-geoAi/sentinel2-landslide-detection-dl",
        reader=negatives.collection,
        is_root=lambda folder, part: len(list(folder.glob("*.tif"))) == 1,
        mirrors=("scene_chittagong", "chittagong", "negatives"),
        by_hand="its 100 chips are in the repository github.com/murad-geoAi/sentinel2-landslide-detection-dl; put them "
        "together to one scene, or take another without landslides",
    ),
    "zindi": Dataset(
        name="zindi",
        title="Zindi's landslide classification challenge: 7,147 labelled patches of Sentinel-1 and Sentinel-2",
        size="not known",
        licence="rules of the competition",
        citation="Zindi, landslide classification challenge",
        reader=zindi.collection,
        is_root=_holds("Train.csv"),
        mirrors=("zindi",),
        by_hand="join the challenge on zindi.africa with an account of yours and download Train.csv and the images",
    ),
}
