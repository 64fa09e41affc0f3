import padesign as padesign  # before JAX and scipy: settles precision, caches and threads
