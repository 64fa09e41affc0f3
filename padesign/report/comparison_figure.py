"""Several power dependences on one plot: designs as lines, measurements as dots with their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from padesign.report.figure_style import (
    COLUMN_inch,
    Columns,
    FigureFiles,
    logarithmic,
    palette,
    shown,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))


class ComparedCurve(NamedTuple):
    """One curve in kW/cm^2. `emission` in photons/s or, measured, in counts above the background; `sigma` of measured
    counts, else empty. `slope_at` and `slope` are the local slopes."""

    label: str
    power: np.ndarray
    emission: np.ndarray
    sigma: np.ndarray
    slope_at: np.ndarray
    slope: np.ndarray

    @property
    def measured(self) -> bool:
        return bool(self.sigma.size)


def comparison_figure(curves: Sequence[ComparedCurve], path: Path) -> FigureFiles:
    """Emission above local slope. With measurements among them every curve is scaled to the first measured one at the
    highest power that all have in common. The CSV holds the emission as it was given."""
    factors = _factors(curves)

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for k, (one, colour) in enumerate(zip(curves, palette(len(curves)), strict=True)):
            label, scale = shown(one.label, 40), factors[k]
            if one.measured:
                error = np.minimum(scale * one.sigma, 0.99 * scale * one.emission)
                above.errorbar(
                    one.power, scale * one.emission, error, fmt="o", ms=2.2, lw=0.7, color=colour, label=label
                )
                below.plot(one.slope_at, one.slope, "o-", ms=2.2, lw=0.6, color=colour)
            else:
                style = _DASHES[k % len(_DASHES)]
                above.plot(one.power, scale * one.emission, color=colour, linestyle=style, label=label)
                below.plot(one.slope_at, one.slope, color=colour, linestyle=style)
        scaled = any(one.measured for one in curves)
        above.set(xscale="log", yscale="log")
        above.set_ylabel("counts; designs scaled" if scaled else "emission (photons/s)")
        below.set(xlabel="irradiance (kW/cm²)", ylabel="local slope S", ylim=(0.0, None))
        figure.legend(loc="outside upper left", handlelength=2.6)
        for axes in (above, below):
            axes.grid(True)
        logarithmic(below.xaxis)

    height = 3.6 + 0.15 * len(curves)
    return write_figure(path, draw, (COLUMN_inch, height), _table(curves, factors))


def _factors(curves: Sequence[ComparedCurve]) -> list[float]:
    first = next((one for one in curves if one.measured), None)
    if first is None:
        return [1.0] * len(curves)
    top = min(float(one.power.max()) for one in curves)

    def at_top(one: ComparedCurve) -> float:
        order = np.argsort(one.power)
        return float(np.exp(np.interp(np.log(top), np.log(one.power[order]), np.log(one.emission[order]))))

    return [at_top(first) / at_top(one) for one in curves]


def _table(curves: Sequence[ComparedCurve], factors: Sequence[float]) -> Columns:
    rows: list[list[float | str]] = []
    for one, factor in zip(curves, factors, strict=True):
        slopes: Mapping[float, float] = dict(zip(one.slope_at.tolist(), one.slope.tolist(), strict=True))
        for k, power in enumerate(one.power.tolist()):
            slope = slopes.get(power, "")
            unit = "counts" if one.measured else "photons/s"
            rows.append([one.label, power, float(one.emission[k]), unit, factor, slope])
    return Columns(["curve", "irradiance_kW_per_cm2", "emission", "emission_unit", "scaled_by", "S"], rows)
