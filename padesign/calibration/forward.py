"""What the model says of an observation, with exact derivatives in the fitted parameters and in unstated sizes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padesign.calibration.schema import NOT_COMPUTED, Avalanche, CrossSection, Lifetimes, Measured, ObservationFile
from padesign.parameters import ParameterSet, load_parameter_set


@dataclass(frozen=True)
class Outcome:
    """Logarithms of predictions (n,), their derivatives `by_parameter` (n, parameters) and `by_size` (n, sizes).

    Sizes are those that the source leaves open. `flags` say what a number means where it is not what was asked for,
    `cases` the logarithms (n,) of what a prediction is the mean of.
    """

    ln: np.ndarray
    by_parameter: np.ndarray
    by_size: np.ndarray
    flags: tuple[str, ...] = ()
    cases: Mapping[str, np.ndarray] = field(default_factory=dict)


class AbstractForward(ABC):
    """One observation beside its model: (n,) values with names, errors of their logarithms, and the prediction."""

    def __init__(self, name: str, source: str, use: str) -> None:
        self.name, self.source, self.use = name, source, use
        self.labels: tuple[str, ...] = ()
        self.units: tuple[str, ...] = ()
        self.ln_observed = np.zeros(0)
        self.sigma_ln = np.zeros(0)
        self.at_least = np.zeros(0, dtype=bool)
        self.size_sigma_ln = np.zeros(0)

    @abstractmethod
    def predict(self, theta: np.ndarray) -> Outcome:
        """Prediction for parameters whose values are those of the base set times exp(theta)."""

    @abstractmethod
    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        """`ln` (n,) and `by_parameter` (n, parameters) of the prediction, also while a program is being traced."""

    @abstractmethod
    def covers(self) -> dict[str, Any]:
        """Ions with mol%, temperature and lasers of this observation, for the range of the fitted set."""


@dataclass(frozen=True)
class Fitted:
    """The names of the fitted parameters, the set they start from and the sets of other hosts."""

    base: ParameterSet
    keys: tuple[str, ...]
    hosts: Mapping[str, str] = field(default_factory=dict)

    def set_of(self, host: str) -> str:
        """Name of the set that a host has beside this fit."""
        return self.base.name if host == self.base.host else self.hosts.get(host, load_parameter_set(host).name)

    def prior_sigma_ln(self) -> np.ndarray:
        """Spread of every logarithm: that of a lognormal with the mean and sigma of the base set."""
        return np.array([self.base.entries[key].sigma_ln for key in self.keys])

    def carried(self, other: ParameterSet) -> np.ndarray:
        """Which parameters another host has taken over from the base set: those follow the fit (keys,)."""
        same = [key in other.entries and other.entries[key].value == self.base.entries[key].value for key in self.keys]
        return np.asarray(same, dtype=float)

    def values(self, sets: Sequence[ParameterSet]) -> tuple[tuple[dict[str, Any], ...], np.ndarray]:
        """Values of every set, and which follow the fit (sets, keys)."""
        return tuple(one.values for one in sets), np.stack([self.carried(one) for one in sets])


def fitted_values(values: dict[str, Any], keys: tuple[str, ...], theta: jax.Array) -> dict[str, Any]:
    """The values with exp(theta) on every fitted one that the set has."""
    return values | {key: values[key] * jax.numpy.exp(theta[k]) for k, key in enumerate(keys) if key in values}


def make_forwards(
    file: ObservationFile, fitted: Fitted, folder: Path, irradiance_sigma_ln: float
) -> list[AbstractForward]:
    """The forward models of a file; measured numbers of one design are one model. Kinds without one are left out."""
    from padesign.calibration.avalanche import AvalancheForward
    from padesign.calibration.cross_section import CrossSectionForward
    from padesign.calibration.lifetime import LifetimeForward
    from padesign.calibration.measured import MeasuredForward

    forwards: list[AbstractForward] = []
    designs: dict[tuple[str | None, str], list[Measured]] = {}
    for one in file.observations:
        if isinstance(one, Lifetimes):
            forwards.append(LifetimeForward(one, fitted))
        elif isinstance(one, CrossSection):
            forwards.append(CrossSectionForward(one, fitted))
        elif isinstance(one, Avalanche):
            forwards.append(AvalancheForward(one, fitted, folder))
        elif one.kind not in NOT_COMPUTED:
            designs.setdefault((one.design, one.use), []).append(one)
    return forwards + [MeasuredForward(found, fitted, folder, irradiance_sigma_ln) for found in designs.values()]
