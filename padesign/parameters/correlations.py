"""How the errors of fitted parameters hang together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from padesign.errors import InputError

_PATH = ("correlations",)


@final
@dataclass(frozen=True)
class Correlations:
    """Correlation coefficients of the logarithms of some parameters; `rows` (n, n), symmetric with 1 on the diagonal.

    The spreads are those of the entries.
    """

    keys: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        matrix, n = self.matrix, len(self.keys)
        if matrix.shape != (n, n) or len(set(self.keys)) < n:
            raise InputError(f"must be {n} rows, one for each of as many different keys", path=_PATH)
        sound = np.allclose(matrix, matrix.T) and np.allclose(matrix.diagonal(), 1.0)
        if not sound or np.linalg.eigvalsh(matrix)[0] <= 0.0:
            raise InputError("are not those of any distribution", cure="copy them from a fit", path=_PATH)

    @property
    def matrix(self) -> np.ndarray:
        """(n, n)."""
        return np.array(self.rows, dtype=float)

    def among(self, keys: Collection[str]) -> Correlations | None:
        """Those between some of the parameters; None where fewer than two are left."""
        kept = [k for k, key in enumerate(self.keys) if key in keys]
        if len(kept) < 2:
            return None
        return Correlations(
            tuple(self.keys[k] for k in kept), tuple(tuple(self.rows[k][m] for m in kept) for k in kept)
        )

    def beside(self, other: Correlations | None) -> Correlations:
        """These and those of other parameters, which have nothing to do with each other."""
        if other is None:
            return self
        matrix = np.eye(len(self.keys) + len(other.keys))
        matrix[: len(self.keys), : len(self.keys)], matrix[len(self.keys) :, len(self.keys) :] = self.rows, other.rows
        return Correlations((*self.keys, *other.keys), tuple(map(tuple, matrix.tolist())))

    def to_yaml(self) -> dict[str, Any]:
        """As a parameter set holds it: the lower triangle, without the diagonal."""
        return {"keys": list(self.keys), "below": [list(row[:k]) for k, row in enumerate(self.rows)][1:]}


def read_correlations(data: Any) -> Correlations | None:
    """From the YAML of a parameter set."""
    if data is None:
        return None
    cure = "give `keys` and `below`, the rows of the lower triangle without the diagonal"
    if not isinstance(data, Mapping) or set(data) != {"keys", "below"}:
        raise InputError("must have keys and below", cure=cure, path=_PATH)
    try:
        keys, below = [str(key) for key in data["keys"]], [[float(x) for x in row] for row in data["below"]]
    except (TypeError, ValueError) as error:
        raise InputError(f"must hold names and numbers: {error}", cure=cure, path=_PATH) from error
    if [len(row) for row in below] != list(range(1, len(keys))):
        raise InputError("must have a row of 1, 2, ... numbers for every key but the first", cure=cure, path=_PATH)
    return symmetric(keys, below)


def symmetric(keys: Sequence[str], below: Sequence[Sequence[float]]) -> Correlations:
    """From the lower triangle without the diagonal."""
    matrix = np.eye(len(keys))
    for k, row in enumerate(below, start=1):
        matrix[k, :k] = matrix[:k, k] = row
    return Correlations(tuple(keys), tuple(map(tuple, matrix.tolist())))
