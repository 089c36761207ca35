"""Formulas that are computed many times to a function of how often: the compiled derivation.

Small problems become straight-line Python on single numbers, larger ones NumPy calls into buffers.
Both give what `evaluate` gives but for the last bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Num, Sym, walk
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.buffers import Buffers
from backprop_cli.readings.careful import Definitions, careful
from backprop_cli.readings.scalars import NoScalarsError, Scalars
from backprop_cli.readings.values import Array

State: TypeAlias = Mapping[str, Array]


class Rounds(Protocol):
    """So many rounds from a state: the state they end with, and what each round told.

    Numbers that are not finite are an ArithmeticError or ValueError, or are in the state: then
    the plain evaluation says what comes of them.
    """

    def __call__(self, count: int, state: State) -> tuple[dict[str, Array], list[float]]:
        """The state after `count` rounds, and the told number of each."""
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


def rounds(program: Program, count: int) -> Rounds | None:
    """The program compiled in the way that takes the least time for so many rounds.

    None where compiling takes longer than it saves.
    """
    size = program_size(program)
    seconds = {
        "scalars": size.numbers * (_COMPILE_NUMBER + count * _NUMBER),
        "buffers": size.operations * (_COMPILE_CALL + count * _CALL),
        "plain": size.operations * count * _PLAIN,
    }
    way = min(seconds, key=seconds.__getitem__)
    if way == "plain":
        return None
    if way == "scalars":
        try:
            return in_scalars(program)
        except NoScalarsError:
            pass
    return in_buffers(program)


_NUMBER, _COMPILE_NUMBER = 12e-9, 15e-6  # seconds for a number in a round, and for compiling it
_CALL, _COMPILE_CALL = 0.8e-6, 60e-6  # the same for an operation on an array
_PLAIN = 2.5e-6  # for an operation that is evaluated plainly


class Size(Struct, frozen=True):
    """How large a program is: operations on arrays, and numbers that they compute."""

    operations: int
    numbers: int


def program_size(program: Program) -> Size:
    """The operations of a program and the numbers they compute."""
    shapes = {name: value.shape for name, value in {**program.given, **program.state}.items()}
    return size_of(program.formulas, Sizes(dict(shapes), {}))


def size_of(formulas: Sequence[tuple[str, Expr]], sizes: Sizes) -> Size:
    """The same of formulas, the shapes of what they are written in known."""
    known = dict(sizes.names)
    operations = numbers = 0
    for name, expr in formulas:
        known[name] = Sizes(known, {}).shape(expr)
        for node in walk(expr):
            if not isinstance(node, Sym | Num):
                operations += 1
                numbers += _numbers(node, Sizes(known, {}))
    return Size(operations, numbers)


def _numbers(node: Expr, sizes: Sizes) -> int:
    """The single numbers that one operation takes; a product counts each of its terms."""
    entries = int(np.prod(sizes.shape(node), dtype=int))
    if getattr(node, "name", "") == "matmul":
        return 2 * entries * int(sizes.shape(node.args[0])[-1])  # type: ignore[union-attr]
    return entries


# The two ways ------------------------------------------------------------------------------------


def in_scalars(program: Program) -> Rounds:
    """Straight-line Python; NoScalarsError where an operation has no form for single numbers."""
    scalars = Scalars()
    for name, value in program.given.items():
        scalars.given(name, value)
    for name, value in program.state.items():
        scalars.vary(name, value.shape)
    for name, expr in program.careful():
        scalars.define(name, expr)
    after: dict[int, int] = {}
    for old, new in program.after.items():
        before, later = np.broadcast_arrays(scalars.names[old], scalars.names[new])
        after.update(zip(map(int, before.flat), map(int, later.flat), strict=True))
    told = None if program.told is None else int(scalars.names[program.told])
    loop = scalars.registers.loop(after, told)
    shapes = {name: value.shape for name, value in program.state.items()}

    def run(count: int, state: State) -> tuple[dict[str, Array], list[float]]:
        history: list[float] = []
        flat = [number for name in shapes for number in state[name].ravel().tolist()]
        ended = np.array(loop(count, flat, history), dtype=float)
        return _divided(ended, shapes), history

    return run


def _divided(flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """A row of numbers divided into arrays of the shapes given."""
    found, at = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape, dtype=int))
        found[name] = flat[at : at + size].reshape(shape)
        at += size
    return found


def in_buffers(program: Program) -> Rounds:
    """NumPy calls into buffers."""
    formulas = program.careful()
    with np.errstate(all="ignore"):
        buffers = Buffers(expr for _, expr in formulas)
        for name, value in program.given.items():
            buffers.given(name, value)
        for name, value in program.state.items():
            buffers.vary(name, value)
        for name, expr in formulas:
            buffers.define(name, expr)
        state = {name: buffers.names[name] for name in program.state}
        told = None if program.told is None else buffers.names[program.told]
        for name, new in program.after.items():
            buffers.replace(state[name], buffers.names[new])
    calls = [call.ready() for call in buffers.calls]

    def run(count: int, start: State) -> tuple[dict[str, Array], list[float]]:
        history: list[float] = []
        for name, buffer in state.items():
            np.copyto(buffer, start[name])
        with np.errstate(all="ignore"):
            for _ in range(count):
                for call in calls:
                    call()
                if told is not None:
                    history.append(float(told))
        return {name: buffer.copy() for name, buffer in state.items()}, history

    return run
