"""Parts of a formula to larger parts: operators between them, parentheses where needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.notation.parentheses import BEFORE_A_PRODUCT, BEGINS, STANDS_BARE, Kind
from backprop_cli.render.flow import Token, deeper, word
from backprop_cli.render.grid import Box, Fences, Glyphs, Line, width


class Piece(Struct, frozen=True):
    """A part of a formula.

    `open`: it ends in Σ a or ln a, which would swallow a factor that follows. `minus`: it begins
    with a minus sign, and its first `lead` tokens are the factor that has it.
    """

    tokens: tuple[Token, ...]
    kind: Kind = "atom"
    open: bool = False
    minus: bool = False
    lead: int = 0


def atom(text: str, kind: Kind = "atom") -> Piece:
    """A part that is a word."""
    return Piece((word(text),), kind)


def boxed(box: Box, label: str = "") -> Piece:
    """A part that is a drawing."""
    return Piece((Token(box, label=label),))


def placed(piece: Piece, place: str, glyphs: Glyphs) -> Piece:
    """The part as it stands in a place, in parentheses if it must."""
    fits = piece.kind in STANDS_BARE[place]
    linear = place == "a /" and piece.kind in ("total", "sign")  # Σ a / 2 is the same either way
    swallows = piece.open and place in BEFORE_A_PRODUCT and not linear
    if fits and not swallows and piece.minus and place not in BEGINS:
        return _sign_fenced(piece, glyphs)
    return piece if fits and not swallows else fenced(piece, glyphs.parentheses)


def _sign_fenced(piece: Piece, glyphs: Glyphs) -> Piece:
    """A part that would bring two signs together: (−2) · 3 where the first factor has the sign."""
    if not piece.lead:
        return fenced(piece, glyphs.parentheses)
    factor = fenced(Piece(piece.tokens[: piece.lead]), glyphs.parentheses)
    return Piece((*factor.tokens, *piece.tokens[piece.lead :]), piece.kind, piece.open)


def extent(tokens: Iterable[Token]) -> tuple[int, int]:
    """How far the tokens reach above their baseline, and how many lines they take."""
    boxes = [token.box for token in tokens]
    above = max((box.baseline for box in boxes), default=0)
    return above, above + max((box.height - box.baseline for box in boxes), default=1)


def fenced(piece: Piece, fences: tuple[Fences, Fences], before: Sequence[Token] = ()) -> Piece:
    """The part between delimiters of its height; `before` stands in front of them."""
    above, height = extent(piece.tokens)
    left, right = (Token(fence.drawn(height, above)) for fence in fences)
    return Piece((*before, left, *deeper(piece.tokens), right))


def spaced(piece: Piece, level: int | None = None) -> tuple[Token, ...]:
    """The part's tokens with a blank in front; a line may end there at `level`."""
    first, *rest = piece.tokens
    return (replace(first, space=True, level=level), *rest)


def between(left: Piece, sign: str, right: Piece, kind: Kind, level: int) -> Piece:
    """Two parts with an operator between them; none for a product that is written side by side."""
    tail = (word(sign, space=True, level=level), *spaced(right)) if sign else spaced(right, level)
    lead = left.lead or (len(left.tokens) if left.kind == "sign" else 0)
    return Piece((*left.tokens, *tail), kind, right.open, left.minus, lead if kind != "sum" else 0)


def prefixed(sign: str, piece: Piece, *, gap: bool = True, kind: Kind = "prefix") -> Piece:
    """A part behind Σ or ln, which reach as far as the factors that follow."""
    rest = spaced(piece, 1 if " " in sign else None) if gap else piece.tokens
    return Piece((word(sign), *deeper(rest)), kind, open=True)


def suffixed(piece: Piece, text: str) -> Piece:
    """The part with a text behind it: as one word where it is one."""
    if len(piece.tokens) == 1 and piece.tokens[0].box.height == 1:
        ((spans),) = piece.tokens[0].box.lines
        role = spans[-1][1] if spans else ""
        box = Box(((*spans, (text, role)),), piece.tokens[0].box.width + width(text))
        return Piece((Token(box),))
    return Piece((*piece.tokens, word(text)))


def listed(pieces: Sequence[Piece], separator: str = ",") -> Piece:
    """Parts one after another, as the arguments of a function."""
    tokens: list[Token] = list(pieces[0].tokens)
    for piece in pieces[1:]:
        tokens += [word(separator), *spaced(piece, 1)]
    return Piece(tuple(tokens), "sum")


def raised(piece: Piece, exponent: str) -> Piece:
    """The part with a small text at its upper right corner."""
    *rest, last = piece.tokens
    above, height = extent(piece.tokens)
    blank = " " * len(exponent)
    lines: tuple[Line, ...] = tuple(((blank if row else exponent, ""),) for row in range(height))
    corner = Token(Box(lines, len(exponent), above)) if height > 1 else word(exponent)
    return Piece((*rest, last, corner), "power", minus=piece.minus)
