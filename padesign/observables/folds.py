"""Where a bistable curve turns: the ends of its hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from padesign.kinetics.light import Band
from padesign.observables.nonlinearity import log_emission, trace_slopes
from padesign.observables.solution import Solution
from padesign.solve.continuation import Trace
from padesign.solve.turning import attached, turning_point, turns_back
from padesign.types import Scalar


class Folds(NamedTuple):
    """ln of the irradiance (W cm^-2) at which an upward sweep jumps and at which a downward one falls back.

    `log_contrast` is ln of the emission above over below at the geometric middle of the two; meaningful where `exist`.
    The two irradiances carry exact first derivatives, the contrast none with respect to the states.
    """

    log_up: Scalar
    log_down: Scalar
    log_contrast: Scalar
    exist: Bool[Array, ""]


def folds(solution: Solution, band: Band) -> Folds:
    """The first fold upward and the lowest after it.

    Cubics through the points of the trace and their tangents say between which points they are; the fold itself is
    found on the curve.
    """
    trace = solution.trace
    lam, along = trace.log_irradiance, trace.tangent_log_irradiance
    valid = trace.valid[:-1] & trace.valid[1:]
    backward = turns_back(trace)
    turns_on = valid & (along[:-1] < 0.0) & (along[1:] >= 0.0)
    up = jnp.argmax(backward)
    after = turns_on & (jnp.arange(turns_on.size) > up)
    down = jnp.argmin(jnp.where(after, jax.vmap(lambda k: _extreme(trace, k))(jnp.arange(turns_on.size)), jnp.inf))
    frozen = jax.lax.stop_gradient(solution.network)
    found = jax.lax.map(lambda k: turning_point(frozen, trace, k), jnp.stack([up, down]))
    log_up, log_down = (attached(solution.network, jax.tree.map(lambda part, k=k: part[k], found)) for k in (0, 1))
    middle = jax.lax.stop_gradient(0.5 * (log_up + log_down))
    weights = solution.light.weights(band)
    emission = jax.vmap(lambda u: log_emission(weights, u))(trace.log_populations)
    slopes = trace_slopes(trace, weights)
    place = jnp.arange(lam.size)

    def at(first: Array, last: Array) -> Scalar:
        """Emission at the middle on the stretch of the trace from `first` to `last`, from its nearest point."""
        inside = trace.valid & (place >= first) & (place <= last)
        k = jnp.argmin(jnp.where(inside, jnp.abs(lam - middle), jnp.inf))
        return emission[k] + slopes[k] * (middle - lam[k])

    contrast = at(down + 1, trace.count - 1) - at(jnp.asarray(0), up)
    return Folds(log_up, log_down, contrast, jnp.any(backward) & jnp.any(after))


def _extreme(trace: Trace, k: Array) -> Scalar:
    """ln I where the cubic between the points k and k + 1 of the trace turns."""
    low, high = trace.log_irradiance[k], trace.log_irradiance[k + 1]
    apart = trace.log_populations[k + 1] - trace.log_populations[k]
    arc = jnp.sqrt(jnp.mean(apart**2) + (high - low) ** 2)
    a, b = arc * trace.tangent_log_irradiance[k], arc * trace.tangent_log_irradiance[k + 1]
    # The cubic is low + a s + two s^2 + three s^3; its derivative a + 2 two s + 3 three s^2 goes from a to b, whose
    # signs differ, so exactly one of its roots lies between the points.
    d = high - low
    two, three = 3.0 * d - 2.0 * a - b, a + b - 2.0 * d
    root = jnp.sqrt(jnp.maximum(two**2 - 3.0 * three * a, 0.0))
    sum_ = two + jnp.where(two >= 0.0, root, -root)
    near = -a / jnp.where(sum_ == 0.0, 1e-300, sum_)
    far = -sum_ / jnp.where(three == 0.0, 1e-300, 3.0 * three)
    s = jnp.where((near >= 0.0) & (near <= 1.0), near, far)
    return low + a * s + two * s**2 + three * s**3
