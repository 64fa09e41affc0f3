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
from jaxtyping import Array, Bool, Float

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
        p = jnp.exp(u)
        gain, loss = self.gain_loss(p, jnp.exp(log_irradiance))
        total, largest = self._sums(p)
        return _log_balance(gain + FLOOR_per_s, loss + FLOOR_per_s, u, total, largest)

    def linearise(self, u: LogPopulations, log_irradiance: Scalar) -> Linearisation:
        """Residual and its derivatives with respect to u and to the logarithm of the irradiance, assembled.

        Sums over levels are written as such: a product of matrices would be a kernel of its own, which is compiled for
        every place where this is used.
        """
        p, irradiance = jnp.exp(u), jnp.exp(log_irradiance)
        n = self.n_unknowns
        gain, loss, gain_by_p, loss_by_p, pumped, drained = [], [], [], [], [], []
        start = 0
        for dark, pump, transfer, block in zip(self.dark, self.pump, self.transfer, self.split(p), strict=True):
            cells, levels = block.shape
            size = cells * levels
            rates = dark + irradiance * pump + transfer @ p
            # What concerns the ion itself stands in the columns of its own cell.
            own = (rates[:, :, None, :] * np.eye(cells)[:, None, :, None]).reshape(size, size)
            by_partners = (transfer * block[:, None, :, None]).sum(axis=2).reshape(size, n)
            gain_by_p.append(by_partners + jnp.pad(own, ((0, 0), (start, n - start - size))))
            loss_by_p.append(transfer.sum(axis=1).reshape(size, n))
            gain.append((rates * block[:, None, :]).sum(axis=2).ravel())
            loss.append(rates.sum(axis=1).ravel())
            pumped.append((pump * block[:, None, :]).sum(axis=2).ravel())
            drained.append(pump.sum(axis=1).ravel())
            start += size
        gains, losses = jnp.concatenate(gain) + FLOOR_per_s, jnp.concatenate(loss) + FLOOR_per_s
        by_gain, by_loss = 1.0 / gains, 1.0 / losses
        total, largest = self._sums(p)
        rows = jnp.concatenate(gain_by_p) * by_gain[:, None] - jnp.concatenate(loss_by_p) * by_loss[:, None]
        ion = self._ion_of_unknown()
        fractions = jnp.where(ion[:, None] == ion, p * (1.0 / total)[:, None], 0.0)
        by_log = irradiance * (jnp.concatenate(pumped) * by_gain - jnp.concatenate(drained) * by_loss)
        return Linearisation(
            _log_balance(gains, losses, u, total, largest),
            jnp.where(largest[:, None], fractions, rows * p - jnp.eye(n)),
            jnp.where(largest, 0.0, by_log),
        )

    def _ion_of_unknown(self) -> np.ndarray:
        """A number for the ion in its cell that every unknown belongs to."""
        levels = [dark.shape[1] for dark in self.dark for _ in range(dark.shape[0])]
        return np.repeat(np.arange(len(levels)), levels)

    def _sums(self, p: Populations) -> tuple[Populations, Bool[Array, " n_unknowns"]]:
        """For every unknown the sum of all populations of its ion, and whether it is the (first) largest of these."""
        ion = self._ion_of_unknown()
        same = ion[:, None] == ion
        earlier = same & np.tri(len(ion), k=-1, dtype=bool)
        fixed = jax.lax.stop_gradient(p)
        larger = jnp.where(earlier, fixed >= fixed[:, None], same & (fixed > fixed[:, None]))
        totals = [jnp.broadcast_to(block.sum(axis=1, keepdims=True), block.shape).ravel() for block in self.split(p)]
        return jnp.concatenate(totals), ~jnp.any(larger, axis=1)


class Linearisation(NamedTuple):
    """The log balance and its derivatives at one point of a power curve."""

    residual: Populations
    jacobian: Matrix
    by_log_irradiance: Populations


def _log_balance(
    gain: Populations, loss: Populations, u: LogPopulations, total: Populations, largest: Bool[Array, " n_unknowns"]
) -> Populations:
    return jnp.log(jnp.where(largest, total, gain / loss)) - jnp.where(largest, 0.0, u)
