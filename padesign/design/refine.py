"""The inner search of one trial: pick starts by what is cheap, follow gradients, give up what is hopeless, finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from padesign.design.cost import EQUIVALENT, EQUIVALENTS, Meter
from padesign.design.descent import Descent, Function, Spent, descend
from padesign.design.rounding import Steps, on_grid
from padesign.design.transforms import Packing, Unconstrained, inverse, start_point
from padesign.design.trial import OnStep, Task
from padesign.kinetics.particle_network import Geometry
from padesign.particle.layers import Particle

if TYPE_CHECKING:
    from padesign.design.problem import Problem

_GUESSED_PER_START, _SOLVED_PER_START = 8, 3
"""Points that a start is the best of, where the objective guesses without a power curve and where it does not."""
_NEAR_STATED = 0.1
_SURVEY_STALL, _FINISH_STALL = 0.02, 5e-4
"""Gain in loss (units of ln) over four evaluations at which a descent ends."""


class Refinement:
    """One trial's descents. After `run`, `point` is the best free vector and `loss` its loss."""

    def __init__(self, problem: Problem, task: Task, on_step: OnStep) -> None:
        self._problem, self._task, self._on_step = problem, task, on_step
        self._bounds = problem.space.bounds(task.choice)
        self._packing = Packing(self._bounds)
        self._rng = np.random.default_rng(task.seed)
        self._preferences = problem.preferences(task.seed)
        self._pump_scale = 1.0
        self._of_batch = problem.robust is not None and problem.inner.learning_rate is not None
        self.meter = Meter()
        self.history: list[dict[str, float]] = []
        self.loss = np.inf
        self.gradient: np.ndarray | None = None
        self.curvature: np.ndarray | None = None
        self.point = self._packing.flat(start_point(self._bounds, self._rng, spread=0.0))

    def run(self) -> None:
        """Search."""
        inner = self._problem.inner
        if inner.steps and self._packing.free.any():
            self._search(inner.starts, inner.steps, inner.learning_rate)
        else:
            self._of_batch = self._problem.robust is not None
            self._keep(self._descend(0, self.point, 1, 0.0, ()))

    def align(self, pump_scale: float) -> bool:
        """Go on from the best point with the pump of the search grid scaled; whether there was anything to search."""
        inner = self._problem.inner
        if not inner.steps or not self._packing.free.any() or self._is_spent(1):
            return False
        self._pump_scale, self.loss = pump_scale, np.inf
        self._finish(inner.starts, self.point)
        return True

    def geometry(self, point: np.ndarray) -> Geometry:
        return self._problem.geometry(self._packing.point(point), self._bounds)

    def on_grid(self, steps: Steps, count: int) -> list[Geometry]:
        """The best design on the grid of what can be made, and the runners-up."""
        best = self.geometry(self.point)
        arrays = np.asarray(best.thickness_nm), np.asarray(best.fraction)
        free = self._packing.free
        slope, curvature = np.zeros(free.size), np.zeros((free.size, free.size))
        if self.gradient is not None:
            inverse = np.linalg.pinv(self._jacobian())
            slope[free] = self.gradient @ inverse
            if self.curvature is not None:
                curvature[np.ix_(free, free)] = inverse.T @ self.curvature @ inverse
        found = on_grid(*arrays, slope, curvature, self._bounds, steps, count)
        return [Geometry(jnp.asarray(t), jnp.asarray(x), best.interface_mixing_nm) for t, x in found]

    def _jacobian(self) -> np.ndarray:
        """Derivative of the free thicknesses and fractions by the free vector, at the best point."""

        def flat(free: jnp.ndarray) -> jnp.ndarray:
            full = jnp.zeros(self._packing.free.size).at[np.flatnonzero(self._packing.free)].set(free)
            layers = self._bounds.thickness_low_nm.size
            z = Unconstrained(full[:layers], full[layers:].reshape(self._bounds.fraction_low.shape))
            geometry = self._problem.geometry(z, self._bounds)
            return jnp.concatenate([geometry.thickness_nm, geometry.fraction.ravel()])[self._packing.free]

        return np.asarray(jax.jacfwd(flat)(jnp.asarray(self.point)))

    def _search(self, starts: int, steps: int, learning_rate: float | None) -> None:
        rival = () if self._problem.objective.varies else self._task.rival  # losses of other weights do not compare
        best: tuple[int, Descent] | None = None
        for number, point in enumerate(self._starts(starts)):
            if self._is_spent(1):
                break
            found = self._descend(number, point, steps + (learning_rate is not None), _SURVEY_STALL, rival)
            if best is None or found.loss < best[1].loss:
                best = number, found
            if found.lowest and (not rival or found.lowest[-1] < rival[-1]):
                rival = found.lowest
            self._keep(found)
        if learning_rate is not None or best is None:
            return
        unfinished = best[1].ended_because in ("stalled", "evaluations used")
        if unfinished or (self._problem.robust is not None and best[1].ended_because == "converged"):
            self._finish(best[0], best[1].point)

    def _finish(self, number: int, point: np.ndarray) -> None:
        """Follow a descent to its end; where a batch counts, this is the part that looks at one."""
        if self._of_batch is not (batch := self._problem.robust is not None):
            self._of_batch, self.loss = batch, np.inf
        self._keep(self._descend(number, point, self._problem.inner.steps, _FINISH_STALL, ()))

    def _descend(
        self, number: int, point: np.ndarray, evaluations: int, stall: float, rival: Sequence[float]
    ) -> Descent:
        rate = self._problem.inner.learning_rate
        function = self._recorded(number)
        return descend(function, point, evaluations=evaluations, stall=stall, rival=rival, learning_rate=rate)

    def _keep(self, found: Descent) -> None:
        if found.loss < self.loss:
            self.loss, self.point = found.loss, found.point
            self.gradient, self.curvature = found.gradient, found.curvature

    def _recorded(self, number: int) -> Function:
        """Loss and gradient, told and counted."""

        def function(point: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = self.evaluate(point)
            if np.isfinite(loss):
                record = {"start": float(number), "loss": loss}
                self.history.append(record)
                self._on_step(len(self.history), record)
            return loss, gradient

        return function

    def evaluate(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient at a free vector, counted."""
        batch = self._problem.robust if self._of_batch else None
        count = 1 if batch is None else batch.samples
        if self._is_spent(count):
            raise Spent
        self.meter.add("gradients", count)
        loss, gradient = self._problem.loss(
            self._packing.point(point),
            self._bounds,
            self._task.choice,
            self._preferences,
            self._pump_scale,
            of_batch=self._of_batch,
        )
        return float(loss), self._packing.flat(gradient)

    def _is_spent(self, gradients: int) -> bool:
        """Whether the budget does not allow so many more, with what the judgement will cost; the first is free."""
        budget = self._task.budget
        if budget is None or not self.history:
            return False
        ahead = EQUIVALENTS["gradients"] * gradients + EQUIVALENTS["checks"] + EQUIVALENTS["judgements"]
        return self.meter.total()[EQUIVALENT] + ahead > budget

    def _starts(self, count: int) -> Iterator[np.ndarray]:
        """First one to go on from, a known or the stated design; then the best of a few from the whole range."""
        for number in range(count):
            known = self._problem.known_start(self._task.choice) if number == self._task.repeat == 0 else None
            if number == 0 and self._task.start is not None:
                reached = self._problem.space.geometry(Particle.from_json(self._task.start))
                arrays = np.asarray(reached.thickness_nm), np.asarray(reached.fraction)
                yield self._packing.flat(inverse(*arrays, self._bounds))
            elif known is not None:
                yield self._packing.flat(inverse(known.thickness_nm, known.fraction, self._bounds))
            elif number == 0:
                yield self._packing.flat(start_point(self._bounds, self._rng, spread=_NEAR_STATED))
            else:
                yield self._screened()

    def _screened(self) -> np.ndarray:
        """The best of a few points from the whole range."""
        if self._problem.objective.guesses:
            points = self._anywhere(_GUESSED_PER_START)
            self.meter.add("screens", len(points))
            losses = [self._problem.guess(self._packing.point(x), self._bounds, self._task.choice) for x in points]
        else:
            points = self._anywhere(_SOLVED_PER_START)
            losses = [np.inf if self._is_spent(1) else self.evaluate(x)[0] for x in points]
        return points[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))]

    def _anywhere(self, count: int) -> list[np.ndarray]:
        return [self._packing.flat(start_point(self._bounds, self._rng, spread=np.inf)) for _ in range(count)]
