"""The recipe as data: a closed, versioned schema. What is written here is all that a recipe says."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from padesign.recipe.page import page
from padesign.recipe.sheet import sheet
from padesign.recipe.tables import Role, Status

SCHEMA_VERSION = 2
NOT_VERIFIED = "Simulated candidate: not verified in the laboratory."
TYPICAL = "typical, adjust to your lab"


class Part(BaseModel):
    """Base of every part: frozen, closed, and without NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Share(Part):
    """One cation's share of the dopable sites."""

    ion: str
    mol_percent: float


class TargetLayer(Part):
    """One layer as it should come out. The thickness of the core is its radius."""

    name: str
    host: str
    formula: str
    composition: tuple[Share, ...]
    thickness_nm: float
    thickness_tolerance_nm: float
    diameter_nm: float
    diameter_tolerance_nm: float
    expected_icp: tuple[Share, ...]
    """Cation shares of the whole particle once this layer is on: what ICP-OES should find."""


class Target(Part):
    host: str
    phase: str
    site: str
    """What the dopable cations are called together: `rare earth`."""
    diameter_nm: float
    layers: tuple[TargetLayer, ...]
    dopant_tolerance_percent_relative: float
    sites_per_core: float
    sites_per_particle: float


class BatchRecord(Part):
    core_mmol: float
    core_yield: float
    precursor: str
    particles: float
    """Particles in the purified cores: what every shell is computed for."""
    particles_per_mmol: float


class Stock(Part):
    """A stock solution that replaces the weighing of a very small mass."""

    solvent: str
    concentration_mol_per_L: float
    flask_mL: float
    weigh_mg: float
    dose_mL: float


class WeighingRow(Part):
    """One solid of one stage. `mass_mg` is what goes on the balance: hydrate and purity are in it."""

    role: Role
    ion: str
    mol_percent: float | None
    compound: str
    formula: str
    water_of_crystallisation: float
    water_assumed: bool
    cas: str
    molar_mass_g_per_mol: float
    purity: float
    equivalents: float
    amount_mmol: float
    mass_mg: float
    flag: Literal["", "stock solution suggested", "use a stock solution"]
    stock: Stock | None = None


class Liquid(Part):
    name: str
    cas: str
    volume_mL: float
    use: str


class Step(Part):
    number: int
    title: str
    action: str
    temperature: str
    time: str
    atmosphere: str
    status: Status


class Check(Part):
    """One quality check: how, what, and when it is passed."""

    method: str
    quantity: str
    target: str


class SeedRow(Part):
    """How much shell precursor the same seeds need when the microscope finds another seed diameter."""

    seed_diameter_nm: float
    shell_mmol: float


class Injection(Part):
    """One pair of injections of a shell grown layer by layer: oleate first, then sodium trifluoroacetate."""

    number: int
    cations_mmol: float
    oleate_mL: float
    trifluoroacetate_mL: float
    diameter_nm: float
    """Diameter once this pair has grown."""


class Stage(Part):
    name: str
    kind: Literal["core", "shell"]
    re_mmol: float
    seed_mmol: float
    """Cations of the seeds that go into the flask; 0 for the core."""
    ratio_to_core: float
    """Cations of this layer per cation of the purified core."""
    seed_diameter_nm: float
    diameter_nm: float
    extra_nm_per_10_percent: float | None
    weighing: tuple[WeighingRow, ...]
    liquids: tuple[Liquid, ...]
    flask_mL: float
    steps: tuple[Step, ...]
    injections: tuple[Injection, ...]
    """Empty unless the shell is grown layer by layer."""
    seed_table: tuple[SeedRow, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]


class HazardStatement(Part):
    code: str
    text: str


class HazardRow(Part):
    substance: str
    cas: str
    ghs: tuple[HazardStatement, ...]
    pictograms: tuple[HazardStatement, ...]
    """Code and name of each pictogram, `GHS06` `skull and crossbones`."""
    advice: str
    source: str


class Predicted(Part):
    label: str
    value: float | None
    unit: str
    definition: str


class Performance(Part):
    """The first number is the objective."""

    numbers: tuple[Predicted, ...]
    excitation_wavelengths_nm: tuple[float, ...]
    parameter_set: str
    digest: str
    calibrated: bool
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


class Recipe(Part):
    """A synthesis recipe for one particle; see `padesign.recipe.build.build_recipe`."""

    schema_version: Literal[2] = SCHEMA_VERSION
    status: str
    calibration: str
    route: str
    target: Target
    batch: BatchRecord
    equipment: tuple[str, ...]
    hazards: tuple[HazardRow, ...]
    process_hazards: tuple[str, ...]
    stages: tuple[Stage, ...]
    measure_first: tuple[str, ...]
    """What to measure in which order, because what comes later hangs on it."""
    final_checks: tuple[Check, ...]
    performance: Performance
    assumptions: tuple[str, ...]
    """Assumptions of the synthesis; those of the physics are in `performance`."""
    sources: tuple[str, ...]

    def to_json(self) -> str:
        """The recipe as JSON text with full precision; `Recipe.from_json` reads it back unchanged."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        return cls.model_validate_json(text)

    def to_markdown(self) -> str:
        """The recipe as a page to print."""
        return page(self)

    def to_csv(self) -> str:
        """The weighing sheet: one line per solid and liquid of each stage."""
        return sheet(self)
