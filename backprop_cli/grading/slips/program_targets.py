"""What a loss compares a prediction with, to another target, or the two exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from backprop_cli.algebra.build import filled, ones
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    is_sum,
    num,
    op,
    places,
    put,
    substitute,
)
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.grading.slips.formula_parts import Change

_MOST_CLASSES: Final = 12
"""So many classes are each tried in the place of the right one."""

_DIFFERENCES: Final = frozenset({"sub"})


def other_targets(case: Case) -> Iterator[Change]:
    """1 taken off everywhere, and not where the class is; added there, or put there."""
    yield from _exchanged_in_a_term(case)
    for target in _targets(case):
        for place, node in places(case.expr):
            if node == target:
                yield "wrong-target", put(case.expr, place, ones(node))
                for along, axis in (("row", 0), ("column", 1)):  # logp[:, y] for logp[range(n), y]
                    of_all = filled(node, op(along, op("mean", node, axis=axis)))
                    yield "wrong-target", put(case.expr, place, of_all)
                for order in _turned_round(case.lengths(node)):
                    yield "wrong-target", put(case.expr, place, op("at", node, index=order))
            elif isinstance(node, Op) and node.name == "sub" and node.args[1] == target:
                output, y = node.args
                if isinstance(output, Num):
                    continue
                others = op("mul", output, op("sub", num(1), y))
                for put_there in ("sub", "add"):  # dz[y] = -1, and dz[y] = 1
                    changed = put(case.expr, place, op(put_there, others, y))
                    yield "gradient-overwritten", changed
                yield "term-sign-flipped", put(case.expr, place, op("add", output, y))


def _turned_round(shape: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """The entries of a vector, or the columns of a matrix, each so many places further on."""
    size = shape[-1] if shape else 0
    before = (None,) * (len(shape) - 1)
    for by in range(1, min(size, _MOST_CLASSES)):
        yield (*before, (tuple((k + by) % size for k in range(size)),))


def _exchanged_in_a_term(case: Case) -> Iterator[Change]:
    """y and ŷ, each in the other's place in one term alone."""
    for prediction, target in case.compared if case.step.phase == "forward" else ():
        swapped = {prediction: Sym(target), target: Sym(prediction)}
        for place, node in places(case.expr):
            if is_sum(node):
                for k, term in enumerate(node.args):
                    new = substitute(term, swapped)
                    yield "targets-swapped", put(case.expr, (*place, k), new)


def _targets(case: Case) -> Iterator[Expr]:
    """What the loss compares a prediction with; what is 1 in one place and taken off, by rows."""
    compared = [Sym(target) for _, target in case.compared]
    yield from compared
    for _, node in each(case.expr, _DIFFERENCES) if case.step.phase == "backward" else ():
        above, target = node.args
        match target:
            case Sym(y) | Op("at", (Sym(y),)) if not isinstance(above, Num):
                if target not in compared and _is_one_hot(case, y):
                    yield target


def _is_one_hot(case: Case, name: str) -> bool:
    """Whether it is given, and 1 in some places and 0 elsewhere."""
    given = case.model.given.get(name)
    return given is not None and given.value.ndim > 0 and set(given.value.ravel()) == {0, 1}
