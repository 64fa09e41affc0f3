"""A design problem: a space, an objective, a solver; and how one choice is refined by gradients and judged.

Three programs (`padesign.design.compiled`) serve a whole campaign: loss with gradient on the search grid of cells, and
the judgement on that grid and on a finer one, both with finer powers.
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

from padesign.design import compiled
from padesign.design.compiled import Batch
from padesign.design.cost import Meter
from padesign.design.known import Known, locate
from padesign.design.objective import AbstractObjective, Verdict
from padesign.design.refine import Refinement
from padesign.design.robust import Claim, Robust
from padesign.design.rounding import AS_IT_IS, Steps
from padesign.design.scene import (
    Hosts,
    Scene,
    check_hand_written,
)
from padesign.design.sensitivity import Sensitivities, logarithmic, slopes
from padesign.design.space import Bounds, DesignSpace, nothing_fits
from padesign.design.tolerance import Scatter
from padesign.design.transforms import Unconstrained, forward, start_point
from padesign.design.trial import Candidate, OnStep, Option, Task
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.observables.nonlinearity import trace_slopes
from padesign.observables.solution import Solution
from padesign.parameters import ParameterSet, load_parameter_set
from padesign.particle.layers import Particle
from padesign.solve.continuation import Outcome

CONVERGED_WITHIN = 0.05
"""A value that changes by more than this share between the search grid and the judging grid is called not converged."""
THRESHOLD, SEARCH_THRESHOLD = "threshold_kW_per_cm2", "threshold_on_search_grid_kW_per_cm2"
_TRIED = 10_000
_ROUNDINGS = 3
"""Designs on the grid that are judged, until one keeps every constraint."""
_SEARCH, _JUDGE = 0, 1
"""Streams of random numbers: a search fits its own batch, so another one is judged."""


@dataclass(frozen=True)
class InnerSettings:
    """The inner optimisation: `starts` descents of at most `steps` evaluations, and as many to finish the best one.

    With a `learning_rate` each start takes `steps` steps of Adam instead, see `padesign.design.descent`.
    """

    starts: int = 2
    steps: int = 25
    learning_rate: float | None = None


class Problem:
    """Implements `padesign.design.trial.AbstractProblem` for particles."""

    def __init__(
        self,
        space: DesignSpace,
        objective: AbstractObjective,
        scene: Scene,
        inner: InnerSettings,
        parameter_sets: Mapping[str, str] | None = None,
        known: Sequence[Particle] = (),
        steps: Steps = AS_IT_IS,
        robust: Robust | None = None,
    ) -> None:
        """`known`: particles that a search begins from where the space holds something like them; `steps`: what a
        design is rounded to; `robust`: what counts of a batch, by default the value of the particle that is aimed at.
        """
        self.steps, self.robust = steps, robust
        self.space, self.objective, self.scene, self.inner = space, objective, scene, inner
        self.parameter_sets = dict(parameter_sets or {})
        self._hosts: dict[tuple[str, ...], Hosts] = {}
        found = [place for particle in known if (place := locate(space, particle)) is not None]
        self._known: dict[str, Known] = {}
        for place in sorted(found, key=lambda place: place.distance):
            self._known.setdefault(space.topology(place.choice), place)
        self.signature = space.signature(scene.cells_per_layer, self.parameter_sets)
        self.judge_signature = space.signature(scene.judge_cells_per_layer, self.parameter_sets)
        self._followed: dict[tuple[str, ...], Batch] = {}

    @property
    def choices(self) -> Mapping[str, Sequence[Option]]:
        return self.space.choices

    @property
    def parents(self) -> Mapping[str, tuple[str, Option]]:
        return self.space.parents

    @property
    def seeds(self) -> Sequence[Mapping[str, Option]]:
        return [place.choice for place in self._known.values()]

    def topology(self, choice: Mapping[str, Option]) -> str:
        return self.space.topology(choice)

    def refusal(self, choice: Mapping[str, Option]) -> str:
        try:
            self.space.bounds(choice)
        except InputError as error:
            return error.what
        return ""

    def known_start(self, choice: Mapping[str, Option]) -> Known | None:
        """A known design of this topology."""
        return self._known.get(self.space.topology(choice))

    @property
    def objective_name(self) -> str:
        return self.objective.name

    @property
    def aims(self) -> Mapping[str, bool]:
        return self.objective.aims

    @property
    def unit(self) -> str:
        return "1" if self.robust is not None and self.robust.aim == "yield" else self.objective.unit

    @property
    def maximise(self) -> bool:
        return self.objective.maximise or (self.robust is not None and self.robust.aim == "yield")

    def hosts(self, choice: Mapping[str, Option]) -> Hosts:
        """Parameter values of every host slot."""
        names = self.space.slot_hosts(choice)
        if names not in self._hosts:
            values = (one.values.items() for one in self._sets(names))
            self._hosts[names] = tuple({key: jnp.asarray(value, dtype=float) for key, value in one} for one in values)
        return self._hosts[names]

    def _sets(self, hosts: Sequence[str]) -> list[ParameterSet]:
        return [load_parameter_set(self.parameter_sets.get(name, name)) for name in hosts]

    def conditions(self, choice: Mapping[str, Option]) -> Conditions:
        return self.scene.conditions(self.space.wavelength_nm(choice))

    def preferences(self, seed: int) -> np.ndarray:
        """Factors of the weights of the objective's aims in one trial: uniform on the simplex, 1 on the average."""
        count = len(self.objective.aims)
        if not self.objective.varies:
            return np.ones(count)
        return count * np.random.default_rng([seed, count]).dirichlet(np.ones(count))

    def loss(
        self,
        z: Any,
        bounds: Bounds,
        choice: Mapping[str, Option],
        preferences: np.ndarray | None = None,
        pump_scale: float = 1.0,
        *,
        of_batch: bool = True,
    ) -> tuple[jax.Array, Unconstrained]:
        """Loss and gradient at one point of the search, of the batch if the problem is about one and it is asked for.

        `pump_scale` aligns the search grid with the judging grid.
        """
        aim = compiled.Aim(self.signature, self.scene, self.objective)
        weights = jnp.asarray(np.ones(len(self.objective.aims)) if preferences is None else preferences)
        hosts, conditions = self.hosts(choice), self.conditions(choice)
        inputs = bounds, hosts, conditions, self.space.interface_mixing_nm, jnp.asarray(pump_scale)
        if self.robust is None or not of_batch:
            return compiled.loss_and_gradient(aim, z, inputs, (weights,))
        batch = self._batch_to_follow(choice)
        return compiled.batch_loss_and_gradient(aim, self.robust, batch, weights, z, *inputs)

    def guess(self, z: Any, bounds: Bounds, choice: Mapping[str, Option]) -> float:
        """The loss guessed from linear stability, for objectives that offer it."""
        mixing_nm, conditions = self.space.interface_mixing_nm, self.conditions(choice)
        hosts = self.hosts(choice)
        return float(
            compiled.guess(self.signature, self.scene, self.objective, z, bounds, hosts, conditions, mixing_nm)
        )

    def geometry(self, z: Unconstrained, bounds: Bounds) -> Geometry:
        """Sizes and shares at a point of the search."""
        return forward(z, bounds, self.space.interface_mixing_nm)

    def refine(self, task: Task, on_step: OnStep) -> Candidate:
        """The inner search of one choice; the best design seen is judged on the finer grid.

        Where the two grids differ, as next to an end of the power window, the search grid is aligned with the judging
        grid and the search goes on (space mapping, Bandler et al., IEEE Trans. Microwave Theory Tech. 42, 2536 (1994)).
        """
        inner = Refinement(self, task, on_step)
        inner.run()
        found = self._best_on_grid(task, inner)
        # Scaling the pump of a particle that warms itself would scale its heat too.
        scale = _pump_scale(found) if self.scene.thermal_resistance_K_per_W is None else None
        if scale is not None and inner.align(scale):
            again = self._best_on_grid(task, inner)
            found = again if self._better(again, found) else found
        return dataclasses.replace(found, cost=inner.meter.total(), history=inner.history)

    def _best_on_grid(self, task: Task, inner: Refinement) -> Candidate:
        """The best of the likeliest roundings on the search grid that also keeps every constraint on the finer one.

        Without such a one the first of them: one step of a size may lead over an end of the power window.
        """
        looked = [
            (one, self._verdict(self.signature, task.choice, one)[0]) for one in inner.on_grid(self.steps, _ROUNDINGS)
        ]
        inner.meter.add("checks", len(looked))
        sign = -1.0 if self.objective.maximise else 1.0

        def rank(one: tuple[Geometry, Verdict]) -> tuple[bool, float]:
            verdict = one[1]
            broken = any(float(x) > 0.0 for x in verdict.violations.values())
            return broken or not bool(verdict.valid), sign * float(verdict.value)

        judged: list[Candidate] = []
        for geometry, coarse in sorted(looked, key=rank):
            judged.append(self.judge(task.choice, geometry, inner.loss, coarse=coarse, meter=inner.meter))
            if judged[-1].feasible or judged[-1].outcome != "ok":
                break
        return judged[-1] if judged[-1].feasible else judged[0]

    def _better(self, one: Candidate, other: Candidate) -> bool:
        if not one.feasible or not other.feasible or one.value is None or other.value is None:
            return one.feasible and not other.feasible
        return one.value > other.value if self.maximise else one.value < other.value

    def judge(
        self,
        choice: Mapping[str, Option],
        geometry: Geometry,
        loss: float,
        *,
        coarse: Verdict | None = None,
        meter: Meter | None = None,
    ) -> Candidate:
        """The honest numbers of one design, on the finer grid of cells and powers.

        Given the verdict on the search grid of cells (`coarse`), a value that depends on the grid is noted.
        """
        meter = meter or Meter()
        meter.add("judgements")
        particle = self.space.particle(choice, np.asarray(geometry.thickness_nm), np.asarray(geometry.fraction))
        verdict, solution = self._verdict(self.judge_signature, choice, geometry)
        outcome = Outcome(int(solution.trace.outcome)).text
        if outcome == "ok" and not bool(verdict.valid):
            outcome = self.objective.without_value
        metrics = {key: float(value) for key, value in verdict.metrics.items() if np.isfinite(value)}
        metrics["diameter_nm"] = particle.diameter_nm
        metrics |= self.space.limits.numbers(particle)
        value = float(verdict.value)
        notes = ["bistable: S across the jump depends on the window"] if metrics.get("bistable") else []
        if coarse is not None and outcome == "ok":
            change = float(np.abs(verdict.value - coarse.value) / np.maximum(np.abs(verdict.value), 1e-300))
            metrics["change_on_refinement"] = change if np.isfinite(change) else 1.0
            if np.isfinite(there := float(coarse.metrics.get(THRESHOLD, np.nan))):
                metrics[SEARCH_THRESHOLD] = there
            if metrics["change_on_refinement"] > CONVERGED_WITHIN:
                cells = f"{self.scene.cells_per_layer} to {self.scene.judge_cells_per_layer}"
                notes.append(f"not converged: the value changes by {change:.0%} from {cells} cells per layer")
        if self.robust is not None and outcome == "ok":
            meter.add("claims", self.robust.judge_samples)
            claim = self.claim(choice, geometry, self.robust.judge_samples)
            metrics |= {"of_the_target": value, "value_at_least": claim.low, "value_at_most": claim.high}
            value = claim.value
            outcome = outcome if np.isfinite(value) else f"too many of a batch: {self.objective.without_value}"
            notes.append(
                f"{self.robust.words}: {claim.low:.4g} to {claim.high:.4g} with 68 % confidence, from "
                f"{self.robust.judge_samples} particles; the target itself has {metrics['of_the_target']:.4g}"
            )
        return Candidate(
            outcome=outcome,
            value=value if outcome == "ok" else None,
            loss=float(loss),
            violations={key: float(value) for key, value in verdict.violations.items()} | self.space.excess(particle),
            design=self.describe(choice, particle),
            metrics=metrics,
            history=[],
            curve=self.curve(solution),
            notes=notes,
            cost=meter.total(),
        )

    def claim(self, choice: Mapping[str, Option], geometry: Geometry, samples: int, stream: int = _JUDGE) -> Claim:
        """What a batch around a design reaches, from particles that no search has seen."""
        values = self.batch_values(choice, geometry, samples, stream)
        return self._about_a_batch().claim(values, self.objective.maximise)

    def batch_values(
        self, choice: Mapping[str, Option], geometry: Geometry, samples: int, stream: int = _JUDGE
    ) -> np.ndarray:
        """The honest value (samples,) of every particle of a batch, NaN where it has none."""
        fixed = self.judge_signature, self.scene, self.objective, self._about_a_batch()
        batch, hosts, conditions = self._draw(choice, samples, stream), self.hosts(choice), self.conditions(choice)
        return np.asarray(compiled.batch_values(*fixed, batch, geometry, hosts, conditions))

    def _batch_to_follow(self, choice: Mapping[str, Option]) -> Batch:
        """The particles that the gradients see, the same ones for every choice of the same hosts."""
        names = self.space.slot_hosts(choice)
        if names not in self._followed:
            self._followed[names] = self._draw(choice, self._about_a_batch().samples, _SEARCH)
        return self._followed[names]

    def _draw(self, choice: Mapping[str, Option], samples: int, stream: int) -> Batch:
        robust, layers, ions = self._about_a_batch(), len(self.space.layers), len(self.space.ions)
        in_pairs = stream == _SEARCH
        errors = robust.draw(layers, ions, samples, stream, in_pairs=in_pairs)
        if not robust.parameters:
            return Batch(errors, None)
        sets = self._sets(self.space.slot_hosts(choice))
        return Batch(errors, robust.worlds(sets, samples, stream, in_pairs=in_pairs))

    def _about_a_batch(self) -> Robust:
        if self.robust is None:
            raise ValueError("this problem is not about a batch")
        return self.robust

    def batch_curves(
        self, choice: Mapping[str, Option], particle: Particle, scatter: Scatter
    ) -> list[dict[str, list[float]]]:
        """Power curves of the particles of a batch around a design; those without one are missing."""
        found = []
        for geometry in scatter.made(self.space.geometry(particle)):
            _, solution = self._verdict(self.judge_signature, choice, geometry)
            if int(solution.trace.outcome) == Outcome.COMPLETE:
                found.append(self.curve(solution))
        return found

    def sensitivities(self, choice: Mapping[str, Option], particle: Particle) -> Sensitivities:
        """Exact d ln(number) / d ln(knob) of what is reported of a design, for every size and share it has."""
        geometry = self.space.geometry(particle)
        fixed = self.judge_signature, self.scene, self.objective
        values, derivatives = slopes(*fixed, geometry, self.hosts(choice), self.conditions(choice))
        sizes = [f"{layer.name} {'radius' if k == 0 else 'thickness'}" for k, layer in enumerate(self.space.layers)]
        shares = [f"{layer.name} {ion}" for layer in self.space.layers for ion in self.space.ions]
        flat = np.concatenate([np.asarray(geometry.thickness_nm), np.asarray(geometry.fraction).ravel()])
        knobs = dict(zip([*sizes, *shares], flat.tolist(), strict=True))
        return logarithmic(values, derivatives, knobs)

    def _verdict(
        self, signature: Signature, choice: Mapping[str, Option], geometry: Geometry
    ) -> tuple[Verdict, Solution]:
        return compiled.judge(
            signature, self.scene, self.objective, geometry, self.hosts(choice), self.conditions(choice)
        )

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
        troubles: list[InputError] = []
        for combination in itertools.islice(itertools.product(*options), _TRIED):
            choice = dict(zip(names, combination, strict=True))
            try:
                self.space.bounds(choice)
            except InputError as error:
                troubles.append(error)
            else:
                return choice
        raise nothing_fits(troubles)

    def describe(self, choice: Mapping[str, Option], particle: Particle) -> dict[str, Any]:
        """The design as data: particle, excitation, temperature."""
        return {
            "particle": particle.to_json(),
            "wavelength_nm": self.space.wavelength_nm(choice),
            "temperature_K": self.scene.temperature_K,
            "interface_mixing_nm": self.space.interface_mixing_nm,
            "beams": [{"wavelength_nm": nm, "irradiance_kW_per_cm2": power} for nm, power in self.scene.beams],
            "surroundings": dataclasses.asdict(self.scene.surroundings),
            "thermal_resistance_K_per_W": self.scene.thermal_resistance_K_per_W,
            "processes_by_hand": [*self.scene.add_processes, *self.scene.replace_processes],
        }

    def curve(self, solution: Solution) -> dict[str, list[float]]:
        """Columns of the power curve of the objective's emission band, if it has one."""
        label = self.objective.curve_label(solution)
        return curve_columns(solution, label) if label else {}


def _pump_scale(found: Candidate) -> float | None:
    """What aligns the search grid with the judging grid at a design that did not keep its value; None if it did."""
    fine, coarse = (found.metrics.get(key) for key in (THRESHOLD, SEARCH_THRESHOLD))
    if not fine or not coarse or found.metrics.get("change_on_refinement", 0.0) <= CONVERGED_WITHIN:
        return None
    return coarse / fine


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
