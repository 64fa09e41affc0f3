"""How the numbers change with temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from padesign.cli.characterise.sections import Characterisation, Line, Section
from padesign.cli.console import say
from padesign.config import RunFile
from padesign.config.build import build_design
from padesign.design.characterise import (
    by_temperature,
    rise_by_temperature,
)
from padesign.kinetics.light import Band
from padesign.observables.traces import FRACTIONS


def by_warmth(run: RunFile, found: Characterisation, bands: Sequence[Band], log_at: float) -> Section:
    """Relative change per kelvin of intensities, threshold and rise times."""
    title = "Change with temperature"
    if run.network is not None:
        return Section("temperature", title, (), "the rates of a hand-written network do not depend on temperature")
    one = build_design(run)
    labels = tuple(band.label for band in bands)
    photons, threshold = by_temperature(
        one.signature, one.scene, labels, one.geometry, one.hosts, one.conditions, jnp.asarray(log_at)
    )
    at = f"at {math.exp(log_at) / 1e3:.3g} kW/cm^2 and {run.temperature_K:g} K"
    rows = []
    for band, value in zip(bands, np.asarray(photons), strict=True):
        key = band.label.replace(" -> ", "_to_").replace(":", "_")
        rows.append(
            Line(
                f"S_R_{key}_percent_per_K",
                f"intensity of {band.label}",
                100.0 * float(value),
                "%/K",
                f"d ln(photons/s) / dT, {at}; the relative sensitivity is its absolute value",
            )
        )
    if len(bands) > 1:
        ratio = 100.0 * float(photons[0] - photons[1])
        text = f"d ln(ratio of the first two bands) / dT, {at}"
        rows.append(Line("S_R_ratio_percent_per_K", "ratio of the first two bands", ratio, "%/K", text))
    rows.append(
        Line(
            "S_R_threshold_percent_per_K",
            "threshold",
            100.0 * float(threshold) if np.isfinite(float(threshold)) else None,
            "%/K",
            f"d ln(linear-stability threshold) / dT at {run.temperature_K:g} K",
        )
    )
    if run.characterise.rise_time and found.rise is not None and bool(found.rise.finished[0]):
        say("differentiating the rise by temperature (compiles once, about a minute)")
        longest = found.rise.trace.times_s[-1]
        by_K = rise_by_temperature(
            one.signature, one.scene, labels[0], one.geometry, one.hosts, one.conditions, jnp.asarray(log_at), longest
        )
        for share, value in zip(FRACTIONS, np.asarray(by_K).tolist(), strict=True):
            name = f"t{100 * share:.0f}"
            text = f"d ln({name}) / dT of the first band, {at}"
            rows.append(Line(f"S_R_{name}_percent_per_K", f"rise time {name}", 100.0 * value, "%/K", text))
    return Section("temperature", title, tuple(rows))
