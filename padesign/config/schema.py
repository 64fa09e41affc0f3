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
    """Version of this format."""
    name: FileSafe
    """Name of the run; its folder begins with it."""
    notes: Text | None = None
    """Whatever you want to find again in report and dashboard."""
    parameter_sets: dict[Host, Text] = Field(default_factory=dict)
    """Parameter set for a host, where the default one is not wanted."""
    shelf: Shelf | None = None
    """What the laboratory has."""
    excitation: Excitation
    """Laser, window of the power curve, further beams."""
    temperature_K: Temperature = 295.0
    """Temperature of the sample."""
    particle: ParticleSpec | None = None
    """The particle and what may vary in it; or give `network`."""
    network: Network | None = None
    """Levels and processes written by hand; or give `particle`."""
    emission: tuple[Transition, ...] | None = None
    """Transitions to report, such as "Tm:3H4 -> Tm:3H6"."""
    objective: Objective | None = None
    """What the search aims at."""
    characterise: Characterise = Characterise()
    """Microscope and batch, for `padesign characterise`."""
    dynamics: Dynamics | None = None
    """How the beam goes with time, for `padesign dynamics`."""
    search: Search = Search()
    """How much is tried, by whom and where."""
    rounding: Rounding = Rounding()
    """The grid of what can be made."""
    robust: Robust | None = None
    """Aim at a batch with the errors of a synthesis instead of one particle."""
    solver: Solver = Solver()
    """Accuracy of search and of reported numbers."""
    recipes: Recipes = Recipes()
    """What the recipes of the best designs assume."""
    tracking: Tracking = Tracking()
    """Where designs are logged."""
    output: Output = Output()
    """Where the run folder goes."""
    compare_with: tuple[Reference, ...] = ()
    """Published particles that are computed beside the new designs."""
    reported: Reported | None = None
    """What a publication reports of this very system; shown beside the model's numbers, never used."""

    @model_validator(mode="after")
    def _sound(self) -> RunFile:
        if found := cross_problems(self):
            raise complaint(found)
        return self
