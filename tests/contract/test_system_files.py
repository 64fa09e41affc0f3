"""The run files of published systems: sound, complete in what they report, and open about what they assume."""

from __future__ import annotations

from pathlib import Path

import pytest

from padesign.config import free_variables, load_run_file
from padesign.parameters import available_sets

FILES = sorted((Path(__file__).parents[2] / "configs" / "systems").glob("*.yaml"))


def test_there_are_systems() -> None:
    assert len(FILES) >= 25


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_system_is_one_particle_with_a_source_and_says_what_is_assumed(path: Path) -> None:
    run = load_run_file(path).run
    assert run.name == path.stem
    assert free_variables(run) == []
    assert run.particle is not None and run.emission
    assert run.reported is not None and run.reported.source
    assert run.notes is not None and "eported" in run.notes and "ssumed" in run.notes
    assert {f"{layer.host}_literature" for layer in run.particle.layers} <= set(available_sets())
