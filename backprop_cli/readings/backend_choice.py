"""Programs to the way they are computed in the least time: compiled where that pays.

Small problems become straight-line Python on single numbers, larger ones NumPy calls into buffers.
Both give what `evaluate` gives but for the last bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal, TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, walk
from backprop_cli.algebra.shapes import Shape
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.program import Program, Rounds


def fastest(size: Size, count: int) -> Way:
    """The way that takes the least time for so many rounds, compiling included."""
    seconds: dict[Way, float] = {
        "scalars": size.numbers * (_COMPILE_NUMBER + count * _NUMBER),
        "buffers": size.operations * (_COMPILE_CALL + count * _CALL),
        "plain": size.operations * count * _PLAIN,
    }
    return min(seconds, key=seconds.__getitem__)


def rounds(program: Program, way: Way) -> Rounds | None:
    """The program compiled; None for the plain way.

    What has no form for single numbers is computed in buffers.
    """
    if way == "plain":
        return None
    from backprop_cli.readings.backends import InBuffers, InScalars, NoScalarsError

    try:
        return InScalars(program) if way == "scalars" else InBuffers(program)
    except NoScalarsError:
        return InBuffers(program)


Way: TypeAlias = Literal["scalars", "buffers", "plain"]

# Seconds, measured with the networks of problems/ (2 cores, Python 3.11, NumPy 2.4).
_NUMBER, _COMPILE_NUMBER = 10.5e-9, 15e-6  # a number in a round, and compiling it
_CALL, _COMPILE_CALL = 0.6e-6, 40e-6  # an operation on arrays, and making its buffer
_PLAIN = 4e-6  # an operation that is evaluated plainly


class Size(Struct, frozen=True):
    """How large a program is: operations on arrays, and numbers that they compute."""

    operations: int
    numbers: int


def size_of(formulas: Sequence[tuple[str, Expr]], shapes: Mapping[str, Shape]) -> Size:
    """The operations of formulas and the numbers they compute, the shapes of all names given."""
    sizes = Sizes(shapes, {})
    nodes = [node for _, expr in formulas for node in walk(expr) if isinstance(node, Op)]
    return Size(len(nodes), sum(_numbers(node, sizes) for node in nodes))


def _numbers(node: Op, sizes: Sizes) -> int:
    """The single numbers that one operation takes; a product counts each of its terms."""
    entries = prod(int(size) for size in sizes.shape(node))
    return 2 * entries * int(sizes.shape(node.args[0])[-1]) if node.name == "matmul" else entries
