"""Who proposes the next discrete choice. Every proposal has its own seed, so a resumed campaign goes on as if it had
never stopped."""

from __future__ import annotations

import hashlib
import math
import random
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from padesign.design.trial import Option
from padesign.errors import InputError

SAMPLERS = ("tpe", "random", "brute")
_LONGEST_LIST = 100_000
_STARTUP_TRIALS = 10


def derive_seed(seed: int, number: int, purpose: str) -> int:
    """A seed in [0, 2^31) that depends on the campaign's seed, the trial and the use, and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{number}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 2**31


def build_sampler(kind: str, seed: int, number: int, choices: Mapping[str, Sequence[Option]]) -> BaseSampler:
    """The sampler that proposes trial `number`.

    `tpe` learns from the finished trials which options go well together, `random` draws at random, `brute` goes
    through every combination in a shuffled order, again and again with new start seeds.
    A fresh sampler per trial, seeded by the trial's number, makes the proposals of a resumed campaign those of an
    uninterrupted one; a sampler made again with the campaign's seed would repeat its first proposals.
    Raises `InputError` for an unknown kind and for a list that is too long to be exhausted.
    """
    own = derive_seed(seed, number, "proposal")
    if kind == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(multivariate=True, group=True, n_startup_trials=_STARTUP_TRIALS, seed=own)
    if kind == "random":
        return RandomSampler(seed=own)
    if kind == "brute":
        return BruteSampler(choices, seed, number)
    raise InputError(
        f"`sampler` is {kind!r}, which is not known", cure=f"Use one of: {', '.join(SAMPLERS)}.", path=("sampler",)
    )


class BruteSampler(BaseSampler):
    """Trial `number` gets the combination at place `number` of a shuffled list of all combinations."""

    def __init__(self, choices: Mapping[str, Sequence[Option]], seed: int, number: int) -> None:
        sizes = tuple(len(options) for options in choices.values())
        total = math.prod(sizes)
        if total > _LONGEST_LIST:
            raise InputError(
                f"the discrete choices have {total} combinations, too many to try each",
                cure="Use `sampler: tpe`, or offer fewer options.",
                path=("sampler",),
            )
        place = _shuffled(total, seed)[number % total]
        self._choice: dict[str, Option] = {}
        for name, options in choices.items():
            place, index = divmod(place, len(options))
            self._choice[name] = options[index]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._choice[param_name]


@lru_cache(maxsize=4)
def _shuffled(total: int, seed: int) -> tuple[int, ...]:
    order = list(range(total))
    random.Random(derive_seed(seed, total, "order")).shuffle(order)
    return tuple(order)
