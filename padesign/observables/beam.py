"""What a detector sees of many particles in a Gaussian beam instead of one in uniform light."""

from __future__ import annotations

import jax.numpy as jnp

from padesign.observables.response import Response


def beam_averaged(response: Response) -> Response:
    """Emission of a thin even film of particles in a TEM00 beam of peak irradiance P0: int_0^P0 n(P) dP / P.

    The film's area between P and P + dP is proportional to dP / P, so the average is an integral over ln P; the factor
    (half the beam's area) is left out. After the analysis script of C. Lee (2020) to Lee C. et al., Nature 589, 230
    (2021). Between grid points the emission is a power law, and below the grid too.
    """
    y = response.log_photons_per_s
    step = response.log_irradiance[1] - response.log_irradiance[0]
    rise = y[1:] - y[:-1]
    safe = jnp.where(jnp.abs(rise) < 1e-9, 1.0, rise)
    mean = jnp.where(jnp.abs(rise) < 1e-9, 1.0 + 0.5 * rise, jnp.expm1(safe) / safe)
    pieces = y[:-1] + jnp.log(mean * step)
    first = y[0] - jnp.log(response.lowest_slope)
    parts = jnp.concatenate([first[None], pieces])
    top = jnp.max(parts)
    return Response(response.log_irradiance, top + jnp.log(jnp.cumsum(jnp.exp(parts - top)) + 1e-300))


def averaged_slope(response: Response) -> jnp.ndarray:
    """Exact local slope of the beam average: emission over its integral, (points,)."""
    return jnp.exp(response.log_photons_per_s - beam_averaged(response).log_photons_per_s)
