"""How fast a particle settles: the slowest mode about a steady state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from padesign.kinetics.network import RateNetwork
from padesign.types import LogPopulations, Scalar


@jax.jit
def _jacobian(network: RateNetwork, u: LogPopulations, log_irradiance: Scalar) -> jax.Array:
    return jax.jacfwd(lambda p: network.derivative_per_s(p, jnp.exp(log_irradiance)))(jnp.exp(u))


def relaxation_time_s(network: RateNetwork, u: LogPopulations, log_irradiance: Scalar) -> float:
    """1 / (slowest decay rate) of a small disturbance of the steady state `u`; infinite where one grows.

    From the eigenvalues of d(dp/dt)/dp; the zeros that belong to the conserved number of ions of every kind and cell
    are left out: they are as many as the sums of populations, and the smallest in absolute value.
    """
    matrix = np.asarray(_jacobian(network, u, log_irradiance))
    conserved = sum(dark.shape[0] for dark in network.dark)
    rates = np.linalg.eigvals(matrix)
    rates = rates[np.argsort(np.abs(rates))][conserved:]
    slowest = float(np.max(rates.real))
    return 1.0 / -slowest if slowest < 0.0 else float("inf")
