"""A batch of particles that differ in their sizes and shares."""

from __future__ import annotations

import numpy as np

from padesign.cli.characterise.sections import Line, Section
from padesign.cli.console import say
from padesign.config import RunFile
from padesign.config.blocks.results import SizeSpread
from padesign.config.build import build_design, build_scene
from padesign.design.batch import Spread, batch_of
from padesign.design.characterise import (
    batch_response,
)


def scattered(run: RunFile, label: str, spread: SizeSpread) -> Section:
    """S of a whole batch beside that of its particles."""
    title = "A batch of particles"
    if run.network is not None:
        return Section("batch", title, (), "a hand-written network has no sizes")
    one = build_design(run, build_scene(run).cells_per_layer)
    core, shell, dopant = (0.01 * x for x in (spread.core_percent, spread.shell_percent, spread.dopant_percent))
    lognormal = spread.sizes == "lognormal"
    batch = batch_of(one.geometry, Spread(core, shell, dopant, lognormal, spread.samples, spread.seed))
    say(f"solving {batch.weight.size} particles of the batch")
    grid, photons = batch_response(
        one.signature,
        one.scene,
        label,
        batch.thickness_nm,
        batch.fraction,
        one.geometry.interface_mixing_nm,
        one.hosts,
        one.conditions,
    )
    x, each = np.asarray(grid), np.asarray(photons)
    mean = np.log(batch.mean(np.exp(each - each.max())) + 1e-300) + each.max()
    slopes = np.gradient(each, x, axis=1)
    alone, together = slopes.max(axis=1), float(np.gradient(mean, x).max())
    powers = np.exp(x[slopes.argmax(axis=1)]) / 1e3
    how = (
        f"{batch.how}, relative standard deviations {spread.core_percent:g} % of the core, {spread.shell_percent:g} % "
        f"of every shell, {spread.dopant_percent:g} % of every dopant, sizes {spread.sizes}"
    )
    lines_ = (
        Line("S_batch", "S of the whole batch", together, "1", f"largest local slope of the mean emission of {how}"),
        Line("S_single_mean", "S of single particles, mean", float(batch.mean(alone)), "1", f"mean over {how}"),
        Line("S_single_sd", "their standard deviation", batch.deviation(alone), "1", f"over {how}"),
        Line(
            "steepest_spread",
            "spread of the steepest irradiance",
            batch.deviation(np.log(powers)),
            "1",
            f"standard deviation of its natural logarithm over {how}",
        ),
    )
    return Section("batch", title, lines_)
