"""What may vary in a design: fixed and free values (gradients), choices (outer search), optional ions and layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from padesign.design.limits import NO_LIMITS, Limits, beyond, cation_density_nm3, cation_weights
from padesign.design.trial import Option
from padesign.errors import InputError
from padesign.kinetics.particle_network import Geometry, Signature
from padesign.particle.cells import count_cells
from padesign.particle.layers import Layer, Particle
from padesign.spectroscopy.tables import INERT_IONS

ABSENT = "absent"
"""Option of an optional layer or ion: left out."""
PRESENT = "present"
_TOLD = 3


@dataclass(frozen=True)
class Fixed:
    """A number that stays."""

    value: float


@dataclass(frozen=True)
class Free:
    """A number that the gradients move between two limits."""

    low: float
    high: float
    start: float | None = None


@dataclass(frozen=True)
class Choice:
    """A number that the outer search takes from a list."""

    options: tuple[float, ...]


Value = Fixed | Free | Choice


@dataclass(frozen=True)
class DopantSpace:
    """One ion of one layer, mol% of the cation sites; `optional` lets the outer search leave it out."""

    ion: str
    mol_percent: Value
    optional: bool = False


@dataclass(frozen=True)
class LayerSpace:
    """One layer; `thickness_nm` is the radius of the core. Several `hosts` are a choice.

    `max_dopant_mol_percent`: all its dopants together, of its cation sites.
    """

    name: str
    hosts: tuple[str, ...]
    thickness_nm: Value
    dopants: tuple[DopantSpace, ...] = ()
    optional: bool = False
    max_dopant_mol_percent: float = 100.0


class Bounds(NamedTuple):
    """The limits of every number of a design once all choices are made; equal limits are a fixed number.

    `thickness` (layers,), `fraction` (layers, ions) of cation sites; a layer left out has thickness 0. The dopants of a
    layer add to its `largest_total` (layers,) at most, those of the particle to `largest_share` of its sites if that is
    limited; `density_nm3` (layers,) of sites says what a layer holds of them.
    """

    thickness_low_nm: np.ndarray
    thickness_high_nm: np.ndarray
    fraction_low: np.ndarray
    fraction_high: np.ndarray
    start_thickness_nm: np.ndarray
    start_fraction: np.ndarray
    largest_radius_nm: float
    largest_total: np.ndarray
    density_nm3: np.ndarray
    largest_share: float | None

    def keeps_totals(self, thickness_nm: np.ndarray, fraction: np.ndarray) -> bool:
        """Whether sizes and shares within their own limits also keep those of their sums."""
        totals = fraction.sum(axis=1)
        if thickness_nm.sum() > self.largest_radius_nm * (1 + 1e-9) or (totals > self.largest_total + 1e-9).any():
            return False
        if self.largest_share is None:
            return True
        return bool(cation_weights(thickness_nm, self.density_nm3) @ totals <= self.largest_share + 1e-9)


@dataclass(frozen=True)
class DesignSpace:
    """All designs of a run. One compiled program serves all of them: an absent layer has thickness 0, an absent ion
    fraction 0, and what can never be there is left out structurally."""

    layers: tuple[LayerSpace, ...]
    wavelengths_nm: tuple[float, ...]
    max_diameter_nm: float | None = None
    interface_mixing_nm: float = 0.5
    surface_loss: bool = True
    max_level_cm1: float = 30000.0
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    without: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    limits: Limits = NO_LIMITS

    @property
    def ions(self) -> tuple[str, ...]:
        """Every ion that any design may hold, in order of appearance."""
        return tuple(dict.fromkeys(d.ion for layer in self.layers for d in layer.dopants))

    @property
    def choices(self) -> dict[str, tuple[Option, ...]]:
        """Every discrete variable and its options."""
        return {name: options for name, options, _ in self._choices()}

    def _choices(self) -> Iterator[tuple[str, tuple[Option, ...], LayerSpace | None]]:
        """Name, options, and the layer that a choice is about unless it is about its presence."""
        if len(self.wavelengths_nm) > 1:
            yield "wavelength_nm", self.wavelengths_nm, None
        for layer in self.layers:
            if layer.optional:
                yield layer.name, (PRESENT, ABSENT), None
            if len(layer.hosts) > 1:
                yield f"{layer.name}.host", layer.hosts, layer
            if isinstance(layer.thickness_nm, Choice):
                yield f"{layer.name}.thickness_nm", layer.thickness_nm.options, layer
            for dopant in layer.dopants:
                options: tuple[Option, ...] = ()
                if isinstance(dopant.mol_percent, Choice):
                    options = dopant.mol_percent.options
                if dopant.optional:
                    options = (*(options or (PRESENT,)), ABSENT)
                if options:
                    yield f"{layer.name}.{dopant.ion}", options, layer

    @property
    def parents(self) -> dict[str, tuple[str, Option]]:
        """What is chosen about an optional layer matters only while the layer is there."""
        return {name: (owner.name, PRESENT) for name, _, owner in self._choices() if owner and owner.optional}

    def topology(self, choice: Mapping[str, Option]) -> str:
        """The canonical form of a choice as text: laser and, from the core outward, what is there with its limits.

        Names of layers, choices about absent parts, and which of two equal optional layers is there make no difference.
        """
        bounds = self._limits(choice)
        parts = []
        for k, layer in enumerate(self.layers):
            if choice.get(layer.name, PRESENT) != PRESENT:
                continue
            limits = [
                f"{ion} {low:.9g}:{high:.9g}"
                for ion, low, high in zip(self.ions, bounds.fraction_low[k], bounds.fraction_high[k], strict=True)
                if high > 0.0
            ]
            size = f"{bounds.thickness_low_nm[k]:.9g}:{bounds.thickness_high_nm[k]:.9g} nm"
            if layer.max_dopant_mol_percent < 100.0:
                limits.append(f"up to {layer.max_dopant_mol_percent:.9g} mol%")
            parts.append(" ".join([self.hosts(choice)[k], size, *limits]))
        return f"{self.wavelength_nm(choice):.9g} nm | {' | '.join(parts)}"

    def wavelength_nm(self, choice: Mapping[str, Option]) -> float:
        return float(choice.get("wavelength_nm", self.wavelengths_nm[0]))

    def hosts(self, choice: Mapping[str, Option]) -> tuple[str, ...]:
        """The host of every layer."""
        return tuple(str(choice.get(f"{layer.name}.host", layer.hosts[0])) for layer in self.layers)

    def slot_hosts(self, choice: Mapping[str, Option]) -> tuple[str, ...]:
        """The host of every host slot of `signature`."""
        by_slot: dict[int, str] = dict(zip(self._host_slots(), self.hosts(choice), strict=True))
        return tuple(by_slot[slot] for slot in range(len(by_slot)))

    def _host_slots(self) -> tuple[int, ...]:
        keys: dict[object, int] = {}
        slots = []
        for k, layer in enumerate(self.layers):
            key = layer.hosts[0] if len(layer.hosts) == 1 else (k, *layer.hosts)
            slots.append(keys.setdefault(key, len(keys)))
        return tuple(slots)

    def signature(self, cells_per_layer: int, parameter_sets: Mapping[str, str]) -> Signature:
        """The one structure that all designs share, with this many cells in a layer that may hold ions.

        A layer that may be thick and close to the surface or to another active layer has more (`count_cells`). Ions
        also live in the active layers that interface mixing brings them to.
        """
        ions = self.ions
        shining = np.array([ion not in INERT_IONS for ion in ions], dtype=bool)
        if not shining.any():
            raise InputError("no layer holds an ion that can shine", cure="give a layer `dopants_mol_percent: {Tm: 8}`")
        own = np.array([[any(d.ion == ion for d in layer.dopants) for ion in ions] for layer in self.layers], ndmin=2)
        active = np.asarray((own & shining).any(axis=1))
        presence = self._mixed(own) & active[:, None]
        hosts = dict.fromkeys(host for layer in self.layers for host in layer.hosts)
        return Signature(
            ions,
            tuple(map(tuple, presence.tolist())),
            self._cells(cells_per_layer, active),
            self._host_slots(),
            tuple(parameter_sets.get(host, host) for host in hosts),
            self.max_level_cm1,
            self.surface_loss,
            self.levels,
            self.without,
        )

    def _cells(self, cells_per_layer: int, active: np.ndarray) -> tuple[int, ...]:
        """Cells that each layer needs where it is thickest and closest to the surface and to other active layers."""
        least = self._least_nm()
        outside = np.cumsum(least[::-1])[::-1] - least
        radius = np.inf if self.max_diameter_nm is None else 0.5 * self.max_diameter_nm
        thickest = np.array([_limit_values(layer.thickness_nm)[1] for layer in self.layers])
        return count_cells(np.clip(radius - outside, 0.0, thickest), active.tolist(), cells_per_layer, least)

    def _least_nm(self) -> np.ndarray:
        """The least thickness of each layer, 0 of one that may be left out."""
        return np.array([0.0 if layer.optional else _limit_values(layer.thickness_nm)[0] for layer in self.layers])

    def _mixed(self, own: np.ndarray) -> np.ndarray:
        """Layers that an ion reaches by interface mixing: the neighbours, and beyond what may be thin or absent."""
        presence = own.copy()
        if self.interface_mixing_nm <= 0.0:
            return presence
        least = self._least_nm()
        for k in range(len(own)):
            for m in range(len(own)):
                between = sum(least[min(k, m) + 1 : max(k, m)])
                if between < 2.0 * self.interface_mixing_nm:
                    presence[m] |= own[k]
        return presence

    def bounds(self, choice: Mapping[str, Option]) -> Bounds:
        """Limits of every number for one set of choices; raises `InputError` when nothing fits them."""
        bounds = self._limits(choice)
        least_nm, radius = bounds.thickness_low_nm.sum(), bounds.largest_radius_nm
        if least_nm > radius * (1 + 1e-9):
            raise InputError(
                f"the thinnest layers are {2 * least_nm:g} nm across, more than max_diameter_nm {2 * radius:g}",
                cure="allow thinner layers or a larger particle",
            )
        least = bounds.fraction_low.sum(axis=1)
        for layer, total, largest in zip(self.layers, least, bounds.largest_total, strict=True):
            if total > largest + 1e-9:
                what = f"the least shares of {layer.name} add to {100 * total:g} mol%, more than {100 * largest:g} mol%"
                raise InputError(what, cure="lower the minima, or raise max_dopant_mol_percent of the layer")
        if bounds.largest_share is not None and least.max() > bounds.largest_share + 1e-9:
            what = f"the least shares of {self.layers[int(least.argmax())].name} add to {100 * least.max():g} mol%"
            limit = f"more than the {100 * bounds.largest_share:g} mol% that the whole particle may hold"
            raise InputError(f"{what}, {limit}", cure="lower the minima, or limit the layers one by one")
        there = [choice.get(layer.name, PRESENT) == PRESENT for layer in self.layers]
        hosts = [host for host, present in zip(self.hosts(choice), there, strict=True) if present]
        if (refused := self.limits.refusal(hosts)) is not None:
            raise InputError(refused[0], cure=refused[1])
        return bounds

    def _limits(self, choice: Mapping[str, Option]) -> Bounds:
        """The same, whether anything fits them or not."""
        thickness, fraction = [], []
        for layer in self.layers:
            there = choice.get(layer.name, PRESENT) == PRESENT
            thickness.append(_limits(layer.thickness_nm, choice.get(f"{layer.name}.thickness_nm"), there, 1.0))
            row = {d.ion: d for d in layer.dopants}
            shares = []
            for ion in self.ions:
                option = choice.get(f"{layer.name}.{ion}")
                present = there and ion in row and option != ABSENT
                value = row[ion].mol_percent if ion in row else Fixed(0.0)
                shares.append(_limits(value, None if option == PRESENT else option, present, 0.01))
            fraction.append(shares)
        t, x = np.array(thickness, dtype=float), np.array(fraction, dtype=float)
        radius = np.inf if self.max_diameter_nm is None else 0.5 * self.max_diameter_nm
        limits = t[:, 0], t[:, 1], x[:, :, 0], x[:, :, 1], t[:, 2], x[:, :, 2]
        totals = 0.01 * np.array([layer.max_dopant_mol_percent for layer in self.layers])
        density = np.array([cation_density_nm3(host) for host in self.hosts(choice)])
        share = self.limits.dopant_mol_percent
        return Bounds(*limits, radius, totals, density, None if share is None else 0.01 * share)

    def particle(
        self, choice: Mapping[str, Option], thickness_nm: Sequence[float] | np.ndarray, fraction: np.ndarray
    ) -> Particle:
        """The design as layers, with what is absent left out."""
        layers = []
        for k, layer in enumerate(self.layers):
            if choice.get(layer.name, PRESENT) != PRESENT:
                continue
            dopants = {
                ion: 100.0 * float(fraction[k, s]) for s, ion in enumerate(self.ions) if float(fraction[k, s]) > 0.0
            }
            layers.append(Layer(layer.name, self.hosts(choice)[k], float(thickness_nm[k]), dopants))
        return Particle(tuple(layers))

    def excess(self, particle: Particle) -> dict[str, float]:
        """By how much a finished particle breaks each limit of the space; 0 or less is kept."""
        found = self.limits.excess(particle)
        if self.max_diameter_nm is not None:
            found["diameter_nm"] = beyond(particle.diameter_nm, self.max_diameter_nm)
        largest = {layer.name: layer.max_dopant_mol_percent for layer in self.layers}
        for layer in particle.layers:
            if largest[layer.name] < 100.0:
                total = sum(layer.dopants_mol_percent.values())
                found[f"{layer.name}_dopant_mol_percent"] = beyond(total, largest[layer.name])
        return found

    def geometry(self, particle: Particle) -> Geometry:
        """The numbers of a particle whose layers have the names of this space."""
        thickness, fraction = np.zeros(len(self.layers)), np.zeros((len(self.layers), len(self.ions)))
        place = {layer.name: k for k, layer in enumerate(self.layers)}
        for layer in particle.layers:
            thickness[place[layer.name]] = layer.thickness_nm
            for ion, share in layer.dopants_mol_percent.items():
                fraction[place[layer.name], self.ions.index(ion)] = 0.01 * share
        return Geometry(jnp.asarray(thickness), jnp.asarray(fraction), jnp.asarray(self.interface_mixing_nm))


def nothing_fits(troubles: Sequence[InputError]) -> InputError:
    """What to tell of a space of which no choice fits its limits: up to three different reasons."""
    by_reason = {trouble.what: trouble.cure for trouble in troubles}
    if len(by_reason) == 1:
        ((what, cure),) = by_reason.items()
        return InputError(what, cure=cure)
    told, rest = list(by_reason)[:_TOLD], len(by_reason) - _TOLD
    more = f"; and {rest} more reasons" if rest > 0 else ""
    cures = "; or ".join(dict.fromkeys(by_reason[what] for what in told))
    return InputError(f"no choice fits the limits: {'; '.join(told)}{more}", cure=cures)


def _limit_values(value: Value) -> tuple[float, float]:
    """The least and the greatest that a number may be, over all choices."""
    if isinstance(value, Fixed):
        return value.value, value.value
    return (value.low, value.high) if isinstance(value, Free) else (min(value.options), max(value.options))


def _limits(value: Value, option: Option | None, there: bool, scale: float) -> tuple[float, float, float]:
    """(low, high, start) with NaN for no stated start; all 0 when absent."""
    if not there:
        return 0.0, 0.0, 0.0
    if isinstance(value, Free):
        start = np.nan if value.start is None else value.start * scale
        return value.low * scale, value.high * scale, start
    if isinstance(value, Choice):
        number = float(value.options[0] if option is None else option) * scale
        return number, number, number
    return value.value * scale, value.value * scale, value.value * scale
