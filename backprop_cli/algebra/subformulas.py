"""A formula to its parts by the places where they stand, and back with one of them replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from backprop_cli.algebra.expr import Expr, Num, Op, Sym

Place = tuple[int, ...]
"""Which argument to go into, from the root on."""

Found = TypeVar("Found")


def places(expr: Expr) -> Iterator[tuple[Place, Expr]]:
    """Every node with its place, a parent before its arguments."""
    stack: list[tuple[Place, Expr]] = [((), expr)]
    while stack:
        place, node = stack.pop()
        yield place, node
        if isinstance(node, Op):
            last = len(node.args) - 1
            stack.extend(((*place, last - i), arg) for i, arg in enumerate(reversed(node.args)))


def put(expr: Expr, place: Place, new: Expr) -> Expr:
    """The formula with the part at one place replaced; all else is shared with it."""
    above: list[Op] = []
    for i in place:
        assert isinstance(expr, Op)
        above.append(expr)
        expr = expr.args[i]
    for node, i in zip(reversed(above), reversed(place), strict=True):
        new = Op(node.name, (*node.args[:i], new, *node.args[i + 1 :]), node.options)
    return new


class Folded(Generic[Found]):
    """Works something out for formulas from the leaves up, once for each part that they share.

    Parts are told apart by identity, which costs nothing however large they are; nothing here
    recurses, so that a formula may be as deep as it likes.
    """

    def __init__(
        self, leaf: Callable[[Sym | Num], Found], node: Callable[[Op, list[Found]], Found]
    ) -> None:
        self._leaf = leaf
        self._node = node
        self._found: dict[int, tuple[Expr, Found]] = {}

    def of(self, expr: Expr) -> Found:
        """What is found for one formula."""
        found, stack = self._found, [expr]
        while stack:
            one = stack[-1]
            if id(one) in found:
                stack.pop()
            elif not isinstance(one, Op):
                found[id(one)] = one, self._leaf(one)  # kept, so that no other has its identity
                stack.pop()
            elif missing := [arg for arg in one.args if id(arg) not in found]:
                stack.extend(reversed(missing))
            else:
                found[id(one)] = one, self._node(one, [found[id(arg)][1] for arg in one.args])
                stack.pop()
        return found[id(expr)][1]


Parts = Sequence[tuple[Expr, Sequence[int]]]
"""The parts of a formula from its leaves up, each once, with the places of its arguments there."""

_MOST_KEPT = 5_000
_KEPT: dict[int, tuple[Expr, Parts]] = {}
"""What formulas that are worked out again and again consist of: a cache, and nothing else."""


def in_order(expr: Expr) -> Parts:
    """A formula as its parts from the leaves up; without recursion, for formulas may be deep."""
    found = _KEPT.get(id(expr))  # which holds the formula, so that no other has its identity
    if found is None:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        found = _KEPT[id(expr)] = expr, _ordered(expr)
    return found[1]


def _ordered(expr: Expr) -> Parts:
    places: dict[int, int] = {}
    parts: list[tuple[Expr, Sequence[int]]] = []
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in places:
            continue
        if isinstance(node, Op) and not ready:
            stack.append((node, True))
            stack += [(arg, False) for arg in reversed(node.args)]
            continue
        args = node.args if isinstance(node, Op) else ()
        places[id(node)] = len(parts)
        parts.append((node, [places[id(arg)] for arg in args]))
    return parts
