"""Counts that change smoothly with the logarithm of the time since the light was switched, fitted to all of them.

Expected counts are a constant before the switching, and dark counts + exp(spline of ln clock) after it. Likelihood:
Poisson. Prior: a random walk of the spline's slope, so that powers of the time (and constants) are free and everything
else has to be paid for (Eilers & Marx, Statist. Sci. 11, 89 (1996)). How strongly, and where the switching is, have the
posterior probabilities that Laplace's evidence gives them (MacKay, Neural Comput. 4, 415 (1992)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import cho_solve, solve_triangular

_STEP = 0.2
"""Distance of knots in ln clock."""
_DEGREE = 3
_PRIORS = tuple(np.geomspace(1e-1, 1e5, 13).tolist())
"""Weights of the squared second differences of the spline's coefficients."""
_SINGLE = 60
"""Points on each side of the switching that are looked at one by one."""
_GROWTH = 0.04
"""Beyond them, length of a group over its distance from the switching."""
_RIDGE = 1e-8
"""On the precision, so that its root exists where nothing is counted."""
_ROUNDS = 60
_SETTLED = 1e-6
_UNLIKELY = 7.0
"""Fall of ln evidence from which on a prior or a place is left out."""
_PATIENCE = 3
"""Unlikely places in a row after which no more are looked at."""
_FEWEST = 9
"""Groups that must be left after the switching."""
_DARKEST = 1e-6
_LARGEST = 50.0


@dataclass(frozen=True)
class Groups:
    """Neighbouring points taken together: `first` points (groups,), `number` of points, `counts`, `middle_s`."""

    first: np.ndarray
    number: np.ndarray
    counts: np.ndarray
    middle_s: np.ndarray

    @classmethod
    def around(cls, time_s: np.ndarray, counts: np.ndarray, bin_s: float, place: int) -> Groups:
        """Points one by one about the `place`, and groups that grow with the distance from it."""
        n = counts.size
        before, after = _edges(place), _edges(n - place)
        first = np.concatenate([place - before[:0:-1], place + after[:-1]]).astype(int)
        number = np.diff(np.append(first, n)).astype(float)
        middle = np.add.reduceat(time_s, first) / number - 0.5 * bin_s
        return cls(first, number, np.add.reduceat(counts, first), middle)


def _edges(size: int) -> np.ndarray:
    """0, 1, 2, ... and then ever farther apart, up to the size."""
    edges = list(range(min(size, _SINGLE) + 1))
    while edges[-1] < size:
        edges.append(min(size, edges[-1] + max(1, int(_GROWTH * edges[-1]))))
    return np.array(edges)


@dataclass(frozen=True)
class Fit:
    """One place of the switching and one strength of the prior: `log_evidence`, `mode` (knots,) of the coefficients,
    `root` of the posterior's precision, `dark` counts of one point."""

    place: int
    begin_s: float
    dark: float
    prior: float
    log_evidence: float
    mode: np.ndarray
    root: np.ndarray

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Coefficients (count, knots) from the posterior."""
        noise = rng.standard_normal((self.mode.size, count))
        return self.mode + solve_triangular(self.root, noise, trans=1, lower=True).T


class SmoothCounts:
    """Fits a trace in which the light is switched near a place that is known roughly.

    `time_s` (points,): ends of the bins, `counts` (points,); `drift`: relative standard deviation of the emission
    beyond counting noise, which takes weight from large groups.
    """

    def __init__(self, time_s: np.ndarray, counts: np.ndarray, bin_s: float, place: int, drift: float) -> None:
        self._time_s, self._counts, self._place = time_s, counts, place
        self.bin_s, self.span_s = bin_s, float(time_s[-1] - time_s[0]) + bin_s
        self._groups = Groups.around(time_s, counts, bin_s, place)
        self._weight = 1.0 / (1.0 + drift**2 * self._groups.counts)
        low, high = math.log(0.5 * bin_s), math.log(self.span_s)
        self._knots = low + _STEP * np.arange(-_DEGREE, math.ceil((high - low) / _STEP) + _DEGREE + 1)
        size = self._knots.size - _DEGREE - 1
        second = np.diff(np.eye(size), 2, axis=0)
        self._penalty, self._rank = second.T @ second, size - 2

    def at(self, dark: float) -> list[Fit]:
        """Fits with the switching at the given place, one for every prior that is not unlikely."""
        return _likely(self._fits(self._index(), dark, _PRIORS))

    def anywhere(self) -> list[Fit]:
        """Fits with the switching at every place and with every prior that is not unlikely."""
        here = self._index()
        found = _likely(self._fits(here, self._dark(here), _PRIORS))
        priors = [one.prior for one in found]
        for way in (-1, 1):
            index, unlikely = here + way, 0
            while 0 < index < self._groups.first.size - _FEWEST and unlikely < _PATIENCE:
                fits = self._fits(index, self._dark(index), priors)
                found += fits
                behind = likeliest(found).log_evidence - likeliest(fits).log_evidence
                unlikely = 0 if behind < _UNLIKELY else unlikely + 1
                index += way
        return _likely(found)

    def basis(self, clock_s: np.ndarray) -> np.ndarray:
        """Splines (times, knots) at times since the switching."""
        x = np.clip(np.log(clock_s), self._knots[_DEGREE], self._knots[-_DEGREE - 1])
        return np.asarray(BSpline.design_matrix(x, self._knots, _DEGREE).toarray())

    def clock(self, span_s: float, count: int) -> np.ndarray:
        """Times (count,) since the switching, from a small part of a bin on, evenly spaced in their logarithm."""
        return np.geomspace(0.05 * self.bin_s, span_s, count)

    def light(self, coefficients: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        """Expected counts without the dark ones (..., times) for coefficients (..., knots)."""
        return np.asarray(np.exp(np.minimum(coefficients @ self.basis(clock_s).T, _LARGEST)))

    def curve(self, fit: Fit) -> np.ndarray:
        """Expected counts at every point from the switching on."""
        clock = self._time_s[fit.place :] - 0.5 * self.bin_s - fit.begin_s
        return fit.dark + self.light(fit.mode, clock)

    def _index(self) -> int:
        return int(np.searchsorted(self._groups.first, self._place))

    def _dark(self, index: int) -> float:
        return float(self._counts[: self._groups.first[index]].mean())

    def _fits(self, index: int, dark: float, priors: Sequence[float]) -> list[Fit]:
        """Fits with the switching at the begin of one group; its evidence counts every point that the group has."""
        groups, place = self._groups, int(self._groups.first[index])
        begin_s = float(self._time_s[place]) - self.bin_s
        number, counts, weight = groups.number[index:], groups.counts[index:], self._weight[index:]
        basis, floor = self.basis(groups.middle_s[index:] - begin_s), max(dark, _DARKEST)
        before = _likelihood(floor * groups.number[:index], groups.counts[:index], self._weight[:index])
        mode = np.full(basis.shape[1], math.log(max(float(counts.sum() / number.sum()) - dark, _DARKEST)))
        found = []
        for prior in priors:
            mode, root, value = _maximum(basis, number, counts, weight, floor, prior * self._penalty, mode)
            evidence = value + 0.5 * self._rank * math.log(prior) - float(np.log(np.diag(root)).sum())
            evidence += before + math.log(groups.number[index])
            found.append(Fit(place, begin_s, dark, prior, evidence, mode, root))
        return found


def shares(fits: Sequence[Fit]) -> np.ndarray:
    """Posterior probabilities (fits,)."""
    evidence = np.array([one.log_evidence for one in fits])
    weights = np.exp(evidence - evidence.max())
    return np.asarray(weights / weights.sum())


def likeliest(fits: Sequence[Fit]) -> Fit:
    """The one with the largest evidence."""
    return max(fits, key=lambda one: one.log_evidence)


def _likely(fits: list[Fit]) -> list[Fit]:
    best = likeliest(fits).log_evidence
    return [one for one in fits if one.log_evidence > best - _UNLIKELY]


def _likelihood(expected: np.ndarray, counts: np.ndarray, weight: np.ndarray) -> float:
    """Poisson ln likelihood up to a constant of the counts."""
    return float((weight * (counts * np.log(expected) - expected)).sum())


def _maximum(
    basis: np.ndarray,
    number: np.ndarray,
    counts: np.ndarray,
    weight: np.ndarray,
    dark: float,
    penalty: np.ndarray,
    start: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mode (knots,), root (knots, knots) of the precision there, and ln posterior; Fisher scoring with halved steps."""

    def value(mode: np.ndarray) -> float:
        expected = number * (dark + np.exp(np.clip(basis @ mode, -_LARGEST, _LARGEST)))
        return _likelihood(expected, counts, weight) - 0.5 * float(mode @ penalty @ mode)

    mode, reached = start, value(start)
    ridge = _RIDGE * np.eye(start.size)
    for _ in range(_ROUNDS):
        light = number * np.exp(np.clip(basis @ mode, -_LARGEST, _LARGEST))
        expected = light + number * dark
        slope = basis.T @ (weight * light * (counts / expected - 1.0)) - penalty @ mode
        root = np.linalg.cholesky((basis.T * (weight * light**2 / expected)) @ basis + penalty + ridge)
        step, share = cho_solve((root, True), slope), 1.0
        while (new := value(mode + share * step)) < reached and share > _SETTLED:
            share *= 0.5
        gain, reached, mode = new - reached, max(new, reached), mode + share * step
        if share == 1.0 and gain < _SETTLED:
            break
    return mode, root, reached
