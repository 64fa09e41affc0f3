"""Hops from ion to ion are diffusion: distances, an absorbing surface and the law of concentration."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.network import RateNetwork
from padesign.kinetics.particle_network import particle_model
from tests.systems.particles import build, geometry, signature
from tests.systems.solving import steady_state

MIGRATION_CELLS = 24
MIGRATION = signature(["Yb"], [[True]] * MIGRATION_CELLS, [1] * MIGRATION_CELLS, surface=False)


class Migration(NamedTuple):
    """Yb in a sphere of equally thick cells: edges (cells + 1,), ions (cells,), D = 3.4 C6 n^(4/3), transfer rates."""

    edges_nm: np.ndarray
    ions: np.ndarray
    D_nm2_per_s: float
    transfer: jax.Array

    def excited(self, decay_per_s: np.ndarray, excited_per_s: np.ndarray) -> np.ndarray:
        """Steady excited share (cells,) of Yb that decays and is excited at these small rates (cells,)."""
        none = jnp.zeros((MIGRATION_CELLS, 2, 2))
        dark, pump = none.at[:, 0, 1].set(decay_per_s), none.at[:, 1, 0].set(excited_per_s)
        network = RateNetwork((dark,), (pump,), (self.transfer,), particle_model(MIGRATION).labels)
        return steady_state(network, 1.0).reshape(-1, 2)[:, 1]


def migration(radius_nm: float, yb_percent: float) -> Migration:
    edges = np.linspace(0.0, radius_nm, MIGRATION_CELLS + 1)
    light, rates = build(MIGRATION, geometry(np.diff(edges), [[yb_percent]] * MIGRATION_CELLS))
    (C6,) = np.asarray(rates.C6_nm6_per_s)[particle_model(MIGRATION).processes.exchange]
    D = 2 * math.pi / 3 * (4 * math.pi / 3) ** (1 / 3) * C6 * float(rates.density_nm3[0, 0]) ** (4 / 3)
    return Migration(edges, np.asarray(light.ions_in_cell[0]), D, light.network.transfer[0])


# Cells of 4, 1 and 0.5 nm.
@pytest.mark.parametrize(("radius_nm", "tolerance"), [(96.0, 0.01), (24.0, 0.03), (12.0, 0.05)])
def test_an_excitation_migrates_as_far_as_the_diffusion_constant_says(radius_nm: float, tolerance: float) -> None:
    """Excited at the centre only and decaying at k, excitations lie at <r^2> = 6 D/k from where they began.

    With these cells <r^2> is off by +0.4, -2.5 and -4.0 %: a tolerance of the join of hops and diffusion in cells.
    """
    yb = migration(radius_nm, 2.0)
    low, high = yb.edges_nm[:-1], yb.edges_nm[1:]
    length = 0.1 * radius_nm
    decay = yb.D_nm2_per_s / length**2 * np.ones(len(low))
    share = yb.excited(decay, 1e-6 * decay * (low == 0.0))
    square = 0.6 * (high**5 - low**5) / (high**3 - low**3)
    moved = float(yb.ions * share @ square / (yb.ions @ share)) - square[0]
    assert abs(moved / (6.0 * length**2) - 1.0) < tolerance


def test_an_absorbing_surface_takes_what_diffusion_brings() -> None:
    """Excited everywhere, p = 1 - (R/r) sinh(r/L)/sinh(R/L) with L = sqrt(D/k), R the middle of the last cell."""
    yb = migration(96.0, 2.0)
    low, high = yb.edges_nm[:-1], yb.edges_nm[1:]
    L, R = 20.0, 0.5 * (low[-1] + high[-1])
    decay = yb.D_nm2_per_s / L**2 * np.ones(len(low))
    inside = np.arange(len(low)) < len(low) - 1
    share = yb.excited(np.where(inside, decay, 1e12), 1e-6 * decay * inside)[:-1] / 1e-6

    def ball(r: np.ndarray) -> np.ndarray:
        return r**3 / 3.0 - R / math.sinh(R / L) * (L * r * np.cosh(r / L) - L**2 * np.sinh(r / L))

    expected = np.diff(ball(yb.edges_nm[:-1])) / np.diff(yb.edges_nm[:-1] ** 3 / 3.0)
    assert expected.min() < 0.2 and expected.max() > 0.9
    assert np.abs(share - expected).max() < 0.01
    lost = [1.0 - float(yb.ions[:-1] @ p) / float(yb.ions[:-1].sum()) for p in (share, expected)]
    assert lost[0] == pytest.approx(lost[1], rel=0.02)


def test_migration_goes_with_the_four_thirds_power_of_the_concentration() -> None:
    few, many = migration(96.0, 0.5), migration(96.0, 2.0)
    ratio = float(many.transfer[0, 0, 1, 2] / few.transfer[0, 0, 1, 2])
    assert ratio == pytest.approx(4.0 ** (4 / 3), rel=1e-4)
