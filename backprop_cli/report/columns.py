"""Texts to lines that fit a terminal: wrapped, cut, padded, counted in its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backprop_cli.notation.boxes import width

GAP = "  "
_INDENT = " " * 6
_NARROWEST = 14  # columns that words can be read in


def wrapped(text: str, room: int) -> list[str]:
    """The words of `text` in lines of at most `room`; a word too long for one is broken."""
    lines, line = [], ""
    for word in _words(text, room):
        longer = f"{line} {word}" if line else word
        if width(longer) <= room:
            line = longer
            continue
        lines.append(line)
        line = word
    return [*lines, line]


def _words(text: str, room: int) -> Iterator[str]:
    for word in text.split():
        rest = word
        while width(rest) > room:
            piece = _fitting(rest, room) or rest[0]
            yield piece
            rest = rest[len(piece) :]
        if rest:
            yield rest


def _fitting(text: str, room: int) -> str:
    """As much of the beginning of `text` as fits."""
    used = 0
    for count, char in enumerate(text):
        used += width(char)
        if used > room:
            return text[:count]
    return text


def cut(text: str, room: int) -> str:
    """`text`, ending in `…` where it is too long."""
    return text if width(text) <= room else f"{_fitting(text, max(room - 1, 0))}…"


def padded(text: str, room: int) -> str:
    """`text` cut or filled with spaces to exactly `room`."""
    short = cut(text, room)
    return short + " " * (room - width(short))


def hanging(head: str, text: str, room: int) -> list[str]:
    """`head` and `text` beside it, or below it where there is no room beside it."""
    if text and room - width(head) < _NARROWEST:
        return [head.rstrip(), *hanging(_INDENT, text, max(room, len(_INDENT) + _NARROWEST))]
    lines = wrapped(text, room - width(head))
    blank = " " * width(head)
    return [f"{head if not n else blank}{line}".rstrip() for n, line in enumerate(lines)]


def widest(texts: Sequence[str], most: int) -> int:
    """The columns that the texts take, at most `most`."""
    return min(max(map(width, texts), default=0), most)
