"""One descent along gradients: L-BFGS by default, Adam on request, broken off when it is of no use any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
import optax
from scipy.optimize import minimize

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Loss and gradient at a flat point."""

_RUNGS: Mapping[int, float] = MappingProxyType({4: 0.4, 8: 0.15, 16: 0.05, 32: 0.02})
"""Evaluations after which a descent is compared with the best one so far, and how far above it (in ln) it may be then:
what descents of the quickstart still gained after so many."""
_HOPE = 2.0
"""Beside that, a descent may gain this many times what the best one gained from the same evaluation on."""
_FARTHEST = 8.0
"""Limit of the unconstrained numbers: 0.03 % of a range is left on either side."""
_MEMORY = 6
_STALL_OVER = 4
_CLIP = 5.0


class _Over(Exception):
    """The descent has ended."""


@dataclass
class Descent:
    """A descent so far. `lowest[n]` is the smallest loss among the first n + 1 evaluations."""

    point: np.ndarray
    loss: float = np.inf
    gradient: np.ndarray | None = None
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

    Ends early when four evaluations together gained less than `stall`, or when it is `hopeless` beside `rival`.
    L-BFGS with a line search (scipy's L-BFGS-B); with a `learning_rate` Adam, which neither stalls nor needs a smooth
    loss. A loss or gradient without a number ends Adam and shortens the step of a line search.
    """
    found = Descent(np.asarray(start, dtype=float))

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
        if learning_rate is None and len(lowest) > _STALL_OVER and lowest[-1 - _STALL_OVER] - lowest[-1] < stall:
            raise _Over("stalled")
        return (float(loss), gradient) if sound else (found.loss + 10.0, np.zeros_like(x))

    try:
        if learning_rate is None:
            limits = [(-_FARTHEST, _FARTHEST)] * found.point.size
            options = {"maxcor": _MEMORY, "maxfun": evaluations, "ftol": 0.0, "gtol": 1e-6}
            minimize(watched, found.point, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        else:
            _adam(watched, found.point, learning_rate)
        found.ended_because = "converged"
    except _Over as end:
        found.ended_because = str(end)
    return found


def _adam(function: Function, start: np.ndarray, learning_rate: float) -> None:
    optimiser = optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(learning_rate))
    x = jnp.asarray(start)
    state = optimiser.init(x)
    while True:
        _, gradient = function(np.asarray(x))
        updates, state = optimiser.update(jnp.asarray(gradient), state)
        x = jnp.asarray(optax.apply_updates(x, updates))
