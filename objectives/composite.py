"""Several aims at once: a weighted product of some, under limits on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from padesign.design.objective import AbstractObjective, Verdict
from padesign.errors import InputError
from padesign.observables.solution import Solution
from padesign.observables.unsolved import Unsolved
from padesign.types import Scalar, ScalarLike

_SOFTNESS = 0.05
"""Of the logarithm of a value, near a limit."""
_STEEPNESS = 5.0


@final
@dataclass(frozen=True)
class Part:
    """One aim: with a `weight` it counts in the value, with `at_least` or `at_most` it is a limit; `label` names it."""

    label: str
    objective: AbstractObjective
    weight: float = 0.0
    at_least: float | None = None
    at_most: float | None = None


@final
class Composite(AbstractObjective):
    """Sum over the weighted parts of weight x ln(value), minus for what shall be small; limits are constraints."""

    parts: tuple[Part, ...] = eqx.field(static=True)
    front: bool = eqx.field(static=True, default=False)
    preferences: Float[Array, " aims"] | None = None

    name: ClassVar[str] = "composite"
    unit: ClassVar[str] = "1"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "sum over the weighted parts of weight times the natural logarithm of the part's value, counted negative where "
        "smaller is better; limits are constraints. The gradients follow the weighted sum of the parts' own losses. "
        "The value of every part stands beside it"
    )
    blind_to: ClassVar[str] = "whatever no part sees"
    without_value: ClassVar[str] = "a part has no value"

    def __check_init__(self) -> None:
        if not any(part.weight > 0.0 for part in self.parts):
            raise InputError("no part has a weight", cure="give one part `weight: 1`", path=("objective", "parts"))

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Composite:
        """`parts`: one mapping for each part, with the fields of `Part`."""
        parts = options.get("parts")
        if not isinstance(parts, Sequence) or isinstance(parts, str):
            raise InputError("a composite objective needs parts", path=("objective", "parts"))
        return cls(tuple(Part(**part) for part in parts), bool(options.get("front", False)))

    @property
    def aims(self) -> Mapping[str, bool]:
        return {part.label: part.objective.maximise for part in self.parts if part.weight > 0.0}

    @property
    def varies(self) -> bool:
        return self.front

    def preferring(self, preferences: Float[Array, " aims"]) -> Composite:
        return Composite(self.parts, self.front, preferences)

    def loss(self, solution: Solution) -> Scalar:
        total = jnp.asarray(0.0)
        for part in self.parts:
            loss = part.objective.loss(solution)
            total += self._weight(part) * loss
            if part.at_least is not None or part.at_most is not None:
                verdict = part.objective.judge(solution)
                usable = verdict.valid & (verdict.value > 0.0)
                log_value = jnp.log(jnp.where(usable, verdict.value, 1.0))
                total += jnp.where(usable, _penalty(log_value, part), _STEEPNESS * (1.0 + loss))
        return total

    @property
    def thermal(self) -> bool:  # type: ignore[override]
        return any(part.objective.thermal for part in self.parts)

    @property
    def guesses(self) -> bool:  # type: ignore[override]
        return all(part.objective.guesses for part in self.parts if part.weight > 0.0)

    def guess(self, system: Unsolved) -> Scalar:
        wanted = (part for part in self.parts if part.weight > 0.0)
        return sum((self._weight(part) * part.objective.guess(system) for part in wanted), jnp.asarray(0.0))

    def judge(self, solution: Solution) -> Verdict:
        value, valid = jnp.asarray(0.0), jnp.asarray(True)
        violations, metrics = {}, {}
        for part in self.parts:
            verdict = part.objective.judge(solution)
            if part.weight > 0.0:
                sign = 1.0 if part.objective.maximise else -1.0
                value += sign * part.weight * jnp.log(jnp.where(verdict.value > 0.0, verdict.value, jnp.nan))
                valid &= verdict.valid & (verdict.value > 0.0)
            told = jnp.where(verdict.valid, verdict.value, jnp.nan)
            if part.at_least is not None:
                violations[f"{part.label}_at_least"] = jnp.where(verdict.valid, part.at_least - told, part.at_least)
            if part.at_most is not None:
                violations[f"{part.label}_at_most"] = jnp.where(verdict.valid, told - part.at_most, part.at_most)
            violations |= {f"{part.label}: {key}": by for key, by in verdict.violations.items()}
            metrics |= {f"{part.label}: {key}": number for key, number in verdict.metrics.items()}
            metrics = {**verdict.metrics, **metrics, part.label: told}
        return Verdict(value, valid, violations, metrics)

    def _weight(self, part: Part) -> ScalarLike:
        if self.preferences is None or part.weight == 0.0:
            return part.weight
        return part.weight * self.preferences[list(self.aims).index(part.label)]

    def curve_label(self, solution: Solution) -> str | None:
        return next((label for part in self.parts if (label := part.objective.curve_label(solution))), None)

    def check(self, solution: Solution) -> str:
        return next((text for part in self.parts if (text := part.objective.check(solution))), "")


def _penalty(log_value: Scalar, part: Part) -> Scalar:
    """Smooth, near 0 well inside the limits and `_STEEPNESS` per e-fold outside."""
    total = jnp.asarray(0.0)
    if part.at_least is not None and part.at_least > 0.0:
        total += jnp.logaddexp((jnp.log(part.at_least) - log_value) / _SOFTNESS, 0.0)
    if part.at_most is not None and part.at_most > 0.0:
        total += jnp.logaddexp((log_value - jnp.log(part.at_most)) / _SOFTNESS, 0.0)
    return _STEEPNESS * _SOFTNESS * total
