"""The run file as a closed schema: everything a run depends on, as data. Every field's unit stands in its name.

Its blocks stand in `padesign.config.blocks`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from padesign.config.blocks.dynamics import Dynamics
from padesign.config.blocks.excitation import Excitation, Shelf
from padesign.config.blocks.objectives import Objective
from padesign.config.blocks.particle import Network, ParticleSpec
from padesign.config.blocks.results import Characterise, Output, Recipes, Reference, Reported, Tracking
from padesign.config.blocks.search import Robust, Rounding, Search, Solver
from padesign.config.check import cross_problems
from padesign.config.quantity import complaint
from padesign.config.values import Closed, FileSafe, Host, Temperature, Text, Transition


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
    objective: Objective | None = None
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
