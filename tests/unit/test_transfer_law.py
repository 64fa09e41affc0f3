"""The transfer law: both exact limits of hopping theory, the cap, and the edges of its range."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from padesign.spectroscopy.special import hopping_gain
from padesign.spectroscopy.transfer_law import mean_field_constant_nm3_per_s, transfer_factor

HOP = (2 * math.pi / 3) ** 3
BASE = {
    "channel_sum_C6": 340.0,
    "migration_C6": 2600.0,
    "donor_loss_per_s": 425.0,
    "donor_density_nm3": 0.14,
    "acceptor_density_nm3": 0.14,
    "nearest_distance_nm": 0.387,
    "mean_field_distance_nm": 0.387,
    "acceptor_is_ground": True,
    "acceptor_loss_per_s": 0.0,
    "acceptor_migration_C6": 0.0,
}
_factor = jax.jit(transfer_factor)
_gradient = jax.jit(jax.grad(lambda numbers, ground: transfer_factor(**numbers, acceptor_is_ground=ground)))


def gradient(**change) -> dict[str, float]:
    numbers = {k: jnp.asarray(float(v)) for k, v in (BASE | change).items() if k != "acceptor_is_ground"}
    return {k: float(v) for k, v in _gradient(numbers, (BASE | change)["acceptor_is_ground"]).items()}


def factor(**change) -> float:
    return float(_factor(**{k: jnp.asarray(v) for k, v in (BASE | change).items()}))


def rate_constant(**change) -> float:
    case = BASE | change
    mean_field = mean_field_constant_nm3_per_s(case["channel_sum_C6"], case["nearest_distance_nm"])
    return factor(**change) * float(mean_field)


def test_hopping_gain_has_no_cancellation():
    """Against q/(1-q) where that is sound, the large-x series where it is not, and differences for its derivative."""
    gain = jax.jit(hopping_gain)
    x = np.linspace(0, 8, 50)
    q = math.sqrt(math.pi) * x * scipy.special.erfcx(x)
    assert np.asarray(gain(x)) == pytest.approx(scipy.special.erfcx(x) / (1 - q), rel=1e-11)
    far = np.array([1e2, 1e4, 1e7])
    series = 2 * far / math.sqrt(math.pi) * (1 + 1 / far**2)
    assert np.asarray(gain(far)) == pytest.approx(series, rel=2e-8)
    at = np.array([0.0, 1e-9, 1.0, 4.9999, 5.0, 5.0001, 50.0, 1e7])
    step = 1e-5 * np.maximum(at, 1e-2)
    slopes = jax.jit(jax.vmap(jax.grad(hopping_gain)))(at)
    assert np.asarray(slopes) == pytest.approx(np.asarray(gain(at + step) - gain(at - step)) / (2 * step), rel=1e-6)


def test_static_limit_is_inokuti_and_hirayama():
    """No hopping, no loss: kappa n_A = (8/9) pi^3 n_A^2 C. Bias of the cap: f^2/2 = 2e-8 here."""
    n = 1e-3 * 3 / 2
    expected = 8 / 9 * math.pi**3 * n * 340.0
    case = {"nearest_distance_nm": 0.2, "mean_field_distance_nm": 0.2}
    value = rate_constant(migration_C6=0.0, donor_loss_per_s=1e-12, acceptor_density_nm3=n, **case)
    assert value == pytest.approx(expected, rel=2e-7)


def test_fast_hopping_limit_is_quadratic_in_concentration():
    """kappa = (2 pi^2/3) sqrt(C s), s = (2 pi/3)^3 C_mig n^2, so kappa n grows as n^2.

    Bias: G(x) - 1 = 0.64 x with x = 1e-5, since C << C_mig; the cap takes f^2/2 = 1e-9.
    """
    case = {"channel_sum_C6": 1.0, "migration_C6": 1e10, "donor_loss_per_s": 1e-9, "nearest_distance_nm": 1e-3}
    case |= {"mean_field_distance_nm": 1e-3}
    for n in (0.1, 0.2):
        law = 2 * math.pi**2 / 3 * math.sqrt(HOP * 1e10) * n
        value = rate_constant(**case, donor_density_nm3=n, acceptor_density_nm3=n)
        assert value == pytest.approx(law, rel=1e-4)


def test_rare_excited_acceptors_add_their_own_loss_and_hopping():
    case = {"acceptor_is_ground": False, "acceptor_loss_per_s": 150.0, "acceptor_migration_C6": 8000.0}
    s = 425.0 + HOP * 2600.0 * 0.14**2 + 150.0 + HOP * 8000.0 * 0.14**2
    law = 2 * math.pi**2 / 3 * math.sqrt(340.0 * s)
    mean_field = 4 * math.pi * 340.0 / (3 * 0.387**3)
    assert factor(**case) == pytest.approx(1 / math.sqrt(1 + (mean_field / law) ** 2), rel=1e-12)


def test_ground_state_acceptors_as_burshtein_writes_it():
    s = 425.0 + HOP * 2600.0 * 0.14**2
    gam = 4 / 3 * math.pi**1.5 * 0.14 * math.sqrt(340.0)
    x = gam / (2 * math.sqrt(s))
    q = math.sqrt(math.pi) * x * scipy.special.erfcx(x)
    law, mean_field = s * q / (1 - q) / 0.14, 4 * math.pi * 340.0 / (3 * 0.387**3)
    assert factor() == pytest.approx(1 / math.sqrt(1 + (mean_field / law) ** 2), rel=1e-12)
    assert factor(acceptor_loss_per_s=1e6, acceptor_migration_C6=1e6) == factor()


def test_factor_is_at_most_one_and_grows_with_hopping():
    values = [factor(migration_C6=C) for C in (0.0, 1e2, 1e4, 1e6, 1e9)]
    assert np.all(np.diff(values) > 0) and 0 < values[0] and values[-1] <= 1.0


def test_mean_field_is_exact_when_hopping_is_fastest():
    assert factor(migration_C6=1e14) == pytest.approx(1.0, abs=1e-6)


def test_the_sum_over_the_lattice_is_the_cap_wherever_the_kernel_is_cut():
    crowded = {"migration_C6": 1e14, "mean_field_distance_nm": 0.2864}
    assert factor(**crowded) == pytest.approx((0.387 / 0.2864) ** 3, rel=1e-6)
    cap = float(mean_field_constant_nm3_per_s(BASE["channel_sum_C6"], 0.2864))
    assert rate_constant(**crowded) == pytest.approx(cap, rel=1e-6)
    few = {"mean_field_distance_nm": 0.2864}
    assert rate_constant(**few, nearest_distance_nm=0.3) == pytest.approx(rate_constant(**few), rel=1e-12)


EDGES = [
    {},
    {"channel_sum_C6": 0.0},
    {"acceptor_density_nm3": 0.0},
    {"donor_density_nm3": 0.0},
    {"migration_C6": 0.0},
    {"channel_sum_C6": 1e-300},
    {"channel_sum_C6": 1e8, "migration_C6": 0.0, "donor_loss_per_s": 1e-3},
]


@pytest.mark.parametrize("ground", [True, False])
@pytest.mark.parametrize("change", EDGES)
def test_factor_and_gradients_are_finite_at_every_edge_and_equal_differences(change, ground):
    case = {**BASE, **change, "acceptor_loss_per_s": 90.0, "acceptor_migration_C6": 700.0, "acceptor_is_ground": ground}
    exact = gradient(**case)
    assert 0 < factor(**case) <= 1
    for name, slope in exact.items():
        assert np.isfinite(slope), name
        centre = case[name]
        if centre < 1e-100:
            continue
        step = 1e-4 * centre
        difference = (factor(**(case | {name: centre + step})) - factor(**(case | {name: centre - step}))) / (2 * step)
        assert slope == pytest.approx(difference, rel=1e-5, abs=1e-11 / step), name


def test_a_channel_that_vanishes_leaves_a_finite_slope():
    s = 425.0 + HOP * 2600.0 * 0.14**2
    assert factor(channel_sum_C6=0.0) == 1.0
    for ground in (True, False):
        slope = gradient(channel_sum_C6=0.0, acceptor_is_ground=ground)["channel_sum_C6"]
        assert slope == pytest.approx(-2 / (math.pi**2 * 0.387**6 * s), rel=1e-10)


def test_rare_ground_state_acceptors_reach_the_limit_of_excited_ones():
    assert factor(acceptor_density_nm3=0.0) == pytest.approx(factor(acceptor_is_ground=False), rel=1e-14)
    assert factor(acceptor_density_nm3=1e-7) == pytest.approx(factor(acceptor_is_ground=False), rel=1e-5)
