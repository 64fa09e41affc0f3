"""The names a parameter set may hold, and the unit of each. The name says the unit once more at its end."""

from __future__ import annotations

import difflib

from padesign.errors import InputError

GLOBAL_KEYS: dict[str, str] = {
    "host.cation_density_nm3": "nm^-3",
    "host.nearest_distance_nm": "nm",
    "host.mean_field_distance_nm": "nm",
    "host.refractive_index": "1",
    "host.phonon_energy_cm1": "cm^-1",
    "host.reference_temperature_K": "K",
    "multiphonon.rate_W0_per_s": "s^-1",
    "multiphonon.alpha_cm": "cm",
    "multiphonon.stokes_shift_cm1": "cm^-1",
    "sideband.slope_cm": "cm",
    "transfer.slope_cross_relaxation_cm": "cm",
    "transfer.slope_upconversion_cm": "cm",
    "transfer.scale": "1",
    "surface.closest_approach_nm": "nm",
    "surface.quencher_density_nm2": "nm^-2",
    "defect.density_nm3": "nm^-3",
}
"""Every set holds all of these."""

CRYSTAL_FIELD_KEYS: dict[str, str] = {f"host.crystal_field_S{k}_cm1": "cm^-1" for k in (2, 4, 6)}
"""Strengths of the crystal field; a set has all of them or none, and none means that no manifold is split."""

ION_KEYS: dict[str, str] = {
    "omega2_cm2": "cm^2",
    "omega4_cm2": "cm^2",
    "omega6_cm2": "cm^2",
    "radiative_scale": "1",
    "line_fwhm_cm1": "cm^-1",
}
"""`<Ion>.<key>`; every ion of a set has all of these."""

ENERGY_SUFFIX = ".energy_cm1"
SURFACE_PREFIX, SURFACE_SUFFIX = "surface.loss.", "_nm4_per_s"


def energy_key(ion: str, level_id: str) -> str:
    """`energy_key("Tm", "3F4")` is `"Tm:3F4.energy_cm1"`."""
    return f"{ion}:{level_id}{ENERGY_SUFFIX}"


def surface_key(ion: str, level_id: str) -> str:
    """`surface_key("Tm", "3F4")` is `"surface.loss.Tm:3F4_nm4_per_s"`."""
    return f"{SURFACE_PREFIX}{ion}:{level_id}{SURFACE_SUFFIX}"


def split_level(name: str) -> tuple[str, str]:
    """`"Tm:3F4"` -> `("Tm", "3F4")`; anything else raises `InputError`."""
    ion, colon, level_id = name.partition(":")
    if not (ion and colon and level_id):
        raise InputError(f"`{name}` does not name a level", cure="Write ion and level as in `Tm:3F4`.")
    return ion, level_id


def unit_of(key: str) -> str:
    """Unit of a parameter, e.g. `"cm^-1"`; an unknown name raises `InputError` with the nearest known one."""
    known = GLOBAL_KEYS | CRYSTAL_FIELD_KEYS
    if key in known:
        return known[key]
    if key.startswith(SURFACE_PREFIX) and key.endswith(SURFACE_SUFFIX):
        split_level(key[len(SURFACE_PREFIX) : -len(SURFACE_SUFFIX)])
        return "nm^4 s^-1"
    if key.endswith(ENERGY_SUFFIX):
        split_level(key[: -len(ENERGY_SUFFIX)])
        return "cm^-1"
    ion, _, rest = key.partition(".")
    if ion.isalpha() and ion.istitle() and rest in ION_KEYS:
        return ION_KEYS[rest]
    near = difflib.get_close_matches(key, [*known, *(f"{ion}.{suffix}" for suffix in ION_KEYS)], n=1)
    raise InputError(f"there is no parameter `{key}`", cure=f"Did you mean `{near[0]}`?" if near else "")
