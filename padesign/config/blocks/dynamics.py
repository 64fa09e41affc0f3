"""How beams go with time, for `padesign dynamics`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from padesign.config.quantity import Problem, Quantity, complaint
from padesign.config.values import Closed, Irradiance, Milliseconds


class SwitchOn(Closed):
    """The beam is switched on at time 0; rise times against irradiance."""

    kind: Literal["switch_on"]
    irradiances_kW_per_cm2: tuple[Irradiance, ...] | None = None
    """By default `points` even in the logarithm over the excitation's window."""
    points: Annotated[int, Quantity(low=1, high=500, whole=True)] = 21
    """How many irradiances, where none are listed."""


class PulseTrain(Closed):
    """Rectangular pulses; brightness and colour of the last one against the width."""

    kind: Literal["pulses"]
    irradiance_kW_per_cm2: Irradiance
    """During a pulse."""
    width_ms: tuple[Milliseconds, ...]
    """Widths of the pulses; every one is a train of its own."""
    period_ms: Milliseconds
    """From the start of a pulse to that of the next."""
    count: Annotated[int, Quantity(low=1, high=200, whole=True)] = 8
    """Pulses of a train; the last one is read."""

    @model_validator(mode="after")
    def _fits(self) -> PulseTrain:
        if not self.width_ms:
            raise complaint([Problem(("width_ms",), "is empty", "list at least one width")])
        if max(self.width_ms) > self.period_ms:
            what = f"is {self.period_ms:g}, shorter than the longest pulse of {max(self.width_ms):g} ms"
            raise complaint([Problem(("period_ms",), what, "make the period at least as long as the pulses")])
        return self


class RampScan(Closed):
    """Slowly up through the excitation's window and down again; hysteresis against the time of the scan."""

    kind: Literal["ramp"]
    scan_s: tuple[Annotated[float, Quantity("s", 1e-6, 1e6)], ...]
    """Time of the way up; the way down takes as long."""


class Decay(Closed):
    """The beam goes off after a steady state; lifetimes of every band."""

    kind: Literal["decay"]
    irradiances_kW_per_cm2: tuple[Irradiance, ...]
    """Of the steady states from which the light decays."""


class PairedPulses(Closed):
    """Two equal pulses; how much more the second one emits, against the pause between them."""

    kind: Literal["paired_pulses"]
    irradiance_kW_per_cm2: Irradiance
    """During both pulses."""
    width_ms: Milliseconds
    """Of each of the two."""
    pause_ms: tuple[Milliseconds, ...]
    """Pauses between the two; every one is a pair of its own."""


Frequency = Annotated[float, Quantity("Hz", 1e-6, 1e9)]
Depth = Annotated[float, Quantity("", 0.001, 1.0)]


class Modulated(Closed):
    """A beam whose power goes up and down as a sine; mean, depth and lag of the emission against the frequency."""

    kind: Literal["modulated"]
    irradiance_kW_per_cm2: Irradiance
    """The peak."""
    depth: Depth = 1.0
    """The irradiance goes between 1 - `depth` and 1 of the peak."""
    frequency_Hz: tuple[Frequency, ...]
    """Frequencies of the sine."""
    periods: Annotated[int, Quantity(low=3, high=5000, whole=True)] = 50
    """Periods before the emission is read, from the steady state at the mean irradiance on."""


class SteadyCourse(Closed):
    """On since long before, and on."""

    kind: Literal["steady"]


class SwitchedCourse(Closed):
    """On from one time to another, by default to the end."""

    kind: Literal["switched"]
    on_ms: Annotated[float, Quantity("ms", 0.0, 1e6)] = 0.0
    """When the beam goes on."""
    off_ms: Milliseconds | None = None
    """When it goes off; by default never."""

    @model_validator(mode="after")
    def _ordered(self) -> SwitchedCourse:
        if self.off_ms is not None and self.off_ms <= self.on_ms:
            cure = "switch it off later than on, or leave the beam out"
            raise complaint([Problem(("off_ms",), f"is {self.off_ms:g}, not after `on_ms`", cure)])
        return self


class PulsedCourse(Closed):
    """Rectangular pulses, the first at time 0."""

    kind: Literal["pulses"]
    width_ms: Milliseconds
    """Of every pulse."""
    period_ms: Milliseconds
    """From the start of a pulse to that of the next."""
    count: Annotated[int, Quantity(low=1, high=1000, whole=True)]
    """How many pulses there are."""

    @model_validator(mode="after")
    def _fits(self) -> PulsedCourse:
        if self.width_ms > self.period_ms:
            what = f"is {self.period_ms:g}, shorter than the pulse of {self.width_ms:g} ms"
            raise complaint([Problem(("period_ms",), what, "make the period at least as long as the pulse")])
        return self


class SineCourse(Closed):
    """A sine between 1 - `depth` and 1 of the beam's irradiance, from time 0 on."""

    kind: Literal["sine"]
    frequency_Hz: Frequency
    """Frequency of the sine."""
    depth: Depth = 1.0
    """The irradiance goes between 1 - `depth` and 1 of the beam's."""


Course = Annotated[SteadyCourse | SwitchedCourse | PulsedCourse | SineCourse, Field(discriminator="kind")]


class BeamsInTime(Closed):
    """Several beams, each with a course in time of its own; emission of every band against time."""

    kind: Literal["beams"]
    irradiance_kW_per_cm2: Irradiance
    """Peak of the swept laser; those of the other beams stand in `excitation.also`."""
    duration_ms: Milliseconds
    """How long the light is followed."""
    swept: Course = SwitchedCourse(kind="switched")
    """Course of the swept laser."""
    also: tuple[Course, ...] = ()
    """Course of every beam of `excitation.also`, in its order; those that are not listed are steady."""


Dynamics = Annotated[
    SwitchOn | PulseTrain | RampScan | Decay | PairedPulses | Modulated | BeamsInTime, Field(discriminator="kind")
]
