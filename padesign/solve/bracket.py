"""Where a function of ln I falls through zero, by looking at it some twenty times."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool

from padesign.types import Scalar


class Bracket(NamedTuple):
    """False position (Illinois) for where a falling function of ln I is zero; all scalars."""

    low: Scalar
    high: Scalar
    at_low: Scalar
    at_high: Scalar
    side: Scalar

    @property
    def encloses(self) -> Bool[Array, ""]:
        return (self.at_low > 0.0) & (self.at_high < 0.0)

    def next(self, k: Array) -> Scalar:
        """Both ends first (k = 0, 1), then false position with a bisection every third time."""
        middle = 0.5 * (self.low + self.high)
        apart = self.at_high - self.at_low
        guess = (self.low * self.at_high - self.high * self.at_low) / jnp.where(apart == 0.0, 1.0, apart)
        inner = jnp.where(self.encloses & (k % 3 > 0), jnp.clip(guess, self.low, self.high), middle)
        return jnp.where(k == 0, self.low, jnp.where(k == 1, self.high, inner))

    def narrowed(self, k: Array, at: Scalar, value: Scalar) -> Bracket:
        """After the function was found to be `value` at `at` in step k."""
        positive, inner = value > 0.0, k >= 2
        return Bracket(
            jnp.where(inner & positive, at, self.low),
            jnp.where(inner & ~positive, at, self.high),
            jnp.where((inner & positive) | (k == 0), value, jnp.where(inner & (self.side < 0), 0.5, 1.0) * self.at_low),
            jnp.where(
                (inner & ~positive) | (k == 1), value, jnp.where(inner & (self.side > 0), 0.5, 1.0) * self.at_high
            ),
            jnp.where(inner, jnp.where(positive, 1.0, -1.0), 0.0),
        )


def bracket_between(low: Scalar, high: Scalar) -> Bracket:
    """A bracket whose ends were not looked at yet."""
    zero = jnp.asarray(0.0)
    return Bracket(low, high, zero, zero, zero)
