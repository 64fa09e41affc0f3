"""One trial after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import final

from padesign.design.trial import AbstractProblem, Task
from padesign.search.engines.engine import AbstractEngine, Answer, perform

_OnStep = Callable[[int, int, Mapping[str, float]], None]


@final
class SerialEngine(AbstractEngine):
    """Computes a task when its answer is waited for; `on_step` gets the trial's number before each step."""

    def __init__(self, problem: AbstractProblem, on_step: _OnStep) -> None:
        self._problem, self._on_step = problem, on_step
        self._tasks: list[tuple[int, Task]] = []

    @property
    def slots(self) -> int:
        return 1

    def submit(self, number: int, task: Task) -> None:
        self._tasks.append((number, task))

    def wait(self, timeout_s: float) -> list[Answer]:
        if not self._tasks:
            return []
        number, task = self._tasks.pop(0)
        return [perform(self._problem, number, task, lambda step, values: self._on_step(number, step, values))]

    def withdraw(self) -> list[int]:
        taken, self._tasks = [number for number, _ in self._tasks], []
        return taken

    def settled(self, number: int) -> None:
        pass

    def close(self) -> None:
        self._tasks.clear()
