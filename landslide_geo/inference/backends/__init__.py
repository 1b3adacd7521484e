"""Back ends: what runs a network on this machine, behind one small interface.

`open_backend` makes a :class:`Backend` of any network; `candidates` tells what this machine offers; `settle` takes the
fastest that keeps the result. Importing this costs nothing: torch, OpenVINO and ONNX Runtime are loaded when used.
"""

from landslide_geo.inference.backends.base import Backend, Candidate
from landslide_geo.inference.backends.check import PrecisionCheck, Settled, check_precision, settle
from landslide_geo.inference.backends.opening import candidates, open_backend

__all__ = [
    "Backend",
    "Candidate",
    "PrecisionCheck",
    "Settled",
    "candidates",
    "check_precision",
    "open_backend",
    "settle",
]
