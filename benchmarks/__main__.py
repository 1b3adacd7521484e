"""``python -m benchmarks``: everything, or some of it, as one page of Markdown and one file of raw figures."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

from benchmarks import bars, engine, ingest, inputs, memory, network, peers, polygons, rounds, scan, table
from benchmarks.table import Goal

PARTS = ("speed", "memory", "scan", "polygons", "ingest")
#: Of rasters for the speed and the scan; and (height, width) of rasters for memory, whose first one is the measure.
SIZES = {False: (2048, 4096), True: (512,)}
SHAPES = {
    False: ((4096, 4096), (16384, 16384), (32768, 8192), (8192, 32768)),
    True: ((1024, 1024), (2048, 1024)),
}
#: Share of a peer's time that is to be enough whatever the precision, where it is not the same for all.
PEER_LIMITS = {"geo-inference": 0.5, "geoai-py": 0.5}
SCAN_SIZE = {False: 4096, True: 384}
#: Of rasters to outline: for the speed, and for the memory.
POLYGON_SIZES = {False: (8192, 16384), True: (512, 1024)}
#: Of a Sentinel-2 tile.
INGEST_SIZES = {False: (10980,), True: (1024,)}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write down."""
    args = _parser().parse_args(arguments)
    parts = args.only or PARTS
    count = 2 if args.quick else args.rounds
    facts = table.machine()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as scratch:
        folder = args.data or Path(scratch)
        timed = []
        if "speed" in parts:
            timed = [_speed(folder, size, count, args) for size in args.size or SIZES[args.quick]]
        growths = []
        if "memory" in parts:
            for shape in SHAPES[args.quick]:
                growths.append(memory.measured(folder, *shape))
                _say(f"memory: {growths[-1]}")
        scans = []
        if "scan" in parts:
            for what in (scan.ONE_DATE, scan.TWO_DATES):
                scans.append(scan.measured(folder, SCAN_SIZE[args.quick], what, rounds=count))
                _say(f"scan: {scans[-1]}")
        outlined = []
        if "polygons" in parts:
            outlined.append(_polygons(folder, count, *POLYGON_SIZES[args.quick]))
        ingested = []
        if "ingest" in parts:
            ingested = [_ingested(folder, size, count) for size in args.size or INGEST_SIZES[args.quick]]
    text = table.markdown(facts, timed, growths, scans, outlined, quick=args.quick, ingested=ingested)
    print(text)
    if args.json is not None:
        raw = {
            "machine": facts,
            "quick": args.quick,
            "speed": [asdict(found) for found, _ in timed],
            "memory": [asdict(growth) for growth in growths],
            "scan": [asdict(steps) for steps in scans],
            "polygons": [[asdict(found), asdict(held)] for found, _, held in outlined],
            "ingest": [[asdict(found), asdict(peaks)] for found, _, peaks in ingested],
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    if args.picture is not None:
        bars.draw(args.picture, facts, [found for found, _ in timed] + [found for found, *_ in (*outlined, *ingested)])
    if args.document is not None:
        table.write_between_marks(args.document, text)
    return 0


def _speed(folder: Path, size: int, count: int, args: argparse.Namespace) -> tuple[rounds.Rounds, list[Goal]]:
    """The engine, its limit, and the peers, all by turns on one raster in this process."""
    source, out = inputs.cog(folder, size), folder / "out.tif"
    model = network.default_network(args.device)
    # A back end may lay out the weights anew; others get the network as anybody would build it.
    theirs, present = deepcopy(model), peers.installed(size)
    contestants: dict[str, Callable[[], object]] = {}
    goals = []
    for chosen, limit, peers_limit in (
        (network.plain(model), 1.10, 1.0),
        (network.fastest(model, source), 1.30, 0.45 if _has_bfloat16() else 0.65),
    ):
        ours, bare = f"landslide, {chosen.label}", f"bare {chosen.label}"
        contestants[bare] = engine.bare_passes(source, chosen.predict)
        contestants[ours] = engine.whole_scan(source, chosen.predict, out)
        goals.append(Goal(ours, bare, limit))
        # Half the time of those that are slow by themselves is asked of the fastest way only.
        asked = present if peers_limit < 1 else present.keys() - PEER_LIMITS
        goals += [Goal(ours, peer, PEER_LIMITS.get(peer, peers_limit)) for peer in present if peer in asked]
    for peer in present:
        contestants[peer] = peers.whole_scan(peer, source, theirs, out)
    found = rounds.timed(f"{size}²", contestants, rounds=count, pixels=size * size, say=_say)
    return found, goals


def _polygons(folder: Path, count: int, size: int, larger: int) -> tuple[rounds.Rounds, list[Goal], polygons.Held]:
    """Polygons streamed and at once, and what the streamed ones of a larger raster take in memory."""
    both = polygons.contestants(folder, size)
    found = rounds.timed(f"{size}² polygons", both, rounds=count, pixels=size * size, say=_say)
    held = polygons.held(folder, larger)
    _say(f"polygons: {held}")
    return found, [Goal(polygons.OURS, polygons.THEIRS, 1.0)], held


def _ingested(folder: Path, size: int, count: int) -> tuple[rounds.Rounds, list[Goal], ingest.Peaks]:
    """A tile from a catalogue, and its files warped one by one; and what either takes in memory."""
    with ingest.served(folder, size) as url:
        both, peaks = ingest.contestants(folder, size, url)
        found = rounds.timed(f"{size}² tile", both, rounds=count, pixels=size * size, say=_say)
    _say(f"ingest: {peaks}")
    return found, [Goal(ingest.OURS, ingest.THEIRS, 1.0)], peaks


def _has_bfloat16() -> bool:
    return any("bf16" in flag for flag in table.machine()["flags"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="what to measure; may be given again")
    parser.add_argument("--quick", action="store_true", help="small rasters and two rounds: does everything run?")
    parser.add_argument("--size", type=int, action="append", help="of a raster for speed or ingest; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="how often everybody runs (%(default)s)")
    parser.add_argument("--device", default="cpu", help="of the network (%(default)s)")
    parser.add_argument("--data", type=Path, help="folder to keep the rasters in; else they are made anew")
    parser.add_argument("--json", type=Path, help="file for the raw figures")
    parser.add_argument("--picture", type=Path, help="PNG for bars of the speeds")
    parser.add_argument("--document", type=Path, help="Markdown file whose marked part is replaced by the tables")
    return parser


if __name__ == "__main__":
    sys.exit(main())
