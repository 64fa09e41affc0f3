"""What linear stability alone says of a system: enough to choose between starts, at a fraction of a power curve."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp

from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.observables.solution import threshold_limits
from padesign.solve.stability import find_threshold
from padesign.types import Scalar

_STEEPEST = 60.0
"""Guess of S for an avalanche that jumps; no published one is steeper."""
_BEYOND = 3.0
"""Distance in ln I per unit of margin that a design without a threshold counts as beyond the scanned range."""


class Unsolved(eqx.Module):
    """A system before its power curve is followed; powers in ln of W cm^-2."""

    light: EmittingNetwork
    log_irradiance_min: Scalar
    log_irradiance_max: Scalar

    def onset(self, emission: str) -> tuple[Scalar, Scalar]:
        """(ln of the threshold, ln S there). S is that of the normal form, see `padesign.solve.stability`.

        Without a threshold the first lies beyond the scanned range, the farther the less the design avalanches.
        """
        limits = threshold_limits(self.log_irradiance_min, self.log_irradiance_max)
        found = find_threshold(self.light.network, self.light.weights(find_band(self.light.levels, emission)), *limits)
        smooth = found.exists & (found.curvature_per_s > 0.0)
        slope = jnp.clip(jnp.where(smooth, found.slope_estimate, _STEEPEST), 1.0, _STEEPEST)
        log_onset = jnp.where(found.exists, found.log_irradiance, limits[1] - _BEYOND * found.margin)
        return log_onset, jnp.log(jnp.where(found.exists, slope, 1.0))
