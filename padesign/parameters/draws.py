"""Values that a parameter set may have within its uncertainty."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from padesign.parameters.sets import Entry, ParameterSet, has_logarithm

CUT = 3.0
"""Standard deviations at which normal numbers are cut."""


def normal_numbers(
    keys: Iterable[str], count: int, seed: tuple[int, ...], *, in_pairs: bool = False
) -> dict[str, np.ndarray]:
    """Standard normal numbers (count,) of every parameter, cut at `CUT`.

    They follow from `seed` and the parameter's name alone: sets of several hosts err together where they name the same
    parameter, since most hosts have it from the same source. `in_pairs`: every second one is the opposite of the one
    before (antithetic variates).
    """
    found = {}
    for key in keys:
        own = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
        z = np.random.default_rng([*seed, own]).standard_normal(-(-count // 2) if in_pairs else count)
        z = np.clip(z, -CUT, CUT)
        found[key] = np.stack([z, -z], axis=1).ravel()[:count] if in_pairs else z
    return found


def drawn_values(one: ParameterSet, normal: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values (count,) of every entry, moved from the stated ones by standard normal numbers.

    What has `correlations` moves with them, the rest by itself: a level energy, and what is stated as 0, by `sigma`;
    everything else, which cannot be negative, by a factor whose logarithm has the spread `Entry.sigma_ln`, with the
    stated value as its median, as `padesign calibrate` understands a spread.
    """
    z = dict(normal)
    if one.correlations is not None:
        root = np.linalg.cholesky(one.correlations.matrix)
        joint = root @ np.stack([normal[key] for key in one.correlations.keys])
        z.update(zip(one.correlations.keys, joint, strict=True))
    return {key: _moved(key, entry, z[key]) for key, entry in one.entries.items()}


def _moved(key: str, entry: Entry, z: np.ndarray) -> np.ndarray:
    if entry.sigma == 0.0:
        return np.full(z.shape, entry.value)
    if not has_logarithm(key, entry):
        return entry.value + entry.sigma * z
    return entry.value * np.exp(entry.sigma_ln * z)
