"""A design problem: a space, an objective, a solver; and how one choice is refined by gradients and judged.

Three programs are compiled for a whole campaign: loss with gradient on the search grid of cells, and the judgement on
that grid and on a finer one, both with finer powers. Choices, hosts, bounds and wavelength are data, not structure.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padesign.design.objective import AbstractObjective, Verdict
from padesign.design.space import Bounds, DesignSpace
from padesign.design.transforms import Unconstrained, forward, start_point
from padesign.design.trial import Candidate, OnStep, Option
from padesign.errors import InputError
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.mixed import check_processes, with_processes
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.observables.nonlinearity import trace_slopes
from padesign.observables.solution import Solution, SteadyStateMethod, solve
from padesign.parameters import load_parameter_set
from padesign.particle.layers import Particle
from padesign.particle.surroundings import BULK, Surroundings
from padesign.programs import program
from padesign.solve.continuation import Outcome
from padesign.types import ScalarLike

JUDGE_COARSENESS = 0.5
CONVERGED_WITHIN = 0.05
"""A value that changes by more than this share between the search grid and the judging grid is called not converged."""
_SCREENED_PER_START = 4
_NEAR_STATED = 0.1
_TRIED = 10_000


@dataclass(frozen=True)
class InnerSettings:
    """The inner optimisation: `starts` descents of `steps` Adam steps."""

    starts: int = 2
    steps: int = 25
    learning_rate: float = 0.1


@dataclass(frozen=True)
class Scene:
    """What is the same for every design of a run."""

    irradiance_window_kW_per_cm2: tuple[float, float]
    temperature_K: float
    beams: tuple[tuple[float, float], ...] = ()
    """Further beams that stay on: (wavelength in nm, irradiance in kW cm^-2)."""
    surroundings: Surroundings = BULK
    add_processes: tuple[str, ...] = ()
    replace_processes: tuple[str, ...] = ()
    method: SteadyStateMethod = "continuation"
    cells_per_layer: int = 2
    judge_cells_per_layer: int = 4

    def conditions(self, wavelength_nm: float) -> Conditions:
        """What the rates depend on beside the particle, with the swept laser at this wavelength."""
        wavelengths, irradiances = zip(*self.beams, strict=True) if self.beams else ((), ())
        return Conditions(
            jnp.asarray(wavelength_nm),
            jnp.asarray(self.temperature_K),
            jnp.asarray(wavelengths, dtype=float),
            1e3 * jnp.asarray(irradiances, dtype=float),
            self.surroundings,
        )


Hosts = tuple[dict[str, Any], ...]


def build_particle_network(
    signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions, scene: Scene
) -> EmittingNetwork:
    """The network of one particle, with the processes that the scene adds by hand."""
    light, _ = particle_model(signature).build(geometry, hosts, conditions)
    return with_processes(light, conditions.wavelength_nm, scene.add_processes, scene.replace_processes)


def check_hand_written(
    signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions, scene: Scene
) -> None:
    """Raise `InputError` for a hand-written process of the scene that does not fit this particle's levels."""
    if scene.add_processes or scene.replace_processes:
        light, _ = jax.jit(particle_model(signature).build)(geometry, hosts, conditions)
        wavelength_nm, temperature_K = float(conditions.wavelength_nm), float(conditions.temperature_K)
        check_processes(light, wavelength_nm, temperature_K, scene.add_processes, scene.replace_processes)


def solve_particle(
    signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions, scene: Scene, coarseness: float
) -> Solution:
    """The solved power curve of one particle."""
    light = build_particle_network(signature, geometry, hosts, conditions, scene)
    low, high = scene.irradiance_window_kW_per_cm2
    return solve(light, low, high, method=scene.method, coarseness=coarseness)


@program(static_argnums=(0, 1, 2))
def _loss_and_gradient(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    z: Unconstrained,
    bounds: Bounds,
    hosts: Hosts,
    conditions: Conditions,
    mixing_nm: ScalarLike,
) -> tuple[jax.Array, Unconstrained]:
    def loss(z: Unconstrained) -> jax.Array:
        geometry = forward(z, bounds, mixing_nm)
        return objective.loss(solve_particle(signature, geometry, hosts, conditions, scene, 1.0))

    return jax.value_and_grad(loss)(z)


@program(static_argnums=(0, 1, 2))
def _judge(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
) -> tuple[Verdict, Solution]:
    solution = solve_particle(signature, geometry, hosts, conditions, scene, JUDGE_COARSENESS)
    return objective.judge(solution), solution


@program(static_argnums=(0, 1))
def solved(signature: Signature, scene: Scene, geometry: Geometry, hosts: Hosts, conditions: Conditions) -> Solution:
    """The solved power curve on the judging grid of powers, compiled once per signature."""
    return solve_particle(signature, geometry, hosts, conditions, scene, JUDGE_COARSENESS)


class Problem:
    """Implements `padesign.design.trial.AbstractProblem` for particles."""

    def __init__(
        self,
        space: DesignSpace,
        objective: AbstractObjective,
        scene: Scene,
        inner: InnerSettings,
        parameter_sets: Mapping[str, str] | None = None,
    ) -> None:
        self.space, self.objective, self.scene, self.inner = space, objective, scene, inner
        self.parameter_sets = dict(parameter_sets or {})
        self.signature = space.signature(scene.cells_per_layer, self.parameter_sets)
        self.judge_signature = space.signature(scene.judge_cells_per_layer, self.parameter_sets)

    @property
    def choices(self) -> Mapping[str, Sequence[Option]]:
        return self.space.choices

    @property
    def objective_name(self) -> str:
        return self.objective.name

    @property
    def unit(self) -> str:
        return self.objective.unit

    @property
    def maximise(self) -> bool:
        return self.objective.maximise

    def hosts(self, choice: Mapping[str, Option]) -> Hosts:
        """Parameter values of every host slot."""
        names = self.space.slot_hosts(choice)
        sets = [load_parameter_set(self.parameter_sets.get(name, name)) for name in names]
        return tuple({key: jnp.asarray(value, dtype=float) for key, value in one.values.items()} for one in sets)

    def conditions(self, choice: Mapping[str, Option]) -> Conditions:
        return self.scene.conditions(self.space.wavelength_nm(choice))

    def loss(self, z: Any, bounds: Bounds, choice: Mapping[str, Option]) -> tuple[jax.Array, Unconstrained]:
        """Loss and gradient at one point of the search."""
        return _loss_and_gradient(
            self.signature,
            self.scene,
            self.objective,
            z,
            bounds,
            self.hosts(choice),
            self.conditions(choice),
            self.space.interface_mixing_nm,
        )

    def refine(self, choice: Mapping[str, Option], seed: int, on_step: OnStep) -> Candidate:
        """Adam from several screened starts on one choice; the best design seen is judged on the finer grid."""
        bounds = self.space.bounds(choice)
        rng = np.random.default_rng(seed)
        history: list[dict[str, float]] = []
        best: tuple[float, Any] = (np.inf, start_point(bounds, rng, spread=0.0))
        steps = self.inner.steps if self._has_free(bounds) else 0
        for start in range(self.inner.starts if steps else 1):
            z = self._screened_start(bounds, rng, choice, stated=start == 0)
            optimiser = optax.chain(optax.clip_by_global_norm(5.0), optax.adam(self.inner.learning_rate))
            state = optimiser.init(z)
            for step in range(steps + 1):
                value, gradient = self.loss(z, bounds, choice)
                if not np.isfinite(value) or not all(np.isfinite(g).all() for g in gradient):
                    break
                record = {"start": float(start), "loss": float(value)}
                history.append(record)
                on_step(len(history), record)
                if float(value) < best[0]:
                    best = (float(value), z)
                if step < steps:
                    updates, state = optimiser.update(gradient, state)
                    z = optax.apply_updates(z, updates)
        geometry = forward(best[1], bounds, self.space.interface_mixing_nm)
        return self.judge(choice, geometry, best[0], history)

    def judge(
        self,
        choice: Mapping[str, Option],
        geometry: Geometry,
        loss: float,
        history: Sequence[Mapping[str, float]] = (),
        *,
        check_refinement: bool = True,
    ) -> Candidate:
        """The honest numbers of one design, on the finer grid of cells and powers.

        `check_refinement` also judges it on the search grid of cells and notes a value that depends on the grid.
        """
        particle = self.space.particle(choice, np.asarray(geometry.thickness_nm), np.asarray(geometry.fraction))
        verdict, solution = self._verdict(self.judge_signature, choice, geometry)
        outcome = Outcome(int(solution.trace.outcome)).text
        if outcome == "ok" and not bool(verdict.valid):
            outcome = self.objective.without_value
        metrics = {key: float(value) for key, value in verdict.metrics.items() if np.isfinite(value)}
        metrics["diameter_nm"] = particle.diameter_nm
        notes = ["bistable: S across the jump depends on the window"] if metrics.get("bistable") else []
        if check_refinement and outcome == "ok":
            coarse, _ = self._verdict(self.signature, choice, geometry)
            change = float(np.abs(verdict.value - coarse.value) / np.maximum(np.abs(verdict.value), 1e-300))
            metrics["change_on_refinement"] = change if np.isfinite(change) else 1.0
            if metrics["change_on_refinement"] > CONVERGED_WITHIN:
                cells = f"{self.scene.cells_per_layer} to {self.scene.judge_cells_per_layer}"
                notes.append(f"not converged: the value changes by {change:.0%} from {cells} cells per layer")
        return Candidate(
            outcome=outcome,
            value=float(verdict.value) if outcome == "ok" else None,
            loss=float(loss),
            violations={key: float(value) for key, value in verdict.violations.items()},
            design=self.describe(choice, particle),
            metrics=metrics,
            history=list(history),
            curve=self.curve(solution),
            notes=notes,
        )

    def _verdict(
        self, signature: Signature, choice: Mapping[str, Option], geometry: Geometry
    ) -> tuple[Verdict, Solution]:
        return _judge(signature, self.scene, self.objective, geometry, self.hosts(choice), self.conditions(choice))

    def check(self) -> str:
        """Empty, or why this aim makes no sense, from the solved start design of the first choice that fits together.

        Raises `InputError` when no choice does, or when the objective names something that the system does not have.
        """
        choice = self._first_choice()
        z = start_point(self.space.bounds(choice), np.random.default_rng(0), spread=0.0)
        geometry = forward(z, self.space.bounds(choice), self.space.interface_mixing_nm)
        check_hand_written(self.signature, geometry, self.hosts(choice), self.conditions(choice), self.scene)
        _, solution = self._verdict(self.judge_signature, choice, geometry)
        return self.objective.check(solution)

    def _first_choice(self) -> dict[str, Option]:
        names, options = list(self.choices), list(self.choices.values())
        trouble: InputError | None = None
        for combination in itertools.islice(itertools.product(*options), _TRIED):
            choice = dict(zip(names, combination, strict=True))
            try:
                self.space.bounds(choice)
            except InputError as error:
                trouble = trouble or error
            else:
                return choice
        raise trouble or InputError("the design space offers no choice")

    def describe(self, choice: Mapping[str, Option], particle: Particle) -> dict[str, Any]:
        """The design as data: particle, excitation, temperature."""
        return {
            "particle": particle.to_json(),
            "wavelength_nm": self.space.wavelength_nm(choice),
            "temperature_K": self.scene.temperature_K,
            "interface_mixing_nm": self.space.interface_mixing_nm,
            "beams": [{"wavelength_nm": nm, "irradiance_kW_per_cm2": power} for nm, power in self.scene.beams],
            "surroundings": dataclasses.asdict(self.scene.surroundings),
            "processes_by_hand": [*self.scene.add_processes, *self.scene.replace_processes],
        }

    def curve(self, solution: Solution) -> dict[str, list[float]]:
        """Columns of the power curve of the objective's emission band, if it has one."""
        label = self.objective.curve_label(solution)
        return curve_columns(solution, label) if label else {}

    def _has_free(self, bounds: Bounds) -> bool:
        moves = (bounds.thickness_high_nm > bounds.thickness_low_nm).any()
        return bool(moves or (bounds.fraction_high > bounds.fraction_low).any())

    def _screened_start(
        self, bounds: Bounds, rng: np.random.Generator, choice: Mapping[str, Option], stated: bool
    ) -> Unconstrained:
        """A start near the stated one (a repeated choice explores anew), or the best of a few from the whole range."""
        if stated:
            return start_point(bounds, rng, spread=_NEAR_STATED)
        points = [start_point(bounds, rng, spread=np.inf) for _ in range(_SCREENED_PER_START)]
        losses = [float(self.loss(z, bounds, choice)[0]) for z in points]
        return points[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))]


def curve_columns(solution: Solution, label: str) -> dict[str, list[float]]:
    """Irradiance, photons per second, exact local slope and stability along the trace of one band."""
    trace = solution.trace
    count = int(trace.count)
    weights = solution.light.weights(solution.band(label))
    photons = jnp.exp(trace.log_populations) @ weights
    return {
        "irradiance_kW_per_cm2": (np.exp(np.asarray(trace.log_irradiance)[:count]) / 1e3).tolist(),
        "photons_per_s": np.asarray(photons)[:count].tolist(),
        "S": np.asarray(trace_slopes(trace, weights))[:count].tolist(),
        "stable": (np.asarray(trace.tangent_log_irradiance)[:count] > 0).astype(float).tolist(),
    }
