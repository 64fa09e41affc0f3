"""A campaign compiles few programs, however many layers, ions, hosts and lasers it may choose from."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

from padesign.config import load_run_file
from padesign.config.build import build_problem, build_reference
from padesign.design import compiled as programs
from padesign.design.fixed import fixed_geometry
from padesign.design.problem import InnerSettings, Problem
from padesign.design.trial import Task

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
AT_MOST = 4


def compiled() -> int:
    every = (
        programs.loss_and_gradient,
        programs.batch_loss_and_gradient,
        programs.guess,
        programs.judge,
        programs.solved,
    )
    return sum(function.count for function in every)


def test_the_quickstart_and_its_reference_compile_at_most_four_programs() -> None:
    run = load_run_file(QUICKSTART).run
    problem = build_problem(run)
    problem.scene = dataclasses.replace(problem.scene, cells_per_layer=1, judge_cells_per_layer=2)
    problem = Problem(problem.space, problem.objective, problem.scene, InnerSettings(1, 1), problem.parameter_sets)
    before = compiled()
    for number, values in enumerate(itertools.product(*problem.choices.values())):
        candidate = problem.refine(
            Task(dict(zip(problem.choices, values, strict=True)), number), lambda step, record: None
        )
        assert candidate.outcome == "ok"
    assert compiled() - before == 3
    space = build_reference(run, run.compare_with[0])
    reference = Problem(space, problem.objective, problem.scene, InnerSettings(1, 0), problem.parameter_sets)
    reference.judge({}, fixed_geometry(space), math.inf)
    assert compiled() - before <= AT_MOST
