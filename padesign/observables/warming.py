"""How emission changes with temperature, from how the rates do: one more linear solve at a steady state."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from padesign.errors import InputError
from padesign.kinetics.light import Band
from padesign.kinetics.network import RateNetwork
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import Solution
from padesign.types import Scalar

_TINY = 1e-300


def log_photons_per_K(solution: Solution, bands: Sequence[Band], log_irradiance: Scalar) -> Float[Array, " bands"]:
    """d ln(photons/s)/dT of each band at one power of the upward sweep, 1/K; exact, and so are its first derivatives.

    With F(u, T) = 0 the balance of log populations u, du/dT = -J^-1 dF/dT. Raises `InputError` for a solution that was
    made without the change of its rates with temperature.
    """
    light, warming = solution.light, solution.per_kelvin
    if warming is None:
        raise InputError("this system was solved without the change of its rates with temperature")
    u = states_on_sweep(light.network, solution.trace, log_irradiance[None])[0][0]

    def balance(network: RateNetwork) -> Array:
        return network.residual(u, log_irradiance)

    driven = jax.jvp(balance, (light.network,), (warming.network,))[1]
    moved = -jnp.linalg.solve(light.network.linearise(u, log_irradiance).jacobian, driven)
    found = []
    for band in bands:
        weights, stronger = jax.jvp(lambda one, band=band: one.weights(band), (light,), (warming,))
        bright = weights * jnp.exp(u)
        found.append((stronger @ jnp.exp(u) + bright @ moved) / (jnp.sum(bright) + _TINY))
    return jnp.stack(found)
