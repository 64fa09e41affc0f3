"""What the simulation claims of a design, in the form a recipe takes; and the recipe made from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from padesign.cli.definitions import OF_THE_BUILD, PLANE_WAVE, assumptions, numbers_of, range_notes, sets_of
from padesign.cli.designs import batch_note, scatter_of
from padesign.cli.recipe_page import recipe_page
from padesign.config import RunFile
from padesign.config.build import build_robust
from padesign.design.objective import AbstractObjective
from padesign.design.problem import Problem
from padesign.design.tolerance import with_band
from padesign.design.trial import Candidate, Option
from padesign.parameters import load_host
from padesign.particle.layers import Particle
from padesign.recipe import Batch, Lattice, Prediction, build_recipe, write_recipe
from padesign.search.runfolder import write_text


def prediction(
    run: RunFile,
    particle: Particle,
    candidate: Candidate,
    objective: str,
    unit: str,
    definition: str,
    blind_to: str = "",
) -> Prediction:
    """Numbers, definitions and the parameters they rest on. `objective` names the number `candidate.value`."""
    sets = sets_of(run, [layer.host for layer in particle.layers])
    wavelength_nm, temperature_K = float(candidate.design["wavelength_nm"]), float(candidate.design["temperature_K"])
    beams = [wavelength_nm, *(beam.wavelength_nm for beam in run.excitation.also)]
    notes = [*candidate.notes, *batch_note(run, candidate, particle)]
    notes += [*range_notes(sets, particle, temperature_K, beams), PLANE_WAVE]
    if blind_to:
        notes.append(f"The objective is blind to: {blind_to}.")
    return Prediction(
        objective=objective,
        value=candidate.value,
        unit=unit,
        definition=definition,
        parameter_set=", ".join(one.name for one in sets),
        digest=", ".join(one.digest for one in sets),
        calibrated=all(one.calibrated for one in sets),
        excitation_wavelengths_nm=(wavelength_nm,),
        numbers=numbers_of({key: x for key, x in candidate.metrics.items() if key not in OF_THE_BUILD}),
        assumptions=assumptions(particle, sets, temperature_K),
        notes=notes,
    )


def objective_prediction(
    run: RunFile, particle: Particle, candidate: Candidate, objective: AbstractObjective
) -> Prediction:
    """The prediction of a design that a search found; what is claimed of a batch says so in name and definition."""
    name, unit, definition = objective.name, objective.unit, objective.statement
    if (robust := build_robust(run)) is not None:
        name, definition = f"{name} of a batch ({robust.aim})", f"{robust.words}; of one particle: {definition}"
        unit = "1" if robust.aim == "yield" else unit
    return prediction(run, particle, candidate, name, unit, definition, objective.blind_to)


def banded(
    run: RunFile, problem: Problem, candidate: Candidate, particle: Particle, choice: Mapping[str, Option]
) -> Candidate:
    """The candidate with the band of a batch around its curve, as far as the run file asks for it."""
    if not candidate.curve or run.recipes.batch_particles == 0:
        return candidate
    scatter = scatter_of(run, particle, [layer.name for layer in problem.space.layers])
    curve = with_band(candidate.curve, problem.batch_curves(choice, particle, scatter), scatter.particles)
    return dataclasses.replace(candidate, curve=curve)


def make_recipe(
    run: RunFile,
    particle: Particle,
    claim: Prediction,
    curve: Mapping[str, Sequence[float]],
    folder: Path,
    stem: str,
) -> dict[str, Path]:
    """Write the recipe of one particle, its page included; the paths by suffix. `curve`: its power curve, or empty."""
    lattices = {layer.host: _lattice(run, layer.host) for layer in particle.layers}
    recipe = build_recipe(particle, host_lattices=lattices, prediction=claim, batch=_batch(run, particle))
    paths = write_recipe(recipe, folder, stem)
    paths["html"] = folder / f"{stem}.html"
    name = run.name if stem == run.name else f"{run.name}: {stem.replace('_', ' ')}"
    write_text(paths["html"], recipe_page(name, recipe, particle, curve))
    return paths


def _lattice(run: RunFile, name: str) -> Lattice:
    """The lattice as the simulation took it: density of the parameter set, formula and cation of the host table."""
    host = load_host(name)
    density = sets_of(run, [name])[0].values["host.cation_density_nm3"]
    return Lattice(density, host.site, host.formula.replace(host.site, "{re}", 1))


def _batch(run: RunFile, particle: Particle) -> Batch:
    options: dict[str, Any] = {}
    if run.recipes.water is not None:
        cations = {ion for layer in particle.layers for ion in layer.dopants_mol_percent}
        cations |= {load_host(layer.host).site for layer in particle.layers}
        options["water_of_crystallisation"] = dict.fromkeys(sorted(cations), run.recipes.water)
    return Batch(
        core_mmol=run.recipes.core_mmol,
        precursor=run.recipes.precursor,
        purity=run.recipes.purity,
        core_yield=run.recipes.core_yield,
        shell_growth=run.recipes.shell_growth,
        **options,
    )
