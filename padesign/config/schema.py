"""The run file as a closed schema: everything a run depends on, as data. Every field's unit stands in its name."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from padesign.config.check import cross_problems, layer_problems, particle_problems
from padesign.config.quantity import Problem, Quantity, complaint, refuse, show
from padesign.config.values import (
    Closed,
    Diameter,
    FileSafe,
    Flag,
    Fraction,
    FreeDiameter,
    FreeHost,
    FreeMolPercent,
    FreeThickness,
    FreeWavelength,
    Host,
    Ion,
    Irradiance,
    Ligand,
    MolPercent,
    PhotonRate,
    Power,
    Spot,
    Temperature,
    Text,
    Thickness,
    Transition,
    Wavelength,
    raise_unless_below,
)


def spot_irradiance_kW_per_cm2(power_mW: float, spot_fwhm_um: float) -> float:
    """Peak irradiance of a Gaussian spot: P 4 ln2 / (pi FWHM^2), from its integral over the plane."""
    watts, width_cm = 1e-3 * power_mW, 1e-4 * spot_fwhm_um
    return 1e-3 * watts * 4.0 * math.log(2.0) / (math.pi * width_cm**2)


Aperture = Annotated[float, Quantity("", 0.05, 2.0)]
Milliseconds = Annotated[float, Quantity("ms", 1e-6, 1e6)]


class Shelf(Closed):
    """What the laboratory has; a design may use nothing else. An entry that is left out does not limit."""

    ions: tuple[Ion, ...] | None = None
    lasers_nm: tuple[Wavelength, ...] | None = None
    max_irradiance_kW_per_cm2: Irradiance | None = None
    """Largest irradiance at the sample; or give the laser's power and its spot."""
    max_power_mW: Power | None = None
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
    @model_validator(mode="before")
    @classmethod
    def _not_a_number(cls, data: Any) -> Any:
        if isinstance(data, int | float | str):
            cure = "write {min: ..., max: ...}, the two ends of the power curve"
            raise refuse(f"must be a window, but is {show(data)}", cure)
        return data


class Window(_WindowEnds):
    """Lowest and highest irradiance of the power curve."""

    min: Irradiance
    max: Irradiance

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        raise_unless_below(self.min, self.max)
        return self


class PowerWindow(_WindowEnds):
    """Lowest and highest laser power of the power curve."""

    min: Power
    max: Power

    @property
    def ends(self) -> tuple[float, float]:
        return self.min, self.max

    @model_validator(mode="after")
    def _ordered(self) -> PowerWindow:
        raise_unless_below(self.min, self.max)
        return self


class Beam(Closed):
    """A further continuous beam whose irradiance stays the same along the power curve."""

    wavelength_nm: Wavelength
    irradiance_kW_per_cm2: Irradiance


class Excitation(Closed):
    """The laser whose power is swept, the window of the power curve, and beams that stay as they are."""

    wavelength_nm: FreeWavelength
    irradiance_kW_per_cm2: Window | None = None
    """Window of the power curve; or give `power_mW` and `spot_fwhm_um`."""
    power_mW: PowerWindow | None = None
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


class Layer(Closed):
    """One concentric layer: the first is the core and has a diameter, every other one a thickness."""

    name: FileSafe
    host: FreeHost
    diameter_nm: FreeDiameter | None = None
    thickness_nm: FreeThickness | None = None
    optional: Flag = False
    """The outer search may leave the layer out."""
    dopants_mol_percent: dict[Ion, FreeMolPercent] = Field(default_factory=dict)
    """Share of each ion among the host's dopable cation sites; the host's own cation is the rest."""

    @model_validator(mode="after")
    def _sound(self) -> Layer:
        if found := layer_problems(self.dopants_mol_percent, self.host):
            raise complaint(found)
        return self


class FixedLayer(Closed):
    """A layer without free values."""

    name: FileSafe
    host: Host
    diameter_nm: Diameter | None = None
    thickness_nm: Thickness | None = None
    dopants_mol_percent: dict[Ion, MolPercent] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> FixedLayer:
        if found := layer_problems(self.dopants_mol_percent, self.host):
            raise complaint(found)
        return self


class Acceptors(Closed):
    """Acceptors at the surface that can be filled: each takes one excitation at a time."""

    per_nm2: Annotated[float, Quantity("1/nm^2", 1e-6, 100.0)]
    recovery_s: Annotated[float, Quantity("s", 1e-12, 1e3)]
    """Time after which a filled acceptor takes the next excitation."""


class Surroundings(Closed):
    """What lies outside the particle."""

    refractive_index: Annotated[float, Quantity("", 1.0, 3.0)] | None = None
    """Index of the medium: light and emission then feel the local field of a sphere much smaller than the wavelength.
    Without it the rates are those of the bulk host."""
    ligand: Ligand | None = None
    """Ligand or solvent at the surface, whose vibrations take up energy; without it the parameter set's losses hold."""
    saturable_acceptors: Acceptors | None = None
    thermal_resistance_K_per_W: Annotated[float, Quantity("K/W", 0.0, 1e15)] | None = None
    """How much a watt of heat warms the particle above `temperature_K`; light then warms it, and its rates with it.
    A sphere of radius r in a medium of conductivity k has 1/(4 pi k r): 3e6 K/W for 100 nm across in water."""


class ParticleSpec(Closed):
    """Concentric layers from the core outward, with what may vary."""

    layers: tuple[Layer, ...]
    max_diameter_nm: Annotated[float, Quantity("nm", 1.0, 1000.0)] | None = None
    interface_mixing_nm: Annotated[float, Quantity("nm", 0.0, 5.0)] = 0.5
    """Width over which neighbouring layers mix."""
    surface_loss: Flag = True
    max_level_cm1: Annotated[float, Quantity("cm^-1", 1000.0, 100000.0)] = 30000.0
    """Levels above this energy are left out."""
    levels: dict[Ion, tuple[Text, ...]] = Field(default_factory=dict)
    """The only levels that an ion shall have beside the ground level; by default all up to `max_level_cm1`."""
    surroundings: Surroundings = Surroundings()
    add_processes: tuple[Text, ...] = ()
    """Processes written by hand, in the manner of `network.processes`, that act beside the computed ones."""
    replace_processes: tuple[Text, ...] = ()
    """The same, in the place of the computed rate between the same levels."""

    @model_validator(mode="after")
    def _sound(self) -> ParticleSpec:
        if found := particle_problems(self.layers, self.max_diameter_nm):
            raise complaint(found)
        return self


class Network(Closed):
    """Levels and processes written by hand: a published few-level model runs as it stands."""

    levels: dict[Text, tuple[Text, ...]]
    """Level ids of each ion, from low to high."""
    energies_cm1: dict[Text, Annotated[float, Quantity("cm^-1", 0.0, 200000.0)]] = Field(default_factory=dict)
    """Energy of "Ion:level"."""
    degeneracies: dict[Text, Annotated[int, Quantity(low=1, high=1000, whole=True)]] = Field(default_factory=dict)
    """Degeneracy of "Ion:level"."""
    processes: tuple[Text, ...]
    """Lines such as "Tm:3H6 -> Tm:3F4 @ 6.0e-25 cm^2" (absorption at the excitation wavelength),
    "Tm:3F4 -> Tm:3H6 @ 162.6 1/s radiative", "Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4 @ 10240 1/s"."""
    emission: tuple[Transition, ...] | None = None


class Nonlinearity(Closed):
    """Largest exponent S of emission against excitation power."""

    kind: Literal["nonlinearity"]
    emission: Transition
    window_decades: Annotated[float, Quantity("", 0.001, 2.0)] = 0.05
    """Width of the power window over which S is read."""
    min_photons_per_s: PhotonRate | None = None
    max_irradiance_kW_per_cm2: Irradiance | None = None


class Threshold(Closed):
    """Lowest avalanche threshold."""

    kind: Literal["threshold"]
    emission: Transition | None = None
    min_nonlinearity: Annotated[float, Quantity("", 1.0, 1000.0)] | None = None
    min_photons_per_s: PhotonRate | None = None


class TargetUv(Closed):
    """Chromaticity in the CIE 1976 diagram (u', v')."""

    u: Annotated[float, Quantity("", 0.0, 0.7)]
    v: Annotated[float, Quantity("", 0.0, 0.6)]


class TargetXy(Closed):
    """Chromaticity in the CIE 1931 diagram (x, y)."""

    x: Annotated[float, Quantity("", 0.0, 0.75)]
    y: Annotated[float, Quantity("", 0.0, 0.85)]


class Colour(Closed):
    """Emission colour nearest to a target at one irradiance."""

    kind: Literal["colour"]
    target: Literal["red", "green", "blue", "white"] | None = None
    target_uv: TargetUv | None = None
    target_xy: TargetXy | None = None
    at_irradiance_kW_per_cm2: Irradiance
    min_photons_per_s: PhotonRate | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Colour:
        given = [key for key in ("target", "target_uv", "target_xy") if getattr(self, key) is not None]
        if not given:
            raise refuse("has no target colour", "add `target: green`, `target_uv: {u: ..., v: ...}` or `target_xy`")
        if len(given) > 1:
            raise complaint([Problem((given[1],), f"is a second target beside `{given[0]}`", "keep one of them")])
        return self


class Gain(Closed):
    """Largest avalanche gain I(2P)/I(P)."""

    kind: Literal["gain"]
    emission: Transition
    min_photons_per_s: PhotonRate | None = None


class Brightness(Closed):
    """Most photons per second at one irradiance."""

    kind: Literal["brightness"]
    emission: Transition
    at_irradiance_kW_per_cm2: Irradiance


class Resolution(Closed):
    """Narrowest image of a particle scanned through a focus of the excitation."""

    kind: Literal["resolution"]
    emission: Transition
    at_irradiance_kW_per_cm2: Irradiance
    """Peak irradiance of the focus."""
    numerical_aperture: Aperture = 1.49
    min_photons_per_s: PhotonRate | None = None


class ColourChange(Closed):
    """Largest difference of colour between two irradiances."""

    kind: Literal["colour_change"]
    from_irradiance_kW_per_cm2: Irradiance
    to_irradiance_kW_per_cm2: Irradiance
    min_photons_per_s: PhotonRate | None = None


class RiseTime(Closed):
    """Shortest time from switching on to a share of the steady emission, or the one nearest to a target."""

    kind: Literal["rise_time"]
    emission: Transition
    at_irradiance_kW_per_cm2: Irradiance | None = None
    times_threshold: Annotated[float, Quantity("", 0.01, 100.0)] | None = None
    """The irradiance as a multiple of the linear-stability threshold of each design; or give the irradiance itself."""
    percent: Literal[10, 50, 90] = 90
    """Share of the steady emission."""
    target_ms: Milliseconds | None = None
    longest_ms: Milliseconds = 1000.0
    """How long a rise is followed; one that takes longer has no value."""
    min_photons_per_s: PhotonRate | None = None

    @model_validator(mode="after")
    def _one_irradiance(self) -> RiseTime:
        if self.at_irradiance_kW_per_cm2 is None and self.times_threshold is None:
            raise refuse("has no irradiance", "add `at_irradiance_kW_per_cm2: ...` or `times_threshold: ...`")
        if self.at_irradiance_kW_per_cm2 is not None and self.times_threshold is not None:
            raise complaint([Problem(("times_threshold",), "is a second irradiance", "keep one of them")])
        return self


class Hysteresis(Closed):
    """Largest ratio of the irradiances at which a bistable particle jumps up and falls back."""

    kind: Literal["hysteresis"]
    emission: Transition
    min_photons_per_s: PhotonRate | None = None


class ThermalSensitivity(Closed):
    """Largest relative change of a band, or of the ratio of two, per kelvin."""

    kind: Literal["thermal_sensitivity"]
    emission: Transition
    at_irradiance_kW_per_cm2: Irradiance
    ratio_to: Transition | None = None
    """Second band: the ratio of the first to it counts."""
    min_photons_per_s: PhotonRate | None = None


class Lifetime(Closed):
    """Lifetime of a band in the dark nearest to a target."""

    kind: Literal["lifetime"]
    emission: Transition
    target_ms: Milliseconds


class Custom(Closed):
    """An objective of a user's own package, found by name among the installed objectives."""

    kind: Literal["custom"]
    name: Text
    options: dict[Text, JsonValue] = Field(default_factory=dict)


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
    weight: Annotated[float, Quantity("", 0.0, 1e6)] = 0.0
    at_least: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None
    at_most: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Part:
        if self.weight == 0.0 and self.at_least is None and self.at_most is None:
            raise refuse("does nothing", "give it `weight`, `at_least` or `at_most`")
        return self


class Composite(Closed):
    """Several aims at once: weighted logarithms of some values, limits on others."""

    kind: Literal["composite"]
    parts: tuple[Part, ...]
    front: Flag = False
    """Every trial follows weights of its own, drawn around those of the parts, so that trials spread over the front."""

    @model_validator(mode="after")
    def _has_an_aim(self) -> Composite:
        if not any(part.weight > 0.0 for part in self.parts):
            raise complaint([Problem(("parts",), "has no part with a weight", "give one part `weight: 1`")])
        return self


class SizeSpread(Closed):
    """How particles of one batch differ, in relative standard deviations; one or two that scatter are integrated over,
    more are sampled."""

    core_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    shell_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    dopant_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    sizes: Literal["normal", "lognormal"] = "normal"
    """Distribution of radius and thicknesses; shares of dopants are normal."""
    samples: Annotated[int, Quantity(low=2, high=2000, whole=True)] = 32
    """Particles that are solved, or about so many."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1


class Characterise(Closed):
    """What `padesign characterise` shall assume of microscope and batch."""

    numerical_aperture: Aperture = 1.49
    focus: Literal["gaussian", "airy"] = "gaussian"
    dwell_ms: Milliseconds | None = None
    """How long a pixel of a scanned image is lit, from rest on; the image is then told beside the steady one."""
    at_irradiance_kW_per_cm2: Irradiance | None = None
    """Where image, spectrum and sensitivities are stated; by default at the steepest point of the first band."""
    rise_time: Flag = False
    """Rise times there and their change with temperature too, which takes an integration in time and its derivative."""
    slope_above: Annotated[float, Quantity("", 1.0, 1000.0)] = 5.0
    """The slope that marks a threshold."""
    saturated_slope: Annotated[float, Quantity("", 0.1, 1000.0)] = 2.0
    """The slope at which the emission counts as saturated."""
    batch: SizeSpread | None = None


class SwitchOn(Closed):
    """The beam is switched on at time 0; rise times against irradiance."""

    kind: Literal["switch_on"]
    irradiances_kW_per_cm2: tuple[Irradiance, ...] | None = None
    """By default `points` even in the logarithm over the excitation's window."""
    points: Annotated[int, Quantity(low=1, high=500, whole=True)] = 21


class PulseTrain(Closed):
    """Rectangular pulses; brightness and colour of the last one against the width."""

    kind: Literal["pulses"]
    irradiance_kW_per_cm2: Irradiance
    width_ms: tuple[Milliseconds, ...]
    period_ms: Milliseconds
    count: Annotated[int, Quantity(low=1, high=200, whole=True)] = 8

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


class PairedPulses(Closed):
    """Two equal pulses; how much more the second one emits, against the pause between them."""

    kind: Literal["paired_pulses"]
    irradiance_kW_per_cm2: Irradiance
    width_ms: Milliseconds
    pause_ms: tuple[Milliseconds, ...]


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
    periods: Annotated[int, Quantity(low=3, high=5000, whole=True)] = 50
    """Periods before the emission is read, from the steady state at the mean irradiance on."""


class SteadyCourse(Closed):
    """On since long before, and on."""

    kind: Literal["steady"]


class SwitchedCourse(Closed):
    """On from one time to another, by default to the end."""

    kind: Literal["switched"]
    on_ms: Annotated[float, Quantity("ms", 0.0, 1e6)] = 0.0
    off_ms: Milliseconds | None = None

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
    period_ms: Milliseconds
    count: Annotated[int, Quantity(low=1, high=1000, whole=True)]

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
    depth: Depth = 1.0


Course = Annotated[SteadyCourse | SwitchedCourse | PulsedCourse | SineCourse, Field(discriminator="kind")]


class BeamsInTime(Closed):
    """Several beams, each with a course in time of its own; emission of every band against time."""

    kind: Literal["beams"]
    irradiance_kW_per_cm2: Irradiance
    """Peak of the swept laser; those of the other beams stand in `excitation.also`."""
    duration_ms: Milliseconds
    swept: Course = SwitchedCourse(kind="switched")
    """Course of the swept laser."""
    also: tuple[Course, ...] = ()
    """Course of every beam of `excitation.also`, in its order; those that are not listed are steady."""


Dynamics = Annotated[
    SwitchOn | PulseTrain | RampScan | Decay | PairedPulses | Modulated | BeamsInTime, Field(discriminator="kind")
]


class Search(Closed):
    """The outer discrete search and the inner gradient steps."""

    trials: Annotated[int, Quantity(low=1, high=100000, whole=True)] = 12
    starts: Annotated[int, Quantity(low=1, high=100, whole=True)] = 2
    """Gradient descents from different starts within one trial."""
    steps: Annotated[int, Quantity(low=0, high=10000, whole=True)] = 25
    """Most evaluations of each descent, and of the finish of the best one."""
    learning_rate: Annotated[float, Quantity("", 1e-6, 10.0)] | None = None
    """Follow the gradients by Adam at this rate, `steps` steps from each start; by default quasi-Newton steps."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1
    sampler: Literal["tpe", "nsga2", "gp", "random", "brute"] = "tpe"
    engine: Literal["serial", "local", "dask", "shared"] = "serial"
    """Where trials are computed: in this process; in processes of this machine; on a Dask cluster; by every
    `padesign worker RUN` that sees the run folder."""
    workers: Annotated[int, Quantity(low=1, high=10000, whole=True)] = 2
    """Processes of `local`, and of the clusters that `dask` starts itself."""
    address: Text | None = None
    """Dask scheduler, such as tcp://node1:8786; `slurm` submits workers as dask-jobqueue is configured to. By default
    a cluster on this machine."""
    storage: Text | None = None
    """Database of the search's memory instead of a file in the run folder, such as postgresql+psycopg://host/name.
    Passwords belong into ~/.pgpass: what stands here is kept in the run folder."""
    time_limit_minutes: Annotated[float, Quantity("minutes", 0.01, 1e6)] | None = None
    budget_curve_equivalents: Annotated[float, Quantity("", 1.0, 1e9)] | None = None
    """Stop when all trials together have computed as much as so many power curves; the last one is cut short."""
    patience: Annotated[int, Quantity(low=1, high=100000, whole=True)] | None = None
    """Stop after this many trials without a better one."""


class Rounding(Closed):
    """Steps of what can be weighed and grown; every design is rounded to them before it is judged. 0 does not round."""

    size_step_nm: Annotated[float, Quantity("nm", 0.0, 10.0)] = 0.1
    """Of the core's radius and of every shell's thickness."""
    dopant_step_mol_percent: Annotated[float, Quantity("mol%", 0.0, 10.0)] = 0.1


class Robust(Closed):
    """Design for a batch instead of one particle. Spreads are relative standard deviations of normal distributions."""

    aim: Literal["mean", "quantile", "yield"] = "quantile"
    """The mean of the objective's value, the value that a share `quantile` of the particles does not reach, or the
    share of the particles that meets `specification`."""
    core_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    shell_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    dopant_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    quantile: Annotated[float, Quantity("", 0.01, 0.99)] = 0.1
    specification: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None
    samples: Annotated[int, Quantity(low=2, high=1000, whole=True)] = 16
    """Particles whose losses the gradients follow, the same ones from step to step."""
    judge_samples: Annotated[int, Quantity(low=8, high=100000, whole=True)] = 64
    """Other particles, from which the claimed number is computed."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1

    @model_validator(mode="after")
    def _has_a_specification(self) -> Robust:
        if self.aim == "yield" and self.specification is None:
            raise refuse("counts a yield but has no specification", "add `specification`, in the objective's unit")
        return self


class Solver(Closed):
    """How the steady states are found, and how finely a claimed number is recomputed."""

    steady_state: Literal["continuation", "diffrax"] = "continuation"
    cells_per_layer: Annotated[int, Quantity(low=1, high=20, whole=True)] = 2
    """Radial cells of a layer during a search, and of every e-fold by which the depth plus 1 nm grows over it: a thick
    layer close to the surface has more."""
    judge_cells_per_layer: Annotated[int, Quantity(low=1, high=40, whole=True)] = 4
    """The same for the numbers that are reported."""

    @model_validator(mode="after")
    def _judge_is_finer(self) -> Solver:
        if self.judge_cells_per_layer < self.cells_per_layer:
            what = f"is {self.judge_cells_per_layer}, fewer than the {self.cells_per_layer} of `cells_per_layer`"
            cure = f"give at least {self.cells_per_layer}: the judge may not be coarser than the search"
            raise complaint([Problem(("judge_cells_per_layer",), what, cure)])
        return self


class Recipes(Closed):
    """What the synthesis recipes of the best designs assume."""

    count: Annotated[int, Quantity(low=0, high=100, whole=True)] = 3
    core_mmol: Annotated[float, Quantity("mmol", 1e-3, 1000.0)] = 1.0
    """Lanthanide and other dopable cations of the core batch, in mmol."""
    precursor: Literal["acetate", "chloride"] = "acetate"
    water: Annotated[float, Quantity("", 0.0, 20.0)] | None = None
    """Molecules of crystal water per metal atom of the precursor."""
    purity: Fraction = 1.0
    core_yield: Fraction = 1.0
    """Part of the core batch that is there when the shell is grown."""
    shell_growth: Literal["one heating", "layer by layer"] = "one heating"
    """Each shell in one heating with its seeds, or by many small hot injections (best for three shells and more)."""
    batch_particles: Annotated[int, Quantity(low=0, high=1000, whole=True)] = 32
    """Particles with the errors of a synthesis that are simulated for the band around the curve of a best design; 0 for
    no band. Errors are those of `robust`, or of `characterise.batch`, or what is usual."""


class Tracking(Closed):
    """The record in MLflow."""

    uri: Text | None = None
    enabled: Flag = True


class Output(Closed):
    """Where run folders are made."""

    folder: Text = "runs"


class Reported(Closed):
    """What a publication reports of a particle."""

    source: Text | None = None
    S: Annotated[float, Quantity("", 0.0, 1000.0)] | None = None
    threshold_kW_per_cm2: Irradiance | None = None
    note: Text | None = None


class Reference(Closed):
    """A published particle, computed beside the new designs."""

    name: FileSafe
    source: Text
    layers: tuple[FixedLayer, ...]
    reported: Reported = Reported()

    @model_validator(mode="after")
    def _sound(self) -> Reference:
        if found := particle_problems(self.layers, None):
            raise complaint(found)
        return self


class RunFile(Closed):
    """One run: a particle or a hand-written network, its excitation, and what the search shall make of it."""

    version: Literal[1]
    name: FileSafe
    notes: Text | None = None
    parameter_sets: dict[Host, Text] = Field(default_factory=dict)
    """Parameter set for a host, where the default one is not wanted."""
    shelf: Shelf | None = None
    excitation: Excitation
    temperature_K: Temperature = 295.0
    particle: ParticleSpec | None = None
    network: Network | None = None
    emission: tuple[Transition, ...] | None = None
    """Transitions to report, such as "Tm:3H4 -> Tm:3H6"."""
    objective: (
        Annotated[
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
        | None
    ) = None
    characterise: Characterise = Characterise()
    dynamics: Dynamics | None = None
    """How the beam goes with time, for `padesign dynamics`."""
    search: Search = Search()
    rounding: Rounding = Rounding()
    robust: Robust | None = None
    solver: Solver = Solver()
    recipes: Recipes = Recipes()
    tracking: Tracking = Tracking()
    output: Output = Output()
    compare_with: tuple[Reference, ...] = ()
    reported: Reported | None = None
    """What a publication reports of this very system; shown beside the model's numbers, never used."""

    @model_validator(mode="after")
    def _sound(self) -> RunFile:
        if found := cross_problems(self):
            raise complaint(found)
        return self
