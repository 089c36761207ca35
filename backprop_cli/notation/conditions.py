"""A constant on either side of 0 to the cases it is written in: a value, and where it is taken."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Num, Op, num, op

_ZERO = num(0)
_TURNED = MappingProxyType({">": "<", "<": ">", "≥": "≤", "≤": "≥", "=": "="})


class Case(Struct, frozen=True):
    """A value where `left` stands in a relation to `right`."""

    value: Fraction
    left: Expr
    relation: str
    right: Expr


class Cases(Struct, frozen=True):
    """The cases in order, and the value otherwise."""

    cases: tuple[Case, ...]
    otherwise: Fraction

    @property
    def indicator(self) -> Case | None:
        """The case that holds where the value is 1, if it is 0 everywhere else."""
        single = len(self.cases) == 1 and self.cases[0].value == 1 and self.otherwise == 0
        return self.cases[0] if single else None


def cases(node: Op) -> Cases:
    """What a switch is above 0, at 0 and below, in as few cases as say it exactly."""
    usual = {"below": 0, "at": 0, "above": 1}
    below, at, above = (Fraction(str(node.option(key, usual[key]))) for key in usual)
    x = node.args[0]
    if below == at == above:
        return Cases((), below)
    if below == above:
        return Cases((_case(at, x, "="),), below)
    high, low, sign = (above, below, ">") if above or not below else (below, above, "<")
    if at == high:
        return Cases((_case(high, x, {">": "≥", "<": "≤"}[sign]),), low)
    first = _case(high, x, sign)
    return Cases((first,) if at == low else (first, _case(at, x, "=")), low)


def compared(x: Expr, relation: str) -> tuple[Expr, str, Expr]:
    """`x > 0` as it is read: a > b for a difference, u < 0 for -u, |z| < 1 for 1 - |z|."""
    match x:
        case Op("sub", (Num() as a, b)):
            return b, _TURNED[relation], a
        case Op("sub", (a, b)):
            return a, relation, b
        case Op("neg", (inner,)):
            return inner, _TURNED[relation], _ZERO
    return x, relation, _ZERO


def _case(value: Fraction, x: Expr, relation: str) -> Case:
    return Case(value, *compared(x, relation))


# Where the largest entry is ----------------------------------------------------------------------

THE_FIRST, ALONE = "the first", "alone"
"""What is said of a maximum where several may be equal."""


def largest_share(node: Op) -> Expr | None:
    """Equal shares as they are formed: 1 at each of the largest, over how many they are."""
    if node.option("at_tie") != "shared":
        return None
    every = op("largest_shares", *node.args, axis=node.option("axis"), at_tie=1)
    keep = None if node.option("axis") is None else 1
    return op("div", every, op("sum", every, axis=node.option("axis"), keep=keep))


def at_tie(node: Op) -> Fraction | None:
    """The number that each of several equal maxima gets; None where it is the first that counts."""
    value = node.option("at_tie", "first")
    return None if value == "first" else Fraction(str(value))
