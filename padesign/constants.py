"""Physical constants in the units the program works in (CODATA 2018, https://physics.nist.gov/cuu/Constants).

Energies are in cm^-1, so the Boltzmann constant is too; radiative formulas are written in CGS-esu.
"""

SPEED_OF_LIGHT_cm_per_s = 2.99792458e10
PLANCK_erg_s = 6.62607015e-27
ELEMENTARY_CHARGE_esu = 4.803204712570263e-10
ELECTRON_MASS_g = 9.1093837015e-28
BOLTZMANN_cm1_per_K = 0.695034800486
AVOGADRO_per_mol = 6.02214076e23
JOULE_PER_cm1 = 1.986445857148929e-23
"""Energy of one wavenumber in joules: h c with c in cm/s."""
ELECTRON_G_FACTOR = 2.00231930436256
nm6_PER_cm6 = 1e42
