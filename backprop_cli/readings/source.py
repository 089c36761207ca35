"""An expression to a line of Python as a person would write it, and the helpers it calls.

How each operation is written is for who speaks NumPy, or PyTorch, to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.definitions import written_out
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import TABLE, operation
from backprop_cli.readings.source_helpers import Helper

Code: TypeAlias = "tuple[str, int]"
"""The text and its precedence: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a name."""

ATOM = 6


class NoSourceError(ValueError):
    """There is no one line of Python for this operation."""


class Source(Struct, frozen=True):
    """Writes expressions. `names` are the identifiers, `shapes` the shapes of the names.

    `positive`: whether an expression has no entry at or below 0, so that its logarithm and what is
    divided by it need no care. `helpers` collects the functions that have to be defined.
    """

    names: Mapping[str, str]
    shapes: Mapping[str, Shape]
    positive: Callable[[Expr], bool] = lambda expr: False
    helpers: set[str] = field(default_factory=set)

    @property
    def forms(self) -> Mapping[str, Form]:
        """How operations are written."""
        raise NotImplementedError

    @property
    def functions(self) -> Mapping[str, Helper]:
        """What a program defines itself."""
        raise NotImplementedError

    def text(self, expr: Expr) -> str:
        """The expression as code."""
        return self.code(expr)[0]

    def inside(self, expr: Expr, floor: int) -> str:
        """The code in parentheses where it binds less than `floor`."""
        text, precedence = self.code(expr)
        return text if precedence >= floor else f"({text})"

    def shape(self, expr: Expr) -> Shape:
        """The shape of an expression; that of a number where it is unknown."""
        try:
            return Sizes(self.shapes, {}).shape(expr)
        except (KeyError, ShapeError):
            return ()

    def rank(self, expr: Expr) -> int:
        """The number of axes."""
        return len(self.shape(expr))

    def code(self, expr: Expr) -> Code:
        """The code and how tightly it binds."""
        if isinstance(expr, Sym):
            return self.names[expr.name], ATOM
        if isinstance(expr, Num):
            return _number(expr)
        form = self.forms.get(expr.name)
        if form is not None:
            return form(self, expr)
        if expr.name in self.functions:
            return self.called(self.helper(expr.name), expr)
        return self.code(self.written_out(expr))

    def written_out(self, node: Op) -> Expr:
        """What has no form of its own in other operations; NoSourceError where the table has it."""
        try:
            found = written_out(node, Sizes(self.shapes, {})) if node.name in TABLE else None
        except (KeyError, ShapeError):
            found = None
        if found is None:
            raise NoSourceError(node.name)
        return found

    def helper(self, name: str) -> str:
        """The name of a function that the program defines."""
        self.helpers.add(name)
        for other in self.functions[name].needs:
            self.helper(other)
        return name

    def called(self, function: str, node: Op, *more: str) -> Code:
        """`function(args, axis=0)`: with the options that differ from the usual ones."""
        parts = [*map(self.text, node.args), *more]
        usual = operation(node).options
        parts += [f"{key}={value!r}" for key, value in node.options if value != usual.get(key, ...)]
        return f"{function}({', '.join(parts)})", 5


def _number(node: Num) -> Code:
    value = node.value
    if value.denominator == 1:
        return str(value.numerator), 3 if value < 0 else ATOM
    if float(value) == value or f"{value.numerator / value.denominator!r}" == repr(float(value)):
        short = repr(float(value))
        if len(short) <= 12:  # 1/3 is clearer than its digits
            return short, 3 if value < 0 else ATOM
    return f"{value.numerator} / {value.denominator}", 2


Form: TypeAlias = Callable[[Source, Op], Code]
"""How one operation is written."""
