"""A formula to what its symbols leave unsaid: what a step is called, what meets every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.document.names import Names
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.pooling import POOLED, pool_of
from backprop_cli.operations.sliding import sliding
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
        "square": "square",
        "squared_length": "squared length",
        "neg": "change of sign",
        "maximum": "larger of two",
        "minimum": "smaller of two",
        "max": "largest entry",
        "linear": "linear output",
        "formula": "formula",
        "transpose": "transpose",
        "column": "column",
        "row": "row",
        "flat": "flattening",
        "rot": "turn by 180°",
        "diagonal": "diagonal",
        "stack": "list of entries",
        "concat": "joined vectors",
        "at": "entry taken out",
        "at_several": "part taken out",
        "at_row": "row taken out",
        "at_column": "column taken out",
        "rows": "rows taken out",
        "switch": "comparison",
        "part": "part taken out",
        "positive_part": "part above 0",
        "stop_gradient": "value held fixed",
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
        if node.name in _REMARKS and not (goes_back and node.name in _ON_THE_WAY_THERE):
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


_ON_THE_WAY_THERE = frozenset({"stop_gradient"})
"""Of what something is said in the forward pass alone."""

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
        "stop_gradient": lambda node, names: "stopgrad: nothing comes back through it",
        "jacobian": lambda node, names: "found by pulling each entry back through every path",
    }
)


# What slides a window -----------------------------------------------------------------------------


_GOES = {
    "conv_kernel": "every place of the kernel adds up",
    "conv_transpose": "each entry through every window it is in",
    "to_winners": "each entry goes to the largest of its window",
    "to_windows": "each entry goes to all entries of its window",
}
WINDOWED = frozenset({*SLIDING, *POOLED, *_GOES, "zero_padded"})


_PUT = "each entry puts the kernel, that many times, where its window is; what overlaps adds up"


def of_windows(
    node: Op, shapes: Mapping[str, Shape], names: Names, *, goes_back: bool
) -> Iterator[str]:
    """What is said of it beside its formula, forward or where a gradient goes back."""
    if node.name == "conv_transpose" and not goes_back:
        yield _PUT
    elif node.name in _GOES:
        yield _GOES[node.name]
    if node.name in POOLED and not goes_back:
        yield _windows(node, shapes, names)
        yield from _around(node)
    if node.name == "zero_padded" and goes_back and node.whole("width") < 0:
        yield _padded(node.whole("width"))
    if node.name in SLIDING:
        yield from _zeros(node, shapes, names)


def _windows(node: Op, shapes: Mapping[str, Shape], names: Names) -> str:
    """How large the windows are, and how far apart where one does not begin behind the other."""
    how = pool_of(node, Sizes(shapes, {}).shape(node.args[0]))
    size = (" x " if names.ascii else " × ").join([str(how.size)] * how.axes)
    moved = f", which move {how.stride} at a time" if how.stride != how.size else ""
    return f"windows of {size}{moved}"


def _around(node: Op) -> Iterator[str]:
    """What is put around what is pooled, and whether it counts."""
    match node.args[0]:
        case Op("low_padded") as wide:
            width = wide.whole("width")
            what = "−∞" if width == 1 else f"{width} × −∞"
            yield f"pad puts {what} on every side, which is never the largest"
        case Op("zero_padded", (Sym(),)) as wide:
            counted = "" if node.name == "sum_pool" else ", which count in every mean"
            yield _padded(wide.whole("width")) + counted


def _zeros(node: Op, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """Which zeros are put around what slides, and between its entries."""
    how = sliding(node, Sizes(shapes, {}).shape(node.args[0]))
    yield from _apart(node.name, how.stride, how.dilation)
    if node.name != "conv_transpose":
        if how.padding:
            yield _padded(how.padding) + _outside(node.args[0], names)
        return
    sizes = Sizes(shapes, {}).shape(node.args[1])[-how.axes :]
    reaches = [how.reach(size) for size in sizes]
    widths = [size - 1 - how.padding for size in reaches if isinstance(size, int)]
    if len(widths) == len(sizes) and any(widths):
        yield _padded(*widths)


def _apart(name: str, stride: int, dilation: int) -> Iterator[str]:
    """How far what slides moves at a time, and how many zeros stand between neighbours."""
    moves = {"conv": ("the kernel", stride), "conv_kernel": ("what slides", dilation)}
    slider, step = moves.get(name, ("", 1))
    if step != 1:
        yield f"{slider} moves {step} at a time"
    spaced = {"conv": (dilation,), "conv_kernel": (stride,)}.get(name, (stride, dilation))
    zeros = [_counted(step - 1) for step in spaced if step != 1]
    if len({*zeros}) == 2:
        yield f"spaced puts {zeros[0]} between neighbours, in the kernel {zeros[1]}"
    elif zeros:
        yield f"spaced puts {zeros[0]} between neighbours"


def _padded(*widths: int) -> str:
    """How many zeros go on which sides; fewer than none are entries that go."""
    if len({*widths}) == 1:
        return f"{'pad' if widths[0] > 0 else 'crop'} {_taken(widths[0], 'every side')}"
    sides = zip(widths, ("top and bottom", "left and right"), strict=True)
    changes = [_taken(width, where) for width, where in sides if width]
    return f"{'crop' if min(widths) < 0 else 'pad'} {' and '.join(changes)}"


def _taken(width: int, where: str) -> str:
    if width > 0:
        return f"puts {_counted(width)} on {where}"
    return f"takes {-width if width != -1 else 'one'} off {where}"


def _outside(picture: Expr, names: Names) -> str:
    """What the sum over a window meets where its index is none of the picture's."""
    return f": {names.text(picture.name)} is 0 there" if isinstance(picture, Sym) else ""


def _counted(zeros: int) -> str:
    return "1 zero" if zeros == 1 else f"{zeros} zeros"
