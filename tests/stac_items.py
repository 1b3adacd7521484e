"""What can be checked of STAC items without the network: the core's schemas, and extensions as pystac knows them.

Schemas of extensions lie in the network, and no package brings them. So an item is held against what they have in
common: an extension that has a field is declared, one that is declared has a field, both in a version that pystac
reads. Tests read the values with pystac's own classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pystac
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.eo import EOExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.mlm import MLMExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.extensions.view import ViewExtension
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

#: By the prefix of their fields. Of processing pystac has none.
EXTENSIONS = {
    "proj": ProjectionExtension, "eo": EOExtension, "raster": RasterExtension, "view": ViewExtension,
    "file": FileExtension, "classification": ClassificationExtension, "mlm": MLMExtension,
}  # fmt: skip
#: Names in addresses of schemas, where they are others than the prefix.
_NAMES = {"projection": "proj"}
_OWN = "landslide"
_SCHEMA = re.compile(
    r"^https://(?:stac-extensions\.github\.io|crim-ca\.github\.io)/([a-z-]+?)(?:-extension)?/v([\d.]+)/schema\.json$"
)


def check_item(raw: dict[str, Any], *, extensions: set[str]) -> pystac.Item:
    """Hold an item against the core's schemas and the extensions that it is to have, by prefix."""
    schemas = get_local_schema_cache()
    registry = Registry().with_resources((uri, Resource.from_contents(text)) for uri, text in schemas.items())
    core = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
    jsonschema.Draft7Validator(schemas[core], registry=registry).validate(raw)
    matches = [_SCHEMA.match(uri) for uri in raw["stac_extensions"]]
    assert all(matches), raw["stac_extensions"]
    declared = {_NAMES.get(match[1], match[1]): match[0] for match in matches if match}
    assert len(declared) == len(raw["stac_extensions"]), "each once"
    assert set(declared) == extensions
    assert set(_prefixes(raw)) - {_OWN} == extensions, "what is used is declared, and what is declared is used"
    item = pystac.Item.from_dict(raw)
    for prefix, uri in declared.items():
        if prefix in EXTENSIONS:
            assert uri in EXTENSIONS[prefix].get_schema_uris(), f"{uri}: a version that pystac does not read"
    return item


def checked_assets(item: pystac.Item, folder: Path) -> dict[str, pystac.Asset]:
    """The assets of an item, all of whose files are there beside it."""
    for asset in item.assets.values():
        assert (folder / asset.href).is_file(), asset.href
    return item.assets


def _prefixes(value: Any) -> Iterator[str]:
    """Prefixes of all fields in an item."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if re.match(r"^[a-z]+:[a-z_]+", key):
                yield key.partition(":")[0]
            yield from _prefixes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _prefixes(inner)
