"""What an engine is: it takes tasks, and some time later it has their answers."""

from __future__ import annotations

import abc
import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from padesign.design.trial import AbstractProblem, Candidate, OnStep, Task

DEATHS = 3
"""A task whose workers died so often is given up."""
MakeProblem = Callable[[], AbstractProblem]
"""Makes the problem anew in another process: a function at module level, or a `functools.partial` of one."""


@final
@dataclass(frozen=True)
class Answer:
    """The outcome of one task. `where` says where an exception was raised, empty when there was none."""

    number: int
    seed: int
    candidate: Candidate
    duration_s: float
    finished_at_s: float
    where: str = ""
    traceback: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "candidate": self.candidate.to_json()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Answer:
        return cls(**{**record, "candidate": Candidate.from_json(record["candidate"])})


class AbstractEngine(abc.ABC):
    """Computes tasks somewhere. Only the coordinator uses it, and only the coordinator writes results.

    A worker that dies loses nothing: its task is computed again.
    """

    @property
    @abc.abstractmethod
    def slots(self) -> int:
        """How many tasks it can use at the same time; may change while it runs."""

    @abc.abstractmethod
    def submit(self, number: int, task: Task) -> None:
        """Take one task."""

    @abc.abstractmethod
    def wait(self, timeout_s: float) -> list[Answer]:
        """The answers that have come in; returns without any after `timeout_s`."""

    @abc.abstractmethod
    def withdraw(self) -> list[int]:
        """Take back the tasks that nobody has begun; their numbers."""

    @abc.abstractmethod
    def settled(self, number: int) -> None:
        """The answer is on disk for good and need not be kept elsewhere."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of all workers, also while they compute."""


def perform(problem: AbstractProblem, number: int, task: Task, on_step: OnStep) -> Answer:
    """Do one task; an exception becomes an answer."""
    begin, where, text = time.monotonic(), "", ""
    try:
        candidate = problem.refine(task, on_step)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
        text = traceback.format_exc()
        candidate = failure(f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
    return Answer(number, task.seed, candidate, time.monotonic() - begin, time.time(), where, text)


def failure(reason: str) -> Candidate:
    """What a trial that could not be computed amounts to."""
    return Candidate(f"error: {reason}", None, math.inf, {}, {}, {})


def nothing(step: int, values: Mapping[str, float]) -> None:
    """Steps of a trial in another process are not told."""
