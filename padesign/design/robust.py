"""Designs for batches: what particles reach whose sizes and compositions scatter around the target.

Differentiable Monte Carlo with common random numbers: the search follows a statistic of the losses of a few particles
whose errors stay the same from step to step. The claim is made with other particles, more of them, because a search
fits its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.kinetics.particle_network import Geometry
from padesign.parameters import ParameterSet, drawn_values, normal_numbers
from padesign.types import Scalar

Aim = Literal["mean", "quantile", "yield"]
_WIDTH = 0.1
"""Softness in ln of the step that counts particles within a specification."""
_PULL = 0.1
"""Weight of the mean loss beside a yield, which has no slope where no particle is near the specification."""
_LEAST = 0.05
_CUT = 3.0


class Errors(NamedTuple):
    """Standard normal numbers: `thickness` (samples, layers), `fraction` (samples, layers, ions)."""

    thickness: Float[Array, "samples layers"]
    fraction: Float[Array, "samples layers ions"]


@dataclass(frozen=True)
class Claim:
    """A statistic of a batch with the limits between which it lies with 68 % confidence; not finite for no number."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Robust:
    """What scatters and which statistic counts.

    `core`, `shell`, `dopant`: relative standard deviations of normal distributions, independent for every layer and
    ion, cut at 3. `aim`: the `mean` of the value; the `quantile`, which a share `level` of the particles does not
    reach; the `yield`, the share of the particles whose value is at least (or at most) `specification`.

    `parameters`: every particle is made in a world of its own, whose physical parameters are drawn within the
    uncertainty of their set. All particles of a real batch share one world that is not known, so the statistic is
    about what is known before anything is made: over batches and over worlds.
    """

    core: float
    shell: float
    dopant: float
    aim: Aim = "quantile"
    level: float = 0.1
    specification: float = 1.0
    samples: int = 16
    judge_samples: int = 64
    seed: int = 1
    parameters: bool = False

    @property
    def words(self) -> str:
        """What is claimed, for people."""
        over = ", over batches and over the errors of the parameters" if self.parameters else " in a batch"
        return {
            "mean": f"mean over the particles{over}",
            "quantile": f"value that {1.0 - self.level:.0%} of the particles reach or better{over}",
            "yield": f"share of the particles that meets {self.specification:g}{over}",
        }[self.aim]

    @property
    def meaning(self) -> str:
        """What a number of this kind says, and what not, for people."""
        if not self.parameters:
            return f"The number of a design is the {self.words}."
        return (
            f"The number of a design is the {self.words}. Every particle that is counted has parameters of its own, "
            "drawn within the errors that the set states. The particles of one real batch share theirs: a whole batch "
            "may lie above or below this number."
        )

    @property
    def counts_values(self) -> bool:
        """Whether the statistic needs the honest values beside the losses."""
        return self.aim == "yield"

    def draw(self, layers: int, ions: int, samples: int, stream: int, *, in_pairs: bool = False) -> Errors:
        """Errors of so many particles; different streams are independent.

        `in_pairs`: every second particle has the opposite errors of the one before (antithetic variates). A search
        that sees few particles then finds no direction in which all of them happen to err to the good side.
        """
        rng = np.random.default_rng([self.seed, stream])
        drawn = -(-samples // 2) if in_pairs else samples
        sizes, shares = rng.standard_normal((drawn, layers)), rng.standard_normal((drawn, layers, ions))
        if in_pairs:
            sizes, shares = (np.stack([x, -x], axis=1).reshape(-1, *x.shape[1:])[:samples] for x in (sizes, shares))
        return Errors(jnp.asarray(np.clip(sizes, -_CUT, _CUT)), jnp.asarray(np.clip(shares, -_CUT, _CUT)))

    def worlds(
        self, sets: Sequence[ParameterSet], samples: int, stream: int, *, in_pairs: bool = False
    ) -> tuple[dict[str, Array], ...]:
        """Parameter values (samples,) of every set, one world for each particle; the same ones from step to step."""
        keys = dict.fromkeys(key for one in sets for key in one.entries)
        normal = normal_numbers(keys, samples, (self.seed, stream), in_pairs=in_pairs)
        return tuple({key: jnp.asarray(x) for key, x in drawn_values(one, normal).items()} for one in sets)

    def made(self, target: Geometry, errors: Errors) -> Geometry:
        """The particle that is made instead of the target; `errors` of one particle."""
        spread = jnp.full(target.thickness_nm.shape, self.shell).at[0].set(self.core)
        return scattered(target, errors, spread, self.dopant)

    def loss(self, losses: Float[Array, " samples"], values: Float[Array, " samples"], maximise: bool) -> Scalar:
        """Statistic of the losses of a batch, smaller is better; a yield counts `values`, NaN where there is none."""
        if self.aim == "mean":
            return jnp.mean(losses)
        if self.aim == "quantile":
            return jnp.quantile(losses, 1.0 - self.level)
        sign = 1.0 if maximise else -1.0
        sound = jnp.isfinite(values) & (values > 0.0)
        margin = sign * (jnp.log(jnp.where(sound, values, 1.0)) - jnp.log(self.specification)) / _WIDTH
        meets = jnp.where(sound, jax.nn.sigmoid(margin), 0.0)
        return -jnp.log(jnp.mean(meets) + 1e-3) + _PULL * jnp.mean(losses)

    def claim(self, values: np.ndarray, maximise: bool) -> Claim:
        """The statistic of a batch's honest values; NaN stands for a particle without a value, which is the worst."""
        count = values.size
        if self.aim == "mean":
            error = float(values.std(ddof=1) / np.sqrt(count))
            return Claim(float(values.mean()), float(values.mean()) - error, float(values.mean()) + error)
        worst = -np.inf if maximise else np.inf
        settled = np.where(np.isfinite(values), values, worst)
        if self.aim == "yield":
            meets = settled >= self.specification if maximise else settled <= self.specification
            share = float(meets.mean())
            error = float(np.sqrt(max(share * (1.0 - share), 1.0 / count) / count))
            return Claim(share, max(share - error, 0.0), min(share + error, 1.0))
        ordered = np.sort(settled) if maximise else np.sort(settled)[::-1]
        error = np.sqrt(count * self.level * (1.0 - self.level))

        def at(rank: float) -> float:
            return float(ordered[int(np.clip(np.ceil(rank) - 1, 0, count - 1))])

        low, high = sorted((at(count * self.level - error), at(count * self.level + error)))
        return Claim(at(count * self.level), low, high)


def scattered(
    target: Geometry, errors: Errors, spread: Float[Array, " layers"], dopant: float, lognormal: bool = False
) -> Geometry:
    """A particle with errors of relative `spread`: sizes stay above 5 % of the target, shares sum to 1 at most.

    `lognormal`: sizes follow log-normal distributions of the same mean and relative standard deviation.
    """
    sigma = jnp.sqrt(jnp.log1p(spread**2))
    factor = jnp.exp(sigma * errors.thickness - 0.5 * sigma**2) if lognormal else 1.0 + spread * errors.thickness
    sizes = target.thickness_nm * jnp.maximum(factor, _LEAST)
    shares = target.fraction * jnp.maximum(1.0 + dopant * errors.fraction, 0.0)
    total = shares.sum(axis=-1, keepdims=True)
    return Geometry(sizes, shares / jnp.maximum(total, 1.0), target.interface_mixing_nm)
