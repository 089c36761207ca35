"""A formula with a norm in it to what it becomes when one of the steps within goes wrong.

`standardize(x)` is one word for a mean, a variance, a root and a quotient, and its gradient one
formula for three paths. Whoever works it out by hand has all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backprop_cli.algebra.expr import Expr, Op, places, put, unfold, uses
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.formula_parts import Change, of_node
from backprop_cli.grading.slips.pull_backs import users
from backprop_cli.operations.table import operation

_NORM: Final = "standardize"
_WORDS: Final = frozenset({_NORM, "var"})
"""What has steps of its own by hand, of which a slip may be made in each."""


def within_norms(case: Case) -> Iterator[Change]:
    """Every formula that the right one becomes by a slip within a norm."""
    yield from _paths_lost(case)
    for place, node in places(case.expr):
        if isinstance(node, Op) and node.name in _WORDS:
            whole = unfold(node, lambda inner: _written_out(case, inner))
            for at, part in places(whole):
                for slip, new in of_node(case, at, part) if isinstance(part, Op) else ():
                    yield slip, put(case.expr, place, put(whole, at, new))


def _written_out(case: Case, node: Op) -> Expr | None:
    definition = operation(node).definition if node.name in _WORDS else None
    return None if definition is None else definition(node, case.rules)


def _paths_lost(case: Case) -> Iterator[Change]:
    """Back through one alone, or without one, of what comes straight, by mean, and by variance."""
    if not any(uses(user.definition, _NORM) for user in users(case)):
        return
    for place, node in places(case.expr):
        match node:
            case Op("div", (Op("sub", (Op("sub", (straight, mean)), variance)), below)):
                left = Op("sub", (straight, mean)), Op("sub", (straight, variance)), straight
                for kept in left:
                    yield "path-lost", put(case.expr, place, Op("div", (kept, below)))
