"""The particle of a run file, layer by layer, and hand-written networks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from padesign.config.check import layer_problems, particle_problems
from padesign.config.limit_check import dopant_problems, growth_problems, layer_limit_problems
from padesign.config.quantity import Quantity, complaint
from padesign.config.values import (
    Closed,
    Diameter,
    FileSafe,
    Flag,
    FreeDiameter,
    FreeHost,
    FreeMolPercent,
    FreeThickness,
    Host,
    Ion,
    Ligand,
    MolPercent,
    Text,
    Thickness,
    Transition,
)


class Layer(Closed):
    """One concentric layer: the first is the core and has a diameter, every other one a thickness."""

    name: FileSafe
    """What tables, messages and recipes call it."""
    host: FreeHost
    """Host crystal; a `choice` lets the search pick one."""
    diameter_nm: FreeDiameter | None = None
    """Diameter of the core: of the first layer only."""
    thickness_nm: FreeThickness | None = None
    """Thickness of a shell: of every further layer."""
    optional: Flag = False
    """The outer search may leave the layer out."""
    dopants_mol_percent: dict[Ion, FreeMolPercent] = Field(default_factory=dict)
    """Share of each ion among the host's dopable cation sites; the host's own cation is the rest."""
    max_dopant_mol_percent: MolPercent | None = None
    """All dopants of the layer together hold at most so many of its cation sites."""

    @model_validator(mode="after")
    def _sound(self) -> Layer:
        found = layer_problems(self.dopants_mol_percent, self.host)
        if found := found or layer_limit_problems(self.dopants_mol_percent, self.max_dopant_mol_percent):
            raise complaint(found)
        return self


class FixedLayer(Closed):
    """A layer without free values."""

    name: FileSafe
    """What tables and messages call it."""
    host: Host
    """Host crystal."""
    diameter_nm: Diameter | None = None
    """Diameter of the core: of the first layer only."""
    thickness_nm: Thickness | None = None
    """Thickness of a shell: of every further layer."""
    dopants_mol_percent: dict[Ion, MolPercent] = Field(default_factory=dict)
    """Share of each ion among the host's dopable cation sites."""

    @model_validator(mode="after")
    def _sound(self) -> FixedLayer:
        if found := layer_problems(self.dopants_mol_percent, self.host):
            raise complaint(found)
        return self


class Acceptors(Closed):
    """Acceptors at the surface that can be filled: each takes one excitation at a time."""

    per_nm2: Annotated[float, Quantity("1/nm^2", 1e-6, 100.0)]
    """How many there are on the surface of the particle."""
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
    """Acceptors that fill up; by default acceptors take any number of excitations."""
    thermal_resistance_K_per_W: Annotated[float, Quantity("K/W", 0.0, 1e15)] | None = None
    """How much a watt of heat warms the particle above `temperature_K`; light then warms it, and its rates with it.
    A sphere of radius r in a medium of conductivity k has 1/(4 pi k r): 3e6 K/W for 100 nm across in water."""


class ParticleSpec(Closed):
    """Concentric layers from the core outward, with what may vary."""

    layers: tuple[Layer, ...]
    """From the core outward."""
    max_diameter_nm: Annotated[float, Quantity("nm", 1.0, 1000.0)] | None = None
    """Largest diameter of the whole particle; every design keeps it."""
    max_dopant_mol_percent: MolPercent | None = None
    """All dopants of the particle together hold at most so many of its cation sites. No layer may then need more than
    that by its own minima; layers are limited one by one by a field of the same name."""
    max_lattice_mismatch_percent: Annotated[float, Quantity("percent", 0.0, 100.0)] | None = None
    """Largest difference of the lattice constants of the hosts of neighbouring layers. Hosts without a common crystal
    system with known lattice constants then do not go on each other."""
    max_synthesis_steps: Annotated[int, Quantity(low=1, high=8, whole=True)] | None = None
    """Most growth steps of the recipe: the core is one, every shell that is there another one."""
    interface_mixing_nm: Annotated[float, Quantity("nm", 0.0, 5.0)] = 0.5
    """Width over which neighbouring layers mix."""
    surface_loss: Flag = True
    """Whether excitations are lost to the surface."""
    max_level_cm1: Annotated[float, Quantity("cm^-1", 1000.0, 100000.0)] = 30000.0
    """Levels above this energy are left out."""
    levels: dict[Ion, tuple[Text, ...]] = Field(default_factory=dict)
    """The only levels that an ion shall have beside the ground level; by default all up to `max_level_cm1`."""
    surroundings: Surroundings = Surroundings()
    """Medium, ligand, acceptors and heat outside the particle."""
    add_processes: tuple[Text, ...] = ()
    """Processes written by hand, in the manner of `network.processes`, that act beside the computed ones."""
    replace_processes: tuple[Text, ...] = ()
    """The same, in the place of the computed rate between the same levels."""

    @model_validator(mode="after")
    def _sound(self) -> ParticleSpec:
        found = particle_problems(self.layers, self.max_diameter_nm)
        if found := found or [*dopant_problems(self), *growth_problems(self)]:
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
    """Transitions to report; by default those that are marked `radiative`."""
