"""A formula as a row of tokens to lines no wider than allowed, broken where a person would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.notation.boxes import (
    Box,
    Line,
    Role,
    beside,
    centred,
    centred_text,
    text_box,
    width,
)

NEST = 4
"""How much deeper the inside of a pair of parentheses is, as a place to break."""


class Token(Struct, frozen=True):
    """A box in a formula. `space`: a blank goes before it. `level`: a line may end before it, the
    more willingly the lower; None: never. `label` is written below it."""

    box: Box
    space: bool = False
    level: int | None = None
    label: str = ""


Tokens = tuple[Token, ...]


def word(text: str, *, space: bool = False, level: int | None = None) -> Token:
    """A token of plain text."""
    return Token(text_box(text), space, level)


def deeper(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The tokens as the inside of something."""
    return tuple(
        token if token.level is None else replace(token, level=token.level + NEST)
        for token in tokens
    )


def joined(tokens: Sequence[Token]) -> Box:
    """The tokens on one line, their labels on another below it all."""
    boxes: list[Box] = []
    labels: list[str] = []
    for position, token in enumerate(tokens):
        if token.space and position:
            boxes.append(_BLANK)
            labels.append(" ")
        boxes.append(centred(token.box, _token_width(token)))
        labels.append(centred_text(token.label, boxes[-1].width))
    box = beside(boxes)
    if not any(token.label for token in tokens):
        return box
    return Box((*box.lines, (("".join(labels), "note"),)), box.width, box.baseline)


_BLANK = text_box(" ")


def _token_width(token: Token) -> int:
    return max(token.box.width, len(token.label))


def natural_width(tokens: Sequence[Token]) -> int:
    """The width on one line."""
    return sum(
        (1 if token.space and position else 0) + _token_width(token)
        for position, token in enumerate(tokens)
    )


def lines(tokens: Sequence[Token], width: int, hang: int) -> Iterator[Box]:
    """The tokens on lines of at most `width`; all but the first stand `hang` to the right."""
    first = True
    for chunk in _filled(tuple(tokens), width, hang):
        box = joined(chunk)
        yield box if first else beside([text_box(" " * hang), box])
        first = False


def _filled(tokens: tuple[Token, ...], width: int, hang: int) -> list[tuple[Token, ...]]:
    """Chunks that fit: broken at the lowest level there is, then deeper where need be."""
    if natural_width(tokens) <= width:
        return [tokens]
    levels = sorted({token.level for token in tokens[1:] if token.level is not None})
    if not levels:
        return [tokens]
    rows: list[tuple[Token, ...]] = []
    current: tuple[Token, ...] = ()
    for chunk in _split(tokens, levels[0]):
        room = width - (hang if rows else 0)
        if current and natural_width((*current, *chunk)) <= room:
            current = (*current, *chunk)
            continue
        rows += [current] if current else []
        inner = (width - hang, 0) if rows else (width, hang)
        *full, current = _filled(chunk, *inner)
        rows += full
    return [*rows, current]


def _split(tokens: tuple[Token, ...], level: int) -> list[tuple[Token, ...]]:
    starts = [0, *(i for i, token in enumerate(tokens) if i and token.level == level), len(tokens)]
    return [tokens[a:b] for a, b in pairwise(starts)]


# Words and corners --------------------------------------------------------------------------------


def restyled(tokens: Iterable[Token], role: Role) -> Tokens:
    """The tokens with everything in them in one style."""
    return tuple(replace(token, box=_restyled(token.box, role)) for token in tokens)


def _restyled(box: Box, role: Role) -> Box:
    styled = tuple(tuple((text, role) for text, _ in line) for line in box.lines)
    return Box(styled, box.width, box.baseline)


def on_one_line(tokens: Iterable[Token]) -> str | None:
    """The tokens as text; None where one of them takes several lines."""
    text = ""
    for token in tokens:
        if token.box.height > 1:
            return None
        text += " " if token.space and text else ""
        text += "".join(part for part, _ in token.box.lines[0])
    return text


def as_one_word(tokens: Tokens) -> Tokens:
    """The tokens as one word, where they stand on one line."""
    text = on_one_line(tokens)
    return tokens if text is None else (word(text),)


def extent(tokens: Iterable[Token]) -> tuple[int, int]:
    """How far the tokens reach above their baseline, and how many lines they take."""
    boxes = [token.box for token in tokens]
    above = max((box.baseline for box in boxes), default=0)
    return above, above + max((box.height - box.baseline for box in boxes), default=1)


def cornered(tokens: Tokens, exponent: str) -> Tokens:
    """The tokens with a small text at their upper right corner."""
    above, height = extent(tokens)
    if height == 1:
        return suffixed(tokens, exponent)
    blank = " " * width(exponent)
    lines: tuple[Line, ...] = tuple(((blank if row else exponent, ""),) for row in range(height))
    return (*tokens, Token(Box(lines, width(exponent), above)))


def suffixed(tokens: Tokens, text: str) -> Tokens:
    """The tokens with a text behind them: as one word where they are one."""
    if len(tokens) != 1 or tokens[0].box.height > 1 or tokens[0].label:
        return (*tokens, word(text))
    (spans,) = tokens[0].box.lines
    role = spans[-1][1] if spans else ""
    return (Token(Box(((*spans, (text, role)),), tokens[0].box.width + width(text))),)
