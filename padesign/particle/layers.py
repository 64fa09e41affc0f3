"""A particle as a chemist writes it: concentric layers from the core outward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layer:
    """One concentric layer.

    `thickness_nm` is the radius for the core (the first layer) and the shell thickness for every other layer.
    `dopants_mol_percent` gives each ion's share of the host's dopable cation sites; the host cation is the rest.
    """

    name: str
    host: str
    thickness_nm: float
    dopants_mol_percent: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict:
        return {
            "name": self.name,
            "host": self.host,
            "thickness_nm": float(self.thickness_nm),
            "dopants_mol_percent": {ion: float(x) for ion, x in self.dopants_mol_percent.items()},
        }


@dataclass(frozen=True)
class Particle:
    """Layers from the core outward."""

    layers: tuple[Layer, ...]

    @property
    def diameter_nm(self) -> float:
        return 2.0 * sum(layer.thickness_nm for layer in self.layers)

    @property
    def outer_radii_nm(self) -> tuple[float, ...]:
        radii, radius = [], 0.0
        for layer in self.layers:
            radius += layer.thickness_nm
            radii.append(radius)
        return tuple(radii)

    def to_json(self) -> dict:
        return {"diameter_nm": self.diameter_nm, "layers": [layer.to_json() for layer in self.layers]}

    @classmethod
    def from_json(cls, record: Mapping) -> Particle:
        return cls(tuple(Layer(**layer) for layer in record["layers"]))

    def __str__(self) -> str:
        def text(layer: Layer) -> str:
            ions = " ".join(f"{x:.3g}% {ion}" for ion, x in layer.dopants_mol_percent.items()) or "undoped"
            return f"{layer.name} {layer.host} {layer.thickness_nm:.2f} nm ({ions})"

        return " | ".join(text(layer) for layer in self.layers) + f" | diameter {self.diameter_nm:.1f} nm"
