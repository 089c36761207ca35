"""A formula to what it becomes when any one part of it goes wrong: one walk, no architectures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations, islice
from typing import Final, TypeAlias

from backprop_cli.algebra.build import ones, scaled
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    num,
    op,
    places,
    put,
    rewrite,
    substitute,
    symbols,
    uses,
    walk,
)
from backprop_cli.algebra.quantity import change_id, new_id, quantity
from backprop_cli.grading.slips.case import (
    ACTIVATIONS,
    Case,
    by_one_less,
    other_rows,
    plain_name,
    size_of,
    untransposed,
    with_terms_lost_in_each,
)
from backprop_cli.grading.slips.exchanged_functions import complements, other_function
from backprop_cli.grading.slips.forward import is_forward, other_targets
from backprop_cli.grading.slips.long_sums import spots, terms_gone_wrong
from backprop_cli.grading.slips.pull_backs import softmax_signs_lost
from backprop_cli.grading.slips.updates_wrong import of_update
from backprop_cli.operations.table import TABLE

Change: TypeAlias = "tuple[str, Expr]"
"""What a part becomes, and the slip that this is."""

MOST: Final = 3_000  # changes of one formula: beyond that no figures could tell them apart

_OTHERS: Final = 40
_FEWEST_OTHERS: Final = 2
"""How many other quantities are tried in the place of all of a formula's, and of each at least."""
_MOST_EXCHANGED: Final = 12
"""Of more quantities in one formula, some two exchanged give nearly any number."""

_PRODUCTS: Final = frozenset(name for name, each in TABLE.items() if each.multiplies)
_ROOTS: Final = frozenset({"sqrt", "pow", "norm"})
_ALONG: Final = frozenset(name for name, each in TABLE.items() if each.along)


def changes(case: Case) -> Iterator[Change]:
    """Every formula that the right one becomes by one change, and the slip that it is."""
    return islice(_changes(case), MOST)


def _changes(case: Case) -> Iterator[Change]:
    yield from _operands(case)
    if case.sum.is_long:
        yield from terms_gone_wrong(case.sum)
    for place, node, put_in in spots(case.expr, case.sum):
        if isinstance(node, Op):
            yield from ((slip, put_in(part)) for slip, part in of_node(case, place, node))
    yield from (*complements(case), *_other_quantities(case), *other_targets(case))
    yield from (("term-left-out", expr) for expr in with_terms_lost_in_each(case.expr))
    yield from (("term-sign-flipped", expr) for expr in softmax_signs_lost(case))
    yield from of_update(case)


def of_node(case: Case, place: Place, node: Op) -> Iterator[Change]:
    """What one operation of a formula becomes."""
    match node:
        case Op("add" | "sub", (left, right)):
            yield from _of_sum(node.name, left, right)
        case Op(name, (_, _)) if name in _PRODUCTS:
            yield from _of_product(case, node)
            yield from _of_two_numbers(case, node)
        case Op("div" | "ratio", (left, right)):
            yield from _of_quotient(case, left, right)
        case Op("neg", (inner,)) if place:
            yield "term-sign-flipped", inner
        case Op("xlogy", (_, inner)):
            yield "factor-left-out", op("log", inner)
        case Op("mean" | "sum" | "dot" | "channel_sums"):
            yield from _of_total(case, node)
        case Op(name) if name in _ROOTS:
            yield from _of_power(case, node)
    if node.name in _ALONG:
        yield from _other_axis(case, node)
    if is_forward(case):
        yield from other_function(case, node)


# Sums, products, quotients -----------------------------------------------------------------------


def _of_sum(name: str, left: Expr, right: Expr) -> Iterator[Change]:
    minus = op("neg", right)
    yield "term-left-out", left
    yield "term-left-out", minus if name == "sub" else right
    if name == "sub" and left == num(1):
        yield "term-left-out", right  # z where 1 - z belongs
    yield "term-sign-flipped", op("add" if name == "sub" else "sub", left, right)
    if name == "add":
        yield "term-sign-flipped", op("sub", right, left)
    elif not isinstance(left, Num):
        yield "term-sign-flipped", op("sub", minus, left)


def _of_product(case: Case, node: Op) -> Iterator[Change]:
    for position, kept in ((1, node.args[0]), (0, node.args[1])):
        lost, instead = node.args[position], partial(put, node, (position,))
        if isinstance(lost, Op) and lost.name == "mul":
            continue  # that would be two at once
        slip = _left_out(case, lost)
        if node.name == "mul" or (node.name == "matmul" and case.shape(kept) == case.shape(node)):
            yield slip, kept
        yield from ((slip, instead(other)) for other in _in_its_place(case, lost))
        if not case.by or not isinstance(lost, Op):
            continue
        if lost.name in ACTIVATIONS:  # δ ⊙ c for δ ⊙ tanh(c)
            yield "activation-omitted", instead(lost.args[0])
        own = Sym(case.by)  # the product rule with the wrong partner
        if case.by not in symbols(lost) and case.shape(lost) == case.shape(own):
            yield "wrong-operand", instead(own)
    if node.name == "matmul":
        for part in with_terms_lost(case, node):
            yield "term-left-out", part


def _of_two_numbers(case: Case, node: Op) -> Iterator[Change]:
    """One of two numbers lost which a gradient has as one: 2/3 of 3.4318/3, from 1.7159 · 2/3."""
    match node:
        case Op("mul", (Num(whole), rest)) if case.by:
            numbers = case.kept("numbers", lambda: _numbers(case))
            for one in numbers:
                if abs(whole / one) in numbers:
                    yield "factor-left-out", scaled(whole / one, rest)


def _numbers(case: Case) -> frozenset[Fraction]:
    """The numbers in the formulas that a gradient is taken through; 1 is no factor."""
    found = {
        abs(node.value)
        for expr in case.model.definitions.values()
        if case.by in symbols(expr)
        for node in walk(expr)
        if isinstance(node, Num)
    }
    return frozenset(found - {Fraction(0), Fraction(1)})


def _left_out(case: Case, lost: Expr) -> str:
    """What the slip of losing a factor is called."""
    names = set(symbols(lost))
    if names & case.upstreams:
        return case.gradient_lost
    name = plain_name(untransposed(lost))
    of_weights = case.by in case.model.trained
    is_input = of_weights and name in case.kept("inputs", lambda: _inputs(case))
    return "input-left-out" if is_input else "factor-left-out"


def _inputs(case: Case) -> frozenset[str]:
    """What the weights themselves are multiplied by: the X of X W, and no A of A X W."""
    found: set[str] = set()
    for expr in case.model.definitions.values():
        if case.by not in symbols(expr):
            continue
        for _, node in places(expr):
            if isinstance(node, Op) and node.name in _PRODUCTS:
                for own, other in (node.args, node.args[::-1]):
                    if plain_name(untransposed(own)) == case.by:
                        found.add(plain_name(untransposed(other)) or "")
    return frozenset(found - set(case.model.trained))


def _in_its_place(case: Case, lost: Expr) -> Iterator[Expr]:
    """What is put for a factor that is lost: ones, beside what the biases are multiplied by."""
    if case.shape(lost) != ():
        yield ones(lost)
    if isinstance(lost, Op) and lost.name == "neg":  # exp(-d) for exp(-beta d)
        yield num(-1)
    inner = untransposed(lost)
    if inner is not lost and isinstance(inner, Sym) and case.shape(inner):
        yield substitute(lost, {inner.name: ones(inner)})


def _of_quotient(case: Case, left: Expr, right: Expr) -> Iterator[Change]:
    size = size_of(case, right)
    if size is not None:
        yield "mean-sum-confused", left
        yield from by_one_less(left, size)
        return
    computed = uses(right, *_ALONG) or any(name in case.steps for name in symbols(right))
    slip = "normalisation-left-out" if computed and is_forward(case) else "factor-left-out"
    yield slip, left


def _of_power(case: Case, node: Op) -> Iterator[Change]:
    inner = node.args[0]
    if node.name == "norm":
        inner = op("sum", op("mul", inner, inner), **dict(node.options))
    yield "power-left-out", inner
    if is_forward(case) and node.name != "norm":  # the size of an error, where its square belongs
        yield "power-left-out", op("abs", inner)
        match inner:
            case Op("sub", (left, right)):  # whose square is the same either way round
                yield "power-left-out", op("sub", right, left)


# Functions ---------------------------------------------------------------------------------------


def _of_total(case: Case, node: Op) -> Iterator[Change]:
    count = count_along(case, node)
    if node.name != "mean":
        if count > 2:  # half of two is said otherwise
            yield "mean-sum-confused", op("div", node, num(count))
        return
    sum_ = Op("sum", node.args, node.options)
    yield "mean-sum-confused", sum_
    yield from by_one_less(sum_, count)


def _other_axis(case: Case, node: Op) -> Iterator[Change]:
    """Along the other axis, or along one where all is meant, or the reverse."""
    shape = case.shape(node.args[0])
    if shape is None or len(shape) != 2:
        return
    others: tuple[int | None, ...] = (0, 1) if node.axis is None else (1 - node.axis, None)
    for other in others:
        yield "wrong-axis", node.with_options(axis=other)


# Quantities --------------------------------------------------------------------------------------


def _operands(case: Case) -> Iterator[Change]:
    """Another quantity of the same shape in the place of one, everywhere or in one place."""
    where: dict[str, list[Callable[[Expr], Expr]]] = {}
    for _, node, put_in in spots(case.expr, case.sum):
        if isinstance(node, Sym):
            where.setdefault(node.name, []).append(put_in)
        else:
            yield from (("wrong-operand", put_in(other)) for other in other_rows(case, node))
    most = max(_FEWEST_OTHERS, _OTHERS // max(len(where), 1))
    for name, found in where.items():
        if name not in case.sizes.names:
            continue
        for other in case.nearby(name, case.sizes.names[name], most):
            yield "wrong-operand", case.exchanged(name, Sym(other))
            if len(found) > 1:
                for put_in in found:
                    yield "wrong-operand", put_in(Sym(other))
        if name in case.upstreams:
            yield case.gradient_lost, substitute(case.expr, {name: ones(Sym(name))})
            own = quantity(name).by or ""  # r for ∂L/∂r, which is r/3
            if own and case.sizes.names.get(own) == case.sizes.names[name]:
                yield "wrong-operand", case.exchanged(name, Sym(own))
    yield from _two_exchanged(case, list(where))


def _two_exchanged(case: Case, names: Sequence[str]) -> Iterator[Change]:
    """Two quantities of one kind: (1 - z)h + zn for (1 - z)n + zh."""
    names = [name for name in names if name in case.sizes.names]
    if not case.sum.is_long and len(names) <= _MOST_EXCHANGED:
        for one, other, swapped in exchanged(case, names):
            if case.kind(one) == case.kind(other):  # δhᵀ for hδᵀ is a transpose, and no other
                yield "wrong-operand", swapped


def exchanged(case: Case, names: Sequence[str]) -> Iterator[tuple[str, str, Expr]]:
    """Any two quantities of one shape, and the formula with each in the place of the other."""
    for one, other in combinations(names, 2):
        if case.sizes.names[one] == case.sizes.names[other]:
            swapped = substitute(case.expr, {one: Sym(other), other: Sym(one)})
            if swapped != case.expr:
                yield one, other, swapped


def _other_quantities(case: Case) -> Iterator[Change]:
    """The loss where its gradient is asked, the change where the value is, and the reverse."""
    model = case.model
    if case.by in model.trained and case.step.phase == "backward":
        yield "upstream-left-out", ones(Sym(case.by))  # what a bias is multiplied by, if anything
    if case.by and case.step.phase == "backward":
        updated = (new_id(case.by), change_id(case.by))
        for id in updated if updated[1] in case.steps else ():
            if id in case.asked:  # else it would come from the very gradient that is wrong
                yield "value-for-gradient", Sym(id)
            yield "value-for-gradient", _from_right_gradient(case, id)
        for name in (model.target, *model.silent):
            if name in model.definitions:
                yield "loss-for-gradient", Sym(name)
                parts = _summed(case, model.definitions[name])
                yield from (("loss-for-gradient", part) for part in parts)
    found = quantity(case.step.id)
    if found.part == "new" and (change := change_id(found.name)) in case.steps:
        yield "change-for-value", Sym(change)
        yield "change-for-value", op("neg", Sym(change))


def _from_right_gradient(case: Case, name: str) -> Expr:
    """An update worked out in the head, from a gradient that was right before it was written."""
    expr = case.inlined(case.steps[name].expr)
    change = change_id(case.by)
    if change in symbols(expr):
        expr = substitute(expr, {change: case.inlined(case.steps[change].expr)})
    return substitute(expr, {case.step.id: case.expr})


def _summed(case: Case, expr: Expr) -> Iterator[Expr]:
    """A loss entry by entry: what it is before it is added up, and its part of a mean."""

    def entries(node: Expr) -> Expr | None:
        match node:
            case Op("sum", (inner,)):
                return rewrite(inner, entries)
            case Op("mean", (inner,)):
                return op("div", rewrite(inner, entries), num(count_along(case, node)))
        return None

    for place, node in places(expr):
        if isinstance(node, Op) and node.name in ("sum", "mean"):
            yield put(expr, place, node.args[0])
            yield rewrite(expr, entries)
            return


def count_along(case: Case, node: Op) -> int:
    """How many entries a mean is taken of."""
    shape = case.lengths(node.args[0])
    if node.axis is not None:
        return shape[node.axis]
    return math.prod(shape[1:] if node.name == "channel_sums" else shape)


# Lost terms ---------------------------------------------------------------------------------------


_MOST: Final = 60
"""Of more terms than this, one or the other explains nearly any number."""


def with_terms_lost(case: Case, node: Op) -> Iterator[Expr]:
    """The product without its k-th terms, in all sums or in those of one unit, or with these alone.

    The k-th terms are column times row. Those alone are what one sample of a batch gives.
    """
    shapes = [case.shape(arg) for arg in node.args]
    if None in shapes or not all(shapes):
        return
    left, right = ([int(size) for size in shape or ()] for shape in shapes)
    count = left[-1]
    if count < 2 or count * (sum(left[:-1]) + sum(right[1:]) + 2) > _MOST:
        return
    for k in range(count):
        at = _one(k, count)
        column, row = op("matmul", node.args[0], at), op("matmul", at, node.args[1])
        yield _times(column, row, left, right)
        yield op("sub", node, _times(column, row, left, right))
        if len(right) == 2:
            for j in range(right[1]):
                one = op("mul", _one(j, right[1]), row)
                yield op("sub", node, _times(column, one, left, right))
        if len(left) == 2:
            for i in range(left[0]):
                one = op("mul", _one(i, left[0]), column)
                yield op("sub", node, _times(one, row, left, right))


def _one(k: int, count: int) -> Expr:
    """Nothing but zeros, and a 1."""
    return op("place", num(1), index=(k,), shape=(count,))


def _times(column: Expr, row: Expr, left: list[int], right: list[int]) -> Expr:
    return op("outer" if len(left) == len(right) == 2 else "mul", column, row)
