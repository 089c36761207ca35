"""The shape of any expression, from the shapes of the names in it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Option, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.record import OtherShapes
from backprop_cli.operations.table import operation

_NOT_NEGATIVE = frozenset({"delta", "limit"})


def _check_constant(name: str, key: str, value: Option, default: object) -> None:
    """Refuses letters and lists where a constant such as a slope is a number."""
    if not isinstance(default, int | float):
        return
    if not isinstance(value, int | float):
        raise ShapeError(f"the {key} of {name} is a number", f"{key}={default}")
    if key in _NOT_NEGATIVE and value < 0:
        raise ShapeError(f"the {key} of {name} cannot be negative", f"{key}={abs(value)}")


class Sizes(Struct, frozen=True):
    """The shapes of names and the values at kinks: what pull-backs ask (see record.Rules).

    `shape` raises ShapeError for arguments that do not fit and KeyError for an unknown name; a
    letter used as a size is a number.
    """

    names: Mapping[str, Shape]
    kinks: Mapping[str, float | str]

    def shape(self, expr: Expr) -> Shape:
        return self.shared().of(expr)

    def shared(self) -> Folded[Shape]:
        """The same for formulas with parts in common."""
        return Folded(self._leaf, self._applied)

    def _leaf(self, leaf: Sym | Num) -> Shape:
        return self.names[leaf.name] if isinstance(leaf, Sym) else ()

    def _applied(self, node: Op, shapes: list[Shape]) -> Shape:
        record = operation(node)
        for key, value in node.options:
            _check_constant(node.name, key, value, record.options[key])
        try:
            return record.shape(tuple(shapes), node)
        except IndexError:
            raise ShapeError(f"{node.name} does not fit these shapes") from None

    def sharing(self) -> OtherShapes:
        """The rules that remember the shape of each part of a formula, for who asks for many."""
        return OtherShapes(self, self.shared().of)

    def kink(self, name: str) -> float:
        """The value taken for the derivative of `name` where it does not exist."""
        return float(self.kinks.get(name, 0.0))

    def tie(self) -> float | str:
        """What each of several equal maxima has: `first`, `shared`, or a number."""
        return self.kinks.get("max", "first")
