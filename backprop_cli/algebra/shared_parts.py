"""Formulas that share most of their parts to how many parts each of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Sym


def parts_of_each(formulas: Sequence[Expr]) -> Mapping[int, int]:
    """How many different parts each formula has, by its identity; what they share is seen once.

    As many as `in_order` lists. Parts are told apart by identity.
    """
    shared = _shared(formulas)
    below = _Below()
    return {id(one): _count(one, shared, below) for one in formulas}


def _shared(formulas: Sequence[Expr]) -> Mapping[int, Expr]:
    """What several parts are made of, or what is a formula and a part of another."""
    seen: dict[int, Expr] = {}
    shared: dict[int, Expr] = {}
    for one in {id(one): one for one in formulas}.values():
        stack = [one]
        while stack:
            node = stack.pop()
            if id(node) in seen:
                shared[id(node)] = node
                continue
            seen[id(node)] = node
            if isinstance(node, Op):
                stack += node.args
    return shared


class _Below:
    """What is shared to all its parts, each of them one bit of a number."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}
        self._parts: Folded[int] = Folded(self._bit, self._of)

    def of(self, expr: Expr) -> int:
        """The parts of something that is shared, itself among them."""
        return self._parts.of(expr)

    def _bit(self, node: Expr) -> int:
        return 1 << self._bits.setdefault(id(node), len(self._bits))

    def _of(self, node: Op, args: list[int]) -> int:
        found = self._bit(node)
        for arg in args:
            found |= arg
        return found


def _count(expr: Expr, shared: Mapping[int, Expr], below: _Below) -> int:
    own, others = 0, 0
    for node in _down_to(expr, shared):
        if id(node) in shared:
            others |= below.of(node)
        else:
            own += 1  # nothing else is made of it, so that it is met once
    return own + others.bit_count()


def _down_to(expr: Expr, shared: Mapping[int, Expr]) -> Iterator[Sym | Num | Op]:
    """The parts of a formula down to what it shares."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Op) and id(node) not in shared:
            stack += node.args
