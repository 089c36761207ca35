"""Conventions of a trace to the phrases that stand on top of every output."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from backprop_cli.algebra.expr import Op, walk
from backprop_cli.algebra.quantity import layer_name, quantity
from backprop_cli.algebra.shapes import Size
from backprop_cli.document.names import Names, shape_text
from backprop_cli.document.view import View
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.inverses import INVERTED
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import TABLE
from backprop_cli.trace import Trace

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

_SWITCH = "1{…} is 1 where that holds, else 0"
_AFTER = "⁺ marks a value after the update"
_BEFORE = "⁻ one before it"
_AHEAD = "a bar marks a value where momentum is heading, at W + βv"
OF_SOLUTIONS = frozenset({_SWITCH, _BEFORE})
"""What is said of formulas that stand in a solution alone."""
OF_FORMULAS = OF_SOLUTIONS | {_AFTER}
"""What is said of how formulas are printed, which matters nowhere else."""

_TIES = MappingProxyType(
    {
        "first": "the first has the gradient",
        "shared": "all have equal shares of the gradient",
    }
)


def conventions(trace: Trace, view: View, names: Names) -> tuple[str, ...]:
    """Every convention that matters for this trace, a phrase each."""
    said = trace.convention
    affine = _layers(said, view) if _has_weights(trace) else ()
    phrases = [*affine, _samples(trace, view), *_loss(said, trace.samples)]
    used = _operations(trace)
    if used & _LOGARITHMIC:
        phrases.append(_LOG.get(str(said.get("log", "natural")), ""))
    declared = view.layers or said.get("output_gradient") == "fused"
    if declared and any(step.phase == "backward" for step in trace.steps):
        phrases.append(_OUTPUT.get(str(said.get("output_gradient", "")), ""))
    if view.layers and trace.samples is not None and said.get("over_samples") == "mean":
        phrases.append(_batch(said, view))
    phrases.append(_LAYOUT.get(str(said.get("jacobian", "")), ""))
    phrases += _at_kinks(said, _operations(trace, ("forward",)))
    phrases += _signs(trace, used, names)
    phrases += _assumed(said, names)
    phrases.append("functions, powers and / are taken entry by entry")
    phrases += _indices(said, view, names)
    phrases.append(_rounding(said.get("rounding")))
    phrases += [_idle_update(trace), _not_reached(trace, names)]
    return tuple(filter(None, phrases))


def _idle_update(trace: Trace) -> str:
    """That a file says how to update, and names nothing that is trained."""
    trained = any(given.role == "parameter" for given in trace.given.values())
    idle = "learning_rate" in trace.given and not trained
    return "nothing is updated: train names nothing" if idle else ""


def _not_reached(trace: Trace, names: Names) -> str:
    """What is to be trained and has no gradient, since the loss is made without it."""
    moved = {quantity(step.id).by for step in trace.steps if step.phase == "backward"}
    trained = [id for id, given in trace.given.items() if given.role == "parameter"]
    still = ", ".join(names.text(id) for id in trained if id not in moved) if moved else ""
    return f"no gradient reaches {still}" if still else ""


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


def _has_weights(trace: Trace) -> bool:
    """Whether there is a weighted sum to say the form of."""
    names = (layer_name(id) for id in (*trace.given, *trace.unknown))
    return any(name is not None and name.letter == "W" for name in names)


_ONE = MappingProxyType({"height": "one picture", "step": "one sequence, a row a step"})


def _samples(trace: Trace, view: View) -> str:
    drawn = "row" if view.rows else "column"
    if not view.layers:
        return f"vectors are drawn as {drawn}s"
    x = trace.given.get("X") or trace.unknown.get("X")
    if x is not None and "picture" in x.axes:
        return f"{trace.samples} pictures, {drawn}s where they are vectors"
    for axis, words in _ONE.items():
        if x is not None and axis in x.axes:
            return words
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


def _loss(said: Mapping[str, object], samples: Size | None) -> Iterator[str]:
    loss = said.get("loss")
    if not isinstance(loss, str):
        return
    words = LOSSES[loss].words if loss in LOSSES else loss if loss != "formula" else "as given"
    over = said.get("over_samples") if samples is not None else None
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
        yield _SWITCH
    if not names.ascii and used & INVERTED:
        yield "A⁻¹ is the inverse of a matrix, |A| its determinant"
    if "cof" in used:
        regular = "det(A) * inv(A).T" if names.ascii else "|A| A⁻ᵀ"
        yield f"cof(A) are the cofactors of a matrix: {regular} where it has an inverse"
    if "cof_along" in used:
        change = "cof_along(A, G)" if names.ascii else "cof′(A, G)"
        yield f"{change} is how the cofactors of A change along G: cof(A + tG) derived by t at 0"
    yield from _sliding(trace, used, names)
    yield from _of_their_own(trace)
    if not names.ascii and any(quantity(step.id).part == "new" for step in trace.steps):
        yield _AFTER
    if not names.ascii and any(quantity(id).part == "old" for id in trace.given):
        yield _BEFORE
    if not names.ascii and any(quantity(step.id).part == "ahead" for step in trace.steps):
        yield _AHEAD


def _of_their_own(trace: Trace) -> Iterator[str]:
    """What functions are that not every reader knows."""
    nodes = [node for step in trace.steps for node in walk(step.expr) if isinstance(node, Op)]
    for options, plain, general in _CUT_OFF:
        found = [node for node in nodes if node.name in options]
        for limit in dict.fromkeys(node.option(options[node.name], 1) for node in found):
            yield plain if limit == 1 else general.format(limit)
    if any(node.name in _NORMAL for node in nodes):
        yield "GELU(u) = u · Φ(u), Φ the standard normal distribution function, φ its density"


_CUT_OFF = (
    (
        {"huber": "delta"},
        "huber(u) = u²/2 where |u| ≤ 1, else |u| − ½",
        "huber(u; {0}) = u²/2 where |u| ≤ {0}, else {0} · (|u| − {0}/2)",
    ),
    (
        {"clip": "limit", "huber": "delta"},  # the slope of the one is the other
        "clip(u) = max(−1, min(1, u))",
        "clip(u; {0}) = max(−{0}, min({0}, u))",
    ),
)
_NORMAL = frozenset({"gelu", "normal_cdf", "normal_pdf"})

_ASSUMED = MappingProxyType(
    {
        "symmetric": "{} is symmetric",
        "one-hot": "{} is one-hot: its entries add up to 1",
        "distribution": "{} is a distribution: its entries add up to 1",
    }
)


def _assumed(said: Mapping[str, object], names: Names) -> Iterator[str]:
    """What derivations may use of what is given."""
    assumed = said.get("assume")
    for name, kind in assumed.items() if isinstance(assumed, Mapping) else ():
        yield _ASSUMED[kind].format(names.text(name))


def _sliding(trace: Trace, used: set[str], names: Names) -> Iterator[str]:
    """Which way a kernel lies when it slides."""
    if not used & SLIDING:
        return
    yield f"{'(*)' if names.ascii else '∗'} slides the kernel as it is (cross-correlation)"
    if trace.convention.get("convolution") == "flipped":
        yield "a convolution turns its kernel by 180° first: rot"
    elif "conv_transpose" in used:
        yield "rot turns by 180°"


def _at_kinks(said: Mapping[str, object], used: set[str]) -> Iterator[str]:
    """The values taken where a function that occurs has no derivative, and of step(0) itself."""
    kinks = said.get("kinks")
    if not isinstance(kinks, Mapping):
        return
    found = sorted({kink for name in used if (kink := _kink(name))})
    for kink in found:
        value = kinks.get(kink, kinks.get(kink.replace("_", "-"), 0))
        taken = _TIES.get(value) or f"each gets {value:g}" if kink == "max" else f"{value:g}"
        yield _KINKED.get(kink, kink + "′ = {} at its kink").format(taken)
    if "step" in used:
        yield f"step(0) = {kinks.get('step_at_zero', 1):g}"


def _kink(name: str) -> str | None:
    """Where an operation has no derivative, by name; the largest over a letter is a maximum."""
    return TABLE[name].kink if name in TABLE else _KINKS_OVER_LETTERS.get(name)


_KINKS_OVER_LETTERS = MappingProxyType({"max_over": "max"})


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
