"""Minimise the time that the emission takes to rise, or bring it to a target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from padesign.design.objective import (
    AbstractObjective,
    Verdict,
    distance_from,
    missing_band,
    outside_window,
    shortfall,
)
from padesign.errors import InputError
from padesign.observables.solution import Solution
from padesign.observables.traces import FRACTIONS, rise
from padesign.types import Scalar


class _Seen(NamedTuple):
    """The rise as far as it was followed; `behind` is ln of what the emission lacks at the end of it."""

    log_time_s: Scalar
    behind: Scalar
    log_irradiance: Scalar
    log_photons: Scalar
    margin: Scalar
    valid: Bool[Array, ""]


@final
class RiseTime(AbstractObjective):
    """Time from switching on until the band reaches a share of its steady emission.

    Exactly one of `at_irradiance_kW_per_cm2` and `times_threshold` (multiple of the linear-stability threshold) is
    given. The rise is followed for `longest_ms`.
    """

    emission: str = eqx.field(static=True)
    at_irradiance_kW_per_cm2: float | None = eqx.field(static=True, default=None)
    times_threshold: float | None = eqx.field(static=True, default=None)
    percent: int = eqx.field(static=True, default=90)
    target_ms: float | None = eqx.field(static=True, default=None)
    longest_ms: float = eqx.field(static=True, default=1000.0)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "rise_time"
    unit: ClassVar[str] = "ms"
    maximise: ClassVar[bool] = False
    definition: ClassVar[str] = (
        "time from switching on, from rest in the dark, until the band reaches {percent} % of its steady emission at "
        "the stated irradiance or multiple of the linear-stability threshold; with `target_ms` the distance from it"
    )
    blind_to: ClassVar[str] = "nonlinearity, and the rise at other irradiances"
    without_value: ClassVar[str] = (
        "the emission is not steady after `longest_ms`, or the irradiance lies outside the power window"
    )
    isothermal: ClassVar[bool] = True

    def __check_init__(self) -> None:
        if (self.at_irradiance_kW_per_cm2 is None) == (self.times_threshold is None):
            cure = "give one of `at_irradiance_kW_per_cm2` and `times_threshold`"
            raise InputError("a rise time needs one irradiance", cure=cure, path=("objective",))
        if self.percent / 100.0 not in FRACTIONS:
            known = ", ".join(f"{100.0 * share:g}" for share in FRACTIONS)
            raise InputError(f"`percent` is {self.percent}", cure=f"known: {known}", path=("objective", "percent"))

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> RiseTime:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        """ln of the time; of the longest one and of what is still missing then, where that is too short."""
        seen = self._seen(solution)
        log_ms = seen.log_time_s + math.log(1e3) + seen.behind
        wanted = log_ms if self.target_ms is None else distance_from(log_ms, math.log(self.target_ms))
        avalanche = jnp.asarray(0.0) if self.times_threshold is None else -seen.margin
        return wanted + avalanche + shortfall(seen.log_photons, self.min_photons_per_s)

    def judge(self, solution: Solution) -> Verdict:
        seen = self._seen(solution)
        time_ms, photons = 1e3 * jnp.exp(seen.log_time_s), jnp.exp(seen.log_photons)
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            time_ms if self.target_ms is None else jnp.abs(time_ms - self.target_ms),
            seen.valid,
            violations,
            {
                f"t{self.percent}_ms": time_ms,
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.exp(seen.log_irradiance) / 1e3,
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        missing = missing_band(solution, self.emission)
        if missing or self.at_irradiance_kW_per_cm2 is None:
            return missing
        return outside_window(solution, self.at_irradiance_kW_per_cm2)

    def _seen(self, solution: Solution) -> _Seen:
        band, light = solution.band(self.emission), solution.light
        low, high = solution.log_irradiance_min, solution.log_irradiance_max
        inside, margin = jnp.asarray(True), jnp.asarray(0.0)
        if self.times_threshold is None:
            log_irradiance = jnp.asarray(math.log(1e3 * (self.at_irradiance_kW_per_cm2 or math.nan)))
        else:
            threshold = solution.threshold(band)
            wanted = threshold.log_irradiance + math.log(self.times_threshold)
            inside, margin = threshold.exists & (wanted >= low) & (wanted <= high), threshold.margin
            log_irradiance = jnp.clip(wanted, low, high)
        log_steady = solution.log_photons_per_s([band], log_irradiance)
        weights, irradiance = light.weights(band)[None], jnp.exp(log_irradiance)
        found = rise(light, weights, irradiance, jnp.exp(log_steady), 1e-3 * self.longest_ms)
        share = self.percent / 100.0
        reached = found.trace.photons_per_s[-1, 0]
        behind = jnp.maximum(math.log(share) + log_steady[0] - jnp.log(reached), 0.0)
        time = found.time_s[FRACTIONS.index(share), 0]
        valid = inside & found.trace.converged & found.finished[0] & (time > 0.0)
        return _Seen(jnp.log(time), behind, log_irradiance, log_steady[0], margin, valid)
