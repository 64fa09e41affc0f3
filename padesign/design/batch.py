"""The particles of a batch: a grid of nodes where one or two sizes or shares scatter, a random sample where more do."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.design.robust import Errors, Robust, scattered
from padesign.kinetics.particle_network import Geometry

_REACH = 3.0
"""Standard deviations that the nodes span to either side; samples are cut there too."""
_LEAST_NODES = 5


@dataclass(frozen=True)
class Spread:
    """Relative standard deviations of core, shells and dopants; `samples` particles are solved, or about so many."""

    core: float
    shell: float
    dopant: float
    lognormal: bool = False
    samples: int = 32
    seed: int = 1


class Batch(NamedTuple):
    """Particles and the share of the batch that each stands for; `how` says it in words."""

    thickness_nm: Float[Array, "particles layers"]
    fraction: Float[Array, "particles layers ions"]
    weight: Float[np.ndarray, " particles"]
    how: str

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Over the first axis (particles)."""
        return np.tensordot(self.weight, values, axes=1)

    def deviation(self, values: np.ndarray) -> float:
        """Standard deviation over the batch."""
        return float(np.sqrt(self.mean((values - self.mean(values)) ** 2)))


def batch_of(target: Geometry, spread: Spread) -> Batch:
    """The batch around a target.

    Nodes are even in the normal variable with weights exp(-z^2/2): for a Gaussian the trapezoidal rule converges faster
    than any power of the spacing, also where the emission rises steeply between nodes of another rule.
    """
    vary = np.where(np.arange(target.thickness_nm.size) == 0, spread.core, spread.shell) > 0.0
    shares = (np.asarray(target.fraction) > 0.0) & (spread.dopant > 0.0)
    places = [("size", k) for k in np.flatnonzero(vary)] + [("share", *at) for at in np.argwhere(shares)]
    if 1 <= len(places) <= 2:
        errors, weight = _nodes(target, places, spread.samples)
        how = f"{weight.size} nodes of a quadrature over {len(places)} scattering number{'s'[: len(places) - 1]}"
    else:
        robust = Robust(spread.core, spread.shell, spread.dopant, seed=spread.seed)
        layers, ions = target.fraction.shape
        errors = robust.draw(layers, ions, spread.samples, 0)
        weight, how = np.full(spread.samples, 1.0 / spread.samples), f"{spread.samples} particles, seed {spread.seed}"
    sizes = jnp.full(target.thickness_nm.shape, spread.shell).at[0].set(spread.core)
    made = jax.vmap(lambda own: scattered(target, own, sizes, spread.dopant, spread.lognormal))(errors)
    return Batch(made.thickness_nm, made.fraction, weight, how)


def _nodes(target: Geometry, places: list[tuple], samples: int) -> tuple[Errors, np.ndarray]:
    """All combinations of even nodes of one or two normal variables."""
    each = max(_LEAST_NODES, int(samples ** (1.0 / len(places)) + 1e-9))
    z = np.linspace(-_REACH, _REACH, each)
    points = np.array(list(itertools.product(z, repeat=len(places))))
    thickness = np.zeros((len(points), target.thickness_nm.size))
    fraction = np.zeros((len(points), *target.fraction.shape))
    for column, (kind, *at) in zip(points.T, places, strict=True):
        into = thickness if kind == "size" else fraction
        into[(slice(None), *at)] = column
    weight = np.exp(-0.5 * (points**2).sum(axis=1))
    return Errors(jnp.asarray(thickness), jnp.asarray(fraction)), weight / weight.sum()
