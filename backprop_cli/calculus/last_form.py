"""A gradient to the form in which a textbook leaves it: 2(z − y), not −2(y − z).

Every form has the same value. What is brought into it: a minus sign before a difference, numbers
without axes inside a product of matrices, what is repeated beside an array that has every entry,
parts side by side, equal terms and common factors, and the number of samples below a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import accumulate, pairwise
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE
from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Option, Sym, is_sum, op
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape, all_known
from backprop_cli.calculus.quotients import (
    QUOTIENTS,
    cut_once,
    divided,
    in_front,
    in_front_of_sum,
    one_quotient,
)
from backprop_cli.operations.record import Rules

_PRODUCTS = frozenset({"mul", "matmul", "outer"})

Upstream: TypeAlias = Folded[frozenset[str]]
"""The gradients that are factors of a term, entry by entry."""
Terms: TypeAlias = Folded[tuple[tuple[Fraction, Expr], ...]]
"""The terms of a sum, each a number times the rest; those of its parts are known."""


def last_form(expr: Expr, rules: Rules, divisors: Collection[Fraction] = ()) -> Expr:
    """The gradient in its last form; `divisors` are the numbers that the formulas divide by."""
    upstream, terms = Upstream(gradient_at, gradients_in), Terms(_one_term, _terms_of)
    formed = partial(_formed, rules=rules, upstream=upstream, terms=terms)
    whole = Folded[Expr](lambda leaf: leaf, formed).of(expr)
    return divided(whole, divisors)


def _formed(node: Op, args: list[Expr], rules: Rules, upstream: Upstream, terms: Terms) -> Expr:
    made = node if tuple(args) == node.args else Op(node.name, tuple(args), node.options)
    tidied = one_quotient(in_front_of_sum(cut_once(made, rules), rules), rules)
    once = _side_by_side(_met(in_front(tidied, rules), rules), rules, terms)
    return in_signs(_factored(_collected(once, terms), rules, upstream, terms))


# Signs --------------------------------------------------------------------------------------------


def exchanged(expr: Expr, through: Collection[str] = ()) -> Expr | None:
    """A product with the two sides of a difference in it exchanged; None where it has none.

    1 − h stays: it is read as a thing of its own. `through`: what a minus sign goes into as well.
    """
    match expr:
        case Op("sub", (left, right)) if not isinstance(left, Num):
            return op("sub", right, left)
        case Op("mul", (Num() as number, rest)):
            inner = exchanged(rest, through)
            return None if inner is None else op("mul", number, inner)
        case Op("div", (above, below)):
            inner = exchanged(above, through)
            return None if inner is None else op("div", inner, below)
        case Op(name, (body,), options) if name in through:
            inner = exchanged(body, through)
            return None if inner is None else Op(name, (inner,), options)
        case Op(name, (left, right)) if name in _PRODUCTS:
            for place, arg in ((1, right), (0, left)):
                inner = exchanged(arg, through)
                if inner is not None:
                    args = (left, inner) if place else (inner, right)
                    return Op(name, args, expr.options)
    return None


def in_signs(node: Expr) -> Expr:
    """2(z − y) for −2(y − z), and a + (1 − y) / b for a − (y − 1) / b."""
    match node:
        case Op("sub", (first, rest)):
            inner = exchanged(rest)
            return node if inner is None or not _is_from_one(inner) else op("add", first, inner)
        case Op("mul", (Num(value), rest)) if value < 0:
            inner = exchanged(rest)
            return node if inner is None else build.scaled(-value, inner)
        case Op("neg", (rest,)):
            inner = exchanged(rest)
            return node if inner is None else inner
    return node


def _is_from_one(expr: Expr) -> bool:
    """Whether its first factor above the line is 1 less something."""
    match expr:
        case Op("sub", (Num(), _)):
            return True
        case Op("mul", (Num(), rest)):
            return _is_from_one(rest)
        case Op("mul" | "div", (first, _)):
            return _is_from_one(first)
    return False


# What stands once for every row -------------------------------------------------------------------

_MEETING = frozenset({"add", "sub", "mul", "div"})


def _met(node: Expr, rules: Rules) -> Expr:
    """X ⊙ vᵀ for X ⊙ (1 vᵀ): what is repeated meets every row of an array without being written
    out."""
    if not isinstance(node, Op) or node.name not in _MEETING:
        return node
    left, right = node.args
    shape, times = rules.shape(node), node.name in ("mul", "div")
    if rules.shape(left) == shape:
        right = _once(right, rules, times) or right
    if rules.shape(right) == shape:
        left = _once(left, rules, times) or left
    if (left, right) == node.args:
        return node
    return _multiplied(left, right, rules) if node.name == "mul" else op(node.name, left, right)


def _multiplied(left: Expr, right: Expr, rules: Rules) -> Expr:
    """v ⊙ X / n for (v / n) ⊙ X."""
    match left, right:
        case Op("div", (above, below)), _ if not rules.shape(below):
            return build.div(build.mul(above, right), below)
        case _, Op("div", (above, below)) if not rules.shape(below):
            return build.div(build.mul(left, above), below)
    return build.mul(left, right)


def _once(expr: Expr, rules: Rules, times: bool) -> Expr | None:
    """What is repeated, as it stands beside an array of that shape; None where nothing is.

    Only a product has a number without axes beside an array: in a sum it stays s · 1₃.
    """
    match expr:
        case Op("spread", (inner,)):
            shape = rules.shape(inner)
            return _repeated(expr, shape) if shape or times else None
        case Op("neg", (inner,)):
            once = _once(inner, rules, times)
            return None if once is None else build.neg(once)
        case Op("mul", (Num() as number, inner)):
            once = _once(inner, rules, times)
            return None if once is None else build.mul(number, once)
        case Op("div", (inner, below)) if not rules.shape(below):
            once = _once(inner, rules, times)
            return None if once is None else build.div(once, below)
    return None


def _repeated(node: Op, shape: Shape) -> Expr | None:
    (inner,), axis, whole = node.args, node.option("axis"), node.option("shape")
    if axis is None:
        return inner
    if not isinstance(whole, tuple) or (len(whole), len(shape)) != (2, 1):
        return None
    return op("row" if axis in (0, -2) else "column", inner)


# Parts side by side -------------------------------------------------------------------------------


class _Placed(Struct, frozen=True):
    """What stands along an axis from where to where, zeros everywhere else; `alone`: one entry,
    without that axis."""

    axis: int
    start: int
    stop: int
    alone: bool
    inner: Expr


def _side_by_side(node: Expr, rules: Rules, terms: Terms) -> Expr:
    """[A, B] for A in its place among zeros and B in what is left; what has one place is added."""
    if not is_sum(node):
        return node
    found: dict[tuple[int, int, int, bool], Expr] = {}
    for number, term in terms.of(node):
        parts = _parts(term, rules)
        if not parts:
            return node
        for one in parts:
            place = (one.axis, one.start, one.stop, one.alone)
            inner = build.scaled(number, one.inner)
            found[place] = build.add(found[place], inner) if place in found else inner
    return _joined(sorted(found), found, rules.shape(node)) or node


def _joined(
    places: list[tuple[int, int, int, bool]],
    found: Mapping[tuple[int, int, int, bool], Expr],
    shape: Shape,
) -> Expr | None:
    """The parts in their order, if they fill an axis; matrices are not stacked to a tensor."""
    axis, first, _, alone = places[0]
    joins = all(
        (one[0], one[3], one[2]) == (axis, alone, other[1]) for one, other in pairwise(places)
    )
    if not joins or first or places[-1][2:] != (shape[axis], alone) or (alone and len(shape) > 2):
        return None
    inner = [found[place] for place in places]
    return op("stack", *inner) if alone else op("concat", *inner, axis=axis)


def _parts(term: Expr, rules: Rules) -> list[_Placed]:
    """The parts that a term is made of, each in its place; none where it has no places."""
    match term:
        case Op("place", (inner,)):
            index = term.option("index")
            assert isinstance(index, tuple), term
            return _in_one_place(index, inner)
        case Op("stack", rows):
            return [_Placed(0, at, at + 1, alone=True, inner=row) for at, row in enumerate(rows)]
        case Op("concat", parts):
            axis = term.option("axis") or 0
            assert isinstance(axis, int), term
            lengths = [int(rules.shape(part)[axis]) for part in parts]
            ends = accumulate(lengths)
            return [
                _Placed(axis, end - length, end, alone=False, inner=part)
                for part, length, end in zip(parts, lengths, ends, strict=True)
            ]
    return []


def _in_one_place(index: tuple[Option, ...], inner: Expr) -> list[_Placed]:
    match [(axis, one) for axis, one in enumerate(index) if one is not None]:
        case [(axis, (int(start), int(stop)))]:
            return [_Placed(axis, start, stop, alone=False, inner=inner)]
        case [(0, int(place))]:
            return [_Placed(0, place, place + 1, alone=True, inner=inner)]
    return []


# Equal terms --------------------------------------------------------------------------------------


def _one_term(expr: Expr) -> tuple[tuple[Fraction, Expr], ...]:
    return (build.coefficient(expr),)


def _terms_of(
    node: Op, args: list[tuple[tuple[Fraction, Expr], ...]]
) -> tuple[tuple[Fraction, Expr], ...]:
    if node.name == "add":
        return args[0] + args[1]
    if node.name == "sub":
        return args[0] + tuple((-number, rest) for number, rest in args[1])
    return _one_term(node)


def _collected(node: Expr, terms: Terms) -> Expr:
    """w for ½ w + ½ w: a sum in which a term stands twice."""
    if not is_sum(node):
        return node
    each = terms.of(node)
    if len({rest for _, rest in each}) == len(each):
        return node
    found: dict[Expr, Fraction] = {}
    for number, rest in each:
        found[rest] = found.get(rest, Fraction(0)) + number
    if not all(number and build.is_a_number(number) for number in found.values()):
        return node
    (first, front), *others = found.items()
    total = build.scaled(front, first)
    for rest, number in others:
        total = build.add(total, build.scaled(number, rest))
    return total


# Common factors -----------------------------------------------------------------------------------


def _factored(node: Expr, rules: Rules, upstream: Upstream, terms: Terms) -> Expr:
    """g ⊙ (a − b) for g ⊙ a − g ⊙ b, where g is the gradient that comes from behind."""
    if not is_sum(node):
        return node
    each = terms.of(node)
    if all(isinstance(rest, Op) and rest.name == "place" for _, rest in each):
        return node  # as many entries as there are steps, perhaps: each is one
    counted = Counter(name for _, rest in each for name in upstream.of(rest))
    for name in [name for name, times in counted.items() if times > 1]:
        found = _with_in_front(Sym(name), each, upstream, terms)
        if rules.shape(found) == rules.shape(node):
            return found
    return node if counted else _same_product(each, rules) or node


def _same_product(each: Sequence[tuple[Fraction, Expr]], rules: Rules) -> Expr | None:
    """(p − y) fᵀ for p fᵀ − y fᵀ, and Vᵀ (p − y) for Vᵀ p − Vᵀ y: what a loss gives its logits
    where they have no name. A sum, A w + Aᵀ w, is read as easily as it stands."""
    if len({number > 0 for number, _ in each}) == 1:
        return None
    found = [rest.args for _, rest in each if isinstance(rest, Op) and rest.name in _PRODUCTS]
    names = {rest.name for _, rest in each if isinstance(rest, Op)}
    if len(found) != len(each) or len(names) != 1:
        return None
    (name,) = names
    for place in (0, 1):
        common, others = found[0][place], [args[1 - place] for args in found]
        alike = all(args[place] == common for args in found)
        if alike and rules.shape(common) and len({rules.shape(one) for one in others}) == 1:
            numbers = (number for number, _ in each)
            inner = build.sum_of(map(build.scaled, numbers, others))
            return op(name, *((common, inner) if place == 0 else (inner, common)))
    return None


def gradient_at(leaf: Sym | Num) -> frozenset[str]:
    """The name of a gradient, where a leaf is one."""
    if isinstance(leaf, Sym) and quantity(leaf.name).by:
        return frozenset({leaf.name})
    return frozenset()


def gradients_in(node: Op, args: list[frozenset[str]]) -> frozenset[str]:
    """The gradients that are factors of a term, by those of its parts."""
    if node.name == "mul":
        return args[0] | args[1]
    if node.name == "place":  # g · e₃, where g is a number
        places = node.option("index")
        assert isinstance(places, tuple), node
        return args[0] if isinstance(node.args[0], Sym) and all_known(places) else frozenset()
    return args[0] if node.name in {*QUOTIENTS, "spread"} else frozenset()


def _with_in_front(
    factor: Sym, each: Sequence[tuple[Fraction, Expr]], upstream: Upstream, terms: Terms
) -> Expr:
    inside = [(number, rest) for number, rest in each if factor.name in upstream.of(rest)]
    numbers = {abs(number) for number, _ in inside}
    common = (numbers.pop() if len(numbers) == 1 else Fraction(0)) or Fraction(1)
    inside.sort(key=lambda term: term[0] < 0)  # b − a, not −a + b
    inner = _collected(
        build.sum_of(
            build.scaled(number / common, _without(factor, rest, upstream))
            for number, rest in inside
        ),
        terms,
    )
    product = build.scaled(common, build.mul(factor, inner))
    others = [term for term in each if term not in inside]
    return build.sum_of((build.scaled(*term) for term in others), product)


def _without(factor: Sym, rest: Expr, upstream: Upstream) -> Expr:
    """A term that is divided by one of its factors."""
    match rest:
        case Op("mul", (left, right)) if factor.name in upstream.of(left):
            return build.mul(_without(factor, left, upstream), right)
        case Op("mul", (left, right)):
            return build.mul(left, _without(factor, right, upstream))
        case Op(name, (above, below)) if name in QUOTIENTS:
            return Op(name, (_without(factor, above, upstream), below), rest.options)
        case Op("spread", (inner,)):
            return _without(factor, inner, upstream)
        case Op("place", (inner,)):
            return Op("place", (_without(factor, inner, upstream),), rest.options)
    return ONE
