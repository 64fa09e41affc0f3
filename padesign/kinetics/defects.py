"""Loss of an excitation to quenching defects inside the crystal, such as OH- on fluoride sites.

A defect is taken for one of the quenchers that sit on the surface, with the same constant for every level: what a sheet
of rho_s of them does to a level is the level's surface constant C rho_s, so one of them at the distance r does C/r^6.
A level that does not hop meets few of them; one that hops meets more the denser its ions are, by the law that holds for
any acceptors at random sites (`transfer_law`). That is the quenching by concentration.
"""

from __future__ import annotations

from jax import Array
from jax.typing import ArrayLike

from padesign.spectroscopy.special import as_floats
from padesign.spectroscopy.transfer_law import mean_field_constant_nm3_per_s, transfer_factor


def defect_loss_per_s(
    surface_constant_nm4_per_s: ArrayLike,
    quenchers_per_nm2: ArrayLike,
    defects_per_nm3: ArrayLike,
    migration_C6: ArrayLike,
    decay_per_s: ArrayLike,
    ion_density_nm3: ArrayLike,
    nearest_distance_nm: ArrayLike,
    mean_field_distance_nm: ArrayLike,
) -> Array:
    """Loss rate [1/s] of a level to defects of a density; arguments broadcast.

    C6 of one defect is `surface_constant_nm4_per_s` over `quenchers_per_nm2`. The level decays at `decay_per_s` and
    hops with `migration_C6` [nm^6/s] among `ion_density_nm3` ions: (2 pi^2/3) sqrt(C6 s) n for few defects, with s the
    decay and (2 pi/3)^3 C_mig n_ion^2; mean field where hops are quicker than the transfer to a neighbour.
    """
    strength, sheet, defects = as_floats(surface_constant_nm4_per_s, quenchers_per_nm2, defects_per_nm3)
    C6 = strength / sheet
    factor = transfer_factor(
        C6,
        migration_C6,
        decay_per_s,
        ion_density_nm3,
        defects,
        nearest_distance_nm,
        mean_field_distance_nm,
        acceptor_is_ground=True,
        acceptor_loss_per_s=0.0,
        acceptor_migration_C6=0.0,
    )
    return defects * factor * mean_field_constant_nm3_per_s(C6, nearest_distance_nm)
