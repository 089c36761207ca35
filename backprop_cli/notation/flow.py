"""A formula as a row of tokens to lines no wider than allowed, broken where a person would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.notation.boxes import Box, beside, centred, centred_text, text_box

NEST = 4
"""How much deeper the inside of a pair of parentheses is, as a place to break."""


class Token(Struct, frozen=True):
    """A box in a formula. `space`: a blank goes before it. `level`: a line may end before it, the
    more willingly the lower; None: never. `label` is written below it."""

    box: Box
    space: bool = False
    level: int | None = None
    label: str = ""


def word(text: str, *, space: bool = False, level: int | None = None) -> Token:
    """A token of plain text."""
    return Token(text_box(text), space, level)


def deeper(tokens: Sequence[Token], by: int = NEST) -> tuple[Token, ...]:
    """The tokens as the inside of something."""
    return tuple(
        token if token.level is None else replace(token, level=token.level + by) for token in tokens
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
