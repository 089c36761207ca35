"""Ways of rounding to those that differ in a formula: in one without sums nobody rounds a sum."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, in_order
from backprop_cli.operations.bounds import BOUNDS
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.inside_operations import BY_PRODUCTS
from backprop_cli.readings.intervals import BY_ENTRIES, IN_STEPS
from backprop_cli.readings.units import SUMS, Rounding

_IN_ONE_STEP = frozenset({"sigmoid", "silu", "mean"})
"""Operations with a step within, which is written down whatever else is, or by one key."""
_OPAQUE = (IN_STEPS | BY_ENTRIES | (TABLE.keys() - BOUNDS.keys())) - _IN_ONE_STEP
"""Operations that are worked out by others, so that any way may differ in them."""


class Used(Struct, frozen=True):
    """The operations of some formulas, and those whose results are unwritten steps in them."""

    operations: frozenset[str]
    inner: frozenset[str]

    @classmethod
    def of(cls, formulas: Iterable[Expr]) -> Used:
        """What is used in any of these."""
        parts = [in_order(one) for one in formulas]
        operations = frozenset[str]().union(*(one.operations for one in parts))
        return cls(operations, frozenset[str]().union(*(one.inner for one in parts)))


def apart(ways: Iterable[Rounding], used: Used) -> Iterator[Rounding]:
    """Those that may give something else than all before them, in formulas of these operations."""
    seen: set[Hashable] = set()
    opaque = not used.operations.isdisjoint(_OPAQUE)
    for way in ways:
        shows = way if opaque else _shown(way, used)
        if shows not in seen:
            seen.add(shows)
            yield way


def _shown(way: Rounding, used: Used) -> Hashable:
    """What of a way these operations show: after which it rounds, and what it does within them."""
    digits = way.count, way.significant, way.cuts_off, way.steps
    if way.names_only:
        return digits
    within, has = way.within, used.operations
    by_product = way.by_product and not has.isdisjoint(BY_PRODUCTS)
    inside = (
        by_product,
        by_product and within == "every product and sum",
        within in ("only products", "every key") and not has.isdisjoint(_IN_ONE_STEP) and within,
        within == "no total" and "mean" in has,
        within == "no term" and not has.isdisjoint(SUMS),
    )
    return digits, used.inner & (way.inside or way).exact, inside
