"""What a file may say, as small parts: each reads a node into data and gives its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from math import nan
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from backprop_cli.algebra.shapes import combined, is_formula
from backprop_cli.errors import Complaints
from backprop_cli.problem.arrays import as_list, kind_of, read_values
from backprop_cli.problem.problem_data import Text, Values
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.problem.text.other_keys import folded, nearest
from backprop_cli.problem.text.tree import MapNode, Node, ScalarNode
from backprop_cli.problem.typed_numbers import NumberError, normal_minus, printable, read_number

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Schema: TypeAlias = dict[str, Any]

_LONGEST_NAME = 40
_MOST_DIGITS = 18
_whole = re.compile(rf"[+-]?(?:0|[1-9][0-9]{{0,{_MOST_DIGITS - 1}}})").fullmatch
_too_long = partial(re.fullmatch, rf"[+-]?[0-9]{{{_MOST_DIGITS + 1},}}")


class Field(Protocol[T_co]):
    """Something a file may say; `words` complete "expected …"."""

    @property
    def words(self) -> str:
        """What is expected, such as "a number, at least 0"."""

    def read(self, node: Node, name: str, complaints: Complaints, /) -> T_co | None:
        """The data of `node`; None, with a complaint, where it cannot be read."""

    def schema(self) -> Schema:
        """What JSON Schema says about it."""


def unexpected(
    node: Node, name: str, wanted: Field[Any], complaints: Complaints, instead: str | None = None
) -> None:
    """Complains that `node`, called `name` in the sentence, is something else than `wanted`."""
    complaints.add(f"{name} should be {wanted.words}, not {kind_of(node)}", node.mark, instead)


# One value ----------------------------------------------------------------------------------------


class Bounds(Struct, frozen=True):
    """Which numbers will do."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def allow(self, value: float) -> bool:
        """Whether `value` is among them."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    @property
    def words(self) -> str:
        """The bounds in words, beginning with a comma if there are any."""
        named = (
            ("at least", self.at_least),
            ("above", self.above),
            ("at most", self.at_most),
            ("below", self.below),
        )
        said = [f"{words} {bound:g}" for words, bound in named if bound is not None]
        return ", " + " and ".join(said) if said else ""

    def schema(self) -> Schema:
        """The bounds in JSON Schema's words."""
        named = {
            "minimum": self.at_least,
            "exclusiveMinimum": self.above,
            "maximum": self.at_most,
            "exclusiveMaximum": self.below,
        }
        return {word: bound for word, bound in named.items() if bound is not None}


NOT_NEGATIVE = Bounds(at_least=0)


class Number(Struct, frozen=True):
    """A number, in any form that 2/3 or ln(2) may take; `instead` is for those out of bounds."""

    bounds: Bounds = Bounds()
    instead: str | None = None

    @property
    def words(self) -> str:
        return f"a number{self.bounds.words}"

    def read(self, node: Node, name: str, complaints: Complaints) -> float | None:
        if not isinstance(node, ScalarNode):
            unexpected(node, name, self, complaints, "a number, such as 0.5")
            return None
        try:
            value = read_number(node.text)
        except NumberError as error:
            complaints.add(error.message, node.mark, error.instead)
            return None
        if self.bounds.allow(value):
            return value
        unexpected(node, name, self, complaints, self.instead)
        return None

    def schema(self) -> Schema:
        return {"type": ["number", "string"], **self.bounds.schema()}


class Integer(Struct, frozen=True):
    """A whole number."""

    bounds: Bounds = Bounds()

    @property
    def words(self) -> str:
        return f"a whole number{self.bounds.words}"

    def read(self, node: Node, name: str, complaints: Complaints) -> int | None:
        if not isinstance(node, ScalarNode):
            unexpected(node, name, self, complaints, "a whole number, such as 2")
            return None
        text = normal_minus(node.text.strip())
        if _whole(text) and self.bounds.allow(int(text)):
            return int(text)
        unexpected(node, name, self, complaints, self._instead(text))
        return None

    def _instead(self, text: str) -> str | None:
        """The whole number that was meant, where it is one that will do."""
        if _too_long(text):
            return f"a number of at most {_MOST_DIGITS} digits"
        meant = _meant(text)
        return f"{meant:.0f}" if _whole(f"{meant:g}") and self.bounds.allow(meant) else None

    def schema(self) -> Schema:
        return {"type": "integer", **self.bounds.schema()}


def _meant(text: str) -> float:
    """The number that `text` is, or is told to be written as; nan where there is none."""
    try:
        return read_number(text)
    except NumberError as error:
        instead = error.instead
    try:
        return read_number(instead) if instead else nan
    except NumberError:
        return nan


_SET = re.compile(r"(?:∈|\\?\bin\b)?\s*(?:\\mathbb)?\{?(?:ℝ|\bR\b)\}?\s*\^")
_SAID_OF_A_SHAPE = re.compile(
    r"(?i)\b(?:an?\s+(?=[a-z]{5})|(?:vector|matrix|array|tensor|of|size|shape|row|column)\b)"
)
_TIMES = re.compile(r"(?<=\d)\s*x\s*(?=\w)|(?<=\s)x(?=\s)|×|-?\bby\b-?")
_BRACKETS = re.compile(r"(?<!\w)\(|[){}\[\]]")


def sizes_of(text: str) -> list[str] | None:
    """The sizes of a shape in words or as a set: `m x n`, `(m, 1)`, `R^n`, `vector of m`.

    None where the text says nothing of a shape; a scalar has no sizes.
    """
    if text.casefold() in _SCALARS:
        return []
    words = _SAID_OF_A_SHAPE.sub(",", _SET.sub(",", text))
    said = _BRACKETS.sub(",", _TIMES.sub(",", words))
    parts = (part.strip() for part in said.split(","))
    found = [part for part in parts if part]
    are_sizes = all(_whole(part) or is_name(part) for part in found)
    many = len(found) > 1 and (any(map(is_name, found)) or _TIMES.search(text) is not None)
    says_so = words != text or many
    return found if are_sizes and says_so and 0 < len(found) <= _MOST_AXES else None


_MOST_AXES = 4
_SCALARS = frozenset({"scalar", "a scalar", "number", "a number", "real"})


class Size(Struct, frozen=True):
    """A size: a whole number above 0, or a letter; `listed` is what to write for a list.

    With `sums` it may be worked out, as T+1 or 2*d.
    """

    listed: str | None = None
    sums: bool = False
    words = "a whole number, at least 1, or a letter such as `N`"

    def read(self, node: Node, name: str, complaints: Complaints) -> int | str | None:
        if isinstance(node, ScalarNode):
            if _whole(node.text) and int(node.text) > 0:
                return int(node.text)
            if is_name(node.text) and not node.empty:
                return node.text
            if self.sums and is_formula(joined := "".join(node.text.split())):
                size = combined((1, joined))
                if isinstance(size, str) or size > 0:
                    return size
        unexpected(node, name, self, complaints, self._instead(node))
        return None

    def _instead(self, node: Node) -> str | None:
        """A shape in brackets, where it is written `3x2` or with a parenthesis."""
        if not isinstance(node, ScalarNode):
            given = as_list(node)
            return self.listed.replace("[…]", given) if self.listed and given else self.listed
        if (sizes := sizes_of(node.text.replace("*", " x "))) is not None:
            return f"[{', '.join(sizes)}]"
        return "a shape in square brackets, such as [3, 2]" if "(" in node.text else None

    def schema(self) -> Schema:
        return {"type": ["integer", "string"], "minimum": 1}


class Boolean(Struct, frozen=True):
    """True or false."""

    words = "`true` or `false`"

    def read(self, node: Node, name: str, complaints: Complaints) -> bool | None:
        meant = _BOOLEANS.get(node.text.lower()) if isinstance(node, ScalarNode) else None
        if meant is None:
            unexpected(node, name, self, complaints)
        return meant

    def schema(self) -> Schema:
        return {"type": "boolean"}


_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Choice(Struct, frozen=True):
    """One of some words; `folded` brings what was written to the form they are compared in.

    `meant` are words from elsewhere with the one to write instead.
    """

    names: tuple[str, ...]
    folded: Callable[[str], str] = str.casefold
    meant: Mapping[str, str] = MappingProxyType({})

    @property
    def words(self) -> str:
        quoted = [f"`{name}`" for name in self.names]
        return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]

    def read(self, node: Node, name: str, complaints: Complaints) -> str | None:
        if not isinstance(node, ScalarNode) or len(node.text) > _LONGEST_NAME:
            unexpected(node, name, self, complaints)
            return None
        wanted = self.folded(node.text)
        for known in self.names:
            if self.folded(known) == wanted:
                return known
        unexpected(node, name, self, complaints, self._near(node.text))
        return None

    def _near(self, text: str) -> str | None:
        return self.meant.get(folded(text)) or nearest(text, self.names)

    def schema(self) -> Schema:
        if self.folded is not str.casefold:
            return {"type": "string", "examples": list(self.names)}
        numbers = [int(name) for name in self.names if name.isdigit()]
        return {"enum": [*self.names, *numbers]}


class Words(Struct, frozen=True):
    """Free text for people; what would hide in it, or turn it round, is written out."""

    words = "text"

    def read(self, node: Node, name: str, complaints: Complaints) -> str | None:
        if isinstance(node, ScalarNode):
            return printable(node.text.rstrip("\n"), kept="\n\t")
        unexpected(node, name, self, complaints, "quotes around the text")
        return None

    def schema(self) -> Schema:
        return {"type": ["string", "number"]}


class Placed(Struct, frozen=True):
    """A formula, name or id, kept as it stands, with its place in the file."""

    words: str = "text"
    equation: bool = False

    def read(self, node: Node, name: str, complaints: Complaints) -> Text | None:
        if not isinstance(node, ScalarNode):
            meant = self._meant(node)
            unexpected(node, name, self, complaints, meant or "quotes around the text")
            return Text(meant, node.mark) if meant else None  # so that its name is known
        text = node.text.rstrip("\n")
        if not text.strip():
            unexpected(node, name, self, complaints)
            return None
        return Text(text, node.inside)

    def _meant(self, node: Node) -> str | None:
        """`- z: W @ x` is meant as an equation."""
        if self.equation and isinstance(node, MapNode) and len(node.entries) == 1:
            (only,) = node.entries.values()
            if isinstance(only.value, ScalarNode) and "=" not in only.key.text:
                return f"{only.key.text} = {only.value.text}"
        return None

    def schema(self) -> Schema:
        return {"type": ["string", "number"]}


class Numbers(Struct, frozen=True):
    """A number, a vector or a matrix, as lists or as text. Unreadable ones have array None.

    `deepest` is how many lists may stand in one another: 3 for a list of matrices.
    """

    letters: bool = False
    deepest: int = 2
    masks: bool = False
    words = "numbers: a number, a vector or a matrix"

    def read(self, node: Node, _name: str, complaints: Complaints) -> Values:
        return read_values(
            node, complaints, letters=self.letters, deepest=self.deepest, masks=self.masks
        )

    def schema(self) -> Schema:
        number = {"type": ["number", "string"]}
        row = {"type": "array", "items": number}
        file = {
            "type": "object",
            "properties": {"file": {"type": "string"}, "name": {"type": "string"}},
            "required": ["file"],
            "additionalProperties": False,
        }
        items = {"type": "array", "items": {"anyOf": [number, row]}}
        for _ in range(2, self.deepest):
            items = {"type": "array", "items": {"anyOf": [number, items]}}
        return {"anyOf": [number, items, file]}


class NumbersOrTrue(Struct, frozen=True):
    """Numbers, or `true` for something that is there and has none, `false` for nothing at all."""

    words = "numbers, or `true` where it is there without any"

    def read(self, node: Node, name: str, complaints: Complaints) -> Values | bool:
        if isinstance(node, ScalarNode) and node.text.lower() in ("true", "false"):
            return node.text.lower() == "true"
        return Numbers().read(node, name, complaints)

    def schema(self) -> Schema:
        return {"anyOf": [*Numbers().schema()["anyOf"], {"type": "boolean"}]}
