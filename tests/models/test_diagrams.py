"""The diagrams of docs/models.md show the networks as they are built."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from landslide_geo.chips.zindi import BANDS, CLOUD_MASK
from landslide_geo.models import build
from landslide_geo.models.modalities import arguments_of

DOCS = Path(__file__).parents[2] / "docs/models.md"
NODE = re.compile(r'(\w+)(?:\["([^"]*)"\]|\(\("([^"]*)"\)\))')
EDGE = re.compile(r'^(\w+)\S*.*?-->(?:\|"([^"]*)"\|)? *(\w+)')


def diagram(architecture: str) -> tuple[dict[str, tuple[int, ...]], list[tuple[str, str, str]]]:
    """Sizes by the name of each node, and edges: from, what is done, to."""
    text = DOCS.read_text(encoding="utf-8").split(f"**`{architecture}`**")[1]
    lines = text.split("```mermaid\nflowchart TB\n")[1].split("```")[0].splitlines()
    sizes: dict[str, tuple[int, ...]] = {}
    edges = []
    for line in lines:
        for name, label, _ in NODE.findall(line):
            sizes[name] = tuple(int(n) for n in re.findall(r"\b\d+\b", label.split(", 0 to 1")[0]))
        without = NODE.sub(r"\1", line).strip()
        found = EDGE.match(without)
        assert found is not None, line
        edges.append((found[1], found[2] or "", found[3]))
    return sizes, edges


def traced(network: nn.Module, bands: int, kinds: tuple[type[nn.Module], ...]) -> list[tuple[tuple[int, ...], ...]]:
    """(kernel or none, input, output) of the modules of some kinds, as a patch passes them."""
    calls: list[tuple[tuple[int, ...], ...]] = []

    def note(module: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        kernel = module.kernel_size if isinstance(module, nn.Conv2d) else ()
        calls.append((tuple(kernel), tuple(given[0].shape[1:]), tuple(out.shape[1:])))

    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(note)  # type: ignore[arg-type]
    network.eval()(torch.zeros(1, bands, 64, 64, device="meta"))
    return calls


def drawn(architecture: str, verb: str) -> Counter[tuple[tuple[int, ...], tuple[int, ...]]]:
    sizes, edges = diagram(architecture)
    return Counter((sizes[a], sizes[b]) for a, what, b in edges if what.startswith(verb))


def test_multimodal_fpn_is_drawn_as_it_is() -> None:
    bands = (*BANDS, CLOUD_MASK)
    with torch.device("meta"):
        network = build("multimodal_fpn", bands=len(bands), arguments=arguments_of("multimodal_fpn", bands, {}))
    calls = traced(network, len(bands), (nn.Conv2d,))
    sizes, _ = diagram("multimodal_fpn")
    threes = [(i, o) for kernel, i, o in calls if kernel == (3, 3)]
    own = {pair: count for pair, count in drawn("multimodal_fpn", "conv 3 × 3").items() if pair[0][1] == pair[1][1]}
    assert own == Counter((i, o) for i, o in threes if i[1] == 64)
    deeper = Counter((i, (o[0], o[1] // 2, o[2] // 2)) for i, o in threes if i[1] < 64 and i != o)
    assert drawn("multimodal_fpn", "conv 3 × 3, max-pool 2, dropout") == deeper
    assert drawn("multimodal_fpn", "lateral") == Counter((i, o) for kernel, i, o in calls if kernel == (1, 1))
    smoothed = [i for i, o in threes if i == o]
    assert sorted(a for a, _ in drawn("multimodal_fpn", "smooth").elements()) == sorted(smoothed)
    linear = [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]
    assert linear == [(sizes["all"][0], sizes["hidden"][0]), (sizes["hidden"][0], sizes["logit"][0])]
    assert sum(sizes[name][0] for name in ("f0", "f1", "f2", "f3")) == sizes["all"][0]


def test_attention_fusion_is_drawn_as_it_is() -> None:
    with torch.device("meta"):
        network = build("attention_fusion", bands=len(BANDS), arguments=arguments_of("attention_fusion", BANDS, {}))
    sizes, edges = diagram("attention_fusion")
    steps = [module for module in network.sar_encoder.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    passed = torch.zeros(1, 8, 64, 64, device="meta")
    chain = ["sar"]
    for step in steps:
        assert sizes[chain[-1]] == tuple(passed.shape[1:])
        passed = step(passed)
        (then,) = [(what, b) for a, what, b in edges if a == chain[-1]]
        assert then[0] == ("conv 3 × 3" if isinstance(step, nn.Conv2d) else "max-pool 2")
        chain.append(then[1])
    assert sizes[chain[-1]] == tuple(passed.shape[1:])
    assert sizes["optical"] == (network.optical.bands, 64, 64)
    assert sizes["large"] == (network.optical.bands, network.encoder.size, network.encoder.size)
    assert sizes["seen"] + sizes["heard"] == (network.encoder.features, passed.shape[1])
    first, second = (module for module in network.gate if isinstance(module, nn.Linear))
    assert (sizes["asked"], sizes["hidden"], sizes["gate"]) == (
        (first.in_features,), (first.out_features,), (second.out_features,),
    )  # fmt: skip
    assert sizes["both"] == (network.head[-1].in_features,) == (sizes["seen"][0] + sizes["heard"][0],)
    assert sizes["asked"][0] == sizes["both"][0] + sizes["cloud"][0]


@pytest.mark.parametrize("architecture", ["multimodal_fpn", "attention_fusion"])
def test_every_node_is_named_once_and_leads_to_the_logit(architecture: str) -> None:
    sizes, edges = diagram(architecture)
    assert {name for a, _, b in edges for name in (a, b)} == set(sizes)
    reached, before = {"logit"}, set()
    while reached != before:
        before = set(reached)
        reached |= {a for a, _, b in edges if b in reached}
    assert reached == set(sizes)
