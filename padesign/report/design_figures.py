"""A design from inside: populations against radius, and what a result hangs on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from padesign.report.figure_style import (
    BLUE,
    GREY,
    ORANGE,
    COLUMN_inch,
    Columns,
    FigureFiles,
    host_text,
    number_text,
    palette,
    shown,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LEVELS, _MOST_BARS = 7, 8
_LEAST_POPULATION = 1e-7
_DASHES = ("-", (0, (5, 1.2)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)))


class RadialLevel(NamedTuple):
    """Fraction of the ions of one level in each cell that holds them, from `inner_nm` to `outer_nm`."""

    name: str
    inner_nm: np.ndarray
    outer_nm: np.ndarray
    fraction: np.ndarray


class Influence(NamedTuple):
    """By how much one `step` of a number changes ln(threshold) and ln(S); `of_design`: a size or a share, and its step
    the tolerance of a synthesis; else a constant, and its step one standard deviation."""

    name: str
    step: str
    of_design: bool
    log_threshold: float
    log_S: float


def radial_figure(
    levels: Sequence[RadialLevel], borders_nm: Mapping[str, float], at_kW_per_cm2: float, path: Path
) -> FigureFiles:
    """Populations against the distance from the middle; `borders_nm`: outer radius of each layer by name."""
    excited = sorted(levels, key=lambda one: -float(one.fraction.max()))
    drawn = [one for one in excited if one.fraction.max() >= _LEAST_POPULATION][:_MOST_LEVELS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for k, (one, colour) in enumerate(zip(drawn, palette(len(drawn)), strict=True)):
            r = np.column_stack([one.inner_nm, one.outer_nm]).ravel()
            line = np.repeat(one.fraction, 2)
            axes.plot(r, line, color=colour, linestyle=_DASHES[k % len(_DASHES)], label=shown(one.name, 24))
        for name, border in borders_nm.items():
            axes.axvline(border, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate(
                shown(name, 14),
                (border, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-2, -2),
                textcoords="offset points",
                ha="right",
                va="top",
                rotation=90,
                fontsize=7,
                color=GREY,
            )
        axes.set(yscale="log", xlabel="distance from the middle (nm)", ylabel="population (fraction of the ion)")
        axes.set_xlim(0.0, 1.02 * max(borders_nm.values()))
        lowest = min(float(one.fraction.min()) for one in drawn)
        axes.set_ylim(max(0.3 * lowest, 1e-12), 40.0)
        axes.grid(True)
        figure.legend(loc="outside upper left", ncols=3, handlelength=2.2, columnspacing=1.0)
        axes.set_title(f"at {number_text(at_kW_per_cm2)} kW/cm²", loc="left")

    rows = [
        (one.name, float(a), float(b), float(f))
        for one in levels
        for a, b, f in zip(one.inner_nm, one.outer_nm, one.fraction, strict=True)
    ]
    return write_figure(
        path, draw, (COLUMN_inch, 3.2), Columns(("level", "inner_nm", "outer_nm", "population_fraction"), rows)
    )


def _plain(name: str) -> str:
    """`surface loss Tm:3F4` for `surface.loss.Tm:3F4_nm4_per_s`: words without the unit, which the step says."""
    host, _, key = name.rpartition(" ") if "." in name else ("", "", name)
    key = re.sub(r"_(nm4_per_s|per_s|cm1|cm2|cm|nm|K)$", "", key) if "." in key else key
    words = re.sub(r"[._]", " ", key) if "." in name else key
    words = re.sub(r"omega([246])", lambda found: f"Ω{chr(0x2080 + int(found[1]))}", words)
    return f"{host_text(host)} {words}".strip()


def influence_figure(found: Sequence[Influence], path: Path) -> FigureFiles:
    """Bars of the strongest influences on the threshold and on S, of the design and of the constants, to first order;
    numbers that are not finite are left out."""
    finite = [one for one in found if math.isfinite(one.log_threshold) and math.isfinite(one.log_S)]
    ranked = sorted(finite, key=lambda one: -max(abs(one.log_threshold), abs(one.log_S)))
    strongest = [one for kind in (True, False) for one in [x for x in ranked if x.of_design is kind][:_MOST_BARS]]
    drawn = [one for one in ranked if one in strongest][::-1]

    def draw(figure: Figure) -> None:
        from matplotlib.patches import Patch

        left, right = figure.subplots(1, 2, sharey=True)
        place = np.arange(len(drawn))
        for axes, key, name in ((left, "log_threshold", "threshold"), (right, "log_S", "S")):
            values = [100.0 * getattr(one, key) for one in drawn]
            colours = [ORANGE if one.of_design else BLUE for one in drawn]
            bars = axes.barh(place, values, color=colours, height=0.7)
            for bar, one in zip(bars, drawn, strict=True):
                bar.set_hatch("" if one.of_design else "////")
                bar.set_edgecolor("white")
                bar.set_linewidth(0.0)
            axes.axvline(0.0, color=GREY, linewidth=0.8)
            axes.set_title(name)
            axes.grid(True, axis="x")
            axes.locator_params(axis="x", nbins=4)
        left.set_yticks(place, [f"{shown(_plain(one.name), 40)}\n{one.step}" for one in drawn])
        left.tick_params(axis="y", labelsize=6.0, length=0)
        right.tick_params(axis="y", length=0)
        figure.supxlabel("change of the logarithm (%)", fontsize=8, ha="center")
        kinds = [
            Patch(facecolor=ORANGE, label="design, by a tolerance"),
            Patch(facecolor=BLUE, hatch="////", edgecolor="white", label="constant, by 1 σ"),
        ]
        figure.legend(handles=kinds, loc="outside upper left", ncols=2, columnspacing=1.0)

    rows = [
        (one.name, one.step, "design" if one.of_design else "constant", one.log_threshold, one.log_S) for one in ranked
    ]
    names = ("number", "step", "kind", "change_of_ln_threshold", "change_of_ln_S")
    return write_figure(path, draw, (COLUMN_inch, 1.1 + 0.27 * len(drawn)), Columns(names, rows))
