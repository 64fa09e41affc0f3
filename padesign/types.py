"""Array aliases by meaning; shapes are documented where they are used."""

from __future__ import annotations

from jaxtyping import Array, Float, Int

Scalar = Float[Array, ""]
ScalarLike = Scalar | float
Populations = Float[Array, " n_unknowns"]
"""Fractions of each ion's population, species by species, cell by cell, level by level."""
LogPopulations = Float[Array, " n_unknowns"]
Matrix = Float[Array, "n_unknowns n_unknowns"]
Index = Int[Array, ""]
