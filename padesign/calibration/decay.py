"""How a level empties after a short pulse among ions at random sites, and what is read off the trace.

The hopping theory behind `transfer_law` has a donor among the acceptors around it lose its excitation as
exp(-k t - gamma sqrt(t)) and forget its surroundings at the rate W. A stretched exponential is a mixture of plain ones:
exp(-gamma sqrt(t)) is the mean of exp(-w t) with w = gamma^2/(2 z^2), z normal (the Levy distribution). With classes of
donors by w, hopping is a change of class, the problem is a symmetric matrix and a decay a sum of exponentials
(A. I. Burshtein, Sov. Phys. JETP 35, 882 (1972)). Its integral is exactly 1/(k + transfer) of the law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from padesign.spectroscopy.special import hopping_gain
from padesign.types import ScalarLike

CLASSES, TIMES = 48, 240
SPAN_s = 1e-7, 0.1
"""Where the maximum of a trace is looked for."""
_REACH = 1e-4, 6.0
"""Classes by z, even in its logarithm: hopping empties those below sqrt(2) x, which can be few."""
_FASTEST = 2e4
"""Quickest class over that at z = 1: donors that go at once, with room for the other eigenvalues in 64 bits."""
_NEWTON = 30


class Decay(NamedTuple):
    """sum of `share` (n,) exp(-`rate_per_s` (n,) t); the shares add up to 1."""

    share: Array
    rate_per_s: Array

    def at(self, time_s: ScalarLike) -> Array:
        """What is left after a time."""
        return jnp.sum(self.share * jnp.exp(-self.rate_per_s * time_s))

    @property
    def integral_s(self) -> Array:
        """The mean lifetime."""
        return jnp.sum(self.share / self.rate_per_s)


def decay_of(loss_per_s: ScalarLike, transfer_per_s: ScalarLike, hopping_per_s: ScalarLike) -> Decay:
    """The decay with loss k, hopping W and, by its integral, the transfer rate of the law, all positive."""
    loss, transfer, hopping = (jnp.asarray(rate, dtype=float) for rate in (loss_per_s, transfer_per_s, hopping_per_s))
    renewal = loss + hopping
    x = _strength(transfer / renewal)
    nodes, weights = np.polynomial.legendre.leggauss(CLASSES)
    low, high = jnp.log(_REACH[0] * jnp.minimum(x, 1.0)), math.log(_REACH[1])
    z = jnp.exp(low + 0.5 * (high - low) * (nodes + 1.0))
    share = weights * z * jnp.exp(-0.5 * z**2)
    share = share / share.sum()
    root = jnp.sqrt(share)
    quick = 2.0 * (x / z) ** 2
    quick = quick / (1.0 + quick / (_FASTEST * (1.0 + 2.0 * x**2)))
    matrix = jnp.diag(renewal * (1.0 + quick)) - hopping * jnp.outer(root, root)
    rates, modes = jnp.linalg.eigh(matrix)
    return Decay((root @ modes) ** 2, rates)


def one_over_e_s(decay: Decay) -> Array:
    """Time to 1/e of the start, by bisection of its logarithm and one step of Newton that carries the derivative."""
    frozen = jax.lax.stop_gradient(decay)
    middle = jnp.log(frozen.integral_s)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        mean = 0.5 * (ends[0] + ends[1])
        late = frozen.at(jnp.exp(mean)) < math.exp(-1.0)
        return jnp.where(late, ends[0], mean), jnp.where(late, mean, ends[1])

    low, high = jax.lax.fori_loop(0, 60, halve, (middle - 12.0, middle + 3.0))
    time = jnp.exp(0.5 * (low + high))
    slope = jnp.sum(frozen.share * frozen.rate_per_s * jnp.exp(-frozen.rate_per_s * time))
    return time + (decay.at(time) - math.exp(-1.0)) / slope


def integral_over_maximum_s(decay: Decay, feed: Decay, prompt: float) -> Array:
    """Integral of a trace that is 1 at its maximum.

    A share `prompt` of the trace's height is there at once; the rest rises while the level above, `feed`, empties into
    this one. When all of it is prompt, it is the mean lifetime.
    """
    if prompt >= 1.0:
        return decay.integral_s
    slow, fast = decay.rate_per_s[:, None], feed.rate_per_s[None, :]
    weight = decay.share[:, None] * feed.share[None, :] * fast

    def fed(time: Array) -> Array:
        apart = jnp.abs(fast - slow) * time
        share = jnp.where(apart > 1e-8, -jnp.expm1(-apart) / jnp.where(apart > 1e-8, apart, 1.0), 1.0)
        return jnp.sum(weight * time * jnp.exp(-jnp.minimum(slow, fast) * time) * share)

    top = _top(fed)
    whole = prompt * decay.integral_s + (1.0 - prompt) * decay.integral_s / top
    return whole / jnp.maximum(_top(lambda time: prompt * decay.at(time) + (1.0 - prompt) * fed(time) / top), prompt)


def _top(curve: Callable[[Array], Array]) -> Array:
    """Maximum of a curve, that of the parabola through the highest point of a grid and its neighbours.

    Only these three are differentiated.
    """
    times = jnp.asarray(np.geomspace(*SPAN_s, TIMES))
    k = jnp.argmax(jax.lax.stop_gradient(jax.vmap(curve)(times)))
    before, at, after = jax.vmap(curve)(jax.lax.dynamic_slice(times, (jnp.clip(k, 1, TIMES - 2) - 1,), (3,)))
    bend = before - 2.0 * at + after
    return at - (after - before) ** 2 / (8.0 * jnp.where(bend < 0.0, bend, -1.0))


def _strength(ratio: Array) -> Array:
    """x with sqrt(pi) x erfcx(x) = q and q/(1-q) = ratio, by Newton in ln x on ln of x gain(x) sqrt(pi) = ratio."""
    target = jnp.log(ratio)
    start = jnp.where(ratio < 1.0, target - 0.5 * math.log(math.pi), 0.5 * (target - math.log(2.0)))

    def step(ln_x: Array, _: None) -> tuple[Array, None]:
        value, slope = jax.value_and_grad(lambda y: y + jnp.log(hopping_gain(jnp.exp(y))))(ln_x)
        return ln_x - (value + 0.5 * math.log(math.pi) - target) / slope, None

    ln_x, _ = jax.lax.scan(step, start, None, length=_NEWTON)
    return jnp.exp(ln_x)
