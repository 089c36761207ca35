"""A quantity's formula to the other ways in which a program may write its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import islice
from math import prod
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Option,
    Sym,
    is_sum,
    num,
    op,
    places,
    put,
    rewrite,
    signed_terms,
    substitute,
    symbols,
)
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.stages import Stage
from backprop_cli.grading.slips.backward import differences
from backprop_cli.grading.slips.case import Case, added
from backprop_cli.grading.slips.pull_backs import applied, right_shares

_LONGEST: Final = 60
"""So many parts are in a line at most."""
_DEEPEST: Final = 3  # a norm is x̂ behind a variance behind a mean


def lines_of(stage: Stage, case: Case) -> Iterator[Expr]:
    """The ways in which a program may write the line of a quantity."""
    id = case.step.id
    first, *others = (*stage.formulas.get(id, ()), None)
    ways = [way for way in (first, *collapsed(case), *others) if way is not None]
    forms = (form for way in ways for form in other_forms(way))
    found = dict.fromkeys((*ways, *forms, *map(_with_powers, ways)))
    return (way for way in found if not is_jacobian(way) and stage.gives(way, id))


def _with_powers(expr: Expr) -> Expr:
    """The slope of an ELU below 0 as the power that it is, where it is written with its value."""

    def power(node: Expr) -> Expr | None:
        match node:
            case Op("choose", (z, above, Op("add", (_, Num() as alpha)))):
                return op("choose", z, above, op("mul", alpha, op("exp", z)))
        return None

    return rewrite(expr, power)


def collapsed(case: Case) -> Iterator[Expr]:
    """Several steps back in one: ŷ − y behind an output, and the three terms of a norm."""
    targets = dict(case.compared)
    for one in applied(case):
        if one.user.name in targets and one.node.args == (Sym(case.by),):
            yield from differences(case, one.user.name, targets[one.user.name])
            yield from _weighted(case, op("sub", Sym(one.user.name), Sym(targets[one.user.name])))
    for way, name in _through_a_norm(case):
        yield from _with_other_paths(case, way, name)


def _weighted(case: Case, difference: Expr) -> Iterator[Expr]:
    """ŷ − y times what each sample, or each entry, counts: a mask, or the gradient of its loss."""
    for weight in _weights(case):
        for along in ("column", "row"):
            weighted = op("mul", op(along, weight), difference)
            yield from (weighted, *(op("div", weighted, num(size)) for size in case.counts))
    for name, step in case.steps.items():
        if name == case.step.id:
            continue
        if step.phase == "backward" and step.shape == case.step.shape:
            yield op("mul", Sym(name), difference)
        elif step.phase == "backward" and len(step.shape) == 1 == len(case.step.shape) - 1:
            for along in ("column", "row"):
                yield op("mul", op(along, Sym(name)), difference)
        elif step.phase == "backward" and not step.shape and case.step.shape:
            for size in sorted(case.counts):  # one loss of several, as much as it counts
                yield op("div", op("mul", Sym(name), difference), num(size))


def _weights(case: Case) -> Iterator[Expr]:
    """The vectors in the loss: what each sample, or each class, counts."""
    model = case.model
    losses = [
        model.definitions[name]
        for name in (model.target, *model.silent)
        if name in model.definitions
    ]
    for name in dict.fromkeys(name for expr in losses for name in symbols(expr)):
        if len(case.sizes.names.get(name) or ()) == 1 == len(case.step.shape) - 1:
            yield Sym(name)


def _through_a_norm(case: Case) -> Iterator[tuple[Expr, str]]:
    """(g − mean g − x̂ · mean(g x̂)) / √(σ² + ε), with g the gradient of x̂; (g − e(e · g)) / ‖x‖."""
    definitions = case.model.definitions
    moved = {
        id: way for id, way in definitions.items() if isinstance(way, Op) and way.name == "sub"
    }
    for name, expr in definitions.items():
        gradient = case.model.gradient(name)
        if gradient not in case.steps:
            continue
        match substitute(expr, moved):
            case Op("div", (Op("sub", (Sym(x), Op(along, (Sym(mu),)))), spread)) if x == case.by:
                mean = definitions.get(mu)
                if isinstance(mean, Op) and mean.name == "mean":
                    yield _in_three_terms(Sym(gradient), Sym(name), spread, along, mean), name
            case Op("mul", (Op("sub", (Sym(x), Op(along, (Sym(mu),)))), Op(_, (Sym(inverse),)))):
                mean, root = definitions.get(mu), _root_of(definitions.get(inverse))
                if (
                    x == case.by
                    and isinstance(mean, Op)
                    and mean.name == "mean"
                    and root is not None
                ):
                    spread = op(along, root)
                    yield _in_three_terms(Sym(gradient), Sym(name), spread, along, mean), name
            case Op("div", (Sym(x), length)) if x == case.by:
                yield _beside(Sym(gradient), Sym(name), length), name


def _root_of(inverse: Expr | None) -> Expr | None:
    """√(σ² + ε) of what is 1/√(σ² + ε), or that to the power of −½."""
    match inverse:
        case Op("div", (Num(1), root)):
            return root
        case Op("pow", (inner, Num() as power)) if power.value < 0:
            return op("pow", inner, num(-power.value))
    return None


def _beside(g: Expr, e: Expr, length: Expr) -> Expr:
    """What is left of a gradient without what lies along the vector that was made 1 long."""
    along = length.name if isinstance(length, Op) and length.name in ("row", "column") else ""
    axis = {"row": 0, "column": 1}.get(along)
    total = op("sum", op("mul", e, g), **({} if axis is None else {"axis": axis}))
    return op("div", op("sub", g, op("mul", e, op(along, total) if along else total)), length)


def _with_other_paths(case: Case, way: Expr, name: str) -> Iterator[Expr]:
    """A line through a norm, and what comes back past it: by a skip, say."""
    inside, stack = {name}, [name]
    while stack:
        used = symbols(case.model.definitions.get(stack.pop(), num(0)))
        inside |= {*used}
        stack += [one for one in used if one in case.model.definitions and one != case.by]
    try:
        past = [
            share
            for user, found in right_shares(case)
            for share in found
            if user.name not in inside
        ]
    except (ShapeError, KeyError):
        return
    yield added([*past, way])


def _in_three_terms(g: Expr, xhat: Expr, spread: Expr, along: str, mean: Op) -> Expr:
    def averaged(what: Expr) -> Expr:
        return op(along, Op("mean", (what,), mean.options))

    moved = op("sub", op("sub", g, averaged(g)), op("mul", xhat, averaged(op("mul", g, xhat))))
    return op("div", moved, spread)


def spelt_out(case: Case) -> Expr:
    """A norm in one formula, as where nobody keeps its mean, its variance and what they give."""
    end = case.step.id.removeprefix("H")
    inner = {f"{stem}{end}" for stem in ("mu", "var", "Xhat", "mu_", "var_", "xhat_")}
    expr, definitions = case.expr, case.model.definitions
    for _ in range(_DEEPEST):
        names = [name for name in symbols(expr) if name in inner and name in definitions]
        expr = substitute(expr, {name: definitions[name] for name in names})
    return expr


def one_line(expr: Expr, hidden: Mapping[str, Expr]) -> Expr:
    """A formula with others put in, as long as a line is that somebody writes."""
    for _ in range(_DEEPEST):
        names = [name for name in symbols(expr) if name in hidden]
        longer = substitute(expr, {name: hidden[name] for name in names})
        if not names or sum(1 for _ in places(longer)) > _LONGEST:
            break
        expr = longer
    return expr


def with_logarithms(expr: Expr) -> Expr:
    """y ln p as the product that a program has."""

    def product(node: Expr) -> Expr | None:
        match node:
            case Op("xlogy", (y, p)):
                return op("mul", y, op("log", p))
        return None

    return rewrite(expr, product)


def of_the_right_class(case: Case, expr: Expr) -> Expr:
    """Means of ln p, with p what a sample has in its class: p[range(n), labels]."""

    def picked(node: Expr) -> Expr | None:
        match node:
            case Op("sum", (Op("mul", (y, Op("log", (p,)))),)) if len(case.shape(p) or ()) == 2:
                along = {"axis": 1 - (case.model.sample_axis or 0)}
                return Op("sum", (op("log", op("sum", op("mul", y, p), **along)),), ())
            case Op("div", (Op("sum", (inner,), ()), Num() as count)):
                shape = case.shape(rewrite(inner, picked)) or ()
                if prod(map(int, shape)) == count.value:
                    return op("mean", rewrite(inner, picked))
        return None

    return rewrite(rewrite(expr, picked), picked)


# Forms of one formula -----------------------------------------------------------------------------


_MOST_WITHIN: Final = 2
"""So many parts are written otherwise, each alone."""


def other_forms(expr: Expr) -> Iterator[Expr]:
    """The same formula as a program may have it."""
    yield from _in_front(expr)
    yield from islice(_in_front_within(expr), _MOST_WITHIN)
    for rule in (_kept_small, _in_two):
        if (other := rewrite(expr, rule)) != expr:
            yield other


# What all terms share -----------------------------------------------------------------------------


class _Term(Struct, frozen=True):
    """A term of a sum: the number before it, its factors, and what it is divided by."""

    times: Fraction
    above: tuple[Expr, ...] = ()
    below: tuple[Expr, ...] = ()

    def without(self, other: _Term) -> tuple[Fraction, Expr]:
        """What is left of it when all of another one stands in front of the sum."""
        times, above = self.times / other.times, _less(self.above, other.above)
        if abs(times) != 1:
            above = [num(abs(times)), *above]
        return times, _quotient(above, _less(self.below, other.below))


def _in_front(expr: Expr) -> Iterator[Expr]:
    """(p/g − q/(1 − g))/n for p/(ng) − q/(n(1 − g)), and the same with a minus in front."""
    terms = [_term(sign, part) for sign, part in signed_terms(expr, through_signs=True)]
    if len(terms) < 2 or not all(term.times for term in terms):
        return
    sizes = [abs(term.times) for term in terms]
    least = min(sizes) if max(sizes) < 1 else Fraction(1)
    if any((size / least).denominator != 1 for size in sizes):
        least = Fraction(1)
    front = _Term(least, *(_shared([getattr(one, side) for one in terms]) for side in _SIDES))
    if front == _Term(Fraction(1)):
        return
    for turned in (1, -1) if len({term.times > 0 for term in terms}) > 1 else (1,):
        inner = [term.without(replace(front, times=turned * least)) for term in terms]
        inner.sort(key=lambda one: one[0] < 0)  # what is added first, as one writes it
        (times, start), *rest = inner
        total = reduce(_joined, rest, start if times > 0 else op("neg", start))
        below = [*front.below, *([num(1 / least)] if least < 1 else [])]
        whole = _quotient([*front.above, total], below)
        yield whole if turned > 0 else op("neg", whole)


_SIDES: Final = ("above", "below")


def _term(sign: int, expr: Expr) -> _Term:
    match expr:
        case Op("mul", (left, right)):
            return _times(_term(sign, left), _term(1, right))
        case Op("div", (top, bottom)):
            under = _term(1, bottom)
            if under.times:
                return _times(_term(sign, top), _Term(1 / under.times, under.below, under.above))
        case Op("neg", (inner,)):
            return _term(-sign, inner)
        case Num(value):
            return _Term(sign * value)
    return _Term(Fraction(sign), (expr,))


def _times(one: _Term, other: _Term) -> _Term:
    return _Term(one.times * other.times, one.above + other.above, one.below + other.below)


def _joined(total: Expr, term: tuple[Fraction, Expr]) -> Expr:
    return op("add" if term[0] > 0 else "sub", total, term[1])


def _in_front_within(expr: Expr) -> Iterator[Expr]:
    """g(1 − t²)(a + bv²) for g(a(1 − t²) + b(1 − t²)v²): in a part of it."""
    for place, node in places(expr):
        if place and is_sum(node):
            for made in islice(_in_front(node), 1):
                yield put(expr, place, made)


def _shared(sides: Sequence[tuple[Expr, ...]]) -> tuple[Expr, ...]:
    """What stands on that side of every term."""
    left = [list(side) for side in sides]
    found = []
    for one in sides[0]:
        if all(one in side for side in left):
            found.append(one)
            for side in left:
                side.remove(one)
    return tuple(found)


def _less(side: Sequence[Expr], taken: Sequence[Expr]) -> list[Expr]:
    left = list(side)
    for one in taken:
        left.remove(one)
    return left


def _quotient(above: Sequence[Expr], below: Sequence[Expr]) -> Expr:
    top = reduce(lambda one, other: op("mul", one, other), above) if above else num(1)
    return reduce(lambda whole, one: op("div", whole, one), below, top)


# Logarithms of sums -------------------------------------------------------------------------------


def _kept_small(node: Expr) -> Expr | None:
    """e^(z − max z) for eᶻ in a logarithm of a sum, and max z taken off or added outside of it."""
    if (found := _log_softmax(node)) is not None:
        return _less_its_sum(*found)
    match node:
        case Op("log", (Op("sum", (Op("exp", (z,)),)) as total,)):
            return _of_largest(z, total.axis)
        case Op("logsumexp", (z,)):
            return _of_largest(z, node.axis)
    return None


def _in_two(node: Expr) -> Expr | None:
    """The logarithm of the softmax for z − ln Σ eᶻ."""
    if (found := _log_softmax(node)) is None:
        return None
    z, axis = found
    return op("log", op("softmax", z, axis=axis))


def _log_softmax(node: Expr) -> tuple[Expr, Option] | None:
    """What a log-softmax is taken of, by its name or as z − ln Σ eᶻ, and along which axis."""
    match node:
        case Op("log_softmax", (z,)):
            return z, node.axis
        case Op(
            "sub",
            (z, Op("row" | "column", (Op("log", (Op("sum", (Op("exp", (again,)),)) as total,)),))),
        ) if z == again:
            return z, total.axis
    return None


def _less_its_sum(z: Expr, axis: Option) -> Expr:
    less = _less_largest(z, axis)
    total = op("log", build.sum_along(op("exp", less), axis))
    return op("sub", less, total)


def _of_largest(z: Expr, axis: Option) -> Expr:
    along = {} if axis is None else {"axis": axis}
    return op(
        "add",
        op("max", z, **along),
        op("log", op("sum", op("exp", _less_largest(z, axis)), **along)),
    )


def _less_largest(z: Expr, axis: Option) -> Expr:
    return op("sub", z, op("max", z, **({} if axis is None else {"axis": axis, "keep": 1})))
