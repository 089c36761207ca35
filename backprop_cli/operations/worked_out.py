"""Operations that a person works out in named steps: batch and layer norm, attention.

Each says its steps once; its definition is the last of them with the others put in. An equation
that is one of them becomes an equation for each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, substitute
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.record import (
    Array,
    Entries,
    Index,
    Notation,
    Operation,
    Rules,
    Shares,
    Stage,
    standing_for,
)
from backprop_cli.operations.stable_values import axis_of

Stages: TypeAlias = Callable[[Op, Rules], tuple[Stage, ...]]

_STEP = "step "  # no id has a space in it


def step(name: str) -> Sym:
    """The result of a step in the steps after it."""
    return Sym(_STEP + name)


def in_steps(node: Op, rules: Rules, stages: Stages, called: Callable[[str], str]) -> list[Stage]:
    """The steps with the names of quantities that they are `called` in place of their own.

    What an argument is computed from is a step of its own.
    """
    found = list(stages(node, rules))
    names = {_STEP + stage.name: Sym(called(stage.name)) for stage in found}
    return [
        Stage(called(stage.name), stage.words, substitute(stage.expr, names)) for stage in found
    ]


def with_named_arguments(node: Op, called: Callable[[str], str]) -> tuple[Op, list[Stage]]:
    """The operation on names alone, and a step for each argument that was none."""
    found, args = [], list(node.args)
    for place, (arg, name) in enumerate(zip(args, _ARGUMENTS[node.name], strict=True)):
        if isinstance(arg, Op):
            found.append(Stage(called(name), "", arg))
            args[place] = Sym(called(name))
    return Op(node.name, tuple(args), node.options), found


_ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "batch_norm": ("x", "gamma", "beta"),
        "layer_norm": ("x", "gamma", "beta"),
        "attention": ("Q", "K", "V"),
    }
)
"""What the arguments are called that have no name."""


def _put_in(node: Op, stages: Sequence[Stage]) -> Expr:
    """The last step, the others put in."""
    known: dict[str, Expr] = {}
    found: Expr = node
    for stage in stages:
        found = substitute(stage.expr, known)
        known[_STEP + stage.name] = found
    return found


def _operation(
    name: str,
    words: str,
    written: str,
    stages: Stages,
    shape: Callable[[tuple[Shape, ...], Op], Shape],
    **rest: object,
) -> Operation:
    return Operation(
        name,
        words,
        Notation("function", written, rf"\operatorname{{{written}}}"),
        shape,
        arity=3,
        definition=lambda node, rules: _put_in(node, stages(node, rules)),
        stages=stages,
        **rest,  # type: ignore[arg-type]
    )


# Norms --------------------------------------------------------------------------------------------


def _upright(a: Expr, node: Op, rules: Rules, across: bool = False) -> Expr:
    """What there is once for each slice of the norm, or (`across`) for each place in one."""
    if len(rules.shape(node.args[0])) == 1 or not rules.shape(a):
        return a
    is_row = (_axis(node, rules.shape(node.args[0])) == 0) != across
    return op("row" if is_row else "column", a)


def _axis(node: Op, shape: Shape) -> int:
    axis = axis_of(node, shape)
    return (0 if node.name == "batch_norm" else len(shape) - 1) if axis is None else axis


def _reduced(name: str, x: Expr, node: Op, rules: Rules) -> Expr:
    shape = rules.shape(node.args[0])
    return op(name, x, axis=_axis(node, shape) if len(shape) > 1 else None)


def _deviation(node: Op, variance: Expr) -> Expr:
    """√(σ² + ε)."""
    epsilon = num(float(str(node.option("epsilon", 0))))
    return op("sqrt", build.add(variance, epsilon))


_AS_IT_IS = (build.ONE, build.ZERO)
"""The scale and the shift that change nothing."""


def _norm_steps(node: Op, rules: Rules) -> tuple[Stage, ...]:
    """μ and σ² with 1/n, x̂, and x̂ scaled and shifted by what is trained."""
    x, scale, shift = node.args
    each = _each(node, rules)
    middle = _reduced("mean", x, node, rules)
    held = standing_for(rules, {"step mu": middle, "step var": middle})
    spread = _upright(step("mu"), node, held)
    squares = op("pow", op("sub", x, spread), num(2))
    below = _deviation(node, _upright(step("var"), node, held))
    across = node.name == "layer_norm"
    scaled = build.mul(_upright(scale, node, rules, across), step("xhat"))
    moved = build.add(scaled, _upright(shift, node, rules, across))
    as_it_is = (scale, shift) == _AS_IT_IS
    return (
        Stage("mu", f"mean{each}", middle),
        Stage("var", f"variance{each}, with 1/n", _reduced("mean", squares, node, rules)),
        Stage("xhat", "with mean 0 and variance 1", op("div", op("sub", x, spread), below)),
        Stage("", "scale 1, shift 0" if as_it_is else "scaled and shifted", moved),
    )


def _each(node: Op, rules: Rules) -> str:
    shape = rules.shape(node.args[0])
    if len(shape) == 1:
        return ""
    return f" of each {('column', 'row')[_axis(node, shape)]}"


def _norm_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    x, *trained = shapes
    if not 1 <= len(x) <= 2:
        raise ShapeError(f"{node.name} takes a vector or a matrix, and this is {described(x)}")
    axis = _axis(node, x)
    own: Shape = x[:axis] + x[axis + 1 :] if node.name == "batch_norm" else (x[axis],)
    for shape, what in zip(trained, ("scale", "shift"), strict=True):
        if shape not in ((), own):
            raise ShapeError(
                f"the {what} of {node.name} is {described(shape)}, and here it is"
                f" {described(own)}, or a number"
            )
    return x


def _standard_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (x,) = shapes
    if axis_of(node, x) is None and len(x) > 1:
        raise ShapeError(
            f"{node.name} of {described(x)} needs an axis",
            "axis=0 (down each column) or axis=1 (along each row)",
        )
    if not x:
        raise ShapeError(f"{node.name} needs a vector or a matrix, and this is a number")
    return x


def _along(name: str, x: Expr, node: Op, rules: Rules) -> Expr:
    """A mean or variance along the node's axis, to be combined with what it is of."""
    if len(rules.shape(node.args[0])) == 1:
        return op(name, x)
    return op(name, x, axis=node.option("axis"), keep=1)


def _standard(node: Op, rules: Rules) -> Expr:
    (x,) = node.args
    below = _deviation(node, _along("var", x, node, rules))
    return op("div", op("sub", x, _along("mean", x, node, rules)), below)


def _standard_shares(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    """The three paths in one: Σ (x - μ) = 0 leaves of the mean's what comes straight from x̂."""
    below = _deviation(node, _along("var", node.args[0], node, rules))
    through_mean = _along("mean", g, node, rules)
    through_variance = build.mul(r, _along("mean", build.mul(r, g), node, rules))
    return (build.div(build.sub(build.sub(g, through_mean), through_variance), below),)


# Attention ----------------------------------------------------------------------------------------


def _attention_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    queries, keys, values = shapes
    if any(len(shape) != 2 for shape in shapes):
        raise ShapeError(
            "attention takes three matrices, a row a position, and these are "
            + ", ".join(map(described, shapes))
        )
    if queries[1] != keys[1]:
        raise ShapeError(
            f"queries and keys have as many columns, and these have {queries[1]} and {keys[1]}"
        )
    if keys[0] != values[0]:
        raise ShapeError(f"each key has a value, and here are {keys[0]} keys, {values[0]} values")
    _check_mask(node, queries, keys)
    for size in (queries[1], values[1]) if _heads(node) > 1 else ():
        if not isinstance(size, int):
            raise ShapeError("several heads need sizes that are numbers")
        if size % _heads(node):
            raise ShapeError(f"{size} columns cannot be shared out to {_heads(node)} heads")
    return (queries[0], values[1])


def _check_mask(node: Op, queries: Shape, keys: Shape) -> None:
    mask = node.option("mask")
    if mask not in (None, "causal"):
        instead = "mask=causal, or softmax(Q @ K.T / sqrt(d) + M, axis=1) @ V"
        raise ShapeError(f"the mask of attention is causal, not {mask}", instead)
    if mask and queries[0] != keys[0]:
        message = "a causal mask needs a query for each key"
        raise ShapeError(f"{message}, and here are {queries[0]} and {keys[0]}")


def _heads(node: Op) -> int:
    heads = node.option("heads", 1)
    if not isinstance(heads, int) or heads < 1:
        raise ShapeError("the number of heads is a whole number", "heads=2")
    return heads


def _attention_steps(node: Op, rules: Rules) -> tuple[Stage, ...]:
    """Scores, their softmax row by row, and what that takes of the values; a head after another."""
    found: list[Stage] = []
    heads = _heads(node)
    for head in range(heads):
        mark, of = (str(head + 1), f" of head {head + 1}") if heads > 1 else ("", "")
        queries, keys, values = (_of_head(arg, head, heads, rules) for arg in node.args)
        width = rules.shape(queries)[1]
        scores = op("matmul", queries, op("transpose", keys))
        if width != 1:
            scores = op("div", scores, op("sqrt", build.size(width)))
        found.append(Stage(f"S{mark}", f"scores{of}", scores))
        masked: Expr = step(f"S{mark}")
        if node.option("mask"):
            size = rules.shape(node.args[0])[0]
            masked = op("add", masked, op("causal_mask", shape=(size, size)))
        found.append(Stage(f"A{mark}", f"attention{of}", op("softmax", masked, axis=1)))
        taken = op("matmul", step(f"A{mark}"), values)
        found.append(Stage(f"O{mark}" if heads > 1 else "", f"output{of}", taken))
    if heads > 1:
        parts = (step(f"O{head + 1}") for head in range(heads))
        found.append(Stage("", "the heads side by side", op("concat", *parts, axis=1)))
    return tuple(found)


def _of_head(a: Expr, head: int, heads: int, rules: Rules) -> Expr:
    """The columns that a head has."""
    if heads == 1:
        return a
    width = int(rules.shape(a)[1]) // heads
    return op("at", a, index=(None, (head * width, (head + 1) * width)))


def _above_diagonal(shape: tuple[int, int] = (1, 1)) -> Array:
    return np.triu(np.full(shape, -np.inf), 1)


def _mask_entry(node: Op, index: Index, write: Entries) -> Expr:
    """0 up to the diagonal and −∞ behind it: the logarithm of 1{j ≤ i}."""
    row, column = index
    if isinstance(row, int) and isinstance(column, int):
        return op("at", node, index=(row, column))
    return op("log", write.within(column, 0, row))


WORKED_OUT = (
    _operation(
        "batch_norm",
        "batch normalisation",
        "BatchNorm",
        _norm_steps,
        _norm_shape,
        options={"epsilon": 0, "axis": None},
        defaults=_AS_IT_IS,
        taken=False,
    ),
    _operation(
        "layer_norm",
        "layer normalisation",
        "LayerNorm",
        _norm_steps,
        _norm_shape,
        options={"epsilon": 0, "axis": None},
        defaults=_AS_IT_IS,
        taken=False,
    ),
    Operation(
        "standardize",
        "standardisation",
        Notation("defined", "standardize"),
        _standard_shape,
        pullback=_standard_shares,
        definition=_standard,
        options={"epsilon": 0, "axis": None},
        along=True,
        taken=False,
    ),
    _operation(
        "attention",
        "attention",
        "Attention",
        _attention_steps,
        _attention_shape,
        options={"mask": None, "heads": 1},
        taken=False,
    ),
    Operation(
        "causal_mask",
        "causal mask",
        Notation("special", "mask"),
        lambda _, node: tuple(n if isinstance(n, int) else str(n) for n in node.option("shape")),  # type: ignore[union-attr]
        _above_diagonal,
        arity=0,
        options={"shape": ...},
        pullback=lambda g, r, node, rules: (),
        entry=_mask_entry,
        rises=True,
        exact=True,
        public=False,
    ),
)
