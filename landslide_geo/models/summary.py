"""How large a network is and how much it computes, block by block."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from landslide_geo.errors import ParameterError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BlockSummary:
    """A block of a network, all that is inside included.

    Attributes:
        name: its path in the network, empty for the whole.
        kind: its class.
        depth: how far inside, 0 for the whole.
        parameters: trained numbers.
        flops: floating-point operations of one window.
    """

    name: str
    kind: str
    depth: int
    parameters: int
    flops: int


def summarise(network: nn.Module, *, bands: int, size: int = 128, depth: int = 3) -> list[BlockSummary]:
    """Parameters and FLOPs of a network and of its blocks, for one window of size × size pixels.

    FLOPs are those of convolutions and matrix products, as PyTorch counts them: a multiplication with its addition is
    two. Norms, activations, pooling and interpolation are left out; in the networks here they are a few percent.
    Nothing is computed, only shapes are followed, so that the largest network takes a second.

    Args:
        network: (1, bands, size, size) → logits. It stays as it is.
        bands: of the input.
        size: side of the window (pixels).
        depth: blocks inside one another that are told apart; 0 is the whole network alone.

    Returns:
        The whole network, then its blocks in their order. Blocks without parameters and FLOPs are left out.

    Raises:
        ParameterError: the network does not take such windows.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    if size < 1 or depth < 0:
        raise ParameterError(f"size {size}, depth {depth}: a window has one pixel or more, and depth starts at 0")
    shadow = copy.deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad():
            shadow(torch.empty(1, bands, size, size, device="meta"))
    except RuntimeError as error:
        raise ParameterError(
            f"windows of {size} × {size} pixels do not fit the network ({str(error).splitlines()[0]}); use a multiple "
            "of 32"
        ) from None
    root = type(shadow).__name__  # as the counter calls the whole
    counts = {name: sum(each.values()) for name, each in counter.get_flop_counts().items()}

    def flops(name: str, block: nn.Module) -> int:
        """Blocks that only hold others are not called, and not counted."""
        within = (flops(f"{name}.{one}", child) for one, child in block.named_children())
        return counts[name] if name in counts else sum(within)

    rows = []
    for name, block in shadow.named_modules():
        inside = name.count(".") + 1 if name else 0
        row = BlockSummary(
            name=name,
            kind=type(block).__name__,
            depth=inside,
            parameters=sum(one.numel() for one in block.parameters()),
            flops=flops(f"{root}.{name}" if name else root, block),
        )
        if inside == 0 or (inside <= depth and (row.parameters or row.flops)):
            rows.append(row)
    return rows
