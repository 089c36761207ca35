"""Boxes and lines to rows of characters, joined where they meet."""

from __future__ import annotations

from collections.abc import Sequence

from backprop_cli.notation.boxes import Line, Role, Span, width

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
_JOINTS = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"
"""The character for each sum of directions."""


class Canvas:
    """Characters by row and column; lines that meet become a joint."""

    def __init__(self, *, ascii: bool) -> None:  # noqa: A002  # the word of the option
        self.plain = ascii
        self.arms: dict[tuple[int, int], int] = {}
        self.texts: dict[tuple[int, int], tuple[str, Role]] = {}

    def vertical(self, x: int, top: int, bottom: int) -> None:
        """A line from the middle of one row to the middle of another."""
        for y in range(top, bottom + 1):
            arms = (UP if y > top else 0) | (DOWN if y < bottom else 0)
            self._join(x, y, arms)

    def horizontal(self, y: int, start: int, end: int) -> None:
        """A line from one column to another."""
        left, right = min(start, end), max(start, end)
        for x in range(left, right + 1):
            self._join(x, y, (LEFT if x > left else 0) | (RIGHT if x < right else 0))

    def _join(self, x: int, y: int, arms: int) -> None:
        self.arms[y, x] = self.arms.get((y, x), 0) | arms

    def arrow(self, x: int, y: int) -> None:
        """The end of a line that points down."""
        self.texts[y, x] = ("v" if self.plain else "▼", "")

    def box(self, x: int, y: int, wide: int, lines: Sequence[Span]) -> None:
        """A box around lines of text."""
        bottom = y + len(lines) + 1
        for row in (y, bottom):
            self.horizontal(row, x, x + wide - 1)
        for column in (x, x + wide - 1):
            self.vertical(column, y, bottom)
        for number, (text, role) in enumerate(lines):
            self.text(x + 2, y + 1 + number, text, role)

    def text(self, x: int, y: int, text: str, role: Role) -> None:
        """Characters from a column on; marks above a letter stay with it."""
        column = x
        for char in text:
            if width(char) == 0:
                before = self.texts[y, column - 1][0]
                self.texts[y, column - 1] = (before + char, role)
                continue
            self.texts[y, column] = (char, role)
            for extra in range(1, width(char)):
                self.texts[y, column + extra] = ("", role)
            column += width(char)

    def lines(self) -> list[Line]:
        """The rows from the first to the last."""
        ends: dict[int, int] = {}
        for y, x in (*self.arms, *self.texts):
            ends[y] = max(x, ends.get(y, x))
        left = min((x for _, x in (*self.arms, *self.texts)), default=0)
        return [self._line(y, left, ends[y]) for y in sorted(ends)]

    def _line(self, y: int, left: int, right: int) -> Line:
        spans: list[Span] = []
        for x in range(left, right + 1):
            char, role = self.texts.get((y, x)) or (self._joint(y, x), "")
            if spans and spans[-1][1] == role:
                spans[-1] = (spans[-1][0] + char, role)
            else:
                spans.append((char, role))
        return tuple(spans)

    def _joint(self, y: int, x: int) -> str:
        joint = _JOINTS[self.arms.get((y, x), 0)]
        if not self.plain or joint == " ":
            return joint
        return {"│": "|", "╵": "|", "╷": "|", "─": "-", "╴": "-", "╶": "-"}.get(joint, "+")
