"""Turns the table of operations into examples: every entry and its options on suitable shapes.

An entry that is added to the table is tried as soon as it is there: entry by entry, or along axes.
Anything else says in `SHAPES` what it is to be tried on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from backprop_cli.algebra.expr import Op, Sym
from backprop_cli.operations.record import Array, Operation
from backprop_cli.operations.table import TABLE, Sizes

Shape = tuple[int, ...]
Way = tuple[tuple[Shape, ...], dict[str, Any]]
"""The shapes of the arguments, and the options."""

PAIRS: tuple[tuple[Shape, ...], ...] = (
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (2, 3)),
    ((), (3,)),
    ((2, 3), ()),
    ((2, 3), (1, 3)),
    ((2, 1), (2, 3)),
    ((2, 1), (1, 3)),
)
VALUES = {"below": -2, "at": 3, "above": 0.5, "slope": 0.3, "alpha": 0.7, "delta": 0.6}
VALUES |= {"limit": 0.4, "at_zero": 0.5, "at_tie": 0.5, "first": 1}
MATRICES: tuple[Shape, ...] = ((3, 4), (2, 1))
ANY: tuple[Shape, ...] = ((), (3,), (2, 3))

SHAPES: dict[str, list[Way]] = {
    "pi": [((), {})],
    "jacobian": [],  # no function of its arguments: see the tests of Jacobians
    "choose": [(((3,),) * 3, {}), (((2, 3),) * 3, {}), (((2, 3), (), (2, 3)), {})],
    "matmul": [
        (pair, {})
        for pair in (((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4)), ((2, 1), (1,)))
    ],
    "outer": [
        (((2,), (3,)), {}),
        (((2, 4), (3, 4)), {"samples": 1}),
        (((4, 2), (4, 3)), {"samples": 0}),
    ],
    "transpose": [((shape,), {}) for shape in ((2, 3), (3,), (1, 2))],
    "diag": [(((3,),), {}), (((3, 2),), {"samples": 1}), (((2, 3),), {"samples": 0})],
    "diagonal": [(((3, 3),), {})],
    "softmax": [
        (((4,),), {}),
        (((4,),), {"axis": 0}),
        (((2, 3),), {"axis": 0}),
        (((2, 3),), {"axis": 1}),
        (((2, 3),), {"axis": -1}),
        (((1,),), {}),
    ],
    "trace": [(((3, 3),), {}), (((1, 1),), {})],
    "inv": [(((size, size),), {}) for size in (1, 2, 3, 5)],
    "det": [(((size, size),), {}) for size in (1, 2, 3, 5)],
    "cof": [(((size, size),), {}) for size in (1, 2, 3, 5)],
    "cof_along": [
        *((((size, size),) * 2, {}) for size in (1, 2, 3, 4)),
        (((3, 3),) * 3, {}),
        (((4, 4),) * 3, {}),
    ],
    "logdet": [(((size, size),), {}) for size in (1, 2, 4)],
    "reshape": [
        (((6,),), {"shape": (2, 3)}),
        (((2, 3),), {"shape": (3, 2)}),
        (((2, 3),), {"shape": (6,)}),
        (((),), {"shape": (1, 1)}),
    ],
    "flatten": [(((2, 3),), {}), (((3,),), {})],
    "column": [(((3,),), {})],
    "row": [(((3,),), {})],
    "flat": [(((3, 1),), {}), (((1, 3),), {}), (((1, 1),), {})],
    "expand": [(((3,),), {"axis": axis}) for axis in (0, 1, -1)]
    + [(((2, 3),), {"axis": axis}) for axis in (0, 1, 2, -1, -2)],
    "spread": [
        (((),), {"shape": (2, 3)}),
        (((1, 3),), {"shape": (2, 3)}),
        (((3,),), {"axis": 0, "shape": (2, 3)}),
        (((2,),), {"axis": -1, "shape": (2, 3)}),
    ],
    "stack": [((shape,) * 3, {}) for shape in ((), (2,))] + [(((2,),), {})],
    "concat": [
        (((2,), (3,)), {}),
        (((2, 3), (1, 3), (4, 3)), {}),
        (((2, 3), (2, 1)), {"axis": 1}),
        (((2, 3), (2, 1)), {"axis": -1}),
        (((2, 3), (1, 3)), {"axis": -2}),
    ],
    "part": [
        (((4,),), {"axis": 0, "start": 1, "stop": 3}),
        (((2, 4),), {"axis": 1, "start": 0, "stop": 2}),
    ],
    "at": [
        (((4,),), {"index": (2,)}),
        (((2, 3),), {"index": (1, 2)}),
        (((2, 3),), {"index": (1,)}),
        (((2, 3),), {"index": (None, 1)}),
        (((2, 3),), {"index": (1, None)}),
        (((4, 3),), {"index": ((1, 3), None)}),
        (((4, 3),), {"index": ((1, 3), 2)}),
        (((4, 3),), {"index": (((2, 0, 2),),)}),
        (((4, 3),), {"index": (None, ((2, 0),))}),
        (((4, 3),), {"index": (((3, 1, 1),), 2)}),
        (((4,),), {"index": (((3,),),)}),
    ],
    "place": [
        (((),), {"index": (2,), "shape": (4,)}),
        (((3,),), {"index": (1,), "shape": (2, 3)}),
        (((2,),), {"index": (None, 1), "shape": (2, 3)}),
        (((2, 3),), {"index": ((1, 3), None), "shape": (4, 3)}),
        (((3, 2),), {"index": (((2, 0, 2),), None), "shape": (3, 2)}),
        (((2, 3),), {"index": (None, ((2, 2, 0),)), "shape": (2, 3)}),
        (((3,),), {"index": (((1, 1, 0),), 1), "shape": (2, 2)}),
    ],
}
_NORMS: list[Way] = [
    (((4,), (), ()), {}),
    (((3, 2), (2,), (2,)), {"epsilon": 0.1}),
    (((3, 2), (2,), ()), {"axis": 0}),
]
SHAPES |= {
    "batch_norm": [*_NORMS, (((2, 3), (2,), (2,)), {"axis": 1})],
    "layer_norm": [
        (((4,), (4,), (4,)), {}),
        (((4,), (), ()), {}),
        (((2, 3), (3,), (3,)), {"epsilon": 0.1}),
        (((3, 2), (3,), (3,)), {"axis": 0}),
    ],
    "standardize": [
        (((4,),), {}),
        (((3, 2),), {"axis": 0}),
        (((2, 3),), {"axis": 1, "epsilon": 0.1}),
    ],
    "attention": [
        (((3, 2), (4, 2), (4, 3)), {}),
        (((3, 2), (3, 2), (3, 2)), {"mask": "causal"}),
        (((3, 4), (3, 4), (3, 2)), {"mask": "causal", "heads": 2}),
    ],
    "causal_mask": [((), {"shape": (3, 3)})],
}
_PICTURES: list[tuple[tuple[Shape, ...], dict[str, Any]]] = [
    (((5,), (2,)), {}),
    (((4,), (3,)), {"padding": 1}),
    (((5,), (2, 3)), {"stride": 2}),
    (((2, 5), (3, 2, 3)), {"axes": 1, "padding": 1, "stride": 2}),
    (((3, 4), (2, 3)), {}),
    (((3, 3), (2, 2)), {"padding": 1, "stride": 1}),
    (((5, 5), (3, 3)), {"padding": 1, "stride": 2}),
    (((3, 3), (2, 2, 2)), {}),
    (((2, 3, 3), (2, 2, 2)), {"padding": 1}),
    (((2, 3, 3), (3, 2, 2, 2)), {}),
    (((6,), (3,)), {"padding": 1, "dilation": 2}),
    (((2, 6), (2, 2, 2)), {"axes": 1, "dilation": 3, "stride": 2}),
    (((4, 5), (2, 3)), {"padding": 1, "dilation": 2}),
]
SHAPES["conv"] = list(_PICTURES)
SHAPES["conv_transpose"] = [
    (((4,), (2,)), {}),
    (((3,), (3,)), {"padding": 1, "stride": 2}),
    (((4,), (2,)), {"axes": 1}),
    (((4,), (3,)), {"axes": 1, "padding": 1}),
    (((2, 2), (2, 3)), {"axes": 1, "stride": 2}),
    (((3, 3), (3, 2, 3)), {"axes": 1, "stride": 2, "padding": 1}),
    (((2, 2), (2, 3)), {}),
    (((3, 3), (3, 3)), {"padding": 1, "stride": 2}),
    (((2, 2, 2), (2, 2, 2)), {}),
    (((2, 2), (2, 2, 2)), {"padding": 1}),
    (((3, 2, 2), (3, 2, 2, 2)), {}),
    (((3,), (2,)), {"dilation": 3}),
    (((2, 2), (2, 3)), {"padding": 1, "dilation": 2, "stride": 3}),
]
SHAPES["conv_kernel"] = [
    (((5,), (4,)), {"axes": 1}),
    (((4,), (4,)), {"axes": 1, "padding": 1}),
    (((5,), (2, 2)), {"axes": 1, "stride": 2}),
    (((2, 5), (3, 3)), {"axes": 1, "stride": 2, "padding": 1}),
    (((3, 4), (2, 2)), {}),
    (((5, 5), (3, 3)), {"padding": 1, "stride": 2}),
    (((3, 3), (2, 2, 2)), {}),
    (((2, 3, 3), (2, 2)), {}),
    (((2, 3, 3), (2, 2, 2)), {"padding": 1}),
    (((5,), (3,)), {"axes": 1, "padding": 1, "dilation": 2}),
    (((2, 5, 3), (2, 2, 2)), {"dilation": 2, "stride": 2, "padding": 1}),
]
SHAPES["rot"] = [(((3,),), {}), (((2, 3),), {}), (((2, 3),), {"axes": 1}), (((2, 2, 3),), {})]
SHAPES["zero_padded"] = [
    (((3,),), {"axes": 1, "width": 2}),
    (((2, 3),), {"width": 1}),
    (((3, 3),), {"width": -1}),
    (((2, 3, 3),), {"width": (1, 0)}),
    (((3, 2),), {"width": (-1, 2)}),
]
SHAPES["zeros_between"] = [
    (((3,),), {"axes": 1, "step": 2}),
    (((2, 2),), {"step": 3}),
    (((2, 2, 2),), {"step": 2}),
]
_POOLED: list[tuple[tuple[Shape, ...], dict[str, Any]]] = [
    (((4,),), {"axes": 1}),
    (((2, 4),), {}),
    (((3, 3),), {"stride": 1}),
    (((3, 5),), {"size": 3, "stride": 2}),
    (((2, 2, 4),), {}),
]
SHAPES["window_entries"] = SHAPES["max_pool"] = SHAPES["mean_pool"] = _POOLED
SHAPES["sum_pool"] = _POOLED
SHAPES["lowest"] = [((), {})]
SHAPES["low_padded"] = [(((3, 3),), {"width": -1})]  # what is less than any number has no slope
_AROUND: list[Way] = [
    (((4,),), {"padding": 1}),
    (((2, 4),), {"padding": 1}),
    (((3, 5),), {"size": 3, "stride": 2, "padding": 1}),
    (((2, 3, 3),), {"size": 3, "stride": 1, "padding": 2}),
    (((2, 3),), {"axes": 1, "size": 3, "stride": 1, "padding": 1}),
]
SHAPES["padded_max_pool"] = _AROUND
SHAPES["padded_mean_pool"] = _AROUND + [
    (shapes, {**options, "count_padding": 0}) for shapes, options in _AROUND[1:4]
]
SHAPES["window_sums"] = [
    (((2, 2),), {"axes": 1}),
    (((1, 2, 4),), {}),
    (((2, 2, 4),), {"stride": 1}),
    (((2, 1, 2, 4),), {}),
]
SHAPES["to_windows"] = [
    (((2,),), {"axes": 1}),
    (((1, 2),), {}),
    (((2, 2),), {"stride": 1}),
    (((2, 1, 2),), {}),
]
SHAPES["to_winners"] = [
    (((2,), (4,)), {"axes": 1}),
    (((1, 2), (2, 4)), {}),
    (((2, 2), (3, 3)), {"stride": 1, "at_tie": "shared"}),
    (((2, 1, 2), (2, 2, 4)), {"at_tie": 0.5}),
]
SHAPES["per_channel"] = [(((2,),), {"shape": (2, 3)}), (((2,),), {"shape": (2, 2, 3)})]
SHAPES["channel_sums"] = [(((2, 3),), {}), (((2, 2, 3),), {})]
SHAPES["log_softmax"] = SHAPES["largest_shares"] = SHAPES["softmax"]
SHAPES["log_others"] = SHAPES["softmax"][:-1]  # of a single unit there are no others
SHAPES["others_share"] = [((shape, shape), options) for (shape,), options in SHAPES["softmax"]]
for _name in ("prepend", "append"):
    SHAPES[_name] = [((shape, ()), {"axis": a}) for shape, a in (((3,), 0), ((2, 3), 0))]
    SHAPES[_name] += [((shape, ()), {"axis": -1}) for shape in ((3,), (2, 3))]
for _name in ("drop_first", "drop_last"):
    SHAPES[_name] = [((shape,), {"axis": a}) for shape in ((3,), (2, 3)) for a in (0, -1)]


@dataclass(frozen=True)
class Example:
    """An operation on named arguments a0, a1, … of given shapes."""

    node: Op
    shapes: tuple[Shape, ...]

    def __str__(self) -> str:
        options = ",".join(f"{key}={value}" for key, value in self.node.options)
        sizes = " ".join("×".join(map(str, shape)) or "number" for shape in self.shapes)
        return f"{self.node.name}({sizes}{';' if options else ''}{options})"

    @property
    def sizes(self) -> Sizes:
        return Sizes({f"a{i}": shape for i, shape in enumerate(self.shapes)}, {})


def examples() -> Iterator[Example]:
    """Every entry of the table, in every way it can be applied."""
    for entry in TABLE.values():
        for shapes, options in _ways(entry):
            args = tuple(Sym(f"a{i}") for i in range(len(shapes)))
            given = {key: value for key, value in options.items() if value is not None}
            yield Example(Op(entry.name, args, tuple(sorted(given.items()))), shapes)


def _ways(entry: Operation) -> Iterator[Way]:
    if entry.name in SHAPES:
        yield from SHAPES[entry.name]
    elif "axis" in entry.options:
        assert entry.arity == 1, f"say in SHAPES what {entry.name} is tried on"
        keeps = (None, 1) if "keep" in entry.options else (None,)
        for shape in ANY:
            axes = [None, *range(-1, len(shape))] if shape else [None]
            for axis, keep in product(axes, keeps):
                yield (shape,), {"axis": axis} | ({"keep": keep} if keep else {})
    else:
        assert entry.elementwise, f"say in SHAPES what {entry.name} is tried on"
        shapes = PAIRS if entry.arity == 2 else [(shape,) for shape in ANY]
        yield from ((arguments, {}) for arguments in shapes)
        for option in entry.options:
            yield shapes[-1], {option: VALUES[option]}


def point(example: Example, seed: int) -> dict[str, Array]:
    """Values for the arguments: within the domain, away from kinks, no two of them close."""
    rng = np.random.default_rng(seed)
    count = sum(math.prod(shape) for shape in example.shapes)
    sizes = (np.arange(count) + rng.uniform(0.3, 0.45, count)) * (2.4 / max(count, 12))
    values = rng.permutation(sizes) * rng.choice((-1.0, 1.0), count)
    found, start = {}, 0
    for i, shape in enumerate(example.shapes):
        length = math.prod(shape)
        found[f"a{i}"] = values[start : start + length].reshape(shape)
        start += length
    domain = TABLE[example.node.name].domain
    if domain is not None and np.any(domain.outside(*found.values())):
        found = {name: np.asarray(np.abs(value)) for name, value in found.items()}
        if np.any(domain.outside(*found.values())):  # a matrix whose determinant is below 0
            found = {name: value + 3 * np.eye(len(value)) for name, value in found.items()}
    return found
