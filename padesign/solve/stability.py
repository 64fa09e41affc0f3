"""Threshold from linear stability of the unexcited particle, and an estimate of S there, without a power curve.

The unexcited particle is the pump-off state p0 of each ion, which may fill several levels (a third of Eu is in 7F1 at
295 K). With p0 frozen, what comes on top of it obeys de/dt = B e + source with B = B0 + I B1 for all levels but the
lowest: an excess of the lowest level is none, one of a thermal level relaxes into it. Off-diagonal elements of B are
non-negative, so its growth rate (eigenvalue of largest real part) is real with non-negative vectors (Perron-Frobenius),
and the particle avalanches where it first rises through zero. Freezing leaves out that partners drain p0, as it does
with a ground level alone.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from padesign.kinetics.network import RateNetwork
from padesign.solve.steady import eliminated, pump_off_equilibrium
from padesign.types import Scalar

_SCAN_POINTS = 56
_BISECTIONS = 8
_NEWTON_STEPS = 5
_NODA_STEPS = 30


class ExcitedSystem(NamedTuple):
    """de/dt = (at_rest + I per_irradiance) e + I source about the pump-off state; s^-1 and s^-1 per W cm^-2."""

    at_rest: Float[Array, "n_excited n_excited"]
    per_irradiance: Float[Array, "n_excited n_excited"]
    source_per_irradiance: Float[Array, " n_excited"]

    def matrix(self, log_irradiance: Scalar) -> Float[Array, "n_excited n_excited"]:
        return self.at_rest + jnp.exp(log_irradiance) * self.per_irradiance

    def source(self, log_irradiance: Scalar) -> Float[Array, " n_excited"]:
        return jnp.exp(log_irradiance) * self.source_per_irradiance


class Threshold(NamedTuple):
    """`log_irradiance`: ln(W cm^-2) of the first upward zero of the growth rate, meaningful where `exists`.

    `margin`: growth rate at the highest power over the decay rate of the slowest mode in the dark: negative without
    an avalanche, about -1 when light does nothing, rising to 0 where the particle would avalanche; 0 where `exists`.
    `slope_estimate`: S of the emission at threshold from the normal form, meaningful where `exists`, `curvature_per_s`
    > 0 and the emission is linear in the slow mode; with a negative curvature the avalanche starts below this power,
    with or without a fold.
    """

    log_irradiance: Scalar
    exists: Bool[Array, ""]
    margin: Scalar
    slope_estimate: Scalar
    curvature_per_s: Scalar


def excited_levels(network: RateNetwork) -> np.ndarray:
    """Indices of every unknown that is not the first level of its ion."""
    keep, start = [], 0
    for dark in network.dark:
        cells, levels = dark.shape[0], dark.shape[1]
        block = start + np.arange(cells * levels).reshape(cells, levels)
        keep.append(block[:, 1:].ravel())
        start += cells * levels
    return np.concatenate(keep)


def excited_system(network: RateNetwork) -> ExcitedSystem:
    """The linear problem about the pump-off state."""
    keep = excited_levels(network)
    rest = pump_off_equilibrium(network)
    n = network.n_unknowns
    dark, bright, source = [], [], []
    start = 0
    blocks = zip(network.dark, network.pump, network.transfer, network.split(rest), strict=True)
    for d, w, t, held in blocks:
        cells, levels = held.shape
        gained = jnp.einsum("xabk,xb->xak", t, held)
        for rates, by_partners, into in ((d + t @ rest, gained, dark), (w, jnp.zeros_like(gained), bright)):
            own = rates - jnp.eye(levels) * rates.sum(axis=1)[:, None, :]
            columns = start + np.arange(cells)[:, None] * levels + np.arange(levels)
            rows = by_partners.at[
                np.arange(cells)[:, None, None], np.arange(levels)[None, :, None], columns[:, None, :]
            ].add(own)
            into.append(rows.reshape(cells * levels, n))
        source.append(jnp.einsum("xab,xb->xa", w, held).ravel())
        start += cells * levels
    pick = np.ix_(keep, keep)
    return ExcitedSystem(jnp.concatenate(dark)[pick], jnp.concatenate(bright)[pick], jnp.concatenate(source)[keep])


def growth_rate(matrix: Float[Array, "n n"]) -> tuple[Scalar, Float[Array, " n"]]:
    """Growth rate and its non-negative right vector by Noda's inverse iteration (Numer. Math. 17, 382 (1971)).

    The start is the response to a uniform source, slightly shifted so that a matrix exactly at threshold is no trouble.
    """
    n = matrix.shape[0]

    def step(state: tuple) -> tuple:
        x, bound, _, k = state
        first = k == 0
        margin = jnp.where(first, 0.0, bound) * (1 + jnp.sign(bound) * 1e-12)
        margin = jnp.where(first, 1e-9 * jnp.max(jnp.abs(matrix)), margin)
        y = jnp.abs(eliminated(margin * jnp.eye(n) - matrix, x[:, None])[:, 0])
        y = y / jnp.max(y) + 1e-40
        ratio = matrix @ y / y
        new_bound = jnp.max(jnp.where((y > 1e-30) | first, ratio, -jnp.inf))
        usable = jnp.isfinite(new_bound) & jnp.all(jnp.isfinite(y))
        change = jnp.where(first, jnp.inf, jnp.abs(new_bound - bound))
        better = usable & (new_bound < bound)
        return (
            jnp.where(usable, y, x),
            jnp.where(better, new_bound, bound),
            jnp.where(usable, change, 0.0),
            k + 1,
        )

    def unfinished(state: tuple) -> Array:
        _, bound, change, k = state
        return (k <= _NODA_STEPS) & (change > 1e-10 * jnp.abs(bound))

    infinite = jnp.asarray(jnp.inf)
    start = (jnp.ones(n), jnp.asarray(jnp.finfo(float).max), infinite, jnp.asarray(0))
    x, bound, _, _ = jax.lax.while_loop(unfinished, step, start)
    return bound, x


def _growth_vectors(matrix: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Left and right vectors of the growth rate, left.right = 1; left.B.right is the rate and its derivative exact."""
    right, left = jax.lax.map(lambda B: growth_rate(B)[1], jnp.stack([matrix, matrix.T]))
    return left / (left @ right), right


def _is_stable(matrix: Float[Array, "n n"]) -> Bool[Array, ""]:
    """True where the growth rate is negative: then -B has a non-negative inverse (it is an M-matrix)."""
    return jnp.all(eliminated(-matrix, jnp.ones((matrix.shape[0], 1))) >= 0.0)


class _Search(NamedTuple):
    """`low` is stable and `high` not, once `found`; until then `low` climbs the scan."""

    low: Scalar
    high: Scalar
    found: Array
    steps: Array


def _bracket(system: ExcitedSystem, lowest: Scalar, highest: Scalar) -> _Search:
    """The first power of an even scan at which the particle is unstable and the one before, then some bisections."""
    spacing = (highest - lowest) / (_SCAN_POINTS - 1)

    def look(at: _Search) -> _Search:
        power = jnp.where(at.found, 0.5 * (at.low + at.high), at.high)
        stable = _is_stable(system.matrix(power))
        above = jnp.where(at.found, at.high, power + spacing)
        return _Search(
            jnp.where(stable, power, at.low),
            jnp.where(stable, above, power),
            at.found | ~stable,
            jnp.where(at.found, at.steps + 1, at.steps),
        )

    def unfinished(at: _Search) -> Array:
        return jnp.where(at.found, at.steps < _BISECTIONS, at.high <= highest + 0.5 * spacing)

    return jax.lax.while_loop(unfinished, look, _Search(lowest, lowest, jnp.asarray(False), jnp.asarray(0)))


def find_threshold(
    network: RateNetwork,
    emission_weights: Float[Array, " n_unknowns"],
    log_irradiance_min: Scalar,
    log_irradiance_max: Scalar,
) -> Threshold:
    """First power between the limits where the unexcited particle becomes unstable; first derivatives are exact.

    A particle that is unstable at the lower limit already gets the lower limit.
    """
    system = excited_system(network)
    frozen = jax.lax.stop_gradient(system)
    found = _bracket(frozen, log_irradiance_min, log_irradiance_max)
    exists = found.found

    def refine(k: Array, state: tuple) -> tuple:
        """Newton for growth rate 0; the first round is the particle in the dark, which the margin is measured in."""
        lam, _, dark, _ = state
        in_dark = k == 0
        B = jnp.where(in_dark, frozen.at_rest, frozen.matrix(lam))
        left, right = _growth_vectors(B)
        by_log = jnp.exp(lam) * (left @ frozen.per_irradiance @ right)
        moved = jnp.clip(lam - left @ B @ right / by_log, found.low, found.high)
        here = jnp.stack([left, right])
        move = exists & ~in_dark & (k <= _NEWTON_STEPS)
        return jnp.where(move, moved, lam), here, jnp.where(in_dark, here, dark), by_log

    nothing = jnp.zeros((2, frozen.at_rest.shape[0]))
    start = (jnp.where(exists, found.low, log_irradiance_max), nothing, nothing, jnp.asarray(1.0))
    rounds = jnp.where(exists, _NEWTON_STEPS, 0) + 2
    solved = jax.lax.fori_loop(0, rounds, refine, start)
    lam, (left, right), (dark_left, dark_right), by_log = jax.lax.stop_gradient(solved)
    change = left @ system.matrix(lam) @ right
    attached = lam - jnp.where(exists, (change - jax.lax.stop_gradient(change)) / by_log, 0.0)
    margin = jnp.where(exists, 0.0, change / jnp.abs(dark_left @ system.at_rest @ dark_right))
    slope, curvature = _slope_estimate(network, system, emission_weights, attached, left, right)
    return Threshold(attached, exists, margin, slope, curvature)


def _attach_vector(matrix: Array, vector: Array) -> Array:
    """The null vector with exact first derivatives, its largest component held fixed."""
    n = vector.shape[0]
    pin = jnp.zeros(n).at[jnp.argmax(vector)].set(1.0)
    fixed = jax.lax.stop_gradient(matrix)
    bordered = jnp.block([[fixed, -vector[:, None]], [pin[None, :], jnp.zeros((1, 1))]])
    change = jnp.append((matrix - fixed) @ vector, 0.0)
    return vector - _scaled_solve(bordered, change)[:n]


def _scaled_solve(matrix: Array, right: Array) -> Array:
    """Solve with rows scaled to one: the rates of a network differ by many decades."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(matrix), axis=1))
    return jnp.linalg.solve(matrix / scale[:, None], right / scale)


def _slope_estimate(
    network: RateNetwork,
    system: ExcitedSystem,
    emission_weights: Array,
    lam: Scalar,
    left: Array,
    right: Array,
) -> tuple[Scalar, Scalar]:
    """S ~ 1/2 + lam'/(2 sqrt(c s0)) + d ln r_em / d ln I from the normal form da/dt = lam a + s0 - c a^2."""
    keep = excited_levels(network)
    matrix, pumped = system.matrix(lam), jnp.exp(lam) * system.per_irradiance
    n = matrix.shape[0]
    right, left = _attach_vector(matrix, right), _attach_vector(matrix.T, left)
    left = left / (left @ right)
    by_log = left @ pumped @ right
    pin = jnp.zeros(n).at[jnp.argmax(right)].set(1.0)
    bordered = jnp.block([[matrix, -right[:, None]], [pin[None, :], jnp.zeros((1, 1))]])
    turn = _scaled_solve(bordered, jnp.append(-pumped @ right, 0.0))[:n]

    embed = jnp.zeros((network.n_unknowns, n)).at[keep, np.arange(n)].set(1.0)
    full = embed @ right
    rest = pump_off_equilibrium(network)
    split = zip(network.split(full), network.split(rest), strict=True)
    drained = [excess.sum(axis=1, keepdims=True) * held for excess, held in split]
    direction = full - jnp.concatenate([block.ravel() for block in drained])

    def derivative(amount: Scalar) -> Array:
        p = rest + amount * direction
        return network.derivative_per_s(p, jnp.exp(lam))[keep]

    def first(amount: Scalar) -> Array:
        return jax.jvp(derivative, (amount,), (1.0,))[1]

    second = jax.jvp(first, (0.0,), (1.0,))[1]
    curvature = -0.5 * (left @ second)
    source = left @ system.source(lam)
    weights = emission_weights[keep]
    bright = weights @ right
    by_emission = (weights @ turn) / jnp.where(bright > 0.0, bright, 1.0)
    product = jnp.maximum(curvature * source, 1e-30)
    return 0.5 + by_log / (2.0 * jnp.sqrt(product)) + by_emission, curvature
