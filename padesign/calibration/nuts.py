"""Samples of the posterior by the No-U-Turn sampler, to judge its Laplace approximation.

M. D. Hoffman and A. Gelman, J. Mach. Learn. Res. 15, 1593 (2014), in the implementation of blackjax (the extra `nuts`).
The density is that of the last round of the fit: the exact model, with the errors that the fit used. Sampled is z in
theta = maximum + root z with root root^T the covariance of Laplace, so that steps of one length suit every direction
and an approximation that holds makes z a standard normal. One step is compiled for all chains; every step costs as many
models with derivatives as its trajectory has points, some three to fifteen.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.fit import Posterior
from padesign.calibration.forward import AbstractForward
from padesign.errors import InputError

CHAINS, WARMUP, FEWEST_DRAWS = 4, 200, 100
FIRST_STEP, ACCEPTED = 0.5, 0.8
TOLD = 40
"""Draw after which the time that the rest takes is told."""
LARGEST_R_HAT, FEWEST_EFFECTIVE_PER_CHAIN = 1.01, 100.0
"""Bounds of A. Vehtari et al., Bayesian Anal. 16, 667 (2021), https://doi.org/10.1214/20-BA1221."""


@dataclass(frozen=True)
class Samples:
    """`theta` (chains, draws, keys) after warm-up, and what tells whether they are samples of the posterior."""

    theta: np.ndarray
    r_hat: np.ndarray
    """Between halves of chains, (keys,)."""
    effective: np.ndarray
    """Number of independent samples that say as much of a mean, (keys,)."""
    divergences: int
    """Trajectories after warm-up that the integrator lost."""
    acceptance: float
    evaluations: int
    """Models with derivatives, warm-up included."""
    warmup: int
    seed: int
    by: str
    """Program and version."""

    @property
    def doubts(self) -> list[str]:
        """What speaks against the samples; empty where nothing does."""
        doubts = []
        worst = float(self.r_hat.max())
        if not worst <= LARGEST_R_HAT:  # so that NaN, chains that do not move, is doubted
            doubts.append(f"R-hat is {worst:.3f}, above {LARGEST_R_HAT:g}")
        least, wanted = float(self.effective.min()), FEWEST_EFFECTIVE_PER_CHAIN * len(self.theta)
        if not least >= wanted:
            doubts.append(f"{least:.0f} effective samples, fewer than {wanted:.0f}")
        if self.divergences:
            doubts.append(f"{self.divergences} divergences")
        return doubts

    def quantiles(self, shares: Sequence[float]) -> np.ndarray:
        """(shares, keys) of the logarithms of factors on the base set."""
        return np.quantile(self.theta.reshape(-1, self.theta.shape[-1]), shares, axis=0)


def require_blackjax() -> None:
    """Raises `InputError` where the extra is not installed."""
    if importlib.util.find_spec("blackjax") is None:
        raise InputError("samples of the posterior need the package blackjax", cure='pip install "padesign[nuts]"')


def sample(
    forwards: Sequence[AbstractForward],
    posterior: Posterior,
    draws: int,
    seed: int = 0,
    told: Callable[[str], None] = lambda text: None,
) -> Samples:
    """Draw `draws` samples from each of four chains that begin at random points of the Laplace approximation."""
    require_blackjax()
    import blackjax
    from blackjax.adaptation.step_size import dual_averaging_adaptation

    n, root = len(posterior.theta), np.linalg.cholesky(posterior.covariance)
    density = _log_density(forwards, posterior, jnp.asarray(root))
    kernel, unit = blackjax.nuts.build_kernel(), jnp.ones(n)
    begin, learn, _ = dual_averaging_adaptation(ACCEPTED)

    @jax.jit
    def move(key: jax.Array, state: Any, adaptation: Any, warm: bool) -> tuple[Any, Any, tuple[jax.Array, ...]]:
        """One draw; step lengths are learnt in warm-up, and their mean is used after it."""
        ln_step = jnp.where(warm, adaptation.log_step_size, adaptation.log_step_size_avg)
        state, info = kernel(key, state, density, step_size=jnp.exp(ln_step), inverse_mass_matrix=unit)
        rate, points = info.acceptance_rate, info.num_integration_steps
        return state, learn(adaptation, rate), (state.position, info.is_divergent, rate, points)

    key = jax.random.key(seed)
    starts = jax.random.normal(jax.random.fold_in(key, CHAINS), (CHAINS, n))
    z, lost, rates, evaluations, began = np.zeros((CHAINS, draws, n)), 0, 0.0, 0, 0.0
    for chain in range(CHAINS):
        state, adaptation = blackjax.nuts.init(starts[chain], density), _typed(begin(FIRST_STEP))
        for k, one in enumerate(jax.random.split(jax.random.fold_in(key, chain), WARMUP + draws)):
            warm = k < WARMUP
            if chain == 0 and k == 1:
                began = time.perf_counter()  # the first draw compiled
            state, learnt, (position, divergent, rate, points) = move(one, state, adaptation, warm)
            evaluations += int(points)
            if chain == 0 and k == TOLD:
                left = (time.perf_counter() - began) / TOLD * (CHAINS * (WARMUP + draws) - TOLD)
                told(f"NUTS takes some {math.ceil(left / 60.0)} minutes more, less if its trajectories become shorter")
            if warm:
                adaptation = learnt
            else:
                z[chain, k - WARMUP] = position
                lost, rates = lost + int(divergent), rates + float(rate)
        spent = time.perf_counter() - began
        told(f"NUTS chain {chain + 1} of {CHAINS}: {evaluations} models with derivatives in {spent:.0f} s")
    halves = jnp.asarray(z[:, : 2 * (draws // 2)].reshape(2 * CHAINS, draws // 2, n))
    r_hat, effective = _diagnostics(halves, jnp.asarray(z))
    theta = posterior.theta + z @ root.T
    acceptance = rates / (CHAINS * draws)
    by = f"NUTS of blackjax {version('blackjax')}"
    return Samples(theta, r_hat, effective, lost, acceptance, evaluations, WARMUP, seed, by)


def _typed(tree: Any) -> Any:
    """Numbers of Python as arrays of a type of their own, as a draw returns them: otherwise it is compiled twice."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)


def _log_density(
    forwards: Sequence[AbstractForward], posterior: Posterior, root: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """ln of the posterior density of z (keys,), up to a constant; its slope is made of the models' own derivatives."""
    misfit, centre = posterior.misfit, jnp.asarray(posterior.theta)

    def both(theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        parts = [one.traced(theta) for one in forwards]
        kept = [(ln[k], rows[k]) for (ln, rows), k in zip(parts, misfit.kept, strict=True)]
        return jnp.concatenate([ln for ln, _ in kept]), jnp.concatenate([rows for _, rows in kept])

    @jax.custom_vjp
    def predicted(theta: jax.Array) -> jax.Array:
        return both(theta)[0]

    predicted.defvjp(both, lambda rows, pull: (pull @ rows,))

    def log_density(z: jax.Array) -> jax.Array:
        theta = centre + root @ z
        return -misfit.minus_log_density(predicted(theta), theta)

    return log_density


@jax.jit
def _diagnostics(halves: jax.Array, chains: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Split R-hat and effective sample size of arrays (chains, draws, keys)."""
    from blackjax.diagnostics import effective_sample_size, potential_scale_reduction

    return potential_scale_reduction(halves), effective_sample_size(chains)
