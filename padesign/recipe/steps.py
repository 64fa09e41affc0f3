"""The procedure in order: cores, shells in one heating, shells layer by layer. Temperatures and times are typical."""

from __future__ import annotations

from dataclasses import dataclass

from padesign.recipe.numbers import amount, volume
from padesign.recipe.schema import Injection, Liquid, Step
from padesign.recipe.tables import Route, Status, precursors, quantity

ARGON = "argon flow"


@dataclass(frozen=True)
class Flask:
    """What a stage starts from: liquids by use, salts, and for a shell the `seeds` (the name of their stage).

    `stock`: some salts are dosed from aqueous stock solutions. `kept_mmol`: site cations expected in the product.
    """

    route: Route
    stage: str
    bottles: tuple[Liquid, ...]
    stock: bool
    precursor: str
    kept_mmol: float
    seeds: str = ""
    seed_mmol: float = 0.0

    def mL(self, name: str, use: str = "") -> str:
        found = (one.volume_mL for one in self.bottles if one.name == name and use in one.use)
        return volume(next(found))


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


def _oleate(steps: StepList, flask: Flask, use: str = "in the flask", kind: str = "three-neck flask") -> None:
    released = precursors().salts[flask.precursor].released
    steps.add(
        "Charge",
        f"Put the salts of the {flask.route.site}, {flask.mL('oleic acid', use)} mL oleic acid and "
        f"{flask.mL('1-octadecene', use)} mL 1-octadecene into a {kind} with thermocouple, "
        "condenser and stirrer." + (" Add the doses from aqueous stock solutions last." if flask.stock else ""),
    )
    steps.add(
        "Dry and form the oleates",
        f"Stir and heat slowly (water from hydrates and stock solutions bumps near 100 °C) until the salts are "
        f"dissolved and the liquid is clear. {released.capitalize()} and water leave with the gas: trap them.",
        quantity("oleate_temperature_C").text,
        quantity("oleate_time_min").text,
        ARGON,
    )


def _fluoride(steps: StepList, flask: Flask) -> None:
    if flask.route.method == "bifluoride":
        steps.add(
            "Add the bifluoride",
            "Grind the KHF2 finely under dry gas in plastic and add all of it under argon with strong stirring. Lead "
            "the gas that leaves the flask through a basic trap from here on: HF comes off on heating.",
            quantity("addition_temperature_C").text,
            quantity("nucleation_time_min").text,
            ARGON,
            "assumption",
        )
    else:
        methanol = next(one.volume_mL for one in flask.bottles if one.name == "methanol")
        steps.add(
            "Add sodium and fluoride",
            f"Dissolve the NaOH in {volume(methanol / 3)} mL and the NH4F in {volume(2 * methanol / 3)} mL methanol, "
            "in plastic vessels. Mix just before use and add dropwise. Keep at temperature with strong stirring; the "
            "liquid turns turbid.",
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
    _degas(steps)


def _degas(steps: StepList) -> None:
    steps.add(
        "Degas",
        "Apply vacuum carefully until bubbling stops; refill with argon, three cycles. Leave argon flowing.",
        quantity("degas_temperature_C").text,
        quantity("degas_time_min").text,
        "vacuum, then argon",
    )


def _add_seeds(steps: StepList, flask: Flask, then: str) -> None:
    steps.add(
        "Add the seeds",
        f'Cool to {quantity("seed_addition_temperature_C").text}, then add all seeds labelled "{flask.seeds}" '
        f"({amount(flask.seed_mmol)} mmol {flask.route.site}) in cyclohexane. Distil the cyclohexane off{then}.",
        quantity("seed_solvent_off_temperature_C").text,
        quantity("seed_solvent_off_time_min").text,
        ARGON,
        "assumption",
    )


def _work_up(steps: StepList, flask: Flask) -> None:
    steps.add("Cool", "Remove the mantle and let cool under argon; do not quench.", "to room temperature", "", ARGON)
    steps.add(
        "Precipitate and wash",
        f"Add {quantity('ethanol_volumes').text} of ethanol, centrifuge, discard the supernatant into fluoride waste. "
        f"Redisperse in cyclohexane and precipitate with ethanol again; wash {quantity('washes').text} in all.",
    )
    store = quantity("storage_mmol_per_mL")
    steps.add(
        "Disperse and sample",
        f"Disperse in {volume(flask.kept_mmol / store.set)} mL cyclohexane (about {store.set:g} {store.unit} "
        f'{flask.route.site}) and label it "{flask.stage}". Take at most 1 % for the checks below.',
    )


def _grow(steps: StepList, flask: Flask, what: str, watched: str = "") -> None:
    """Growth of a core or of a shell at high temperature."""
    if flask.route.method == "bifluoride":
        _grow_bifluoride(steps)
        return
    temperature, time = (quantity(f"{what}_growth_{key}").text for key in ("temperature_C", "time_min"))
    steps.add("Grow", f"Heat at {quantity('ramp_C_per_min').text} and hold.{watched}", temperature, time, ARGON)


def core_steps(flask: Flask) -> tuple[Step, ...]:
    """The core, nucleated and grown in one heating."""
    steps = StepList()
    _oleate(steps, flask)
    steps.add("Cool", "Let cool with stirring.", quantity("addition_temperature_C").text, "", ARGON)
    _fluoride(steps, flask)
    watched = (
        " The cubic phase must turn into the hexagonal one: the turbid liquid clears. Shorter and cooler gives smaller "
        "particles; more oleic acid usually larger ones."
    )
    _grow(steps, flask, "core", watched)
    _work_up(steps, flask)
    return tuple(steps.steps)


def shell_steps(flask: Flask) -> tuple[Step, ...]:
    """Seed-mediated growth of one shell: the seeds go into fresh oleates before the fluoride does."""
    steps = StepList()
    _oleate(steps, flask)
    _add_seeds(steps, flask, f", then cool to {quantity('addition_temperature_C').text}")
    _fluoride(steps, flask)
    _grow(steps, flask, "shell")
    _work_up(steps, flask)
    return tuple(steps.steps)


def injected_steps(flask: Flask, injections: tuple[Injection, ...]) -> tuple[Step, ...]:
    """A shell grown layer by layer: two stocks injected in turn into the hot seeds."""
    steps = StepList()
    _oleate(steps, flask, "oleate stock", "two-neck flask")
    steps.add(
        "Make the second stock",
        f"Stir the sodium trifluoroacetate in {flask.mL('oleic acid', 'trifluoroacetate stock')} mL oleic acid under "
        "vacuum until it is clear. Keep both stocks under argon. Make a tenth more of each if syringes hold some back.",
        quantity("trifluoroacetate_temperature_C").text,
        "",
        "vacuum, then argon",
        "assumption",
    )
    steps.add(
        "Charge the seeds' flask",
        f"Put {flask.mL('oleic acid', 'in the flask')} mL oleic acid and {flask.mL('1-octadecene', 'in the flask')} mL "
        "1-octadecene into a three-neck flask with thermocouple, condenser and stirrer.",
    )
    _add_seeds(steps, flask, "")
    _degas(steps)
    steps.add(
        "Heat",
        f"Heat at {quantity('ramp_C_per_min').text} and hold.",
        quantity("injection_temperature_C").text,
        "",
        ARGON,
    )
    steps.add(
        "Inject in turn",
        f"Inject pair by pair as the table says, {len(injections)} pairs: the oleate first, then the trifluoroacetate, "
        "each with a wait. Gas comes off at every trifluoroacetate: keep the outlet open and trapped. Draw 0.1 mL "
        "for TEM halfway; if the growth differs, change the remaining volumes in proportion.",
        quantity("injection_temperature_C").text,
        f"{quantity('injection_wait_min').text} after each injection",
        ARGON,
    )
    _work_up(steps, flask)
    return tuple(steps.steps)


def _grow_bifluoride(steps: StepList) -> None:
    steps.add(
        "Grow",
        f"Heat at {quantity('ramp_C_per_min').text} and hold. The bifluoride decomposes and gives off HF.",
        quantity("bifluoride_growth_temperature_C").text,
        quantity("bifluoride_growth_time_min").text,
        ARGON,
        "assumption",
    )
