"""A sum in a line of code to what a loop makes of it that goes wrong, each time or at an end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Final, TypeAlias

import numpy as np

from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Place,
    Sym,
    addends,
    is_sum,
    num,
    op,
    places,
    put,
    substitute,
    symbols,
)
from backprop_cli.algebra.quantity import at_step, quantity, step_of
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import Case, added, each, part_at
from backprop_cli.grading.slips.formula_parts import Change, of_node
from backprop_cli.grading.slips.plain_workings import Values, WrongArray, room_of

OfPart: TypeAlias = "Callable[[Op], Iterable[Change]]"

_MOST_TERMS: Final = 12
_DIGITS: Final = "0123456789"
_PRODUCTS: Final = frozenset({"mul", "matmul", "outer"})
_PUT: Final = frozenset({"place"})
_LISTS: Final = frozenset({"concat", "stack"})


def in_loops(case: Case, of_part: OfPart) -> Iterator[Change]:
    """What goes wrong in every term of a sum, or at its ends, wherever the sum stands."""
    inner: set[Place] = set()
    for place, node in places(case.expr):
        if isinstance(node, Op) and node.name in _LISTS and 2 <= len(node.args) <= _MOST_TERMS:
            for slip, parts in _in_a_loop(case, node.args, of_part):
                yield slip, put(case.expr, place, Op(node.name, tuple(parts), node.options))
        if is_sum(node):
            inner |= {(*place, 0), (*place, 1)}
            parts = list(addends(node)) if place not in inner else []
            if 2 <= len(parts) <= _MOST_TERMS:
                made = _of_terms(case, parts, of_part)
                yield from ((slip, put(case.expr, place, new)) for slip, new in made)


def _of_terms(case: Case, parts: Sequence[Expr], of_part: OfPart) -> Iterator[Change]:
    """What a sum becomes."""
    yield from _ended(case, parts)
    yield from _sums_multiplied(parts)
    yield from _sums_of_each(case, parts)
    for loop in (_in_a_loop, _but_for_nothing):
        yield from ((slip, added(new)) for slip, new in loop(case, parts, of_part))
    yield from _in_some(case, parts, of_part)


def _but_for_nothing(
    case: Case, parts: Sequence[Expr], of_part: OfPart
) -> Iterator[tuple[str, list[Expr]]]:
    """The same thing gone wrong in all terms but those of a start that is 0: `if t > 0`."""
    nothing = {name for name, given in case.model.given.items() if not given.value.any()}
    some = [
        part for part in parts if _name(part) not in _PRODUCTS or not nothing & {*symbols(part)}
    ]
    if 1 < len(some) < len(parts):
        yield from _in_a_loop(case, some, of_part)


def _in_some(case: Case, parts: Sequence[Expr], of_part: OfPart) -> Iterator[Change]:
    """The same thing gone wrong in all terms of one form, as in a loop, beside others."""
    forms = list(map(_form, parts))
    for form in dict.fromkeys(forms):
        alike = [part for part, own in zip(parts, forms, strict=True) if own == form]
        others = [part for part, own in zip(parts, forms, strict=True) if own != form]
        if others and len(alike) > 1:
            for slip, new in _in_a_loop(case, alike, of_part):
                yield slip, added([*others, *new])


def _form(expr: Expr) -> Hashable:
    """What a formula has in common with that of another round: all but names, numbers, places."""
    return (expr.name, *map(_form, expr.args)) if isinstance(expr, Op) else ""


def _ended(case: Case, parts: Sequence[Expr]) -> Iterator[Change]:
    """A loop that ends too early, begins too late, or goes over biases, too: a penalty on all."""
    for k in range(1, len(parts) - 1):  # one term alone that is lost is said otherwise
        yield "path-lost", added(parts[:k])
        yield "path-lost", added(parts[k + 1 :])
    yield from _of_other_parameters(case, parts)
    penalised = [name for part in parts for name in symbols(part)]
    squares = {name: op("sum", op("pow", Sym(name), num(2))) for name in case.model.trained}
    if set(parts) == {squares.get(name) for name in penalised}:
        others = [one for name, one in squares.items() if name not in penalised]
        yield "term-added", added([*parts, *others])


def _of_other_parameters(case: Case, parts: Sequence[Expr]) -> Iterator[Change]:
    """The same term once more of a parameter that has none: of biases, with the weights."""
    used = {name for part in parts for name in symbols(part)}
    for part in parts:
        own = [name for name in symbols(part) if name in case.model.trained]
        for other in case.model.trained if len(own) == 1 else ():
            if other not in used:
                yield "term-added", added([*parts, substitute(part, {own[0]: Sym(other)})])


def _turned(case: Case, node: Op) -> Iterator[Change]:
    """W for Wᵀ, and Wᵀ for W in a product, or wherever it is square."""
    if node.name == "transpose":
        yield "transpose-omitted", node.args[0]
        return
    for position, arg in enumerate(node.args):
        shape = case.shape(arg) or ()
        is_square = len(shape) == 2 and shape[0] == shape[1]
        if is_square or (node.name == "matmul" and isinstance(arg, Sym)):
            yield "transpose-omitted", put(node, (position,), op("transpose", arg))


def _sums_multiplied(parts: Sequence[Expr]) -> Iterator[Change]:
    """(Σa)(Σb) for Σab."""
    products = [one for one in parts if isinstance(one, Op) and one.name == _name(parts[0])]
    if len(products) == len(parts) and _name(parts[0]) in _PRODUCTS:
        lefts, rights = zip(*(one.args for one in products), strict=True)
        yield "summed-too-early", op(_name(parts[0]), added(lefts), added(rights))


def _sums_of_each(case: Case, parts: Sequence[Expr]) -> Iterator[Change]:
    """dZ.sum(1) for dZ.sum(0), where there are as many steps as units."""
    if all(case.shape(part) == (len(parts),) for part in parts):
        for steps in (parts, parts[::-1]):
            yield "summed-over-wrong-axis", op("stack", *(op("sum", part) for part in steps))


def _rows_at_each(nodes: Sequence[Op]) -> Iterator[Sequence[Op]]:
    """x[1] at every step, or the row before or behind, where each has its own."""
    rows = [one.option("index") for one in nodes]
    if nodes[0].name != "at" or not all(
        isinstance(row, tuple) and isinstance(row[0], int) for row in rows
    ):
        return
    yield from ([one] * len(nodes) for one in nodes)
    for by in (1, -1):  # x[-1] is the last one in Python
        yield [*nodes[by:], *nodes[:by]]


def _own_rows(case: Case, parts: Sequence[Expr], nodes: Sequence[Op]) -> Iterator[list[Expr]]:
    """The row that the gradient belongs to, of any table, for the row that it is multiplied by."""
    put_in = [[row for _, node in each(part, _PUT) if (row := _row(node))] for part in parts]
    if nodes[0].name == "at" and all(len(rows) == 1 and _row(nodes[0]) for rows in put_in):
        width = case.lengths(nodes[0].args[0])[1:]
        for name in case.sizes.names:
            table = Sym(name)
            if case.lengths(table)[1:] == width and case.has(name, case.sizes.names[name]):
                yield [op("at", table, index=rows[0]) for rows in put_in]


def _row(node: Op) -> tuple[int] | None:
    """The one row that is picked, or that something is put in."""
    match node.option("index"):
        case (int(row),):
            return (row,)
    return None


def _in_a_loop(
    case: Case, parts: Sequence[Expr], of_part: OfPart
) -> Iterator[tuple[str, list[Expr]]]:
    """The same thing gone wrong in every term of a sum, or part of a list, as in a loop."""
    for place, node in places(parts[0]):
        found = [part_at(part, place) for part in parts]
        nodes = [one for one in found if isinstance(one, Op) and one.name == _name(node)]
        names = [one for one in found if isinstance(one, Sym)]
        if len(nodes) == len(parts):
            for rows in (*_rows_at_each(nodes), *_own_rows(case, parts, nodes)):
                yield "wrong-operand", _with_each(parts, place, rows)
            for kind in (partial(of_node, case, place), of_part, partial(_turned, case)):
                yield from _alike(parts, place, [list(kind(one)) for one in nodes])
        elif len(names) == len(parts):
            usual = [one.name for one in names]
            yield from _without_an_end(case, parts, place, usual)
            for entries in _entries_at_each(case, parts, usual):
                yield "wrong-operand", _with_each(parts, place, entries)
            for others in _taken_at_each(case, parts, usual):
                taken = list(map(Sym, others))
                yield "wrong-operand", _with_each(parts, place, taken)
                products = [op("mul", one, by) for one, by in zip(names, taken, strict=True)]
                yield "factor-added", _with_each(parts, place, products)


def _with_each(parts: Sequence[Expr], place: Place, news: Iterable[Expr]) -> list[Expr]:
    """The terms, each with its own of these in a place."""
    return [put(part, place, new) for part, new in zip(parts, news, strict=True)]


def _name(node: Expr) -> str:
    return node.name if isinstance(node, Op) else ""


def _alike(
    parts: Sequence[Expr], place: Place, changed: Sequence[Sequence[Change]]
) -> Iterator[tuple[str, list[Expr]]]:
    """The terms with the k-th change of a kind made in all of them, where all have it."""
    kinds = [_by_kind(changes) for changes in changed]
    for slip in kinds[0]:
        for made in zip(*(kind.get(slip, ()) for kind in kinds), strict=False):
            yield slip, _with_each(parts, place, made)


def _by_kind(changes: Sequence[Change]) -> dict[str, list[Expr]]:
    found: dict[str, list[Expr]] = {}
    for slip, new in changes:
        found.setdefault(slip, []).append(new)
    return found


def _taken_at_each(
    case: Case, parts: Sequence[Expr], usual: Sequence[str]
) -> Iterator[Sequence[str]]:
    """What stands in the place of a quantity in each step: another of that step, or one for all."""
    for one in dict.fromkeys(usual):
        yield [one] * len(parts)
    yield [*usual[::-1]]
    for by in (1, -1):  # x[-1] is the last one in Python
        yield [*usual[by:], *usual[:by]]
    yield from _of_another_letter(case, usual)
    steps = _steps(parts)
    if not steps:
        return
    families = dict.fromkeys(found[0] for name in case.sizes.names if (found := step_of(name)))
    shape = case.sizes.names.get(usual[0])
    for family in families:
        for by in (0, 1, -1):
            names = [at_step(family, step + by) for step in steps]
            there = [case.has(name, shape) for name in names]
            if sum(there) >= len(there) - 1 and any(there):  # the first step has none before it
                kept = zip(names, there, usual, strict=True)
                yield [name if known else own for name, known, own in kept]


def _entries_at_each(
    case: Case, parts: Sequence[Expr], usual: Sequence[str]
) -> Iterator[list[Expr]]:
    """An entry of a vector that has one for each step, where a number of that step belongs."""
    steps = _steps(parts)
    if case.sizes.names.get(usual[0]) != () or not steps:
        return
    for name, shape in case.sizes.names.items():
        if shape == (len(parts),):
            yield [op("at", Sym(name), index=(step - min(steps),)) for step in steps]


def _without_an_end(
    case: Case, parts: Sequence[Expr], place: Place, usual: Sequence[str]
) -> Iterator[tuple[str, list[Expr]]]:
    """Each term with what stands one step before or behind, and none where there is none."""
    steps, families = _steps(parts), (found[0] for name in usual if (found := step_of(name)))
    for family in dict.fromkeys(families) if steps else ():
        for by in (1, -1):
            names = [at_step(family, step + by) for step in steps]
            there = [case.has(name, case.sizes.names.get(usual[0])) for name in names]
            kept = [
                put(part, place, Sym(name))
                for part, name, known in zip(parts, names, there, strict=True)
                if known
            ]
            if 0 < len(kept) < len(parts):
                yield "wrong-operand", kept


def _of_another_letter(case: Case, usual: Sequence[str]) -> Iterator[Sequence[str]]:
    """a1 and a2 for e1 and e2."""
    letters = {name.rstrip(_DIGITS) for name in usual}
    ends = [name[len(name.rstrip(_DIGITS)) :] for name in usual]
    if len(letters) > 1 or "" in ends:
        return
    for letter in dict.fromkeys(name.rstrip(_DIGITS) for name in case.sizes.names):
        names = [letter + end for end in ends]
        if letter not in letters and all(
            case.has(name, case.sizes.names.get(own))
            for name, own in zip(names, usual, strict=True)
        ):
            yield names


def _steps(parts: Sequence[Expr]) -> list[int]:
    """The step in time of each term; nothing unless each has one of its own."""
    steps = [step for part in parts if (step := _step(part)) is not None]
    return steps if len({*steps}) == len(parts) else []


def _step(part: Expr) -> int | None:
    """The step in time that a term belongs to: that of the gradient in it."""
    found = (step_of(name) for name in symbols(part) if quantity(name).by)
    return next((one[1] for one in found if one), None)


# Terms of an array --------------------------------------------------------------------------------

_FEWEST_TERMS: Final = 3
_MOST_CHOSEN: Final = 10
"""Of more there are too many choices."""
_MOST_FORMS: Final = 4

_Sum: TypeAlias = "tuple[Place, list[Expr]]"
"""Where a sum stands in a line, and its terms."""


def by_terms(array: WrongArray, ways: Sequence[Expr]) -> list[str]:
    """What is wrong if terms are missing, or taken off where they are added, and nothing else.

    A loop that sets where it should add leaves the last of each round; a sign that is wrong in a
    loop is wrong in all terms of one form. What each comes to is worked out once, and then counted.
    """
    values = Values(array.numbers)
    for way in ways:
        for place, terms in _sums(way):
            found = _counted(array, [values.of(put(way, place, one)) for one in terms], terms)
            if found is not None and np.allclose(values.of(way), found[1]):
                return [_called(array, found[0])]
    return []


def _sums(way: Expr) -> Iterator[_Sum]:
    """The outermost sums of a line."""
    stack: list[tuple[Place, Expr]] = [((), way)]
    while stack:
        place, node = stack.pop()
        if is_sum(node):
            terms = list(addends(node))
            if _FEWEST_TERMS <= len(terms) <= _MOST_CHOSEN:
                yield place, terms
        elif isinstance(node, Op):
            stack += [((*place, k), one) for k, one in enumerate(node.args)]


def _counted(
    array: WrongArray, shares: Sequence[Array], terms: Sequence[Expr]
) -> tuple[Array, Array] | None:
    """How often each term is in an array, and what they all add up to; None if it is not they."""
    if any(one.shape != array.value.shape for one in shares):
        return None
    numbers = np.stack(shares).reshape(len(shares), -1)
    counts = np.array([*_choices(terms)])
    off = np.abs(counts @ numbers - array.value.ravel()).max(axis=1)
    fitting = np.flatnonzero(off <= room_of(array.value, array.unit))
    return (counts[fitting[0]], sum(shares[1:], shares[0])) if len(fitting) else None


def _choices(terms: Sequence[Expr]) -> Iterator[tuple[float, ...]]:
    """Some terms of all; all of one form, lost or taken off."""
    forms = list(map(_form, terms))
    kinds = list(dict.fromkeys(forms))
    for signs in product((1.0, -1.0, 0.0), repeat=len(kinds)) if len(kinds) <= _MOST_FORMS else ():
        if len(set(signs)) > 1:  # all of them, all taken off, or none: no sum says that
            yield tuple(signs[kinds.index(one)] for one in forms)
    yield from [one for one in product((1.0, 0.0), repeat=len(terms)) if 0 < sum(one) < len(terms)]


def _called(array: WrongArray, counts: Array) -> str:
    if (counts < 0).any():
        return "term-sign-flipped"
    if array.wrong.name in array.judge.key.forward:
        return "term-left-out"
    return "path-lost" if (counts == 0).sum() == 1 else "gradient-overwritten"
