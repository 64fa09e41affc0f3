"""The procedure in order: co-precipitated core, seed-mediated shells. Temperatures and times are typical practice."""

from __future__ import annotations

from padesign.recipe.numbers import amount, volume
from padesign.recipe.schema import Liquid, Step
from padesign.recipe.tables import Status, precursors, quantity

ARGON = "argon flow"


class StepList:
    """Collects numbered steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(
        self,
        title: str,
        action: str,
        temperature: str = "room temperature",
        time: str = "",
        atmosphere: str = "air",
        status: Status = "typical practice",
    ) -> None:
        number = len(self.steps) + 1
        self.steps.append(
            Step(
                number=number,
                title=title,
                action=action,
                temperature=temperature,
                time=time,
                atmosphere=atmosphere,
                status=status,
            )
        )


def _oleate(steps: StepList, bottles: dict[str, Liquid], stock: bool, precursor: str) -> None:
    released = precursors().salts[precursor].released
    steps.add(
        "Charge",
        f"Put the rare-earth salts, {volume(bottles['oleic acid'].volume_mL)} mL oleic acid and "
        f"{volume(bottles['1-octadecene'].volume_mL)} mL 1-octadecene into a three-neck flask with thermocouple, "
        "condenser and stirrer." + (" Add the doses from aqueous stock solutions last." if stock else ""),
    )
    steps.add(
        "Dry and form the oleates",
        f"Stir and heat slowly (water from hydrates and stock solutions bumps near 100 °C) until the salts are "
        f"dissolved and the liquid is clear. {released.capitalize()} and water leave with the gas: trap them.",
        quantity("oleate_temperature_C").text,
        quantity("oleate_time_min").text,
        ARGON,
    )


def _fluoride(steps: StepList, bottles: dict[str, Liquid]) -> None:
    methanol = bottles["methanol"].volume_mL
    steps.add(
        "Add sodium and fluoride",
        f"Dissolve the NaOH in {volume(methanol / 3)} mL and the NH4F in {volume(2 * methanol / 3)} mL methanol, in "
        "plastic vessels. Mix just before use and add dropwise. Keep at temperature with strong stirring; the liquid "
        "turns turbid.",
        quantity("addition_temperature_C").text,
        quantity("nucleation_time_min").text,
        ARGON,
    )
    steps.add(
        "Boil off the methanol",
        "Raise the temperature slowly with an open gas outlet; go on until no more liquid condenses.",
        quantity("methanol_off_temperature_C").text,
        quantity("methanol_off_time_min").text,
        ARGON,
    )
    steps.add(
        "Degas",
        "Apply vacuum carefully until bubbling stops; refill with argon, three cycles. Leave argon flowing.",
        quantity("degas_temperature_C").text,
        quantity("degas_time_min").text,
        "vacuum, then argon",
    )


def _work_up(steps: StepList, kept_mmol: float, stage: str) -> None:
    steps.add("Cool", "Remove the mantle and let cool under argon; do not quench.", "to room temperature", "", ARGON)
    steps.add(
        "Precipitate and wash",
        f"Add {quantity('ethanol_volumes').text} of ethanol, centrifuge, discard the supernatant into fluoride waste. "
        f"Redisperse in cyclohexane and precipitate with ethanol again; wash {quantity('washes').text} in all.",
    )
    store = quantity("storage_mmol_per_mL")
    steps.add(
        "Disperse and sample",
        f"Disperse in {volume(kept_mmol / store.set)} mL cyclohexane (about {store.set:g} {store.unit} rare earth) and "
        f'label it "{stage}". Take at most 1 % for the checks below.',
    )


def core_steps(
    *, kept_mmol: float, stage: str, bottles: tuple[Liquid, ...], stock: bool, precursor: str
) -> tuple[Step, ...]:
    """Co-precipitation of the core. `kept_mmol`: rare earth expected in the product; `stock`: doses replace salts."""
    by_name = {liquid.name: liquid for liquid in bottles}
    steps = StepList()
    _oleate(steps, by_name, stock, precursor)
    steps.add("Cool", "Let cool with stirring.", quantity("addition_temperature_C").text, "", ARGON)
    _fluoride(steps, by_name)
    steps.add(
        "Grow",
        f"Heat at {quantity('ramp_C_per_min').text} and hold. The cubic phase must turn into the hexagonal one: the "
        "turbid liquid clears. Shorter and cooler gives smaller particles; more oleic acid usually larger ones.",
        quantity("core_growth_temperature_C").text,
        quantity("core_growth_time_min").text,
        ARGON,
    )
    _work_up(steps, kept_mmol, stage)
    return tuple(steps.steps)


def shell_steps(
    *,
    kept_mmol: float,
    seed_mmol: float,
    seeds: str,
    stage: str,
    bottles: tuple[Liquid, ...],
    stock: bool,
    precursor: str,
) -> tuple[Step, ...]:
    """Seed-mediated growth of one shell: the seeds go into fresh oleates before the fluoride does."""
    by_name = {liquid.name: liquid for liquid in bottles}
    steps = StepList()
    _oleate(steps, by_name, stock, precursor)
    steps.add(
        "Add the seeds",
        f'Cool to {quantity("seed_addition_temperature_C").text}, then add all seeds labelled "{seeds}" '
        f"({amount(seed_mmol)} mmol rare earth) in cyclohexane. Distil the cyclohexane off, then cool to "
        f"{quantity('addition_temperature_C').text}.",
        quantity("seed_solvent_off_temperature_C").text,
        quantity("seed_solvent_off_time_min").text,
        ARGON,
        "assumption",
    )
    _fluoride(steps, by_name)
    growth = quantity("shell_growth_temperature_C")
    steps.add(
        "Grow",
        f"Heat at {quantity('ramp_C_per_min').text} and hold.",
        growth.text,
        quantity("shell_growth_time_min").text,
        ARGON,
    )
    _work_up(steps, kept_mmol, stage)
    return tuple(steps.steps)
