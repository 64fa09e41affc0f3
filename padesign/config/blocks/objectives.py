"""The objectives of a run file, one class for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from padesign.config.quantity import Problem, Quantity, complaint, demand_one, refuse
from padesign.config.values import Aperture, Closed, Flag, Irradiance, Milliseconds, PhotonRate, Text, Transition


class Nonlinearity(Closed):
    """Largest exponent S of emission against excitation power."""

    kind: Literal["nonlinearity"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    window_decades: Annotated[float, Quantity("", 0.001, 2.0)] = 0.05
    """Width of the power window over which S is read."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle at `max_irradiance_kW_per_cm2`, or at the end of the power window."""
    max_irradiance_kW_per_cm2: Irradiance | None = None
    """Largest irradiance of the steepest point; by default the end of the window of `excitation`."""


class Threshold(Closed):
    """Lowest avalanche threshold."""

    kind: Literal["threshold"]
    emission: Transition | None = None
    """The band whose S and brightness are limited, by default the first of `emission`; the threshold is one of the
    whole particle."""
    min_nonlinearity: Annotated[float, Quantity("", 1.0, 1000.0)] | None = None
    """Smallest S that the band must reach, 5 by default."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle at the end of the power window."""


class TargetUv(Closed):
    """Chromaticity in the CIE 1976 diagram (u', v')."""

    u: Annotated[float, Quantity("", 0.0, 0.7)]
    """The coordinate u'."""
    v: Annotated[float, Quantity("", 0.0, 0.6)]
    """The coordinate v'."""


class TargetXy(Closed):
    """Chromaticity in the CIE 1931 diagram (x, y)."""

    x: Annotated[float, Quantity("", 0.0, 0.75)]
    """The coordinate x."""
    y: Annotated[float, Quantity("", 0.0, 0.85)]
    """The coordinate y."""


class Colour(Closed):
    """Emission colour nearest to a target at one irradiance."""

    kind: Literal["colour"]
    target: Literal["red", "green", "blue", "white"] | None = None
    """A primary of sRGB, or its white (D65)."""
    target_uv: TargetUv | None = None
    """Target in the CIE 1976 diagram."""
    target_xy: TargetXy | None = None
    """Target in the CIE 1931 diagram."""
    at_irradiance_kW_per_cm2: Irradiance
    """Where the colour is read, coming from below."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest visible photons per second of one particle there."""

    @model_validator(mode="after")
    def _one_target(self) -> Colour:
        cure = "add `target: green`, `target_uv: {u: ..., v: ...}` or `target_xy`"
        demand_one(self, ("target", "target_uv", "target_xy"), "target", "has no target colour", cure)
        return self


class Gain(Closed):
    """Largest avalanche gain I(2P)/I(P)."""

    kind: Literal["gain"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle at the end of the power window."""


class Brightness(Closed):
    """Most photons per second at one irradiance."""

    kind: Literal["brightness"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    at_irradiance_kW_per_cm2: Irradiance
    """Where the photons are counted, coming from below."""


class Resolution(Closed):
    """Narrowest image of a particle scanned through a focus of the excitation."""

    kind: Literal["resolution"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    at_irradiance_kW_per_cm2: Irradiance
    """Peak irradiance of the focus."""
    numerical_aperture: Aperture = 1.49
    """Of the objective lens that focuses the excitation; with its wavelength it gives the width of the focus."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle at the peak of the focus."""


class ColourChange(Closed):
    """Largest difference of colour between two irradiances."""

    kind: Literal["colour_change"]
    from_irradiance_kW_per_cm2: Irradiance
    """The lower irradiance."""
    to_irradiance_kW_per_cm2: Irradiance
    """The higher irradiance."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest visible photons per second of one particle at the dimmer of the two."""


class RiseTime(Closed):
    """Shortest time from switching on to a share of the steady emission, or the one nearest to a target."""

    kind: Literal["rise_time"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    at_irradiance_kW_per_cm2: Irradiance | None = None
    """The irradiance that is switched on; or give `times_threshold`."""
    times_threshold: Annotated[float, Quantity("", 0.01, 100.0)] | None = None
    """The irradiance as a multiple of the linear-stability threshold of each design; or give the irradiance itself."""
    percent: Literal[10, 50, 90] = 90
    """Share of the steady emission."""
    target_ms: Milliseconds | None = None
    """The time wanted; by default the shortest."""
    longest_ms: Milliseconds = 1000.0
    """How long a rise is followed; one that takes longer has no value."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle once the emission is steady."""

    @model_validator(mode="after")
    def _one_irradiance(self) -> RiseTime:
        cure = "add `at_irradiance_kW_per_cm2: ...` or `times_threshold: ...`"
        names = ("at_irradiance_kW_per_cm2", "times_threshold")
        demand_one(self, names, "irradiance", "has no irradiance", cure)
        return self


class Hysteresis(Closed):
    """Largest ratio of the irradiances at which a bistable particle jumps up and falls back."""

    kind: Literal["hysteresis"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle at the end of the power window."""


class ThermalSensitivity(Closed):
    """Largest relative change of a band, or of the ratio of two, per kelvin."""

    kind: Literal["thermal_sensitivity"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    at_irradiance_kW_per_cm2: Irradiance
    """Where the band is read, coming from below."""
    ratio_to: Transition | None = None
    """Second band: the ratio of the first to it counts."""
    min_photons_per_s: PhotonRate | None = None
    """Fewest photons per second of one particle in the dimmer band."""


class Lifetime(Closed):
    """Lifetime of a band in the dark nearest to a target."""

    kind: Literal["lifetime"]
    emission: Transition
    """The band that is read, such as "Tm:3H4 -> Tm:3H6"."""
    target_ms: Milliseconds
    """The lifetime wanted."""


class Custom(Closed):
    """An objective of a user's own package, found by name among the installed objectives."""

    kind: Literal["custom"]
    name: Text
    """Name of the entry point in the group `padesign.objectives`."""
    options: dict[Text, JsonValue] = Field(default_factory=dict)
    """What the objective is made from; it says itself what it takes."""


SingleObjective = Annotated[
    Nonlinearity
    | Threshold
    | Colour
    | Gain
    | Brightness
    | Resolution
    | ColourChange
    | RiseTime
    | Hysteresis
    | ThermalSensitivity
    | Lifetime
    | Custom,
    Field(discriminator="kind"),
]


class Part(Closed):
    """One aim among several: `weight` makes it count, `at_least` and `at_most` limit its value in its own unit."""

    objective: SingleObjective
    """One objective with its own fields."""
    weight: Annotated[float, Quantity("", 0.0, 1e6)] = 0.0
    """What the logarithm of its value counts in the sum; 0 for a part that only limits."""
    at_least: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None
    """Smallest value, in the part's unit."""
    at_most: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None
    """Largest value, in the part's unit."""

    @model_validator(mode="after")
    def _does_something(self) -> Part:
        if self.weight == 0.0 and self.at_least is None and self.at_most is None:
            raise refuse("does nothing", "give it `weight`, `at_least` or `at_most`")
        return self


class Composite(Closed):
    """Several aims at once: weighted logarithms of some values, limits on others."""

    kind: Literal["composite"]
    parts: tuple[Part, ...]
    """The aims and limits."""
    front: Flag = False
    """Every trial follows weights of its own, drawn around those of the parts, so that trials spread over the front."""

    @model_validator(mode="after")
    def _has_an_aim(self) -> Composite:
        if not any(part.weight > 0.0 for part in self.parts):
            raise complaint([Problem(("parts",), "has no part with a weight", "give one part `weight: 1`")])
        return self


Objective = Annotated[
    Nonlinearity
    | Threshold
    | Colour
    | Gain
    | Brightness
    | Resolution
    | ColourChange
    | RiseTime
    | Hysteresis
    | ThermalSensitivity
    | Lifetime
    | Composite
    | Custom,
    Field(discriminator="kind"),
]
