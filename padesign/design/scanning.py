"""What a pixel sees that is lit for a short time only: the response of a particle that has not become steady."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import PchipInterpolator

from padesign.design.dynamics import LONG, emission_weights
from padesign.kinetics.light import Band, EmittingNetwork
from padesign.observables.response import Response
from padesign.observables.traces import emission_trace
from padesign.programs import program
from padesign.types import Scalar

_POWERS = 32
_FINE = 2048
_DECADES = 2.5
"""Below the peak; further out the emission goes on as a power law."""
_AROUND_HALF = 0.35
"""Of ln I to either side of half of the largest signal, where the response is looked at a second time, more finely."""
_TIMES = 96


@program(static_argnums=(1,))
def _emission_in_dwell(
    light: EmittingNetwork, band: Band, log_irradiance: Float[Array, " powers"], dwell_s: Scalar
) -> Array:
    """ln of the mean photons per second from rest until `dwell_s`, at every power."""
    times = dwell_s * jnp.linspace(0.0, 1.0, _TIMES)
    weights = emission_weights(light, (band,))

    def one(log_power: Scalar) -> Scalar:
        seen = emission_trace(light, weights, jnp.exp(log_power), times, max_steps=LONG).photons_per_s[:, 0]
        return jnp.log(jnp.trapezoid(seen, times) / dwell_s)

    return jax.lax.map(one, log_irradiance)


def response_in_dwell(light: EmittingNetwork, band: Band, peak_W_per_cm2: float, dwell_s: float) -> Response:
    """Photons of a pixel over its dwell time, against irradiance up to a peak; every pixel begins at rest."""
    top = float(np.log(peak_W_per_cm2))
    grid = np.linspace(top - _DECADES * np.log(10.0), top, _POWERS)
    seen = np.asarray(_emission_in_dwell(light, band, jnp.asarray(grid), jnp.asarray(dwell_s)))
    half = float(np.interp(seen.max() - np.log(2.0), seen, grid))
    closer = np.linspace(half - _AROUND_HALF, min(half + _AROUND_HALF, top), _POWERS)
    again = np.asarray(_emission_in_dwell(light, band, jnp.asarray(closer), jnp.asarray(dwell_s)))
    x, first = np.unique(np.concatenate([grid, closer]), return_index=True)
    fine = np.linspace(grid[0], grid[-1], _FINE)
    curve = PchipInterpolator(x, np.concatenate([seen, again])[first])
    return Response(jnp.asarray(fine), jnp.asarray(curve(fine)))
