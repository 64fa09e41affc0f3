"""Minimise the width of a particle's image in a scanning microscope."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, missing_band, outside_window, shortfall
from padesign.observables.conventions import half_emission
from padesign.observables.imaging import focus_fwhm_nm
from padesign.observables.solution import Solution
from padesign.types import Scalar


@final
class Resolution(AbstractObjective):
    """Full width at half maximum of the image of one particle, scanned through a Gaussian focus."""

    emission: str = eqx.field(static=True)
    at_irradiance_kW_per_cm2: float = eqx.field(static=True)
    wavelength_nm: float = eqx.field(static=True)
    numerical_aperture: float = eqx.field(static=True, default=1.49)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "resolution"
    unit: ClassVar[str] = "nm"
    maximise: ClassVar[bool] = False
    definition: ClassVar[str] = (
        "full width at half maximum of the image of one particle scanned through a Gaussian focus (width of the Airy "
        "disc of the stated wavelength and numerical aperture) of the stated peak irradiance, from the particle's own "
        "response to light, steady at every position; where the response jumps, the width of the jump"
    )
    blind_to: ClassVar[str] = "rise time against pixel dwell, noise, and the detector"
    without_value: ClassVar[str] = "the emission has no half in the power window"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Resolution:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        photons = solution.log_photons_per_s([solution.band(self.emission)], self._log_peak)[0]
        width, _ = self._width_nm(solution)
        return jnp.log(width) + shortfall(photons, self.min_photons_per_s)

    def judge(self, solution: Solution) -> Verdict:
        width, found = self._width_nm(solution)
        photons = jnp.exp(solution.log_photons_per_s([solution.band(self.emission)], self._log_peak)[0])
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        metrics = {"photons_per_s": photons, "photons_at_kW_per_cm2": jnp.asarray(self.at_irradiance_kW_per_cm2)}
        return Verdict(width, found & jnp.isfinite(width), violations, metrics)

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission) or outside_window(solution, self.at_irradiance_kW_per_cm2)

    @property
    def _log_peak(self) -> Scalar:
        return jnp.asarray(math.log(1e3 * self.at_irradiance_kW_per_cm2))

    def _width_nm(self, solution: Solution) -> tuple[Scalar, Scalar]:
        """In a Gaussian focus the irradiance falls to P_half at the distance w/2 sqrt(log2(P/P_half))."""
        half = half_emission(solution, solution.band(self.emission), self._log_peak)
        doublings = jnp.maximum(self._log_peak - half.log_irradiance, 1e-9) / math.log(2.0)
        focus = focus_fwhm_nm(self.wavelength_nm, self.numerical_aperture)
        jumped = solution.trace.has_fold
        return focus * jnp.sqrt(doublings), half.exists | jumped
