"""What getting a batch costs beside the step that it is for.

    python benchmarks/loading.py CHIPS [--rounds 5]

CHIPS is a folder that ``landslide prepare`` wrote. In turns, so that noise meets all alike: a batch read from the store
itself, read from the arrays it is unpacked to once, read and augmented, and a training step of the default network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.config import TrainParams
from landslide_geo.models import build
from landslide_geo.processor import computes_bfloat16, described
from landslide_geo.training.data import TrainingChips, collate
from landslide_geo.training.losses import loss_function
from landslide_geo.training.statistics import settled


def main() -> None:
    """Print a line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chips", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    params = TrainParams()
    torch.set_num_threads(params.threads)
    path = asked.chips / "train.zarr"
    stored, chips = store.read(path), Split.read(path)
    data = TrainingChips(chips, None, params, settled(params.normalisation, chips))
    network = build(params.architecture, bands=len(chips.bands), arguments=params.arguments).to(
        memory_format=torch.channels_last
    )
    optimizer, loss = torch.optim.AdamW(network.parameters(), lr=params.lr), loss_function(params.loss)
    batch = collate([data[0, i] for i in range(params.batch_size)])

    def from_store(first: int) -> None:
        for i in range(first, first + params.batch_size):
            stored["image"][i].to_numpy(), stored["mask"][i].to_numpy()

    def from_arrays(first: int) -> None:
        for i in range(first, first + params.batch_size):
            chips.image(i), chips.mask(i)

    def augmented(first: int) -> None:
        collate([data[0, i] for i in range(first, first + params.batch_size)])

    def step(first: int) -> None:
        image, mask, valid, _ = batch
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16()):
            logits = network(image.contiguous(memory_format=torch.channels_last))
        optimizer.zero_grad()
        loss(logits.float(), mask, valid).backward()
        optimizer.step()

    work: dict[str, Callable[[int], None]] = {
        "read from the store": from_store, "read from arrays": from_arrays, "read and augmented": augmented,
        "training step": step,
    }  # fmt: skip
    taken: dict[str, list[float]] = {name: [] for name in work}
    for run in work.values():
        run(0)
    for turn in range(asked.rounds):
        for name, run in work.items():
            began = time.perf_counter()
            run((turn * params.batch_size) % (len(chips) - params.batch_size))
            taken[name].append(time.perf_counter() - began)
    whole = median(taken["training step"])
    print(f"{params.batch_size} chips of {chips.size} px, {len(chips.bands)} bands; {described()}")
    for name, times in taken.items():
        print(f"{name}: {1000 * median(times):.1f} ms, {median(times) / whole:.1%} of a step")


if __name__ == "__main__":
    main()
