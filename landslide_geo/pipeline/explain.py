"""`explain_model`: what a model's answers on chips rest on, as tables and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from landslide_geo.errors import ParameterError
from landslide_geo.models import Model, load_simplest
from landslide_geo.pipeline.evaluation import CHIPS, read_split
from landslide_geo.pipeline.figures import plots_folder
from landslide_geo.pipeline.training import write_result
from landslide_geo.training.explain import Explanation, explain

#: Files of the folder; those of the gate are there only where the network has one.
EXPLAINED: Final = (
    "explain.json", "bands.csv", "modalities.csv", "chips.csv", "attributions.png", "gate.csv", "gate.png",
)  # fmt: skip


def explain_model(
    model: str | Path, *, data: str | Path, split: str, out: str | Path, chips: int = 32, steps: int = 50
) -> dict[str, Any]:
    """Explain a model on chips that are spread evenly over a split, and write `EXPLAINED`.

    Args:
        model: name of a shipped bundle, or a bundle's folder.
        data: folder with stores of chips.
        split: of them.
        out: folder to write; a folder of an earlier explanation is replaced.
        chips: how many at most.
        steps: of integrated gradients.

    Returns:
        The content of ``explain.json``.

    Raises:
        BundleError: there is no such model.
        DatasetError: there are no such chips, or they lack a band.
        MissingExtraError: Captum is not installed.
        OutputError: the folder holds something else, or cannot be written.
        ParameterError: an option is out of range, or the model is an ensemble.
    """
    from landslide_geo.report.explain import draw_attributions, draw_gate
    from landslide_geo.report.scores import write_table
    from landslide_geo.report.sheet import About

    if chips < 1:
        raise ParameterError(f"chips {chips}: explain one or more")
    loaded = load_simplest(model)
    if not isinstance(loaded, Model):
        names = ", ".join(str(member.bundle.directory) for member, _ in loaded.models)
        raise ParameterError(f"{model}: is an ensemble, whose members rest on different things; explain one of {names}")
    with plots_folder(Path(out), EXPLAINED, option="--out") as folder:
        assert folder is not None
        there = read_split(CHIPS, Path(data), split)
        chosen = there.at(np.unique(np.linspace(0, len(there) - 1, min(chips, len(there))).round().astype(np.int64)))
        found = explain(loaded, chosen, steps=steps)
        sources = ", ".join(sorted(set(chosen.sources.tolist())))
        about = About(loaded.manifest.name, f"{sources} {split}", chosen.simulated)
        tables = {"bands": found.by_band(), "modalities": found.by_modality(), "chips": found.by_chip()}
        if found.gate is not None:
            tables["gate"] = found.by_gate()
            draw_gate(folder / "gate.png", found.gate, about=about)
        for name, table in tables.items():
            write_table(folder / f"{name}.csv", table.round(6))
        draw_attributions(folder / "attributions.png", found, about=about)
        told = {
            "model": loaded.manifest.name,
            "model_sha256": loaded.sha256,
            "dataset": sources,
            "split": split,
            "simulated": chosen.simulated,
            "chips": len(chosen),
            "outlined": int(found.outlined.sum()),
            "method": "integrated gradients from an average pixel",
            "steps": steps,
            "error": round(found.error(), 6),
            "bands": _shares(tables["bands"], "band"),
            "modalities": _shares(tables["modalities"], "modality"),
            **_gate(found),
        }
        write_result(folder / "explain.json", told)
    return told


def _shares(table: Any, by: str) -> dict[str, dict[str, float]]:
    columns = ["absolute_share", "signed_mean"]
    return {row[by]: {name: round(float(row[name]), 6) for name in columns} for _, row in table.iterrows()}


def _gate(found: Explanation) -> dict[str, Any]:
    if found.gate is None:
        return {}
    known = found.gate.correlations()
    spearman = None if known is None else {"optical": round(known[0], 4), "sar": round(known[1], 4)}
    return {"gate": {"chips_with_both": int(found.gate.both.sum()), "spearman_with_cloud_score": spearman}}
