"""Turns chance into the habits of a student: which digits are kept, and which way is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from oracles.chance import Rng, chance, pick
from oracles.reading import Array

from students.rounding import Digits


@dataclass(frozen=True)
class Habits:
    """How a student works: digits written (None: all), and the free choices on the way.

    `own` are other digits of single quantities. `factors` are kept of what is not asked for (a
    slope, a square, a power of e), of each product inside a sum too where `products`, and of the
    sum before a bias is added where `sums`. Who `carries` goes on with all digits, and rounds only
    what is written.
    """

    digits: Digits | None = None
    own: Mapping[str, Digits] = field(default_factory=dict)
    factors: Digits | None = None
    products: bool = False
    sums: bool = False
    carries: bool = False
    fused: bool = False
    slopes_from_z: bool = False

    def of(self, id: str) -> Digits | None:
        """The digits a quantity is written with."""
        return self.own.get(id, self.digits)

    def kept(self, values: Array) -> Array:
        """A factor that is not asked for."""
        return values if self.factors is None else self.factors.rounded(values)

    def term(self, values: Array) -> Array:
        """A product inside a sum."""
        return self.kept(values) if self.products else values

    def matmul(self, left: Array, right: Array) -> Array:
        """A matrix product, product by product where each of them is rounded."""
        if self.factors is None or not self.products:
            return np.asarray(left @ right)
        return np.asarray(self.kept(left[:, :, None] * right[None, :, :]).sum(axis=1))

    def total(self, values: Array) -> Array:
        """A sum before something else is added."""
        return self.kept(values) if self.sums else values


def draw_habits(
    rng: Rng, digits: Digits, *, factors: bool | None = None, products: bool = False
) -> Habits:
    """Somebody's habits at these digits; without a wish, half of them round factors too."""
    truncate, chosen, fused, from_z = (chance(rng, 0.5) for _ in range(4))
    own = replace(digits, truncate=truncate)
    if factors is None:
        factors = chosen
    carries = not factors and not products and chance(rng, 0.15)
    inner = draw_factors(rng, own) if factors or products else None
    return Habits(
        own,
        factors=inner,
        products=products,
        sums=products and chance(rng, 0.5),
        carries=carries,
        fused=fused,
        slopes_from_z=from_z,
    )


def draw_factors(rng: Rng, written: Digits) -> Digits:
    """The digits of what is not asked for: mostly those that are written, or some more."""
    more = pick(rng, (0, 0, 0, 1, 2))
    if not written.significant and written.number >= 3 and chance(rng, 0.2):
        return Digits(written.number + more, significant=True, truncate=written.truncate)
    return replace(written, number=written.number + more)
