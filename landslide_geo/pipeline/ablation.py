"""What each part of a system is worth: the whole and the whole without a part, as named DVC experiments by seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from landslide_geo.config import AblationParams, load_params
from landslide_geo.errors import ParameterError
from landslide_geo.files import write_text
from landslide_geo.pipeline.experiments import assignment, dvc, git, last_line
from landslide_geo.progress import tracked
from landslide_geo.report.ablations import Measured, draw_ablations, table, write_rows
from landslide_geo.report.sheet import About

#: What is compared, and the files that say it.
KEY: Final = "f1"
WRITTEN: Final = ("ablations.csv", "ablations.md", "ablations.png")
_PARAMS: Final = "params.yaml"


def ablate(
    *, seeds: Sequence[int] = (0,), only: str | None = None, folder: Path = Path(),
    report: Callable[[Measured, bool], None] = lambda measured, fresh: None,
) -> list[Measured]:  # fmt: skip
    """Run the ablations of ``params.yaml``, each as ``dvc exp run``; the whole system of the first seed stays.

    An experiment that belongs to the last commit and holds its score already is not run again.

    Args:
        seeds: of training; each seed runs all of them before the next one begins.
        only: group; none takes all.
        folder: of the repository.
        report: called after each, with whether it was run now.

    Returns:
        Scores in the order of the parameters, seeds in theirs.

    Raises:
        ParameterError: there is nothing to compare, the repository is not one, was changed since its last commit, or a
            stage failed; what was run before that is kept.
    """
    chosen = _chosen(folder, only)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ParameterError("seeds: give one at least, and each once, as in 0,1,2")
    _require_clean(folder, chosen)
    before = (folder / _PARAMS).read_bytes()
    found: dict[tuple[str, int], Measured] = {}
    wholes, parts = [one for one in chosen if not one.set], [one for one in chosen if one.set]
    try:
        runs = [(seed, one) for seed in seeds for one in (*wholes, *parts)]
        for seed, one in tracked(runs, "systems", len(runs), "run"):
            told = _kept(folder, one, seed)
            if fresh := told is None:
                (folder / _PARAMS).write_bytes(before)  # what the one before it had set
                told = _run(folder, one, seed)
            found[one.name, seed] = Measured.of(one.group, one.name, seed, told, whole=not one.set)
            report(found[one.name, seed], fresh)
    finally:
        (folder / _PARAMS).write_bytes(before)
    _restore(folder, wholes, seeds[0], before)
    return [found[one.name, seed] for one in chosen for seed in seeds]


def write_ablations(folder: Path, found: Sequence[Measured]) -> None:
    """Write the scores as a table of all (CSV), one of means (Markdown), and a picture.

    Args:
        folder: that is there; see `WRITTEN`.
        found: by `ablate`.

    Raises:
        OutputError: they cannot be written.
    """
    write_rows(folder / WRITTEN[0], found)
    write_text(folder / WRITTEN[1], table(found))
    data = sorted({f"{one.data}, {one.n:,} {one.unit}s" for one in found})
    about = About("the whole and what lacks a part", "; ".join(data), simulated=any(one.simulated for one in found))
    draw_ablations(folder / WRITTEN[2], found, about=about)


def _chosen(folder: Path, only: str | None) -> list[AblationParams]:
    """Ablations of the groups, each of which has one whole system, which comes first."""
    params = load_params(folder / _PARAMS)
    groups = list(dict.fromkeys(one.group for one in params.ablations))
    if not groups:
        raise ParameterError(f"{folder / _PARAMS}: has no `ablations`; landslide profile sensors writes some")
    if only is not None and only not in groups:
        raise ParameterError(f"--only {only}: the groups of {folder / _PARAMS} are {', '.join(groups)}")
    names = [one.name for one in params.ablations]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ParameterError(f"{folder / _PARAMS}: ablations: {twice} is there twice; name each otherwise")
    found = []
    for group in groups if only is None else [only]:
        own = [one for one in params.ablations if one.group == group]
        if sum(not one.set for one in own) != 1:
            raise ParameterError(
                f"{folder / _PARAMS}: ablations: {group} needs one without `set`, the whole system, and no second one"
            )
        found += sorted(own, key=lambda one: bool(one.set))
    return found


def _require_clean(folder: Path, chosen: Sequence[AblationParams]) -> None:
    """An experiment is the last commit and its parameters; what else is changed would get into all of them."""
    if git(folder, "rev-parse", "--verify", "HEAD").returncode:
        raise ParameterError(f"{folder.absolute()}: no git repository with a commit; git init, git add and git commit")
    for name in (_PARAMS, "dvc.yaml"):
        if git(folder, "ls-files", "--error-unmatch", name).returncode:
            raise ParameterError(f"{folder / name}: git does not know it; git add {name} and commit")
    scores = {PurePosixPath(one.metric).parent for one in chosen} - {PurePosixPath()}
    status = git(folder, "status", "--porcelain", "--untracked-files=no", "--no-renames", ".").stdout
    for line in status.splitlines():
        path = PurePosixPath(line[3:].strip('"'))
        made = path.name == "dvc.lock" or path.as_posix() in {one.metric for one in chosen}
        if not made and not scores & set(path.parents):
            raise ParameterError(f"{path}: was changed since the last commit; commit it or take it back first")


def _name(one: AblationParams, seed: int) -> str:
    return f"{one.name}-{seed}"


def _ref(folder: Path, name: str) -> str:
    """Where DVC keeps an experiment on the last commit."""
    head = git(folder, "rev-parse", "HEAD").stdout.strip()
    return f"refs/exps/{head[:2]}/{head[2:]}/{name}"


def _there(folder: Path, name: str) -> bool:
    return git(folder, "rev-parse", "--verify", _ref(folder, name)).returncode == 0


def _kept(folder: Path, one: AblationParams, seed: int) -> dict[str, Any] | None:
    """What an experiment that was run before measured; none where there is none."""
    shown = git(folder, "show", f"{_ref(folder, _name(one, seed))}:./{one.metric}")
    return _measured(shown.stdout) if shown.returncode == 0 else None


def _run(folder: Path, one: AblationParams, seed: int) -> dict[str, Any]:
    name = _name(one, seed)
    given = (f"train.seed={seed}", *one.set)
    changes = [part for change in given for part in ("--set-param", assignment(folder, change))]
    if _there(folder, name):  # without a score of that name: DVC would refuse the name
        dvc(folder, "exp", "remove", name)
    done = dvc(folder, "exp", "run", "--name", name, *changes, *one.targets)
    if done.returncode:
        raise ParameterError(f"{name} failed: {last_line(done.stderr or done.stdout)}")
    try:
        found = _measured((folder / one.metric).read_text(encoding="utf-8"))
    except OSError:
        found = None
    if found is None:
        raise ParameterError(f"{name}: {one.metric} holds no {KEY}; name a file that {' '.join(one.targets)} writes")
    return found


def _measured(text: str) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
        float(values[KEY])
    except (ValueError, KeyError, TypeError):
        return None
    return values if isinstance(values, dict) else None


def _restore(folder: Path, wholes: Sequence[AblationParams], seed: int, before: bytes) -> None:
    """Leave the workspace as the whole system was made: what was trained comes from DVC's cache."""
    # `dvc exp apply` would want the outputs of all stages, of those too that no ablation runs.
    shown = git(folder, "show", f"{_ref(folder, _name(wholes[-1], seed))}:./{_PARAMS}")
    if shown.returncode == 0 and yaml.safe_load(shown.stdout) != yaml.safe_load(before):
        (folder / _PARAMS).write_text(shown.stdout, encoding="utf-8")
    done = dvc(folder, "repro", *dict.fromkeys(target for one in wholes for target in one.targets))
    if done.returncode:
        raise ParameterError(f"the whole system could not be restored: {last_line(done.stderr or done.stdout)}")
