"""A formula to its parts by the places where they stand, and back with one of them replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
