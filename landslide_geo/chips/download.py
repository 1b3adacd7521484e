"""Files from the network: resumed where they broke off, checked, and unpacked without leaving their folder."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Final

import requests

from landslide_geo.errors import ChecksumError, DatasetError, FetchError, LandslideError, OutputError
from landslide_geo.files import replacing

#: Names of archives end so.
ARCHIVES: Final = (".zip", ".tar.gz", ".tgz", ".tar")
_CHUNK: Final = 1 << 16
_TIMEOUT: Final = (20, 60)
#: Attempts in a row that bring nothing before a download is given up.
_ATTEMPTS: Final = 3
#: What to do where the network does not help.
MIRROR_HINT: Final = "or name a folder with copies: --mirror DIR or LANDSLIDE_MIRROR"


@dataclass(frozen=True)
class Remote:
    """A file of a host.

    Attributes:
        path: where it is kept, below the dataset's folder.
        url: its address.
        size: in bytes; none where the host does not tell.
        checksum: ``sha256:…`` or ``md5:…``; none where the host publishes none.
        headers: sent with the request.
    """

    path: str
    url: str
    size: int | None = None
    checksum: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def get(
    session: requests.Session, url: str, headers: dict[str, str] | None = None, **given: object
) -> requests.Response:
    """An answer that is not an error.

    Raises:
        FetchError: there is none, or it refuses.
    """
    try:
        answer = session.get(url, headers=headers, timeout=_TIMEOUT, **given)  # type: ignore[arg-type]
    except requests.RequestException as error:
        raise FetchError(f"{url}: cannot be had ({type(error).__name__}); check the network, {MIRROR_HINT}") from None
    if answer.status_code in (401, 403):
        raise FetchError(
            f"{url}: refused ({answer.status_code}); check access and credentials of your account (HF_TOKEN, "
            f"kaggle.json), {MIRROR_HINT}"
        )
    if answer.status_code >= 400 and answer.status_code != 416:
        raise FetchError(f"{url}: answered {answer.status_code}; the source may have moved. Try later, {MIRROR_HINT}")
    return answer


def download(
    remote: Remote, target: Path, session: requests.Session, *, received: Callable[[int], None] = lambda count: None
) -> None:
    """Get a file; it is there whole and checked, or not at all.

    What has come of it stays beside it when the network fails or the process ends, and the next call goes on there.

    Args:
        remote: the file.
        target: where to keep it; its folder is made.
        session: that is asked.
        received: called with numbers of bytes as they arrive.

    Raises:
        FetchError: the network failed several times.
        ChecksumError: it is not the file that the host tells of.
        OutputError: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        failures, had = 0, part.stat().st_size if part.exists() else 0
        while True:
            try:
                _receive(remote, part, session, received)
                break
            except requests.RequestException as error:
                # A large file may come in many pieces; only those attempts count that brought nothing.
                have = part.stat().st_size if part.exists() else 0
                failures, had = (0 if have > had else failures + 1), have
                if failures == _ATTEMPTS:
                    raise FetchError(
                        f"{remote.url}: broke off ({type(error).__name__}); what has come is kept: run the same "
                        f"command again to go on, {MIRROR_HINT}"
                    ) from None
        if not matches(part, remote):
            part.unlink()
            raise ChecksumError(
                f"{remote.path}: what came from {remote.url} is not the file that is told of there (size or checksum "
                "differs); run the same command again to get it anew"
            )
        part.replace(target)
    except LandslideError:
        raise
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror or error}); check --to and free space"
        ) from None


def _receive(remote: Remote, part: Path, session: requests.Session, received: Callable[[int], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have and have == remote.size:
        return
    headers = {"Accept-Encoding": "identity"} | remote.headers | ({"Range": f"bytes={have}-"} if have else {})
    with get(session, remote.url, headers, stream=True) as answer:
        if answer.status_code == 416:  # there is nothing beyond what is here
            if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            part.unlink()
            raise requests.ConnectionError("the file is shorter than what is here")
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                received(len(chunk))


def matches(path: Path, remote: Remote) -> bool:
    """Whether a file is the one of a host, as far as that tells."""
    if remote.size is not None and path.stat().st_size != remote.size:
        return False
    if remote.checksum is None:
        return True
    kind, _, digest = remote.checksum.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest() == digest


def confined(folder: Path, name: str, *, of: Path | str) -> Path:
    """The path of a name below a folder.

    Raises:
        DatasetError: it would lie outside.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise DatasetError(f"{of}: its member {name!r} would be written outside of {folder}; not taken")
    return folder / path


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar file; each member is there whole or not at all. Returns how many there are.

    Raises:
        ChecksumError: the archive is damaged.
        DatasetError: a member would be written outside of the folder, or is a link.
        OutputError: it cannot be written, or there is no room.
    """
    count = 0
    try:
        for name, source in _members(archive, folder):
            target = confined(folder, name, of=archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as part, part.open("wb") as file:
                _copied(source, file, archive)
            count += 1
    except LandslideError:
        raise
    except _DAMAGE as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); check --to and free space"
        ) from None
    return count


_DAMAGE: Final = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError)


def _damaged(archive: Path, error: BaseException) -> ChecksumError:
    what = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
    return ChecksumError(f"{archive.name}: damaged ({what}); run the same command again")


def _copied(source: IO[bytes], file: IO[bytes], archive: Path) -> None:
    while True:
        try:
            chunk = source.read(_CHUNK)
        except (*_DAMAGE, OSError) as error:
            raise _damaged(archive, error) from None
        if not chunk:
            return
        file.write(chunk)


def _members(archive: Path, folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of an archive's files."""
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            infos = [info for info in zipped.infolist() if not info.is_dir()]
            for info in infos:  # all of them before anything is written
                confined(folder, info.filename, of=archive)
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    raise _link(archive, info.filename)
            if (size := sum(info.file_size for info in infos)) > (free := shutil.disk_usage(folder).free):
                raise OutputError(f"{folder}: {archive.name} holds {size:,} bytes, but there is room for {free:,} only")
            for info in infos:
                with zipped.open(info) as source:
                    yield info.filename, source
        return
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isdir():
                    continue
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise _link(archive, member.name)
                yield member.name, content
            while tar.fileobj is not None and tar.fileobj.read(_CHUNK):
                pass  # a compressed file tells at its end whether it is whole
    except OSError as error:  # what gzip says of damage
        raise _damaged(archive, error) from None


def _link(archive: Path, name: str) -> DatasetError:
    return DatasetError(f"{archive}: its member {name!r} is no file but a link or device; not taken")
