"""How slowly the emission answers."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from padesign.cli.characterise.sections import Characterisation, Line, Section
from padesign.cli.console import number, say
from padesign.config import RunFile
from padesign.design.characterise import (
    Readings,
    state_at,
)
from padesign.design.dynamics import switch_on
from padesign.kinetics.light import Band
from padesign.observables.relaxation import relaxation_time_s
from padesign.observables.solution import Solution
from padesign.observables.traces import FRACTIONS, Rise

_LIFETIMES = 10.0
"""A rise is followed for at least this many times the slowest mode of the steady state that it ends in."""


def slowing(run: RunFile, found: Characterisation, seen: Readings, solution: Solution, band: Band) -> Section:
    """The slowest mode at the steepest point; rise times where they are asked for, which `found` keeps."""
    steepest = seen.steepest
    light, state = solution.light.at(steepest.log_populations)
    slow = relaxation_time_s(light.network, state, steepest.log_irradiance)
    lines_ = [
        Line(
            "relaxation_ms_at_steepest",
            "slowest mode at the steepest point",
            1e3 * slow if math.isfinite(slow) else None,
            "ms",
            "1/(slowest decay rate) of a small disturbance of the steady state at the steepest point",
        )
    ]
    if run.characterise.rise_time or run.characterise.dwell_ms is not None:
        rise = found.rise = _risen(solution, band, 1e3 * found.at_kW_per_cm2)
        at = f"of its steady emission at {number(found.at_kW_per_cm2)} kW/cm^2"
        for share, time_s in zip(FRACTIONS, np.asarray(rise.time_s)[:, 0].tolist(), strict=True):
            text = f"time from switching on, from rest, until the band reaches {share:.0%} {at}"
            value = 1e3 * time_s if bool(rise.finished[0]) else None
            lines_.append(Line(f"t{100 * share:.0f}_ms", f"rise time t{100 * share:.0f}", value, "ms", text))
    return Section("time", "Slowing down", tuple(lines_))


def _risen(solution: Solution, band: Band, irradiance_W_per_cm2: float) -> Rise:
    """The band switched on at one irradiance and followed until it is steady."""
    say("integrating the rise")
    log_power = jnp.log(irradiance_W_per_cm2)
    light, state = solution.light.at(state_at(solution, log_power))
    slow = relaxation_time_s(light.network, state, log_power)
    return switch_on(solution, (band,), irradiance_W_per_cm2, _LIFETIMES * (slow if math.isfinite(slow) else 1.0))
