"""Design spaces and their unconstrained variables: every design keeps every limit, and choices become limits."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from padesign.design.space import (
    ABSENT,
    PRESENT,
    Choice,
    DesignSpace,
    DopantSpace,
    Fixed,
    Free,
    LayerSpace,
    Value,
)
from padesign.design.transforms import Unconstrained, forward, inverse, start_point
from padesign.errors import InputError
from padesign.particle.layers import Layer, Particle

SPACE = DesignSpace(
    layers=(
        LayerSpace(
            "core",
            ("beta-NaYF4",),
            Free(5.0, 10.0, 8.5),
            (DopantSpace("Tm", Free(2.0, 60.0, 8.0)), DopantSpace("Yb", Free(10.0, 90.0))),
        ),
        LayerSpace(
            "active",
            ("beta-NaYF4", "beta-NaGdF4"),
            Free(1.0, 4.0),
            (DopantSpace("Tm", Choice((0.5, 1.0))), DopantSpace("Yb", Free(1.0, 80.0), optional=True)),
            optional=True,
        ),
        LayerSpace("inert", ("beta-NaYF4",), Choice((2.0, 5.0))),
    ),
    wavelengths_nm=(1064.0, 1450.0),
    max_diameter_nm=32.0,
)
FIRST = {name: options[0] for name, options in SPACE.choices.items()}
DESIGNS = [dict(zip(SPACE.choices, picked, strict=True)) for picked in itertools.product(*SPACE.choices.values())]


def test_the_choices_are_what_was_written() -> None:
    assert SPACE.choices == {
        "wavelength_nm": (1064.0, 1450.0),
        "active": (PRESENT, ABSENT),
        "active.host": ("beta-NaYF4", "beta-NaGdF4"),
        "active.Tm": (0.5, 1.0),
        "active.Yb": (PRESENT, ABSENT),
        "inert.thickness_nm": (2.0, 5.0),
    }
    assert SPACE.ions == ("Tm", "Yb")


def test_every_point_of_every_choice_keeps_every_limit() -> None:
    """Radius within the largest diameter, at most 100 mol% a layer, each number between its limits."""
    rng = np.random.default_rng(1)
    for choice in DESIGNS:
        bounds = SPACE.bounds(choice)
        for spread in (0.1, 3.0, 30.0):
            z = Unconstrained(jnp.asarray(rng.normal(0, spread, 3)), jnp.asarray(rng.normal(0, spread, (3, 2))))
            shape = forward(z, bounds, 0.5)
            thickness, fraction = np.asarray(shape.thickness_nm), np.asarray(shape.fraction)
            assert 2 * thickness.sum() <= 32.0 * (1 + 1e-12)
            assert fraction.sum(axis=1).max() <= 1.0 + 1e-12
            for value, low, high in (
                (thickness, bounds.thickness_low_nm, bounds.thickness_high_nm),
                (fraction, bounds.fraction_low, bounds.fraction_high),
            ):
                assert np.all(value >= low - 1e-12) and np.all(value <= high + 1e-12)


def test_limits_that_bind_are_reached_and_not_passed() -> None:
    """Far out on every axis the particle is exactly as large, and the core exactly as full, as it may be."""
    bounds = SPACE.bounds(FIRST)
    shape = forward(Unconstrained(jnp.full(3, 40.0), jnp.full((3, 2), 40.0)), bounds, 0.5)
    assert float(shape.thickness_nm.sum()) == pytest.approx(16.0, rel=1e-12)
    assert float(shape.fraction[0].sum()) == pytest.approx(1.0, rel=1e-12)
    least = forward(Unconstrained(jnp.full(3, -40.0), jnp.full((3, 2), -40.0)), bounds, 0.5)
    assert np.asarray(least.thickness_nm) == pytest.approx(bounds.thickness_low_nm, rel=1e-12)
    assert np.asarray(least.fraction) == pytest.approx(bounds.fraction_low, rel=1e-12)


def test_the_inverse_undoes_the_transform_on_free_numbers() -> None:
    rng = np.random.default_rng(2)
    for choice in DESIGNS[::5]:
        bounds = SPACE.bounds(choice)
        z = Unconstrained(jnp.asarray(rng.normal(0, 1.2, 3)), jnp.asarray(rng.normal(0, 1.2, (3, 2))))
        shape = forward(z, bounds, 0.5)
        back = inverse(np.asarray(shape.thickness_nm), np.asarray(shape.fraction), bounds)
        again = forward(back, bounds, 0.5)
        assert np.asarray(again.thickness_nm) == pytest.approx(np.asarray(shape.thickness_nm), rel=1e-12)
        assert np.asarray(again.fraction) == pytest.approx(np.asarray(shape.fraction), rel=1e-12, abs=1e-15)
        free = bounds.thickness_high_nm > bounds.thickness_low_nm
        assert np.asarray(back.thickness)[free] == pytest.approx(np.asarray(z.thickness)[free], rel=1e-9)
        free = bounds.fraction_high > bounds.fraction_low
        assert np.asarray(back.fraction)[free] == pytest.approx(np.asarray(z.fraction)[free], rel=1e-9)


def test_choices_become_limits() -> None:
    bounds = SPACE.bounds(FIRST | {"active.Tm": 1.0, "inert.thickness_nm": 5.0})
    assert bounds.thickness_low_nm.tolist() == [5.0, 1.0, 5.0]
    assert bounds.thickness_high_nm.tolist() == [10.0, 4.0, 5.0]
    assert bounds.fraction_low == pytest.approx(np.array([[0.02, 0.1], [0.01, 0.01], [0.0, 0.0]]))
    assert bounds.fraction_high == pytest.approx(np.array([[0.6, 0.9], [0.01, 0.8], [0.0, 0.0]]))
    assert bounds.largest_radius_nm == 16.0


def test_what_is_absent_has_no_thickness_no_fraction_and_no_place_in_the_particle() -> None:
    without_layer = SPACE.bounds(FIRST | {"active": ABSENT})
    assert without_layer.thickness_high_nm[1] == 0.0 and without_layer.fraction_high[1].max() == 0.0
    without_ion = SPACE.bounds(FIRST | {"active.Yb": ABSENT})
    assert without_ion.fraction_high[1].tolist() == [0.005, 0.0]
    shape = forward(start_point(without_layer, np.random.default_rng(0), spread=0.0), without_layer, 0.5)
    particle = SPACE.particle(FIRST | {"active": ABSENT}, np.asarray(shape.thickness_nm), np.asarray(shape.fraction))
    assert [layer.name for layer in particle.layers] == ["core", "inert"]
    shape = forward(start_point(without_ion, np.random.default_rng(0), spread=0.0), without_ion, 0.5)
    choice = FIRST | {"active.Yb": ABSENT, "active.host": "beta-NaGdF4"}
    particle = SPACE.particle(choice, np.asarray(shape.thickness_nm), np.asarray(shape.fraction))
    assert particle.layers[1].host == "beta-NaGdF4"
    assert dict(particle.layers[1].dopants_mol_percent) == pytest.approx({"Tm": 0.5})


def test_a_start_begins_at_the_stated_values_and_in_the_middle_elsewhere() -> None:
    bounds = SPACE.bounds(FIRST)
    shape = forward(start_point(bounds, np.random.default_rng(0), spread=0.0), bounds, 0.5)
    assert np.asarray(shape.thickness_nm) == pytest.approx([8.5, 2.5, 2.0], rel=1e-12)
    assert np.asarray(shape.fraction)[0] == pytest.approx([0.08, 0.5], rel=1e-12)
    assert np.asarray(shape.fraction)[1] == pytest.approx([0.005, 0.405], rel=1e-12)


def test_random_starts_are_different_and_repeatable() -> None:
    bounds = SPACE.bounds(FIRST)
    a, b = (start_point(bounds, np.random.default_rng(seed), spread=np.inf) for seed in (1, 2))
    again = start_point(bounds, np.random.default_rng(1), spread=np.inf)
    assert not np.allclose(a.thickness, b.thickness)
    assert np.array_equal(a.thickness, again.thickness) and np.array_equal(a.fraction, again.fraction)


def test_one_signature_serves_every_choice() -> None:
    """Ions also live in active neighbours, because interfaces mix; an inert layer has no cells."""
    signature = SPACE.signature(2, {})
    assert signature.ions == ("Tm", "Yb")
    assert signature.presence == ((True, True), (True, True), (False, False))
    assert signature.cells_per_layer == (5, 3, 0)
    assert signature.host_slots == (0, 1, 0)
    for choice in DESIGNS:
        assert len(SPACE.slot_hosts(choice)) == 2
        assert SPACE.slot_hosts(choice)[1] == choice["active.host"]


def test_a_layer_has_the_cells_that_it_needs_where_it_is_thickest_and_closest_to_the_surface() -> None:
    def counts(core: Value, shell: Value, optional: bool, largest_nm: float | None = None) -> tuple[int, ...]:
        layers = (
            LayerSpace("core", ("beta-NaYF4",), core, (DopantSpace("Tm", Fixed(8.0)),)),
            LayerSpace("shell", ("beta-NaYF4",), shell, optional=optional),
        )
        return DesignSpace(layers, (1064.0,), largest_nm).signature(2, {}).cells_per_layer

    assert counts(Fixed(8.5), Fixed(5.6), optional=False) == (2, 0)
    assert counts(Fixed(8.5), Choice((5.6, 0.5)), optional=False) == (4, 0)
    assert counts(Fixed(8.5), Fixed(5.6), optional=True) == (5, 0)
    assert counts(Free(3.0, 15.0), Free(0.0, 5.6), optional=False) == (6, 0)
    assert counts(Free(3.0, 15.0), Free(0.0, 5.6), optional=False, largest_nm=20.0) == (5, 0)


def test_mixing_brings_the_neighbours_ions_and_no_mixing_does_not() -> None:
    layers = (
        LayerSpace("core", ("beta-NaYF4",), Fixed(5.0), (DopantSpace("Tm", Fixed(8.0)),)),
        LayerSpace("shell", ("beta-NaYF4",), Fixed(2.0), (DopantSpace("Yb", Fixed(20.0)),)),
        LayerSpace("third", ("beta-NaYF4",), Fixed(2.0), (DopantSpace("Er", Fixed(2.0)),)),
    )
    mixed = DesignSpace(layers, (980.0,)).signature(1, {}).presence
    sharp = DesignSpace(layers, (980.0,), interface_mixing_nm=0.0).signature(1, {}).presence
    assert sharp == ((True, False, False), (False, True, False), (False, False, True))
    assert mixed == ((True, True, False), (True, True, True), (False, True, True))


def test_impossible_spaces_are_refused() -> None:
    small = DesignSpace(SPACE.layers, (1064.0,), max_diameter_nm=12.0)
    with pytest.raises(InputError, match="max_diameter_nm"):
        small.bounds(FIRST)
    full = LayerSpace("core", ("beta-NaYF4",), Fixed(5.0), (DopantSpace("Tm", Fixed(60)), DopantSpace("Yb", Fixed(50))))
    with pytest.raises(InputError, match="100 mol%"):
        DesignSpace((full,), (1064.0,)).bounds({})
    with pytest.raises(InputError, match="no layer holds an ion"):
        DesignSpace((LayerSpace("core", ("beta-NaYF4",), Fixed(5.0)),), (1064.0,)).signature(1, {})


def test_a_fixed_space_holds_exactly_its_particle() -> None:
    particle = Particle((Layer("core", "beta-NaYF4", 8.5, {"Tm": 8.0}), Layer("shell", "beta-NaYF4", 5.6)))
    core = LayerSpace("core", ("beta-NaYF4",), Fixed(8.5), (DopantSpace("Tm", Fixed(8.0)),))
    space = DesignSpace((core, LayerSpace("shell", ("beta-NaYF4",), Fixed(5.6))), (1064.0,))
    assert not space.choices
    bounds = space.bounds({})
    shape = forward(start_point(bounds, np.random.default_rng(0), spread=np.inf), bounds, 0.5)
    again = space.particle({}, np.asarray(shape.thickness_nm), np.asarray(shape.fraction))
    assert again.to_json() == particle.to_json()
