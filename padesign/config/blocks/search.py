"""How a run searches: trials, grids, batches, solver."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from padesign.config.quantity import Problem, Quantity, complaint, refuse
from padesign.config.values import Closed, Flag, Text


class Search(Closed):
    """The outer discrete search and the inner gradient steps."""

    trials: Annotated[int, Quantity(low=1, high=100000, whole=True)] = 12
    """Most trials; each is one choice of hosts, ions, layers and laser, with its sizes and shares optimised by
    gradients."""
    starts: Annotated[int, Quantity(low=1, high=100, whole=True)] = 2
    """Gradient descents from different starts within one trial."""
    steps: Annotated[int, Quantity(low=0, high=10000, whole=True)] = 25
    """Most evaluations of each descent, and of the finish of the best one."""
    learning_rate: Annotated[float, Quantity("", 1e-6, 10.0)] | None = None
    """Follow the gradients by Adam at this rate, `steps` steps from each start; by default quasi-Newton steps."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1
    """Seed of sampler and starts: the same run file gives the same designs."""
    sampler: Literal["tpe", "nsga2", "gp", "random", "brute"] = "tpe"
    """Who picks the next trial: tree-structured Parzen estimator, genetic (several aims), Gaussian process (needs
    torch), at random, or all in turn."""
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
    """Start no trial after this time."""
    budget_curve_equivalents: Annotated[float, Quantity("", 1.0, 1e9)] | None = None
    """Stop when all trials together have computed as much as so many power curves; the last one is cut short."""
    patience: Annotated[int, Quantity(low=1, high=100000, whole=True)] | None = None
    """Stop after this many trials without a better one."""


class Rounding(Closed):
    """Steps of what can be weighed and grown; every design is rounded to them before it is judged. 0 does not round."""

    size_step_nm: Annotated[float, Quantity("nm", 0.0, 10.0)] = 0.1
    """Of the core's radius and of every shell's thickness."""
    dopant_step_mol_percent: Annotated[float, Quantity("mol%", 0.0, 10.0)] = 0.1
    """Of every dopant's share."""


class Robust(Closed):
    """Design for a batch instead of one particle. Spreads are relative standard deviations of normal distributions."""

    aim: Literal["mean", "quantile", "yield"] = "quantile"
    """The mean of the objective's value, the value that a share `quantile` of the particles does not reach, or the
    share of the particles that meets `specification`."""
    core_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    """Of the core's radius."""
    shell_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    """Of the thickness of every shell."""
    dopant_percent: Annotated[float, Quantity("percent", 0.0, 50.0)] = 5.0
    """Of the share of every dopant."""
    quantile: Annotated[float, Quantity("", 0.01, 0.99)] = 0.1
    """Share of the particles that are worse than the claimed value, for `aim: quantile`."""
    specification: Annotated[float, Quantity("", 1e-30, 1e30)] | None = None
    """The value that a good particle reaches, in the objective's unit, for `aim: yield`."""
    samples: Annotated[int, Quantity(low=2, high=1000, whole=True)] = 16
    """Particles whose losses the gradients follow, the same ones from step to step."""
    judge_samples: Annotated[int, Quantity(low=8, high=100000, whole=True)] = 64
    """Other particles, from which the claimed number is computed."""
    parameter_uncertainty: Flag = False
    """Draw the physical parameters of every particle too, within the errors that their set states. The number is then
    about all particles in all worlds that the errors allow, and no longer about one real batch."""
    seed: Annotated[int, Quantity(low=0, high=2**31 - 1, whole=True)] = 1
    """Seed of the draws of particles."""

    @model_validator(mode="after")
    def _has_a_specification(self) -> Robust:
        if self.aim == "yield" and self.specification is None:
            raise refuse("counts a yield but has no specification", "add `specification`, in the objective's unit")
        return self


class Solver(Closed):
    """How the steady states are found, and how finely a claimed number is recomputed."""

    steady_state: Literal["continuation", "diffrax"] = "continuation"
    """Continuation of the steady state along the power; or integration in time up to each power by diffrax, slow, to
    check it."""
    cells_per_layer: Annotated[int, Quantity(low=1, high=20, whole=True)] = 2
    """Radial cells of a layer during a search, and of every e-fold by which the distance plus 1 nm from the surface, or
    from a closer layer with ions of its own, grows over it: a thick layer close to either has more."""
    judge_cells_per_layer: Annotated[int, Quantity(low=1, high=40, whole=True)] = 4
    """The same for the numbers that are reported."""

    @model_validator(mode="after")
    def _judge_is_finer(self) -> Solver:
        if self.judge_cells_per_layer < self.cells_per_layer:
            what = f"is {self.judge_cells_per_layer}, fewer than the {self.cells_per_layer} of `cells_per_layer`"
            cure = f"give at least {self.cells_per_layer}: the judge may not be coarser than the search"
            raise complaint([Problem(("judge_cells_per_layer",), what, cure)])
        return self
