"""The lifetime of a band in the dark, by one linear solve instead of an integration in time."""

from __future__ import annotations

import jax.numpy as jnp

from padesign.kinetics.light import Band, EmittingNetwork
from padesign.solve.stability import excited_levels, excited_system
from padesign.types import Scalar


def dark_lifetime_s(light: EmittingNetwork, band: Band) -> Scalar:
    """Photons of a band after a weak pulse into its upper level over its photons per second right after the pulse.

    The excess e of the excited levels decays as de/dt = B e, all other ions at rest, so that the photons are
    w.(-B)^-1 e(0) with w the emission of every level; e(0) is the same share of the band's ions in every cell. It is
    1/(all rates out of the level) where nothing comes back to it. Exact derivatives.
    """
    weights = light.weights(band)[excited_levels(light.network)]
    start = jnp.where(weights > 0.0, 1.0, 0.0)
    matrix = excited_system(light.network).at_rest
    scale = jnp.max(jnp.abs(matrix), axis=1)
    area = jnp.linalg.solve(-matrix / scale[:, None], start / scale)
    return weights @ area / (weights @ start)
