"""Minimise a smooth function of a few numbers: quasi-Newton steps inside a trust region.

Symmetric rank-one updates and an exact solution of the quadratic model in the ball (Nocedal & Wright, Numerical
Optimization, 2nd ed., algorithms 4.1 and 6.2, section 4.3). What it learns of the curvature also tells how to round. On
the five problems of `experiments.benchmarks.search` scipy's L-BFGS-B in its place comes 0.1 to 0.4 % farther on four
and 3 % less far on the robust one, whose loss has kinks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Loss and gradient at a flat point."""

_FIRST, _LONGEST, _SHORTEST = 0.7, 2.0, 1e-7
"""Radius of the trust region."""
_ACCEPT, _POOR, _GOOD = 1e-4, 0.25, 0.75
"""Gained over promised above which a step is taken, below which the radius shrinks, above which it grows."""
_LEAST, _MOST = 0.1, 0.5
"""What is left of the length of a poor step."""
_CLIFF = 0.5
"""A rise of the loss (in ln) beyond which a gradient tells nothing of the curvature on this side."""
_SKIP = 1e-8
_BISECTIONS = 60


class TrustRegion:
    """A search inside [-limit, limit]; `curvature` is what it knows of the second derivatives."""

    def __init__(self, start: np.ndarray, limit: float, tolerance: float) -> None:
        self._start, self._limit, self._tolerance = np.clip(start, -limit, limit), limit, tolerance
        self.curvature: np.ndarray | None = None

    def minimise(self, function: Function) -> None:
        """Call `function` at ever better points until its gradient is below the tolerance.

        `function` keeps what it has seen, and ends the search by an exception of its own.
        """
        x = self._start
        loss, gradient = function(x)
        curvature = np.eye(x.size) * max(float(np.linalg.norm(gradient)), self._tolerance) / _FIRST
        radius, first = _FIRST, True
        while np.abs(gradient).max() > self._tolerance and radius > _SHORTEST:
            step = np.clip(x + _in_ball(curvature, gradient, radius), -self._limit, self._limit) - x
            length = float(np.linalg.norm(step))
            promised = -float(gradient @ step + 0.5 * step @ curvature @ step)
            if length == 0.0 or promised <= 0.0:
                return
            new_loss, new_gradient = function(x + step)
            change = new_gradient - gradient
            if new_loss - loss < _CLIFF:
                if first and change @ step > 0.0:
                    curvature = np.eye(x.size) * float(change @ change / (change @ step))
                self.curvature = curvature = _rank_one(curvature, step, change)
                first = False
            gained = (loss - new_loss) / promised
            if gained < _POOR:
                bend = new_loss - loss - float(gradient @ step)
                share = -float(gradient @ step) / (2.0 * bend) if bend > 0.0 else _MOST
                radius = length * min(max(share, _LEAST), _MOST)
            elif gained > _GOOD and length > 0.8 * radius:
                radius = min(2.0 * radius, _LONGEST)
            if gained > _ACCEPT:
                x, loss, gradient = x + step, new_loss, new_gradient


def _rank_one(curvature: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    left = change - curvature @ step
    along = float(left @ step)
    if abs(along) <= _SKIP * np.linalg.norm(left) * np.linalg.norm(step):
        return curvature
    return curvature + np.outer(left, left) / along


def _in_ball(curvature: np.ndarray, gradient: np.ndarray, radius: float) -> np.ndarray:
    """The minimum of gradient . p + p . curvature . p / 2 over |p| <= radius."""
    values, vectors = np.linalg.eigh(curvature)
    along = vectors.T @ gradient
    lowest = float(values[0])

    def at(shift: float) -> np.ndarray:
        return -along / (values + shift)

    if lowest > 0.0 and np.linalg.norm(at(0.0)) <= radius:
        return vectors @ at(0.0)
    low = max(0.0, -lowest)
    high = low + float(np.linalg.norm(gradient)) / radius + 1e-300
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if middle + lowest > 0.0 and np.linalg.norm(at(middle)) <= radius:
            high = middle
        else:
            low = middle
    step = at(high)
    missing = radius**2 - float(step @ step)
    if lowest < 0.0 and missing > 0.0 and abs(along[0]) < 1e-12 * np.linalg.norm(along):
        step[0] += np.sqrt(missing)
    return vectors @ step
