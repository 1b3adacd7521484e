"""What every command says, where, and in which form."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from landslide_geo.cli.main import PANELS, app, run

PROGRAM = [sys.executable, "-c", "from landslide_geo.cli.main import main; main()"]
ESCAPE = "\x1b"
#: Commands that may take long: all of them show progress, and have --json and --quiet.
LONG = (
    "fetch", "ingest", "demo", "scan", "vectorize", "review import", "compare", "score", "export", "region run",
    "prepare", "chips", "train", "calibrate", "bundle", "ensemble", "prefilter", "models cross", "evaluate", "explain",
    "predict-chips", "study", "ablate", "doctor",
)  # fmt: skip


def commands(node=None, path: tuple[str, ...] = ()) -> dict[str, object]:
    """All commands by what one types."""
    node = node or typer.main.get_command(app)
    if not hasattr(node, "commands"):
        return {" ".join(path): node}
    return {name: one for key, child in node.commands.items() for name, one in commands(child, (*path, key)).items()}


@pytest.mark.parametrize("name", commands())
def test_help_of_every_command_is_plain_where_nobody_looks(name: str, capfd) -> None:
    assert run([*name.split(), "--help"]) == 0
    told = capfd.readouterr()
    assert f"landslide {name}" in told.out
    assert ESCAPE not in told.out + told.err


@pytest.mark.parametrize("name", LONG)
def test_long_commands_speak_to_machines_and_hold_their_tongue(name: str) -> None:
    options = {option for parameter in commands()[name].params for option in parameter.opts}
    assert {"--json", "--quiet", "-q"} <= options


def test_help_is_a_guide(capfd) -> None:
    assert run(["--help"]) == 0
    told = capfd.readouterr().out
    places = [told.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    assert told.index("Start here") < told.index("landslide demo") < places[0]
    assert {name.split()[0] for name in commands()} == {name for panel in PANELS.values() for name, _ in panel}


@pytest.fixture(scope="module")
def scanned(simulated, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("speech") / "out"
    sources = [source for source in simulated.sources if source.startswith(("red=", "green=", "blue="))]
    arguments = ["scan", *sources, "--dem", str(simulated.dem), "--out", str(out), "--model", "red_minus_green"]
    assert run([*arguments, "--quiet"]) == 0
    return out


#: Arguments of commands that are quick enough to be run twice, with {out} for a new place and {scan} for a scan.
QUICK = {
    "scan": "scan {bands} --model red_minus_green --out {out}",
    "vectorize": "vectorize {scan}/probability.tif --out {out}.gpkg",
    "compare": "compare {scan}/landslides.gpkg {scan}/landslides.gpkg --out {out}.gpkg",
    "score": "score {scan}/landslides.gpkg {scan}/landslides.gpkg",
    "export": "export {scan}/landslides.gpkg --to geojson --out {out}.geojson",
    "review import": "review import {scan}/landslides.gpkg --out {out}.gpkg",
    "chips": "chips {scan} {truth} --size 64 --block 640 --out {out}",
    "prepare": "prepare simulated --bands red,green,blue --chips 12 --size 64 --out {out}",
}


@pytest.mark.parametrize("name", QUICK)
def test_json_is_one_document_and_quiet_is_nothing(name: str, scanned: Path, simulated, tmp_path: Path, capfd) -> None:
    bands = " ".join(source for source in simulated.sources if source.startswith(("red=", "green=", "blue=")))
    line = QUICK[name].format(scan=scanned, bands=bands, truth=simulated.truth, out=tmp_path / "{kind}")
    assert run([*line.format(kind="one").split(), "--json"]) == 0
    told = capfd.readouterr()
    assert json.loads(told.out)
    assert ESCAPE not in told.out + told.err
    run([*line.format(kind="two").split(), "--quiet"])
    assert capfd.readouterr() == ("", "")
    run(line.format(kind="three").split())
    plain = capfd.readouterr()
    assert plain.out
    assert ESCAPE not in plain.out + plain.err


def in_terminal(arguments: list[str], **environment: str) -> tuple[str, str]:
    """Standard output, and what a terminal as standard error was sent."""
    master, slave = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    with subprocess.Popen(
        [*PROGRAM, *arguments], stderr=slave, stdout=subprocess.PIPE, env=kept | {"COLUMNS": "140"} | environment
    ) as process:
        os.close(slave)
        sent = b""
        while True:
            ready, _, _ = select.select([master], [], [], 0.2)
            try:
                part = os.read(master, 65536) if ready else b""
            except OSError:  # that is how a terminal ends
                break
            sent += part
            if not part and process.poll() is not None:
                break
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(master)
    assert process.returncode == 0, sent.decode()
    return out, sent.decode()


@pytest.mark.integration
def test_a_terminal_shows_stages_rate_and_time_left(simulated, tmp_path: Path) -> None:
    bands = [source for source in simulated.sources if source.startswith(("red=", "green=", "blue="))]
    windows = ["--window", "32", "--overlap", "26", "--batch-size", "1"]
    arguments = ["scan", *bands, "--dem", str(simulated.dem), "--model", "red_minus_green"]
    out, sent = in_terminal([*arguments, *windows, "--out", str(tmp_path / "a")], TERM="xterm-256color")
    assert ESCAPE in sent
    sent = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", sent)
    assert ESCAPE not in out, "standard output is no terminal"
    assert "Landslides" in out
    for name in ("warp", "visibility", "windows", "polygons", "report"):
        assert re.search(rf"\b{name}\b", sent), name
    assert re.search(r"\d+/[\d,]+ windows, [\d.,e+]+ windows/s, [\d.:]+( s)? left", sent)


@pytest.mark.integration
def test_a_terminal_is_sent_no_more_than_it_understands(tmp_path: Path) -> None:
    arguments = ["prepare", "simulated", "--bands", "red,green,blue", "--chips", "12", "--size", "64"]
    out, sent = in_terminal([*arguments, "--out", str(tmp_path / "a"), "--json"], TERM="xterm-256color")
    assert json.loads(out)["train"]["chips"] > 0
    assert sent == ""
    out, sent = in_terminal([*arguments, "--out", str(tmp_path / "b")], TERM="dumb")
    assert "chips" in out
    assert ESCAPE not in out + sent
    out, sent = in_terminal([*arguments, "--out", str(tmp_path / "c")], TERM="xterm-256color", NO_COLOR="1")
    assert "chips/s" in sent or "chips, " in sent
    assert not re.search(r"\x1b\[[\d;]*3\dm", sent), "no colour, though the cursor moves"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("landslide sc", {"scan", "score"}),
        ("landslide scan --model r", {"red_minus_green", "rdndvi"}),
        ("landslide export x.gpkg --to geo", {"geojson", "geoparquet"}),
        ("landslide profile s", {"smoke", "sensors"}),
        ("landslide evaluate --dataset landslide4", {"landslide4sense", "landslide4sense-rgb"}),
    ],
)
def test_a_shell_completes_names(words: str, wanted: set[str]) -> None:
    environment = os.environ | {
        "_LANDSLIDE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)
    }  # fmt: skip
    done = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == wanted
