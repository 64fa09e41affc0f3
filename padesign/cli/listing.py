"""Levels and processes of a model as a list: what a particle's network is made of, with rates at one irradiance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from padesign.config import RunFile
from padesign.config.build import build_design, build_network, build_scene, build_space
from padesign.constants import JOULE_PER_cm1
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.mixed import with_processes
from padesign.kinetics.particle_network import ParticleModel, ProcessRates, particle_model
from padesign.kinetics.text import parse_processes
from padesign.observables.solution import LEAD_IN
from padesign.solve.stability import find_threshold

DEFINITIONS = {
    "rate_per_s": (
        "events per second of one ion in the level that the process starts from, at the stated irradiance; a transfer "
        "counts for one excited donor while every other ion of the acceptor's kind in the same cell is in the level "
        "that the process needs"
    ),
    "lifetime_s": "one ion alone in the host: 1/(radiative + downward nonradiative rate), no quenchers, no transfer",
    "surface_per_s": "loss to the surface, mean over the ions of this kind in the particle",
    "defect_per_s": "loss to defects inside the crystal, mean over the ions of this kind in the particle",
    "C6_nm6_per_s": "pair constant: the rate between two ions at distance r is C6/r^6",
    "factor": "what random sites and hopping leave of the mean-field rate, in the cell that is listed",
    "layer": "the layer whose innermost cell with most pairs of these ions is listed",
}


_KINDS = (
    "absorption",
    "stimulated emission",
    "radiative",
    "multiphonon",
    "surface",
    "defect",
    "transfer",
    "added by hand",
    "replaced by hand",
)


@dataclass(frozen=True)
class LevelLine:
    """One level; rates in s^-1, None where the model does not say."""

    id: str
    energy_cm1: float | None
    lifetime_s: float | None
    radiative_per_s: float
    nonradiative_per_s: float
    surface_per_s: float | None
    defect_per_s: float | None


@dataclass(frozen=True)
class ProcessLine:
    """One process; see `DEFINITIONS`."""

    text: str
    kind: str
    rate_per_s: float
    cross_section_cm2: float | None = None
    layer: str | None = None
    C6_nm6_per_s: float | None = None
    factor: float | None = None


@dataclass(frozen=True)
class Listing:
    """A model at one irradiance; `irradiance_is` says why this one."""

    irradiance_kW_per_cm2: float
    irradiance_is: str
    wavelength_nm: float
    levels: tuple[LevelLine, ...]
    processes: tuple[ProcessLine, ...]


def particle_listing(run: RunFile, irradiance_kW_per_cm2: float | None) -> Listing:
    """The model of a fixed particle."""
    space, design = build_space(run), build_design(run)
    model, scene, wavelength = particle_model(design.signature), design.scene, space.wavelengths_nm[0]
    light, parts = jax.jit(model.build)(design.geometry, design.hosts, design.conditions)
    whole = with_processes(light, wavelength, scene.add_processes, scene.replace_processes)
    at, why = _irradiance(whole, scene.irradiance_window_kW_per_cm2, irradiance_kW_per_cm2)
    names = [layer.name for layer in space.layers]
    levels, processes = [], []
    for s in range(len(model.tables)):
        levels += list(_ion_levels(light, parts, s))
        processes += list(_ion_processes(light, parts, s, wavelength, at))
    for donor in range(len(model.tables)):
        for acceptor in range(len(model.tables)):
            processes += list(_transfers(model, parts, donor, acceptor, names))
    known = [f"{ion}:{level}" for ion, ids in light.levels for level in ids]
    for kind, lines in (("added by hand", scene.add_processes), ("replaced by hand", scene.replace_processes)):
        processes += [ProcessLine(line.text, kind, line.rate) for line in parse_processes(lines, known, ())]
    processes.sort(key=lambda one: (_KINDS.index(one.kind), -one.rate_per_s if one.kind == "transfer" else 0.0))
    return Listing(at, why, wavelength, tuple(levels), tuple(processes))


def text_listing(run: RunFile, irradiance_kW_per_cm2: float | None) -> Listing:
    """A hand-written network: its lines as read."""
    network, scene = build_network(run), build_scene(run)
    wavelength = float(run.excitation.wavelength_nm)  # type: ignore[arg-type]
    light = network.network(wavelength)
    at, why = _irradiance(light, scene.irradiance_window_kW_per_cm2, irradiance_kW_per_cm2)
    photons = 1e3 * at / (JOULE_PER_cm1 * 1e7 / wavelength)
    processes = []
    for one in network.processes:
        rate = one.rate * photons if one.pumped else one.rate
        kind = "absorption" if one.pumped else "transfer" if len(one.before) == 2 else "decay"
        kind = "radiative" if one.radiative else kind
        processes.append(ProcessLine(one.text, kind, rate, one.rate if one.pumped else None))
    levels = []
    for s, (ion, ids) in enumerate(light.levels):
        dark, radiative = np.asarray(light.network.dark[s][0]), np.asarray(light.radiative_per_s[s][0])
        for k, name in enumerate(ids):
            energy = network.energies_cm1.get(f"{ion}:{name}")
            total, bright = float(dark[:k, k].sum()), float(radiative[:k, k].sum())
            lifetime = 1.0 / total if total > 0.0 else None
            levels.append(LevelLine(f"{ion}:{name}", energy, lifetime, bright, total - bright, None, None))
    return Listing(at, why, wavelength, tuple(levels), tuple(processes))


def _irradiance(light: EmittingNetwork, window: tuple[float, float], asked: float | None) -> tuple[float, str]:
    if asked is not None:
        return asked, "as asked"
    low, high = (math.log(1e3 * end) for end in window)
    weights = jnp.ones(light.network.n_unknowns)
    threshold = jax.jit(find_threshold)(light.network, weights, low - LEAD_IN, high + math.log(10.0))
    if bool(threshold.exists):
        return float(np.exp(threshold.log_irradiance)) / 1e3, "the threshold"
    return math.exp(0.5 * (low + high)) / 1e3, "no threshold; the middle of the power window"


def _ion_levels(light: EmittingNetwork, parts: ProcessRates, s: int) -> Iterator[LevelLine]:
    ion, ids = light.levels[s]
    ions = np.asarray(light.ions_in_cell[s])
    weights = ions / max(ions.sum(), 1e-300)
    cell = int(np.argmax(ions))
    radiative = np.asarray(light.radiative_per_s[s])[cell]
    multiphonon = np.asarray(parts.multiphonon_per_s[s])[cell]
    surface, defect = (np.einsum("x,xab->b", weights, part[s]) for part in (parts.surface_per_s, parts.defect_per_s))
    energies = np.asarray(light.energies_cm1[s])
    for k, name in enumerate(ids):
        bright, dark = float(radiative[:k, k].sum()), float(multiphonon[:k, k].sum())
        lifetime = 1.0 / (bright + dark) if bright + dark > 0.0 else None
        lost = float(surface[k]), float(defect[k])
        yield LevelLine(f"{ion}:{name}", float(energies[k]), lifetime, bright, dark, *lost)


def _ion_processes(
    light: EmittingNetwork, parts: ProcessRates, s: int, wavelength_nm: float, irradiance_kW_per_cm2: float
) -> Iterator[ProcessLine]:
    """Absorption, stimulated emission, radiative and multiphonon transitions, losses of one ion to quenchers."""
    ion, ids = light.levels[s]
    ions = np.asarray(light.ions_in_cell[s])
    cell = int(np.argmax(ions))
    weights = ions / max(ions.sum(), 1e-300)
    pump = np.asarray(light.network.pump[s])[cell]
    photon_J = JOULE_PER_cm1 * 1e7 / wavelength_nm
    surface, defect = (np.einsum("x,xab->ab", weights, part[s]) for part in (parts.surface_per_s, parts.defect_per_s))
    tables = (
        ("radiative", np.asarray(light.radiative_per_s[s])[cell]),
        ("multiphonon", np.asarray(parts.multiphonon_per_s[s])[cell]),
        ("surface", surface),
        ("defect", defect),
    )
    for start in range(len(ids)):
        for end in range(len(ids)):
            text = f"{ion}:{ids[start]} -> {ion}:{ids[end]}"
            if pump[end, start] > 0.0:
                kind = "absorption" if end > start else "stimulated emission"
                rate = float(pump[end, start]) * 1e3 * irradiance_kW_per_cm2
                yield ProcessLine(text, kind, rate, float(pump[end, start]) * photon_J)
            for kind, rates in tables:
                if rates[end, start] > 0.0:
                    yield ProcessLine(text, kind, float(rates[end, start]))


def _transfers(
    model: ParticleModel, parts: ProcessRates, donor: int, acceptor: int, layers: list[str]
) -> Iterator[ProcessLine]:
    """Transfers in the cell that holds most pairs; between the closest cells when the ions share none."""
    ions, tables = list(model.tables), list(model.tables.values())
    cells_d, cells_a = model.cells_of[ions[donor]], model.cells_of[ions[acceptor]]
    if not len(cells_d) or not len(cells_a):
        return
    density = np.asarray(parts.density_nm3)
    n_d, n_a = density[cells_d, donor], density[cells_a, acceptor]
    pairs = model.processes
    between = pairs.between(donor, acceptor)
    if not len(between):
        return
    all_kernels = np.asarray(parts.kernel_per_nm3)
    kernel = all_kernels[between[0]][np.ix_(cells_d, cells_a)]
    same = cells_d[:, None] == cells_a[None, :]
    weight = n_d[:, None] * n_a[None, :] * (same if (same & (n_d[:, None] * n_a[None, :] > 0.0)).any() else kernel)
    best = np.flatnonzero(weight.ravel() >= weight.max() * (1.0 - 1e-6))[0]
    x, y = np.unravel_index(best, weight.shape)
    here, there = layers[model.cell_layer[cells_d[x]]], layers[model.cell_layer[cells_a[y]]]
    place = here if here == there else f"{here} to {there}"
    all_C6, all_factors = np.asarray(parts.C6_nm6_per_s), np.asarray(parts.factor[:, cells_d[x], cells_a[y]])
    d, a = tables[donor].level_ids, tables[acceptor].level_ids
    for n in between:
        C6, factor = float(all_C6[n]), float(all_factors[n])
        if pairs.exchange[n] and factor == 0.0:
            continue
        given = f"{ions[donor]}:{d[pairs.donor_from[n]]} + {ions[acceptor]}:{a[pairs.acceptor_from[n]]}"
        left = f"{ions[donor]}:{d[pairs.donor_to[n]]} + {ions[acceptor]}:{a[pairs.acceptor_to[n]]}"
        rate = C6 * factor * float(all_kernels[n, cells_d[x], cells_a[y]] * n_a[y])
        yield ProcessLine(f"{given} -> {left}", "transfer", rate, None, place, C6, factor)
