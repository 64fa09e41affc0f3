"""Refusals before any arithmetic, each with its cure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from padesign.errors import InputError
from padesign.particle.layers import Layer, Particle
from padesign.recipe.inputs import Batch, Lattice, ShellGrowth
from padesign.recipe.tables import Route, precursors, procedure

FULL_MOL_PERCENT = 100.0 + 1e-6
Path = tuple[str | int, ...]


def _host_id(host: str) -> str:
    return host.strip().replace("β", "beta").replace("_", "-").lower()


def find_route(host: str, path: Path = ()) -> tuple[str, Route, str]:
    """Name and table of the synthesis route of a host, and its cation; `InputError` names the hosts that have one."""
    known = {
        _host_id(h): (name, route, cation)
        for name, route in procedure().routes.items()
        for h, cation in route.hosts.items()
    }
    found = known.get(_host_id(host))
    refused = next((one for name, one in procedure().refused.items() if _host_id(name) == _host_id(host)), None)
    if refused is not None:
        raise InputError(
            f"there is no complete procedure for `{host}`; known: {refused.known}; missing: {refused.missing}",
            cure="Follow a published procedure of your own choice; the simulation of this host is not affected.",
            path=path,
        )
    if found is None:
        official = sorted(h for route in procedure().routes.values() for h in route.hosts)
        raise InputError(
            f"there is no synthesis route for the host `{host}`",
            cure=f"Hosts with a route: {', '.join(official)}.",
            path=path,
        )
    return found


def find_lattice(host: str, host_lattices: Mapping[str, Lattice], cation: str, path: Path = ()) -> Lattice:
    """The lattice of a host, which must have the cation of its route."""
    if host not in host_lattices:
        raise InputError(
            f"no lattice is given for the host `{host}`",
            cure=f"Lattices given: {', '.join(sorted(host_lattices)) or 'none'}.",
            path=path,
        )
    lattice = host_lattices[host]
    if lattice.cation != cation:
        raise InputError(f"the lattice of `{host}` must have the cation {cation}, but has {lattice.cation}", path=path)
    return lattice


def composition_mol_percent(layer: Layer, cation: str, path: Path = ()) -> dict[str, float]:
    """Shares of all cations of a layer [mol%], host cation first; a dopant equal to the host cation joins it."""
    dopants = {ion: float(x) for ion, x in layer.dopants_mol_percent.items()}
    for ion, share in dopants.items():
        where = (*path, "dopants_mol_percent", ion)
        if ion not in precursors().cations:
            raise InputError(
                f"there is no precursor for `{ion}`",
                cure=f"Cations with a precursor: {', '.join(precursors().cations)}.",
                path=where,
            )
        if not (math.isfinite(share) and share >= 0.0):
            raise InputError(f"mol% must not be negative, but is {share}", path=where)
    total = sum(dopants.values())
    if total > FULL_MOL_PERCENT:
        raise InputError(f"the dopants sum to {total:g} mol%, more than 100", path=(*path, "dopants_mol_percent"))
    foreign = {ion: share for ion, share in dopants.items() if ion != cation and share > 0.0}
    rest = 100.0 - sum(foreign.values())
    if rest > 1e-6:
        return {cation: rest} | foreign
    return {ion: 100.0 * share / sum(foreign.values()) for ion, share in foreign.items()}


def check_particle(particle: Particle) -> None:
    if not particle.layers:
        raise InputError("the particle has no layers", path=("particle", "layers"))
    for i, layer in enumerate(particle.layers):
        if not (math.isfinite(layer.thickness_nm) and layer.thickness_nm > 0.0):
            raise InputError(
                f"`thickness_nm` must be positive, but is {layer.thickness_nm}",
                path=("particle", "layers", i, "thickness_nm"),
            )


def check_batch(batch: Batch) -> None:
    table = precursors()
    if batch.precursor not in table.salts:
        raise InputError(f"`precursor` must be one of {', '.join(table.salts)}, but is `{batch.precursor}`")
    cations = set(table.cations)
    purities = set(batch.purity) if isinstance(batch.purity, Mapping) else set()
    added = [one.text for one in table.added.values()]
    wrong = (set(batch.water_of_crystallisation) - cations) | (purities - cations - set(added))
    if wrong:
        raise InputError(
            f"`{min(wrong)}` is not a compound of this recipe",
            cure=f"`water_of_crystallisation` takes {', '.join(table.cations)}; `purity` also {', '.join(added)}.",
        )


def check_routes(routes: Mapping[str, Route], shell_growth: ShellGrowth) -> None:
    """One route for the whole particle, and one that can grow its shells as asked."""
    if len(routes) > 1:
        raise InputError(
            f"no procedure is known that grows one particle by {' and '.join(routes)}",
            cure="make all layers of hosts of one route",
            path=("particle", "layers"),
        )
    name, route = next(iter(routes.items()))
    if shell_growth == "layer by layer" and not route.layer_by_layer:
        raise InputError(
            f"shells cannot be grown layer by layer on the route `{name}`", cure="set recipes.shell_growth: one heating"
        )
