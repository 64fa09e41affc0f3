"""How the irradiance of a beam goes with time, as a share of its peak."""

from __future__ import annotations

import abc
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from padesign.types import Scalar, ScalarLike


class AbstractProfile(eqx.Module):
    """A share of the peak irradiance at every time from 0 on; pure.

    An integration carries derivatives with respect to the network and the peak, not with respect to when jumps happen.
    """

    @abc.abstractmethod
    def share(self, time_s: ScalarLike) -> Scalar:
        """Irradiance over peak irradiance."""

    @abc.abstractmethod
    def jumps_s(self) -> Float[Array, " jumps"]:
        """Times at which the share is not smooth, ascending; an integration stops at each."""


@final
class Constant(AbstractProfile):
    """On at full irradiance from time 0."""

    def share(self, time_s: ScalarLike) -> Scalar:
        return jnp.ones_like(jnp.asarray(time_s, dtype=float))

    def jumps_s(self) -> Float[Array, " jumps"]:
        return jnp.zeros(0)


@final
class Switched(AbstractProfile):
    """On at full irradiance from `on_s` until `off_s`."""

    on_s: ScalarLike
    off_s: ScalarLike

    def share(self, time_s: ScalarLike) -> Scalar:
        time = jnp.asarray(time_s, dtype=float)
        return jnp.where((time >= self.on_s) & (time < self.off_s), 1.0, 0.0)

    def jumps_s(self) -> Float[Array, " jumps"]:
        return jnp.stack([jnp.asarray(self.on_s, dtype=float), jnp.asarray(self.off_s, dtype=float)])


@final
class Pulses(AbstractProfile):
    """`count` rectangular pulses of `width_s` every `period_s`, the first at time 0."""

    width_s: ScalarLike
    period_s: ScalarLike
    count: int = eqx.field(static=True, default=1)

    def share(self, time_s: ScalarLike) -> Scalar:
        starts = self.period_s * jnp.arange(self.count)  # the same numbers as in `jumps_s`, to the last bit
        pulse = jnp.maximum(jnp.searchsorted(starts, jnp.asarray(time_s, dtype=float), side="right") - 1, 0)
        return jnp.where(time_s < starts[pulse] + self.width_s, 1.0, 0.0)

    def jumps_s(self) -> Float[Array, " jumps"]:
        starts = self.period_s * jnp.arange(self.count)
        return jnp.sort(jnp.concatenate([starts[1:], starts + self.width_s]))


@final
class Sine(AbstractProfile):
    """1 - depth (1 - sin(2 pi f t)) / 2: between 1 - depth and 1."""

    frequency_Hz: ScalarLike
    depth: ScalarLike = 1.0

    def share(self, time_s: ScalarLike) -> Scalar:
        return 1.0 - 0.5 * self.depth * (1.0 - jnp.sin(2.0 * jnp.pi * self.frequency_Hz * jnp.asarray(time_s)))

    def jumps_s(self) -> Float[Array, " jumps"]:
        return jnp.zeros(0)


@final
class Slope(AbstractProfile):
    """From the share `first` at time 0 to `last` at `over_s`, evenly in the logarithm of the irradiance."""

    first: ScalarLike
    last: ScalarLike
    over_s: ScalarLike

    def share(self, time_s: ScalarLike) -> Scalar:
        way = jnp.clip(jnp.asarray(time_s) / self.over_s, 0.0, 1.0)
        return jnp.exp((1.0 - way) * jnp.log(self.first) + way * jnp.log(self.last))

    def jumps_s(self) -> Float[Array, " jumps"]:
        return jnp.zeros(0)


@final
class Ramp(AbstractProfile):
    """From `lowest` (a share) up to 1 in `scan_s` and down again, evenly in the logarithm of the irradiance."""

    lowest: ScalarLike
    scan_s: ScalarLike

    def share(self, time_s: ScalarLike) -> Scalar:
        way = 1.0 - jnp.abs(jnp.clip(jnp.asarray(time_s) / self.scan_s, 0.0, 2.0) - 1.0)
        return jnp.exp((1.0 - way) * jnp.log(self.lowest))

    def jumps_s(self) -> Float[Array, " jumps"]:
        return jnp.asarray(self.scan_s, dtype=float)[None]
