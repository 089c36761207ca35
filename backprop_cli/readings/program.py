"""Formulas that are computed many times: what stays the same, what varies, what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.calculus.stable import Definitions, careful
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
