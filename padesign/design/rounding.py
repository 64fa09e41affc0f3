"""Designs that can be weighed and grown: every free number on a grid of steps, inside all limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from padesign.design.space import Bounds

_MOST_VARIED = 10
_PER_STEP = 0.01
"""Loss (units of ln) that a whole step away from the optimum counts as, beside its slope there."""


@dataclass(frozen=True)
class Steps:
    """The steps of radii and thicknesses, and of dopants in mol% of the cation sites; 0 does not round."""

    thickness_nm: float = 0.0
    mol_percent: float = 0.0


AS_IT_IS = Steps()


def on_grid(
    thickness_nm: np.ndarray,
    fraction: np.ndarray,
    slope: np.ndarray,
    curvature: np.ndarray,
    bounds: Bounds,
    steps: Steps,
    count: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The `count` most promising neighbours of a design on the grid, best first; the design itself where none fits.

    Every free number goes to the step below or above it; combinations are ordered by the change of the loss to second
    order plus a little for the distance. `slope` (n,) and `curvature` (n, n), n = layers + layers x ions: derivatives
    of the loss with respect to every thickness (per nm) and fraction. The curvature keeps the numbers together that an
    optimum on a ridge has bound to each other.
    """
    values = np.concatenate([thickness_nm, fraction.ravel()])
    low = np.concatenate([bounds.thickness_low_nm, bounds.fraction_low.ravel()])
    high = np.concatenate([bounds.thickness_high_nm, bounds.fraction_high.ravel()])
    by_kind = np.full(thickness_nm.size, steps.thickness_nm), np.full(fraction.size, 0.01 * steps.mol_percent)
    step = np.concatenate(by_kind)
    moving = np.flatnonzero((high > low) & (step > 0.0))
    matters = {int(i) for i in moving[np.argsort(-np.abs(slope[moving] * step[moving]))][:_MOST_VARIED]}
    strengths, directions = np.linalg.eigh(curvature[np.ix_(moving, moving)])
    bent = (directions * np.maximum(strengths, 0.0)) @ directions.T
    both, options = [], []
    for i in moving:
        grid = step[i] * np.array([np.floor(values[i] / step[i]), np.ceil(values[i] / step[i])])
        inside = np.unique(grid[(grid >= low[i] * (1 - 1e-9)) & (grid <= high[i] * (1 + 1e-9))])
        inside = inside if inside.size else values[i : i + 1]
        nearest = inside[np.argmin(np.abs(inside - values[i]))]
        both.append(inside)
        options.append(inside if int(i) in matters else np.array([nearest]))

    def fitting(corners: Iterable[Sequence[float]]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        found = []
        for corner in corners:
            moved = values.copy()
            moved[moving] = np.clip(corner, low[moving], high[moving])
            sizes, shares = moved[: thickness_nm.size], moved[thickness_nm.size :].reshape(fraction.shape)
            if not bounds.keeps_totals(sizes, shares):
                continue
            away = moved[moving] - values[moving]
            change = slope[moving] @ away + 0.5 * away @ bent @ away
            found.append((float(change + _PER_STEP * np.sum((away / step[moving]) ** 2)), sizes, shares))
        return sorted(found, key=lambda one: one[0])

    # Where the nearest of many break a total, shares that all go down and sizes of either kind may keep it.
    downwards = (one if i < thickness_nm.size else one[:1] for i, one in zip(moving, both, strict=True))
    found = fitting(itertools.product(*options)) or fitting(itertools.product(*downwards))
    return [(sizes, shares) for _, sizes, shares in found[:count]] or [(thickness_nm, fraction)]
