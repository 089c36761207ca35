"""`a > b` to a constant on either side of 0 that is 1 where it holds, else 0; and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, op

_LEVELS = ("below", "at", "above")
COMPARISONS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        ">": (0, 0, 1),
        ">=": (0, 1, 1),
        "<": (1, 0, 0),
        "<=": (1, 1, 0),
        "==": (0, 1, 0),
        "!=": (1, 0, 1),
    }
)
"""Each sign, and what it is where the difference is below 0, at 0 and above."""
_SIGNS: Mapping[tuple[Option, ...], str] = MappingProxyType(
    {levels: sign for sign, levels in COMPARISONS.items()}
)
_TURNED = MappingProxyType({">": "<", ">=": "<=", "<": ">", "<=": ">="})


def compared(left: Expr, sign: str, right: Expr) -> Expr:
    """What `left > right` stands for."""
    if left == build.ZERO:
        left, sign, right = right, _TURNED.get(sign, sign), left
    difference = left if right == build.ZERO else op("sub", left, right)
    return op("switch", difference, **dict(zip(_LEVELS, COMPARISONS[sign], strict=True)))


def comparison(node: Op) -> tuple[Expr, str, Expr] | None:
    """The comparison that such a node is; None where its levels are others, or not all given."""
    sign = _SIGNS.get(tuple(map(node.option, _LEVELS)))
    if sign is None:
        return None
    match node.args[0]:
        case Op("sub", (left, right)) if build.ZERO not in (left, right):
            return left, sign, right
    return node.args[0], sign, build.ZERO
