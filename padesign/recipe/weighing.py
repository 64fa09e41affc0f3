"""Weighing tables: solids in mg corrected for hydrate and purity, stock solutions for small masses, liquids in mL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from padesign.recipe.amounts import shell_mmol
from padesign.recipe.formula import formula_text, molar_mass_g_per_mol
from padesign.recipe.inputs import Batch
from padesign.recipe.schema import Injection, Liquid, Stock, WeighingRow
from padesign.recipe.tables import Added, SaltFamily, precursors, procedure, quantity


def _cas(family: SaltFamily, ion: str, n_water: float) -> str:
    """The CAS number for this water content, else that of the unspecified hydrate, else nothing."""
    known = family.cas.get(ion, {})
    return known.get(f"{n_water:g}", "" if n_water == 0.0 else known.get("x", ""))


def stock_solution(amount_mmol: float, molar_mass: float, purity: float, solvent: str) -> Stock:
    """The strongest stock whose dose is at least the smallest pipettable volume, in the smallest flask that fits.

    Concentration [mol/L] and dose [mL] meet as mmol / (mol/L) = mL.
    """
    rule = procedure().stock
    fitting = [c for c in rule.concentrations_mol_per_L if amount_mmol / c >= rule.least_dose_mL]
    concentration = max(fitting, default=min(rule.concentrations_mol_per_L))

    def solid_mg(flask_mL: float) -> float:
        return concentration * flask_mL * molar_mass / purity

    dose = amount_mmol / concentration
    flasks = [f for f in rule.flasks_mL if solid_mg(f) >= rule.least_weighed_mg and f >= dose]
    flask = min(flasks, default=max(rule.flasks_mL))
    return Stock(
        solvent=solvent,
        concentration_mol_per_L=concentration,
        flask_mL=flask,
        weigh_mg=solid_mg(flask),
        dose_mL=dose,
    )


def _row(
    *, amount_mmol: float, cations_mmol: float, molar_mass: float, purity: float, solvent: str, **fields: object
) -> WeighingRow:
    mass_mg = amount_mmol * molar_mass / purity
    must = mass_mg < quantity("weigh_must_stock_mg").set
    suggest = mass_mg < quantity("weigh_suggest_stock_mg").set
    return WeighingRow.model_validate(
        {
            **fields,
            "amount_mmol": amount_mmol,
            "equivalents": amount_mmol / cations_mmol,
            "molar_mass_g_per_mol": molar_mass,
            "purity": purity,
            "mass_mg": mass_mg,
            "flag": "use a stock solution" if must else "stock solution suggested" if suggest else "",
            "stock": stock_solution(amount_mmol, molar_mass, purity, solvent) if suggest else None,
        }
    )


def solids(
    cations_mmol: float, composition: Mapping[str, float], host_cation: str, added: Sequence[Added], batch: Batch
) -> tuple[WeighingRow, ...]:
    """Rows of one stage: the salts of the site by mol%, then what brings the alkali metal and the fluoride.

    **Arguments:** `cations_mmol` of the stage's site, `composition` mol% by ion (sums to 100), `host_cation` the ion
    that counts as the host, `added` the other solids.
    """
    table = precursors()
    family = table.salts[batch.precursor]
    rows = []
    for ion, share in composition.items():
        n_water = float(batch.water_of_crystallisation.get(ion, family.default_water.set))
        anions = table.charge(ion)
        counts = {ion: 1} | {e: n * anions for e, n in family.anion.counts.items()}
        anion = f"({family.anion.text})" if len(family.anion.counts) > 1 else family.anion.text
        rows.append(
            _row(
                amount_mmol=cations_mmol * share / 100.0,
                cations_mmol=cations_mmol,
                molar_mass=molar_mass_g_per_mol(counts, n_water),
                purity=batch.purity_of(ion),
                solvent="water",
                role="host cation" if ion == host_cation else "dopant",
                ion=ion,
                mol_percent=share,
                compound=family.name.format(element=table.elements[ion]),
                formula=formula_text(f"{ion}{anion}{anions}", n_water),
                water_of_crystallisation=n_water,
                water_assumed=ion not in batch.water_of_crystallisation,
                cas=_cas(family, ion, n_water),
            )
        )
    for one in added:
        source = table.added[one.substance]
        rows.append(
            _row(
                amount_mmol=cations_mmol * quantity(one.per_cation).set,
                cations_mmol=cations_mmol,
                molar_mass=molar_mass_g_per_mol(source.counts),
                purity=batch.purity_of(source.text),
                solvent="methanol",
                role=one.role,
                ion=one.element,
                mol_percent=None,
                compound=source.name,
                formula=source.text,
                water_of_crystallisation=0.0,
                water_assumed=False,
                cas=source.cas,
            )
        )
    return tuple(rows)


def _liquids(wanted: Sequence[tuple[str, float, str]]) -> tuple[Liquid, ...]:
    table = precursors().liquids
    return tuple(Liquid(name=table[k].name, cas=table[k].cas, volume_mL=v, use=use) for k, v, use in wanted)


def liquids(cations_mmol: float, seed_mmol: float, method: str) -> tuple[Liquid, ...]:
    """Volumes of one heating. Oil follows all cations in the flask (seeds too), methanol only the new fluoride."""
    flask = cations_mmol + seed_mmol
    wanted = [
        ("oleic_acid", flask * quantity("oleic_acid_mL_per_mmol").set, "ligand, in the flask"),
        ("octadecene", flask * quantity("octadecene_mL_per_mmol").set, "solvent, in the flask"),
    ]
    if method == "co-precipitation":
        methanol = max(cations_mmol * quantity("methanol_mL_per_mmol").set, quantity("methanol_least_mL").set)
        wanted.append(("methanol", methanol, "one third for NaOH, two thirds for NH4F"))
    return _liquids(wanted)


def injected_liquids(injections: Sequence[Injection], seed_mmol: float) -> tuple[Liquid, ...]:
    """Volumes of a shell grown layer by layer: oil for the seeds, and for the two stocks."""
    oleate = sum(one.oleate_mL for one in injections)
    share = quantity("oleate_stock_oleic_acid_share").set
    return _liquids(
        (
            ("oleic_acid", seed_mmol * quantity("oleic_acid_mL_per_mmol").set, "ligand, in the flask"),
            ("octadecene", seed_mmol * quantity("octadecene_mL_per_mmol").set, "solvent, in the flask"),
            ("oleic_acid", share * oleate, "oleate stock"),
            ("octadecene", (1.0 - share) * oleate, "oleate stock"),
            ("oleic_acid", sum(one.trifluoroacetate_mL for one in injections), "trifluoroacetate stock"),
        )
    )


def injections(particles: float, seed_nm: float, thickness_nm: float, density_nm3: float) -> tuple[Injection, ...]:
    """A shell in steps of equal thickness, each at most the thickness of one pair of injections.

    **Arguments:** `particles` in the flask, diameter of the seeds, thickness of the shell, sites per nm^3.
    """
    count = math.ceil(thickness_nm / quantity("monolayer_nm").set - 1e-9)
    step = thickness_nm / count
    found = []
    for k in range(count):
        mmol = shell_mmol(particles, seed_nm + 2.0 * k * step, step, density_nm3)
        found.append(
            Injection(
                number=k + 1,
                cations_mmol=mmol,
                oleate_mL=mmol / quantity("oleate_stock_mol_per_L").set,
                trifluoroacetate_mL=mmol
                * quantity("trifluoroacetate_per_re").set
                / quantity("trifluoroacetate_stock_mol_per_L").set,
                diameter_nm=seed_nm + 2.0 * (k + 1) * step,
            )
        )
    return tuple(found)


def flask_mL(bottles: tuple[Liquid, ...]) -> float:
    """The smallest flask at most half full of everything poured in; the largest of the list when none is."""
    total = sum(liquid.volume_mL for liquid in bottles)
    sizes = procedure().flasks_mL
    return min((size for size in sizes if size >= 2.0 * total), default=max(sizes))
