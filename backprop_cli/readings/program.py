"""Formulas that are computed many times to what computes them in the least time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, symbols, walk
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.stable import Definitions, careful
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.values import Array

if TYPE_CHECKING:
    from backprop_cli.readings.scalars import Scalars

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

    def run(self, count: int, packed: Packed, told: list[float]) -> Packed:
        """The state after so many rounds; what each told is appended."""

    def end(self, packed: Packed) -> dict[str, Array]:
        """The state, unpacked."""


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
    from backprop_cli.readings.scalars import NoScalarsError

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


class InScalars:
    """Straight-line Python; NoScalarsError where an operation has no form for single numbers."""

    def __init__(self, program: Program) -> None:
        from backprop_cli.readings.scalars import Scalars

        scalars, formulas = Scalars(), program.careful()
        for name, value in program.used(formulas):
            scalars.given(name, value)
        for name, value in program.state.items():
            scalars.vary(name, value.shape)
        for name, expr in formulas:
            scalars.define(name, expr)
        told = None if program.told is None else int(scalars.names[program.told])
        self.shapes = {name: value.shape for name, value in program.state.items()}
        self.loop = scalars.registers.loop(_next(scalars, program.after), told)

    def begin(self, state: State) -> list[float]:
        return [number for name in self.shapes for number in state[name].ravel().tolist()]

    def run(self, count: int, packed: list[float], told: list[float]) -> list[float]:
        return self.loop(count, packed, told)

    def end(self, packed: list[float]) -> dict[str, Array]:
        """The row of numbers divided into arrays; there may be none, where nothing is trained."""
        numbers, found, start = np.array(packed, dtype=float), {}, 0
        for name, shape in self.shapes.items():
            size = prod(shape)
            found[name] = numbers[start : start + size].reshape(shape)
            start += size
        return found


def _next(scalars: Scalars, after: Mapping[str, str]) -> dict[int, int]:
    """What each number that varies becomes."""
    found: dict[int, int] = {}
    for old, new in after.items():
        before, later = np.broadcast_arrays(scalars.names[old], scalars.names[new])
        found.update(zip(map(int, before.flat), map(int, later.flat), strict=True))
    return found


class InBuffers:
    """NumPy calls into buffers."""

    def __init__(self, program: Program) -> None:
        from backprop_cli.readings.buffers import Buffers

        formulas = program.careful()
        buffers = Buffers(expr for _, expr in formulas)
        with np.errstate(all="ignore"):
            for name, value in program.used(formulas):
                buffers.given(name, value)
            for name, value in program.state.items():
                buffers.vary(name, value)
            for name, expr in formulas:
                buffers.define(name, expr)
            buffers.replace(program.after)
        self.state = {name: buffers.names[name] for name in program.state}
        self.told = None if program.told is None else buffers.names[program.told]
        self.calls = [call.ready() for call in buffers.calls]

    def begin(self, state: State) -> list[Array]:
        return [state[name] for name in self.state]

    def run(self, count: int, packed: list[Array], told: list[float]) -> list[Array]:
        """All calls, so many times; what is given back are the buffers themselves."""
        for buffer, value in zip(self.state.values(), packed, strict=True):
            if value is not buffer:
                np.copyto(buffer, value)
        with np.errstate(all="ignore"):
            for _ in range(count):
                for call in self.calls:
                    call()
                if self.told is not None:
                    told.append(float(self.told))
        return list(self.state.values())

    def end(self, packed: list[Array]) -> dict[str, Array]:
        """Copies, since the buffers are written over."""
        return {name: value.copy() for name, value in zip(self.state, packed, strict=True)}
