"""A sum of terms to the same with several of them lost, or with the wrong sign, at once.

A loop that sets where it should add leaves the last of each round; a sign that is wrong in a loop
is wrong in all terms of one form. What each term comes to is worked out once, and then counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, TypeAlias

import numpy as np

from backprop_cli.algebra.expr import Expr, Op, Place, addends, is_sum, put
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.plain_workings import Values, WrongArray, room_of
from backprop_cli.grading.slips.program_loops import form_of

_FEWEST_TERMS: Final = 3
_MOST_TERMS: Final = 10
"""Of more there are too many choices."""
_MOST_FORMS: Final = 4

_Sum: TypeAlias = "tuple[Place, list[Expr]]"
"""Where a sum stands in a line, and its terms."""


def by_terms(array: WrongArray, ways: Sequence[Expr]) -> list[str]:
    """What is wrong if terms are missing, or taken off where they are added, and nothing else."""
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
            if _FEWEST_TERMS <= len(terms) <= _MOST_TERMS:
                yield place, terms
        elif isinstance(node, Op):
            stack += [((*place, k), one) for k, one in enumerate(node.args)]


def _counted(
    array: WrongArray, shares: Sequence[Array], terms: Sequence[Expr]
) -> tuple[Array, Array] | None:
    """How often each term is in an array, and what they all add up to; None if it is not they."""
    if any(one.shape != array.value.shape for one in shares):
        return None
    each = np.stack(shares).reshape(len(shares), -1)
    counts = np.array([*_choices(terms)])
    off = np.abs(counts @ each - array.value.ravel()).max(axis=1)
    fitting = np.flatnonzero(off <= room_of(array.value, array.unit))
    return (counts[fitting[0]], sum(shares[1:], shares[0])) if len(fitting) else None


def _choices(terms: Sequence[Expr]) -> Iterator[tuple[float, ...]]:
    """Some terms of all; all of one form, lost or taken off."""
    forms = list(map(form_of, terms))
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
