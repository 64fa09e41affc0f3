"""The figure of an avalanche: emission against irradiance, and the local slope below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from padesign.report.figure_style import (
    BLACK,
    GREY,
    COLUMN_inch,
    Columns,
    FigureFiles,
    logarithmic,
    number_text,
    palette,
    shown,
    table_of,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = Mapping[str, Sequence[float]]
"""Columns `irradiance_kW_per_cm2`, `photons_per_s`, `S` and, if known, `stable` (1 or 0), along the trace.

`batch_low_photons_per_s` with `batch_high_photons_per_s`, and `batch_low_S` with `batch_high_S`, are drawn as bands
behind the curve where they are there.
"""
Marks = Mapping[str, float]
"""`threshold_kW_per_cm2`, `S_at_kW_per_cm2` with `S_exact`; what is missing or not finite is not drawn."""

_IRRADIANCE, _PHOTONS, _SLOPE, _STABLE = "irradiance_kW_per_cm2", "photons_per_s", "S", "stable"
_BAND = (("batch_low_photons_per_s", "batch_high_photons_per_s"), ("batch_low_S", "batch_high_S"))
_STEEPEST_SHOWN = 60.0
"""Top of the slope panel for a curve with a fold, where S is infinite."""
_POINTS_PER_STEP = 12


def within(curve: Curve, window_kW_per_cm2: tuple[float, float]) -> Curve:
    """A curve cut to the power window, since a trace begins far below it and may end beyond; between two points powers
    and photons go as a power law, S evenly. Whole, where the window holds no part of it."""
    power = np.log(np.asarray(curve[_IRRADIANCE], float))
    low, high = (math.log(end) for end in window_kW_per_cm2)
    places = []  # along the trace, in points
    for k, here in enumerate(power):
        if k:
            step = here - power[k - 1]
            crossed = [
                (end - power[k - 1]) / step for end in (low, high) if step and (power[k - 1] - end) * (here - end) < 0
            ]
            places += [k - 1 + share for share in sorted(crossed)]
        if low <= here <= high:
            places.append(float(k))
    if len(places) < 2:
        return curve

    def cut(name: str) -> list[float]:
        as_power_law, values = name == _IRRADIANCE or name.endswith(_PHOTONS), np.asarray(curve[name], float)
        found = []
        for place in places:
            before, share = int(place), place % 1.0
            if not share or name == _STABLE:
                found.append(float(values[round(place)]))
            elif as_power_law:
                found.append(float(values[before] ** (1.0 - share) * values[before + 1] ** share))
            else:
                found.append(float(values[before] * (1.0 - share) + values[before + 1] * share))
        return found

    return {name: cut(name) for name in curve}


def power_curve_figure(
    curve: Curve | Mapping[str, Curve], marks: Marks | Mapping[str, Marks], title: str, path: Path | str
) -> FigureFiles:
    """Emission against irradiance, both logarithmic, above the local slope S.

    `curve` is one curve, or several by label; `marks` belong to the one curve, or are given per label. The largest
    slope is a dot, the threshold a vertical line, an unstable branch dashed. The CSV holds the columns as given, after
    a column `curve` with the label where there are several. Raises `ValueError` when there is nothing to draw.
    """
    several = _IRRADIANCE not in curve
    curves: dict[str, Any] = dict(curve) if several else {"": curve}
    marked: Mapping[str, Any] = marks if several else {"": marks}
    lines = [
        _Line(label, one, marked.get(label, {}), colour)
        for (label, one), colour in zip(curves.items(), palette(len(curves)), strict=True)
    ]
    if not lines or not all(line.log_power.size for line in lines):
        raise ValueError("a power curve without points cannot be drawn")

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        above.set(xscale="log", yscale="log", ylabel="emission (photons/s)")
        below.set(xlabel="irradiance (kW/cm²)", ylabel="local slope S")
        below.axhline(1.0, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        for line in lines[::-1]:  # the first, which is the best design of a run, comes to lie on top
            line.draw_bands(above, below)
            line.draw_emission(above)
            line.draw_slope(below)
            line.draw_marks(above, below, alone=not several)
        below.set_ylim(0.0, max(line.slope_top for line in lines))
        for axes in (above, below):
            axes.grid(True)
        logarithmic(below.xaxis)
        if several:
            legend: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.01)}
            above.legend(handlelength=1.4, borderpad=0.0, reverse=True, **legend)
            figure.suptitle(shown(title, 64), x=0.02, ha="left", fontsize=8.5)
        else:
            above.set_title(shown(title, 64), loc="left")

    return write_figure(
        path,
        draw,
        (COLUMN_inch, 4.1 + 0.2 * sum(1 + line.legend.count("\n") for line in lines)),
        _table(curves) if several else table_of(curves[""]),
    )


class _Line:
    """One curve, ready for drawing: points that a logarithmic axis can show, and its marks."""

    def __init__(self, label: str, curve: Curve, marks: Marks, colour: str) -> None:
        power, photons, slope = (np.asarray(curve[key], float) for key in (_IRRADIANCE, _PHOTONS, _SLOPE))
        with np.errstate(invalid="ignore"):
            usable = (power > 0.0) & (photons > 0.0) & np.isfinite(power) & np.isfinite(photons)
        stable = np.asarray(curve.get(_STABLE, np.ones(power.size)), float) > 0.5
        self.log_power, self.log_photons = np.log(power[usable]), np.log(photons[usable])
        self.slope, self.stable = slope[usable], stable[usable]
        self.colour, self.label = colour, shown(label, 34)
        swept = usable & (power > np.concatenate([[-np.inf], np.maximum.accumulate(power)[:-1]]))
        self.bands = [
            tuple(np.asarray(column, float)[swept] for column in (power, curve[low], curve[high]))
            for low, high in _BAND
            if low in curve and high in curve
        ]
        finite = {key: float(value) for key, value in marks.items() if math.isfinite(value)}
        self.threshold = finite.get("threshold_kW_per_cm2")
        self.steepest = finite.get("S_exact")
        self.steepest_at = finite.get("S_at_kW_per_cm2") if self.steepest else None

    @property
    def slope_top(self) -> float:
        shown_slopes = self.slope[self.stable & np.isfinite(self.slope)]
        of_batch = [float(np.max(high)) for _, _, high in self.bands[1:] if self.stable.all()]
        top = max([*shown_slopes, *of_batch, self.steepest or 0.0, 1.5])
        return 1.15 * (top if self.stable.all() else min(top, _STEEPEST_SHOWN))

    @property
    def legend(self) -> str:
        found = [f"S = {number_text(self.steepest)}"] if self.steepest else []
        found += [f"threshold {number_text(self.threshold)} kW/cm²"] if self.threshold else []
        return "\n".join(part for part in (self.label, ", ".join(found)) if part)

    def draw_bands(self, *panels: Axes) -> None:
        """Where a batch lies, pale."""
        for axes, (power, low, high) in zip(panels, self.bands, strict=False):
            axes.fill_between(power, low, high, color=self.colour, alpha=0.25, linewidth=0.0, zorder=1)

    def draw_emission(self, axes: Axes) -> None:
        """A smooth line through the points, which also turns back at a fold."""
        axes.plot([], [], color=self.colour, label=self.legend)
        place = np.arange(self.log_power.size)
        if place.size == 1:
            axes.plot(np.exp(self.log_power), np.exp(self.log_photons), "o", color=self.colour)
            return
        fine = np.linspace(0, place.size - 1, (place.size - 1) * _POINTS_PER_STEP + 1)
        length = _length_along(self.log_power, self.log_photons)
        along = np.interp(fine, place, length)
        power, photons = (PchipInterpolator(length, c)(along) for c in (self.log_power, self.log_photons))
        for first, last, stable in _runs(self.stable):
            here = (fine >= first) & (fine <= last)
            style = "-" if stable else (0, (4, 2))
            axes.plot(np.exp(power[here]), np.exp(photons[here]), color=self.colour, linestyle=style)

    def draw_slope(self, axes: Axes) -> None:
        """S of the stable branches; the marked maximum is one of the points."""
        for power, slope in self._branches():
            if self.steepest_at and self.steepest and power[0] < math.log(self.steepest_at) < power[-1]:
                k = int(np.searchsorted(power, math.log(self.steepest_at)))
                if math.log(self.steepest_at) not in power[k - 1 : k + 1]:
                    power = np.insert(power, k, math.log(self.steepest_at))
                    slope = np.insert(slope, k, self.steepest)
            fine = np.interp(
                np.arange((power.size - 1) * _POINTS_PER_STEP + 1) / _POINTS_PER_STEP, range(power.size), power
            )
            axes.plot(np.exp(fine), PchipInterpolator(power, slope)(fine), color=self.colour)

    def draw_marks(self, above: Axes, below: Axes, alone: bool) -> None:
        """Threshold and largest slope; with their numbers when there is no legend to hold them."""
        if self.threshold:
            for axes in (above, below):
                colour = GREY if alone else self.colour
                axes.axvline(self.threshold, color=colour, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
        if self.threshold and alone:
            above.annotate(
                f"threshold\n{number_text(self.threshold)} kW/cm²",
                (self.threshold, 0.98),
                xycoords=("data", "axes fraction"),
                xytext=(-5, 0),
                textcoords="offset points",
                ha="right",
                va="top",
                color=GREY,
            )
        if not self.steepest_at or not self.steepest:
            return
        dot: dict[str, Any] = {"color": self.colour, "markersize": 5.5, "markeredgecolor": BLACK, "zorder": 4}
        below.plot(self.steepest_at, self.steepest, "o", **dot)
        place = math.log(self.steepest_at)
        for power, photons in self._branches(of_slope=False):
            if power[0] <= place <= power[-1]:
                above.plot(self.steepest_at, math.exp(float(PchipInterpolator(power, photons)(place))), "o", **dot)
        if alone:
            right = place - self.log_power.min() < 0.62 * np.ptp(self.log_power)
            below.annotate(
                f"S = {number_text(self.steepest)}\nat {number_text(self.steepest_at)} kW/cm²",
                (self.steepest_at, self.steepest),
                xytext=(9 if right else -9, 4),
                textcoords="offset points",
                ha="left" if right else "right",
                va="top",
            )

    def _branches(self, of_slope: bool = True) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Stable branches of two points and more, with rising power: ln I with S, or with ln of the photons."""
        for first, last, stable in _runs(self.stable):
            run = np.arange(first, last + 1)
            run = run[self.stable[run] & np.isfinite(self.slope[run])]
            run = run[np.diff(self.log_power[run], prepend=-np.inf) > 0.0]
            if stable and run.size > 1:
                yield self.log_power[run], (self.slope if of_slope else self.log_photons)[run]


def _length_along(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Length of the polygon through the points, each axis scaled by its range; strictly rising."""
    steps = np.hypot(np.diff(x) / (np.ptp(x) or 1.0), np.diff(y) / (np.ptp(y) or 1.0))
    return np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-12))])


def _runs(stable: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    """First and last point of every stretch of equal stability; stretches share their borders, so that lines meet."""
    start = 0
    for k in range(1, stable.size + 1):
        if k == stable.size or stable[k] != stable[start]:
            unstable = not stable[start]
            yield max(start - unstable, 0), min(k - 1 + unstable, stable.size - 1), not unstable
            start = k


def _table(curves: Mapping[str, Curve]) -> Columns:
    """All curves below each other; a column that a curve does not have stays empty there."""
    names = list(dict.fromkeys(name for one in curves.values() for name in one))
    rows: list[list[float | str]] = []
    for label, one in curves.items():
        for k in range(len(one[_IRRADIANCE])):
            rows.append([label, *(one[name][k] if name in one else "" for name in names)])
    return Columns(["curve", *names], rows)
