"""Where datasets are published: what files there are, how large, and with which checksums."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

import requests

from landslide_geo.chips.download import MIRROR_HINT, Remote, get
from landslide_geo.errors import FetchError

_CREDENTIALS: Final = (
    "make an API token in your Kaggle account's settings and put kaggle.json into ~/.kaggle, or set KAGGLE_USERNAME "
    "and KAGGLE_KEY"
)


class Host(Protocol):
    """A place on the network that holds a dataset."""

    @property
    def address(self) -> str:
        """For people."""

    @property
    def base(self) -> str:
        """Beginning of all addresses."""

    def files(self, prefix: str, session: requests.Session) -> list[Remote]:
        """Those whose paths begin so.

        Raises:
            FetchError: the host does not tell, or asks for credentials that are missing.
        """


@dataclass(frozen=True)
class HuggingFace:
    """A dataset's repository on Hugging Face; checksums are those of its large files.

    Attributes:
        repo: owner and name.
        revision: branch or commit.
        base: beginning of all addresses; empty takes HF_ENDPOINT from the environment, as Hugging Face's own tools do,
            or else huggingface.co.
    """

    repo: str
    revision: str = "main"
    base: str = ""

    @property
    def address(self) -> str:
        """For people."""
        return f"{self._site}/datasets/{self.repo}"

    @property
    def _site(self) -> str:
        return (self.base or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    def files(self, prefix: str, session: requests.Session) -> list[Remote]:
        """Those whose paths begin so; see `Host.files`."""
        token = os.environ.get("HF_TOKEN", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self._site}/api/datasets/{self.repo}/tree/{self.revision}/{prefix}".rstrip("/") + "?recursive=true"
        found: list[Remote] = []
        while url:
            answer = get(session, url, headers)
            for entry in _json(answer, url, list, "path"):
                if entry.get("type") == "file":
                    lfs = entry.get("lfs") or {}
                    found.append(
                        Remote(
                            path=entry["path"],
                            url=f"{self.address}/resolve/{self.revision}/{quote(entry['path'])}",
                            size=entry.get("size"),
                            checksum=f"sha256:{lfs['oid']}" if "oid" in lfs else None,
                            headers=headers,
                        )
                    )
            url = answer.links.get("next", {}).get("url", "")
        return found


@dataclass(frozen=True)
class Zenodo:
    """A record on Zenodo.

    Attributes:
        record: its number.
        base: beginning of all addresses.
    """

    record: int
    base: str = "https://zenodo.org"

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.base}/records/{self.record}"

    def files(self, prefix: str, session: requests.Session) -> list[Remote]:
        """Those whose paths begin so; see `Host.files`."""
        url = f"{self.base}/api/records/{self.record}"
        listed = _json(get(session, url), url, dict, "key")["files"]
        return [
            Remote(entry["key"], f"{url}/files/{quote(entry['key'])}/content", entry.get("size"), entry.get("checksum"))
            for entry in listed
            if entry["key"].startswith(prefix)
        ]


@dataclass(frozen=True)
class Kaggle:
    """A dataset on Kaggle, had as one archive by those with an account.

    Attributes:
        dataset: owner and name.
        base: beginning of all addresses.
    """

    dataset: str
    base: str = "https://www.kaggle.com"

    @property
    def address(self) -> str:
        """For people."""
        return f"{self.base}/datasets/{self.dataset}"

    def files(self, prefix: str, session: requests.Session) -> list[Remote]:
        """Those whose paths begin so; see `Host.files`."""
        user, key = _kaggle_credentials()
        basic = base64.b64encode(f"{user}:{key}".encode()).decode()
        name = self.dataset.rpartition("/")[2]
        url = f"{self.base}/api/v1/datasets/download/{self.dataset}"
        return [Remote(f"{name}.zip", url, headers={"Authorization": f"Basic {basic}"})]


def _kaggle_credentials() -> tuple[str, str]:
    user, key = os.environ.get("KAGGLE_USERNAME", ""), os.environ.get("KAGGLE_KEY", "")
    if user and key:
        return user, key
    path = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle") / "kaggle.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return str(told["username"]), str(told["key"])
    except FileNotFoundError:
        raise FetchError(f"Kaggle asks for an account, and there is no {path}: {_CREDENTIALS}; {MIRROR_HINT}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise FetchError(f"{path}: holds no username and key; {_CREDENTIALS}, {MIRROR_HINT}") from None


def _json(answer: requests.Response, url: str, kind: type, name: str) -> Any:
    """A list of files, or a record with one; each has a name."""
    try:
        told: Any = answer.json()
        listed = told["files"] if kind is dict else told
        if not isinstance(listed, list) or not all(isinstance(entry[name], str) for entry in listed):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise FetchError(
            f"{url}: does not list files as expected; the source may have changed. Try later, {MIRROR_HINT}"
        ) from None
    return told
