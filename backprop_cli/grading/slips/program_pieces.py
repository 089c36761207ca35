"""A sum that has one term on either side of a limit, as the choice that a program has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, is_sum, num, op, walk


def _product(a: Expr, b: Expr) -> Expr:
    """Nothing where one factor is nothing."""
    return build.ZERO if build.ZERO in (a, b) else build.mul(a, b)


_BUILT: Final[Mapping[str, Callable[[Expr, Expr], Expr]]] = MappingProxyType(
    {"add": build.add, "sub": build.sub, "mul": _product}
)

_Sides = tuple[Expr, Expr, Expr]
"""What is above 0 on one side and below it on the other; what there is on either."""


def as_a_choice(node: Expr) -> Op | None:
    """z where z > 0, else a·z, for max(z, 0) + a·min(z, 0); the same of [z ≥ 0] + a·[z ≤ 0]."""
    if not is_sum(node):
        return None
    found = [sides for part in walk(node) if (sides := _sides(part)) is not None]
    if len(found) < 2 or len({z for z, *_ in found}) > 1:
        return None
    return op("choose", found[0][0], _where(node, above=True), _where(node, above=False))


def _sides(part: Expr) -> _Sides | None:
    match part:
        case Op("relu" | "positive_part", (z,)):
            return _the_right_way_round(z, z, build.ZERO)
        case Op("maximum" | "minimum" as name, (one, other)):
            largest, smallest = (one, other) if name == "maximum" else (other, one)
            return _the_right_way_round(build.sub(one, other), largest, smallest)
        case Op("switch", (z,)):
            below, _, above = (num(str(level)) for level in build.levels(part))
            return _the_right_way_round(z, above, below)
    return None


def _the_right_way_round(z: Expr, above: Expr, below: Expr) -> _Sides:
    """−z > 0 is z < 0, so that max(−z, 0) stands beside max(z, 0)."""
    match z:
        case Op("neg", (opposite,)) | Op("sub", (Num(0), opposite)):
            return opposite, below, above
    return z, above, below


def _where(node: Expr, *, above: bool) -> Expr:
    """What is left of a formula on one side."""
    if (sides := _sides(node)) is not None:
        return sides[1 if above else 2]
    match node:
        case Op("add" | "sub" | "mul" as name, (left, right)):
            return _BUILT[name](_where(left, above=above), _where(right, above=above))
        case Op("neg", (inner,)):
            return build.neg(_where(inner, above=above))
    return node
