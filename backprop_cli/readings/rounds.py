"""Formulas that are computed many times to a function of how often: the compiled derivation.

Small problems become straight-line Python on single numbers, larger ones NumPy calls into buffers.
Both give what `evaluate` gives but for the last bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, symbols, walk
from backprop_cli.algebra.shapes import Shape
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.careful import Definitions, careful
from backprop_cli.readings.values import Array

State: TypeAlias = Mapping[str, Array]


Packed: TypeAlias = Any
"""A state as one way of computing holds it; programs of one shape in one way share it."""


class Rounds(Protocol):
    """A compiled program.

    Where numbers are not finite, `run` raises ArithmeticError or ValueError, or what it tells or
    ends with is not finite either: then the plain evaluation says what comes of them.
    """

    def begin(self, state: State) -> Packed:
        """The state, packed."""
        ...

    def run(self, count: int, packed: Packed, told: list[float]) -> Packed:
        """The state after so many rounds; what each told is appended."""
        ...

    def end(self, packed: Packed) -> dict[str, Array]:
        """The state, unpacked."""
        ...


class Program(Struct, frozen=True):
    """What is computed in a round.

    `formulas` by name, in order; `given` stays the same; `state` varies, here with a first value,
    and `after` names what each part of it becomes; `told` names a number, `definitions` are the
    equations behind names.
    """

    formulas: Sequence[tuple[str, Expr]]
    given: Mapping[str, Array]
    state: State
    after: Mapping[str, str]
    told: str | None
    definitions: Definitions

    def careful(self) -> list[tuple[str, Expr]]:
        """The formulas written so that no digits are lost."""
        return [(name, careful(expr, self.definitions)) for name, expr in self.formulas]

    def used(self, formulas: Sequence[tuple[str, Expr]]) -> Iterator[tuple[str, Array]]:
        """What is given, as far as these formulas are written in it."""
        names = {name for _, expr in formulas for name in symbols(expr)}
        names |= {*self.after.values(), self.told or ""}
        return ((name, value) for name, value in self.given.items() if name in names)


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
    from backprop_cli.readings.ways import InBuffers, InScalars, NoScalarsError

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
