"""The field's conventions read off a power curve that is only known at points: what a finished run has kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

_FINE = 4000


class CurveNumbers(NamedTuple):
    """Powers in kW cm^-2; None where the curve has no such number. Definitions as in `observables.conventions`."""

    threshold_steepest: float | None
    threshold_tangents: float | None
    threshold_slope_above_5: float | None
    gain: float | None
    saturation: float | None


class UpwardSweep(NamedTuple):
    """ln I (kW cm^-2), ln photons per second and local slope on a fine grid; a jump is one steep step."""

    log_power: np.ndarray
    log_photons: np.ndarray
    slope: np.ndarray


def upward_sweep(curve: Mapping[str, Sequence[float]], from_kW_per_cm2: float, to_kW_per_cm2: float) -> UpwardSweep:
    """What a sweep up in power between two irradiances sees of a curve with columns `irradiance_kW_per_cm2`,
    `photons_per_s`, `S` and `stable`. Without a fold the points' exact slopes are used."""
    power, photons, slope = (np.asarray(curve[key], float) for key in ("irradiance_kW_per_cm2", "photons_per_s", "S"))
    ahead = power > np.maximum.accumulate(np.concatenate([[0.0], power[:-1]]))
    ahead &= np.asarray(curve.get("stable", np.ones(power.size)), float) > 0.5
    x, y = np.log(power[ahead]), np.log(photons[ahead])
    grid = np.linspace(max(math.log(from_kW_per_cm2), x[0]), min(math.log(to_kW_per_cm2), x[-1]), _FINE)
    if ahead.all() and np.isfinite(slope).all():
        line = CubicHermiteSpline(x, y, slope)
    else:
        line = PchipInterpolator(x, y)
    return UpwardSweep(grid, line(grid), line.derivative()(grid))


def slope_over(sweep: UpwardSweep, decades: float) -> float | None:
    """Largest mean slope over a width of power; None where the sweep is narrower."""
    width = decades * math.log(10.0)
    rise = np.interp(sweep.log_power + width, sweep.log_power, sweep.log_photons, right=np.nan) - sweep.log_photons
    return float(np.nanmax(rise)) / width if np.isfinite(rise).any() else None


def read_off(sweep: UpwardSweep, slope_above: float = 5.0, saturated: float = 2.0) -> CurveNumbers:
    """Every convention of one sweep; the first tangent is that at its lower end."""
    x, y, s = sweep
    top = int(np.argmax(s))
    tangents = None
    if s[top] > s[0] + 1e-9:
        tangents = math.exp((y[0] - y[top] + s[top] * x[top] - s[0] * x[0]) / (s[top] - s[0]))
    rise = int(np.argmax(s >= slope_above))
    fall = np.flatnonzero(s[top:] <= saturated)
    doubling = slope_over(sweep, math.log10(2.0))
    return CurveNumbers(
        math.exp(x[top]),
        tangents,
        math.exp(x[rise]) if s[rise] >= slope_above and rise > 0 else None,
        None if doubling is None else 2.0**doubling,
        math.exp(x[top + int(fall[0])]) if fall.size else None,
    )
