"""Calibration files and observation files as closed schemas. An error `sigma_ln` is one standard deviation of a log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from padesign.config.quantity import Quantity
from padesign.config.values import Closed, FileSafe, Host, Ion, MolPercent, Temperature, Text, Wavelength

SigmaLn = Annotated[float, Quantity("", 1e-3, 10.0)]
Positive = Annotated[float, Quantity("", 1e-40, 1e40)]
Share = Annotated[float, Quantity("", 0.0, 1.0)]
Fit = Literal["fit", "predict"]
NOT_COMPUTED = ("threshold_tangents_lunasi", "threshold_steepest_down", "decay_time")
"""Kinds of measured numbers for which the model has none under the same definition."""


class Lifetimes(Closed):
    """How long a level lasts in the bulk at weak excitation, by concentration, and how that was read.

    `integral` is that of a trace that is 1 at its maximum, `one_over_e` the time to 1/e of the start. A pulse into
    `fed_by` fills the level slowly: the trace begins at the share `prompt_share` of its height and rises while the
    level above empties. Without `fed_by` the integral is 1 / (losses and transfer), as the law of transfer gives it.
    """

    kind: Literal["lifetime"]
    label: FileSafe
    source: Text
    note: Text | None = None
    ion: Ion
    level: Text
    temperature_K: Temperature = 295.0
    mol_percent: tuple[MolPercent, ...]
    lifetime_ms: tuple[Positive, ...]
    reading: Literal["integral", "one_over_e"] = "integral"
    fed_by: Text | None = None
    prompt_share: Share = 1.0
    sigma_ln: SigmaLn
    use: Fit = "fit"


class CrossSection(Closed):
    """Absorption from one level at one wavelength, all lines above it together."""

    kind: Literal["cross_section"]
    label: FileSafe
    source: Text
    note: Text | None = None
    ion: Ion
    level: Text
    wavelength_nm: Wavelength
    temperature_K: Temperature = 295.0
    cross_section_cm2: Positive
    sigma_ln: SigmaLn
    use: Fit = "fit"


class FurtherShell(Closed):
    """An inert shell about the outermost layer that the source neither states nor excludes."""

    probability: Share
    thickness_nm: Positive
    sigma_ln: SigmaLn


class Avalanche(Closed):
    """Threshold and S (of the first band) that the run file of a system reports.

    `unstated` names what the source does not give (`core.diameter_nm`, `shell.thickness_nm`, `core.Tm`) with the
    standard deviation of its logarithm. A bound (`S_is: at_least`) is compared and never fitted. With `further_shell`
    the prediction is the mean of the logarithms with and without it, and their difference part of its spread.
    """

    kind: Literal["avalanche"]
    run_file: Text
    threshold_sigma_ln: SigmaLn = 0.35
    S_sigma_ln: SigmaLn = 0.25
    S_is: Literal["value", "at_least"] = "value"
    unstated: dict[str, SigmaLn] = Field(default_factory=dict)
    further_shell: FurtherShell | None = None
    composition: Literal["stated", "in part", "assumed"] = "stated"
    """What the source says of the mol% of every active ion in every layer: all, of some layers, or less."""
    use: Fit = "fit"
    reason: Text | None = None
    """Why the model is known to miss it: what is lacking in the model or in the data."""


class MeasuredConditions(Closed):
    """What a measured file says above its table, and how the number was read."""

    wavelength_nm: Wavelength | None = None
    temperature_K: Temperature | None = None
    irradiance_kW_per_cm2: Positive | None = None
    beam_diameter_um: Positive | None = None
    window_decades: Annotated[float, Quantity("", 1e-3, 3.0)] = 0.1
    fraction: Share = 0.9


class Measured(Closed):
    """One number that `padesign analyse --observations` has read off a measured file of a design.

    A threshold read on the way down, or by the points of one group's own program, and a decay are written by `analyse`
    and are not fitted: the model has no number under the same definition.
    """

    kind: Literal[
        "S",
        "gain",
        "threshold_steepest",
        "threshold_tangents",
        "threshold_slope_above_5",
        "threshold_tangents_lunasi",
        "threshold_steepest_down",
        "rise_time",
        "decay_time",
    ]
    value: Positive
    unit: Literal["1", "kW/cm^2", "s"]
    sigma_ln: SigmaLn
    definition: Text
    conditions: MeasuredConditions
    design: Text | None
    source: Text
    use: Fit = "fit"


Observation = Annotated[Lifetimes | CrossSection | Avalanche | Measured, Field(discriminator="kind")]


class ObservationFile(Closed):
    """Observations of one kind of material."""

    version: Literal[1]
    notes: Text | None = None
    observations: tuple[Observation, ...]


class CalibrationFile(Closed):
    """What is fitted to what."""

    version: Literal[1]
    name: FileSafe
    """Name of the new set; it begins with that of the host."""
    base: Text
    """The set whose values and uncertainties are the prior."""
    hosts: dict[Host, Text] = Field(default_factory=dict)
    """Sets of other hosts where they are not the default ones; they follow the fit in what they have taken over."""
    fit: tuple[Text, ...]
    """Names of positive parameters; each varies by a factor whose logarithm has the spread of the base set."""
    observations: tuple[Text, ...]
    """Observation files, relative to this file."""
    irradiance_sigma_ln: SigmaLn = 0.2
    """Error of the irradiance axis of measured files (spot, power meter) at every threshold; 0.2 is an assumption."""
    description: Text
