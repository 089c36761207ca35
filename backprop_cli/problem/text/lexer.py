"""The text of a formula to its tokens, each with its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from msgspec import Struct

LONGEST = 40
_NAME = r"[^\W\d_⁰¹²³⁴-⁹][^\W⁰¹²³⁴-⁹]*"
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<name>{_NAME})"
    r"|(?P<sign>\*\*|\.T(?!\w)|[-+*/^@()\[\],=:]))"
)
_name = re.compile(_NAME).fullmatch
_SAME = str.maketrans({"−": "-", "·": "*", "×": "*", "⋅": "*", "⊙": "*", "∗": "*"})


def is_name(text: str) -> bool:
    """Whether a quantity may be called so: what any program may call it, too, once its letters are
    in their usual form (`x½` would be x1⁄2, `x⑴` a call)."""
    return bool(_name(text)) and (text.isascii() or plain_name(text).isidentifier())


def plain_name(text: str) -> str:
    """A name as Python sees it: `x₁` is x1."""
    return unicodedata.normalize("NFKC", text)


class FormulaError(Exception):
    """A formula that cannot be read: what is wrong, where (from 0), what to write instead."""

    def __init__(self, message: str, offset: int, instead: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.instead = instead


class Token(Struct, frozen=True):
    """A number, a name, a sign or the end of the formula."""

    kind: str
    text: str
    offset: int


def quoted(text: str) -> str:
    """`text` as a message quotes it, cut where it is long."""
    return f"`{text}`" if len(text) <= LONGEST else f"`{text[: LONGEST - 1]}…`"


def tokens_of(text: str, compound: Collection[str] = ()) -> list[Token]:
    """The tokens, and one for the end; FormulaError at what is none. `compound`: ids like dL/dW."""
    text = text.translate(_SAME).rstrip()
    longest_first = sorted(
        (name for name in compound if not name.isidentifier()), key=len, reverse=True
    )
    tokens, position = [], 0
    while position < len(text):
        start = position + len(text[position:]) - len(text[position:].lstrip())
        known = next((name for name in longest_first if _stands(name, text, start)), None)
        if known:
            tokens.append(Token("name", known, start))
            position = start + len(known)
            continue
        found = _TOKEN.match(text, position)
        if not found or found.lastgroup is None:
            raise _unreadable(text, start)
        tokens.append(Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return [*tokens, Token("end", "", len(text))]


def _stands(name: str, text: str, start: int) -> bool:
    end = start + len(name)
    return text.startswith(name, start) and not (
        end < len(text) and (text[end].isalnum() or text[end] == "_")
    )


def _unreadable(text: str, start: int) -> FormulaError:
    character = text[start]
    instead = {
        "'": ".T for transposed",
        "ᵀ": ".T for transposed",
        "²": "^2",
        "³": "^3",
        "{": "(",
        "}": ")",
        "|": "abs(…)",
        ";": "one equation a line",
        "%": "/ 100",
        "½": "1/2",
        "√": "sqrt(…)",
        "∑": "sum(…)",
        "‖": "norm(…)",
        "∞": "a number, such as 1e6",
        "≥": "step(a - b)",
        "≤": "step(b - a)",
        "“": "no quotes",
        "”": "no quotes",
        "„": "no quotes",
        ".": "the function alone, exp(x) for np.exp(x)",
    }.get(character)
    shown = f"`{character}`" if character.isprintable() else f"the character {ord(character):#x}"
    return FormulaError(f"{shown} has no meaning in a formula", start, instead)
