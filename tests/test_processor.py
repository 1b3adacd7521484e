"""What the processor says of itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landslide_geo import processor


def test_it_is_described_by_name_and_cores() -> None:
    assert processor.described().endswith(f", {os.cpu_count()} cores")
    assert not processor.described().startswith(",")


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux tells what the processor can do")
def test_bfloat16_is_known_from_the_flags() -> None:
    text = Path("/proc/cpuinfo").read_text().lower()
    flags = next((line for line in text.splitlines() if line.startswith(("flags", "features"))), "").split()
    assert processor.computes_bfloat16() == bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))
