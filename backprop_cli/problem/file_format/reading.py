"""The bytes of a problem file -> Problem, with everything that is wrong with it told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from backprop_cli.errors import Complaints
from backprop_cli.problem.file_format import stray
from backprop_cli.problem.file_format.composed_fields import ByKind, ListOf, Made, NamedOf
from backprop_cli.problem.file_format.fields import (
    Bounds,
    Choice,
    Integer,
    Numbers,
    Placed,
    Schema,
    Size,
    Words,
)
from backprop_cli.problem.file_format.flat_networks import put_in_layers
from backprop_cli.problem.file_format.layer_keys import LAYERS
from backprop_cli.problem.file_format.model_keys import (
    CONVENTION,
    EQUATIONS,
    LOSS,
    NOTATION,
    PENALTY,
)
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.file_format.together import _OF_LAYERS, check_together
from backprop_cli.problem.file_format.training_keys import ASK, GRADING, ROUNDING, UPDATE, VARY
from backprop_cli.problem.ids import loss_gradient_of, said_of_gradient, taken
from backprop_cli.problem.problem_data import Convention, Labels, Problem, Text, Values
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.lexer import is_name, plain_name, unprimed
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, read_tree
from backprop_cli.problem.typed_numbers import shown


def read_problem(data: bytes, complaints: Complaints) -> Problem | None:
    """What a problem file says, as far as it can be read; None where nothing can be made of it."""
    node = read_tree(data, complaints)
    if node is None or stray.is_told(node, complaints):
        return None
    keys = {*PROBLEM.keys, *PROBLEM.aliases}
    if isinstance(node, MapNode):
        stray.put_outermost(node, keys, complaints)
        stray.put_under_convention(node, CONVENTION.keys, complaints)
    if isinstance(node, MapNode) and "layers" not in node.entries:
        stray.put_under_equations(node, keys, complaints)
        if "equations" not in node.entries:
            put_in_layers(node, complaints)
            stray.name_numbers(node, keys, complaints)
        stray.put_under_shapes(node, keys - {*_OF_LAYERS}, complaints)
        stray.put_under_values(node, keys - {*_OF_LAYERS}, complaints)
    return PROBLEM.read(node, "the file", complaints)


def schema() -> Schema:
    """The JSON Schema of a problem file, for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "backprop problem"}
    return {**head, **PROBLEM.schema()}


def _labels(given: Given) -> Labels:
    return Labels(given.get("labels", ()), given.get("classes", 1), given.mark)


def _names(found: dict[str, tuple[Text, Any]], _node: Node, complaints: Complaints) -> Any:
    """Keeps what has a name that an equation can use."""
    plain: dict[str, str] = {}
    for name, (text, _) in found.items():
        if (first := plain.setdefault(plain_name(name), name)) != name:
            message = f"{shown(name)} and {shown(first)} are one name to a program"
            complaints.add(message, text.mark, "a name of its own")
        if (gradient := said_of_gradient(name)) is not None:
            complaints.add(gradient[0], text.mark, gradient[1])
        elif not is_name(name):
            message = f"{shown(name)} is not a name: a letter, then letters, digits, underscores"
            complaints.add(message, text.mark, unprimed(name))
        elif (why := taken(name)) is not None:
            complaints.add(why[0], text.mark, why[1])
    return found


def _from_outside(found: Mapping[str, tuple[Text, Values]], *_: object) -> Any:
    """What `upstream` gives, of h for h and for ∂L/∂h."""
    return {
        name: (Text(loss_gradient_of(name) or text.text, text.mark), values)
        for name, (text, values) in found.items()
    }


LABELS = Record(
    "`y`",
    {
        "labels": Key(
            ListOf(Integer(Bounds(at_least=0)), "a list of class numbers", single=True),
            "the class of each sample",
            required=True,
        ),
        "classes": Key(Integer(Bounds(at_least=1)), "how many classes there are", required=True),
    },
    _labels,
    meant=other_keys.OF_LABELS,
)
TARGETS: ByKind[Any] = ByKind(
    "numbers, or `{labels: [2, 1], classes: 3}`",
    scalar=Numbers(),
    listed=Numbers(deepest=3),
    mapped=LABELS,
)
_NUMBERS, _NUMBERS_OR_LETTERS = (
    NamedOf(each, "a mapping from names to numbers", "{W: [[1, 0], [0, 1]], b: [0, -1]}")
    for each in (Numbers(deepest=4, masks=True), Numbers(letters=True, deepest=4, masks=True))
)
_SHAPE = ListOf(Size(sums=True), "a list of sizes, such as [M, N]", single=True)
_TEXTS = {
    "title": "what the problem is called",
    "source": "where it is from",
    "id": "a short name for it",
    "notes": "anything else",
}


_TYPED_AS: Mapping[str, Sequence[str]] = MappingProxyType(
    {"input": ("x",), "inputs": ("x",), "samples": ("x", "y")}
)
"""Where people from elsewhere write what belongs under other keys."""


def _problem(given: Given) -> Problem:
    values = dict(given.values)
    loss = values.get("loss")
    if loss is not None and loss.function.name == "none":
        values["loss"] = None
    if given.has("convention") and ("convention" in given.meant or "convention" not in values):
        values["convention"] = replace(given.get("convention", Convention()), oriented=False)
    for key, names in _TYPED_AS.items():
        if given.has(key) and key not in values:  # said to be these, which are not missing as well
            unread = Values(None, given.value_at(key))
            values |= {name: unread for name in names if not given.has(name)}
    problem = Problem(**values, lost=frozenset(_lost(given)))
    check_together(problem, given)
    return problem


def _lost(given: Given) -> Iterator[str]:
    """The words of `values` and `shapes` that came to nothing, and of equations complained of."""
    wrong = {complaint.mark.line for complaint in given.complaints.found}
    yield from given.meant.keys() & {"upstream"}
    for key in ("values", "shapes", "equations"):
        entry = given.entries.get(key)
        if entry is None:
            continue
        if key in given.values and key != "equations":
            read = given.values[key]
            yield from (name for name in getattr(entry.value, "entries", ()) if name not in read)
            continue
        value = entry.value
        items = value.items if key == "equations" and isinstance(value, ListNode) else [value]
        ends = [item.line for item in items[1:]] + [max(wrong, default=0) + 1]
        for item, end in zip(items, ends, strict=False):
            if not wrong.isdisjoint(range(item.line, max(end, item.line + 1))):
                yield from stray.words(item)


_ONLY_LAYERS_HAVE = frozenset({"weights", "activation", "units"})


def _by_form(entry: Entry) -> str | None:
    """What to write for a layer under a name of its own, such as `hidden`, and for a gradient."""
    if gradient := said_of_gradient(entry.key.text):
        return gradient[1]
    node = entry.value
    is_layer = isinstance(node, MapNode) and not _ONLY_LAYERS_HAVE.isdisjoint(node.entries)
    return other_keys.A_LAYER if is_layer else None


PROBLEM = Record(
    "a problem file",
    {
        **{name: Key(Words(), says) for name, says in _TEXTS.items()},
        "convention": Key(CONVENTION, "how things are written"),
        "notation": Key(NOTATION, "what quantities are called in print"),
        "x": Key(
            Numbers(letters=True, deepest=4),
            "the input: a vector, or a list of vectors, a sample each; letters stay free",
        ),
        "input": Key(
            ByKind(
                "`picture`, `pictures` or `sequence`",
                scalar=Choice(
                    ("samples", "picture", "pictures", "sequence"), meant=other_keys.INPUTS
                ),
                instead="x: […] for the numbers; `input: picture` where x is one picture",
            ),
            "`picture`: x is one sample, a matrix or a list of matrices, a channel each; "
            "`pictures`: x is a list of such pictures, a sample each; "
            "`sequence`: x is one sample, a vector a time step",
            default="samples",
        ),
        "y": Key(TARGETS, "the target, or class numbers"),
        "samples": Key(
            Size("x: [[1, 0], [0, 1]] and y, a list a sample"),
            "how many samples, where there are no numbers",
        ),
        "inputs": Key(
            Size("x: […] for the numbers"), "how many inputs, where there are no numbers"
        ),
        "layers": Key(LAYERS, "a feed-forward network"),
        "values": Key(
            Made(_NUMBERS_OR_LETTERS, _names),
            "the numbers that the equations start from; letters stay free",
        ),
        "shapes": Key(
            Made(NamedOf(_SHAPE, "a mapping from names to shapes", "{W: [M, N], x: [N]}"), _names),
            "the shapes of what the equations start from, where there are no numbers",
        ),
        "assume": Key(
            NamedOf(
                Choice(("symmetric", "one-hot", "distribution")),
                "a mapping from quantities to what they are",
                "{A: symmetric, y: one-hot}",
            ),
            "what derivations may use of a quantity: it is its own transpose, it is 1 in one place "
            "and else 0, or its entries add up to 1",
        ),
        "equations": Key(
            EQUATIONS,
            "name = formula; under `for t in 1..3:` a list that is taken for each t",
        ),
        "train": Key(
            ListOf(Placed("a name"), "a list of names", single=True),
            "the values that are updated",
        ),
        "differentiate": Key(
            Placed("the name of an equation"),
            "what is differentiated; the last equation if absent",
        ),
        "loss": Key(LOSS, "the loss", default="none"),
        "penalty": Key(PENALTY, "what large weights cost"),
        "upstream": Key(
            Made(
                NamedOf(
                    Numbers(deepest=4), "a mapping from quantities to numbers", "{Yhat: [1, 0]}"
                ),
                _from_outside,
            ),
            "given gradients",
        ),
        "update": Key(UPDATE, "how parameters change"),
        "gradients": Key(_NUMBERS, "given gradients of `values`, in place of a model"),
        "ask": Key(ASK, "the quantities asked for"),
        "grading": Key(GRADING, "how answers are marked"),
        "rounding": Key(ROUNDING, "solve as a person would, rounding after every step"),
        "vary": Key(
            VARY,
            "which numbers `backprop vary` keeps, and between which it draws others; without it, "
            "numbers of the same sign and size",
        ),
    },
    _problem,
    "keys such as `x: [1, 0]`, one a line",
    other_keys.OF_PROBLEM,
    by_form=_by_form,
)
