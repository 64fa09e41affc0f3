"""What a run leaves behind when its search ends: comparison, figures, recipes, parameter sets, summary, report."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from padesign import __version__
from padesign.cli.campaign_page import campaign_page, recipe_of
from padesign.cli.console import finite
from padesign.cli.definitions import hosts_of, set_line, set_record, sets_of
from padesign.cli.designs import Row, distinct_best, particle_of, record
from padesign.cli.page import report_page
from padesign.cli.predict import banded, make_recipe, objective_prediction
from padesign.config import RunFile
from padesign.config.blocks.results import Reference
from padesign.config.build import build_reference
from padesign.design.fixed import fixed_geometry
from padesign.design.problem import Problem
from padesign.design.trial import Candidate, Option
from padesign.errors import InputError
from padesign.particle.layers import Particle
from padesign.report.html import picture
from padesign.search import CampaignResult, RunFolder
from padesign.search.runfolder import write_json, write_text

_SHOWN_WITHOUT_RECIPES = 3


class Report:
    """Makes the files of a finished (or interrupted) session; give it to `Campaign` as `report`.

    `rows`: the best distinct designs and the reference particles, for the table that is printed.
    """

    def __init__(self, run: RunFile, problem: Problem, folder: RunFolder, say: Callable[[str], None]) -> None:
        self._run, self._problem, self._folder, self._say = run, problem, folder, say
        self._files: dict[str, Path] = {}
        self.rows: list[Row] = []

    def __call__(self, result: CampaignResult) -> dict[str, Path]:
        """Every file by its name inside the run folder."""
        self._files = {}
        best = distinct_best(result.trials, self._run.recipes.count or _SHOWN_WITHOUT_RECIPES)
        designs = [
            Row(f"design {k} (trial {r.number})", r.candidate, particle_of(r.candidate), r.number)
            for k, r in enumerate(best, start=1)
        ]
        if designs:
            self._say("computing what the best designs depend on (compiles once, up to a minute)")
        designs = [
            dataclasses.replace(row, sensitivities=self._problem.sensitivities(r.choice, row.particle))
            for row, r in zip(designs, best, strict=True)
        ]
        if not designs:
            self._write_sets()
            self._write_history(result)
            self._write_summary(result)
            return self._files
        if self._run.recipes.batch_particles:
            particles = f"{self._run.recipes.batch_particles} particles of each, up to a minute a design"
            self._say(f"computing how far apart a batch of the best designs lies ({particles})")
        designs = [self._with_band(row, r.choice) for row, r in zip(designs, best, strict=True)]
        if self._run.compare_with:
            self._say("computing the reference particles in the same model")
        at_nm = float(best[0].candidate.design["wavelength_nm"])
        self.rows = designs + [self._judged(reference, at_nm) for reference in self._run.compare_with]
        self._say("writing figures and recipes")
        self._write_sets()
        self._write_figures(result)
        self._write_recipes(designs)
        self._write_comparison()
        self._write_summary(result)
        sets = sets_of(self._run, hosts_of(self._run))
        objective, files = self._problem.objective, sorted(self._files)
        self._add(self._folder.path / "report.md", report_page(self._run, result, self.rows, objective, sets, files))
        recipes = {row.label: recipe_of(row, files) for row in self.rows}
        pictures = {row.label: picture(path) for row, path in self._cross_sections()}
        text = campaign_page(self._run, result, self.rows, objective, sets, self._folder, pictures, recipes)
        self._add(self._folder.path / "report.html", text)
        return self._files

    def _with_band(self, row: Row, choice: Mapping[str, Option]) -> Row:
        """The row with the band of a batch around its curve, as far as the run file asks for it."""
        return dataclasses.replace(row, candidate=banded(self._run, self._problem, row.candidate, row.particle, choice))

    def _judged(self, reference: Reference, wavelength_nm: float) -> Row:
        """A published particle, judged by the same model and objective as the designs, with `robust` for a batch."""
        published: dict[str, Any] = {**reference.reported.model_dump(exclude_none=True), "source": reference.source}
        try:
            space = dataclasses.replace(build_reference(self._run, reference), wavelengths_nm=(wavelength_nm,))
            particle = space.particle({}, space.bounds({}).thickness_low_nm.tolist(), space.bounds({}).fraction_low)
            same = self._problem
            problem = Problem(
                space, same.objective, same.scene, same.inner, self._run.parameter_sets, robust=same.robust
            )
            candidate = problem.judge({}, fixed_geometry(space), math.inf)
            limited = same.space.limits.numbers(particle)
            candidate = dataclasses.replace(candidate, metrics={**candidate.metrics, **limited})
        except InputError as error:
            particle = Particle(())
            candidate = Candidate(f"not comparable: {error.what}", None, math.inf, {}, {}, {})
        return Row(reference.name, candidate, particle, None, published)

    # ------------------------------------------------------------------------------------------------------- files
    def _add(self, path: Path, text: str | None = None) -> None:
        if text is not None:
            write_text(path, text)
        self._files[path.relative_to(self._folder.path).as_posix()] = path

    def _clear(self, folder: Path, pattern: str) -> None:
        """Remove what an earlier session of this run has made, whose ranks may be out of date."""
        for path in folder.iterdir():
            if re.fullmatch(pattern, path.name):
                path.unlink()

    def _write_sets(self) -> None:
        folder = self._folder.path / "parameter_sets"
        folder.mkdir(exist_ok=True)
        for one in sets_of(self._run, hosts_of(self._run)):
            path = folder / f"{one.name}.json"
            write_json(path, set_record(one))
            self._add(path)

    def _write_figures(self, result: CampaignResult) -> None:
        from padesign.report.figures import particle_figure, power_curve_figure
        from padesign.report.power_curve_figure import within

        folder = self._folder.figures
        self._clear(folder, r"(design_\d+_.*|power_curves|history|reference_.*)\.(svg|png|csv)")
        drawn = [row for row in self.rows if row.candidate.curve]
        if drawn:
            window = self._run.excitation.irradiance_window_kW_per_cm2
            curves = {row.label: within(row.candidate.curve, window) for row in drawn}
            marks = {row.label: row.candidate.metrics for row in drawn}
            for path in power_curve_figure(curves, marks, self._band(), folder / "power_curves"):
                self._add(path)
        for row, path in self._cross_sections():
            for file in particle_figure(row.particle, path):
                self._add(file)
        self._write_history(result)

    def _cross_sections(self) -> list[tuple[Row, Path]]:
        """Every row that has a particle, and the picture of it."""
        found = []
        for k, row in enumerate(self.rows, start=1):
            name = f"design_{k:02d}_trial_{row.trial:04d}" if row.trial is not None else f"reference_{row.label}"
            if row.particle.layers:
                found.append((row, self._folder.figures / f"{name}.svg"))
        return found

    def _write_history(self, result: CampaignResult) -> None:
        from padesign.report.figures import history_figure

        ordered = sorted(result.trials, key=lambda record: record.number)
        histories = {f"trial {r.number}": r.candidate.history for r in ordered if r.candidate.history}
        if any(math.isfinite(step["loss"]) for steps in histories.values() for step in steps):
            for path in history_figure(histories, self._folder.figures / "history"):
                self._add(path)

    def _band(self) -> str:
        emission = getattr(self._problem.objective, "emission", "")
        designs = [row.candidate.design for row in self.rows]
        wavelengths = {float(design["wavelength_nm"]) for design in designs if "wavelength_nm" in design}
        return f"{emission}, excited at {', '.join(f'{w:g}' for w in sorted(wavelengths))} nm"

    def _write_recipes(self, designs: Sequence[Row]) -> None:
        folder = self._folder.recipes
        self._clear(folder, r"design_\d+_trial_\d+\.(json|md|csv|html)")
        for k, row in enumerate(designs[: self._run.recipes.count], start=1):
            claim = objective_prediction(self._run, row.particle, row.candidate, self._problem.objective)
            stem, curve = f"design_{k:02d}_trial_{row.trial:04d}", row.candidate.curve
            try:
                paths = make_recipe(self._run, row.particle, claim, curve, folder, stem)
            except InputError as error:
                self._say(f"no recipe for {row.label}: {error}")
                continue
            for path in paths.values():
                self._add(path)

    def _write_comparison(self) -> None:
        rows = [finite(record(row, self._run)) for row in self.rows]
        names = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._add(self._folder.path / "comparison.csv", text.getvalue())

    def _write_summary(self, result: CampaignResult) -> None:
        objective = self._problem.objective
        sets = sets_of(self._run, hosts_of(self._run))
        write_json(
            self._folder.summary,
            finite(
                {
                    **result.to_json(),
                    "definition": objective.statement,
                    "blind_to": objective.blind_to,
                    "best_designs": [record(row, self._run) for row in self.rows if row.trial is not None],
                    "references": [record(row, self._run) for row in self.rows if row.trial is None],
                    "parameter_sets": [set_line(one) for one in sets],
                    "padesign_version": __version__,
                }
            ),
        )
        self._add(self._folder.summary)
