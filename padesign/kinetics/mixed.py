"""Mixed networks: hand-written processes added to computed rates, or put in their place.

The lines are those of `padesign.kinetics.text`. A line with one ion acts in every cell of that ion. A line with two
ions acts inside every cell that holds both: its rate is what one of the first ions gives away when all of the second
are available, and the second ions take up the same events, in a cell of N1 and N2 ions N1/N2 times the rate each.
Neither depends on the concentration beyond that: a rate measured at one concentration belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.errors import InputError
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.text import TextProcess, parse_processes
from padesign.spectroscopy.radiative import photon_energy_J
from padesign.types import ScalarLike

ADD, REPLACE = ("particle", "add_processes"), ("particle", "replace_processes")
HIGHEST_CLIMB_kT = 10.0
"""Assumption: a rate without light that climbs further is a mistake; its thermal share is below 5e-5."""
FROM_LATTICE_cm1 = 3000.0
"""Assumption: a transfer that takes more from phonons, or an absorption further from the photon, is a mistake."""
FEWEST_IONS = 1e-6
"""Assumption: less than this in a cell (mean over particles) is none: the far tail of a mixed interface, rounding."""

Pair = tuple[tuple[str, ...], tuple[str, ...]]
"""Levels before and after of a process of two ions: (("Tm:3H4", "Tm:3H6"), ("Tm:3F4", "Tm:3F4"))."""
_Rates = Float[Array, "cells levels levels"]
_Lines = tuple[TextProcess, ...]
_Places = Mapping[str, tuple[int, int]]


def with_processes(
    light: EmittingNetwork, wavelength_nm: ScalarLike, add: Sequence[str], replace: Sequence[str]
) -> EmittingNetwork:
    """The network with the lines of `add` beside its rates and those of `replace` in their place.

    Pure, and differentiable in the numbers of `light`; the text is static. Without lines it is `light` itself. What a
    line of `replace` displaces:

    * a decay: all that leads from the one level to the other without the swept laser and without a partner, that is
      multiphonon, radiative and surface rates and beams that stay on (not losses to saturable acceptors, which are
      partners). What is written is then the whole rate, and its lines marked `radiative` are all that emits; a
      transition may have one line of each kind.
    * an absorption: that of the swept laser between the two levels. Stimulated emission back is left as computed, and
      so are absorptions of other beams.

    * a process of two ions: that very process, between all cells. The rates of `light` are sums over the levels where
      the partner ends, from which it cannot be taken out, so `light` must have been made without it:
      `Signature.without`, from `replaced_pairs`.

    A rate of 0 switches a process off. Raises `InputError` for what is wrong in the text alone; `check_processes`
    looks at the numbers.
    """
    if not add and not replace:
        return light
    added, replaced = _parsed(light, add, replace)
    written, places = (*replaced, *added), _places(light)
    photon_J = photon_energy_J(wavelength_nm)
    dark, pump, radiative = [], [], []
    for s, (in_dark, pumped, shining) in enumerate(
        zip(light.network.dark, light.network.pump, light.radiative_per_s, strict=True)
    ):
        gone, new = _alone(replaced, places, s), _alone(written, places, s)
        dark.append(_rewritten(in_dark, gone, new, places))
        radiative.append(_rewritten(shining, gone, tuple(line for line in new if line.radiative), places))
        gone, new = _alone(replaced, places, s, pumped=True), _alone(written, places, s, pumped=True)
        pump.append(_rewritten(pumped, gone, new, places, photon_J))
    transfer = _with_pairs(light, tuple(line for line in written if len(line.before) == 2), places)
    return EmittingNetwork(
        RateNetwork(tuple(dark), tuple(pump), transfer, light.network.labels),
        tuple(radiative),
        light.ions_in_cell,
        light.energies_cm1,
        light.levels,
    )


def replaced_pairs(replace: Sequence[str], levels: Mapping[str, Sequence[str]]) -> tuple[Pair, ...]:
    """The processes of two ions among the lines, as `Signature.without` takes them; `levels` of every ion."""
    known = [f"{ion}:{level}" for ion, ids in levels.items() for level in ids]
    lines = parse_processes(replace, known, REPLACE)
    return tuple((line.before, line.after) for line in lines if len(line.before) == 2)


def check_processes(
    light: EmittingNetwork,
    wavelength_nm: float,
    temperature_K: float,
    add: Sequence[str],
    replace: Sequence[str],
) -> None:
    """Every check of the lines against a network with concrete numbers; raises `InputError` with the line's place.

    Beside the text: energies of each line (those that the network knows), and that what is replaced is there.
    """
    added, replaced = _parsed(light, add, replace)
    places = _places(light)
    energies = {label: float(np.asarray(light.energies_cm1[s])[k]) for label, (s, k) in places.items()}
    for path, lines in ((ADD, added), (REPLACE, replaced)):
        for n, line in enumerate(lines):
            climbs = [energies[after] - energies[before] for before, after in zip(line.before, line.after, strict=True)]
            found = _energy_mistake(line, climbs, 1e7 / wavelength_nm, BOLTZMANN_cm1_per_K * temperature_K)
            if found is not None:
                raise InputError(found[0], cure=found[1], path=(*path, n))
    for n, line in enumerate(replaced):
        if len(line.before) == 2:
            continue  # the model was made without it, or has said that there is no such process
        s, to, start = _step(line, places)
        rates = (light.network.pump if line.pumped else light.network.dark)[s]
        if not np.any(np.asarray(rates)[:, to, start]):
            raise InputError(
                f"there is no computed process `{line.before[0]} -> {line.after[0]}` to replace: its rate is zero",
                cure="write the line in `add_processes`",
                path=(*REPLACE, n),
            )


# ------------------------------------------------------------------------------------------------------------- text
def _parsed(light: EmittingNetwork, add: Sequence[str], replace: Sequence[str]) -> tuple[_Lines, _Lines]:
    """Both lists, with every check that needs no numbers."""
    known = list(_places(light))
    added, replaced = parse_processes(add, known, ADD), parse_processes(replace, known, REPLACE)
    also = {line.key: k for k, line in enumerate(replaced)}
    cells = _cells(light)
    for path, n, line in [(ADD, n, line) for n, line in enumerate(added)] + [
        (REPLACE, n, line) for n, line in enumerate(replaced)
    ]:
        if path == ADD and line.key in also:
            raise InputError(
                f"this process stands already in line {also[line.key] + 1} of `replace_processes`: {line.text}",
                cure="keep that line, with the whole rate",
                path=(*ADD, n),
            )
        ions = [label.split(":")[0] for label in line.before]
        if len(ions) == 2 and not set(cells[ions[0]]) & set(cells[ions[1]]):
            raise InputError(
                f"{' and '.join(ions)} share no cell, so `{line.text}` never happens",
                cure="a line with two ions acts between ions of the same layer",
                path=(*path, n),
            )
    return added, replaced


def _energy_mistake(
    line: TextProcess, climbs: Sequence[float], photon_cm1: float, kT_cm1: float
) -> tuple[str, str] | None:
    """What is wrong and how to mend it; `climbs` (ions,) are energies after minus before, NaN where unknown."""
    climb = sum(climbs)
    if len(climbs) == 2:
        if climb > FROM_LATTICE_cm1:
            what = f"`{line.text}` needs {climb:.0f} cm^-1 from the lattice, more than {FROM_LATTICE_cm1:.0f}"
            return what, "check the levels: together the two ions should give energy away, or need little"
        if climbs[0] > 0.0 > climbs[1] and line.before[0].split(":")[0] != line.before[1].split(":")[0]:
            what = f"`{line.text}` names the ion first that takes the energy, but the rate is counted per giving ion"
            return what, "write the ion that gives energy first, with the rate of one such ion"
    elif line.pumped:
        if climb < 0.0:
            what = f"`{line.text}` is an absorption that goes down by {-climb:.0f} cm^-1"
            return what, "turn the arrow; stimulated emission stays as computed"
        if abs(climb - photon_cm1) > FROM_LATTICE_cm1:
            what = f"`{line.text}` climbs {climb:.0f} cm^-1, but the photon has {photon_cm1:.0f} cm^-1"
            return what, f"end in a level within {FROM_LATTICE_cm1:.0f} cm^-1 of the photon, from which the ion relaxes"
    elif climb > HIGHEST_CLIMB_kT * kT_cm1:
        what = f"`{line.text}` climbs {climb:.0f} cm^-1 without light, more than {HIGHEST_CLIMB_kT:.0f} kT"
        return what, "turn the arrow, or write an absorption with its cross-section in cm^2"
    elif line.radiative and climb > 0.0:
        return f"`{line.text}` emits light and climbs {climb:.0f} cm^-1", "turn the arrow, or leave out `radiative`"
    return None


# ---------------------------------------------------------------------------------------------------------- numbers
def _places(light: EmittingNetwork) -> _Places:
    """Species and level of every "Tm:3H4"."""
    return {f"{ion}:{level}": (s, k) for s, (ion, ids) in enumerate(light.levels) for k, level in enumerate(ids)}


def _cells(light: EmittingNetwork) -> dict[str, list[str]]:
    """Names of the cells of every ion, in its order."""
    cells, start = {}, 0
    for (ion, ids), dark in zip(light.levels, light.network.dark, strict=True):
        end = start + dark.shape[0] * len(ids)
        cells[ion] = [label.rsplit("@", 1)[1] for label in light.network.labels[start : end : len(ids)]]
        start = end
    return cells


def _step(line: TextProcess, places: _Places, role: int = 0) -> tuple[int, int, int]:
    """Species, level after and level before of one ion of a line."""
    return *places[line.after[role]], places[line.before[role]][1]


def _alone(lines: Iterable[TextProcess], places: _Places, species: int, pumped: bool = False) -> _Lines:
    """The decays, or the absorptions, of one species."""
    mine = (line for line in lines if len(line.before) == 1 and line.pumped == pumped)
    return tuple(line for line in mine if places[line.before[0]][0] == species)


def _rewritten(rates: _Rates, gone: _Lines, new: _Lines, places: _Places, per: ArrayLike = 1.0) -> _Rates:
    """`rates` of one species without those of the lines `gone`, with those of the lines `new` divided by `per`."""
    kept, written = np.ones(rates.shape[1:]), np.zeros(rates.shape[1:])
    for line in gone:
        kept[_step(line, places)[1:]] = 0.0
    for line in new:
        written[_step(line, places)[1:]] += line.rate
    return rates * kept + written / per if gone or new else rates


def _with_pairs(light: EmittingNetwork, lines: _Lines, places: _Places) -> tuple[Array, ...]:
    """Transfer rates of every species, with the lines between two ions in every cell that holds both."""
    transfer, cells = list(light.network.transfer), list(_cells(light).values())
    sizes = [dark.shape[0] * dark.shape[1] for dark in light.network.dark]
    first = np.cumsum(sizes) - sizes
    for line in lines:
        pair = [places[label] for label in line.before]
        (d, _), (a, _) = pair
        shared = [(x, cells[a].index(cell)) for x, cell in enumerate(cells[d]) if cell in cells[a]]
        where = np.array(shared).T
        givers, takers = light.ions_in_cell[d][where[0]], light.ions_in_cell[a][where[1]]
        both = (givers >= FEWEST_IONS) & (takers >= FEWEST_IONS)
        per_ion = (jnp.where(both, 1.0, 0.0), jnp.where(both, givers / jnp.where(both, takers, 1.0), 0.0))
        for role in (0, 1):
            s, to, start = _step(line, places, role)
            partner, level = pair[1 - role]
            seen = first[partner] + where[1 - role] * len(light.levels[partner][1]) + level
            if to != start:
                transfer[s] = transfer[s].at[where[role], to, start, seen].add(line.rate * per_ion[role])
    return tuple(transfer)
