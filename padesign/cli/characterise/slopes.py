"""Nonlinearity, thresholds, gain and saturation: what the curve's slope tells."""

from __future__ import annotations

import numpy as np

from padesign.cli import definitions
from padesign.cli.characterise.sections import Line, Section, irradiance_kW_per_cm2
from padesign.design.characterise import (
    Readings,
)
from padesign.observables.solution import Solution


def nonlinearity(seen: Readings, solution: Solution, window: float) -> Section:
    """S by its definitions."""
    jumps = bool(solution.trace.has_fold)
    top = int(np.argmax(seen.beam_slope))
    lines_ = (
        Line("S", "S (exact)", None if jumps else float(seen.steepest.value), "1", definitions.S),
        Line("S_window", f"S over {window:g} decade", float(seen.window.value), "1", definitions.S_WINDOW),
        Line(
            "S_beam",
            "S averaged over a Gaussian beam",
            float(seen.beam_slope[top]),
            "1",
            "largest local slope of the emission of a thin even film of particles in a TEM00 beam, against its peak "
            "irradiance",
        ),
        Line(
            "S_beam_at_kW_per_cm2",
            "peak irradiance there",
            irradiance_kW_per_cm2(seen.response.log_irradiance[top]),
            "kW/cm^2",
            "peak irradiance of the beam at which that slope is largest",
        ),
    )
    return Section("nonlinearity", "Nonlinearity", lines_)


def thresholds(seen: Readings, solution: Solution, above: float) -> Section:
    """The threshold by each of its definitions."""
    exists = bool(seen.threshold.exists)
    lines_ = (
        Line(
            "threshold_linear_stability_kW_per_cm2",
            "linear stability",
            irradiance_kW_per_cm2(seen.threshold.log_irradiance) if exists else None,
            "kW/cm^2",
            definitions.THRESHOLD,
        ),
        Line(
            "threshold_steepest_kW_per_cm2",
            "largest slope",
            irradiance_kW_per_cm2(seen.steepest.log_irradiance),
            "kW/cm^2",
            "irradiance at which the exact local slope is largest",
        ),
        Line(
            "threshold_tangents_kW_per_cm2",
            "intersection of tangents",
            irradiance_kW_per_cm2(seen.tangents),
            "kW/cm^2",
            "where, on logarithmic axes, the tangent at the lower end of the power window meets the tangent at the "
            "steepest point",
        ),
        Line(
            "threshold_slope_above_kW_per_cm2",
            f"first slope above {above:g}",
            irradiance_kW_per_cm2(seen.above.log_irradiance) if bool(seen.above.exists) else None,
            "kW/cm^2",
            f"first irradiance of an upward sweep at which the local slope reaches {above:g}; none where it is that "
            "steep from the start, or never",
        ),
    )
    return Section("thresholds", "Thresholds", lines_)


def amplification(seen: Readings, saturated: float) -> Section:
    """Gain, and where the emission saturates."""
    value, at, _ = seen.gain
    lines_ = (
        Line("gain", "gain I(2P)/I(P)", float(value), "1", "largest I(2P)/I(P) with P and 2P in the power window"),
        Line("gain_from_kW_per_cm2", "from P =", irradiance_kW_per_cm2(at), "kW/cm^2", "the P of that gain"),
        Line(
            "saturation_kW_per_cm2",
            f"saturation (slope down to {saturated:g})",
            irradiance_kW_per_cm2(seen.saturation.log_irradiance) if bool(seen.saturation.exists) else None,
            "kW/cm^2",
            f"first irradiance above the steepest point at which the local slope has fallen to {saturated:g}",
        ),
    )
    return Section("amplification", "Gain and saturation", lines_)
