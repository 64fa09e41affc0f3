"""Bring the lifetime of an emission band to a target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, distance_from, missing_band
from padesign.observables.lifetime import dark_lifetime_s
from padesign.observables.solution import Solution
from padesign.types import Scalar


@final
class Lifetime(AbstractObjective):
    """Distance of a band's mean lifetime after a weak, short excitation of its upper level from a target."""

    emission: str = eqx.field(static=True)
    target_ms: float = eqx.field(static=True)

    name: ClassVar[str] = "lifetime"
    unit: ClassVar[str] = "ms"
    maximise: ClassVar[bool] = False
    definition: ClassVar[str] = (
        "distance of the band's mean lifetime from `target_ms`; the lifetime is the photons of the band after a weak, "
        "short excitation of its upper level in all ions of its kind, over its photons per second right after it, "
        "swept beam off, all other ions at rest"
    )
    blind_to: ClassVar[str] = "avalanche, brightness, the shape of the decay, and its change with the excitation"
    without_value: ClassVar[str] = "the band has no finite lifetime in the dark"
    isothermal: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Lifetime:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        return distance_from(jnp.log(self._lifetime_ms(solution)), math.log(self.target_ms))

    def judge(self, solution: Solution) -> Verdict:
        lifetime = self._lifetime_ms(solution)
        valid = jnp.isfinite(lifetime) & (lifetime > 0.0)
        return Verdict(jnp.abs(lifetime - self.target_ms), valid, {}, {"lifetime_ms": lifetime})

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission)

    def _lifetime_ms(self, solution: Solution) -> Scalar:
        return 1e3 * dark_lifetime_s(solution.light, solution.band(self.emission))
