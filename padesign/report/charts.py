"""Interactive charts as plain Plotly figures (`data` and `layout`): no plotting library is needed to make them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from padesign.report.figure_style import BLUE, GREEN, GREY, ORANGE, PINK, SKY, YELLOW

Chart = dict[str, Any]
Curve = Mapping[str, Sequence[float]]

_COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, GREY)
"""Colours that colour-blind readers tell apart, on light paper and on dark."""
_STEEPEST_SHOWN = 60.0
_PALE, _STRONG = (196, 202, 210), (0, 114, 178)
_LEGEND_ABOVE: Chart = {"legend": {"orientation": "h", "y": 1.14}, "margin": {"t": 40, "r": 20}}
"""Left of Plotly's buttons, which lie over a legend at the right."""
_MOST_LINES = 40
"""Descents beyond this many would hide each other."""


def plain(text: str) -> str:
    """Text for a chart, where Plotly would read markup: shown letter by letter."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def power_chart(curves: Mapping[str, Curve], marks: Mapping[str, Mapping[str, float]]) -> Chart:
    """Emission and local slope of several designs against irradiance; unstable branches dashed."""
    data: list[Chart] = []
    top = 2.0
    for k, (label, curve) in reversed(list(enumerate(curves.items()))):  # the first, the best design, lies on top
        colour, name = _COLOURS[k % len(_COLOURS)], plain(label)
        power, stable = list(curve["irradiance_kW_per_cm2"]), list(curve["stable"])
        slopes = [s if 0.0 <= s <= _STEEPEST_SHOWN else None for s in curve["S"]]
        top = max([top, *(s for s in slopes if s is not None)])
        data += _batch_bands(curve, colour, name, label)
        for axis, values in (("y", list(curve["photons_per_s"])), ("y2", slopes)):
            for wanted, dash in ((True, "solid"), (False, "dash")):
                shown = _branch(values, stable, wanted)
                if any(v is not None for v in shown):
                    line = {"color": colour, "dash": dash, "width": 2}
                    data.append(
                        {
                            "type": "scatter",
                            "mode": "lines",
                            "x": power,
                            "y": shown,
                            "yaxis": axis,
                            "name": name,
                            "legendgroup": label,
                            "showlegend": axis == "y" and wanted,
                            "line": line,
                        }
                    )
        mark = marks.get(label, {})
        if math.isfinite(mark.get("S_exact", math.nan)):
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [mark["S_at_kW_per_cm2"]],
                    "y": [mark["S_exact"]],
                    "yaxis": "y2",
                    "name": f"{name}: largest S",
                    "legendgroup": label,
                    "showlegend": False,
                    "marker": {"color": colour, "size": 9},
                }
            )
    layout = {
        "xaxis": {"type": "log", "title": {"text": "irradiance (kW/cm²)"}, "anchor": "y2"},
        "yaxis": {
            "type": "log",
            "title": {"text": "emission (photons/s)"},
            "domain": [0.45, 1.0],
            "exponentformat": "power",
        },
        "yaxis2": {"title": {"text": "local slope S"}, "domain": [0.0, 0.38], "range": [0.0, 1.08 * top]},
        "legend": {"orientation": "h", "y": 1.12, "traceorder": "reversed"},
        "margin": {"t": 40, "r": 20},
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout}


def _batch_bands(curve: Curve, colour: str, name: str, group: str) -> list[Chart]:
    """Where a batch lies, behind emission and slope; nothing for a curve that does not say."""
    found = []
    power = list(curve["irradiance_kW_per_cm2"])
    swept = [k for k, x in enumerate(power) if x > max(power[:k], default=0.0)]
    for axis, number in (("y", "photons_per_s"), ("y2", "S")):
        ends = [curve.get(f"batch_{side}_{number}") for side in ("low", "high")]
        for end, fill in zip(ends, ({}, {"fill": "tonexty", "fillcolor": _pale(colour)}), strict=True):
            if end is not None:
                found.append(
                    {
                        "type": "scatter",
                        "mode": "lines",
                        "x": [power[k] for k in swept],
                        "y": [end[k] for k in swept],
                        "yaxis": axis,
                        "name": f"{name}: batch",
                        "legendgroup": group,
                        "showlegend": False,
                        "line": {"color": colour, "width": 0},
                        "hoverinfo": "skip",
                        **fill,
                    }
                )
    return found


def _pale(colour: str) -> str:
    """A colour `#rrggbb` that lets what is behind it through."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.2)"


def _branch(values: Sequence[float | None], stable: Sequence[float], wanted: bool) -> list[float | None]:
    """The values on stable (or unstable) stretches; a stretch keeps the point where it ends, so that lines meet."""
    flags = [(flag > 0.5) == wanted for flag in stable]
    kept = [flag or (0 < k and flags[k - 1] and not wanted) for k, flag in enumerate(flags)]
    return [value if keep else None for value, keep in zip(values, kept, strict=True)]


def history_chart(
    numbers: Sequence[int], values: Sequence[float | None], best: Sequence[float | None], name: str
) -> Chart:
    """The value of every trial, and the best so far."""
    axis = {"title": {"text": plain(name)}}
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(numbers),
            "y": list(values),
            "name": "trial",
            "marker": {"color": BLUE, "size": 8},
        },
        {
            "type": "scatter",
            "mode": "lines",
            "x": list(numbers),
            "y": list(best),
            "name": "best so far",
            "line": {"color": ORANGE, "shape": "hv"},
        },
    ]
    layout = {
        "xaxis": {"title": {"text": "trial"}, "dtick": _ticks(len(numbers))},
        "yaxis": axis,
        **_LEGEND_ABOVE,
    }
    return {"data": data, "layout": layout}


def trade_chart(
    points: Sequence[Mapping[str, Any]],
    x: tuple[str, str],
    y: tuple[str, str],
    size: str | None,
    references: Sequence[Mapping[str, Any]],
) -> Chart:
    """One number of every trial against another, each given as (key, axis title); published particles as crosses."""
    bright = [max(float(p.get(size) or 0.0), 0.0) for p in points] if size else [1.0] * len(points)
    top = max(bright, default=0.0) or 1.0
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [p[x[0]] for p in points],
            "y": [p[y[0]] for p in points],
            "text": [plain(str(p["label"])) for p in points],
            "hovertemplate": "%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
            "name": "trials",
            "marker": {
                "size": [8 + 16 * math.sqrt(b / top) for b in bright],
                "color": [BLUE if p["feasible"] else "rgba(0,0,0,0)" for p in points],
                "line": {"color": BLUE, "width": 1.5},
                "opacity": 0.7,
            },
        }
    ]
    if references:
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [p[x[0]] for p in references],
                "y": [p[y[0]] for p in references],
                "text": [plain(str(p["label"])) for p in references],
                "textposition": "bottom center",
                "name": "published, in this model",
                "marker": {"symbol": "x", "size": 11, "color": ORANGE},
            }
        )
    layout = {"xaxis": {"title": {"text": x[1]}}, "yaxis": {"title": {"text": y[1]}}, **_LEGEND_ABOVE}
    return {"data": data, "layout": layout}


def importance_chart(shares: Mapping[str, float]) -> Chart:
    """Shares as bars, the largest on top."""
    ordered = sorted(shares.items(), key=lambda item: item[1])
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [share for _, share in ordered],
            "y": [plain(name) for name, _ in ordered],
            "marker": {"color": BLUE},
        }
    ]
    layout = {
        "xaxis": {"title": {"text": "share of importance"}, "range": [0, 1]},
        "yaxis": {"automargin": True},
        "margin": {"t": 20, "r": 20},
    }
    return {"data": data, "layout": layout}


def parallel_chart(columns: Mapping[str, Sequence[float]], values: Sequence[float], name: str, maximise: bool) -> Chart:
    """Every design as a line through its numbers, each axis from its least to its largest value, the best in blue.

    Drawn with plain lines, since Plotly's own parallel coordinates need WebGL and cannot be printed.
    """
    axes = {**columns, name: values}
    limits = [(min(column), max(column)) for column in axes.values()]
    order = sorted(range(len(values)), key=lambda k: values[k], reverse=not maximise)
    low, high = min(values), max(values)
    data: list[Chart] = []
    for k in order:
        merit = (values[k] - low) / ((high - low) or 1.0)
        merit = merit if maximise else 1.0 - merit
        text = "<br>".join(f"{plain(label)}: {column[k]:.4g}" for label, column in axes.items())
        heights = [(column[k] - a) / ((b - a) or 1.0) for column, (a, b) in zip(axes.values(), limits, strict=True)]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": list(range(len(axes))),
                "y": heights,
                "hovertext": text,
                "hoverinfo": "text",
                "showlegend": False,
                "line": {"color": _between(_PALE, _STRONG, merit), "width": 1.5 + 1.5 * merit},
                "marker": {"size": 4},
            }
        )
    ticks = [f"{plain(label)}<br>{a:.3g} to {b:.3g}" for label, (a, b) in zip(axes, limits, strict=True)]
    layout = {
        "xaxis": {"tickvals": list(range(len(axes))), "ticktext": ticks, "showgrid": True, "automargin": True},
        "yaxis": {"tickvals": [0, 1], "ticktext": ["least", "largest"], "range": [-0.05, 1.05]},
        "margin": {"t": 20, "r": 60},
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout}


def _between(pale: tuple[int, int, int], strong: tuple[int, int, int], share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(pale, strong, strict=True))
    return f"rgb({', '.join(map(str, mixed))})"


def descent_chart(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Chart:
    """Loss against step of every start of the last trials."""
    data: list[Chart] = []
    for k, (label, records) in enumerate(histories.items()):
        starts: dict[int, list[float]] = {}
        for record in records:
            starts.setdefault(int(record.get("start", 0)), []).append(float(record["loss"]))
        for start, losses in starts.items():
            if len(data) < _MOST_LINES:
                name = f"{plain(label)}, start {start + 1}"
                line = {"color": _COLOURS[k % len(_COLOURS)], "width": 1.5, "dash": "solid" if start == 0 else "dot"}
                data.append({"type": "scatter", "mode": "lines", "y": losses, "name": name, "line": line})
    layout = {
        "xaxis": {"title": {"text": "gradient step"}},
        "yaxis": {"title": {"text": "loss"}},
        "margin": {"t": 20, "r": 20},
    }
    return {"data": data, "layout": layout}


def _ticks(count: int) -> int:
    return max(1, round(count / 12))
