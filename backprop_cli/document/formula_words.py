"""A formula to what its symbols leave unsaid: what a step is called, what meets every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.document.names import Names
from backprop_cli.document.window_words import WINDOWED, of_windows
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import TABLE, Sizes, operation, written_out

_NOUNS = MappingProxyType(
    {
        "affine": "weighted sum",
        "f": "activation f",
        "matmul": "product",
        "outer": "product",
        "mul": "product",
        "xlogy": "product with a logarithm",
        "add": "sum",
        "sub": "difference",
        "div": "quotient",
        "dropout": "dropout",
        "ratio": "quotient",
        "pow": "power",
        "squared_length": "squared length",
        "neg": "sign",
        "maximum": "larger of two",
        "minimum": "smaller of two",
        "max": "largest entry",
        "linear": "linear output",
        "formula": "formula",
        "transpose": "transpose",
        "stack": "list of entries",
        "concat": "joined vectors",
        "at": "entry taken out",
        "rows": "rows taken out",
        "switch": "comparison",
        "part": "part taken out",
        "positive_part": "part above 0",
        "flatten": "flattening",
        "reshape": "new shape",
        "max_pool": "max pooling",
        "mean_pool": "mean pooling",
        "penalty": "penalty",
        "copy": "equality",
    }
)


def noun(rule: str) -> str:
    """What an operation is called; nothing for one that only moves entries."""
    name = rule.replace("-", "_")
    if rule in LOSSES:
        return "loss"
    if name in _NOUNS:
        return _NOUNS[name]
    return TABLE[name].words if name in TABLE and TABLE[name].public else ""


def unsaid(
    expr: Expr, shapes: Mapping[str, Shape], names: Names, *, goes_back: bool
) -> dict[str, None]:
    """What the symbols of a formula leave unsaid."""
    found: dict[str, None] = {}
    for node in _written(expr, shapes):
        if node.name in _REMARKS:
            found[_REMARKS[node.name](node, names)] = None
        if node.name in WINDOWED:
            found |= dict.fromkeys(of_windows(node, shapes, names, goes_back=goes_back))
        if node.name in _MET:
            found |= dict.fromkeys(_spread_out(node, shapes, names))
    found.pop("", None)
    return found


def _written(expr: Expr, shapes: Mapping[str, Shape]) -> Iterator[Op]:
    """The operations that are printed: what is written as its definition, in that."""
    for node in walk(expr):
        if not isinstance(node, Op):
            continue
        yield node
        if node.name in TABLE and TABLE[node.name].notation.kind == "defined":
            definition = written_out(node, Sizes(shapes, {}))
            yield from (each for each in walk(definition or node) if isinstance(each, Op))


def _named(node: Op, names: Names) -> str:
    if node.option("keep") or operation(node).elementwise:
        return f"the {noun(node.name)}"
    match node.args[0]:
        case Sym(name):
            return names.text(name)
        case Op(name) if called := noun(name):
            return f"the {called}"
    return "it"


_MET = MappingProxyType(
    {
        "add": ("{} is added to {}", "{} is added to {}"),
        "sub": ("{1} is taken from {0}", "{} is taken from {}"),
        "mul": ("{} multiplies {}", "{} multiplies {}"),
        "div": ("{} is divided by {}", "{} divides {}"),
    }
)
"""What a row or column does to all those of a matrix that it meets, on the left and right."""


def _spread_out(node: Op, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """What is done to every row or column by what stands once for all of them."""
    for place, (arg, other) in enumerate(zip(node.args, reversed(node.args), strict=True)):
        inner = _times_numbers(arg, shapes)
        if not isinstance(inner, Op) or _is_number(other, shapes):
            continue
        if inner.name == "per_channel":
            yield _MET[node.name][place].format(
                f"each entry of {_named(inner, names)}", "a whole channel"
            )
        line = _line(inner, shapes)
        if line and not _is_alone(line, other, shapes):
            yield _MET[node.name][place].format(_named(inner, names), f"every {line}")


def _line(node: Op, shapes: Mapping[str, Shape]) -> str:
    """As what something stands once for a whole matrix: a column, a row, or not at all."""
    if node.name in ("column", "row"):
        return node.name
    if node.option("keep") and len(Sizes(shapes, {}).shape(node)) == 2:
        return "row" if node.whole("axis") in (0, -2) else "column"
    if node.name in TABLE and TABLE[node.name].elementwise:  # the root of a row is one
        parts = [arg for arg in node.args if not _is_number(arg, shapes)]
        lines = {_line(arg, shapes) if isinstance(arg, Op) else "" for arg in parts}
        return lines.pop() if len(lines) == 1 else ""
    return ""


def _is_alone(line: str, matrix: Expr, shapes: Mapping[str, Shape]) -> bool:
    """Whether a matrix has one row or column only, of which nothing is to be said."""
    try:
        shape = Sizes(shapes, {}).shape(matrix)
    except (KeyError, ShapeError):
        return False
    return bool(shape) and shape[-1 if line == "column" else 0] == 1


def _is_number(expr: Expr, shapes: Mapping[str, Shape]) -> bool:
    return isinstance(expr, Num) or (isinstance(expr, Sym) and not shapes.get(expr.name))


def _times_numbers(expr: Expr, shapes: Mapping[str, Shape]) -> Expr:
    """What is multiplied and divided by numbers alone."""
    match expr:
        case Op("neg", (inner,)):
            return _times_numbers(inner, shapes)
        case Op("mul", (number, inner)) | Op("div", (inner, number)) if _is_number(number, shapes):
            return _times_numbers(inner, shapes)
    return expr


def _softmax_remark(node: Op, _: Names) -> str:
    axis = node.option("axis")
    if axis is None:
        return ""
    return f"{operation(node).words} along each {'column' if axis in (0, -2) else 'row'}"


def _tilde(node: Op, names: Names) -> str:
    name = _named(node, names)
    if names.ascii:
        return f"{name}~ is {name} without its bias entries"
    return f"{name[0]}\N{COMBINING TILDE}{name[1:]} is {name} without its bias entries"


def _unit(node: Op, names: Names) -> str:
    """What the letter of a unit vector or matrix means: the one that the formulas have."""
    index = node.option("index")
    held = [place for place in index if place is not None] if isinstance(index, tuple) else []
    if not held or not all(isinstance(place, int) for place in held):
        return ""
    return f"{names.units[len(held) > 1]} has a 1 at the index below it and 0 elsewhere"


_REMARKS: Mapping[str, Callable[[Op, Names], str]] = MappingProxyType(
    {
        "softmax": _softmax_remark,
        "log_softmax": _softmax_remark,
        "logsumexp": _softmax_remark,
        "drop_first": _tilde,
        "drop_last": _tilde,
        "causal_mask": lambda node, names: (
            f"mask is 0 up to the diagonal and {'-infinity' if names.ascii else '−∞'} behind it"
        ),
        "channel_sums": lambda node, names: "a sum for each channel",
        "place": _unit,
        "jacobian": lambda node, names: "found by pulling each entry back through every path",
    }
)
