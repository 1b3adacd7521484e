"""What the processor of this machine is, and what it computes in."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Final

#: Flags that mean arithmetic in bfloat16; elsewhere it is imitated, and slower than float32.
_BFLOAT16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def computes_bfloat16() -> bool:
    """Whether arithmetic in bfloat16 is faster than in float32."""
    info = cpuinfo()
    return not _BFLOAT16_FLAGS.isdisjoint(info.get("flags", info.get("features", "")).split())


def described() -> str:
    """Name and number of cores, for figures that are reported."""
    return f"{cpuinfo().get('model name') or platform.processor() or platform.machine()}, {os.cpu_count()} cores"


@cache
def cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo, keys in lower case; empty where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in lines}
