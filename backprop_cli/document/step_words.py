"""Steps, sections and quantities to the words that stand beside the formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, symbols, walk
from backprop_cli.algebra.quantity import from_outside, ids_written, layer_name, quantity, whole_id
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.document.names import Names, shape_text
from backprop_cli.document.view import View
from backprop_cli.document.window_words import WINDOWED, of_windows
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import TABLE, Sizes, operation, written_out
from backprop_cli.trace import Step

SECTIONS = MappingProxyType(
    {
        "given": "Given",
        "forward": "Forward",
        "backward": "Backward",
        "ahead": "Where momentum is heading",
        "update": "Update",
        "forward-again": "After the update",
        "closing": "Results",
        "training": "Loss",
    }
)

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
_SECTIONS_OF_RULES = MappingProxyType(
    {
        "forward-again": "forward-again",
        "ahead": "ahead",
        "forward-ahead": "ahead",
        "gradient-ahead": "ahead",
    }
)
"""Of steps that stand in sections of their own within the update."""

_RULES = MappingProxyType(
    {
        "upstream": "given from outside",
        "sum-over-paths": "the paths add up",
        "fused": "the shortcut",
        "through-time": "from the end to the start",
        "at-every-step": "at every step",
        "forward-again": "",
        "ahead": "the old value and what momentum adds to it",
        "forward-ahead": "",
        "gradient-ahead": "the gradient there",
        "clip-norm": "how long all gradients are together",
        "clip-scale": "what makes them short enough",
    }
)


def reason(step: Step) -> str:
    """What a step is, in a few words: as the trace has it, else from its rule."""
    if step.words:
        return step.words
    if step.rule in _RULES:
        return _RULES[step.rule]
    if step.rule.startswith("through-"):
        return _through(step.rule.removeprefix("through-"))
    if step.phase == "update":
        return _UPDATES.get(quantity(step.id).part, "optimizer state")
    return "how each entry acts on each" if step.phase == "jacobian" else noun(step.rule)


_UPDATES = MappingProxyType({"new": "the new value", "change": "what is added"})


def _through(rule: str) -> str:
    found = noun(rule)
    return f"through the {found}" if found else ""


def noun(rule: str) -> str:
    """What an operation is called; nothing for one that only moves entries."""
    name = rule.replace("-", "_")
    if rule in LOSSES:
        return "loss"
    if name in _NOUNS:
        return _NOUNS[name]
    return TABLE[name].words if name in TABLE and TABLE[name].public else ""


_STATED = MappingProxyType(
    {
        "X": "input",
        "Y": "target",
        "W": "weights of layer {}",
        "U": "input weights of layer {}",
        "b": "bias of layer {}",
        "bW": "recurrent bias of layer {}",
        "gamma": "scale of layer {}",
        "alpha": "slope of layer {} below 0",
        "beta": "shift of layer {}",
        "D": "dropout mask of layer {}",
        "E": "table of layer {}",
        "WQ": "query weights of layer {}",
        "WK": "key weights of layer {}",
        "WV": "value weights of layer {}",
        "K": "kernel of layer {}",
        "skip": "weights of the skip from {1} into layer {0}",
    }
)


def stated(id: str, role: str, view: View) -> str:
    """What a quantity is that a problem states without numbers."""
    if view.layers and id in ("X", "Y"):
        return _STATED[id]
    if from_outside(id) is not None:
        return "gradient from outside"
    if role == "state":
        return "optimizer state"
    found = layer_name(id) if view.layers else None
    if view.layers and (words := _over_time(id)):
        return words
    if found is None or found.letter not in _STATED:
        return "parameter" if role == "parameter" else "given"
    source = f"layer {found.source}" if found.source != 0 else view.notation.input
    words = _STATED[found.letter if found.source is None else "skip"]
    return words.format(found.layer, source)


_OF_A_GATE = MappingProxyType({"U": "input weights", "W": "recurrent weights", "b": "bias"})
_BEFORE = MappingProxyType({"H": "state", "c": "cell"})


def _over_time(id: str) -> str:
    """What a gate's parameter is, or what a layer over time starts from; nothing for others."""
    base, _, below = id.rpartition("_")
    found = layer_name(base)
    if found is None:
        return ""
    if below == "0" and found.letter in _BEFORE:
        return f"{_BEFORE[found.letter]} of layer {found.layer} before step 1"
    if below.isalpha() and found.letter in _OF_A_GATE:
        return f"{_OF_A_GATE[found.letter]} of layer {found.layer}, gate {below}"
    return ""


PARAMETERS = "parameters together"
"""What the number of all trained numbers is called."""


def after_updates(updates: int) -> str:
    """How far training went."""
    return "after the update" if updates == 1 else f"after {updates} updates"


def section_of(step: Step) -> str:
    """The section that a step is in."""
    return _SECTIONS_OF_RULES.get(step.rule, "backward" if step.phase == "jacobian" else step.phase)


def remarks(step: Step, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """What the formula of a step leaves unsaid: what δ is, what is added to every column."""
    yield from _delta(step, names)
    yield from _factors(step, shapes, names)
    yield from _operations(step, shapes, names)
    yield from _softmax(step, names)
    yield from _standardized(step, names)


def _factors(step: Step, shapes: Mapping[str, Shape], names: Names) -> Iterator[str]:
    """In a derivation in symbols, the shapes of what the formula is made of."""
    if step.value is None and not isinstance(step.expr, Sym) and step.shape:
        times = "x" if names.ascii else "×"
        used = [(names.text(name), shapes.get(name, ())) for name in symbols(step.expr)]
        said = [f"{text} ({shape_text(shape, times)})" for text, shape in used if shape]
        if said:
            yield f"from {', '.join(said)}"


def _softmax(step: Step, names: Names) -> Iterator[str]:
    """Where the formula comes from that goes back through many softmaxes at once."""
    if step.rule != "through-softmax":
        return
    match step.expr:
        case Op("mul", (Sym(p), Op("sub", (Sym(upstream), Op("sum") as summed)))):
            each = [name for axis, name in enumerate(step.axes) if axis != summed.option("axis")]
            g, p_i, p_j = (names.text(id) for id in (f"{upstream}[i]", f"{p}[i]", f"{p}[j]"))
            total, dot, minus = ("sum over i of", "*", "-") if names.ascii else ("Σᵢ", "·", "−")
            yield (
                f"in each {' and '.join(each)} {total} {g} {dot} {p_i} {dot} "
                f"(1{{i = j}} {minus} {p_j}), where 1{{i = j}} leaves one term"
            )


def _standardized(step: Step, names: Names) -> Iterator[str]:
    """What became of the paths through the mean and the variance."""
    if step.rule == "through-standardize":
        total, mean = ("sum of", "mu") if names.ascii else ("Σ", "μ")
        yield (
            f"three paths in one: {total} (x - {mean}) = 0, so that nothing comes through the"
            " variance to the mean"
        ).replace("-", "-" if names.ascii else "−")


def _delta(step: Step, names: Names) -> Iterator[str]:
    """What δ stands for, where it is worked out."""
    if whole_id(step.id) in names.deltas:
        plain = replace(names, deltas=frozenset())
        yield f"{names.text(step.id)} = {plain.text(step.id)}"


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


def _operations(step: Step, shapes: Mapping[str, Shape], names: Names) -> tuple[str, ...]:
    found = unsaid(step.expr, shapes, names, goes_back=step.phase != "forward")
    stacked = isinstance(step.expr, Op) and step.expr.name == "stack" and len(step.shape) == 2
    if stacked and step.rule != "over-time":  # whose words say so
        found["a row each"] = None
    if len(step.shape) == 3 and step.axes[:1] == ("sample",):
        found["a block for each sample"] = None
    return tuple(found)


def in_symbols(note: str, names: Names) -> str:
    """A note with the ids in it printed as in the formulas: `H1[2]` as H¹₂."""
    return ids_written(note, lambda text: _symbol(text, names))


def _symbol(text: str, names: Names) -> str:
    return names.text(text.replace(" ", "")) if whole_id(text) in names.bases else text


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


def _unit(node: Op) -> str:
    """What the letter of a unit vector or matrix means: the one that the formulas have."""
    index = node.option("index")
    held = [place for place in index if place is not None] if isinstance(index, tuple) else []
    if not held or not all(isinstance(place, int) for place in held):
        return ""
    return f"{'e' if len(held) == 1 else 'E'} has a 1 at the index below it and 0 elsewhere"


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
        "place": lambda node, names: _unit(node),
        "jacobian": lambda node, names: "found by pulling each entry back through every path",
    }
)
