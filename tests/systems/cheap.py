"""A design problem whose trials take milliseconds: the closed-form avalanche, for whatever is not about physics."""

from __future__ import annotations

import functools
import os
import random
import time
from pathlib import Path

from padesign.design.trial import Candidate, OnStep, Task
from tests.systems.avalanche import Avalanche


class Cheap:
    """S of the three-state avalanche over a grid of decay rates and cross-sections, with a little that the seed adds.

    Every trial takes `trial_s` and leaves a line in `log` when it begins.
    """

    objective_name, unit, maximise = "S", "1", True
    parents, seeds, aims = {}, (), {}

    def __init__(self, log: str, trial_s: float) -> None:
        self.choices = {"W2": (100.0, 150.0, 200.0, 300.0), "k": (3e3, 1e4), "sigma": (6e-25, 2e-24, 6e-24)}
        self._log, self._trial_s = Path(log), trial_s

    def topology(self, choice) -> str:
        return str(sorted(choice.items()))

    def refusal(self, choice) -> str:
        return ""

    def refine(self, task: Task, on_step: OnStep) -> Candidate:
        write(self._log, f"begin {task.seed}")
        time.sleep(self._trial_s)
        choice = task.choice
        system = Avalanche(choice["W2"], 723.0, 0.247, choice["k"], choice["sigma"], 6.4e-21)
        value = system.steepest_closed_form() * (1.0 + 0.1 * random.Random(task.seed).random())
        return Candidate("ok", value, -value, {}, {}, {})


def make(log: Path, trial_s: float) -> functools.partial[Cheap]:
    """What an engine takes to make the problem in another process."""
    return functools.partial(Cheap, str(log), trial_s)


def write(log: Path, line: str) -> None:
    """Append a line in one write, so that several processes may."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (line + "\n").encode())
    os.close(handle)
