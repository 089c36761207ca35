"""What a file may say about the model: conventions, notation, equations, loss, penalty -> data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from backprop_cli.algebra.quantity import Letters
from backprop_cli.errors import Complaints
from backprop_cli.problem.file_format.composed_fields import ByKind, ListOf, Made
from backprop_cli.problem.file_format.fields import (
    NOT_NEGATIVE,
    Boolean,
    Choice,
    Field,
    Integer,
    Number,
    Placed,
    Schema,
    Words,
    unexpected,
)
from backprop_cli.problem.file_format.function_names import LOSS_NAMES
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.file_format.stray import as_equation
from backprop_cli.problem.problem_data import (
    Convention,
    ForEach,
    Kinks,
    Loss,
    Penalty,
    Text,
)
from backprop_cli.problem.text import other_keys
from backprop_cli.problem.text.formula_texts import moved
from backprop_cli.problem.text.other_keys import nearest
from backprop_cli.problem.text.tree import Entry, ListNode, MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import shown

LONGEST_SYMBOL = 20

# Convention and notation --------------------------------------------------------------------------

_TRANSPOSED = r"\^\s*\{?\s*(?:\\top|\\intercal|⊤|t)\s*\}?|ᵀ|⊤|\.t\b|'|(?<=w)t(?=\s*x|\b)"


def _affine(text: str) -> str:
    """`z = Wᵀx + b`, `W.T @ X + b` and the like in the form in which they are compared."""
    text = text.casefold().rpartition("=")[2]
    form = re.sub(r"[\s*@·()]", "", re.sub(_TRANSPOSED, "^T", text))
    return form if "+" in form else f"{form}+b"


def _kinks(given: Given) -> Kinks:
    return Kinks(**{key.replace("-", "_"): value for key, value in given.values.items()})


class NumberOr(Struct, frozen=True):
    """A number, or one of some words."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{', '.join(f'`{name}`' for name in self.names)} or a number"

    def read(self, node: Node, name: str, complaints: Complaints) -> float | str | None:
        said = node.text.strip().casefold() if isinstance(node, ScalarNode) else ""
        if said in self.names:
            return said
        if said.isalpha() and said != "pi":
            unexpected(node, name, self, complaints, nearest(said, self.names))
            return None
        return Number().read(node, name, complaints)

    def schema(self) -> Schema:
        return {"type": ["number", "string"], "examples": [*self.names, 0.5]}


_TAKEN = "the derivative taken where there is none"
_KINK_WORDS = {
    "step_at_zero": "the value of the step at zero",
    "max": "which of several equal maxima have the gradient: the first, all in equal shares, "
    "or each this multiple of it",
}

KINKS = Record(
    "`kinks`",
    {
        item.name.replace("leaky_", "leaky-"): Key(
            NumberOr(("first", "shared")) if item.name == "max" else Number(),
            _KINK_WORDS.get(item.name, _TAKEN),
            default=item.default,
            aliases=("leaky_relu",) if item.name == "leaky_relu" else (),
        )
        for item in fields(Kinks)
    },
    _kinks,
    "{relu: 0.5}",
)


def _convention(given: Given) -> Convention:
    values = dict(given.values)
    if "indices" in values:
        values["indices"] = int(values["indices"])
    kinks = given.entries.get("kinks")
    own = kinks.value.entries if kinks and isinstance(kinks.value, MapNode) else ()
    oriented = all(key in values or not given.has(key) for key in ("affine", "bias"))
    return Convention(**values, stated=frozenset((*given.entries, *own)), oriented=oriented)


_DEFAULT = Convention()
CONVENTION = Record(
    "`convention`",
    {
        "affine": Key(
            Choice(
                ("W x + b", "W^T x + b", "x W + b", "x W^T + b"), _affine, other_keys.ORIENTATIONS
            ),
            "how a layer is written; x W means that samples are rows",
            default=_DEFAULT.affine,
        ),
        "bias": Key(
            Choice(("separate", "first", "last"), meant=other_keys.WHERE_BIAS_IS),
            "whether the bias is a vector of its own, or which row or column of W it is",
            default=_DEFAULT.bias,
        ),
        "bias_input": Key(
            Number(), "the constant that a bias inside W is multiplied by", default=1
        ),
        "jacobian": Key(
            Choice(("numerator", "denominator")),
            "whose axes come first in dA/dB: A's (numerator) or B's",
            default=_DEFAULT.jacobian,
        ),
        "indices": Key(Choice(("1", "0")), "what every index counts from", default=1),
        "output_gradient": Key(
            Choice(("chain", "fused")),
            "through dL/dYhat, or straight to ŷ - y where that holds",
            default=_DEFAULT.output_gradient,
        ),
        "batch_gradients": Key(
            Choice(("mean", "per-sample")),
            "in a batch with a mean: gradients of the mean loss, or dL/dYhat, dL/dZ, dL/dH of each "
            "sample's own loss, so that 1/M comes in with dL/dW and dL/db",
            default=_DEFAULT.batch_gradients,
        ),
        "convolution": Key(
            Choice(("cross-correlation", "flipped"), meant=other_keys.CONVOLUTIONS),
            "whether `conv` takes the kernel as it is, or turned by 180° first",
            default=_DEFAULT.convolution,
        ),
        "kinks": Key(KINKS, "the values taken where a derivative does not exist"),
        "log": Key(Choice(("natural", "2", "10")), "the logarithm of losses", default="natural"),
    },
    _convention,
    "{affine: W^T x + b}",
    other_keys.OF_CONVENTION,
)


def _symbol(text: str, node: Node, complaints: Complaints) -> str | None:
    if text.strip() and "\n" not in text and len(text) <= LONGEST_SYMBOL:
        return text.strip()
    message = f"a symbol has 1 to {LONGEST_SYMBOL} characters on one line"
    complaints.add(message, node.mark, "a symbol, such as A")
    return None


_NOTATION: Mapping[str, Field[Any]] = {"first_layer": Integer(NOT_NEGATIVE), "delta": Boolean()}

NOTATION = Record(
    "`notation`",
    {
        item.name: Key(
            _NOTATION.get(item.name, Made(Words(), _symbol)),
            "δ² stands for ∂L/∂Z²" if item.name == "delta" else "",
            default=item.default,
        )
        for item in fields(Letters)
    },
    lambda given: Letters(**given.values),
    "{post: A}",
)

# Loss and penalty ---------------------------------------------------------------------------------


def _loss(given: Given) -> Loss:
    return Loss(
        LOSS_NAMES.make(given), given.get("over_samples", "mean"), given.get("over_steps", "sum")
    )


LOSS = ByKind(
    "the name of a loss, or `{name: …}` or `{formula: …}`",
    scalar=Made(LOSS_NAMES, lambda function, node, complaints: Loss(function)),
    mapped=Record(
        "`loss`",
        {
            **LOSS_NAMES.keys("your own loss, in yhat and y"),
            "over_samples": Key(
                Choice(("mean", "sum"), meant=other_keys.MEAN_OR_SUM),
                "how it is taken over the samples",
                default="mean",
            ),
            "over_steps": Key(
                Choice(("sum", "mean"), meant=other_keys.MEAN_OR_SUM),
                "how it is taken over the steps of a sequence",
                default="sum",
            ),
        },
        _loss,
        meant=other_keys.OF_LOSS,
    ),
    instead="squared-error, or {formula: sum((y - yhat)^2)}",
)


def _penalty(given: Given) -> Penalty:
    if not given.has("l2") and not given.has("l1"):
        given.complain("l2", "the penalty has no λ", "l2: 0.1, or l1: 0.1")
    return Penalty(**given.values, mark=given.mark)


PENALTY = Record(
    "`penalty`",
    {
        "l2": Key(Number(NOT_NEGATIVE), "λ in λ·½ΣW²"),
        "l1": Key(Number(NOT_NEGATIVE), "λ in λΣ|W|"),
        "form": Key(Choice(("half", "full")), "with the ½, or without", default="half"),
        "divided_by_samples": Key(
            Boolean(), "whether λ is divided by the number of samples", default=False
        ),
        "biases": Key(Boolean(), "whether biases are penalised too", default=False),
        "on": Key(
            ListOf(Placed("the name of a parameter"), "a list of parameters", single=True),
            "the parameters penalised; all weights if absent",
        ),
    },
    _penalty,
    "{l2: 0.1}",
    other_keys.OF_PENALTY,
)


# Equations ----------------------------------------------------------------------------------------

_for = partial(
    re.fullmatch,
    r"\s*for\s+(?P<letter>[^\W\d_]\w*)\s+in\s+(?P<first>[\w+ -]+?)\s*\.\.\s*(?P<last>[\w+ -]+?)\s*",
)
_with_formula = partial(
    re.fullmatch,
    r"(?P<range>for \w{1,40} in [\w+ -]{1,40}\.\.[\w+ -]{1,40}) *: *(?P<formula>[^:\n]*\S)",
)
_AN_EQUATION = Placed("an equation", equation=True)


class EquationOrMany(Struct, frozen=True):
    """An equation; or a list of them under `for t in 1..3`, written once and taken for each t."""

    words = "an equation, or `for t in 1..3:` with a list of equations under it"

    def read(self, node: Node, name: str, complaints: Complaints) -> Text | ForEach | None:
        node = _in_one_line(node) or node
        key = _key_of_many(node)
        if key is None:
            return _AN_EQUATION.read(node, name, complaints)
        assert isinstance(node, MapNode)
        found = _for(key.text)
        if found is None:
            message = f"{shown(key.text)} should be `for`, a letter, `in` and a range"
            complaints.add(message, key.mark, "for t in 1..3:")
            return None
        value = node.entries[key.text].value
        if _is_nothing(value):
            message = f"nothing stands under {shown(key.text)}"
            complaints.add(message, key.mark, "its equations below it, each further in than it is")
            return None
        equations = _OF_MANY.read(value, f"`{key.text}`", complaints)
        if not equations:
            return None
        first, last = (
            Text(found[part], moved(key.inside, found.start(part))) for part in ("first", "last")
        )
        return ForEach(found["letter"], first, last, equations, key.mark)

    def schema(self) -> Schema:
        many = {"^for ": _OF_MANY.schema()}
        listed = {"type": "object", "patternProperties": many, "additionalProperties": False}
        return {"anyOf": [_AN_EQUATION.schema(), listed]}


def _in_one_line(node: Node) -> MapNode | None:
    """`"for t in 1..3: h_t = …"` in quotes as the range and what stands under it."""
    found = _with_formula(node.text) if isinstance(node, ScalarNode) else None
    if found is None:
        return None
    inside = node.inside if isinstance(node, ScalarNode) else node.mark
    formula = moved(inside, found.start("formula"))
    key = ScalarNode(found["range"], "plain", inside.line, inside.column)
    value = ScalarNode(found["formula"], "plain", formula.line, formula.column)
    return MapNode(node.line, node.column, {key.text: Entry(key, value)})


def _is_nothing(node: Node) -> bool:
    return (
        node.empty
        if isinstance(node, ScalarNode)
        else isinstance(node, ListNode) and not node.items
    )


class Equations(ListOf[Any], frozen=True):
    """A list of them, in which a comma that ends a formula too early is told where it stands."""

    def read(self, node: Node, name: str, complaints: Complaints) -> tuple[Any, ...] | None:
        if isinstance(node, ListNode):
            node = ListNode(node.line, node.column, [*_joined(node.items, complaints)])
        lines = _as_lines(node) if isinstance(node, MapNode) else []
        if first := next((each for each in lines if isinstance(each, ScalarNode)), None):
            unexpected(node, name, self, complaints, f"- {first.text}, and so on, a line each")
            node = ListNode(node.line, node.column, lines)
        return ListOf.read(self, node, name, complaints)


def _as_lines(node: MapNode) -> list[Node]:
    """The equations as they should be written, where each stands as `name: formula`."""
    lines: list[Node] = []
    for name, entry in node.entries.items():
        match entry.value:
            case ScalarNode(text) as value if text:
                lines.append(as_equation(name, value))
            case _:
                lines.append(MapNode(entry.key.line, entry.key.column, {name: entry}))
    return lines


def _joined(items: Sequence[Node], complaints: Complaints) -> Iterator[Node]:
    """The items, those as one that are a formula whose comma YAML took for its own."""
    parts: list[Node] = []
    for item in items:
        parts.append(item)
        whole = ", ".join(one.text for one in parts if isinstance(one, ScalarNode))
        plain = isinstance(item, ScalarNode) and item.style == "plain"
        left = whole.count("(") - whole.count(")")
        if plain and left > 0:
            continue
        first = parts[0]
        if plain and left == 0 and len(parts) > 1 and isinstance(first, ScalarNode):
            message = f"between [ and ] the comma in {shown(whole)} begins another item"
            complaints.add(message, moved(first.mark, len(first.text)), f'"{whole}"')
            parts = [replace(first, text=whole)]
        yield from parts
        parts = []
    yield from parts


_OF_MANY = Equations(_AN_EQUATION, "a list of equations", single=True)


def _key_of_many(node: Node) -> ScalarNode | None:
    """The `for t in 1..3` above a list; None where something else stands there."""
    if not isinstance(node, MapNode) or len(node.entries) != 1:
        return None
    (entry,) = node.entries.values()
    is_many = entry.key.text.split()[:1] == ["for"] or isinstance(entry.value, ListNode)
    return entry.key if is_many else None


EQUATIONS = Equations(EquationOrMany(), "a list of equations")
