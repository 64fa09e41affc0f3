"""Small particles in beta-NaYF4 and how to build and solve them, each signature compiled once."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import Conditions, Geometry, ProcessRates, Signature, particle_model
from padesign.parameters import load_parameter_set
from tests.systems.solving import Measured, measure

HOST = "beta-NaYF4"


def signature(
    ions: Sequence[str],
    presence: Sequence[Sequence[bool]],
    cells: Sequence[int],
    surface: bool = True,
    max_level_cm1: float = 30000.0,
    slots: Sequence[int] | None = None,
) -> Signature:
    """All layers in one host, unless `slots` says otherwise."""
    slots = tuple(slots or [0] * len(cells))
    flags = tuple(tuple(row) for row in presence)
    return Signature(tuple(ions), flags, tuple(cells), slots, (HOST,) * (max(slots) + 1), max_level_cm1, surface)


def values(**over: float) -> dict[str, jax.Array]:
    """Parameters of beta-NaYF4; keywords name one with `__` for the dot."""
    numbers = dict(load_parameter_set(HOST).values)
    for key, value in over.items():
        name = key.replace("__", ".")
        if name not in numbers:
            raise KeyError(name)
        numbers[name] = value
    return {key: jnp.asarray(value, dtype=float) for key, value in numbers.items()}


def geometry(thickness_nm: Sequence[float], percent: Sequence[Sequence[float]], mixing_nm: float = 0.0) -> Geometry:
    """Layers outward from the core (its radius first), mol% of every ion in every layer."""
    fraction = np.asarray(percent, dtype=float) / 100.0
    return Geometry(jnp.asarray(thickness_nm, dtype=float), jnp.asarray(fraction), jnp.asarray(float(mixing_nm)))


def conditions(wavelength_nm: float = 1064.0, temperature_K: float = 295.0) -> Conditions:
    return Conditions(jnp.asarray(wavelength_nm), jnp.asarray(temperature_K))


@functools.cache
def builder(sig: Signature):
    """Compiled `build` of a signature."""
    return jax.jit(particle_model(sig).build)


def build(
    sig: Signature,
    shape: Geometry,
    wavelength_nm: float = 1064.0,
    temperature_K: float = 295.0,
    parameters: Mapping[str, jax.Array] | None = None,
) -> tuple[EmittingNetwork, ProcessRates]:
    """The network of one particle with the same parameters in every host slot."""
    hosts = (dict(parameters or values()),) * len(sig.nominal_sets)
    return builder(sig)(shape, hosts, conditions(wavelength_nm, temperature_K))


TM_BAND = "Tm:3H4 -> Tm:3H6"
PR_BAND = "Pr:3P0 -> Pr:3H6"


def tm_signature(cells: int = 1, surface: bool = True) -> Signature:
    """Tm in the core, inert shell."""
    return signature(["Tm"], [[True], [False]], [cells, 0], surface)


TM_GEOMETRY = geometry([8.5, 5.6], [[8.0], [0.0]])
"""8 % Tm in a 17 nm core below 5.6 nm."""


def yb_pr_signature(cells: int = 1) -> Signature:
    return signature(["Yb", "Pr"], [[True, True], [False, False]], [cells, 0])


YB_PR_GEOMETRY = geometry([10.0, 3.0], [[15.0, 0.5], [0.0, 0.0]])
"""15 % Yb 0.5 % Pr in a 20 nm core below 3 nm."""


@functools.cache
def measure_tm(cells: int = 1, surface: bool = True) -> Measured:
    return measure(build(tm_signature(cells, surface), TM_GEOMETRY)[0], TM_BAND, 1.0, 100.0)


@functools.cache
def measure_yb_pr(cells: int = 1) -> Measured:
    return measure(build(yb_pr_signature(cells), YB_PR_GEOMETRY, 852.0)[0], PR_BAND, 5.0, 1000.0)
