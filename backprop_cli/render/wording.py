"""Conventions, steps and sections to the words that stand beside the formulas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.expr import Op, walk
from backprop_cli.algebra.quantity import ids_written, layer_name, quantity, whole_id
from backprop_cli.algebra.shapes import Size
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import TABLE, operation
from backprop_cli.render.formula import shape_text
from backprop_cli.render.names import Names
from backprop_cli.render.view import View
from backprop_cli.trace import Step, Trace

SECTIONS = MappingProxyType(
    {
        "given": "Given",
        "forward": "Forward",
        "backward": "Backward",
        "update": "Update",
        "forward-again": "After the update",
        "closing": "Results",
        "training": "Loss",
    }
)

PROGRAM = MappingProxyType({"title": "Forward, backward, update."})
"""What a program is called whose problem has no title."""

GRAPH = MappingProxyType(
    {
        "title": "Computation graph",
        "data": "data",
        "parameter": "parameter",
        "constant": "constant",
        "computed": "computed",
        "result": "differentiated",
        "gradient": "gradient",
    }
)

_AFFINE = MappingProxyType(
    {
        "W x + b": "{W} {x} + {b}",
        "W^T x + b": "{W}ᵀ {x} + {b}",
        "x W + b": "{x} {W} + {b}",
        "x W^T + b": "{x} {W}ᵀ + {b}",
    }
)
_BIAS = MappingProxyType(
    {
        ("first", True): "bias: the first column of {W}",
        ("first", False): "bias: the first row of {W}",
        ("last", True): "bias: the last column of {W}",
        ("last", False): "bias: the last row of {W}",
    }
)
_LAYOUT = MappingProxyType(
    {
        "numerator": "Jacobians ∂A/∂B: A's axes, then B's (numerator layout)",
        "denominator": "Jacobians ∂A/∂B: B's axes, then A's (denominator layout)",
    }
)
_OUTPUT = MappingProxyType(
    {
        "chain": "output gradient by the chain rule",
        "fused": "output gradient straight to ŷ − y where that holds",
    }
)
_LOG = MappingProxyType(
    {"natural": "natural logarithm", "2": "logarithm to base 2", "10": "logarithm to base 10"}
)
_LOGARITHMIC = frozenset({"log", "xlogy", "logsumexp", "log_softmax"})
_KINKED = MappingProxyType(
    {
        "relu": "ReLU′(0) = {}",
        "leaky_relu": "LeakyReLU′(0) = {}",
        "abs": "|x|′ = {} at 0",
        "max": "of several equal maxima {}",
        "hinge": "max(0, x)′ = {} at 0",
        "step": "step′(0) = {}",
    }
)

_TIES = MappingProxyType(
    {
        "first": "the first has the gradient",
        "shared": "all have equal shares of the gradient",
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
        "ratio": "quotient",
        "pow": "power",
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
        "part": "part taken out",
        "positive_part": "part above 0",
        "penalty": "penalty",
        "copy": "equality",
    }
)
_RULES = MappingProxyType(
    {
        "upstream": "given from outside",
        "sum-over-paths": "the paths add up",
        "fused": "the shortcut",
        "forward-again": "",
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
    return "how each entry acts on each" if step.phase == "jacobian" else _noun(step.rule)


_UPDATES = MappingProxyType({"new": "the new value", "change": "what is added"})


def _through(rule: str) -> str:
    noun = _noun(rule)
    return f"through the {noun}" if noun else ""


def _noun(rule: str) -> str:
    """What an operation is called; nothing for one that only moves entries."""
    name = rule.replace("-", "_")
    if rule in LOSSES:
        return "loss"
    if name in _NOUNS:
        return _NOUNS[name]
    return TABLE[name].words if name in TABLE and TABLE[name].public else ""


def conventions(trace: Trace, view: View, names: Names) -> tuple[str, ...]:
    """Every convention that matters for this trace, a phrase each."""
    said = trace.convention
    phrases = [*_layers(said, view), _samples(trace, view), *_loss(said, names)]
    used = _operations(trace)
    if used & _LOGARITHMIC:
        phrases.append(_LOG.get(str(said.get("log", "natural")), ""))
    declared = view.layers or said.get("output_gradient") == "fused"
    if declared and any(step.phase == "backward" for step in trace.steps):
        phrases.append(_OUTPUT.get(str(said.get("output_gradient", "")), ""))
    if view.layers and names.batch and said.get("over_samples") == "mean":
        phrases.append(_batch(said, view))
    phrases.append(_LAYOUT.get(str(said.get("jacobian", "")), ""))
    phrases += _at_kinks(said, _operations(trace, ("forward",)))
    phrases += _signs(trace, used, names)
    phrases.append("functions, powers and / are taken entry by entry")
    phrases += _indices(said, view, names)
    phrases.append(_rounding(said.get("rounding")))
    return tuple(filter(None, phrases))


def _layers(said: Mapping[str, object], view: View) -> Iterator[str]:
    affine = str(said.get("affine", ""))
    if not view.layers or affine not in _AFFINE:
        return
    separate = said.get("bias", "separate") == "separate"
    form = _AFFINE[affine] if separate else _AFFINE[affine].replace(" + {b}", "")
    letters = {"W": view.notation.weights, "x": view.notation.input, "b": view.notation.bias}
    yield f"{view.notation.pre.lower()} = {form.format(**letters)}"
    bias = _BIAS.get((str(said.get("bias")), affine in ("W x + b", "x W^T + b")))
    if bias:
        yield f"{bias.format(**letters)}, its input {said.get('bias_input', 1):g}"


def _samples(trace: Trace, view: View) -> str:
    drawn = "row" if view.rows else "column"
    if not view.layers:
        return f"vectors are drawn as {drawn}s"
    if trace.samples is None:
        return f"one sample, a {drawn}"
    return f"a batch of {trace.samples}, samples are {drawn}s"


def _batch(said: Mapping[str, object], view: View) -> str:
    """Of which loss the gradients of a batch are."""
    if said.get("batch_gradients") != "per-sample":
        return ""
    letters = view.notation
    own = ", ".join(f"∂{letters.loss}/∂{each}" for each in (letters.pre, letters.post))
    shared = " and ".join(f"∂{letters.loss}/∂{each}" for each in (letters.weights, letters.bias))
    return f"{own} are of each sample's own loss: 1/M comes in with {shared}"


def _loss(said: Mapping[str, object], names: Names) -> Iterator[str]:
    loss = said.get("loss")
    if not isinstance(loss, str):
        return
    words = LOSSES[loss].words if loss in LOSSES else loss if loss != "formula" else "as given"
    over = said.get("over_samples") if names.batch else None
    yield f"loss: {words}" + (f", {over} over the samples" if over else "")


def _operations(
    trace: Trace, phases: Collection[str] = ("forward", "backward", "jacobian")
) -> set[str]:
    return {
        node.name
        for step in trace.steps
        if step.phase in phases and step.rule != "decision"
        for node in walk(step.expr)
        if isinstance(node, Op)
    }


def _signs(trace: Trace, used: set[str], names: Names) -> Iterator[str]:
    """What notation of our own means."""
    if used & {"switch", "largest_shares"}:
        yield "1{…} is 1 where that holds, else 0"
    if not names.ascii and any(quantity(step.id).part == "new" for step in trace.steps):
        yield "⁺ marks a value after the update"
    if not names.ascii and any(quantity(id).part == "old" for id in trace.given):
        yield "⁻ one before it"


def _at_kinks(said: Mapping[str, object], used: set[str]) -> Iterator[str]:
    """The values taken where a function that occurs has no derivative, and of step(0) itself."""
    kinks = said.get("kinks")
    if not isinstance(kinks, Mapping):
        return
    found = sorted({kink for name in used if name in TABLE and (kink := TABLE[name].kink)})
    for kink in found:
        value = kinks.get(kink, kinks.get(kink.replace("_", "-"), 0))
        taken = _TIES.get(value) or f"each gets {value:g}" if kink == "max" else f"{value:g}"
        yield _KINKED.get(kink, kink + "′ = {} at its kink").format(taken)
    if "step" in used:
        yield f"step(0) = {kinks.get('step_at_zero', 1):g}"


def _indices(said: Mapping[str, object], view: View, names: Names) -> Iterator[str]:
    """From where indices count, and to where where letters do."""
    runs = said.get("indices_run")
    if not isinstance(runs, tuple) or not runs:
        yield f"indices from {said.get('indices', view.indices)}"
        return
    to = " to " if names.ascii else " … "
    ranges: dict[tuple[int, Size], list[str]] = {}
    for letter, first, last in runs:
        ranges.setdefault((first, last), []).append(letter)
    times = "x" if names.ascii else "×"
    for (first, last), letters in ranges.items():
        yield f"{', '.join(letters)} = {first}{to}{shape_text((last,), times)}"
    if said.get("bias", "separate") != "separate":
        place = "0" if said["bias"] == "first" else "the last one"
        yield f"an input's index {place} stands for the bias input {said.get('bias_input', 1):g}"


def _rounding(said: object) -> str:
    if isinstance(said, Mapping):
        kind = next((key for key in ("decimals", "significant") if key in said), None)
        if kind is None:
            return ""
        digits = "decimals" if kind == "decimals" else "significant digits"
        return f"rounded after every step to {said[kind]} {digits} ({said.get('mode', 'half-up')})"
    return str(said) if said else ""


class RoundingCode(Struct, frozen=True):
    """How a program rounds after every step: the name of the mode, and the function."""

    mode: str
    lines: str


_ROUNDING_MODES = MappingProxyType(
    {"half-up": "ROUND_HALF_UP", "half-even": "ROUND_HALF_EVEN", "truncate": "ROUND_DOWN"}
)


def program_rounding(said: object) -> RoundingCode | None:
    """The function with which a program rounds as the problem says; None where it does not."""
    if not isinstance(said, Mapping):
        return None
    mode = _ROUNDING_MODES[str(said.get("mode", "half-up"))]
    kind = "decimals" if "decimals" in said else "significant"
    count = int(said[kind])
    places = count if kind == "decimals" else f"{count - 1} - exact.adjusted()"
    lines = (
        "def rounded(x):\n"
        "    exact = Decimal(repr(float(x)))\n"
        "    if exact == 0 or not exact.is_finite():\n"
        "        return float(x)\n"
        f"    return float(exact.quantize(Decimal(1).scaleb(-({places})), {mode}))"
    )
    return RoundingCode(mode, lines)


_STATED = MappingProxyType(
    {
        "X": "input",
        "Y": "target",
        "W": "weights of layer {}",
        "b": "bias of layer {}",
        "skip": "weights of the skip from {1} into layer {0}",
    }
)


def stated(id: str, role: str, view: View) -> str:
    """What a quantity is that a problem states without numbers."""
    if view.layers and id in ("X", "Y"):
        return _STATED[id]
    found = layer_name(id) if view.layers else None
    if found is None or found.letter not in _STATED:
        return "parameter" if role == "parameter" else "given"
    source = f"layer {found.source}" if found.source != 0 else view.notation.input
    words = _STATED[found.letter if found.source is None else "skip"]
    return words.format(found.layer, source)


PARAMETERS = "parameters together"
"""What the number of all trained numbers is called."""


def after_updates(updates: int) -> str:
    """How far training went."""
    return "after the update" if updates == 1 else f"after {updates} updates"


def remarks(step: Step, names: Names) -> tuple[str, ...]:
    """What the symbols of a step leave unsaid: what is added to every column, what ~ means."""
    found: dict[str, None] = {}
    for node in walk(step.expr):
        if isinstance(node, Op) and node.name in _REMARKS:
            found[_REMARKS[node.name](node, names)] = None
        if isinstance(node, Op) and node.name in _MET:
            found |= dict.fromkeys(_spread_out(node, names))
    found.pop("", None)
    if len(step.shape) == 3 and step.axes[:1] == ("sample",):
        found["a block for each sample"] = None
    return tuple(found)


def in_symbols(note: str, names: Names) -> str:
    """A note with the ids in it printed as in the formulas: `H1[2]` as H¹₂."""
    return ids_written(note, lambda text: _symbol(text, names))


def _symbol(text: str, names: Names) -> str:
    return names.text(text.replace(" ", "")) if whole_id(text) in names.bases else text


def _named(node: Op, names: Names) -> str:
    inner = node.args[0]
    return names.text(inner.name) if not isinstance(inner, Op) and hasattr(inner, "name") else "it"


_MET = MappingProxyType(
    {
        "add": ("is added to", "is added to"),
        "sub": ("is what is taken from", "is taken from"),
        "mul": ("multiplies", "multiplies"),
        "div": ("is divided by", "divides"),
    }
)
"""What a row or column does to a matrix that it meets, on the left and on the right."""


def _spread_out(node: Op, names: Names) -> Iterator[str]:
    """What is done to every row or column by what stands once for all of them."""
    for place, arg in enumerate(node.args):
        inner = arg.args[0] if isinstance(arg, Op) and arg.name == "neg" else arg
        if isinstance(inner, Op) and inner.name in ("column", "row"):
            yield f"{_named(inner, names)} {_MET[node.name][place]} every {inner.name}"


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
    if not isinstance(index, tuple) or not all(isinstance(place, int) for place in index):
        return ""
    return f"{'e' if len(index) == 1 else 'E'} has a 1 at the index below it and 0 elsewhere"


_REMARKS: Mapping[str, Callable[[Op, Names], str]] = MappingProxyType(
    {
        "softmax": _softmax_remark,
        "log_softmax": _softmax_remark,
        "logsumexp": _softmax_remark,
        "drop_first": _tilde,
        "drop_last": _tilde,
        "place": lambda node, names: _unit(node),
        "jacobian": lambda node, names: "found by pulling each entry back through every path",
    }
)
