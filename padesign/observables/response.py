"""The response of a particle to light: emission against irradiance on an even grid of ln I, as a slow upward sweep."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from padesign.kinetics.light import Band
from padesign.observables.nonlinearity import on_sweep, trace_slopes
from padesign.observables.solution import Solution
from padesign.types import Scalar

POINTS = 4096
_TINY = 1e-300


class Response(NamedTuple):
    """ln of irradiance (W cm^-2), even, and ln of photons per second at each; (points,) both."""

    log_irradiance: Float[Array, " points"]
    log_photons_per_s: Float[Array, " points"]

    def at(self, log_irradiance: ArrayLike) -> Array:
        """ln photons per second at any power; below the grid as the power law of its lower end, above it constant."""
        log_irradiance = jnp.asarray(log_irradiance)
        x, y = self.log_irradiance, self.log_photons_per_s
        below = y[0] + self.lowest_slope * (log_irradiance - x[0])
        return jnp.where(log_irradiance < x[0], below, jnp.interp(log_irradiance, x, y))

    @property
    def lowest_slope(self) -> Scalar:
        """Local slope at the lower end, where the emission is a power law."""
        x, y = self.log_irradiance, self.log_photons_per_s
        return (y[1] - y[0]) / (x[1] - x[0])

    @property
    def slope(self) -> Float[Array, " points"]:
        """Local slope by central differences on the grid; across a jump as large as the grid makes it."""
        x, y = self.log_irradiance, self.log_photons_per_s
        inner = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
        return jnp.concatenate([self.lowest_slope[None], inner, ((y[-1] - y[-2]) / (x[-1] - x[-2]))[None]])


def response(solution: Solution, band: Band, points: int = POINTS) -> Response:
    """The response from the lowest power of the trace to the upper end of the window, without derivatives.

    Between the points of the trace it is cubic along the arc (values and slopes are exact at the points).
    """
    trace = solution.trace
    weights = solution.light.weights(band)
    emission = jnp.log(jnp.exp(trace.log_populations) @ weights + _TINY)[:, None]
    rates = (trace_slopes(trace, weights) * trace.tangent_log_irradiance)[:, None]
    grid = jnp.linspace(trace.log_irradiance[0], solution.log_irradiance_max, points)
    found = jax.vmap(lambda lam: on_sweep(trace, emission, rates, lam)[0])(grid)
    return Response(grid, found)
