"""Weighing tables: solids in mg corrected for hydrate and purity, stock solutions for small masses, liquids in mL."""

from __future__ import annotations

from collections.abc import Mapping

from padesign.recipe.formula import formula_text, molar_mass_g_per_mol
from padesign.recipe.inputs import Batch
from padesign.recipe.schema import Liquid, Stock, WeighingRow
from padesign.recipe.tables import SaltFamily, precursors, procedure, quantity


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
    *, amount_mmol: float, re_mmol: float, molar_mass: float, purity: float, solvent: str, **fields: object
) -> WeighingRow:
    mass_mg = amount_mmol * molar_mass / purity
    must = mass_mg < quantity("weigh_must_stock_mg").set
    suggest = mass_mg < quantity("weigh_suggest_stock_mg").set
    return WeighingRow.model_validate(
        {
            **fields,
            "amount_mmol": amount_mmol,
            "equivalents": amount_mmol / re_mmol,
            "molar_mass_g_per_mol": molar_mass,
            "purity": purity,
            "mass_mg": mass_mg,
            "flag": "use a stock solution" if must else "stock solution suggested" if suggest else "",
            "stock": stock_solution(amount_mmol, molar_mass, purity, solvent) if suggest else None,
        }
    )


def solids(re_mmol: float, composition: Mapping[str, float], host_cation: str, batch: Batch) -> tuple[WeighingRow, ...]:
    """Rows of one stage: the rare-earth salts by mol%, then the sodium and fluoride sources.

    **Arguments:** `re_mmol` cations of the stage, `composition` mol% by ion (sums to 100), `host_cation` the ion that
    counts as the host.
    """
    table = precursors()
    family = table.salts[batch.precursor]
    rows = []
    for ion, share in composition.items():
        n_water = float(batch.water_of_crystallisation.get(ion, family.default_water.set))
        counts = {ion: 1} | {e: n * family.anion.number for e, n in family.anion.counts.items()}
        anion = f"({family.anion.text})" if len(family.anion.counts) > 1 else family.anion.text
        rows.append(
            _row(
                amount_mmol=re_mmol * share / 100.0,
                re_mmol=re_mmol,
                molar_mass=molar_mass_g_per_mol(counts, n_water),
                purity=batch.purity_of(ion),
                solvent="water",
                role="host cation" if ion == host_cation else "dopant",
                ion=ion,
                mol_percent=share,
                compound=family.name.format(element=table.elements[ion]),
                formula=formula_text(f"{ion}{anion}{family.anion.number}", n_water),
                water_of_crystallisation=n_water,
                water_assumed=ion not in batch.water_of_crystallisation,
                cas=_cas(family, ion, n_water),
            )
        )
    for role, ion, source, ratio in (
        ("sodium source", "Na", table.sodium, quantity("sodium_per_re").set),
        ("fluoride source", "F", table.fluoride, quantity("fluoride_per_re").set),
    ):
        rows.append(
            _row(
                amount_mmol=re_mmol * ratio,
                re_mmol=re_mmol,
                molar_mass=molar_mass_g_per_mol(source.counts),
                purity=batch.purity_of(source.text),
                solvent="methanol",
                role=role,
                ion=ion,
                mol_percent=None,
                compound=source.name,
                formula=source.text,
                water_of_crystallisation=0.0,
                water_assumed=False,
                cas=source.cas,
            )
        )
    return tuple(rows)


def liquids(re_mmol: float, seed_mmol: float) -> tuple[Liquid, ...]:
    """Volumes of one stage. Oil follows all rare earth in the flask (seeds too), methanol only the new fluoride."""
    table = precursors().liquids
    flask = re_mmol + seed_mmol
    methanol = max(re_mmol * quantity("methanol_mL_per_mmol").set, quantity("methanol_least_mL").set)
    wanted = (
        ("oleic_acid", flask * quantity("oleic_acid_mL_per_mmol").set, "ligand, in the flask"),
        ("octadecene", flask * quantity("octadecene_mL_per_mmol").set, "solvent, in the flask"),
        ("methanol", methanol, "one third for NaOH, two thirds for NH4F"),
    )
    return tuple(Liquid(name=table[k].name, cas=table[k].cas, volume_mL=v, use=use) for k, v, use in wanted)


def flask_mL(bottles: tuple[Liquid, ...]) -> float:
    """The smallest flask at most half full of everything poured in; the largest of the list when none is."""
    total = sum(liquid.volume_mL for liquid in bottles)
    sizes = procedure().flasks_mL
    return min((size for size in sizes if size >= 2.0 * total), default=max(sizes))
