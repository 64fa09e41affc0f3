"""Figures of what happens in time: rise times, traces, pulses, hysteresis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from padesign.report.figure_style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    COLUMN_inch,
    Columns,
    FigureFiles,
    logarithmic,
    number_text,
    palette,
    shown,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Trace = tuple[float, np.ndarray, np.ndarray]
_MOST_TRACES = 7
_LIGHT_nm = {BLUE: (380.0, 495.0), GREEN: (495.0, 570.0), ORANGE: (590.0, 780.0)}
_SEEN = 1e-3
"""Share of the last value from which on a rise is drawn."""


def rise_figure(rows: Sequence[Row], band: str, path: Path) -> FigureFiles:
    """Times to 10, 50 and 90 % against irradiance."""
    power = [row["irradiance_kW_per_cm2"] for row in rows]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for key, colour, style in (("t90_ms", ORANGE, "--"), ("t50_ms", BLUE, "-"), ("t10_ms", GREEN, ":")):
            label = f"{key[1:3]} % of the steady emission"
            axes.plot(power, [row[key] for row in rows], color=colour, linestyle=style, marker="o", ms=3, label=label)
        axes.set(xscale="log", yscale="log", xlabel="irradiance (kW/cm²)", ylabel="time from switching on (ms)")
        axes.set_title(shown(band, 64), loc="left")
        axes.legend()
        axes.grid(True)
        logarithmic(axes.xaxis)

    return write_figure(path, draw, (COLUMN_inch, 3.0), Columns(list(rows[0]), [list(row.values()) for row in rows]))


def trace_figure(traces: Sequence[Trace], band: str, path: Path, *, fading: bool = False) -> FigureFiles:
    """Emission against time at up to seven irradiances, relative to its last value, or to the first of a decay."""
    picked = [traces[k] for k in np.unique(np.linspace(0, len(traces) - 1, _MOST_TRACES).round().astype(int))]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        seen = [1e3 * traces[0][1][-1]]
        for (power, times, photons), colour in zip(picked, palette(len(picked)), strict=True):
            share = photons / photons[0 if fading else -1]
            axes.plot(1e3 * times, share, color=colour, label=f"{number_text(power)} kW/cm²")
            seen.append(1e3 * float(times[np.argmax((share < 0.99) if fading else (share > _SEEN))]))
        word, which = ("off", "first") if fading else ("on", "last")
        axes.set(
            xscale="log", xlabel=f"time from switching {word} (ms)", ylabel=f"emission (share of its {which} value)"
        )
        axes.set_xlim(left=min(seen))
        axes.set_title(shown(band, 64), loc="left")
        axes.legend()
        axes.grid(True)

    rows = [(power, t, y) for power, times, photons in traces for t, y in zip(times, photons, strict=True)]
    return write_figure(
        path, draw, (COLUMN_inch, 3.0), Columns(["irradiance_kW_per_cm2", "time_s", "photons_per_s"], rows)
    )


def pulse_figure(rows: Sequence[Row], hues: Sequence[str], wavelengths_nm: Sequence[float], path: Path) -> FigureFiles:
    """Photons of every band per pulse against the width of the pulse, over a strip of the colours that they make.

    Bands whose wavelength is known and visible are drawn in the colour nearest to their light.
    """
    width = [row["width_ms"] for row in rows]
    bands = [key for key in rows[0] if key.startswith("photons_per_pulse")]

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
        for key, at_nm, colour in zip(bands, wavelengths_nm, _like_their_light(wavelengths_nm), strict=True):
            label = shown(key.removeprefix("photons_per_pulse").strip() or "band")
            label += f", {at_nm:.0f} nm" if math.isfinite(at_nm) else ""
            above.plot(width, [row[key] for row in rows], color=colour, marker="o", ms=3, label=label)
        above.set(xscale="log", yscale="log", ylabel="photons per pulse")
        above.legend()
        above.grid(True)
        below.set(xlabel="width of the pulse (ms)", yticks=[], ylim=(0.0, 1.0))
        edges = _edges(width)
        for k, hue in enumerate(hues):
            below.axvspan(edges[k], edges[k + 1], color=hue, linewidth=0)
        if not hues:
            below.text(
                0.5, 0.5, "no colour: energies are not given", ha="center", va="center", transform=below.transAxes
            )
        below.set_title("colour of one period, as bright as a screen can", loc="left", fontsize=8.5)
        logarithmic(below.xaxis)

    return write_figure(path, draw, (COLUMN_inch, 3.4), Columns(list(rows[0]), [list(row.values()) for row in rows]))


def _like_their_light(wavelengths_nm: Sequence[float]) -> list[str]:
    """Colours of the palette, each once: blue, green and red bands have theirs, the others what is left."""
    left = list(palette(len(wavelengths_nm) + len(_LIGHT_nm)))
    found: dict[int, str] = {}
    for k, at_nm in enumerate(wavelengths_nm):
        like = next((colour for colour, (low, high) in _LIGHT_nm.items() if low <= at_nm < high), None)
        if like in left:
            left.remove(like)
            found[k] = like
    return [found.get(k) or left.pop(0) for k in range(len(wavelengths_nm))]


def loop_figure(loops: Sequence[Trace], band: str, folds: Mapping[str, float] | None, path: Path) -> FigureFiles:
    """Emission on the way up and down of every scan; dotted: the folds of the steady states."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (scan, power, photons), colour in zip(loops, palette(len(loops)), strict=True):
            half = len(power) // 2
            axes.plot(power[:half], photons[:half], color=colour, label=f"up in {number_text(scan)} s")
            axes.plot(power[half:], photons[half:], color=colour, linestyle="--", label="and down")
        for key in ("up_kW_per_cm2", "down_kW_per_cm2") if folds else ():
            axes.axvline(folds[key], color=GREY, linestyle=":", linewidth=1.0)  # type: ignore[index]
        axes.set(xscale="log", yscale="log", xlabel="irradiance (kW/cm²)", ylabel="emission (photons/s)")
        bright = np.concatenate([photons for _, _, photons in loops])
        axes.set_ylim(bright.max() * 1e-10, bright.max() * 3.0)
        axes.set_title(shown(band, 64), loc="left")
        axes.legend()
        axes.grid(True)
        logarithmic(axes.xaxis)

    rows = [(scan, p, y) for scan, power, photons in loops for p, y in zip(power, photons, strict=True)]
    return write_figure(
        path, draw, (COLUMN_inch, 3.1), Columns(["scan_s", "irradiance_kW_per_cm2", "photons_per_s"], rows)
    )


def modulation_figure(rows: Sequence[Row], path: Path) -> FigureFiles:
    """Mean, depth of modulation and lag of every band against the frequency of the light."""
    bands = list(dict.fromkeys(row["band"] for row in rows))
    panels = (
        ("over_steady", "mean emission\n(over steady)"),
        ("modulation", "modulation"),
        ("lag_degrees", "lag (degrees)"),
    )

    def draw(figure: Figure) -> None:
        for axes, (key, label) in zip(figure.subplots(3, 1, sharex=True), panels, strict=True):
            for band, colour in zip(bands, palette(len(bands)), strict=True):
                own = [row for row in rows if row["band"] == band]
                x, y = [row["frequency_Hz"] for row in own], [row[key] for row in own]
                axes.plot(x, y, color=colour, marker="o", ms=3, label=shown(band))
            axes.set(xscale="log", ylabel=label)
            axes.grid(True)
            if key == "over_steady":
                axes.legend()
        axes.set(xlabel="frequency of the light (Hz)")

    return write_figure(path, draw, (COLUMN_inch, 4.2), Columns(list(rows[0]), [list(row.values()) for row in rows]))


def beams_figure(
    times_ms: np.ndarray, emitted: Mapping[str, np.ndarray], shone_kW_per_cm2: Mapping[str, np.ndarray], path: Path
) -> FigureFiles:
    """Emission of every band against time, over the irradiance of every beam relative to its largest."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
        for (label, photons), colour in zip(emitted.items(), palette(len(emitted)), strict=True):
            above.plot(times_ms, photons, color=colour, label=shown(label))
        above.set(ylabel="emission (photons/s)")
        above.legend()
        for k, (label, power) in enumerate(shone_kW_per_cm2.items()):
            height = 1.6 * (len(shone_kW_per_cm2) - 1 - k)
            text = f"{label}, {number_text(float(power.max()))} kW/cm²"
            below.plot(times_ms, height + power / max(float(power.max()), 1e-300), color=GREY, linewidth=1.0)
            below.text(0.01 * times_ms[-1], height + 1.27, text, fontsize=7.5, va="center")
        below.set(xlabel="time (ms)", yticks=[], ylabel="light", ylim=(-0.1, 1.6 * len(shone_kW_per_cm2)))
        for axes in (above, below):
            axes.grid(True)

    names = ["time_ms", *(f"photons_per_s {label}" for label in emitted)]
    names += [f"kW_per_cm2 {label}" for label in shone_kW_per_cm2]
    rows = np.column_stack([times_ms, *emitted.values(), *shone_kW_per_cm2.values()]).tolist()
    return write_figure(path, draw, (COLUMN_inch, 3.6), Columns(names, rows))


def _edges(values: Sequence[float]) -> list[float]:
    """Borders between neighbours on a logarithmic axis."""
    middles = [math.sqrt(a * b) for a, b in itertools.pairwise(values)]
    first = values[0] ** 2 / middles[0] if middles else values[0] / 2
    last = values[-1] ** 2 / middles[-1] if middles else values[-1] * 2
    return [first, *middles, last]
