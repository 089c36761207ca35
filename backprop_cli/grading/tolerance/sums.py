"""The formulas of a problem -> how many terms are added up, one after the other, behind each."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from backprop_cli.algebra.expr import Expr, Op, symbols, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.algebra.subformulas import Folded
from backprop_cli.grading.judging.stages import Stage


def terms_behind(stages: Iterable[Stage]) -> dict[str, int]:
    """For each quantity the terms of its own sums and of the longest way to it."""
    found: dict[str, int] = {}
    for stage in stages:
        shapes = stage.sizes.shared()
        for id, step in stage.steps.items():
            before = (found.get(name, 0) for name in symbols(stage.written(step.expr)))
            found[stage.called(id)] = _own(step.expr, shapes) + max(before, default=0)
    return found


def _own(expr: Expr, shapes: Folded[Shape]) -> int:
    """The terms of the sums in one formula; an operation that adds nothing up counts as one."""
    return sum(_terms(node, shapes) for node in walk(expr) if isinstance(node, Op))


def _terms(node: Op, shapes: Folded[Shape]) -> int:
    """How many numbers go into an entry of the result: all there are, for each that comes out."""
    try:
        into = [_count(shapes.of(arg)) for arg in node.args]
        out = _count(shapes.of(node))
    except (ShapeError, KeyError):
        return 1
    if node.name == "matmul":
        first = shapes.of(node.args[0])
        return int(first[-1]) if first else 1
    if "softmax" in node.name:
        shape, axis = shapes.of(node), node.option("axis")
        return int(shape[int(str(axis))]) if axis is not None and shape else out
    return max(1, max(into, default=1) // max(out, 1))


def _count(shape: Shape) -> int:
    return prod(int(size) for size in shape)
