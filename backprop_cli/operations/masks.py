"""Masks to yes or no, and sizes to the largest: of a few entries, in a tenth of NumPy's own time.

A sheet is judged by some thousand such questions about matrices of a handful of entries each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def some(mask: NDArray[np.bool_] | np.bool_ | bool) -> bool:
    """Whether any entry is true."""
    return b"\x01" in (mask if isinstance(mask, np.ndarray) else np.asarray(mask)).tobytes()


def every(mask: NDArray[np.bool_] | np.bool_ | bool) -> bool:
    """Whether all entries are."""
    return b"\x00" not in (mask if isinstance(mask, np.ndarray) else np.asarray(mask)).tobytes()


def most(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest of some sizes, none of them below 0; 0 where there are none."""
    return np.asarray(sizes.max()) if sizes.size else np.zeros(())
