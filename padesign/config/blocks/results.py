"""What is made of a run, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from padesign.config.blocks.particle import FixedLayer
from padesign.config.check import particle_problems
from padesign.config.quantity import Quantity, complaint
from padesign.config.values import Aperture, Closed, FileSafe, Flag, Fraction, Irradiance, Milliseconds, Text


class SizeSpread(Closed):
    """How particles of one batch differ, in relative standard deviations; one or two that scatter are integrated over,
    more are sampled."""

    core_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    """Of the core's radius."""
    shell_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    """Of the thickness of every shell."""
    dopant_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 0.0
    """Of the share of every dopant."""
    sizes: Literal["normal", "lognormal"] = "normal"
    """Distribution of radius and thicknesses; shares of dopants are normal."""
    samples: Annotated[int, Quantity(low=2, high=2000, whole=True)] = 32
    """Particles that are solved, or about so many."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1
    """Seed of the draws."""


class Characterise(Closed):
    """What `padesign characterise` shall assume of microscope and batch."""

    numerical_aperture: Aperture = 1.49
    """Of the objective lens that focuses the excitation."""
    focus: Literal["gaussian", "airy"] = "gaussian"
    """Profile of the focus: a Gaussian as wide as the Airy disc, or the disc itself."""
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
    """How the particles of a batch differ; by default they do not."""


class Recipes(Closed):
    """What the synthesis recipes of the best designs assume."""

    count: Annotated[int, Quantity(low=0, high=100, whole=True)] = 3
    """Best designs that get a recipe."""
    core_mmol: Annotated[float, Quantity("mmol", 1e-3, 1000.0)] = 1.0
    """Lanthanide and other dopable cations of the core batch, in mmol."""
    precursor: Literal["acetate", "chloride"] = "acetate"
    """Salt of the lanthanides that is weighed."""
    water: Annotated[float, Quantity("", 0.0, 20.0)] | None = None
    """Molecules of crystal water per metal atom of the precursor."""
    purity: Fraction = 1.0
    """Mass of the salt itself in what is weighed."""
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
    """MLflow tracking store; by default a database in the run folder."""
    enabled: Flag = True
    """Whether designs are logged to MLflow at all."""


class Output(Closed):
    """Where run folders are made."""

    folder: Text = "runs"
    """Folder in which run folders are made, from where the program is started."""


class Reported(Closed):
    """What a publication reports of a particle."""

    source: Text | None = None
    """The publication."""
    S: Annotated[float, Quantity("", 0.0, 1000.0)] | None = None
    """The exponent it reports."""
    threshold_kW_per_cm2: Irradiance | None = None
    """The threshold it reports, by its own definition."""
    note: Text | None = None
    """What the numbers do not say."""


class Reference(Closed):
    """A published particle, computed beside the new designs."""

    name: FileSafe
    """What tables call it."""
    source: Text
    """The publication."""
    layers: tuple[FixedLayer, ...]
    """From the core outward, without free values."""
    reported: Reported = Reported()
    """Its published numbers, shown below the model's."""

    @model_validator(mode="after")
    def _sound(self) -> Reference:
        if found := particle_problems(self.layers, None):
            raise complaint(found)
        return self
