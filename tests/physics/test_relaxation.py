"""The slowest mode of a bistable particle near its fold, beside a species whose sums are known only to rounding."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.text import parse_network
from padesign.observables.relaxation import relaxation_time_s
from tests.systems.avalanche import BISTABLE

FAST = 1e18
"""Rates of a spectator in 1/s: the eigenvalue of its conserved sum is zero only to some 100 per second."""


def time_s(excited: float) -> float:
    levels = {**BISTABLE.levels, "Z": ("0", "1", "2")}
    lines = [*BISTABLE.lines, f"Z:1 -> Z:0 @ {FAST} 1/s", f"Z:0 -> Z:1 @ {0.3 * FAST} 1/s"]
    lines += [f"Z:2 -> Z:1 @ {0.7 * FAST} 1/s", f"Z:1 -> Z:2 @ {0.9 * FAST} 1/s"]
    network = parse_network(levels, lines).network(BISTABLE.wavelength_nm).network
    point = BISTABLE.at_excited(excited)
    spectator = np.array([1.0, 0.3, 0.3 * 0.9 / 0.7])
    ions = [1.0 - point.n2 - point.n3, point.n2, point.n3]
    populations = [*ions, point.free_quencher, 1.0 - point.free_quencher, *(spectator / spectator.sum())]
    state = {name: value for name, value in zip(_names(levels), populations, strict=True)}
    u = jnp.log(jnp.array([state[label.split("@")[0]] for label in network.labels]))
    assert float(jnp.abs(network.residual(u, jnp.log(point.irradiance_W_per_cm2))).max()) < 1e-9
    return relaxation_time_s(network, u, jnp.log(point.irradiance_W_per_cm2))


def _names(levels: dict[str, tuple[str, ...]]) -> list[str]:
    return [f"{ion}:{level}" for ion, ids in levels.items() for level in ids]


@pytest.mark.parametrize("end", [0, 1])
def test_the_slow_mode_of_a_fold_is_not_taken_for_a_conserved_sum(end: int) -> None:
    """Its rate goes through zero with the distance along the curve: stable outside the folds, growing between them."""
    x = BISTABLE.folds()[end][0]
    outward = -1.0 if end == 0 else 1.0
    near, nearer = (time_s(x * math.exp(outward * step)) for step in (1e-3, 1e-4))
    assert near > 0.02 and nearer / near == pytest.approx(10.0, rel=0.1)
    assert time_s(x * math.exp(-outward * 1e-4)) == math.inf
    assert time_s(x * math.exp(-outward * 1e-3)) == math.inf
