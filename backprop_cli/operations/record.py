"""The frozen record of one operation: all that the rest of the program may know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Option
from backprop_cli.algebra.shapes import Shape

Array: TypeAlias = NDArray[np.float64]
Options: TypeAlias = Mapping[str, Option]


class Rules(Protocol):
    """What a pull-back may ask: the shape of any expression, and the values taken at kinks."""

    def shape(self, expr: Expr) -> Shape:
        """The shape of `expr`."""
        ...

    def kink(self, name: str) -> float:
        """The value taken for the derivative of `name` where it does not exist."""
        ...

    def tie(self) -> float | str:
        """What each of several equal maxima has: `first`, `shared`, or a number."""
        ...


ShapeRule: TypeAlias = Callable[[tuple[Shape, ...], Op], Shape]
Value: TypeAlias = Callable[..., Array]
Shares: TypeAlias = tuple[Expr | None, ...]
Derivative: TypeAlias = Callable[[Expr, Expr, Op, Rules], Expr]
Pullback: TypeAlias = Callable[[Expr, Expr, Op, Rules], Shares]
Index: TypeAlias = tuple[int, ...]
EntryOf: TypeAlias = Callable[[Expr, Index], Expr]
Entry: TypeAlias = Callable[[Op, Index, EntryOf, Rules], Expr]
Trouble: TypeAlias = Callable[..., NDArray[np.bool_]]


class Notation(Struct, frozen=True):
    """How an operation is written. `text` and `latex` are its symbol or function name.

    `infix`: between its arguments; `prefix`: before; `postfix`: after; `function`: name(args);
    `special`: the writers know the form by the operation's name. A higher `precedence` binds
    tighter: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a name, 6 names.
    """

    kind: Literal["infix", "prefix", "postfix", "function", "special"]
    text: str
    latex: str = ""
    precedence: int = 5


class Domain(Struct, frozen=True):
    """Where an operation is not defined: a mask over its result, and what to say there."""

    outside: Trouble
    words: str


class Operation(Struct, frozen=True):
    """One operation.

    `words` says what it does. `shape` gives the result's shape and raises ShapeError. `value`
    takes arrays and the options by keyword. Elementwise operations state `derivative(x, r, node,
    rules)`, an expression in the argument x and the result r; the others `pullback(g, r, node,
    rules)`, the share of each argument (None where it has none) in the upstream gradient g.
    `entry(node, index, entry_of, rules)` is one entry written out. `options` maps each option to
    its default (`...` where it must be given).
    """

    name: str
    words: str
    notation: Notation
    shape: ShapeRule
    value: Value
    arity: int | None = 1
    elementwise: bool = False
    derivative: Derivative | None = None
    pullback: Pullback | None = None
    entry: Entry | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    domain: Domain | None = None
    kink: str | None = None
    activation: bool = False
    public: bool = True
