"""A function of which only the name is known: f, and f′ for its derivative. It has no values."""

from __future__ import annotations

from backprop_cli.algebra.expr import op
from backprop_cli.operations.record import Array, Notation, Operation


def _none(x: Array) -> Array:
    raise AssertionError("a problem with numbers has no activation f")


GENERIC = (
    Operation(
        "f",
        "activation f",
        Notation("function", "f"),
        lambda shapes, _: shapes[0],
        _none,
        elementwise=True,
        derivative=lambda x, r, node, rules: op("f_prime", x),
        public=False,
    ),
    Operation(
        "f_prime",
        "derivative of f",
        Notation("function", "f′"),
        lambda shapes, _: shapes[0],
        _none,
        elementwise=True,
        public=False,
    ),
)
