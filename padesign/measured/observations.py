"""Measured numbers as a calibration reads them; the format is told in `docs/notes/observations.md`."""

from __future__ import annotations

import math
from typing import Any

from padesign.measured.power import Estimate, PowerResult
from padesign.measured.read import Measurement
from padesign.measured.time import TimeResult

VERSION = 1
_KINDS = {"t50": "rise_time", "t90": "rise_time", "decay": "decay_time", "S": "S", "gain": "gain"}
_FRACTION = {"t50": 0.5, "t90": 0.9}
_WIDTH = 2.0 * 1.959964
"""A 95 % interval in standard deviations."""


def observations(
    data: Measurement, result: PowerResult | TimeResult, window_decades: float, design: str | None
) -> list[dict[str, Any]]:
    """One record for each number that has a value and an interval; thresholds only where the irradiance is known."""
    records = []
    for key, one in result.numbers.items():
        kind = _KINDS.get(key, key if key.startswith("threshold_") and one.unit == "kW/cm^2" else None)
        sigma = _sigma_ln(one)
        if kind is None or sigma is None:
            continue
        conditions: dict[str, float] = dict(data.conditions)
        if isinstance(result, PowerResult):
            conditions["window_decades"] = window_decades
        if key in _FRACTION:
            conditions["fraction"] = _FRACTION[key]
        records.append(
            {
                "kind": kind,
                "value": one.value,
                "unit": one.unit,
                "sigma_ln": sigma,
                "definition": one.definition,
                "conditions": conditions,
                "design": design,
                "source": data.file,
            }
        )
    return records


def _sigma_ln(one: Estimate) -> float | None:
    """Standard deviation of the natural logarithm from the 95 % interval; None without a positive one."""
    if one.value is None or one.low is None or one.high is None or not 0.0 < one.low < one.high:
        return None
    return math.log(one.high / one.low) / _WIDTH
