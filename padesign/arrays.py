"""Operations on arrays that compile into little."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def pick(array: Array, index: np.ndarray, axis: int = 0) -> Array:
    """`array[index]` along an axis for fixed positions, whose derivative is a padding or a product.

    That of indexing is a loop over the positions, which takes longer to compile than all else around it.
    """
    first = int(index[0]) if len(index) else 0
    if np.array_equal(index, first + np.arange(len(index))):
        return jax.lax.slice_in_dim(array, first, first + len(index), axis=axis)
    return jnp.moveaxis(jnp.tensordot(np.eye(array.shape[axis])[index], array, (1, axis)), 0, axis)
