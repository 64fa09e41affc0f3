"""Quality checks and warnings: what to measure after each stage, and what is unusual about this design."""

from __future__ import annotations

from collections.abc import Mapping

from padesign.parameters import load_host, mismatch_warning
from padesign.parameters.hosts import hosts
from padesign.recipe.numbers import amount, percent, plain
from padesign.recipe.schema import Check, Performance, Share, Stage, TargetLayer
from padesign.recipe.tables import Route, quantity


def stage_checks(layer: TargetLayer, route: Route, previous: str, kept_mmol: float) -> tuple[Check, ...]:
    """TEM, XRD and ICP-OES after one stage.

    `previous` names the stage the layer grew on ("" for the core); `kept_mmol` are the cations expected in the core.
    """
    count = f"{quantity('tem_particles').set:g}"
    shares = ", ".join(f"{s.ion} {percent(s.mol_percent)}" for s in layer.expected_icp)
    checks = [
        Check(
            method="TEM",
            quantity=f"mean diameter, n ≥ {count} particles",
            target=f"{layer.diameter_nm:.1f} ± {layer.diameter_tolerance_nm:.1f} nm",
        )
    ]
    if previous:
        checks.append(
            Check(
                method="TEM",
                quantity=f'shell thickness: half the growth over "{previous}"; no second, smaller population',
                target=f"{layer.thickness_nm:.1f} ± {layer.thickness_tolerance_nm:.1f} nm",
            )
        )
    checks.append(Check(method="XRD", quantity="phase", target=route.xrd))
    relative = f"{quantity('dopant_tolerance_percent_relative').set:g}"
    checks.append(
        Check(
            method="ICP-OES",
            quantity=f"cations of the whole particle, mol% of {route.site}",
            target=f"{shares} (dopants ± {relative} % of their value)",
        )
    )
    if not previous:
        checks.append(
            Check(
                method="ICP-OES or dry mass",
                quantity=f"recovered {route.site} (core yield)",
                target=f"{amount(kept_mmol)} mmol assumed; scale every shell amount by found / assumed",
            )
        )
    return tuple(checks)


def measure_first(core: Stage, performance: Performance, *, has_shell: bool) -> tuple[str, ...]:
    """What to measure in which order: first what all later amounts hang on, then where the curve should be steep."""
    found = [
        f"The cores, before any shell: diameter by TEM ({core.diameter_nm:.1f} nm wanted), phase by XRD, cations and "
        "yield by ICP-OES." + (" The amounts of every shell follow from these numbers." if has_shell else ""),
    ]
    known = {q.label: q.value for q in performance.numbers if q.value is not None}
    threshold = known.get("threshold")
    waves = " and ".join(f"{w:g} nm" for w in performance.excitation_wavelengths_nm) or "the stated wavelength"
    if threshold is not None:
        found.append(
            f"The emission of the finished particles at {waves} from {plain(threshold / 3.0)} to "
            f"{plain(3.0 * threshold)} kW/cm², at least 20 powers per decade, up and down; the predicted threshold is "
            f"{plain(threshold)} kW/cm². Record the size of the spot with it."
        )
        found.append(
            "No steep rise there? Measure the lifetime of the metastable level and the dopant content before anything "
            "is changed: losses at the surface and a missed dopant content move the threshold most."
        )
    else:
        found.append(f"The emission of the finished particles at {waves} over the whole power range, up and down.")
    return tuple(found)


def final_checks(performance: Performance, *, has_shell: bool) -> tuple[Check, ...]:
    """The optical checks at the excitation wavelengths of the prediction."""
    waves = " and ".join(f"{w:g} nm" for w in performance.excitation_wavelengths_nm) or "the stated wavelength"
    known = [q for q in performance.numbers if q.value is not None]
    predicted = "; ".join(f"{q.label} {plain(q.value)} {q.unit if q.unit != '1' else ''}".strip() for q in known)
    checks = [
        Check(
            method="Power dependence",
            quantity=f"emission against irradiance at {waves}: sweep up and down, report the spot size and how the "
            "irradiance is defined; S is the largest slope of log emission against log irradiance, the threshold as "
            "defined with the prediction",
            target=f"predicted: {predicted}" if predicted else "no prediction",
        ),
        Check(
            method="Time response",
            quantity=f"rise time after a step of the excitation at {waves}, at several irradiances near the threshold",
            target="longest near the threshold (critical slowing down)",
        ),
    ]
    if has_shell:
        checks.append(
            Check(
                method="Reference",
                quantity="the same measurements on the bare core",
                target="shells lower the threshold; if not, suspect the shell or the core's surface",
            )
        )
    return tuple(checks)


def layer_warnings(
    *,
    is_core: bool,
    thickness_nm: float,
    in_one_step: bool,
    composition: Mapping[str, float],
    cation: str,
    host: str,
    inner_host: str | None,
) -> list[str]:
    """What a chemist should know before starting this layer."""
    found = []
    least, thick = quantity("least_layer_nm").set, quantity("one_step_shell_nm")
    if not is_core and thickness_nm < least:
        found.append(f"The shell is thinner than {least:g} nm (two to three monolayers): it may not close.")
    if not is_core and in_one_step and thickness_nm > thick.set:
        found.append(
            f"The shell is thicker than {thick.set:g} nm: grow it in two or more portions of this table, "
            "with the size checked in between, or layer by layer, or new particles may nucleate."
        )
    trace = quantity("trace_dopant_mol_percent").set
    for ion, share in composition.items():
        if share < trace:
            found.append(
                f"{ion} at {share:.2g} mol% is at the impurity level of common salts: consider leaving it out."
            )
    if is_core and cation == "Lu":
        found.append(
            "Beta-NaLuF4 forms less readily than beta-NaYF4; about 10 mol% Gd was found best (doi:10.1039/C7RA07902H), "
            "but it changes the design: simulate it first."
        )
    if inner_host in hosts() and host in hosts() and (text := mismatch_warning(load_host(inner_host), load_host(host))):
        found.append(f"{text}.")
    return found


def volume_warning(stage_flask_mL: float) -> list[str]:
    largest = quantity("largest_flask_mL").set
    if stage_flask_mL <= largest:
        return []
    return [
        f"This stage needs a flask above {largest:g} mL: use a part of the seeds and scale every amount of this "
        "and the later stages by the same part."
    ]


def icp_shares(mmol_by_ion: Mapping[str, float]) -> tuple[Share, ...]:
    total = sum(mmol_by_ion.values())
    return tuple(Share(ion=ion, mol_percent=100.0 * n / total) for ion, n in mmol_by_ion.items())


def batch_warnings(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """Assumptions that hold for the whole batch."""
    water = any(row.water_assumed for stage in stages for row in stage.weighing)
    common = [
        "All particles are spheres of one size; rods and plates need volume and thickness from TEM.",
        "Precursors are consumed in full and only on the seeds; washing loses no particles after the core.",
        "Feed and product compositions are equal; confirm by ICP-OES.",
        "Layers are sharp in this table; real interfaces mix over about 0.5 to 1 nm.",
        "Purity is the mass fraction of the hydrate in the bottle.",
    ]
    if water:
        common.insert(
            0,
            'Salts marked "x assumed": the water content is a guess. Read x from the certificate of analysis '
            "and make the sheet again; it can change the mass by 10 to 20 %.",
        )
    return tuple(common)
