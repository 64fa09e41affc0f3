"""One descent along gradients: quasi-Newton by default, Adam on request, broken off when it is of no use any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
import optax

from padesign.design.trust_region import Function, TrustRegion

_RUNGS: Mapping[int, float] = MappingProxyType({4: 0.4, 8: 0.15, 16: 0.05, 32: 0.02})
"""Evaluations after which a descent is compared with the best one so far, and how far above it (in ln) it may be then:
what descents of the quickstart still gained after so many."""
_HOPE = 2.0
"""Beside that, a descent may gain this many times what the best one gained from the same evaluation on."""
_FARTHEST = 8.0
"""Limit of the unconstrained numbers: 0.03 % of a range is left on either side."""
_FLAT = 1e-6
_STALL_BEYOND = 2
_CLIP = 5.0


class Spent(Exception):
    """Raised by a function that may not be computed any more."""


class _Over(Exception):
    """The descent has ended."""


@dataclass
class Descent:
    """A descent so far. `lowest[n]` is the smallest loss among the first n + 1 evaluations.

    `curvature`: second derivatives of the loss near the end, as far as the descent has felt them.
    """

    point: np.ndarray
    loss: float = np.inf
    gradient: np.ndarray | None = None
    curvature: np.ndarray | None = None
    lowest: list[float] = field(default_factory=list)
    ended_because: str = ""


def hopeless(lowest: Sequence[float], rival: Sequence[float]) -> bool:
    """Whether a descent cannot be expected to come near the end of its rival.

    Asked at a few evaluations only, as in successive halving (Jamieson & Talwalkar, AISTATS 2016), and beside the best
    descent of the search instead of the other half.
    """
    count = len(lowest)
    if count not in _RUNGS or not rival:
        return False
    gained = rival[min(count, len(rival)) - 1] - rival[-1]
    return lowest[-1] - rival[-1] > _RUNGS[count] + _HOPE * gained


def descend(
    function: Function,
    start: np.ndarray,
    *,
    evaluations: int,
    stall: float,
    rival: Sequence[float] = (),
    learning_rate: float | None = None,
) -> Descent:
    """Follow `function` downhill from `start` for at most so many evaluations.

    Ends early when as many evaluations as there are numbers, and two more, gained less than `stall`, or when it is
    `hopeless` beside `rival`. Quasi-Newton steps in a trust region; with a `learning_rate` Adam, which neither stalls
    nor needs a smooth loss. A loss or gradient without a number ends Adam and shortens the step.
    """
    found = Descent(np.asarray(start, dtype=float))
    over = found.point.size + _STALL_BEYOND

    def watched(x: np.ndarray) -> tuple[float, np.ndarray]:
        if len(found.lowest) >= evaluations:
            raise _Over("evaluations used")
        loss, gradient = function(x)
        sound = np.isfinite(loss) and np.isfinite(gradient).all()
        if not sound and (learning_rate is not None or not found.lowest):
            raise _Over("no number")
        if sound and loss < found.loss:
            found.point, found.loss, found.gradient = np.array(x, dtype=float), float(loss), np.array(gradient)
        found.lowest.append(found.loss)
        if hopeless(found.lowest, rival):
            raise _Over("hopeless")
        lowest = found.lowest
        if learning_rate is None and len(lowest) > over and lowest[-1 - over] - lowest[-1] < stall:
            raise _Over("stalled")
        return (float(loss), gradient) if sound else (found.loss + 10.0, np.zeros_like(x))

    region = TrustRegion(found.point, _FARTHEST, _FLAT)
    try:
        if learning_rate is None:
            region.minimise(watched)
        else:
            _adam(watched, found.point, learning_rate)
        found.ended_because = "converged"
    except _Over as end:
        found.ended_because = str(end)
    except Spent:
        found.ended_because = "budget spent"
    found.curvature = region.curvature
    return found


def _adam(function: Function, start: np.ndarray, learning_rate: float) -> None:
    optimiser = optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(learning_rate))
    x = jnp.asarray(start)
    state = optimiser.init(x)
    while True:
        _, gradient = function(np.asarray(x))
        updates, state = optimiser.update(jnp.asarray(gradient), state)
        x = jnp.asarray(optax.apply_updates(x, updates))
