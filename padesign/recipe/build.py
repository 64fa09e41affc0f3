"""From a particle to a recipe: layer by layer outward, every shell made for all particles of the purified core."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from padesign.particle.layers import Layer, Particle
from padesign.recipe import amounts
from padesign.recipe.checks import (
    batch_warnings,
    final_checks,
    icp_shares,
    layer_warnings,
    measure_first,
    stage_checks,
    volume_warning,
)
from padesign.recipe.inputs import Batch, Lattice, Prediction
from padesign.recipe.numbers import percent
from padesign.recipe.schema import (
    NOT_VERIFIED,
    BatchRecord,
    HazardRow,
    HazardStatement,
    Performance,
    Predicted,
    Recipe,
    SeedRow,
    Share,
    Stage,
    Target,
    TargetLayer,
)
from padesign.recipe.steps import Flask, core_steps, injected_steps, shell_steps
from padesign.recipe.tables import Added, Route, hazards, procedure, quantity
from padesign.recipe.validate import (
    check_batch,
    check_particle,
    check_routes,
    composition_mol_percent,
    find_lattice,
    find_route,
)
from padesign.recipe.weighing import flask_mL, injected_liquids, injections, liquids, solids

_TRIFLUOROACETATE = Added(
    role="sodium and fluoride source",
    element="Na and F",
    substance="trifluoroacetate",
    per_cation="trifluoroacetate_per_re",
)
SEED_TABLE_SHIFTS_NM = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class _LayerPlan:
    """One layer with everything looked up."""

    index: int
    layer: Layer
    lattice: Lattice
    route_name: str
    route: Route
    composition: Mapping[str, float]

    @property
    def is_core(self) -> bool:
        return self.index == 0

    @property
    def name(self) -> str:
        label, given = ("Core" if self.is_core else f"Shell {self.index}"), self.layer.name.strip()
        return label if given.lower() in ("", "core", "shell", label.lower()) else f"{label} ({given})"


@dataclass(frozen=True)
class _Grown:
    """The particles so far: how many, how large, and what they hold."""

    particles: float
    diameter_nm: float = 0.0
    mmol: float = 0.0
    core_mmol: float = 0.0
    variance_nm2: float = 0.0
    mmol_by_ion: tuple[tuple[str, float], ...] = ()
    stage: str = ""
    host: str | None = None


def formula_of(composition: Mapping[str, float], template: str) -> str:
    """`Na(Y0.92Tm0.08)F4`, or `NaYF4` when one cation fills the site."""
    if len(composition) == 1:
        return template.format(re=next(iter(composition)))
    return template.format(re="(" + "".join(f"{ion}{share / 100.0:.4g}" for ion, share in composition.items()) + ")")


def _plan(particle: Particle, host_lattices: Mapping[str, Lattice]) -> list[_LayerPlan]:
    plans = []
    for i, layer in enumerate(particle.layers):
        path = ("particle", "layers", i)
        name, route, cation = find_route(layer.host, (*path, "host"))
        lattice = find_lattice(layer.host, host_lattices, cation, (*path, "host"))
        plans.append(_LayerPlan(i, layer, lattice, name, route, composition_mol_percent(layer, cation, path)))
    return plans


def _grow(plan: _LayerPlan, before: _Grown) -> tuple[_Grown, float, float]:
    """The particles with one more layer, cations of the layer on them [mmol], thickness tolerance [nm]."""
    t = float(plan.layer.thickness_nm)
    layer_mmol = amounts.shell_mmol(before.particles, before.diameter_nm, t, plan.lattice.cation_density_nm3)
    tolerance = (
        quantity("core_diameter_tolerance_percent").set / 100.0 * t
        if plan.is_core
        else quantity("shell_thickness_tolerance_nm").set
    )
    by_ion = dict(before.mmol_by_ion)
    for ion, share in plan.composition.items():
        by_ion[ion] = by_ion.get(ion, 0.0) + layer_mmol * share / 100.0
    after = _Grown(
        particles=before.particles,
        diameter_nm=before.diameter_nm + 2.0 * t,
        mmol=before.mmol + layer_mmol,
        core_mmol=before.core_mmol or layer_mmol,
        variance_nm2=before.variance_nm2 + tolerance**2,
        mmol_by_ion=tuple(by_ion.items()),
        stage=plan.name,
        host=plan.layer.host,
    )
    return after, layer_mmol, tolerance


def _target_layer(plan: _LayerPlan, after: _Grown, tolerance_nm: float) -> TargetLayer:
    return TargetLayer(
        name=plan.layer.name,
        host=plan.layer.host,
        formula=formula_of(plan.composition, plan.lattice.formula_template),
        composition=tuple(Share(ion=ion, mol_percent=x) for ion, x in plan.composition.items()),
        thickness_nm=float(plan.layer.thickness_nm),
        thickness_tolerance_nm=tolerance_nm,
        diameter_nm=after.diameter_nm,
        diameter_tolerance_nm=2.0 * math.sqrt(after.variance_nm2),
        expected_icp=icp_shares(dict(after.mmol_by_ion)),
    )


def _seed_table(plan: _LayerPlan, seeds: _Grown) -> tuple[SeedRow, ...]:
    """Shell precursor for other mean seed diameters, when the same volume of seed material is in the flask."""
    material = seeds.particles * amounts.sphere_volume_nm3(seeds.diameter_nm)
    rows = []
    for d in (seeds.diameter_nm + shift for shift in SEED_TABLE_SHIFTS_NM):
        if d > 1.0:
            n = material / amounts.sphere_volume_nm3(d)
            mmol = amounts.shell_mmol(n, d, plan.layer.thickness_nm, plan.lattice.cation_density_nm3)
            rows.append(SeedRow(seed_diameter_nm=d, shell_mmol=mmol))
    return tuple(rows)


def _stage(
    plan: _LayerPlan, before: _Grown, after: _Grown, layer_mmol: float, target: TargetLayer, batch: Batch
) -> Stage:
    thickness = float(plan.layer.thickness_nm)
    weighed_mmol = batch.core_mmol if plan.is_core else layer_mmol
    by_layers = not plan.is_core and batch.shell_growth == "layer by layer"
    if by_layers:
        density = plan.lattice.cation_density_nm3
        injected = injections(before.particles, before.diameter_nm, thickness, density)
        bottles = injected_liquids(injected, before.mmol)
        rows = solids(weighed_mmol, plan.composition, plan.lattice.cation, (_TRIFLUOROACETATE,), batch)
    else:
        injected = ()
        bottles = liquids(weighed_mmol, before.mmol, plan.route.method)
        rows = solids(weighed_mmol, plan.composition, plan.lattice.cation, plan.route.added, batch)
    size = flask_mL(bottles)
    stock = any(row.stock is not None and row.stock.solvent == "water" for row in rows)
    flask = Flask(
        plan.route, plan.name, bottles, stock, batch.precursor, after.mmol, seeds=before.stage, seed_mmol=before.mmol
    )
    if plan.is_core:
        steps = core_steps(flask)
    else:
        steps = injected_steps(flask, injected) if by_layers else shell_steps(flask)
    warnings = layer_warnings(
        is_core=plan.is_core,
        thickness_nm=thickness,
        in_one_step=not by_layers,
        composition=plan.composition,
        cation=plan.lattice.cation,
        host=plan.layer.host,
        inner_host=before.host,
    )
    return Stage(
        name=plan.name,
        kind="core" if plan.is_core else "shell",
        re_mmol=weighed_mmol,
        seed_mmol=before.mmol,
        ratio_to_core=layer_mmol / after.core_mmol,
        seed_diameter_nm=before.diameter_nm,
        diameter_nm=after.diameter_nm,
        extra_nm_per_10_percent=None if plan.is_core else amounts.extra_thickness_nm(before.diameter_nm, thickness),
        weighing=rows,
        liquids=bottles,
        flask_mL=size,
        steps=steps,
        injections=injected,
        seed_table=() if plan.is_core else _seed_table(plan, before),
        checks=stage_checks(target, plan.route, before.stage, after.mmol),
        warnings=(*warnings, *volume_warning(size)),
    )


def _performance(prediction: Prediction) -> Performance:
    def predicted(label: str, value: float | None, unit: str, definition: str) -> Predicted:
        known = None if value is None or not math.isfinite(value) else float(value)
        return Predicted(label=label, value=known, unit=unit, definition=definition)

    first = predicted(prediction.objective, prediction.value, prediction.unit, prediction.definition)
    return Performance(
        numbers=(first, *(predicted(*number) for number in prediction.numbers)),
        excitation_wavelengths_nm=tuple(float(w) for w in prediction.excitation_wavelengths_nm),
        parameter_set=prediction.parameter_set,
        digest=prediction.digest,
        calibrated=prediction.calibrated,
        assumptions=tuple(prediction.assumptions),
        notes=tuple(prediction.notes),
    )


def _hazard_rows(names: set[str]) -> tuple[HazardRow, ...]:
    """The substances of every route and those named, with statements and pictograms."""
    table = hazards()
    return tuple(
        HazardRow(
            substance=entry.name,
            cas=entry.cas,
            ghs=tuple(HazardStatement(code=code, text=table.statements[code]) for code in entry.ghs),
            pictograms=tuple(
                HazardStatement(code=code, text=table.pictograms[code])
                for code in sorted({table.pictogram_of[statement] for statement in entry.ghs})
            ),
            advice=entry.advice,
            source=table.note,
        )
        for entry in table.substances
        if entry.everywhere or entry.name in names
    )


def calibration_line(prediction: Prediction) -> str:
    name = prediction.parameter_set
    if prediction.calibrated:
        return f"The parameter set {name} has been calibrated against measurements."
    return f"The parameter set {name} has NOT been calibrated against measurements: trust trends, not numbers."


def build_recipe(
    particle: Particle, *, host_lattices: Mapping[str, Lattice], prediction: Prediction, batch: Batch
) -> Recipe:
    """The synthesis recipe of a layered particle.

    **Arguments:** `particle`; `host_lattices` by the layers' host names; `prediction`, what the simulation claims;
    `batch`, its size and the bottles. The core is made from `batch.core_mmol` of cations; each shell is made for all
    particles of the purified core. Raises `InputError` when a host has no route, a dopant no precursor, or a number is
    out of range.
    """
    check_batch(batch)
    check_particle(particle)
    plans = _plan(particle, host_lattices)
    check_routes({plan.route_name: plan.route for plan in plans}, batch.shell_growth)
    route = plans[0].route
    injected = len(plans) > 1 and batch.shell_growth == "layer by layer"
    core_nm, core_density = 2.0 * float(plans[0].layer.thickness_nm), plans[0].lattice.cation_density_nm3
    per_mmol = amounts.particles(1.0, core_nm, core_density)
    grown = _Grown(particles=per_mmol * batch.core_mmol * batch.core_yield)
    targets: list[TargetLayer] = []
    stages: list[Stage] = []
    for plan in plans:
        after, layer_mmol, tolerance = _grow(plan, grown)
        targets.append(_target_layer(plan, after, tolerance))
        stages.append(_stage(plan, grown, after, layer_mmol, targets[-1], batch))
        grown = after
    performance = _performance(prediction)
    return Recipe(
        status=NOT_VERIFIED,
        calibration=calibration_line(prediction),
        route=plans[0].route_name + (f", shells {batch.shell_growth}" if injected else ""),
        target=Target(
            host=", ".join(dict.fromkeys(plan.layer.host for plan in plans)),
            phase=route.phase,
            site=route.site,
            diameter_nm=grown.diameter_nm,
            layers=tuple(targets),
            dopant_tolerance_percent_relative=quantity("dopant_tolerance_percent_relative").set,
            sites_per_core=amounts.cation_sites(core_nm, core_density),
            sites_per_particle=grown.mmol * amounts.SITES_PER_mmol / grown.particles,
        ),
        batch=BatchRecord(
            core_mmol=batch.core_mmol,
            core_yield=batch.core_yield,
            precursor=batch.precursor,
            particles=grown.particles,
            particles_per_mmol=per_mmol,
        ),
        equipment=procedure().equipment,
        hazards=_hazard_rows({*route.hazards, *(("sodium trifluoroacetate",) if injected else ())}),
        process_hazards=hazards().process,
        stages=tuple(stages),
        measure_first=measure_first(stages[0], performance, has_shell=len(stages) > 1),
        final_checks=final_checks(performance, has_shell=len(stages) > 1),
        performance=performance,
        assumptions=(
            f"Core yield {percent(100.0 * batch.core_yield)} %: often below 100 %; measure it and scale the shells.",
            *batch_warnings(tuple(stages)),
            *route.warnings,
        ),
        sources=route.sources,
    )
