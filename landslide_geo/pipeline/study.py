"""A search of parameters: Optuna proposes, DVC runs each proposal as an experiment that can be applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslide_geo.errors import MissingExtraError, ParameterError
from landslide_geo.pipeline.experiments import dvc, last_line, parameter
from landslide_geo.pipeline.experiments import score as read_score
from landslide_geo.progress import stage


@dataclass(frozen=True)
class Trial:
    """One proposal.

    Attributes:
        experiment: DVC's name of it; empty where it failed.
        values: by parameter.
        score: what was maximised; none where it failed.
    """

    experiment: str
    values: dict[str, Any]
    score: float | None


@dataclass(frozen=True)
class Choice:
    """What a parameter may be: numbers of a range, or one of some values."""

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    among: tuple[str, ...] = ()

    @classmethod
    def parsed(cls, text: str) -> Choice:
        """``train.lr=1e-4..1e-2`` (a range, on a logarithmic scale where it spans a factor of ten or more), or
        ``models.unet.loss=bce,bce_dice,focal``.

        Raises:
            ParameterError: it is neither.
        """
        name, equals, what = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_][\w.\-]*", name) or not equals or not what:
            raise ParameterError(f"--search {text}: write NAME=LOW..HIGH, or NAME=A,B,C")
        if ".." not in what:
            return cls(name, among=tuple(what.split(",")))
        first, _, second = what.partition("..")
        try:
            low, high = float(first), float(second)
        except ValueError:
            raise ParameterError(f"--search {text}: {first} and {second} are no numbers") from None
        if not low < high:
            raise ParameterError(f"--search {text}: the range is empty; write the lower number first")
        whole = first.isdecimal() and second.isdecimal()
        return cls(name, low, high, log=low > 0 and high / low >= 10, whole=whole)


def search(
    choices: list[Choice],
    *,
    metric: Path,
    key: str = "f1",
    trials: int,
    target: str | None = None,
    seed: int = 0,
    folder: Path = Path(),
    report: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Try proposals one after the other, each as ``dvc exp run``, and leave the workspace as the best one made it.

    Args:
        choices: what to vary.
        metric: file that the pipeline writes, of *validation*: a test must not choose.
        key: in it, to be made large.
        trials: number of proposals.
        target: stage to run; none runs the pipeline.
        seed: of the proposals.
        folder: of the repository.
        report: called after each.

    Raises:
        MissingExtraError: Optuna or DVC is not installed.
        ParameterError: no trial succeeded; the message holds what the last one said.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("a study needs optuna; install it with: pip install 'landslide-geo[train]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    done: list[Trial] = []
    complaint = ""

    def objective(proposal: Any) -> float:
        nonlocal complaint
        values = {choice.name: _proposed(choice, proposal) for choice in choices}
        changes = [
            part for name, value in values.items() for part in ("--set-param", f"{parameter(folder, name)}={value}")
        ]
        (folder / metric).unlink(missing_ok=True)  # an old score is no score
        out = dvc(folder, "exp", "run", *changes, *([target] if target else []))
        score = read_score(folder / metric, key) if out.returncode == 0 else None
        if score is None:
            complaint = last_line(out.stderr or out.stdout)
        named = re.search(r"Ran experiment\(s\): (\S+)", out.stdout)
        done.append(Trial(named[1] if named else "", values, score))
        report(done[-1])
        if score is None:
            raise optuna.TrialPruned
        return score

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    with stage("trials", trials, "trial") as advance:
        study.optimize(objective, n_trials=trials, callbacks=[lambda *_: advance(1)])
    succeeded = [trial for trial in done if trial.score is not None]
    if not succeeded:
        raise ParameterError(f"no trial succeeded; the last one said: {complaint}")
    best = max(succeeded, key=lambda trial: trial.score or 0.0)
    if best.experiment and (applied := dvc(folder, "exp", "apply", best.experiment)).returncode:
        raise ParameterError(f"{best.experiment} was best and could not be applied: {last_line(applied.stderr)}")
    return done


def _proposed(choice: Choice, proposal: Any) -> Any:
    if choice.among:
        return proposal.suggest_categorical(choice.name, choice.among)
    assert choice.low is not None and choice.high is not None
    if choice.whole:
        return proposal.suggest_int(choice.name, int(choice.low), int(choice.high), log=choice.log)
    return proposal.suggest_float(choice.name, choice.low, choice.high, log=choice.log)
