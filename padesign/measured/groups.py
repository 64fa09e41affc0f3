"""Counts of a trace taken together in groups, and how likely they are once the place of the switching is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SINGLE = 60
"""Points on each side of the switching that are looked at one by one."""
_GROWTH = 0.04
"""Beyond them, length of a group over its distance from the switching."""


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


@dataclass(frozen=True, eq=False)
class Lit:
    """What is counted from a place of the switching on.

    `clock_s` (groups,) since the switching, `number` of points, `counts`, `weight` of a group; `dark` counts of a point
    without light; `top`: rough counts of a point on the plateau; `before`: ln probability of the place and of the dark
    counts before it, up to a constant of the trace.
    """

    place: int
    begin_s: float
    dark: float
    top: float
    before: float
    clock_s: np.ndarray
    number: np.ndarray
    counts: np.ndarray
    weight: np.ndarray

    def log_likelihood(self, light: np.ndarray) -> np.ndarray:
        """Poisson ln likelihood (...) of light (..., groups) per point, up to a constant of the counts."""
        return log_likelihood(self.number * (self.dark + light), self.counts, self.weight)

    def scores(self, light: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient (numbers,) of it and Fisher's information (numbers, numbers) for slopes (numbers, groups)."""
        expected = self.dark + light
        gradient = slopes @ (self.weight * (self.counts / expected - self.number))
        return gradient, (slopes * (self.weight * self.number / expected)) @ slopes.T


def log_likelihood(expected: np.ndarray, counts: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Poisson ln likelihood (...) of expected counts (..., groups), up to a constant of the counts."""
    return np.asarray((counts * np.log(expected) - expected) @ weight)


def _edges(size: int) -> np.ndarray:
    """0, 1, 2, ... and then ever farther apart, up to the size."""
    edges = list(range(min(size, _SINGLE) + 1))
    while edges[-1] < size:
        edges.append(min(size, edges[-1] + max(1, int(_GROWTH * edges[-1]))))
    return np.array(edges)
