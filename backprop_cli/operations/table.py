"""The table itself: every operation by its name."""

from __future__ import annotations

from types import MappingProxyType

from backprop_cli.algebra.expr import Op, op
from backprop_cli.operations.arithmetic import ARITHMETIC
from backprop_cli.operations.convolutions import CONVOLUTIONS
from backprop_cli.operations.elementwise import ACTIVATIONS, FUNCTIONS
from backprop_cli.operations.inverses import INVERSES
from backprop_cli.operations.linear import PRODUCTS
from backprop_cli.operations.pooling import POOLING
from backprop_cli.operations.record import Array, Notation, Operation
from backprop_cli.operations.reductions import REDUCTIONS
from backprop_cli.operations.slicing import PARTS
from backprop_cli.operations.structure import STRUCTURE
from backprop_cli.operations.turning import TURNING
from backprop_cli.operations.worked_out import WORKED_OUT


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


TABLE = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            *ARITHMETIC,
            *ACTIVATIONS,
            *FUNCTIONS,
            *PRODUCTS,
            *INVERSES,
            *REDUCTIONS,
            *STRUCTURE,
            *PARTS,
            *WORKED_OUT,
            *CONVOLUTIONS,
            *POOLING,
            *TURNING,
        )
    }
)

_UNKNOWN = MappingProxyType({operation.name: operation for operation in GENERIC})
"""Functions that stand for any: there are formulas with them, and no numbers."""


_ALL = {**TABLE, **_UNKNOWN}

SAME = MappingProxyType({other: name for name, each in TABLE.items() for other in each.also})
"""Other names of operations."""


def operation(node: Op) -> Operation:
    """The record of the operation that a node applies."""
    return _ALL[node.name]
