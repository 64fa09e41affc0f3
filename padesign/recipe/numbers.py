"""Numbers with as many digits as a balance or a pipette can use."""

from __future__ import annotations

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def mass(value_mg: float) -> str:
    """mg to 0.1; below 1 mg two significant digits, so that nothing prints as zero."""
    return f"{value_mg:.1f}" if value_mg >= 1.0 else f"{value_mg:.2g}"


def amount(value_mmol: float) -> str:
    """mmol with four significant digits."""
    return f"{value_mmol:#.4g}".rstrip(".")


def volume(value_mL: float) -> str:
    """mL to 0.1 above 10 mL, to 0.01 below, to 0.001 below 1 mL."""
    return f"{value_mL:.1f}" if value_mL >= 10.0 else f"{value_mL:.2f}" if value_mL >= 1.0 else f"{value_mL:.3f}"


def percent(value: float) -> str:
    """A share in percent with three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def scientific(value: float, digits: int = 3) -> str:
    """1.70×10¹⁶"""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def equivalents(value: float) -> str:
    """Amount per rare earth, three digits after the first one."""
    return f"{value:#.4g}".rstrip(".")


def sites(value: float) -> str:
    """35,400: three significant digits with thousands marked."""
    return f"{float(f'{value:.3g}'):,.0f}"


def plain(value: float | None) -> str:
    """A predicted number with three significant digits, which is more than a model knows."""
    return "not available" if value is None else f"{value:.3g}"
