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
LOW_S, HIGH_S = "batch_low_S", "batch_high_S"
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

    def note(self, curve: Columns) -> str:
        """What the band around a curve is, for people; nothing for a curve without one."""
        if LOW not in curve:
            return ""
        widest = int(np.argmax(np.log(curve[HIGH]) - np.log(curve[LOW])))
        low, high, at = (curve[key][widest] for key in (LOW, HIGH, "irradiance_kW_per_cm2"))
        return (
            f"The band around the curve holds the middle {100 * SHARE:.0f} % of {self.particles} simulated particles, "
            f"whose sizes and shares scatter by {self.words}. It is widest at {at:.3g} kW/cm^2: {low:.3g} to "
            f"{high:.3g} photons/s."
        )

    def made(self, target: Geometry) -> Iterator[Geometry]:
        """Every particle of the batch."""
        layers, ions = target.fraction.shape
        errors = Robust(0.0, 0.0, 0.0, seed=self.seed).draw(layers, ions, self.particles, 0)
        for thickness, fraction in zip(errors.thickness, errors.fraction, strict=True):
            yield scattered(target, Errors(thickness, fraction), jnp.asarray(self.sizes), self.shares)


def with_band(curve: Columns, batch: Sequence[Columns], particles: int) -> dict[str, Sequence[float]]:
    """The curve with `LOW`, `HIGH`, `LOW_S` and `HIGH_S` at its own powers, from a batch's curves on an upward sweep.

    Unchanged where fewer than half of the `particles` have a curve: what is left would be a choice.
    """
    if not curve or 2 * len(batch) < particles:
        return dict(curve)
    at = np.log(curve["irradiance_kW_per_cm2"])
    seen = np.array([_on_sweep(one, at) for one in batch])
    low, high = np.quantile(seen, (0.5 * (1.0 - SHARE), 0.5 * (1.0 + SHARE)), axis=0)
    photons = {LOW: np.exp(low[0]).tolist(), HIGH: np.exp(high[0]).tolist()}
    return {**curve, **photons, LOW_S: low[1].tolist(), HIGH_S: high[1].tolist()}


def _on_sweep(curve: Columns, log_power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln of photons per second, and S, at some powers of a slow upward sweep."""
    power, photons = np.log(curve["irradiance_kW_per_cm2"]), np.log(np.maximum(curve["photons_per_s"], 1e-300))
    further = power > np.concatenate([[-np.inf], np.maximum.accumulate(power)[:-1]])
    kept = further & (np.asarray(curve["stable"]) > 0.5)
    of_photons, of_slope = (np.interp(log_power, power[kept], y[kept]) for y in (photons, np.asarray(curve["S"])))
    return of_photons, of_slope
