"""A calibration read from its files: what is fitted, and every observation with its forward model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from padesign.calibration.forward import AbstractForward, Fitted, make_forwards
from padesign.calibration.schema import NOT_COMPUTED, CalibrationFile, ObservationFile
from padesign.config.load import load_checked
from padesign.config.values import suggest
from padesign.errors import InputError
from padesign.parameters import load_parameter_set


@dataclass(frozen=True)
class Calibration:
    """`forwards` holds every observation; those with use "fit" decide the parameters.

    `left_out`: kinds of measured numbers for which the model has none under the same definition.
    """

    file: CalibrationFile
    fitted: Fitted
    forwards: tuple[AbstractForward, ...]
    left_out: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[AbstractForward, ...]:
        """The observations that are fitted."""
        return tuple(one for one in self.forwards if one.use == "fit")


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file and all that it names; raises `InputError` with file and line."""
    file = load_checked(path, CalibrationFile)
    base = load_parameter_set(file.base)
    for k, key in enumerate(file.fit):
        here = ("fit", k)
        if key not in base.entries:
            raise InputError(
                f"{base.name} has no `{key}`", cure=suggest(key, list(base.entries)), path=here, file=str(path)
            )
        if base.entries[key].value <= 0.0 or base.entries[key].sigma <= 0.0:
            what = f"`{key}` cannot be fitted: its value and sigma must be positive"
            raise InputError(what, path=here, file=str(path))
    if len(set(file.fit)) < len(file.fit):
        raise InputError("names a parameter twice", path=("fit",), file=str(path))
    if not file.name.startswith(f"{base.host}_"):
        raise InputError(f"must begin with `{base.host}_`", path=("name",), file=str(path))
    fitted = Fitted(base, file.fit, file.hosts)
    forwards, left_out = [], []
    for name in file.observations:
        there = path.parent / name
        observed = load_checked(there, ObservationFile)
        forwards += make_forwards(observed, fitted, there.parent, file.irradiance_sigma_ln)
        left_out += [one.kind for one in observed.observations if one.kind in NOT_COMPUTED]
    return Calibration(file, fitted, tuple(forwards), tuple(dict.fromkeys(left_out)))
