"""How far apart the particles of a batch lie: the band of their power curves around the one that is aimed at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from padesign.design.robust import Errors, Robust, scattered
from padesign.kinetics.particle_network import Geometry

Columns = Mapping[str, Sequence[float]]
"""A power curve as `padesign.design.problem.curve_columns` gives it."""
LOW, HIGH = "batch_low_photons_per_s", "batch_high_photons_per_s"
SHARE = 0.68
"""Of the particles of a batch that lie in the band, as many below as above it: one standard deviation."""


@dataclass(frozen=True)
class Scatter:
    """How a batch scatters: relative standard deviations of every layer's size, and of every share of a dopant.

    `words` say the numbers and where they come from; `particles` are simulated.
    """

    sizes: tuple[float, ...]
    shares: float
    words: str
    particles: int
    seed: int = 1

    @property
    def note(self) -> str:
        """What the band is, for people."""
        return (
            f"The band around the curve holds the middle {100 * SHARE:.0f} % of {self.particles} simulated particles, "
            f"whose sizes and shares scatter by {self.words}."
        )

    def made(self, target: Geometry) -> Iterator[Geometry]:
        """Every particle of the batch."""
        layers, ions = target.fraction.shape
        errors = Robust(0.0, 0.0, 0.0, seed=self.seed).draw(layers, ions, self.particles, 0)
        for thickness, fraction in zip(errors.thickness, errors.fraction, strict=True):
            yield scattered(target, Errors(thickness, fraction), jnp.asarray(self.sizes), self.shares)


def with_band(curve: Columns, batch: Sequence[Columns], particles: int) -> dict[str, Sequence[float]]:
    """The curve with `LOW` and `HIGH` at its own powers, from the curves of a batch on an upward sweep.

    Unchanged where fewer than half of the `particles` have a curve: what is left would be a choice.
    """
    if not curve or 2 * len(batch) < particles:
        return dict(curve)
    at = np.log(curve["irradiance_kW_per_cm2"])
    seen = np.array([np.interp(at, *_upward(one)) for one in batch])
    low, high = np.exp(np.quantile(seen, (0.5 * (1.0 - SHARE), 0.5 * (1.0 + SHARE)), axis=0))
    return {**curve, LOW: low.tolist(), HIGH: high.tolist()}


def _upward(curve: Columns) -> tuple[np.ndarray, np.ndarray]:
    """ln of irradiance and of photons per second at the points that a slow upward sweep visits."""
    power, photons = np.log(curve["irradiance_kW_per_cm2"]), np.log(np.maximum(curve["photons_per_s"], 1e-300))
    further = power > np.concatenate([[-np.inf], np.maximum.accumulate(power)[:-1]])
    kept = further & (np.asarray(curve["stable"]) > 0.5)
    return power[kept], photons[kept]
