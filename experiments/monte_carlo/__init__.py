"""Explicit ions on lattice sites against the continuum of populations: is mean field good enough?

`rates` takes every number from padesign as plain arrays, `sites` places ions, `excitation` follows one excitation until
it is transferred or lost, `particle` a whole pumped particle; `transfer_table` and `avalanche` are the two studies.
"""
