"""Files from the network: resumed, checked, unpacked within their folder."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from served import Site, serving

from landslide_geo.chips.download import Remote, confined, download, unpack
from landslide_geo.errors import ChecksumError, DatasetError, FetchError, OutputError

DATA = bytes(range(256)) * 8000


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        found.content["/a.bin"] = DATA
        yield found


def remote(site: Site, **given: object) -> Remote:
    told = {"size": len(DATA), "checksum": f"sha256:{hashlib.sha256(DATA).hexdigest()}"} | given
    return Remote("a.bin", f"{site.base}/a.bin", **told)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_its_folder_is_made(site: Site, tmp_path: Path) -> None:
    counts: list[int] = []
    with requests.Session() as session:
        download(remote(site), tmp_path / "deep/a.bin", session, received=counts.append)
    assert (tmp_path / "deep/a.bin").read_bytes() == DATA
    assert sum(counts) == len(DATA)
    assert names(tmp_path / "deep") == ["a.bin"]


@pytest.mark.parametrize("told", [{}, {"size": None, "checksum": None}])
def test_a_broken_connection_is_taken_up_where_it_was(site: Site, tmp_path: Path, told: dict) -> None:
    site.breaks["/a.bin"] = [1_500_000, 300_000]
    with requests.Session() as session:
        download(remote(site, **told), tmp_path / "a.bin", session)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    first, second, third = (span for _, span in site.asked)
    assert first == ""
    assert 0 < int(second[6:-1]) <= 1_500_000
    assert int(second[6:-1]) < int(third[6:-1]) <= 1_800_000


def test_the_next_run_goes_on_after_a_failure(site: Site, tmp_path: Path) -> None:
    site.breaks["/a.bin"] = [1_200_000, 0, 0, 0]
    with requests.Session() as session, pytest.raises(FetchError, match=r"broke off .* run the same command again"):
        download(remote(site), tmp_path / "a.bin", session)
    assert names(tmp_path) == [".a.bin.part"]
    with requests.Session() as session:
        download(remote(site), tmp_path / "a.bin", session)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert int(site.asked[-1][1][6:-1]) > 1_000_000
    assert names(tmp_path) == ["a.bin"]


def test_all_that_was_to_come_needs_no_more(site: Site, tmp_path: Path) -> None:
    (tmp_path / ".a.bin.part").write_bytes(DATA)
    with requests.Session() as session:
        download(remote(site), tmp_path / "a.bin", session)
        assert site.asked == []
        (tmp_path / ".b.bin.part").write_bytes(DATA)
        download(remote(site, size=None), tmp_path / "b.bin", session)  # the host says that there is no more
    assert (tmp_path / "b.bin").read_bytes() == DATA


@pytest.mark.parametrize("left", [DATA + b"more", b"other" * 1000])
def test_what_is_left_of_another_file_is_not_taken(site: Site, tmp_path: Path, left: bytes) -> None:
    (tmp_path / ".a.bin.part").write_bytes(left)
    with requests.Session() as session:
        if len(left) < len(DATA):  # that is seen by the checksum only
            with pytest.raises(ChecksumError, match="run the same command again to get it anew"):
                download(remote(site), tmp_path / "a.bin", session)
            assert names(tmp_path) == []
        download(remote(site), tmp_path / "a.bin", session)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_server_that_knows_no_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.whole = True
    site.breaks["/a.bin"] = [1_500_000]
    with requests.Session() as session:
        download(remote(site), tmp_path / "a.bin", session)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_what_goes_wrong_is_one_line_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    def says(kind: type[Exception], pattern: str, what: Remote) -> None:
        with requests.Session() as session, pytest.raises(kind, match=pattern) as error:
            download(what, tmp_path / "to/a.bin", session)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "to").exists() or names(tmp_path / "to") == []

    says(ChecksumError, r"a\.bin: what came from .* is not the file", remote(site, checksum="md5:0"))
    says(ChecksumError, r"is not the file", remote(site, size=7))
    says(FetchError, r"b\.bin: answered 404", Remote("b.bin", f"{site.base}/b.bin"))
    site.login["/a.bin"] = "Basic x"
    says(FetchError, r"refused \(401\); check access and credentials", remote(site))
    says(FetchError, r"cannot be had \(ConnectionError\)", Remote("c", "http://127.0.0.1:9/c"))
    (tmp_path / "file").touch()
    with requests.Session() as session, pytest.raises(OutputError, match="cannot be written"):
        download(remote(site), tmp_path / "file/a.bin", session)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("make", "name"), [(zipped, "a.zip"), (tarred, "a.tar.gz"), (tarred, "a.tgz")])
def test_archives_are_unpacked_and_damage_is_seen(tmp_path: Path, make, name: str) -> None:
    archive = make(tmp_path / name, {"x/one": b"1" * 5000, "x/deep/two": DATA})
    assert unpack(archive, tmp_path) == 2
    assert (tmp_path / "x/one").read_bytes() == b"1" * 5000
    assert (tmp_path / "x/deep/two").read_bytes() == DATA
    whole = archive.read_bytes()
    for bad in (whole[:-400], whole[: len(whole) // 2], b"", b"no archive", whole[:300] + b"\0\xff\0" + whole[303:]):
        archive.write_bytes(bad)
        with pytest.raises(ChecksumError, match=rf"{name}: damaged .*; run the same command again") as error:
            unpack(archive, tmp_path)
        assert "\n" not in str(error.value)
    if make is zipped:
        assert (tmp_path / "x/deep/two").read_bytes() == DATA, "a member that is there stays whole"


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil", "x/../../evil", "/evil", "..\\evil", "C:/evil", "C:\\evil"])
def test_members_that_would_leave_the_folder_are_refused(tmp_path: Path, make, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    archive = make(tmp_path / ("a.zip" if make is zipped else "a.tar.gz"), {name: b"evil", "good": b"good"})
    with pytest.raises(DatasetError, match="would be written outside of"):
        unpack(archive, folder)
    assert names(folder) == []
    assert names(tmp_path) == sorted([archive.name, "in"])


def test_links_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(info)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc")
    for name in ("a.tar", "a.zip"):
        with pytest.raises(DatasetError, match="'link' is no file but a link"):
            unpack(tmp_path / name, folder)
    assert names(folder) == []


@given(st.text(alphabet="ab./\\:", max_size=12))
def test_a_confined_path_is_below_its_folder(name: str) -> None:
    folder = Path("/data/here")
    try:
        path = confined(folder, name, of="a.zip")
    except DatasetError:
        return
    assert path.resolve().is_relative_to(folder)
    assert path != folder
