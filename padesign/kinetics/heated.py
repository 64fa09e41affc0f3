"""Self-heating: the temperature of the particle as one more unknown of its steady state.

What a particle absorbs and does not emit warms it. With the thermal resistance R between particle and surroundings

    T = T0 + R Q(p, I, T),    Q = light absorbed - light stimulated - light emitted spontaneously   (W)

holds together with the balance of every level, whose rates are those at T. So a power curve turns back where heat
feeds itself, and every derivative knows that the particle warms.

The rates are built at a few temperatures and their logarithms interpolated in ln T between these (polynomial through
the extrema of a Chebyshev polynomial). Line shapes pass from Gaussian to sideband with a continuous slope only, which
limits the accuracy: rates agree with those built at the temperature itself within 1e-3 between 285 and 590 K (Tm and
Nd). Above the highest of these temperatures and below the lowest the rates are held.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.kinetics.network import AbstractNetwork, Linearisation, RateNetwork
from padesign.types import LogPopulations, Populations, Scalar

HIGHEST_K = 600.0
"""Where uphill transfer is judged worth listing, and so where lists of processes end."""
_PLACES = 0.5 * (1.0 - np.cos(np.pi * np.arange(7) / 6))
AT_REST = 1
"""The second place is the temperature of the surroundings, so that a little cooling is inside."""
_COEFFICIENTS = np.linalg.inv(np.vander(2.0 * _PLACES - 1.0))
"""Of the polynomials that are 1 at one place and 0 at the others: a row for each power, the highest first."""
_BEND = 0.05
"""How softly the rates stop to change at the ends, as a share of the range of ln T."""
_LEAST = 1e-60
"""Rates and powers below this are nothing."""
_MOST_COOLING = 0.5


class WarmRates(eqx.Module):
    """All that depends on the temperature: rates, and what the beams that stay on give and take (n_unknowns,), in W."""

    network: RateNetwork
    absorbed_W: Float[Array, " n_unknowns"]
    stimulated_W: Float[Array, " n_unknowns"]


class HeatedNetwork(AbstractNetwork):
    """A particle with its temperature; the last unknown is ln(T/T0).

    `logs`: logarithms of `WarmRates` at `places_K`, along a leading axis. `ions_in_cell` as in `EmittingNetwork`;
    `emitted_W` (n_unknowns,) power of the spontaneous emission, of photons as large as the gap.
    """

    logs: WarmRates
    places_K: Float[Array, " places"]
    temperature_K: Scalar
    resistance_K_per_W: Scalar
    swept_photon_J: Scalar
    ions_in_cell: tuple[Float[Array, " cells"], ...]
    emitted_W: Float[Array, " n_unknowns"]

    @property
    def n_unknowns(self) -> int:
        return len(self.logs.network.labels) + 1

    def split(self, vector: Float[Array, " n_unknowns"]) -> list[Float[Array, "cells levels"]]:
        """One (cells, levels) block per species; the temperature belongs to none."""
        blocks, start = [], 0
        for dark in self.logs.network.dark:
            _, cells, levels, _ = dark.shape
            blocks.append(vector[start : start + cells * levels].reshape(cells, levels))
            start += cells * levels
        return blocks

    @property
    def cold(self) -> RateNetwork:
        return self.rates(jnp.asarray(0.0)).network

    def frozen(self, u: LogPopulations) -> tuple[RateNetwork, LogPopulations]:
        return self.rates(u[-1]).network, u[:-1]

    def rates(self, log_warmth: Scalar) -> WarmRates:
        """Everything at ln(T/T0)."""
        first, last = jnp.log(self.places_K[0]), jnp.log(self.places_K[-1])
        at = (jnp.log(self.temperature_K) + log_warmth - first) / (last - first)
        at = 1.0 - _ramp(1.0 - _ramp(at))
        weights = _polynomials(2.0 * at - 1.0)
        return jax.tree.map(lambda logs: jnp.exp(jnp.tensordot(weights, logs, 1)), self.logs)

    def heat_W(self, u: LogPopulations, log_irradiance: Scalar) -> Scalar:
        """Power that becomes heat in one particle; negative where emission cools it."""
        return jnp.exp(u[:-1]) @ self._watts(self.rates(u[-1]), log_irradiance)

    def rise_K(self, u: LogPopulations) -> Scalar:
        """How much warmer than its surroundings the particle is in this state."""
        return self.temperature_K * jnp.expm1(u[-1])

    def residual(self, u: LogPopulations, log_irradiance: Scalar) -> Populations:
        balance, heat_W = self._balance(u[:-1], u[-1], log_irradiance)
        return jnp.append(balance, u[-1] - self._log_warmth(heat_W))

    def linearise(self, u: LogPopulations, log_irradiance: Scalar) -> Linearisation:
        rates, populations = self.rates(u[-1]), u[:-1]
        at = rates.network.linearise(populations, log_irradiance)
        (_, heat_W), (by_warmth, heat_by_warmth) = jax.jvp(
            lambda warmth: self._balance(populations, warmth, log_irradiance), (u[-1],), (jnp.ones_like(u[-1]),)
        )
        log_warmth, per_W = jax.value_and_grad(self._log_warmth)(heat_W)
        heat_by_populations = jnp.exp(populations) * self._watts(rates, log_irradiance)
        heat_by_log = jnp.exp(populations) @ (self._swept_W(rates) * jnp.exp(log_irradiance))
        rows = jnp.concatenate([at.jacobian, by_warmth[:, None]], axis=1)
        heat_row = jnp.append(-per_W * heat_by_populations, 1.0 - per_W * heat_by_warmth)
        return Linearisation(
            jnp.append(at.residual, u[-1] - log_warmth),
            jnp.concatenate([rows, heat_row[None, :]]),
            jnp.append(at.by_log_irradiance, -per_W * heat_by_log),
        )

    def _balance(
        self, populations: LogPopulations, log_warmth: Scalar, log_irradiance: Scalar
    ) -> tuple[Populations, Scalar]:
        """Log balance of the levels, and the heat in W, at a temperature."""
        rates = self.rates(log_warmth)
        heat_W = jnp.exp(populations) @ self._watts(rates, log_irradiance)
        return rates.network.residual(populations, log_irradiance), heat_W

    def _watts(self, rates: WarmRates, log_irradiance: Scalar) -> Populations:
        """Power that stays in the particle for every unknown at population 1."""
        others = rates.absorbed_W - rates.stimulated_W - self.emitted_W
        return jnp.exp(log_irradiance) * self._swept_W(rates) + others

    def _swept_W(self, rates: WarmRates) -> Populations:
        """What the swept beam gives per W cm^-2, less what it stimulates."""
        taken = []
        for pump, ions in zip(rates.network.pump, self.ions_in_cell, strict=True):
            levels = np.arange(pump.shape[-1])
            upward = np.sign(levels[:, None] - levels[None, :])
            taken.append((ions[:, None] * (pump * upward).sum(axis=1)).ravel())
        return self.swept_photon_J * jnp.concatenate(taken)

    def _log_warmth(self, heat_W: Scalar) -> Scalar:
        """ln(T/T0) that the heat makes; iterates may cool to half of T0 at most."""
        return jnp.log1p(jnp.maximum(self.resistance_K_per_W * heat_W / self.temperature_K, -_MOST_COOLING))


def _polynomials(x: Scalar) -> Float[Array, " places"]:
    """The weight of every place, by Horner's rule."""
    weights = jnp.zeros(_PLACES.size)
    for coefficients in _COEFFICIENTS:
        weights = weights * x + coefficients
    return weights


def _ramp(x: Scalar) -> Scalar:
    """0 below and x above, exactly so beyond `_BEND` and with a continuous slope between."""
    return jnp.where(jnp.abs(x) < _BEND, (x + _BEND) ** 2 / (4.0 * _BEND), jnp.maximum(x, 0.0))


def places_K(temperature_K: Scalar) -> Float[Array, " places"]:
    """Where the rates are built: a little below the surroundings' temperature, there, and up to twice as much.

    At most to `HIGHEST_K`, or a fifth above where the surroundings are that hot already.
    """
    first = jnp.log(temperature_K)
    last = jnp.log(jnp.clip(HIGHEST_K, 1.2 * temperature_K, 2.0 * temperature_K))
    step = (last - first) / (1.0 - _PLACES[AT_REST])
    return jnp.exp(first + step * (_PLACES - _PLACES[AT_REST])).at[AT_REST].set(temperature_K)


def logarithms(rates: WarmRates) -> WarmRates:
    """What `HeatedNetwork` keeps of rates."""
    return jax.tree.map(lambda one: jnp.log(jnp.maximum(one, _LEAST)), rates)
