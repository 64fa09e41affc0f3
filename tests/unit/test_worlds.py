"""A batch in many worlds: what is claimed is judged with the parameter values that were drawn, and only with those."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from padesign.config import load_run_text
from padesign.config.build import build_problem
from padesign.design import compiled
from padesign.design.fixed import fixed_geometry
from padesign.parameters import load_parameter_set
from tests.systems.run_files import SMALL_TM


def test_every_particle_of_a_claim_is_the_particle_judged_alone_with_its_own_parameters() -> None:
    """Nothing but the parameters scatters: values differ by them alone, and the same ones come back for a choice."""
    robust = (
        "robust: {core_percent: 0, shell_percent: 0, dopant_percent: 0, judge_samples: 8, parameter_uncertainty: true}"
    )
    one = build_problem(
        load_run_text(f'{SMALL_TM}objective: {{kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}}\n{robust}\n').run
    )
    geometry = fixed_geometry(one.space)
    values = one.batch_values({}, geometry, 8)
    assert one.robust is not None
    worlds = one.robust.worlds([load_parameter_set("beta-NaYF4")], 8, 1)
    fixed = one.judge_signature, one.scene, one.objective, geometry
    for n in (0, 3, 7):
        hosts = tuple({key: jnp.asarray(x[n]) for key, x in world.items()} for world in worlds)
        verdict, _ = compiled.judge(*fixed, hosts, one.conditions({}))
        alone = float(verdict.value) if bool(verdict.valid) else np.nan
        assert values[n] == pytest.approx(alone, rel=1e-6, nan_ok=True)
    sound = values[np.isfinite(values)]
    assert sound.size >= 6 and sound.std() > 0.05 * sound.mean()
    assert np.array_equal(values, one.batch_values({}, geometry, 8), equal_nan=True)
