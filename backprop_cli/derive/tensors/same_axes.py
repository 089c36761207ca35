"""Equations to which axes of their quantities run over the same: samples, units, filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.sliding import AXES, sliding
from backprop_cli.operations.table import Sizes, operation

Axis: TypeAlias = "tuple[str, int] | None"
"""An axis of a quantity, by its name and place; None where nothing says what it runs over."""
Axes: TypeAlias = tuple[Axis, ...]


class SameAxes(Struct):
    """Which axes of all quantities are the same, as far as the equations taken in say so."""

    sizes: Sizes
    parents: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)

    def take(self, name: str, expr: Expr) -> None:
        """An equation: the axes of the name are those of its expression."""
        found = self.of(expr)
        own = self.of(Sym(name))
        if len(found) == len(own):
            for a, b in zip(own, found, strict=True):
                self.join(a, b)

    def first(self, axis: Axis) -> Axis:
        """The axis that stands for all that are the same."""
        if axis is None:
            return None
        while axis in self.parents:
            axis = self.parents[axis]
        return axis

    def join(self, a: Axis, b: Axis) -> Axis:
        """One axis from now on."""
        one, other = self.first(a), self.first(b)
        if one is None or other is None or one == other:
            return one or other
        self.parents[other] = one
        return one

    def of(self, expr: Expr) -> Axes:
        """What the axes of an expression run over."""
        match expr:
            case Num():
                return ()
            case Sym(name):
                return tuple(self.first((name, i)) for i in range(len(self.sizes.shape(expr))))
        rule = _RULES.get(expr.name)
        if rule is not None:
            return rule(self, expr)
        if operation(expr).reduces:
            return _reduced(self, expr)
        return self.together(expr)

    def together(self, expr: Op) -> Axes:
        """Entry by entry: the arguments have the same axes, but for those of size 1."""
        found: list[Axis] = [None] * self.rank(expr)
        for arg in expr.args:
            axes = self.of(arg)
            if len(axes) != len(found) or not _same_places(expr):
                continue
            sizes = self.sizes.shape(arg)
            found = [
                mine if size == 1 else self.join(mine, axis)
                for mine, axis, size in zip(found, axes, sizes, strict=True)
            ]
        return tuple(found)

    def rank(self, expr: Expr) -> int:
        """How many axes an expression has; none where it cannot be told."""
        try:
            return len(self.sizes.shape(expr))
        except ShapeError:
            return 0


def _same_places(expr: Op) -> bool:
    record = operation(expr)
    return record.elementwise or record.along or expr.name in ("spread", "drop_first", "drop_last")


def _reduced(same: SameAxes, node: Op) -> Axes:
    axes, axis = same.of(node.args[0]), node.option("axis")
    if not isinstance(axis, int):
        return (None,) * same.rank(node)
    along = axis % len(axes)
    return axes[:along] + ((None,) if node.option("keep") else ()) + axes[along + 1 :]


def _matmul(same: SameAxes, node: Op) -> Axes:
    a, b = map(same.of, node.args)
    same.join(a[-1], b[0])
    return a[:-1] + b[1:]


def _diagonal(same: SameAxes, node: Op) -> Axes:
    a, b = same.of(node.args[0])
    return (same.join(a, b),)


def _expanded(same: SameAxes, node: Op) -> Axes:
    axes, axis = same.of(node.args[0]), node.option("axis")
    rank = same.rank(node)
    if not isinstance(axis, int) or len(axes) != rank - 1:
        return same.together(node) if node.name == "spread" else (None,) * rank
    along = axis % rank
    return (*axes[:along], None, *axes[along:])


def _flat(same: SameAxes, node: Op) -> Axes:
    axes, shape = same.of(node.args[0]), same.sizes.shape(node.args[0])
    return axes[:1] if shape[1] == 1 else axes[1:]


def _at(same: SameAxes, node: Op) -> Axes:
    index, axes = node.option("index"), same.of(node.args[0])
    assert isinstance(index, tuple)
    kept = [axis for axis, place in zip(axes, index, strict=False) if not isinstance(place, int)]
    return (*kept, *axes[len(index) :])


def _stack(same: SameAxes, node: Op) -> Axes:
    return (None, *same.of(node.args[0]))


def _reshaped(same: SameAxes, node: Op) -> Axes:
    """The same axes, but for those of size 1, where their sizes are as they were."""
    shape, axes = same.sizes.shape(node.args[0]), same.of(node.args[0])
    kept = [(size, axis) for size, axis in zip(shape, axes, strict=True) if size != 1]
    own = same.sizes.shape(node)
    if [size for size, _ in kept] != [size for size in own if size != 1]:
        return (None,) * len(own)
    left = iter(kept)
    return tuple(None if size == 1 else next(left)[1] for size in own)


def _slid(same: SameAxes, node: Op) -> Axes:
    """Filters and channels are those of the kernel; places are of each array by itself."""
    a, b = map(same.of, node.args)
    places = sliding(node, same.sizes.shape(node.args[0])).axes
    a, b = a[: len(a) - places], b[: len(b) - places]
    if node.name == "conv_kernel":
        return (*b, *a, *(None,) * places)
    back = node.name == "conv_transpose"
    shared = b[: len(a)] if back else b[len(b) - len(a) :]
    for one, other in zip(a, shared, strict=True):
        same.join(one, other)
    return (*(b[len(a) :] if back else b[: len(b) - len(a)]), *(None,) * places)


def _pooled(same: SameAxes, node: Op) -> Axes:
    """Channels are those of the picture."""
    rank = same.rank(node)
    places = min(rank, AXES)
    return (*same.of(node.args[0])[: rank - places], *(None,) * places)


_RULES: Mapping[str, Callable[[SameAxes, Op], Axes]] = MappingProxyType(
    {
        "matmul": _matmul,
        "outer": lambda same, node: same.of(node.args[0]) + same.of(node.args[1]),
        "diag": lambda same, node: same.of(node.args[0]) * 2,
        "diagonal": _diagonal,
        "transpose": lambda same, node: same.of(node.args[0])[::-1],
        "column": lambda same, node: (*same.of(node.args[0]), None),
        "row": lambda same, node: (None, *same.of(node.args[0])),
        "flat": _flat,
        "expand": _expanded,
        "spread": _expanded,
        "prepend": lambda same, node: same.of(node.args[0]),
        "append": lambda same, node: same.of(node.args[0]),
        "part": lambda same, node: same.of(node.args[0]),
        "at": _at,
        "stack": _stack,
        "per_channel": lambda same, node: (
            *same.of(node.args[0]),
            *(None,) * (same.rank(node) - 1),
        ),
        "channel_sums": lambda same, node: same.of(node.args[0])[:1],
        "reshape": _reshaped,
        "flatten": _reshaped,
        **dict.fromkeys(SLIDING, _slid),
        **dict.fromkeys(("max_pool", "mean_pool", "sum_pool", "to_windows"), _pooled),
    }
)
