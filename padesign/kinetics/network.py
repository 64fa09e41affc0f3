"""A rate network: every ion is a Markov chain whose rates are linear in irradiance and in the other ions' populations.

For species X in cell x the rate of the transition b -> a (s^-1) is

    R[x,a,b] = dark[x,a,b] + I pump[x,a,b] + sum_k transfer[x,a,b,k] p_k

with I the irradiance (W cm^-2) and p the fractions of all populations of the network. Every term is non-negative, so a
level's balance is gain - loss p with two positive sums; the solvers use nothing else. Absorption, stimulated emission,
radiative decay, multiphonon relaxation and surface loss are `dark` and `pump`; cross-relaxation, upconversion and
migration are `transfer`, written once for the donor and once for the acceptor.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.types import LogPopulations, Matrix, Populations, Scalar

FLOOR_per_s = 1e-45
"""Added to every gain, so that a level which nothing feeds has a finite logarithm."""


class AbstractNetwork(eqx.Module):
    """What the solvers of steady states follow: unknowns are log populations, and perhaps a temperature after them."""

    @property
    @abstractmethod
    def n_unknowns(self) -> int:
        """Number of unknowns."""

    @abstractmethod
    def split(self, vector: Float[Array, " n_unknowns"]) -> list[Float[Array, "cells levels"]]:
        """One (cells, levels) block per species."""

    @abstractmethod
    def residual(self, u: LogPopulations, log_irradiance: Scalar) -> Populations:
        """Zero at a steady state."""

    @abstractmethod
    def linearise(self, u: LogPopulations, log_irradiance: Scalar) -> Linearisation:
        """Residual and its derivatives with respect to u and to the logarithm of the irradiance, assembled."""

    @property
    @abstractmethod
    def cold(self) -> RateNetwork:
        """The rates at the temperature of the surroundings."""

    @abstractmethod
    def frozen(self, u: LogPopulations) -> tuple[RateNetwork, LogPopulations]:
        """The rates at the temperature of a state, and its log populations alone."""


class RateNetwork(AbstractNetwork):
    """Rates of every species; see the module's text for the equation.

    `dark[s]`, `pump[s]`: (cells, levels, levels), s^-1 and s^-1 per W cm^-2, element [x, to, from], zero diagonal.
    `transfer[s]`: (cells, levels, levels, n_unknowns), s^-1. `labels` names every unknown, `Tm:3H4@0`.
    """

    dark: tuple[Float[Array, "cells levels levels"], ...]
    pump: tuple[Float[Array, "cells levels levels"], ...]
    transfer: tuple[Float[Array, "cells levels levels n_unknowns"], ...]
    labels: tuple[str, ...] = eqx.field(static=True)

    @property
    def n_unknowns(self) -> int:
        return len(self.labels)

    @property
    def cold(self) -> RateNetwork:
        return self

    def frozen(self, u: LogPopulations) -> tuple[RateNetwork, LogPopulations]:
        return self, u

    def split(self, vector: Float[Array, " n_unknowns"]) -> list[Float[Array, "cells levels"]]:
        """One (cells, levels) block per species."""
        blocks, start = [], 0
        for dark in self.dark:
            cells, levels = dark.shape[0], dark.shape[1]
            blocks.append(vector[start : start + cells * levels].reshape(cells, levels))
            start += cells * levels
        return blocks

    def rates_per_s(self, p: Populations, irradiance_W_per_cm2: Scalar) -> list[Float[Array, "cells levels levels"]]:
        """R[x, to, from] of every species at the populations `p`."""
        return [
            dark + irradiance_W_per_cm2 * pump + transfer @ p
            for dark, pump, transfer in zip(self.dark, self.pump, self.transfer, strict=True)
        ]

    def gain_loss(self, p: Populations, irradiance_W_per_cm2: Scalar) -> tuple[Populations, Populations]:
        """Gain of every level (s^-1) and its loss rate per ion (s^-1)."""
        gains, losses = [], []
        for rates, block in zip(self.rates_per_s(p, irradiance_W_per_cm2), self.split(p), strict=True):
            gains.append(jnp.einsum("xab,xb->xa", rates, block).ravel())
            losses.append(rates.sum(axis=1).ravel())
        return jnp.concatenate(gains), jnp.concatenate(losses)

    def derivative_per_s(self, p: Populations, irradiance_W_per_cm2: Scalar) -> Populations:
        """dp/dt = gain - loss p; sums to zero within every species and cell."""
        gain, loss = self.gain_loss(p, irradiance_W_per_cm2)
        return gain - loss * p

    def residual(self, u: LogPopulations, log_irradiance: Scalar) -> Populations:
        """Log balance: log gain - log loss - u, with the largest level of each ion replaced by log(sum of fractions).

        Zero at a steady state. The replaced row is the redundant one (the others imply it), and the largest population
        is the one whose value the sum fixes without cancellation.
        """
        gain, loss = self.gain_loss(jnp.exp(u), jnp.exp(log_irradiance))
        balance = jnp.log(gain + FLOOR_per_s) - jnp.log(loss + FLOOR_per_s) - u
        rows = []
        for block, r in zip(self.split(u), self.split(balance), strict=True):
            total = jax.nn.logsumexp(block, axis=1)
            rows.append(jnp.where(_is_largest(block), total[:, None], r).ravel())
        return jnp.concatenate(rows)

    def linearise(self, u: LogPopulations, log_irradiance: Scalar) -> Linearisation:
        """Residual and its derivatives with respect to u and to the logarithm of the irradiance, assembled."""
        p, irradiance = jnp.exp(u), jnp.exp(log_irradiance)
        n = self.n_unknowns
        residual, jacobian, by_irradiance = [], [], []
        start = 0
        blocks = zip(self.dark, self.pump, self.transfer, self.split(u), self.split(p), strict=True)
        for dark, pump, transfer, u_block, p_block in blocks:
            cells, levels = p_block.shape
            size = cells * levels
            pumped = irradiance * pump
            rates = dark + pumped + transfer @ p
            gain = jnp.einsum("xab,xb->xa", rates, p_block) + FLOOR_per_s
            loss = rates.sum(axis=1) + FLOOR_per_s
            d_gain = jnp.einsum("xabk,xb->xak", transfer, p_block) / gain[..., None]
            rows = (d_gain - transfer.sum(axis=1) / loss[..., None]) * p
            own = rates * p_block[:, None, :] / gain[..., None] - np.eye(levels)
            total = jax.nn.logsumexp(u_block, axis=1)
            fraction = jnp.exp(u_block - total[:, None])
            # What concerns the ion itself stands in the columns of its own cell.
            same_cell = np.eye(cells)[:, None, :, None]
            elsewhere = ((0, 0), (0, 0), (start, n - start - size))
            rows += jnp.pad((own[:, :, None, :] * same_cell).reshape(cells, levels, size), elsewhere)
            norm = jnp.pad((fraction[:, None, None, :] * same_cell).reshape(cells, 1, size), elsewhere)
            d_lam = jnp.einsum("xab,xb->xa", pumped, p_block) / gain - pumped.sum(axis=1) / loss
            largest = _is_largest(u_block)
            balance = jnp.log(gain) - jnp.log(loss) - u_block
            residual.append(jnp.where(largest, total[:, None], balance).ravel())
            jacobian.append(jnp.where(largest[..., None], norm, rows).reshape(size, n))
            by_irradiance.append(jnp.where(largest, 0.0, d_lam).ravel())
            start += size
        return Linearisation(jnp.concatenate(residual), jnp.concatenate(jacobian), jnp.concatenate(by_irradiance))


class Linearisation(NamedTuple):
    """The log balance and its derivatives at one point of a power curve."""

    residual: Populations
    jacobian: Matrix
    by_log_irradiance: Populations


def _is_largest(block: Float[Array, "cells levels"]) -> Array:
    return np.arange(block.shape[1]) == jnp.argmax(jax.lax.stop_gradient(block), axis=1)[:, None]
