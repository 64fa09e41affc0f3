"""One solved system: the network, its power curve and everything that is read off it."""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from padesign.kinetics.light import Band, EmittingNetwork, find_band
from padesign.kinetics.network import AbstractNetwork
from padesign.observables.nonlinearity import (
    Steepest,
    WindowSlope,
    log_emission,
    states_on_sweep,
    steepest,
    steepest_window,
)
from padesign.solve.continuation import START_ITERATIONS, Trace, trace_curve
from padesign.solve.settle import settle_curve
from padesign.solve.stability import Threshold as LinearThreshold
from padesign.solve.stability import find_threshold
from padesign.solve.steady import attach_derivatives, low_power_start, newton
from padesign.types import LogPopulations, Scalar, ScalarLike

SteadyStateMethod = Literal["continuation", "diffrax"]
SCANNED_BEYOND_WINDOW = 10.0
"""The threshold is looked for up to this many times the upper end of the power window."""
LEAD_IN = 4.6
"""The curve starts this far (in ln I) below the window, so that the linear regime is seen: a factor of 100."""


class Solution(eqx.Module):
    """The power curve of a system between `log_irradiance_min` and `log_irradiance_max` (ln of W cm^-2).

    `per_kelvin` is the change of `light` with temperature, where it was asked for. Everything here is a pure function
    and carries exact first derivatives with respect to the network.
    """

    light: EmittingNetwork
    trace: Trace
    log_irradiance_min: Scalar
    log_irradiance_max: Scalar
    per_kelvin: EmittingNetwork | None = None

    @property
    def network(self) -> AbstractNetwork:
        """What the states of the curve solve."""
        return self.light.system

    def band(self, label: str) -> Band:
        """The emission band "Tm:3H4 -> Tm:3H6"; raises `InputError` when the system has no such levels."""
        return find_band(self.light.levels, label)

    def steepest(self, band: Band, log_cap: Scalar | None = None) -> Steepest:
        """Largest exact slope on the upward sweep inside the window, up to `log_cap` if given."""
        return steepest(self.network, self.trace, self.light.weights(band), self.log_irradiance_min, self._top(log_cap))

    def steepest_window(self, band: Band, window_decades: float, log_cap: Scalar | None = None) -> WindowSlope:
        """Largest mean slope over `window_decades` on the upward sweep inside the window, up to `log_cap` if given."""
        weights = self.light.weights(band)
        top = self._top(log_cap)
        return steepest_window(self.network, self.trace, weights, window_decades, self.log_irradiance_min, top)

    def threshold(self, band: Band) -> LinearThreshold:
        """Linear-stability threshold from 1e-5 of the window's lower end to ten times its upper end.

        A particle that light warms is as warm as at the beginning of the curve, where only steady beams matter.
        """
        limits = threshold_limits(self.log_irradiance_min, self.log_irradiance_max)
        return onset(self.light, self.trace.log_populations[0], self.trace.log_irradiance[0], band, *limits)

    def log_photons_per_s(self, bands: list[Band], log_irradiance: Scalar) -> Float[Array, " bands"]:
        """Natural logarithm of the photons per second of each band at one power on the upward sweep."""
        (state,) = self.states(jnp.asarray(log_irradiance)[None])
        return jnp.stack([log_emission(self.light.weights(band), state) for band in bands])

    def states(self, log_irradiances: Float[Array, " powers"]) -> Float[Array, "powers n_unknowns"]:
        """The unknowns at some powers on the upward sweep."""
        return states_on_sweep(self.network, self.trace, log_irradiances)[0]

    def warmth(
        self, states: Float[Array, "powers n_unknowns"], log_irradiances: Float[Array, " powers"]
    ) -> tuple[Float[Array, " powers"], Float[Array, " powers"]] | None:
        """How much warmer than its surroundings (K) the particle is in these states, and the heat (W) that does it.

        None without self-heating.
        """
        heated = self.light.heated
        if heated is None:
            return None
        return jax.vmap(heated.rise_K)(states), jax.vmap(heated.heat_W)(states, log_irradiances)

    def _top(self, log_cap: Scalar | None) -> Scalar:
        return self.log_irradiance_max if log_cap is None else jnp.minimum(self.log_irradiance_max, log_cap)


def onset(
    light: EmittingNetwork, state: LogPopulations, log_irradiance: Scalar, band: Band, low: Scalar, high: Scalar
) -> LinearThreshold:
    """Linear-stability threshold between two powers at the temperature of a steady state."""
    if light.heated is None:
        return find_threshold(light.network, light.weights(band), low, high)
    lam = jax.lax.stop_gradient(log_irradiance)
    at, _ = light.at(attach_derivatives(light.heated, jax.lax.stop_gradient(state), lam))
    return find_threshold(at.network, at.weights(band), low, high)


def first_state(light: EmittingNetwork, log_irradiance_min: Scalar) -> LogPopulations:
    """The steady state where a power curve with this lower end begins, without derivatives."""
    system, lam = light.system, log_irradiance_min - LEAD_IN
    return newton(system, low_power_start(system, lam), lam, max_iterations=START_ITERATIONS).log_populations


def threshold_limits(log_irradiance_min: Scalar, log_irradiance_max: Scalar) -> tuple[Scalar, Scalar]:
    """Between which powers (ln of W cm^-2) the threshold of a curve with this window is looked for."""
    return log_irradiance_min - jnp.log(1e5), log_irradiance_max + jnp.log(SCANNED_BEYOND_WINDOW)


def solve(
    light: EmittingNetwork,
    irradiance_min_kW_per_cm2: ScalarLike,
    irradiance_max_kW_per_cm2: ScalarLike,
    *,
    method: SteadyStateMethod = "continuation",
    coarseness: ScalarLike = 1.0,
    per_kelvin: EmittingNetwork | None = None,
) -> Solution:
    """Power curve of a system; the trace itself carries no derivatives, what is read off it does.

    `coarseness` scales the distance between points of a continuation: a claimed number is recomputed with 0.5 or less.
    `per_kelvin` is handed on.
    """
    low = jnp.log(jnp.asarray(irradiance_min_kW_per_cm2) * 1e3)
    high = jnp.log(jnp.asarray(irradiance_max_kW_per_cm2) * 1e3)
    if method == "diffrax":
        trace = settle_curve(jax.lax.stop_gradient(light.network), low - LEAD_IN, high)
    else:
        trace = trace_curve(jax.lax.stop_gradient(light.system), low - LEAD_IN, high, coarseness)
    return Solution(light, jax.lax.stop_gradient(trace), low, high, per_kelvin)
