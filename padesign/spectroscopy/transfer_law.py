"""From a pair constant to a rate between populations: ions at random sites, excitations that hop.

Mean field, kappa_mf = 4 pi C6 / (3 r_mf^3), supposes that every donor sees the average surroundings at all times. At
low concentration it does not: the close pairs are few and are used up. The hopping theory of A. I. Burshtein (Sov.
Phys. JETP 35, 882 (1972)) lets the donor forget its surroundings at the rate s; its limits are the static law of
M. Inokuti and F. Hirayama (J. Chem. Phys. 43, 1978 (1965), https://doi.org/10.1063/1.1697063) and the quadratic
concentration law of fast hopping.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from padesign.spectroscopy.special import as_floats, hopping_gain

HOPS = (2.0 * math.pi / 3.0) ** 3
"""A donor forgets its surroundings at HOPS C_mig n_D^2 [s^-1]."""
_SLOWEST_per_s = 1e-12


def transfer_factor(
    channel_sum_C6: ArrayLike,
    migration_C6: ArrayLike,
    donor_loss_per_s: ArrayLike,
    donor_density_nm3: ArrayLike,
    acceptor_density_nm3: ArrayLike,
    nearest_distance_nm: ArrayLike,
    mean_field_distance_nm: ArrayLike,
    *,
    acceptor_is_ground: ArrayLike,
    acceptor_loss_per_s: ArrayLike,
    acceptor_migration_C6: ArrayLike,
) -> Array:
    """Factor f = kappa/kappa_k on the rate kappa_k = 4 pi C/(3 r_min^3) of a continuum; arguments broadcast.

    `channel_sum_C6` C [nm^6/s] sums the channels of (donor level, acceptor level), `migration_C6` is the donor level's
    own i,0 -> 0,i constant, `donor_loss_per_s` its irreversible loss, the densities [nm^-3] count all ions of the
    donor's and of the acceptor's kind. `nearest_distance_nm` is the r_min with which kernels between cells are cut,
    `mean_field_distance_nm` the r_mf with which 4 pi n/(3 r_mf^3) is the sum of r^-6 over the lattice's sites, so that
    kappa_mf = 4 pi C/(3 r_mf^3); f is at most (r_min/r_mf)^3. With s = k_d + (2 pi/3)^3 C_mig n_D^2:

    * ground-state acceptors: x = (2/3) pi^1.5 n_A sqrt(C/s), q = sqrt(pi) x erfcx(x), kappa n_A = s q/(1-q), which is
      kappa = (2 pi^2/3) sqrt(C s) G(x), G = `hopping_gain`. Limits: (2 pi^2/3) sqrt(C s) for rare acceptors and
      kappa n_A = (8/9) pi^3 n_A^2 C for a donor that never hops;
    * excited (rare) acceptors, `acceptor_is_ground` False: G = 1 and s also has the acceptor's own loss and hopping
      `acceptor_loss_per_s` + (2 pi/3)^3 `acceptor_migration_C6` n_A^2.

    The cap kappa = (kappa_law^-2 + kappa_mf^-2)^(-1/2) takes half of (kappa/kappa_mf)^2 off the law (0.5 % where that
    ratio is 0.1, 12 % where it is 0.5; the plain reciprocal sum would take all of it) and makes df/dC finite at C = 0.
    As the acceptor density goes to zero f goes to the limit of rare acceptors. An s below 1e-12 1/s counts as 1e-12.
    """
    C, migration, loss, n_donor, n_acceptor = as_floats(
        channel_sum_C6, migration_C6, donor_loss_per_s, donor_density_nm3, acceptor_density_nm3
    )
    r_min, r_mf = as_floats(nearest_distance_nm, mean_field_distance_nm)
    loss_acceptor, migration_acceptor = as_floats(acceptor_loss_per_s, acceptor_migration_C6)
    ground = jnp.asarray(acceptor_is_ground, dtype=bool)
    own = loss_acceptor + HOPS * migration_acceptor * n_acceptor**2
    renewal = loss + HOPS * migration * n_donor**2 + jnp.where(ground, 0.0, own)
    ratio = C / jnp.maximum(renewal, _SLOWEST_per_s)
    root = jnp.where(ratio > 0.0, jnp.sqrt(jnp.where(ratio > 0.0, ratio, 1.0)), 0.0)
    gain = hopping_gain(jnp.where(ground, (2.0 / 3.0) * math.pi**1.5 * n_acceptor * root, 0.0))
    return 1.0 / jnp.sqrt((r_mf / r_min) ** 6 + 4.0 * ratio / (math.pi * r_min**3 * gain) ** 2)


def mean_field_constant_nm3_per_s(pair_constant_C6: ArrayLike, distance_nm: ArrayLike) -> Array:
    """4 pi C6/(3 r^3) [nm^3/s]: event rate per donor and unit density of acceptors beyond r. Arguments broadcast."""
    C, r = as_floats(pair_constant_C6, distance_nm)
    return 4.0 * math.pi * C / (3.0 * r**3)
