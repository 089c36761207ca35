"""Symbols to one line of Unicode: raised and lowered digits, hats, ∂L/∂W¹."""

from __future__ import annotations

import re
import unicodedata

from backprop_cli.notation.nodes import (
    Accent,
    Fenced,
    Fraction,
    Letter,
    Node,
    Number,
    Places,
    Row,
    Script,
    Sign,
    Word,
)

_SUPERSCRIPT = str.maketrans("0123456789+-−()tnkijx", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ᵗⁿᵏⁱʲˣ")
_SUBSCRIPT = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_numbered = re.compile(r"([A-Za-z])(\d*)([+-]\d+)?").fullmatch
_MARKS = {
    "hat": "\N{COMBINING CIRCUMFLEX ACCENT}",
    "tilde": "\N{COMBINING TILDE}",
    "bar": "\N{COMBINING MACRON}",
}
_ONE_CHARACTER = frozenset("ŷŶ")


def superscript(text: str) -> str | None:
    """`text` raised, or None where it has a character without a raised form."""
    return _moved(text, _SUPERSCRIPT)


def subscript(text: str) -> str | None:
    """`text` lowered, or None where it has a character without a lowered form."""
    return _moved(text, _SUBSCRIPT)


def _moved(text: str, table: dict[int, int]) -> str | None:
    return text.translate(table) if all(ord(character) in table for character in text) else None


def indexed(places: tuple[str, ...]) -> str:
    """Indices as they follow a symbol: ₂₁, or [12,3] where that would be unclear, or _N."""
    low = subscript("".join(places))
    if low is not None and joins(places):
        return low
    shown = [numbered(place) for place in places]
    return f"_{shown[0]}" if len(shown) == 1 and shown[0].isalnum() else f"[{','.join(shown)}]"


def numbered(place: str) -> str:
    """A letter with a number behind it has it below: N1 is N₁."""
    found = _numbered(place)
    if found is None:
        return place
    return found[1] + (subscript(found[2]) or "") + (found[3] or "").replace("-", "−")


def joins(places: tuple[str, ...]) -> bool:
    """Whether indices are clear without commas between them."""
    return len(places) == 1 or all(len(place) == 1 for place in places)


def linear(node: Node) -> str:
    """A symbol on one line."""
    match node:
        case Letter(text) | Word(text) | Number(text) | Sign(text):
            return text
        case Row(items):
            return "".join(map(linear, items))
        case Fraction(top, bottom):
            return f"{linear(top)}/{linear(bottom)}"
        case Fenced(left, inner, right):
            return left + linear(inner) + right
        case Accent(base, mark):
            whole = linear(base) + _MARKS[mark]
            composed = unicodedata.normalize("NFC", whole)
            return composed if composed in _ONE_CHARACTER else whole
        case Script(base, up, down):
            return linear(base) + _raised(up) + _lowered(down)
    raise AssertionError(node)


def _raised(node: Node | None) -> str:
    if node is None:
        return ""
    text = linear(node)
    return superscript(text) or f"^{text}"


def _lowered(node: Node | None) -> str:
    match node:
        case None:
            return ""
        case Places(texts):
            return indexed(texts)
        case Word(text):
            return f"_{text}"
    text = linear(node)
    return subscript(text) or f"_{text}"
