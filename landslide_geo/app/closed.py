"""GDAL without a network: what the page shows, and scans of files from the browser, lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

#: Addresses are not opened whatever their ending, and drivers that call services are left out.
_CLOSED: Final = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{nothing}",
    "GDAL_SKIP": "WMS,WMTS,WCS,OGCAPI,STACTA,STACIT,EEDA,EEDAI,DAAS,HTTP,PLMOSAIC,NGW",
    "OGR_SKIP": "WFS,OAPIF,CSW,Carto,AmigoCloud,Elasticsearch,PLSCENES",
}


@contextmanager
def closed() -> Iterator[dict[str, str]]:
    """Keep GDAL in this process from networks, and from files beside those it opens; yields the environment before."""
    before = dict(os.environ)
    os.environ.update(_CLOSED, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
    try:
        yield before
    finally:
        os.environ.clear()
        os.environ.update(before)


def environment(*, network: bool, before: Mapping[str, str]) -> dict[str, str]:
    """Environment of a process of its own.

    Args:
        network: whether it may reach out.
        before: the environment outside of `closed`.
    """
    return dict(before) if network else {**before, **_CLOSED}
