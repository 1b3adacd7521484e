"""The table a scan ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from landslide_geo.pipeline.scan import ScanResult


def told(result: ScanResult) -> dict[str, Any]:
    """What a scan found, for machines."""
    return result.summary | {"outputs": [str(path) for path in result.outputs]}


def show_result(result: ScanResult) -> None:
    """Print what a scan found and where it lies."""
    console = Console(highlight=False)
    if not result.fresh:
        console.print(
            "Finished before with the same inputs, model and parameters; nothing had to be done.", soft_wrap=True
        )
    summary = result.summary
    table = Table(title=str(result.record["scene_id"]))
    for column in ("Landslides", "Area (ha)", "Largest (ha)", "Seconds"):
        table.add_column(column, justify="right")
    table.add_row(
        f"{summary['landslides']:,}",
        f"{summary['area_m2'] / 1e4:,.1f}",
        f"{summary['largest_m2'] / 1e4:,.2f}",
        f"{summary['seconds']:.0f}",
    )
    console.print(table)
    if told := summary.get("reviewed"):
        console.print(
            f"Reviewed: {told['inherited']:,} found again, {told['kept']:,} kept. Of the new scan: "
            f"{told['new']:,} new, {told['known']:,} known before, {told['mapped']:,} on reviewed landslides left out.",
            soft_wrap=True,
        )
    for warning in result.record["warnings"]:
        console.print(f"Note: {warning}", soft_wrap=True)
    for path in result.outputs:
        console.print(f"  {path}", soft_wrap=True)
