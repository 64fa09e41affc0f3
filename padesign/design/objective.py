"""What an objective is: a smooth loss for the gradients beside the honest value that is reported."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.errors import InputError
from padesign.observables.solution import Solution
from padesign.observables.unsolved import Unsolved
from padesign.types import Scalar, ScalarLike

_AT_TARGET = 1e-3
"""Distance in ln from a target below which a loss flattens."""


class Verdict(NamedTuple):
    """The honest judgement of one solution, all leaves scalar arrays.

    `value` in the objective's unit; `valid` False when there is no such number (no avalanche in the window).
    `violations`: by how much each constraint is broken, positive is broken. `metrics`: further numbers with their unit
    in the name.
    """

    value: Array
    valid: Array
    violations: dict[str, Array]
    metrics: dict[str, Array]


class AbstractObjective(eqx.Module):
    """One aim of a design. Concrete classes are final and pure functions of a `Solution`.

    `loss` is what the gradients follow: smooth, finite also for designs that do not avalanche, smaller is better; it is
    never reported as a result. `judge` gives the number that is claimed.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    maximise: ClassVar[bool]
    definition: ClassVar[str]
    """What the number is; a field's name in braces, {percent}, stands for its value (see `statement`)."""
    blind_to: ClassVar[str]
    without_value: ClassVar[str]
    """What it means when a solved design has no such number, as told to the user."""
    thermal: ClassVar[bool] = False
    """Whether it needs to know how the rates change with temperature (`Solution.per_kelvin`)."""
    isothermal: ClassVar[bool] = False
    """Whether it reads a particle at the temperature outside, so that one which light warms has no such number."""
    guesses: ClassVar[bool] = False
    """Whether the loss can be guessed without a power curve."""

    @property
    def aims(self) -> Mapping[str, bool]:
        """Metrics of which a search wants the Pareto front, and whether larger is better; empty for a single aim."""
        return {}

    @property
    def statement(self) -> str:
        """`definition` with the numbers of this very objective."""
        text = self.definition
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float):
                text = text.replace(f"{{{field.name}}}", f"{value:g}")
        return text

    @property
    def varies(self) -> bool:
        """Whether every trial follows preferences of its own among the aims."""
        return False

    def preferring(self, preferences: Float[Array, " aims"]) -> AbstractObjective:
        """The objective whose loss weighs the aims by these factors too."""
        del preferences
        return self

    @classmethod
    @abc.abstractmethod
    def from_options(cls, options: Mapping[str, object]) -> AbstractObjective:
        """Build from the options of a run file's `objective` block (without `kind`)."""

    @abc.abstractmethod
    def loss(self, solution: Solution) -> Scalar:
        """Smooth loss; smaller is better."""

    def guess(self, system: Unsolved) -> Scalar:
        """The loss guessed without a power curve, to pick starts by. An objective that offers it sets `guesses`."""
        raise NotImplementedError(self.name)

    @abc.abstractmethod
    def judge(self, solution: Solution) -> Verdict:
        """Honest value, violated constraints and further numbers."""

    @abc.abstractmethod
    def curve_label(self, solution: Solution) -> str | None:
        """The emission band whose power curve is shown with a design, "Tm:3H4 -> Tm:3H6"; concrete arrays only."""

    @abc.abstractmethod
    def check(self, solution: Solution) -> str:
        """Empty, or the reason why this aim makes no sense for the system, told to the user before a search."""


def missing_band(solution: Solution, label: str) -> str:
    """Empty, or why a system has no such emission band: what an objective's `check` says of its `emission`."""
    try:
        solution.band(label)
    except InputError as error:
        return f"{error.what}; {error.cure}"
    return ""


def outside_window(solution: Solution, irradiance_kW_per_cm2: float) -> str:
    """Empty, or that a stated irradiance lies outside the power window."""
    low, high = (float(np.exp(end)) / 1e3 for end in (solution.log_irradiance_min, solution.log_irradiance_max))
    if low * (1.0 - 1e-9) <= irradiance_kW_per_cm2 <= high * (1.0 + 1e-9):
        return ""
    return (
        f"`{irradiance_kW_per_cm2:g}` kW/cm^2 lies outside the power window from {low:g} to {high:g} kW/cm^2; "
        "choose one inside or widen the window"
    )


def log_slope(slope: Scalar) -> Scalar:
    """ln S, continued smoothly for slopes near and below zero, which a saturated curve has."""
    return jnp.log(jnp.logaddexp(4.0 * slope, 0.0) / 4.0)


def distance_from(log_amount: Scalar, log_target: ScalarLike) -> Scalar:
    """Distance from a target in units of ln, flattened next to it so that it is smooth there."""
    return jnp.sqrt((log_amount - log_target) ** 2 + _AT_TARGET**2) - _AT_TARGET


def shortfall(log_amount: Scalar, floor: float | None, softness: float = 0.1) -> Scalar:
    """Smooth penalty for an amount below a floor, in units of ln: 0 well above, linear below."""
    if floor is None or floor <= 0.0:
        return jnp.asarray(0.0)
    gap = (jnp.log(floor) - log_amount) / softness
    return softness * jnp.logaddexp(gap, 0.0)
