"""The numbers of `padesign characterise`, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from padesign.observables import imaging
from padesign.observables.response import Response
from padesign.observables.traces import Rise


@dataclass(frozen=True)
class Line:
    """One number: `key` for programs, the rest for people. `value` None where there is no such number."""

    key: str
    label: str
    value: float | None
    unit: str
    definition: str


@dataclass(frozen=True)
class Section:
    """Numbers that belong together; `note` says why there are none."""

    key: str
    title: str
    lines: tuple[Line, ...]
    note: str = ""


@dataclass
class Characterisation:
    """All sections of one band, and what the figures are drawn from."""

    band: str
    at_kW_per_cm2: float
    sections: list[Section]
    response: Response
    beam_slope: np.ndarray
    image: imaging.Spot | None = None
    scanned: imaging.Spot | None = None
    rise: Rise | None = None
    spectrum: np.ndarray | None = None
    colour: str = ""
    colours: Sequence[tuple[float, float, float]] = ()


def irradiance_kW_per_cm2(log_irradiance: object) -> float:
    """Irradiance from its natural logarithm in W cm^-2."""
    return float(np.exp(np.asarray(log_irradiance))) / 1e3
