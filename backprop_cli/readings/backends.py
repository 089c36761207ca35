"""A program to what runs it: straight-line Python on single numbers, or NumPy calls."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from backprop_cli.readings.buffers import Buffers
from backprop_cli.readings.program import Program, State
from backprop_cli.readings.scalars import NoScalarsError, Scalars
from backprop_cli.readings.values import Array

__all__ = ["InBuffers", "InScalars", "NoScalarsError"]


class InScalars:
    """Straight-line Python; NoScalarsError where an operation has no form for single numbers."""

    def __init__(self, program: Program) -> None:
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
        """All numbers in a row."""
        return [number for name in self.shapes for number in state[name].ravel().tolist()]

    def run(self, count: int, packed: list[float], told: list[float]) -> list[float]:
        """The compiled loop."""
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
        """The arrays in order."""
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
