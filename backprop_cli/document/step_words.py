"""Steps, sections and quantities to the words that stand beside the formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.expr import Op, Sym, symbols
from backprop_cli.algebra.quantity import from_outside, ids_written, layer_name, quantity, whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.formula_words import noun, unsaid
from backprop_cli.document.names import Names, shape_text
from backprop_cli.document.view import View
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
        "by-update": "After every update",
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
        "through-time-down": "from the first step to the last",
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
            along = summed.option("axis")  # None: over all, of one vector
            each = [name for axis, name in enumerate(step.axes) if along not in (axis, None)]
            where = f"in each {' and '.join(each)}" if each else "entry j is"
            g, p_i, p_j = (names.text(id) for id in (f"{upstream}[i]", f"{p}[i]", f"{p}[j]"))
            total, dot, minus = ("sum over i of", "*", "-") if names.ascii else ("Σᵢ", "·", "−")
            yield (
                f"{where} {total} {g} {dot} {p_i} {dot} "
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
