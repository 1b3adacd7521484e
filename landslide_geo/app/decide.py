"""An analyst's decision about one landslide, written into the GeoPackage as QGIS would write it."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from landslide_geo.app.texts import PlainText
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError
from landslide_geo.inventory import schema
from landslide_geo.regions.features import prepare

#: Seconds that another program may take to finish what it writes.
_PATIENCE: Final = 5.0


class Decision(BaseModel):
    """What an analyst decided.

    Attributes:
        status: ``unreviewed`` takes an earlier decision back.
        reason: of a rejection, which needs one.
        reviewer: who.
        notes: in their own words; none leaves what is there.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["confirmed", "rejected", "unreviewed"]
    reason: str | None = None
    reviewer: PlainText | None = Field(default=None, max_length=120)
    notes: str | None = Field(default=None, max_length=2000)


def decide(path: Path, id: str, decision: Decision) -> dict[str, Any]:
    """Write a decision in one transaction; outlines and all other fields stay as they are.

    Args:
        path: of the GeoPackage.
        id: of the landslide.
        decision: about it.

    Returns:
        What was written, by field.

    Raises:
        ParameterError: a rejection without a known reason, or a reason without a rejection.
        SourceNotFoundError: there is no such landslide.
        OutputError: the file cannot be written, or another program keeps it.
    """
    rejected = decision.status == "rejected"
    if rejected != (decision.reason is not None) or (rejected and decision.reason not in schema.REJECT_REASON):
        raise ParameterError(f"a rejection needs a reason, and only that: one of {', '.join(schema.REJECT_REASON)}")
    undone = decision.status == "unreviewed"
    changes: dict[str, Any] = {
        "review_status": decision.status,
        "reject_reason": decision.reason,
        "reviewer": None if undone else (decision.reviewer or "").strip() or None,
        "reviewed_at": None if undone else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }
    if decision.notes is not None:
        changes["notes"] = decision.notes.strip() or None
    names = ", ".join(f'"{name}" = ?' for name in changes)
    layer = schema.LANDSLIDES.name
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None)
        ) as database:
            prepare(database)
            database.execute("BEGIN IMMEDIATE")
            written = database.execute(
                f'UPDATE "{layer}" SET {names} WHERE landslide_id = ?', (*changes.values(), id)
            ).rowcount
            if written != 1:
                database.execute("ROLLBACK")
                raise SourceNotFoundError(f"landslide {id!r}: is not in {path.name}; reload the page")
            database.execute(
                "UPDATE gpkg_contents SET last_change = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE table_name = ?",
                (layer,),
            )
            database.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"{path.name}: cannot be written ({error}); if QGIS has it open, save or end editing there, and try again"
        ) from None
    except sqlite3.DatabaseError as error:
        raise OutputError(f"{path.name}: cannot be written ({error}); is it still a GeoPackage?") from None
    return changes
