"""A line of code to what it computes with brackets elsewhere, or with another operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import product
from typing import Final

from backprop_cli.algebra.expr import (
    SUMS,
    Expr,
    Num,
    Op,
    Place,
    Sym,
    factors,
    is_sum,
    num,
    op,
    put,
    signed_terms,
)
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.formula_parts import Change

_DEEPEST: Final = 3
"""So many functions may stand between a sum and its brackets: 1/√(v + ε)."""

_FACTORS: Final = frozenset({"mul", "div"})


def brackets(case: Case, node: Op) -> Iterator[Change]:
    """(a − b)/m written a − b/m, g(1 − h) written g·1 − h, √(v + ε) written √v + ε; the reverse.

    What acted on a whole sum acts on one term of it, on either side of the brackets. Of a sigmoid
    written out, 1/(1 + e⁻ᶻ), 1/1 + e⁻ᶻ is left.
    """
    yield from _of_sigmoid(node)
    for place, inner in _sums_within(node):
        yield from _on_one_term(node, place, inner)
        yield from _of_none(node, place, inner)
    yield from _torn_apart(node)
    if _acts_alone(node) and is_sum(below := node.args[0]):
        yield from _of_both(node, below)
    if is_sum(node):
        yield from _of_a_sum(case, node)
    elif node.name == "mul":
        yield from _of_one_term(case, node)
    elif node.name == "matmul":
        yield from _of_a_product(node)
    elif _acts_alone(node):
        yield from _of_each(node)
        yield from _of_the_top(node)


def _of_the_top(node: Op) -> Iterator[Change]:
    """√a/n for √(a/n)."""
    match node.args[0]:
        case Op("div", (top, bottom)) if node.name not in ("neg", "sum", "mean"):
            yield "brackets-misplaced", op("div", put(node, (0,), top), bottom)


def _on_one_term(node: Op, place: Place, whole: Op) -> Iterator[Change]:
    """What acts on a sum acts on one of its terms alone."""
    first, last = whole.args
    for terms in ((put(node, place, first), last), (first, put(node, place, last))):
        yield "brackets-misplaced", Op(whole.name, terms, whole.options)
    if node.name == "div" and place[0] == 1:  # (x − μ) · (1/√v + ε)
        top, (first, last) = put(node, (0,), num(1)), whole.args
        times = op(whole.name, put(top, place, first), last)
        yield "brackets-misplaced", op("mul", node.args[0], times)


def _of_both(node: Op, inner: Op) -> Iterator[Change]:
    """√a + √b for √(a + b): the function of each term."""
    if node.name not in ("neg", "sum", "mean", "transpose", "row", "column"):
        each = (put(node, (0,), term) for term in inner.args)
        yield "brackets-misplaced", Op(inner.name, tuple(each), inner.options)


def _of_none(node: Op, place: Place, inner: Op) -> Iterator[Change]:
    """ka − b/n for k(a − b)/n: what stands before the sum acts on its first term, the rest on b."""
    (first, last), here = inner.args, node
    left, right = first, last
    for position in place:
        if here.name not in _FACTORS:
            return
        other = here.args[1 - position]
        if here.name == "mul":
            left = op("mul", other, left)
        elif position == 0:
            right = op("div", right, other)
        here = here.args[position]  # type: ignore[assignment]  # there are operations on the way
    if left is not first and right is not last:
        yield "brackets-misplaced", op(inner.name, left, right)


def _torn_apart(node: Op) -> Iterator[Change]:
    """h·1 − h·g for h(1 − h)g: some factors before the sum, some behind it, none of it all."""
    parts = list(_chain(node))
    if not 2 <= len(parts) <= _MOST_FACTORS:
        return
    for k, (inner, is_below) in enumerate(parts):
        if is_below or not is_sum(inner):
            continue
        others = [*parts[:k], *parts[k + 1 :]]
        for sides in product((_LEFT, _RIGHT, _BOTH), repeat=len(others)):
            if set(sides) != {_BOTH}:
                terms = [
                    _with_factors(
                        term, [other for other, at in zip(others, sides, strict=True) if at & side]
                    )
                    for term, side in zip(inner.args, (_LEFT, _RIGHT), strict=True)
                ]
                yield "brackets-misplaced", op(inner.name, *terms)


_MOST_FACTORS: Final = 4
_LEFT, _RIGHT, _BOTH = 1, 2, 3


def one_factor_alone(node: Op) -> Iterator[Change]:
    """g for g·m/p: all factors left out but one."""
    parts = list(_chain(node))
    if len(parts) > _FEWEST_LOST:
        yield from (("factor-left-out", part) for part, is_below in parts if not is_below)


_FEWEST_LOST: Final = 2  # one factor alone that is lost is said otherwise


def _chain(node: Expr, is_below: bool = False) -> Iterator[tuple[Expr, bool]]:
    """The factors of a product, and whether each is one that is divided by."""
    if isinstance(node, Op) and node.name in _FACTORS:
        first, last = node.args
        yield from _chain(first, is_below)
        yield from _chain(last, is_below != (node.name == "div"))
    else:
        yield node, is_below


def _with_factors(term: Expr, others: Sequence[tuple[Expr, bool]]) -> Expr:
    for other, is_below in others:
        term = op("div" if is_below else "mul", term, other)
    return term


def _of_sigmoid(node: Op) -> Iterator[Change]:
    """1/1 + e⁻ᶻ for 1/(1 + e⁻ᶻ), and g/1 + e⁻ᶻ for g/(1 + e⁻ᶻ)."""
    if node.name == "sigmoid":
        yield "brackets-misplaced", op("add", num(1), op("exp", op("neg", *node.args)))
    for arg, other in (node.args, node.args[::-1]) if node.name == "mul" else ():
        if isinstance(arg, Op) and arg.name == "sigmoid":
            yield "brackets-misplaced", op("add", other, op("exp", op("neg", *arg.args)))


def _of_a_sum(case: Case, node: Op) -> Iterator[Change]:
    """What acted on one term acts on all of the sum, or on the other term."""
    for position, arg in enumerate(node.args):
        if isinstance(arg, Op) and _acts_alone(arg):
            moved = put(node, (position,), arg.args[0])  # √(v + ε) for √v + ε
            yield "brackets-misplaced", put(arg, (0,), moved)
        if isinstance(arg, Op) and arg.name in _FACTORS | {"matmul", "conv"}:
            for kept in (0, 1):  # (a + k)b, or k(a + b), for a + kb; x @ (W + b) for x @ W + b
                moved = put(node, (position,), arg.args[kept])
                yield "brackets-misplaced", put(arg, (kept,), moved)
    yield from _in_the_others_place(node)
    yield from _added_inside(case, node)
    first, last = node.args
    if case.shape(first) == case.shape(last):  # w(1 - g) for w - g
        yield "factor-added", op(node.name, first, op("mul", first, last))
    yield from _of_all_terms(node)
    yield from _of_divisor(node)
    yield from _behind_a_minus(node)
    yield from _of_the_other_term(case, node)


def _in_the_others_place(node: Op) -> Iterator[Change]:
    """a + bc for ab + c, and (a ⊙ c)B for aB + c: + and · have changed places."""
    for arg, other in (node.args, node.args[::-1]):
        match arg:
            case Op("mul", (one, two)):
                yield "operator-exchanged", op(node.name, one, op("mul", two, other))
                yield "operator-exchanged", op(node.name, two, op("mul", one, other))
            case Op("matmul", (one, two)):
                yield "operator-exchanged", op("matmul", op("mul", one, other), two)


def _of_a_product(node: Op) -> Iterator[Change]:
    """r ⊙ (hU) for (r ⊙ h)U: a factor of each entry on the other side of a matrix."""
    for position, arg in enumerate(node.args):
        if isinstance(arg, Op) and arg.name == "mul":
            for factor, rest in (arg.args, arg.args[::-1]):
                yield "brackets-misplaced", op("mul", factor, put(node, (position,), rest))


def _of_each(node: Op) -> Iterator[Change]:
    """Σ ln x for ln Σx: a mixture of logarithms."""
    inner = node.args[0]
    if isinstance(inner, Op) and inner.name in ("sum", "mean"):
        yield "brackets-misplaced", put(inner, (0,), put(node, (0,), inner.args[0]))


def _acts_alone(node: Op) -> bool:
    """Whether a function acts on its first argument alone: √, a power, a logarithm."""
    return len(node.args) == 1 or (node.name == "pow" and isinstance(node.args[1], Num))


def _added_inside(case: Case, node: Op) -> Iterator[Change]:
    """(g + λb).sum(axis=0) for g.sum(axis=0) + λb: once for each sample."""
    for position, arg in enumerate(node.args):
        match arg:
            case Op("sum", (inner,)) if arg.axis in (0, 1) and len(case.lengths(inner)) == 2:
                times = op("mul", num(case.lengths(inner)[arg.axis]), node.args[1 - position])
                yield "brackets-misplaced", put(node, (1 - position,), times)


def _of_divisor(node: Op) -> Iterator[Change]:
    """w − g/s + ε for w − g/(s + ε): the last term is one of the whole sum."""
    match node.args:
        case (first, Op("div", (top, Op("add" | "sub" as inner, (bottom, last))))):
            rest = op(node.name, first, op("div", top, bottom))
            yield "brackets-misplaced", op(inner, rest, last)


def _behind_a_minus(node: Op) -> Iterator[Change]:
    """w − ηg + λw for w − η(g + λw), which is w − ηg − ηλw."""
    before, last = node.args
    taken = {one for sign, term in signed_terms(before) if sign < 0 for one in factors(term)}
    for factor, rest in _each_factor(last) if node.name == "sub" else ():
        if factor in taken:
            yield "brackets-misplaced", op("add", before, rest)


def _of_all_terms(node: Op) -> Iterator[Change]:
    """p·(y·a + b) for (p·y)·a + b: one of several factors of a term, as one of the whole sum."""
    for position, arg in enumerate(node.args):
        for factor, rest in _each_factor(arg, fewest=3):
            yield "brackets-misplaced", op("mul", factor, put(node, (position,), rest))


def _of_the_other_term(case: Case, node: Op) -> Iterator[Change]:
    """λa + b for a + λb: a number that belongs to the other term."""
    for position, arg in enumerate(node.args):
        for factor, others in _each_factor(arg):
            if case.shape(factor) == ():
                shared = op("mul", op("sub", num(1), factor), node.args[1 - position])
                yield "factor-added", put(node, (1 - position,), shared)
                rest = put(node, (position,), others)
                other = op("mul", factor, node.args[1 - position])
                yield "brackets-misplaced", put(rest, (1 - position,), other)


def _each_factor(whole: Expr, fewest: int = 2) -> Iterator[tuple[Expr, Expr]]:
    """Each factor of a product, and what is left of it."""
    parts = list(factors(whole))
    for k, factor in enumerate(parts if len(parts) >= fewest else ()):
        yield factor, reduce(partial(op, "mul"), (*parts[:k], *parts[k + 1 :]))


def _of_one_term(case: Case, node: Op) -> Iterator[Change]:
    """as + b for (a + b)s, where a + b has a name of its own: one path without its slope."""
    for position, arg in enumerate(node.args):
        step = case.steps.get(arg.name) if isinstance(arg, Sym) else None
        if step is not None and is_sum(whole := step.expr):
            yield from _on_one_term(node, (position,), whole)


def _sums_within(node: Op, place: Place = ()) -> Iterator[tuple[Place, Op]]:
    """The sums on which a node acts as a whole, itself or by what stands between them."""
    for position, arg in enumerate(node.args):
        acts = node.name in _FACTORS or len(node.args) == 1 or (node.name, position) == ("pow", 0)
        if not acts or not isinstance(arg, Op) or len(place) >= _DEEPEST:
            continue
        if is_sum(arg):
            yield (*place, position), arg
        else:
            yield from _sums_within(arg, (*place, position))


def operators(node: Op) -> Iterator[Change]:
    """One of + − · / for another; < for >."""
    if node.name == "switch":
        below, above = node.option("below", 0), node.option("above", 1)
        yield "operator-exchanged", node.with_options(below=above, above=below)
    if node.name in SUMS | _FACTORS:
        for name in sorted((SUMS | _FACTORS) - {node.name}):
            if {name, node.name} != SUMS:  # that is a sign, and is tried as one
                yield "operator-exchanged", op(name, *node.args)
