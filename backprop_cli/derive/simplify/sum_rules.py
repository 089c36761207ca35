"""Sums to the shortest way to write them: what all terms share in front, over one denominator."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, walk
from backprop_cli.derive.simplify.monomials import (
    Monomial,
    Powers,
    alike,
    monomial,
    summands,
    times,
    total,
    weight,
    written,
)


def common(terms: Sequence[Monomial]) -> Expr:
    """The sum with what all its terms share in front of it, where that is shorter."""
    plain = total(terms)
    if len(terms) < 2:
        return plain
    shared: dict[Expr, Fraction] = {}
    for factor, power in terms[0][1].items():
        others = [_power_of(factor, powers) for _, powers in terms[1:]]
        least = min((power, *others)) if power > 0 else max((power, *others))
        if least * power > 0 and all(each * power > 0 for each in others):
            shared[factor] = least
    number = _shared_number(terms)
    if not shared and number == 1:
        return plain
    apart = (1 / number, {factor: -power for factor, power in shared.items()})
    inside = total([times(term, apart) for term in terms])
    found = written(*times((number, shared), monomial(inside)))
    if all(isinstance(factor, Sym) for factor in shared) and _mixed(inside, shared):
        return plain
    slack = 4 if any(_is_one(times(term, apart)) for term in terms) else -1
    return found if weight(found) <= weight(plain) + slack else plain


def _mixed(inside: Expr, shared: Collection[Expr]) -> bool:
    """Whether a polynomial has its letter still: 3 x² − 2 x stays, x − x² does not."""
    ones = any(abs(number) == 1 and not powers for number, powers in summands(inside))
    return not ones and any(node in shared for node in walk(inside))


def _is_one(term: Monomial) -> bool:
    """u − u² is written u (1 − u), although that is longer."""
    return abs(term[0]) == 1 and not term[1]


def _power_of(factor: Expr, powers: Mapping[Expr, Fraction]) -> Fraction:
    same = alike(factor)
    return next((power for each, power in powers.items() if alike(each) == same), Fraction(0))


def _shared_number(terms: Sequence[Monomial]) -> Fraction:
    """The number that is in all terms; with its sign where all are negative."""
    sizes = {abs(number) for number, _ in terms}
    size = sizes.pop() if len(sizes) == 1 else Fraction(1)
    return -size if all(number < 0 for number, _ in terms) else size


def nested(expr: Expr, size: Expr | None = None) -> int:
    """How many fractions stand within another, but for those over the number of terms."""
    if not isinstance(expr, Op):
        return 0
    inside = sum(nested(arg, size) for arg in expr.args)
    return inside + (1 if expr.name == "div" and any(_divides(a, size) for a in expr.args) else 0)


def _divides(expr: Expr, size: Expr | None) -> bool:
    if not isinstance(expr, Op) or expr.name not in ("add", "sub", "mul", "neg", "pow", "div"):
        return False
    own = expr.name == "div" and not isinstance(expr.args[1], Num) and expr.args[1] != size
    return own or any(_divides(arg, size) for arg in expr.args)


def denominator(terms: Sequence[Monomial]) -> Powers:
    """The least product by which every term loses its denominator."""
    found: Powers = {}
    for _, powers in terms:
        for factor, power in powers.items():
            if power < 0:
                same = next((each for each in found if alike(each) == alike(factor)), factor)
                found[same] = max(found.get(same, Fraction(0)), -power)
    return found
