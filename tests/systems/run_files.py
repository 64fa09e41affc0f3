"""Run files that several tests write down, so that what they compile is shared."""

SMALL_TM = """\
version: 1
name: small
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  interface_mixing_nm: 0
  max_level_cm1: 15500
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: 17, dopants_mol_percent: {Tm: 8}}
    - {name: shell, host: beta-NaYF4, thickness_nm: 5.6}
emission: ["Tm:3H4 -> Tm:3H6"]
solver: {cells_per_layer: 1, judge_cells_per_layer: 1}
"""
"""The published particle of 8 % Tm with few levels and one cell; the layers of the whole-run test."""
