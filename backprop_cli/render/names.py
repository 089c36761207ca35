"""Ids to the symbols that are printed: `dL/dW1` to ∂L/∂W¹, `alpha` to α, `W1_new` to W¹⁺."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from backprop_cli.problem.data import Notation
from backprop_cli.render.view import View
from backprop_cli.trace import Trace

Ending = Literal["plain", "raised", "fraction"]
Role = Literal["", "data", "parameter", "gradient", "result", "note", "heading"]

GREEK = MappingProxyType(
    dict(
        zip(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron "
            "pi rho sigma tau upsilon phi chi psi omega".split(),
            "αβγδεζηθικλμνξοπρστυφχψω",
            strict=True,
        )
    )
    | dict(
        zip(
            "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
            "ΓΔΘΛΞΠΣΦΨΩ",
            strict=True,
        )
    )
)
_CONSTANTS = {"learning_rate": "η", "l2": "λ", "penalty": "λ"}
_STATES = {
    "v": "v",
    "m": "m",
    "s": "s",
    "G": "G",
    "mhat": "m\N{COMBINING CIRCUMFLEX ACCENT}",
    "vhat": "v\N{COMBINING CIRCUMFLEX ACCENT}",
}
_HATS = {"y": "ŷ", "Y": "Ŷ"}
_SUPERSCRIPT = str.maketrans("0123456789+-()tnkijx", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵗⁿᵏⁱʲˣ")
_SUBSCRIPT = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")

_entry = re.compile(r"(.+?)\[([^\]]*)\]").fullmatch
_later = re.compile(r"(.+)@(\d+)").fullmatch
_derivative = re.compile(r"d([^/]+)/d([^/]+)").fullmatch
_state = re.compile(r"(mhat|vhat|[vmsG])_(.+)").fullmatch
_of_layer = re.compile(r"([WbZH])(\d+)(?:_(\d+))?").fullmatch
_numbered = re.compile(r"(.*?[^\W\d_])_?(\d+)").fullmatch
_lettered = re.compile(r"([^\W\d_]+)_([a-z])").fullmatch


@dataclass(frozen=True, slots=True)
class Symbol:
    """A printed name, and how it ends: a raised digit or a fraction needs parentheses before ᵀ."""

    text: str
    ending: Ending = "plain"


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called in one output. `bases` are the ids that states may belong to."""

    notation: Notation = Notation()
    layers: bool = True
    batch: bool = False
    ascii: bool = False
    bases: frozenset[str] = frozenset()
    roles: Mapping[str, Role] = field(default_factory=dict, hash=False, compare=False)

    def symbol(self, id: str) -> Symbol:
        """The printed name of a quantity."""
        return _symbol(self, id)

    def text(self, id: str) -> str:
        """The printed name as text."""
        return _symbol(self, id).text

    def role(self, id: str) -> Role:
        """What a quantity is, for its colour."""
        if _derivative(id):
            return "gradient"
        return self.roles.get(id.removesuffix("_new").removesuffix("_change"), "")


def names_of(trace: Trace, view: View) -> Names:
    """The names of a trace as the view wants them."""
    roles: dict[str, Role] = {
        id: "data" if given.role == "data" else "parameter" if given.role == "parameter" else ""
        for id, given in trace.given.items()
    }
    bases = frozenset(trace.given) | {step.id for step in trace.steps}
    return Names(view.notation, view.layers, trace.samples is not None, view.ascii, bases, roles)


def superscript(text: str) -> str | None:
    """`text` raised, or None where it has a character without a raised form."""
    return _moved(text, _SUPERSCRIPT)


def subscript(text: str) -> str | None:
    """`text` lowered, or None where it has a character without a lowered form."""
    return _moved(text, _SUBSCRIPT)


def _moved(text: str, table: dict[int, int]) -> str | None:
    return text.translate(table) if all(ord(character) in table for character in text) else None


@lru_cache(maxsize=4096)
def _symbol(names: Names, id: str) -> Symbol:
    if names.ascii:
        return Symbol(id, "fraction" if "/" in id else "plain")
    if match := _later(id):
        return Symbol(f"{names.text(match[1])} (step {match[2]})", "fraction")
    if match := _entry(id):
        whole = names.symbol(match[1])
        inner = f"({whole.text})" if whole.ending == "fraction" else whole.text
        return Symbol(inner + indexed(match[2].split(",")))
    if match := _derivative(id):
        return Symbol(f"∂{names.text(match[1])}/∂{names.text(match[2])}", "fraction")
    if id.endswith("_new"):
        return Symbol(names.text(id.removesuffix("_new")) + "⁺", "raised")
    if id.endswith("_old"):
        return Symbol(names.text(id.removesuffix("_old")) + "⁻", "raised")
    if id.endswith("_change"):
        return Symbol("Δ" + names.text(id.removesuffix("_change")), "raised")
    if (match := _state(id)) and match[2] in names.bases:
        return Symbol(f"{_STATES[match[1]]}({names.text(match[2])})")
    return _layered(names, id) if names.layers else _plain(id)


def indexed(places: list[str]) -> str:
    """Indices as they follow a symbol: ₂₁, or [12,3] where that would be unclear."""
    places = [place.strip() for place in places]
    unclear = len(places) > 1 and any(len(place) > 1 for place in places)
    lowered = subscript("".join(places))
    return f"[{','.join(places)}]" if unclear or lowered is None else lowered


def _layered(names: Names, id: str) -> Symbol:
    notation = names.notation
    whole = {
        "X": _many(names, notation.input, "x"),
        "Y": _many(names, notation.target, "y"),
        "Yhat": notation.output,
        "L": notation.loss,
    }
    if id in whole:
        return Symbol(whole[id])
    if id.startswith("L_"):
        return Symbol(f"{notation.loss}_{id[2:]}")
    match = _of_layer(id)
    if not match:
        return _plain(id)
    letters = {"W": notation.weights, "b": notation.bias, "Z": notation.pre, "H": notation.post}
    shift = notation.first_layer - 1
    raised = str(int(match[2]) + shift)
    if match[3]:
        source = int(match[3])
        raised += f"({source + shift if source else 'x'})"
    return Symbol(letters[match[1]] + str(superscript(raised)), "raised")


def _many(names: Names, letter: str, default: str) -> str:
    """A batch of vectors x is the matrix X, unless the problem names it itself."""
    return letter.upper() if names.batch and letter == default else letter


def _plain(id: str) -> Symbol:
    """A name of the user's own: Greek letters, hats, and digits below the line."""
    if id in _CONSTANTS:
        return Symbol(_CONSTANTS[id])
    if match := _numbered(id):
        return Symbol(_letter(match[1]) + str(subscript(match[2])))
    if (match := _lettered(id)) and (low := subscript(match[2])):
        return Symbol(_letter(match[1]) + low)
    return Symbol(_letter(id))


def _letter(word: str) -> str:
    if word in GREEK:
        return GREEK[word]
    base = word.removesuffix("hat").removesuffix("_")
    if base != word and (len(base) == 1 or base in GREEK):
        return _HATS.get(base) or GREEK.get(base, base) + "\N{COMBINING CIRCUMFLEX ACCENT}"
    return word
