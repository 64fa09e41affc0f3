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

    From the eigenvalues of d(dp/dt)/dp among the disturbances that keep the number of ions of every kind and cell: the
    change of the largest level of each cell is minus the sum of the others. At a fold one of these rates is zero; it is
    a mode of the particle and not a conserved sum.
    """
    matrix = np.asarray(_jacobian(network, u, log_irradiance))
    largest, others = [], []
    start = 0
    for block in network.split(u):
        for cell in np.asarray(block):
            top = start + int(np.argmax(cell))
            others += [k for k in range(start, start + cell.size) if k != top]
            largest += [top] * (cell.size - 1)
            start += cell.size
    free = matrix[np.ix_(others, others)] - matrix[np.ix_(others, largest)]
    slowest = float(np.max(np.linalg.eigvals(free).real))
    return 1.0 / -slowest if slowest < 0.0 else float("inf")
