"""What the laboratory has and how it excites: shelf, laser, power window, further beams."""

from __future__ import annotations

import math
from typing import Any, Self

from pydantic import model_validator

from padesign.config.quantity import Problem, complaint, refuse, show
from padesign.config.values import Closed, FreeWavelength, Ion, Irradiance, Power, Spot, Wavelength, raise_unless_below


def spot_irradiance_kW_per_cm2(power_mW: float, spot_fwhm_um: float) -> float:
    """Peak irradiance of a Gaussian spot: P 4 ln2 / (pi FWHM^2), from its integral over the plane."""
    watts, width_cm = 1e-3 * power_mW, 1e-4 * spot_fwhm_um
    return 1e-3 * watts * 4.0 * math.log(2.0) / (math.pi * width_cm**2)


class Shelf(Closed):
    """What the laboratory has; a design may use nothing else. An entry that is left out does not limit."""

    ions: tuple[Ion, ...] | None = None
    """Dopants that are there."""
    lasers_nm: tuple[Wavelength, ...] | None = None
    """Wavelengths of the lasers that are there."""
    max_irradiance_kW_per_cm2: Irradiance | None = None
    """Largest irradiance at the sample; or give the laser's power and its spot."""
    max_power_mW: Power | None = None
    """Largest power of the laser at the sample; needs `spot_fwhm_um`."""
    spot_fwhm_um: Spot | None = None
    """Full width at half maximum of the Gaussian spot."""

    @model_validator(mode="after")
    def _complete(self) -> Shelf:
        found = []
        if self.max_irradiance_kW_per_cm2 is not None and self.max_power_mW is not None:
            found.append(Problem(("max_power_mW",), "is a second limit", "keep it or `max_irradiance_kW_per_cm2`"))
        if (self.max_power_mW is None) != (self.spot_fwhm_um is None):
            given, missing = ("max_power_mW", "spot_fwhm_um")[:: 1 if self.spot_fwhm_um is None else -1]
            found.append(Problem((given,), f"stands without `{missing}`", f"add `{missing}`"))
        for key in ("ions", "lasers_nm"):
            if getattr(self, key) == ():
                found.append(Problem((key,), "is empty", "list what is on the shelf, or remove the key for no limit"))
        if found:
            raise complaint(found)
        return self

    @property
    def irradiance_limit_kW_per_cm2(self) -> float:
        """Largest irradiance the laser gives; infinite when the shelf does not say."""
        if self.max_power_mW is not None and self.spot_fwhm_um is not None:
            return spot_irradiance_kW_per_cm2(self.max_power_mW, self.spot_fwhm_um)
        return math.inf if self.max_irradiance_kW_per_cm2 is None else self.max_irradiance_kW_per_cm2


class _WindowEnds(Closed):
    min: float
    max: float

    @model_validator(mode="before")
    @classmethod
    def _not_a_number(cls, data: Any) -> Any:
        if isinstance(data, int | float | str):
            cure = "write {min: ..., max: ...}, the two ends of the power curve"
            raise refuse(f"must be a window, but is {show(data)}", cure)
        return data

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        raise_unless_below(self.min, self.max)
        return self


class Window(_WindowEnds):
    """Lowest and highest irradiance of the power curve."""

    min: Irradiance
    """The lower end."""
    max: Irradiance
    """The upper end; designs avalanche below it or not at all."""


class PowerWindow(_WindowEnds):
    """Lowest and highest laser power of the power curve."""

    min: Power
    """The lower end."""
    max: Power
    """The upper end; designs avalanche below it or not at all."""

    @property
    def ends(self) -> tuple[float, float]:
        return self.min, self.max


class Beam(Closed):
    """A further continuous beam whose irradiance stays the same along the power curve."""

    wavelength_nm: Wavelength
    """Wavelength in vacuum."""
    irradiance_kW_per_cm2: Irradiance
    """Irradiance at the particle."""


class Excitation(Closed):
    """The laser whose power is swept, the window of the power curve, and beams that stay as they are."""

    wavelength_nm: FreeWavelength
    """Wavelength in vacuum of the laser that is swept; a `choice` lets the search pick one."""
    irradiance_kW_per_cm2: Window | None = None
    """Window of the power curve; or give `power_mW` and `spot_fwhm_um`."""
    power_mW: PowerWindow | None = None
    """Window of the laser power; needs `spot_fwhm_um`, and the particle sits at the peak of the spot."""
    spot_fwhm_um: Spot | None = None
    """Full width at half maximum of the Gaussian spot."""
    also: tuple[Beam, ...] = ()
    """Further beams, always on."""

    @model_validator(mode="after")
    def _one_window(self) -> Excitation:
        if self.irradiance_kW_per_cm2 is not None:
            extra = [key for key in ("power_mW", "spot_fwhm_um") if getattr(self, key) is not None]
            if extra:
                cure = "keep `irradiance_kW_per_cm2`, or `power_mW` with `spot_fwhm_um`"
                raise complaint([Problem((key,), "says the window a second time", cure) for key in extra])
        elif self.power_mW is None:
            cure = "add `irradiance_kW_per_cm2: {min: ..., max: ...}`, or `power_mW` likewise and `spot_fwhm_um`"
            raise refuse("has no window for the power curve", cure)
        elif self.spot_fwhm_um is None:
            raise complaint([Problem(("power_mW",), "stands without `spot_fwhm_um`", "add `spot_fwhm_um`")])
        return self

    @property
    def irradiance_window_kW_per_cm2(self) -> tuple[float, float]:
        """Lowest and highest irradiance of the power curve."""
        if self.irradiance_kW_per_cm2 is not None:
            return self.irradiance_kW_per_cm2.min, self.irradiance_kW_per_cm2.max
        if self.power_mW is None or self.spot_fwhm_um is None:
            raise ValueError("an excitation without a window")
        low, high = (spot_irradiance_kW_per_cm2(power, self.spot_fwhm_um) for power in self.power_mW.ends)
        return low, high
