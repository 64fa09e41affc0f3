"""The energy levels of a design with their populations, and the processes that feed and drain them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from padesign.kinetics.light import EmittingNetwork
from padesign.observables.fluxes import Flux
from padesign.report.figure_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PINK,
    YELLOW,
    COLUMN_inch,
    Columns,
    FigureFiles,
    number_text,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOOK = {
    "absorption": (ORANGE, "-"),
    "stimulated emission": (YELLOW, "-"),
    "radiative": (BLUE, "-"),
    "nonradiative": (GREY, (0, (1, 1))),
    "fed without the beam": (GREEN, (0, (1, 1))),
    "transfer": (PINK, (0, (4, 1.5))),
}
_MOST = 10
_LEAST_SHARE = 0.005
_LOWEST = 1e-6
"""The bar of a level spans populations from here (nothing) to 1 (the whole width), logarithmically."""


def level_figure(
    light: EmittingNetwork,
    populations: Sequence[np.ndarray],
    found: Sequence[Flux],
    at_kW_per_cm2: float,
    path: Path,
) -> FigureFiles:
    """Levels of each ion at their energies; black bars are populations, arrows the most frequent processes.

    `found` (net, most frequent first) are the events per second of one particle; the strongest absorption of an ion at
    rest is shown however rare it is. The CSV holds all levels and processes. Energies must be known.
    """
    kept = _shown(found)
    used = sorted({s for one in kept for s, _, _ in one.steps})
    tops = {s: max([1, *(max(a, b) for one in kept for q, a, b in one.steps if q == s)]) for s in used}

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, height_ratios=(3.1, 0.16 * len(kept) + 0.3))
        below.set_axis_off()
        _draw_levels(above, light, populations, used, tops)
        _draw_arrows(above, light, kept, used)
        above.set_ylabel("energy (10³ cm⁻¹)")
        above.set_xticks([k + 0.5 for k in range(len(used))], [f"{light.levels[s][0]}³⁺" for s in used])
        above.tick_params(axis="x", length=0)
        above.set_xlim(-0.02, len(used) + 0.02)
        above.set_title(f"at {number_text(at_kW_per_cm2)} kW/cm²", loc="left")
        below.text(1.0, 1.01, "events/s in one particle", ha="right", va="bottom", fontsize=6.5, color=GREY)
        for k, one in enumerate(kept):
            colour, line = _LOOK[one.kind]
            y = 1.0 - (k + 0.5) / len(kept)
            below.plot([0.07, 0.12], [y, y], color=colour, linestyle=line, linewidth=1.4)
            below.text(0.045, y, str(k + 1), ha="right", va="center", fontsize=7)
            below.text(0.135, y, _pretty(one, light), ha="left", va="center", fontsize=7)
            below.text(1.0, y, number_text(one.per_s), ha="right", va="center", fontsize=7)
        below.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))

    return write_figure(path, draw, (COLUMN_inch, 3.4 + 0.16 * len(kept)), _table(light, populations, found))


def _shown(found: Sequence[Flux]) -> list[Flux]:
    """The most frequent, and the absorption that starts from rest."""
    frequent = [one for one in found[:_MOST] if one.per_s >= _LEAST_SHARE * found[0].per_s]
    rest = next((one for one in found if one.kind == "absorption" and one.steps[0][1] == 0), None)
    if rest is not None and rest not in frequent:
        frequent = [*frequent[: _MOST - 1], rest]
    return frequent


def _pretty(one: Flux, light: EmittingNetwork) -> str:
    text = one.text(light).replace(" -> ", " → ")
    if len(light.levels) == 1:
        text = text.replace(f"{light.levels[0][0]}:", "")
    kind = {"fed without the beam": "thermal"}
    return text if one.kind == "transfer" else f"{text}  {kind.get(one.kind, one.kind)}"


def _draw_levels(
    axes: Axes,
    light: EmittingNetwork,
    populations: Sequence[np.ndarray],
    used: Sequence[int],
    tops: dict[int, int],
) -> None:
    ladder = {s: np.asarray(light.energies_cm1[s]) / 1e3 for s in used}
    highest = max(float(ladder[s][tops[s]]) for s in used)
    gap = 0.062 * highest
    for k, s in enumerate(used):
        last = -np.inf
        for level in range(tops[s] + 1):
            energy, share = float(ladder[s][level]), float(populations[s][level])
            left, right = k + 0.03, k + _reach(used)
            axes.plot([left, right], [energy, energy], color=PALE, linewidth=1.2, zorder=1)
            filled = max(0.0, 1.0 - np.log10(max(share, 1e-300)) / np.log10(_LOWEST))
            axes.plot(
                [left, left + filled * (right - left)],
                [energy, energy],
                color=BLACK,
                linewidth=2.6,
                solid_capstyle="butt",
                zorder=2,
            )
            last = max(energy, last + gap)
            name = f"{light.levels[s][1][level]} {_share_text(share)}"
            axes.plot([right, right + 0.025], [energy, last], color=PALE, linewidth=0.6)
            axes.text(right + 0.035, last, name, ha="left", va="center", fontsize=7)
    axes.set_ylim(-0.04 * highest, 1.1 * highest)


def _reach(used: Sequence[int]) -> float:
    """Where the levels of an ion end inside its column; what is left is for their names."""
    return 0.74 if len(used) == 1 else 0.56 if len(used) == 2 else 0.46


def _share_text(share: float) -> str:
    return f"{100.0 * share:.3g} %" if share >= 1e-3 else f"{share:.0e}".replace("e-0", "e-") if share > 0.0 else "0"


def _draw_arrows(axes: Axes, light: EmittingNetwork, kept: Sequence[Flux], used: Sequence[int]) -> None:
    """Each process in lanes of its own, one per step, numbered at the start."""
    lanes = {s: sum(len([1 for q, _, _ in one.steps if q == s]) for one in kept) for s in used}
    taken = dict.fromkeys(used, 0)
    largest = max(one.per_s for one in kept)
    for number, one in enumerate(kept, start=1):
        colour, line = _LOOK[one.kind]
        width = 0.7 + 1.5 * max(0.0, 1.0 + 0.3 * np.log10(one.per_s / largest))
        for s, start, end in one.steps:
            x = used.index(s) + 0.06 + (_reach(used) - 0.09) * (taken[s] + 0.5) / lanes[s]
            taken[s] += 1
            energies = np.asarray(light.energies_cm1[s]) / 1e3
            low, high = float(energies[start]), float(energies[end])
            arrow = {"arrowstyle": "-|>", "color": colour, "linestyle": line, "linewidth": width}
            arrow |= {"shrinkA": 0.0, "shrinkB": 0.5, "mutation_scale": 6.5}
            axes.annotate("", (x, high), (x, low), arrowprops=arrow, zorder=3)
            middle = 0.5 * (low + high)
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.9}
            axes.text(x, middle, str(number), fontsize=6.5, ha="center", va="center", color=BLACK, bbox=box, zorder=4)


def _table(light: EmittingNetwork, populations: Sequence[np.ndarray], found: Sequence[Flux]) -> Columns:
    rows: list[tuple[str, str, float | str, float | str, float | str]] = []
    for s, (ion, ids) in enumerate(light.levels):
        for k, level in enumerate(ids):
            energy = float(np.asarray(light.energies_cm1[s])[k])
            rows.append(("level", f"{ion}:{level}", energy, float(populations[s][k]), ""))
    rows += [(one.kind, one.text(light), "", "", one.per_s) for one in found]
    return Columns(("kind", "name", "energy_cm1", "population", "net_events_per_s"), rows)
