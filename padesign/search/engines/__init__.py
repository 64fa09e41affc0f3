"""Where trials are computed: in this process, in processes of their own, on a cluster. One coordinator writes."""

from __future__ import annotations

from padesign.search.engines.dask import DaskEngine
from padesign.search.engines.engine import AbstractEngine, Answer, MakeProblem, perform
from padesign.search.engines.local import LocalEngine
from padesign.search.engines.serial import SerialEngine
from padesign.search.engines.shared import SharedEngine, work

__all__ = [
    "AbstractEngine",
    "Answer",
    "DaskEngine",
    "LocalEngine",
    "MakeProblem",
    "SerialEngine",
    "SharedEngine",
    "perform",
    "work",
]
