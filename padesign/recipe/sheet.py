"""The weighing sheet as CSV: one line per solid and liquid, with an empty column for what was really weighed."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from padesign.recipe.escape import cell

if TYPE_CHECKING:
    from padesign.recipe.schema import Recipe

COLUMNS: tuple[str, ...] = (
    "stage",
    "role",
    "compound",
    "formula",
    "cas",
    "molar_mass_g_per_mol",
    "purity",
    "water_assumed",
    "mol_percent",
    "equivalents",
    "amount_mmol",
    "mass_mg",
    "volume_mL",
    "flag",
    "stock_concentration_mol_per_L",
    "stock_flask_mL",
    "stock_solvent",
    "stock_weigh_mg",
    "stock_dose_mL",
    "weighed_mg",
    "lot",
)


def _round(value: float) -> float:
    return float(f"{value:.5g}")


def sheet(recipe: Recipe) -> str:
    """CSV text with a header line. User text cannot start a spreadsheet formula; numbers keep five digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for stage in recipe.stages:
        for row in stage.weighing:
            record: dict[str, str | float | None] = {
                "stage": stage.name,
                "role": row.role,
                "compound": row.compound,
                "formula": row.formula,
                "cas": row.cas,
                "molar_mass_g_per_mol": round(row.molar_mass_g_per_mol, 3),
                "purity": row.purity,
                "water_assumed": "yes" if row.water_assumed else "",
                "mol_percent": None if row.mol_percent is None else _round(row.mol_percent),
                "equivalents": _round(row.equivalents),
                "amount_mmol": _round(row.amount_mmol),
                "mass_mg": _round(row.mass_mg),
                "flag": row.flag,
            }
            if row.stock is not None:
                record |= {
                    "stock_concentration_mol_per_L": row.stock.concentration_mol_per_L,
                    "stock_flask_mL": row.stock.flask_mL,
                    "stock_solvent": row.stock.solvent,
                    "stock_weigh_mg": _round(row.stock.weigh_mg),
                    "stock_dose_mL": _round(row.stock.dose_mL),
                }
            writer.writerow({key: cell(value) for key, value in record.items()})
        for liquid in stage.liquids:
            record = {
                "stage": stage.name,
                "role": liquid.use,
                "compound": liquid.name,
                "cas": liquid.cas,
                "volume_mL": _round(liquid.volume_mL),
            }
            writer.writerow({key: cell(value) for key, value in record.items()})
    return text.getvalue()
