"""Places of entries to the way they are written: below the line, in brackets, as a formula."""

from __future__ import annotations

import re

from backprop_cli.notation.nodes import Letter, Node, Number, Script, Sign, row

_SUPERSCRIPT = str.maketrans("0123456789+-−()tnkijxT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ᵗⁿᵏⁱʲˣᵀ")
_SUBSCRIPT = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_with_number = re.compile(r"([A-Za-z])(\d*)([+-]\d+)?").fullmatch
_lettered = re.compile(r"([A-Za-z])(\d+)").fullmatch  # an index such as N1
_parts = re.compile(r"[+-]|\w+").findall


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
    low = subscript("".join(places).replace("*", ""))
    if low is not None and joins(places):
        return low
    shown = [numbered(place) for place in places]
    return f"_{shown[0]}" if len(shown) == 1 and shown[0].isalnum() else f"[{','.join(shown)}]"


def numbered(place: str) -> str:
    """A letter with a number behind it has it below: N1 is N₁."""
    found = _with_number(place)
    if found is None:
        return place.replace("-", "−").replace("*", "")
    return found[1] + (subscript(found[2]) or "") + (found[3] or "").replace("-", "−")


def joins(places: tuple[str, ...]) -> bool:
    """Whether indices are clear without commas between them."""
    return len(places) == 1 or all(len(place) == 1 for place in places)


def place(text: str) -> Node:
    """A place that is worked out, such as 2*i+p-2, as a formula."""
    return row(*map(_sign_or_letter, _parts(text)))


def _sign_or_letter(text: str) -> Node:
    if text in "+-":
        return Sign(text.replace("-", "−"), bare=True)
    if found := _lettered(text):
        return Script(Letter(found[1]), None, Number(found[2]))
    return Number(text) if text.isdecimal() else Letter(text)
