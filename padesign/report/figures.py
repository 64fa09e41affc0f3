"""Figures of power curves, particles, searches and sweeps; each is written as SVG, PNG and CSV."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from padesign.report.figure_style import (
    BLACK,
    BLUE,
    PALE,
    PALETTE,
    COLUMN_inch,
    Columns,
    FigureFiles,
    logarithmic,
    number_text,
    palette,
    shown,
    write_figure,
)
from padesign.report.particle_figure import particle_figure as particle_figure
from padesign.report.power_curve_figure import power_curve_figure as power_curve_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOG_RATIO = 30.0
"""An axis whose positive values span more than this is logarithmic."""


def history_figure(
    histories: Mapping[str, Sequence[Mapping[str, float]]], path: Path | str, quantity: str = "loss"
) -> FigureFiles:
    """A number of the inner optimisation against its step, one line per start of every trial.

    `histories` maps the name of a trial to its records; each holds `quantity` and, of several starts, `start`.
    Up to seven trials have their own colour, of more only the best (smallest value) has. CSV: trial, start, step,
    `quantity`. Raises `ValueError` when there is nothing to draw.
    """
    rows: list[tuple[str, int, int, float]] = []
    for trial, records in histories.items():
        steps: dict[int, int] = {}
        for record in records:
            start = int(record.get("start", 0))
            rows.append((trial, start, steps.get(start, 0), float(record[quantity])))
            steps[start] = steps.get(start, 0) + 1
    if not any(math.isfinite(row[3]) for row in rows):
        raise ValueError("a history without finite values cannot be drawn")
    best = min((row for row in rows if math.isfinite(row[3])), key=lambda row: row[3])
    trials = list(dict.fromkeys(row[0] for row in rows))
    many = len(trials) > len(PALETTE)
    colours = dict(zip(trials, palette(len(trials)), strict=True))
    if many:
        colours = {trial: BLUE if trial == best[0] else PALE for trial in trials}

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        for trial in trials:
            text = shown(trial, 30) + (" (best)" if trial == best[0] else "")
            for start in sorted({row[1] for row in rows if row[0] == trial}):
                points = [(row[2], row[3]) for row in rows if row[:2] == (trial, start)]
                steps, values = zip(*points, strict=True)
                front = trial == best[0]
                (line,) = axes.plot(
                    steps,
                    values,
                    color=colours[trial],
                    linewidth=1.9 if front else 1.2,
                    marker="o" if len(steps) == 1 else "",
                    markersize=3.5,
                    zorder=3 if front else 2,
                )
                if (not many or front) and text:
                    line.set_label(text)
                    text = ""
        axes.plot(best[2], best[3], "o", color=colours[best[0]], markeredgecolor=BLACK, markersize=5.5, zorder=4)
        axes.set(xlabel="step", ylabel=shown(quantity))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True)
        axes.margins(x=0.03)
        axes.legend(loc="upper right", handlelength=1.4)
        if many:
            axes.set_title(f"{len(trials)} trials", loc="left")

    return write_figure(path, draw, (COLUMN_inch, 2.8), Columns(("trial", "start", "step", quantity), rows))


def sweep_figure(
    x: Sequence[float],
    y: Sequence[float] | None,
    values: Sequence[float] | Sequence[Sequence[float]],
    labels: Sequence[str],
    path: Path | str,
) -> FigureFiles:
    """A value over one variable (a line) or over two (a map with labelled contours).

    `values[i]` belongs to `x[i]`, or `values[i][j]` to `x[i]` and `y[j]`; a value that is not finite leaves a gap.
    `labels`: quantity and unit of x, of y where there is one, and of the value. An axis whose values are positive and
    span more than a factor of 30 is logarithmic. CSV: one row per value, with the labels as names. Raises `ValueError`
    for shapes that do not fit.
    """
    across, up, field = np.asarray(x, float), None if y is None else np.asarray(y, float), np.asarray(values, float)
    shape = across.shape if up is None else across.shape + up.shape
    if field.shape != shape or len(labels) != len(shape) + 1 or across.ndim != 1 or not field.size:
        raise ValueError(f"values of shape {field.shape} and {len(labels)} labels do not fit axes of shape {shape}")
    names = [shown(label, 60) for label in labels]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set(xlabel=names[0], ylabel=names[1])
        if up is None:
            order = np.argsort(across)
            axes.plot(across[order], field[order], "o-", color=BLUE, markersize=4)
            axes.grid(True)
        else:
            _draw_map(figure, axes, across, up, field, names[2])
        if _is_wide(across):
            axes.set_xscale("log")
            logarithmic(axes.xaxis)
        if up is not None and _is_wide(up):
            axes.set_yscale("log")
            logarithmic(axes.yaxis)

    if up is None:
        rows: list[tuple[float, ...]] = list(zip(across.tolist(), field.tolist(), strict=True))
    else:
        rows = [(a, b, float(field[i, j])) for i, a in enumerate(across) for j, b in enumerate(up)]
    return write_figure(
        path, draw, (COLUMN_inch, 2.8) if up is None else (COLUMN_inch, 3.3), Columns(list(labels), rows)
    )


def _draw_map(figure: Figure, axes: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, name: str) -> None:
    """Cells around the points, contours through them, a colour bar; missing values stay grey."""
    columns, rows = np.argsort(x), np.argsort(y)
    x, y, field = x[columns], y[rows], np.ma.masked_invalid(values[np.ix_(columns, rows)].T)
    axes.set_facecolor(PALE)
    mesh = axes.pcolormesh(_edges(x), _edges(y), field, cmap="cividis", shading="flat")
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(name)
    bar.outline.set_visible(False)  # type: ignore[operator]
    if min(field.shape) > 1 and field.count() and field.max() > field.min():
        from matplotlib.patheffects import AbstractPathEffect, withStroke

        contours = axes.contour(x, y, field, levels=6, colors="white", linewidths=0.9)
        outline: list[AbstractPathEffect] = [withStroke(linewidth=2.0, foreground="#00000080")]
        contours.set_path_effects(outline)
        for text in axes.clabel(contours, fmt=number_text, fontsize=8):
            text.set_path_effects(outline)


def _edges(points: np.ndarray) -> np.ndarray:
    """Borders of the cells around sorted points, half way between them on the axis that is shown."""
    wide = _is_wide(points)
    at = np.log(points) if wide else points
    if at.size == 1:
        half = np.array([0.05 * max(abs(float(at[0])), 1.0)])
        edges = np.concatenate([at - half, at + half])
    else:
        middle = 0.5 * (at[1:] + at[:-1])
        edges = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(edges) if wide else edges


def _is_wide(points: np.ndarray) -> bool:
    return bool(points.min() > 0.0 and points.max() > _LOG_RATIO * points.min())
