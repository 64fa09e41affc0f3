"""Families of rises, their most probable member, and the probability of a family by Laplace's approximation.

A member is given by numbers that are normally distributed a priori, each family with a proper prior, so that
evidences of families that differ in their number of numbers can be compared (MacKay, Neural Comput. 4, 415 (1992);
Kass & Raftery, J. Am. Stat. Assoc. 90, 773 (1995)).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from padesign.measured.groups import Lit

_ROUNDS = 60
_SETTLED = 1e-3
"""Gain of ln posterior at which the most probable member is found."""
_SHORTEST = 1e-6
_LARGEST = 50.0


class AbstractFamily(ABC):
    """Rises that differ in a few or many numbers z, a priori normal about 0 with a precision.

    `few`: whether so few that draws can be weighed. With many hardly any would be left, and the posterior of ln light
    is taken for normal.
    """

    few: ClassVar[bool]

    @property
    @abstractmethod
    def precision(self) -> np.ndarray:
        """(numbers, numbers)."""

    @property
    @abstractmethod
    def log_determinant(self) -> float:
        """Of the precision."""

    @abstractmethod
    def light(self, z: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        """Light (..., times) in units of the rough plateau, for numbers (..., numbers)."""

    @abstractmethod
    def slopes(self, z: np.ndarray, light: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        """Derivatives (numbers, times) of light (times,) by numbers (numbers,)."""

    @abstractmethod
    def starts(self, lit: Lit) -> np.ndarray:
        """Numbers (starts, numbers) from which the most probable ones are looked for."""


@dataclass(frozen=True, eq=False)
class Fit:
    """One family and one place of the switching: `log_evidence`, `mode` (numbers,), `root` of the precision there."""

    family: AbstractFamily
    lit: Lit
    log_evidence: float
    mode: np.ndarray
    root: np.ndarray

    def light(self, clock_s: np.ndarray) -> np.ndarray:
        """Expected counts of a point without the dark ones (times,) of the most probable member."""
        return self.lit.top * self.family.light(self.mode, clock_s)

    def drawn(self, count: int, clock_s: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The same (count, times) for members drawn from the approximated posterior, and ln (count,) of how much more
        probable each is than there, up to a constant of the trace."""
        noise = rng.standard_normal((self.mode.size, count))
        away = solve_triangular(self.root, noise, trans=1, lower=True).T
        if self.family.few:
            z = self.mode + away
            there, mode = (log_posterior(self.family, self.lit, one) for one in (z, self.mode))
            return self.lit.top * self.family.light(z, clock_s), there - mode + 0.5 * (noise**2).sum(axis=0)
        light = self.family.light(self.mode, clock_s)
        factor = np.exp(np.clip(away @ (self.family.slopes(self.mode, light, clock_s) / light), -_LARGEST, _LARGEST))
        return self.lit.top * light * factor, np.zeros(count)


def log_posterior(family: AbstractFamily, lit: Lit, z: np.ndarray) -> np.ndarray:
    """ln probability (...) of numbers (..., numbers), up to a constant of family and trace."""
    light = lit.top * family.light(z, lit.clock_s)
    return lit.log_likelihood(light) - 0.5 * ((z @ family.precision) * z).sum(axis=-1)


def kept(gain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which draws (draws,) to keep, some several times, so that they are drawn from the posterior itself.

    Weights are cut at the root of the number of draws times their mean (Ionides, J. Comput. Graph. Stat. 17, 295
    (2008)).
    """
    weights = np.exp(gain - gain.max())
    weights = np.minimum(weights, math.sqrt(gain.size) * weights.mean())
    return rng.choice(gain.size, gain.size, p=weights / weights.sum())


def fit(family: AbstractFamily, lit: Lit, start: np.ndarray | None = None) -> Fit:
    """Most probable member and evidence of a family at a place; from a start (numbers,), or from the family's own."""
    starts = family.starts(lit) if start is None else start[None, :]
    return max((_fit(family, lit, one) for one in starts), key=lambda one: one.log_evidence)


def _fit(family: AbstractFamily, lit: Lit, start: np.ndarray) -> Fit:
    """Fisher scoring with halved steps."""
    precision = family.precision
    mode, reached = start, float(log_posterior(family, lit, start))
    for _ in range(_ROUNDS):
        light = family.light(mode, lit.clock_s)
        slopes = lit.top * family.slopes(mode, light, lit.clock_s)
        gradient, information = lit.scores(lit.top * light, slopes)
        root = np.linalg.cholesky(information + precision)
        step, share = cho_solve((root, True), gradient - precision @ mode), 1.0
        while not (new := float(log_posterior(family, lit, mode + share * step))) >= reached and share > _SHORTEST:
            share *= 0.5
        if not new >= reached:
            break
        gain, reached, mode = new - reached, new, mode + share * step
        if gain < _SETTLED:
            break
    evidence = reached + 0.5 * family.log_determinant - float(np.log(np.diag(root)).sum()) + lit.before
    return Fit(family, lit, evidence, mode, root)


def shares(fits: Sequence[Fit]) -> np.ndarray:
    """Posterior probabilities (fits,)."""
    evidence = np.array([one.log_evidence for one in fits])
    weights = np.exp(evidence - evidence.max())
    return np.asarray(weights / weights.sum())


def likeliest(fits: Sequence[Fit]) -> Fit:
    """The one with the largest evidence."""
    return max(fits, key=lambda one: one.log_evidence)


def likeliest_place(fits: Sequence[Fit]) -> Fit:
    """The likeliest fit of the place that all families together give the largest probability."""
    at: dict[int, float] = {}
    for share, one in zip(shares(fits), fits, strict=True):
        at[one.lit.place] = at.get(one.lit.place, 0.0) + float(share)
    place = max(at, key=lambda one: at[one])
    return likeliest([one for one in fits if one.lit.place == place])
