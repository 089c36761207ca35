"""Values as a person has them who rounds after every step."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["half-up", "half-even", "truncate"]
_MODES = {"half-up": ROUND_HALF_UP, "half-even": ROUND_HALF_EVEN, "truncate": ROUND_DOWN}
_WIDE = Context(prec=400)


def rounded(
    values: NDArray[np.float64], digits: int, kind: Literal["decimals", "significant"], mode: Mode
) -> NDArray[np.float64]:
    """Each entry to so many decimals or significant digits; halves are those of decimals."""
    flat = [_one(float(value), digits, kind, _MODES[mode]) for value in values.ravel()]
    return np.asarray(flat, dtype=float).reshape(values.shape)


def _one(value: float, digits: int, kind: str, mode: str) -> float:
    if value == 0 or not np.isfinite(value):
        return value
    exact = Decimal(repr(value))
    places = digits if kind == "decimals" else digits - 1 - exact.adjusted()
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding=mode, context=_WIDE))
