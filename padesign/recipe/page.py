"""The recipe as a Markdown page, in the order in which a chemist needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from padesign.recipe import numbers as n
from padesign.recipe.escape import markdown as md

if TYPE_CHECKING:
    from padesign.recipe.schema import Check, Recipe, Share, Stage, Stock, WeighingRow


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A pipe table; the cells must already be escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return [*lines, ""]


def _list(items: Iterable[str]) -> list[str]:
    return [*(f"- {md(item)}" for item in items), ""]


def _shares(shares: Iterable[Share]) -> str:
    return ", ".join(f"{md(s.ion)} {n.percent(s.mol_percent)} %" for s in shares)


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _target(recipe: Recipe) -> list[str]:
    target = recipe.target
    rows = [
        (
            md(layer.name),
            md(layer.formula),
            _shares(layer.composition),
            f"{layer.thickness_nm:.2f} ± {layer.thickness_tolerance_nm:.2f}",
            f"{layer.diameter_nm:.1f} ± {layer.diameter_tolerance_nm:.1f}",
        )
        for layer in target.layers
    ]
    return [
        "## 1. Target",
        "",
        f"{md(target.host)}, {md(target.phase)}; final diameter {target.diameter_nm:.1f} nm. One core holds "
        f"{n.sites(target.sites_per_core)} dopable sites, one particle {n.sites(target.sites_per_particle)}.",
        "",
        *_table(
            (
                "Layer",
                "Composition",
                f"Share of {md(target.site)} (mol%)",
                "Thickness (nm; core: radius)",
                "Diameter after (nm)",
            ),
            rows,
        ),
        f"Dopant content: ± {target.dopant_tolerance_percent_relative:g} % of its value. Tolerances: typical practice.",
        "",
    ]


def _safety(recipe: Recipe) -> list[str]:
    rows = [
        (
            md(h.substance),
            md(h.cas),
            md(", ".join(f"{p.code} {p.text}" for p in h.pictograms)) or "none",
            md(" ".join(s.code for s in h.ghs)) or "none",
            md(h.advice),
            md(h.source),
        )
        for h in recipe.hazards
    ]
    meanings = {s.code: s.text for h in recipe.hazards for s in h.ghs}
    return [
        "## 2. Safety first",
        "",
        *_list(recipe.process_hazards),
        *_table(("Substance", "CAS", "Pictograms", "GHS", "Mind", "Source"), rows),
        "; ".join(f"{md(code)} {md(text)}" for code, text in sorted(meanings.items())) + ".",
        "",
    ]


def _batch(recipe: Recipe) -> list[str]:
    batch = recipe.batch
    return [
        "## 3. Batch",
        "",
        f"- Core: {n.amount(batch.core_mmol)} mmol {md(recipe.target.site)} as {md(batch.precursor)}s; "
        f"assumed core yield {n.percent(100.0 * batch.core_yield)} %.",
        f"- Particles: {n.scientific(batch.particles)} in the purified cores "
        f"({n.scientific(batch.particles_per_mmol)} per mmol). All shells are computed for this number.",
        "",
        *_table(
            (
                "Stage",
                f"{_first_up(md(recipe.target.site))} (mmol)",
                "Per mmol of core",
                "Seeds in (mmol)",
                "Diameter (nm)",
                "+10 % precursor adds (nm of thickness)",
            ),
            (
                (
                    md(s.name),
                    n.amount(s.re_mmol),
                    "1" if s.kind == "core" else f"{s.ratio_to_core:.2f}",
                    "" if s.kind == "core" else n.amount(s.seed_mmol),
                    f"{s.diameter_nm:.1f}",
                    "" if s.extra_nm_per_10_percent is None else f"{s.extra_nm_per_10_percent:.2f}",
                )
                for s in recipe.stages
            ),
        ),
        "Assumed:",
        "",
        *_list(recipe.assumptions),
        "Have ready:",
        "",
        *_list(recipe.equipment),
    ]


def _stock(stock: Stock) -> str:
    return (
        f"{n.mass(stock.weigh_mg)} mg in {stock.flask_mL:g} mL {md(stock.solvent)} "
        f"({1e3 * stock.concentration_mol_per_L:g} mM), dose {n.volume(stock.dose_mL)} mL"
    )


def _weighing_row(row: WeighingRow) -> tuple[str, ...]:
    share = "" if row.mol_percent is None else f"{n.percent(row.mol_percent)} %"
    note = f"**{md(row.flag)}**: {_stock(row.stock)}" if row.stock is not None else ""
    return (
        f"{md(row.compound)} ({md(row.role)})",
        md(row.formula) + (" (x assumed)" if row.water_assumed else ""),
        md(row.cas),
        f"{row.molar_mass_g_per_mol:.2f}",
        f"{100.0 * row.purity:.4g} %",
        share,
        n.equivalents(row.equivalents),
        n.amount(row.amount_mmol),
        f"**{n.mass(row.mass_mg)}**",
        "",
        note,
    )


def _checks(checks: Iterable[Check]) -> list[str]:
    return _table(
        ("Method", "Quantity", "Target", "Found"), ((md(c.method), md(c.quantity), md(c.target), "") for c in checks)
    )


def _moving(stage: Stage) -> str:
    """What follows from the amount of a shell."""
    if stage.injections:
        return "every mass and every injected volume"
    return "every mass" + (" and the methanol" if any(q.name == "methanol" for q in stage.liquids) else "")


def _stage(number: int, stage: Stage, site: str) -> list[str]:
    head = ("Compound", "Formula", "CAS", "M (g/mol)", "Purity", f"Of {site}", "Eq.", "mmol", "Weigh (mg)")
    lines = [f"## {number}. {md(stage.name)}", ""]
    lines += [f"> **Mind:** {md(w)}\n" for w in stage.warnings]
    if stage.kind == "shell":
        lines += [
            f"From {stage.seed_diameter_nm:.1f} nm to {stage.diameter_nm:.1f} nm: {n.amount(stage.re_mmol)} mmol "
            f"{site} for {n.amount(stage.seed_mmol)} mmol in the seeds.",
            "",
            f"Measure the seeds first. If their mean diameter differs, multiply {_moving(stage)} by the factor; if "
            "their amount differs, multiply by found / assumed as well.",
            "",
            *_table(
                ("Seed diameter found (nm)", *(f"{r.seed_diameter_nm:.1f}" for r in stage.seed_table)),
                (
                    (
                        f"{_first_up(site)} for the same shell thickness (mmol)",
                        *(n.amount(r.shell_mmol) for r in stage.seed_table),
                    ),
                    ("Factor", *(f"{r.shell_mmol / stage.re_mmol:.3f}" for r in stage.seed_table)),
                ),
            ),
        ]
    lines += ["### Weigh", ""]
    lines += _table((*head, "Weighed / lot", "Note"), (_weighing_row(row) for row in stage.weighing))
    lines += ["### Measure out", ""]
    lines += _table(
        ("Liquid", "CAS", "mL", "Use"),
        ((md(q.name), md(q.cas), n.volume(q.volume_mL), md(q.use)) for q in stage.liquids),
    )
    lines += [f"Three-neck flask of {stage.flask_mL:g} mL or more.", ""]
    if stage.injections:
        lines += ["### Inject", ""]
        lines += _table(
            ("Pair", f"{_first_up(site)} (mmol)", "Oleate stock (mL)", "Trifluoroacetate stock (mL)", "Then (nm)"),
            (
                (
                    str(i.number),
                    n.amount(i.cations_mmol),
                    n.volume(i.oleate_mL),
                    n.volume(i.trifluoroacetate_mL),
                    f"{i.diameter_nm:.1f}",
                )
                for i in stage.injections
            ),
        )
    lines += ["### Do (typical, adjust to your lab)", ""]
    lines += _table(
        ("Step", "What", "Temperature", "Time", "Atmosphere"),
        (
            (str(s.number), f"**{md(s.title)}.** {md(s.action)}", md(s.temperature), md(s.time), md(s.atmosphere))
            for s in stage.steps
        ),
    )
    return [*lines, "### Check before you go on", "", *_checks(stage.checks)]


def _performance(recipe: Recipe) -> list[str]:
    p = recipe.performance
    waves = ", ".join(f"{w:g} nm" for w in p.excitation_wavelengths_nm) or "not stated"
    lines = [
        f"Excitation: {waves}. Parameter set {md(p.parameter_set)}, digest {md(p.digest)}. {md(recipe.calibration)}",
        "",
        *_table(
            ("Quantity", "Predicted", "Unit", "Definition"),
            ((md(q.label), n.plain(q.value), "" if q.unit == "1" else md(q.unit), md(q.definition)) for q in p.numbers),
        ),
    ]
    if p.assumptions:
        lines += ["Assumptions of the parameter set (no measured source):", "", *_list(p.assumptions)]
    if p.notes:
        lines += ["Notes:", "", *_list(p.notes)]
    return lines


def page(recipe: Recipe) -> str:
    """The whole recipe as Markdown; everything that a user wrote is escaped."""
    last = 4 + len(recipe.stages)
    lines = [
        f"# Synthesis recipe: {' @ '.join(md(layer.formula) for layer in recipe.target.layers)}",
        "",
        f"> **{md(recipe.status)}**",
        ">",
        f"> {md(recipe.calibration)}",
        ">",
        "> Temperatures, times and volumes are typical practice: adjust to your lab. Masses and shell amounts are "
        "arithmetic on the stated assumptions.",
        "",
        f"Route: {md(recipe.route)}. Date: ____________ Batch no.: ____________ Operator: ____________",
        "",
        *_target(recipe),
        *_safety(recipe),
        *_batch(recipe),
    ]
    for number, stage in enumerate(recipe.stages, start=4):
        lines += _stage(number, stage, md(recipe.target.site))
    lines += [f"## {last}. Measure the avalanche", "", "In this order:", "", *_list(recipe.measure_first)]
    lines += _checks(recipe.final_checks)
    lines += [f"## {last + 1}. Predicted performance", "", *_performance(recipe)]
    lines += [f"## {last + 2}. Sources of the route", "", *_list(recipe.sources)]
    return "\n".join(lines).rstrip("\n") + "\n"
