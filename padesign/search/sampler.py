"""Who proposes the next discrete choice. Every proposal has its own seed, so a resumed campaign goes on as if it had
never stopped."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from padesign.design.trial import Option
from padesign.errors import InputError

Refusal = Callable[[Mapping[str, Option]], str]
"""Why a choice is impossible; empty where it is not (`AbstractProblem.refusal`)."""
SAMPLERS = ("tpe", "nsga2", "gp", "random", "brute")
_LONGEST_LIST = 100_000
_STARTUP_TRIALS = 10
_POPULATION = 20


def derive_seed(seed: int, number: int, purpose: str) -> int:
    """A seed in [0, 2^31) that depends on the campaign's seed, the trial and the use, and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{number}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 2**31


def build_sampler(
    kind: str,
    seed: int,
    number: int,
    choices: Mapping[str, Sequence[Option]],
    parents: Mapping[str, tuple[str, Option]] | None = None,
    attempt: int = 0,
    refusal: Refusal = lambda choice: "",
) -> BaseSampler:
    """The sampler that proposes trial `number`, for the `attempt`th time when earlier proposals were known already.

    `tpe` learns from the finished trials which options go well together, `nsga2` breeds them (for hundreds of trials),
    `gp` fits a Gaussian process (needs the package torch), `random` draws at random, `brute` goes through every
    combination that is not refused in a shuffled order, again and again with new start seeds.
    A fresh sampler per trial, seeded by the trial's number, makes the proposals of a resumed campaign those of an
    uninterrupted one; a sampler made again with the campaign's seed would repeat its first proposals.
    Raises `InputError` for an unknown kind and for a list that is too long to be exhausted.
    """
    own = derive_seed(seed, number, f"proposal {attempt}" if attempt else "proposal")
    if kind == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(
                multivariate=True, group=True, n_startup_trials=_STARTUP_TRIALS, constant_liar=True, seed=own
            )
    if kind == "nsga2":
        return NSGAIISampler(population_size=_POPULATION, seed=own)
    if kind == "gp":
        return _gaussian_process(own)
    if kind == "random":
        return RandomSampler(seed=own)
    if kind == "brute":
        return GivenSampler(_next_of_all(choices, parents or {}, refusal, seed, number))
    raise InputError(
        f"`sampler` is {kind!r}, which is not known", cure=f"Use one of: {', '.join(SAMPLERS)}.", path=("sampler",)
    )


def _gaussian_process(seed: int) -> BaseSampler:
    try:
        import torch  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        cure = "Install torch, or use `sampler: tpe`."
        raise InputError("`sampler: gp` needs the package torch", cure=cure, path=("sampler",)) from error
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, deterministic_objective=True)


class GivenSampler(BaseSampler):
    """Proposes one choice."""

    def __init__(self, choice: Mapping[str, Option]) -> None:
        self._choice = dict(choice)

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


def drawn_choice(
    choices: Mapping[str, Sequence[Option]], parents: Mapping[str, tuple[str, Option]], refusal: Refusal, seed: int
) -> dict[str, Option]:
    """A choice that is not refused, drawn at random; raises `InputError` when none is found."""
    dice = random.Random(seed)
    for _ in range(_LONGEST_LIST):
        choice = {name: dice.choice(options) for name, options in choices.items()}
        if not refusal(awake(choice, parents)):
            return choice
    raise InputError(
        f"{_LONGEST_LIST} choices drawn at random all break a limit, such as: {refusal(awake(choice, parents))}",
        cure="Widen the limits of the particle, or offer options that keep them.",
    )


def awake(choice: Mapping[str, Option], parents: Mapping[str, tuple[str, Option]]) -> dict[str, Option]:
    """The part of a choice that means something."""
    asleep = {name for name, (parent, option) in parents.items() if choice.get(parent) != option}
    return {name: option for name, option in choice.items() if name not in asleep}


def _next_of_all(
    choices: Mapping[str, Sequence[Option]],
    parents: Mapping[str, tuple[str, Option]],
    refusal: Refusal,
    seed: int,
    number: int,
) -> dict[str, Option]:
    """The combination at place `number` of a shuffled list of all that are different and not refused."""
    total = math.prod(len(options) for options in choices.values())
    if total > _LONGEST_LIST:
        raise InputError(
            f"the discrete choices have {total} combinations, too many to try each",
            cure="Use `sampler: tpe`, or offer fewer options.",
            path=("sampler",),
        )
    order = _shuffled(tuple((n, tuple(o)) for n, o in choices.items()), tuple(parents.items()), refusal, seed)
    if not order:
        raise InputError("every combination breaks a limit", cure="Widen the limits of the particle.")
    return dict(zip(choices, order[number % len(order)], strict=True))


@lru_cache(maxsize=4)
def _shuffled(
    choices: tuple[tuple[str, tuple[Option, ...]], ...],
    parents: tuple[tuple[str, tuple[str, Option]], ...],
    refusal: Refusal,
    seed: int,
) -> tuple[tuple[Option, ...], ...]:
    """Every combination, with the first option for what means nothing in it."""
    names, owners = [name for name, _ in choices], dict(parents)

    def different(combination: tuple[Option, ...]) -> bool:
        chosen = dict(zip(names, combination, strict=True))
        asleep = [name for name, (parent, option) in owners.items() if chosen[parent] != option]
        return all(chosen[name] == dict(choices)[name][0] for name in asleep) and not refusal(awake(chosen, owners))

    order = [one for one in itertools.product(*(options for _, options in choices)) if different(one)]
    random.Random(derive_seed(seed, len(order), "order")).shuffle(order)
    return tuple(order)
