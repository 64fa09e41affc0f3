"""Exact derivatives of everything that is read off a power curve, against differences of solving again.

With respect to every radius, every fraction and the parameters that carry the uncertainty; relative change as the
unit, so that all derivatives are logarithmic and of one scale.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.colour import Colour
from objectives.nonlinearity import Nonlinearity
from objectives.threshold import Threshold
from padesign.kinetics.light import find_band
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.observables.solution import solve
from tests.systems.differences import central
from tests.systems.particles import TM_BAND, geometry, signature, values

PARAMETERS = (
    "sideband.slope_cm",
    "transfer.scale",
    "multiphonon.alpha_cm",
    "Tm.omega4_cm2",
    "surface.loss.Tm:3F4_nm4_per_s",
    "transfer.slope_upconversion_cm",
    "host.refractive_index",
)
NAMES = (
    "exact slope",
    "window slope",
    "log threshold",
    "slope estimate",
    "margin below threshold",
    "log photons",
    "log photons of blue",
    "loss of nonlinearity",
    "loss of nonlinearity with a floor and a cap",
    "loss of nonlinearity below threshold",
    "loss of threshold",
    "loss of threshold with floors",
    "loss of threshold below threshold",
    "loss of colour",
)
FLOOR_photons_per_s = 3e4
BLUE = "Tm:1G4 -> Tm:3H6"


@dataclass(frozen=True)
class Case:
    """A particle whose radii, fractions and parameters are varied one by one."""

    name: str
    signature: Signature
    shape: Geometry

    @property
    def knobs(self) -> tuple[str, ...]:
        fractions = np.argwhere(np.asarray(self.shape.fraction) > 0.0)
        return (
            *(f"thickness {k}" for k in range(len(self.shape.thickness_nm))),
            *(f"fraction {layer} {ion}" for layer, ion in fractions),
            *PARAMETERS,
        )

    def at(self, log_change: jax.Array) -> tuple[Geometry, dict[str, jax.Array]]:
        """The particle and the parameters with every knob multiplied by exp(log_change)."""
        factor = jnp.exp(log_change)
        layers = len(self.shape.thickness_nm)
        places = np.argwhere(np.asarray(self.shape.fraction) > 0.0)
        middle = layers + len(places)
        fraction = self.shape.fraction * jnp.ones_like(self.shape.fraction).at[tuple(places.T)].set(
            factor[layers:middle]
        )
        numbers = values()
        numbers |= {name: numbers[name] * factor[middle + k] for k, name in enumerate(PARAMETERS)}
        return Geometry(self.shape.thickness_nm * factor[:layers], fraction, self.shape.interface_mixing_nm), numbers


CORE_SHELL = Case(
    "Tm core, inert shell", signature(["Tm"], [[True], [False]], [1, 0]), geometry([8.5, 5.6], [[8.0], [0.0]])
)
TWO_LAYERS = Case(
    "Tm core, Yb and Tm shell, inert shell",
    signature(["Tm", "Yb"], [[True, True], [True, True], [False, False]], [1, 1, 0]),
    geometry([7.0, 2.0, 4.0], [[9.0, 0.0], [4.0, 2.0], [0.0, 0.0]], mixing_nm=0.5),
)
CASES = {case.name: case for case in (CORE_SHELL, TWO_LAYERS)}


@functools.cache
def outputs(name: str) -> Callable[[jax.Array], jax.Array]:
    """All numbers of a case as one vector, a function of the logarithmic changes."""
    case = CASES[name]
    model = particle_model(case.signature)

    def run(log_change: jax.Array) -> jax.Array:
        shape, numbers = case.at(log_change)
        light, _ = model.build(shape, (numbers,), Conditions(jnp.asarray(1064.0), jnp.asarray(295.0)))
        bright, dim = solve(light, 2.0, 100.0), solve(light, 0.05, 0.5)
        band, blue = find_band(light.levels, TM_BAND), find_band(light.levels, BLUE)
        threshold, below = bright.threshold(band), dim.threshold(band)
        photons = bright.log_photons_per_s([band, blue], jnp.log(4e4))
        window = bright.steepest_window(band, 0.05)
        return jnp.stack(
            [
                bright.steepest(band).value,
                window.value,
                threshold.log_irradiance,
                threshold.slope_estimate,
                below.margin,
                photons[0],
                photons[1],
                Nonlinearity(TM_BAND).loss(bright),
                Nonlinearity(TM_BAND, min_photons_per_s=FLOOR_photons_per_s, max_irradiance_kW_per_cm2=40.0).loss(
                    bright
                ),
                Nonlinearity(TM_BAND).loss(dim),
                Threshold(TM_BAND).loss(bright),
                Threshold(TM_BAND, min_nonlinearity=25.0, min_photons_per_s=FLOOR_photons_per_s).loss(bright),
                Threshold(TM_BAND).loss(dim),
                Colour(at_irradiance_kW_per_cm2=40.0, target="red").loss(bright),
            ]
        )

    return run


@functools.cache
def compiled(name: str) -> tuple[Callable[[jax.Array], jax.Array], Callable[[jax.Array], jax.Array]]:
    return jax.jit(outputs(name)), jax.jit(jax.jacrev(outputs(name)))


@functools.cache
def both(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact derivatives, differences and their uncertainty, each (outputs, knobs)."""
    run, derivative = compiled(name)
    knobs = len(CASES[name].knobs)
    exact = np.asarray(derivative(jnp.zeros(knobs)))
    found, doubt = [], []
    for k in range(knobs):
        unit = np.eye(knobs)[k]
        slope, error = central(lambda h, unit=unit: np.asarray(run(jnp.asarray(h * unit))), 5e-4)
        found.append(slope)
        doubt.append(error)
    return exact, np.array(found).T, np.array(doubt).T


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("output", NAMES)
def test_the_gradient_equals_differences(name: str, output: str) -> None:
    """To 1e-4 of the derivative, or of a thousandth of the largest one where a knob hardly matters."""
    exact, found, _ = (part[NAMES.index(output)] for part in both(name))
    assert np.all(np.isfinite(exact))
    scale = np.maximum(np.abs(found), 1e-3 * np.abs(found).max())
    wrong = np.abs(exact - found) > 1e-4 * scale
    knobs = CASES[name].knobs
    assert not wrong.any(), [
        f"{knobs[k]}: {exact[k]:.8g} but {found[k]:.8g} ({exact[k] / found[k] - 1:.1e})" for k in np.flatnonzero(wrong)
    ]


@pytest.mark.parametrize("name", CASES)
def test_every_output_depends_on_most_knobs(name: str) -> None:
    """A gradient of zeros would pass any comparison with a function that is not looking."""
    exact, found, _ = both(name)
    for k, output in enumerate(NAMES):
        assert np.count_nonzero(np.abs(exact[k]) > 1e-6 * np.abs(exact[k]).max()) >= 8, output
        assert np.abs(found[k]).max() > 1e-4, output


def test_forward_and_reverse_mode_agree() -> None:
    run = outputs(CORE_SHELL.name)
    direction = jnp.asarray(np.random.default_rng(1).normal(size=len(CORE_SHELL.knobs)))
    zero = jnp.zeros(len(CORE_SHELL.knobs))
    forward = jax.jit(lambda z: jax.jvp(run, (z,), (direction,))[1])(zero)
    assert np.asarray(forward) == pytest.approx(both(CORE_SHELL.name)[0] @ np.asarray(direction), rel=1e-8)
