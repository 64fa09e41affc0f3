"""Quenching by defects inside the crystal: its limits, what concentration does to it, and the set that has it."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.defects import defect_loss_per_s
from padesign.kinetics.particle_network import Conditions, Geometry, ProcessRates, Signature, particle_model
from padesign.parameters import load_parameter_set

SURFACE, SHEET, DEFECTS = 3.0e4, 4.0, 1e-5
C6 = SURFACE / SHEET


def loss(defects: float = DEFECTS, migration: float = 0.0, decay: float = 150.0, ions: float = 1.0) -> float:
    return float(defect_loss_per_s(SURFACE, SHEET, defects, migration, decay, ions, 0.387, 0.286))


def test_a_level_at_rest_loses_what_lies_within_the_distance_at_which_a_defect_is_as_quick_as_its_decay() -> None:
    assert loss() == pytest.approx(2.0 * math.pi**2 / 3.0 * DEFECTS * math.sqrt(C6 * 150.0), rel=1e-3)
    assert loss(ions=10.0) == loss(ions=0.1)


def test_hops_quicker_than_the_transfer_to_a_neighbour_give_mean_field() -> None:
    assert loss(migration=1e9) == pytest.approx(4.0 * math.pi * C6 * DEFECTS / (3.0 * 0.286**3), rel=1e-3)


def test_between_these_limits_the_loss_of_a_hopping_level_grows_with_the_density_of_its_ions() -> None:
    """s = (2 pi/3)^3 C_mig n^2, so the loss is proportional to n."""
    assert loss(migration=100.0, decay=0.1, ions=1.0) / loss(migration=100.0, decay=0.1, ions=0.1) == pytest.approx(
        10.0, rel=0.03
    )


def test_it_is_proportional_to_few_defects_and_gone_without_them() -> None:
    assert loss(0.0, migration=8e3) == 0.0
    assert loss(2e-5, migration=8e3) / loss(1e-5, migration=8e3) == pytest.approx(2.0, rel=1e-3)


def bulk(name: str, fraction: float, **more: Any) -> tuple[Any, ProcessRates]:
    chosen = load_parameter_set(name)
    model = particle_model(Signature(("Tm",), ((True,),), (1,), (0,), (name,), 30000.0, False))
    numbers = Geometry(jnp.array([1e4]), jnp.array([[fraction]]), jnp.asarray(0.0))
    conditions = Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))
    light, parts = model.build(numbers, [chosen.values | more], conditions)
    return light.network, parts


def test_the_density_of_the_set_gives_the_loss_that_it_was_derived_from() -> None:
    """Half of 40.65 s^-1 of 3F4 at 8 % Tm (Lee et al. 2021), landing in the ground level."""
    _, parts = bulk("beta-NaYF4_lattice", 0.08)
    assert float(parts.defect_per_s[0][0, 0, 1]) == pytest.approx(0.5 * 40.65, rel=3e-3)


def test_the_network_loses_it_also_where_nothing_is_lost_at_the_surface() -> None:
    (with_them, parts), (without, none) = (
        bulk("beta-NaYF4_lattice", 0.08),
        bulk("beta-NaYF4_lattice", 0.08, **{"defect.density_nm3": 0.0}),
    )
    assert float(none.defect_per_s[0].max()) == 0.0
    assert float(parts.surface_per_s[0].max()) == 0.0
    more = np.asarray(with_them.dark[0] - without.dark[0])
    assert more == pytest.approx(np.asarray(parts.defect_per_s[0]), rel=1e-6, abs=1e-6)


def test_the_literature_has_none() -> None:
    _, parts = bulk("beta-NaYF4_literature", 1.0)
    assert float(parts.defect_per_s[0].max()) == 0.0
