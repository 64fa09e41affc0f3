"""Figures of measured data, with a simulated design beside them where one is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from padesign.measured import PowerResult, TimeResult
from padesign.report.figure_style import (
    BLUE,
    GREY,
    ORANGE,
    COLUMN_inch,
    Columns,
    FigureFiles,
    logarithmic,
    shown,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def measured_power_figure(
    result: PowerResult, title: str, path: Path, simulated: Mapping[str, Sequence[float]] | None = None
) -> FigureFiles:
    """Signal with its errors above the local slopes; a simulated curve is scaled to the measured one at the top."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        good = result.signal > 0.0
        x, y, error = result.power[good], result.signal[good], result.sigma[good]
        above.errorbar(x, y, np.minimum(error, 0.99 * y), fmt=".", color=BLUE, ms=4, lw=0.8, label="measured")
        dim = result.power[~good]
        if dim.size:
            limit = 2.0 * result.sigma[~good]
            above.plot(dim, limit, "v", color=GREY, ms=3, label="not above the background: 2σ limit")
        below.plot(result.slope_at, result.slope, color=BLUE, marker=".", ms=3, lw=0.8, label="measured")
        if simulated is not None and result.unit == "kW/cm^2":
            power, photons = np.asarray(simulated["irradiance_kW_per_cm2"]), np.asarray(simulated["photons_per_s"])
            inside = (power >= x.min()) & (power <= x.max())
            if inside.any():
                scale = (
                    float(np.exp(np.interp(np.log(power[inside].max()), np.log(x), np.log(y)))) / photons[inside][-1]
                )
                label = "simulated, equal at the top"
                above.plot(power[inside], scale * photons[inside], color=ORANGE, label=label)
                below.plot(power[inside], np.asarray(simulated["S"])[inside], color=ORANGE, label="simulated")
        for key, style in (("threshold_tangents", ":"), ("threshold_steepest", "--")):
            at = result.numbers[key].value
            if at is not None:
                for axes in (above, below):
                    axes.axvline(at, color=GREY, linestyle=style, linewidth=1.0)
        above.set(xscale="log", yscale="log", ylabel="signal above background (counts)")
        unit = result.unit.replace("^2", "²")
        below.set(xlabel=f"{'irradiance' if '/' in unit else 'power'} ({unit})", ylabel="local slope S")
        above.set_title(shown(title, 64), loc="left")
        above.legend(loc="upper left")
        for axes in (above, below):
            axes.grid(True)
        logarithmic(below.xaxis)

    rows = list(zip(result.power, result.signal, result.sigma, strict=True))
    return write_figure(path, draw, (COLUMN_inch, 4.1), Columns([f"power [{result.unit}]", "signal", "sigma"], rows))


def measured_time_figure(
    result: TimeResult, title: str, path: Path, simulated: Mapping[str, Sequence[float]] | None = None
) -> FigureFiles:
    """The trace, smoothed, with the times that were read off it; a simulated rise is scaled to the plateau."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(1e3 * result.time_s, result.counts, ",", color=GREY)
        axes.plot(1e3 * result.time_s, result.smoothed, color=BLUE, lw=1.0)
        if simulated is not None:
            time, photons = (np.asarray(simulated[key]) for key in ("time_s", "photons_per_s"))
            inside = time <= result.on_s[1] - result.on_s[0]
            dark = float(result.smoothed[result.time_s < result.on_s[0]].mean()) if result.on_s[0] > 0.0 else 0.0
            near_end = result.time_s[result.time_s <= result.on_s[1]] > 0.7 * result.on_s[1] + 0.3 * result.on_s[0]
            plateau = float(result.smoothed[result.time_s <= result.on_s[1]][near_end].mean()) - dark
            scaled = dark + plateau * photons[inside] / photons[-1]
            axes.plot(1e3 * (result.on_s[0] + time[inside]), scaled, color=ORANGE, label="simulated, equal at the end")
            axes.legend(loc="lower right")
        for key in ("t10", "t50", "t90"):
            at = result.numbers[key].value
            if at is not None:
                axes.axvline(1e3 * (result.on_s[0] + at), color=GREY, linestyle=":", linewidth=1.0)
        axes.set(xlabel="time (ms)", ylabel="counts and their fit")
        axes.set_title(shown(title, 64), loc="left")
        axes.grid(True)

    rows = list(zip(result.time_s, result.smoothed, strict=True))
    return write_figure(path, draw, (COLUMN_inch, 2.6), Columns(["time_s", "counts_smoothed"], rows))
