"""Maximise the nonlinearity S of one emission band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, log_slope, missing_band, shortfall
from padesign.observables.solution import Solution
from padesign.observables.unsolved import Unsolved
from padesign.types import Scalar

_ROOM, _SOFTNESS, _PER_ROOM = 0.01, 0.005, 5.0
"""Room (in ln I) that the loss keeps between the steepest window and the top, and what a lack of it costs."""
_PER_MISS = 3.0
"""What a threshold above the cap costs in the guess, per unit of ln I."""


@final
class Nonlinearity(AbstractObjective):
    """Largest mean slope d ln I_em / d ln I over a window of power, on an upward sweep."""

    emission: str = eqx.field(static=True)
    window_decades: float = eqx.field(static=True, default=0.05)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)
    max_irradiance_kW_per_cm2: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "nonlinearity"
    unit: ClassVar[str] = "1"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "S_window: largest mean slope of log emission against log irradiance over {window_decades} decade on an upward "
        "sweep inside the power window and below the irradiance cap; brightness is the band's photons per second at "
        "the cap (or at the window's upper end)"
    )
    blind_to: ClassVar[str] = "threshold, rise time, and whether the jump of a bistable design is reproducible"
    without_value: ClassVar[str] = "no finite slope in the power window"
    guesses: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Nonlinearity:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        band = solution.band(self.emission)
        window = solution.steepest_window(band, self.window_decades, self._log_cap())
        threshold = solution.threshold(band)
        brightness = solution.log_photons_per_s([band], self._log_top(solution))[0]
        # Beyond the top an avalanche is out of sight, so the loss keeps away from it. The window ends at the jump, or
        # lies about the threshold, which has a derivative where the place of the window has none.
        about = threshold.log_irradiance + 0.5 * self.window_decades * jnp.log(10.0)
        high = jnp.where(window.at_jump, window.log_irradiance_high, about)
        lack = (_ROOM + high - self._log_top(solution)) / _SOFTNESS
        edge = jnp.where(threshold.exists, _PER_ROOM * _SOFTNESS * jnp.logaddexp(lack, 0.0), 0.0)
        return -log_slope(window.value) - threshold.margin + edge + shortfall(brightness, self.min_photons_per_s)

    def guess(self, system: Unsolved) -> Scalar:
        log_onset, log_s = system.onset(self.emission)
        cap = self._log_cap()
        top = system.log_irradiance_max if cap is None else jnp.minimum(cap, system.log_irradiance_max)
        return _PER_MISS * jnp.maximum(log_onset - top, 0.0) - log_s

    def judge(self, solution: Solution) -> Verdict:
        band = solution.band(self.emission)
        window = solution.steepest_window(band, self.window_decades, self._log_cap())
        exact = solution.steepest(band, self._log_cap())
        threshold = solution.threshold(band)
        photons = jnp.exp(solution.log_photons_per_s([band], self._log_top(solution))[0])
        bistable = solution.trace.has_fold
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            window.value,
            window.converged & jnp.isfinite(window.value),
            violations,
            {
                "S_window": window.value,
                "S_window_from_kW_per_cm2": jnp.exp(window.log_irradiance_low) / 1e3,
                "S_exact": jnp.where(bistable, jnp.nan, exact.value),
                "S_at_kW_per_cm2": jnp.exp(exact.log_irradiance) / 1e3,
                "threshold_kW_per_cm2": jnp.where(threshold.exists, jnp.exp(threshold.log_irradiance) / 1e3, jnp.nan),
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.exp(self._log_top(solution)) / 1e3,
                "bistable": bistable.astype(float),
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission)

    def _log_cap(self) -> Scalar | None:
        cap = self.max_irradiance_kW_per_cm2
        return None if cap is None else jnp.log(cap * 1e3)

    def _log_top(self, solution: Solution) -> Scalar:
        cap = self._log_cap()
        return solution.log_irradiance_max if cap is None else jnp.minimum(cap, solution.log_irradiance_max)
