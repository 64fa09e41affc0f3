"""A recipe as one page to pin to the hood: opens without a network, prints on A4."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from padesign.design.tolerance import LOW
from padesign.particle.layers import Particle
from padesign.recipe import Recipe, numbers
from padesign.report.figures import particle_figure, power_curve_figure
from padesign.report.html import picture, render

_MARKS = {"threshold": "threshold_kW_per_cm2", "S (exact)": "S_exact", "irradiance of largest S": "S_at_kW_per_cm2"}


def recipe_page(name: str, recipe: Recipe, particle: Particle, curve: Mapping[str, Sequence[float]]) -> str:
    """The page; without points in `curve` it has no predicted curve."""
    marks = {
        _MARKS[one.label]: one.value
        for one in recipe.performance.numbers
        if one.label in _MARKS and one.value is not None
    }
    with tempfile.TemporaryDirectory() as folder:
        cross_section = picture(particle_figure(particle, Path(folder) / "particle").svg)
        drawn = ""
        if curve:
            title = "predicted, and most of a batch (pale)" if LOW in curve else "predicted"
            seen = _measurable(curve, marks.get("S_at_kW_per_cm2", 0.0))
            drawn = picture(power_curve_figure(seen, marks, title, Path(folder) / "curve").svg)
    context = {
        "name": name,
        "recipe": recipe,
        "n": numbers,
        "particle": cross_section,
        "curve": drawn,
        "statements": sorted({(s.code, s.text) for h in recipe.hazards for s in h.ghs}),
    }
    return render("recipe.html", context)


def _measurable(curve: Mapping[str, Sequence[float]], steepest_kW_per_cm2: float) -> dict[str, list[float]]:
    """The curve from a decade below its steepest point on: what lies lower is too dark to be seen."""
    powers = curve["irradiance_kW_per_cm2"]
    kept = [k for k, power in enumerate(powers) if power >= 0.1 * steepest_kW_per_cm2]
    return {name: [column[k] for k in kept] for name, column in curve.items()}
