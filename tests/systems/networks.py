"""Rate networks with random rates, and exact stationary distributions in rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import jax.numpy as jnp
import numpy as np

from padesign.kinetics.network import RateNetwork


def random_network(rng: np.random.Generator, shape: Sequence[tuple[int, int]], sparse: float = 0.3) -> RateNetwork:
    """Species with (cells, levels) each; rates over eight decades, a share of them zero, every level decays."""
    unknowns = sum(cells * levels for cells, levels in shape)

    def draw(size: tuple[int, ...], low: float, high: float, share: float) -> np.ndarray:
        return np.where(rng.uniform(size=size) < share, 0.0, 10.0 ** rng.uniform(low, high, size))

    dark, pump, transfer = [], [], []
    for cells, levels in shape:
        off = 1.0 - np.eye(levels)
        rates = draw((cells, levels, levels), -1.0, 7.0, sparse)
        rates[:, 0, :] = np.maximum(rates[:, 0, :], 1.0)
        upward = np.tril(np.ones((levels, levels)), -1)
        dark.append(jnp.asarray(np.where(upward > 0, 1e-9 * rates, rates) * off))
        pump.append(jnp.asarray(draw((cells, levels, levels), -9.0, 0.0, sparse) * off))
        transfer.append(jnp.asarray(draw((cells, levels, levels, unknowns), -1.0, 5.0, 0.7) * off[None, :, :, None]))
    labels = tuple(
        f"S{s}:{k}@{x}" for s, (cells, levels) in enumerate(shape) for x in range(cells) for k in range(levels)
    )
    return RateNetwork(tuple(dark), tuple(pump), tuple(transfer), labels)


def random_populations(
    rng: np.random.Generator, shape: Sequence[tuple[int, int]], decades: float, top: str
) -> np.ndarray:
    """Normalised populations spread over `decades`, the largest in the ground level, the last or any one."""
    blocks = []
    for cells, levels in shape:
        block = 10.0 ** rng.uniform(-decades, -1.0, (cells, levels))
        largest = {"ground": np.zeros(cells, int), "excited": np.full(cells, levels - 1)}.get(
            top, rng.integers(levels, size=cells)
        )
        block[np.arange(cells), largest] = 3.0
        blocks.append((block / block.sum(axis=1, keepdims=True)).ravel())
    return np.concatenate(blocks)


def exact_stationary(rates: np.ndarray) -> list[Fraction]:
    """Stationary distribution of a chain with rates [to, from], by elimination in rational numbers."""
    n = rates.shape[0]
    matrix = [[Fraction(float(rates[a, b])) for b in range(n)] for a in range(n)]
    for b in range(n):
        matrix[b][b] = -sum(matrix[a][b] for a in range(n) if a != b)
    rows = [[*row, Fraction(0)] for row in matrix[:-1]] + [[Fraction(1)] * (n + 1)]
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(n):
            if i != k and rows[i][k] != 0:
                factor = rows[i][k] / rows[k][k]
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [rows[k][n] / rows[k][k] for k in range(n)]
