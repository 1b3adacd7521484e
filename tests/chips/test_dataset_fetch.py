"""Datasets by name: from a mirror, and from a real server that answers as their hosts do."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import Site, serving

from landslide_geo.chips.catalogue import DATASETS
from landslide_geo.chips.fetch import fetch_dataset, outstanding, plan_dataset
from landslide_geo.cli.main import run
from landslide_geo.errors import ChecksumError, DatasetError, FetchError, ParameterError, SourceNotFoundError
from landslide_geo.pipeline.prepare import DATASETS as PREPARED

REPO = "ibm-nasa-geospatial/Landslide4sense"
L4S = {
    f"{kind}/{split}/{stem}_{i}.h5": f"{kind}{split}{i}".encode() * 4000
    for kind, stem in (("images", "image"), ("annotations", "mask"))
    for split, count in {"train": 3, "validation": 1, "test": 2}.items()
    for i in range(1, count + 1)
} | {"README.md": b"about", ".gitattributes": b"*.h5 lfs"}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "HF_TOKEN", "HF_ENDPOINT", "LANDSLIDE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def bijie_zip(inside: str = "Bijie-landslide-dataset/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, mode in {
            "landslide/image/a.png": "RGB", "landslide/mask/a.png": "L", "non-landslide/image/b.png": "RGB"
        }.items():  # fmt: skip
            picture = io.BytesIO()
            Image.new(mode, (64, 64), "white").save(picture, "png")
            archive.writestr(inside + name, picture.getvalue())
    return out.getvalue()


def test_names_are_those_of_prepare() -> None:
    assert set(DATASETS) <= set(PREPARED)
    assert set(PREPARED) - set(DATASETS) == {"simulated"}
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert dataset.reader is PREPARED[name]
        assert (dataset.host is None) == bool(dataset.by_hand)


def test_a_repository_of_files_comes_with_its_checksums(site: Site, tmp_path: Path) -> None:
    site.hugging_face(REPO, L4S, pages=3)
    plan = plan_dataset("landslide4sense", base=site.base)
    assert plan.size == sum(len(data) for path, data in L4S.items() if path != ".gitattributes")
    assert outstanding(plan, tmp_path) == plan.size
    seen: list[tuple[int, int]] = []
    got = fetch_dataset(plan, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert got.counts == {"": {"train": 3, "validation": 1, "test": 2}}
    assert got.roots == {"": tmp_path / "landslide4sense"}
    assert not got.problem
    assert got.checked == "no checksum published for 1 of 13 files"
    assert files(tmp_path / "landslide4sense") == sorted(set(L4S) - {".gitattributes"})
    for path in set(L4S) - {".gitattributes"}:
        assert (tmp_path / "landslide4sense" / path).read_bytes() == L4S[path]
    assert seen[-1] == (plan.size, plan.size)
    assert outstanding(plan, tmp_path) == 0

    asked = len(site.asked)
    fetch_dataset(plan, tmp_path)
    assert len(site.asked) == asked, "what is there is kept"


def test_a_changed_file_is_had_again_and_a_wrong_one_refused(site: Site, tmp_path: Path) -> None:
    site.hugging_face(REPO, L4S)
    plan = plan_dataset("landslide4sense", base=site.base)
    fetch_dataset(plan, tmp_path)
    path = tmp_path / "landslide4sense/images/train/image_2.h5"
    path.write_bytes(b"x" * path.stat().st_size)
    fetch_dataset(plan, tmp_path)
    assert path.read_bytes() == L4S["images/train/image_2.h5"]
    path.unlink()
    site.content[f"/datasets/{REPO}/resolve/main/images/train/image_2.h5"] = b"x" * len(L4S["images/train/image_2.h5"])
    with pytest.raises(ChecksumError, match=r"image_2\.h5: what came from .* is not the file"):
        fetch_dataset(plan, tmp_path)
    assert not path.exists()


def test_an_interrupted_fetch_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    site.hugging_face(REPO, L4S)
    broken = "annotations/validation/mask_1.h5"
    site.breaks[f"/datasets/{REPO}/resolve/main/{broken}"] = [70_000, 0, 0, 0]
    assert len(L4S[broken]) > 70_000
    plan = plan_dataset("landslide4sense", base=site.base)
    with pytest.raises(FetchError, match="run the same command again to go on"):
        fetch_dataset(plan, tmp_path)
    before = {path: site.count(f"/datasets/{REPO}/resolve/main/{path}") for path in L4S}
    fetch_dataset(plan, tmp_path)
    for path in L4S:
        if (count := before[path]) and path != broken:
            assert site.count(f"/datasets/{REPO}/resolve/main/{path}") == count, "kept"
    assert any(path.endswith(broken) and span == "bytes=65536-" for path, span in site.asked)
    assert (tmp_path / "landslide4sense" / broken).read_bytes() == L4S[broken]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_record_of_arrays_comes_as_files_or_an_archive(site: Site, tmp_path: Path, zipped: bool) -> None:
    arrays: dict[str, bytes] = {}
    for stem, count in {"train": 3, "val": 1, "test": 2}.items():
        for kind, bands in {"X": 4, "Y": 1}.items():
            out = io.BytesIO()
            np.save(out, np.zeros((count, 128, 128, bands), np.uint8))
            arrays[f"{stem}{kind}.npy"] = out.getvalue()
    if zipped:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in arrays.items():
                archive.writestr(f"HR-GLDD data/{name}", data)
        arrays = {"HR-GLDD data.zip": out.getvalue()}
    site.zenodo(7189381, arrays)
    plan = plan_dataset("hrgldd", base=site.base)
    got = fetch_dataset(plan, tmp_path)
    assert got.counts == {"": {"train": 3, "validation": 1, "test": 2}}
    assert got.checked == "checksums of its host agree"
    asked = len(site.asked)
    assert outstanding(plan, tmp_path) == 0
    fetch_dataset(plan, tmp_path)
    assert len(site.asked) == asked
    assert not [name for name in files(tmp_path) if name.endswith((".zip", ".part"))]


def test_parts_of_a_dataset_come_from_their_archives(site: Site, tmp_path: Path) -> None:
    archives: dict[str, bytes] = {}
    for sensor in ("s2", "s1dsc"):
        for number in range(2):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w:gz") as archive:
                for i in range(3):
                    archive.addfile(tarfile.TarInfo(f"italy_{sensor}_{number}{i}.nc"))
            archives[f"data_harmonized/{sensor}/part{number}.tar.gz"] = out.getvalue()
    for sensor in ("s2", "s1dsc", "s1asc"):
        own = {path: data for path, data in archives.items() if f"/{sensor}/" in path}
        site.hugging_face("paulhoehn/Sen12Landslides", own, prefix=f"data_harmonized/{sensor}")
    got = fetch_dataset(plan_dataset("sen12landslides", base=site.base), tmp_path)
    assert got.counts == {"s2": {"train": 6}}
    assert got.roots == {"s2": tmp_path / "sen12landslides/data_harmonized/s2"}
    got = fetch_dataset(plan_dataset("sen12landslides", parts=("s2", "s1dsc"), base=site.base), tmp_path)
    assert list(got.roots) == ["s2", "s1dsc"]
    with pytest.raises(ParameterError, match="no part 's3'; its parts are: s2, s1asc, s1dsc"):
        plan_dataset("sen12landslides", parts=("s3",), base=site.base)
    with pytest.raises(FetchError, match="holds none of the files of sen12landslides"):
        plan_dataset("sen12landslides", parts=("s1asc",), base=site.base)


def test_kaggle_asks_for_an_account(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/v1/datasets/download/hanstankman/bijie-landslidedataset"
    site.content[path] = bijie_zip()
    site.login[path] = f"Basic {base64.b64encode(b'me:secret').decode()}"
    with pytest.raises(FetchError, match=r"there is no .*kaggle\.json: make an API token .* set KAGGLE_USERNAME and"):
        plan_dataset("bijie", base=site.base)
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle/kaggle.json").write_text('{"username": "me"}')
    with pytest.raises(FetchError, match=r"kaggle\.json: holds no username and key"):
        plan_dataset("bijie", base=site.base)
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "wrong")
    with pytest.raises(FetchError, match=r"refused \(401\)") as error:
        fetch_dataset(plan_dataset("bijie", base=site.base), tmp_path / "to")
    assert "wrong" not in str(error.value)
    monkeypatch.delenv("KAGGLE_KEY")
    (tmp_path / "kaggle/kaggle.json").write_text(json.dumps({"username": "me", "key": "secret"}))
    plan = plan_dataset("bijie", base=site.base)
    assert plan.size is None
    assert outstanding(plan, tmp_path / "to") is None
    got = fetch_dataset(plan, tmp_path / "to")
    assert got.roots == {"": tmp_path / "to/bijie/Bijie-landslide-dataset"}
    assert got.counts == {"": {"train": 2}}
    assert got.checked == "no checksum published for 1 of 1 files"
    fetch_dataset(plan, tmp_path / "to")
    assert site.count(path) == 2, "once with the wrong key, once with the right one"


@pytest.mark.parametrize("what", ["damaged", "slip", "other"])
def test_bad_archives_are_refused_and_had_anew(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = "/api/v1/datasets/download/hanstankman/bijie-landslidedataset"
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    bad, kind, says = {
        "damaged": (bijie_zip()[:-100], ChecksumError, "damaged"),
        "slip": (bijie_zip("../../"), DatasetError, "would be written outside of"),
        "other": (bijie_zip("a/b/c/d/e/"), DatasetError, "is not bijie as its reader"),
    }[what]
    site.content[path] = bad
    plan = plan_dataset("bijie", base=site.base)
    with pytest.raises(kind, match=says) as error:
        fetch_dataset(plan, tmp_path / "to")
    assert "\n" not in str(error.value)
    assert {child.name for child in tmp_path.iterdir()} == {"to"}
    if what != "other":
        assert files(tmp_path / "to") == []
        site.content[path] = bijie_zip()
        assert fetch_dataset(plan, tmp_path / "to").counts == {"": {"train": 2}}


def test_a_listing_cannot_write_elsewhere(site: Site, tmp_path: Path) -> None:
    site.hugging_face(REPO, {"../../evil.h5": b"evil"})
    with pytest.raises(DatasetError, match="would be written outside of"):
        fetch_dataset(plan_dataset("landslide4sense", base=site.base), tmp_path / "to")
    assert files(tmp_path) == []


def test_hosts_that_answer_otherwise_are_named(site: Site) -> None:
    with pytest.raises(FetchError, match="answered 404"):
        plan_dataset("hrgldd", base=site.base)
    site.content["/api/records/7189381"] = b"<html>"
    with pytest.raises(FetchError, match="does not list files as expected"):
        plan_dataset("hrgldd", base=site.base)
    site.content["/api/records/7189381"] = b'{"files": [{"name": "a"}]}'
    with pytest.raises(FetchError, match="does not list files as expected"):
        plan_dataset("hrgldd", base=site.base)
    with pytest.raises(FetchError, match=r"cannot be had \(ConnectionError\); check the network, or name a folder"):
        plan_dataset("hrgldd", base="http://127.0.0.1:9")
    with pytest.raises(FetchError, match="zindi cannot be had by a program: join the challenge"):
        plan_dataset("zindi")
    with pytest.raises(ParameterError, match="no dataset is called 'moon'; there are: landslide4sense, "):
        plan_dataset("moon")


def small_mirror(root: Path) -> Path:
    """Bijie with one landslide, in a mirror."""
    with zipfile.ZipFile(io.BytesIO(bijie_zip("bijie_native/"))) as archive:
        archive.extractall(root)
    return root


def test_a_mirror_is_copied_and_identical_files_are_kept(tmp_path: Path) -> None:
    mirror = small_mirror(tmp_path / "mirror")
    plan = plan_dataset("bijie", mirror=mirror)
    assert outstanding(plan, tmp_path / "to") == 0  # nothing by the network
    got = fetch_dataset(plan, tmp_path / "to")
    assert got.counts == {"": {"train": 2}}
    assert files(got.roots[""]) == files(mirror / "bijie_native")
    first, second = got.roots[""] / "landslide/image/a.png", got.roots[""] / "landslide/mask/a.png"
    stamp = first.stat().st_mtime_ns
    second.write_bytes(b"x" * second.stat().st_size)
    fetch_dataset(plan, tmp_path / "to")
    assert first.stat().st_mtime_ns == stamp
    assert second.read_bytes() == (mirror / "bijie_native/landslide/mask/a.png").read_bytes()
    assert fetch_dataset(plan_dataset("bijie", mirror=mirror / "bijie_native"), tmp_path / "to2").counts == got.counts


def test_mirrors_without_it_are_named_and_halves_are_told(tmp_path: Path) -> None:
    mirror = small_mirror(tmp_path / "mirror")
    with pytest.raises(SourceNotFoundError, match=r"does not hold hrgldd \(looked for hrgldd, "):
        plan_dataset("hrgldd", mirror=mirror)
    with pytest.raises(SourceNotFoundError, match="nowhere: no such mirror"):
        plan_dataset("bijie", mirror=tmp_path / "nowhere")
    (mirror / "bijie_native/landslide/mask/a.png").unlink()
    got = fetch_dataset(plan_dataset("bijie", mirror=mirror), tmp_path / "to")
    assert "mask/a.png: missing" in got.problem
    assert got.counts == {}


def test_the_command_line_tells_asks_and_refuses(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.hugging_face(REPO, L4S)
    monkeypatch.setenv("HF_ENDPOINT", site.base)
    given = ["fetch", "landslide4sense", "--to", str(tmp_path / "to")]
    assert run(given) == 0  # small: not asked about
    out = capsys.readouterr().out
    assert out.splitlines()[1:4] == [
        "Size: about 9 GB", "Licence: MIT (IARAI)",
        "Cite: Ghorbanzadeh et al. 2022, Landslide4Sense, IEEE TGRS 60, doi:10.1109/TGRS.2022.3215209",
    ]  # fmt: skip
    assert "train: 3 patches" in out
    assert f"landslide prepare landslide4sense --root {tmp_path}/to/landslide4sense" in out

    tree = json.loads(site.content[f"/api/datasets/{REPO}/tree/main"])
    for entry in tree:
        entry["size"] *= 10_000
    site.content[f"/api/datasets/{REPO}/tree/main"] = json.dumps(tree).encode()
    assert run([*given[:3], str(tmp_path / "other")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is a large download (" in error
    assert "agree to it with --yes" in error
    assert not (tmp_path / "other").exists()
    assert run([*given[:3], str(tmp_path / "other"), "--yes"]) == 2  # no server sends as much as it told
    assert "is not the file that is told of" in capsys.readouterr().err


def test_the_command_line_copies_a_mirror(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mirror = small_mirror(tmp_path / "mirror")
    given = ["fetch", "bijie", "--to", str(tmp_path / "to"), "--mirror", str(mirror)]
    assert run(given) == 0
    assert "Structure verified; copied from a mirror, byte for byte." in capsys.readouterr().out
    (mirror / "bijie_native/landslide/mask/a.png").unlink()
    (tmp_path / "to/bijie/landslide/mask/a.png").unlink()
    assert run(given) == 0
    told = capsys.readouterr()
    assert "Structure not verified" in told.out
    assert "warning: the copy is not whole" in told.err
    for arguments, says in (
        (["moon"], "nothing is called 'moon'; there are: simulated, hokkaido, landslide4sense"),
        (["hokkaido", "--part", "s2"], "hokkaido has no parts"),
        (["bijie"], "Kaggle asks for an account"),
        (["zindi"], "join the challenge"),
    ):
        assert run(["fetch", *arguments, "--to", str(tmp_path / "x")]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [
        ("landslide4sense", "landslide4sense_h5", {"train": 2, "validation": 1, "test": 1}),
        ("landslide4sense-rgb", "landslide4sense_rgb", {"train": 1184, "validation": 395, "test": 200}),
        ("bijie", "bijie_224", {"train": 1018, "validation": 502}),
        ("negatives", "scene_chittagong", {"train": 163, "test": 6}),
    ],
)
def test_the_real_mirror(mirror: Path, tmp_path: Path, name: str, folder: str, counts: dict[str, int]) -> None:
    if not (mirror / folder).is_dir():
        pytest.skip(f"the mirror holds no {folder}")
    got = fetch_dataset(plan_dataset(name, mirror=mirror), tmp_path)
    assert got.counts == {"": counts}
    assert files(got.roots[""]) == files(mirror / folder)
