"""Formulas to tokens for a terminal: boxes of one or more lines that stand on one baseline."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.quantity import quantity
from backprop_cli.notation.ascii_signs import ascii_text, in_ascii
from backprop_cli.notation.boxes import Box, Drawing, Fences, Role, text_box
from backprop_cli.notation.flattened import flat, is_simple, reach
from backprop_cli.notation.flow import (
    Token,
    Tokens,
    as_one_word,
    cornered,
    deeper,
    extent,
    joined,
    on_one_line,
    suffixed,
    word,
)
from backprop_cli.notation.nodes import (
    DETERMINANT,
    TIMES,
    Accent,
    Braced,
    Cases,
    Fenced,
    Fraction,
    Grid,
    Letter,
    Named,
    Node,
    Number,
    Places,
    Root,
    Row,
    Script,
    Sign,
    Total,
    Word,
    is_of_numbers,
    items,
    row,
)
from backprop_cli.notation.numbers_and_indices import indexed, subscript, superscript
from backprop_cli.notation.symbols import size

_MARKS = MappingProxyType(
    {
        "hat": "\N{COMBINING CIRCUMFLEX ACCENT}",
        "tilde": "\N{COMBINING TILDE}",
        "bar": "\N{COMBINING MACRON}",
    }
)
_ONE_CHARACTER = frozenset("ŷŶ")
_LIST = 1
"""How willingly a line ends behind a comma."""


class Called(Protocol):
    """What quantities are called, and what they are for the eye."""

    def text(self, id: str) -> str:
        """The name on one line."""

    def role(self, id: str) -> Role:
        """What its colour says."""


class Terminal(Struct, frozen=True):
    """Sets formulas in one alphabet. `braces`: labels stand below what has one."""

    drawing: Drawing = Drawing()
    names: Called | None = None
    braces: bool = False

    @property
    def ascii(self) -> bool:
        """Whether only ASCII may be written."""
        return self.drawing.digits.ascii

    def tokens(self, node: Node) -> Tokens:
        """The formula as tokens."""
        if self.ascii:
            node = in_ascii(node, self.names.text if self.names else str)
        return self._tokens(flat(node))

    def one_line(self, node: Node) -> str | None:
        """The formula on one line; None where it has a part that takes several."""
        return on_one_line(self.tokens(node))

    def shape(self, shape: Sequence[int | str]) -> str:
        """A shape as it is written below a factor: `2×3`, `N₁×N`; letters as they are in ASCII."""
        if all(isinstance(length, int) for length in shape):
            return ("x" if self.ascii else "×").join(map(str, shape))
        return self.one_line(size(shape)) or ""

    def _text(self, text: str) -> str:
        """A sign or word in the alphabet that is asked for."""
        return ascii_text(text) if self.ascii else text

    # Nodes ----------------------------------------------------------------------------------------

    def _tokens(self, node: Node) -> Tokens:
        match node:
            case Row(inside):
                return self._row(inside)
            case Letter(text) | Word(text) | Number(text) | Sign(text):
                return (word(self._text(text)),)
            case Named(id, inner):
                return self._named(id, inner)
            case Fenced(left, inner):
                return self._fenced(left, self._tokens(inner))
            case Script():
                return self._script(node)
        return self._built(node)

    def _built(self, node: Node) -> Tokens:
        match node:
            case Fraction(top, bottom):
                under = _fenced_entry(bottom) if self.ascii and _by_entry(top, bottom) else bottom
                return as_one_word((*self._tokens(top), word("/"), *self._tokens(under)))
            case Root(inner):
                return (word("√"), *self._tokens(inner))
            case Total(below):
                return (word(self._sum(below)),)
            case Accent(base, mark):
                return self._accent(base, _MARKS[mark])
            case Braced(inner, label):
                return self._braced(inner, label)
            case Cases(pairs):
                return self._cases(pairs)
            case Grid():
                return self._grid(node)
        raise AssertionError(node)

    def _named(self, id: str, inner: Node) -> Tokens:
        text = on_one_line(self._tokens(inner)) or ""
        return (Token(text_box(text, self.names.role(id) if self.names else "")),)

    def _row(self, inside: Sequence[Node]) -> Tokens:
        found: list[Token] = []
        gap: _Gap | None = None
        place = 0
        while place < len(inside):
            node = inside[place]
            if isinstance(node, Sign):
                tokens, gap = self._sign(node, gap)
                found += tokens
                place += 1
                continue
            if place and isinstance(node, Fenced) and isinstance(inside[place - 1], Fenced):
                gap = gap or _Gap(_LIST)
            if gap is None and _is_labelled(node) and found:
                found.append(word(" "))
                gap = _Gap(_LIST)
            found += _spaced(self._tokens(node), gap)
            gap, place = None, place + 1
            if isinstance(node, Total):
                end = place + reach(inside[place:])
                broken = _Gap(_LIST if isinstance(node.below, Word) else None)
                found += deeper(_spaced(self._row(inside[place:end]), broken))
                place = end
        return tuple(found)

    def _sign(self, sign: Sign, gap: _Gap | None) -> tuple[Tokens, _Gap | None]:
        """What a sign is, and the room behind it."""
        if sign.bare:
            if sign.text == " ":
                return (), gap or _Gap(sign.level)
            tokens = _spaced((word(self._text(sign.text)),), gap)
            return tokens, _Gap(_LIST) if sign.text in ",;" else None
        if not sign.text and not self.ascii:
            return (), _Gap(sign.level)
        text = {TIMES: "·", "": "@"}.get(sign.text, sign.text)
        return (word(self._text(text), space=True, level=sign.level),), _Gap()

    def _fenced(self, left: str, inner: Tokens) -> Tokens:
        """The inner between delimiters of its height."""
        above, height = extent(inner)
        first, last = (Token(fence.drawn(height, above)) for fence in self._fences(left))
        return (first, *deeper(inner), last)

    def fence(self, left: str) -> Fences:
        """A delimiter that opens, in the alphabet that is asked for."""
        return self._fences(left)[0]

    def _fences(self, left: str) -> tuple[Fences, Fences]:
        glyphs = self.drawing.glyphs
        return {
            "(": glyphs.parentheses,
            "[": glyphs.brackets,
            "{": glyphs.braces,
            "|": (glyphs.bars, glyphs.bars),
            DETERMINANT: (glyphs.bars, glyphs.bars),
            "‖": (glyphs.double_bars, glyphs.double_bars),
        }[left]

    # Corners --------------------------------------------------------------------------------------

    def _script(self, node: Script) -> Tokens:
        if isinstance(node.base, Word) and isinstance(node.down, Word):
            return (word(f"{node.base.text} of {node.down.text} "),)
        tokens = self._tokens(node.base)
        if node.up is not None:
            tokens = self._raised(tokens, node.up)
        return tokens if node.down is None else suffixed(tokens, self._lowered(node.down))

    def _lowered(self, down: Node) -> str:
        if isinstance(down, Places):
            return f"[{','.join(down.texts)}]" if self.ascii else indexed(down.texts)
        text = on_one_line(self._tokens(down)) or ""
        if isinstance(down, Word) or (self.ascii and isinstance(down, Letter)):
            return f"_{text}"
        small = text if self.ascii else subscript(text.replace("×", "x"))
        return f"_{text}" if small is None else small

    def _raised(self, base: Tokens, up: Node) -> Tokens:
        if up == Word("T"):
            return cornered(base, ".T" if self.ascii else "ᵀ")
        tokens = self._tokens(up)
        text = on_one_line(tokens)
        if not self.ascii and text is not None:
            small = text if text == "′" else superscript(text)
            if small is not None:
                return cornered(base, small)
        if text is not None and len(tokens) == 1 and is_simple(up):
            return cornered(base, f"^{text}")
        closed = is_simple(up) or isinstance(up, Fenced)
        return (*base, word("^"), *(tokens if closed else self._fenced("(", tokens)))

    def _accent(self, base: Node, mark: str) -> Tokens:
        tokens = self._tokens(base)
        text = on_one_line(tokens)
        if self.ascii or text is None or len(tokens) > 1:
            closed = tokens if is_simple(base) else self._fenced("(", tokens)
            return suffixed(closed, "~")
        whole = unicodedata.normalize("NFC", text[0] + mark)
        first = whole if whole in _ONE_CHARACTER else text[0] + mark
        return (Token(text_box(first + text[1:], tokens[0].box.lines[0][0][1])),)

    # Larger forms ---------------------------------------------------------------------------------

    def _sum(self, below: Node | None) -> str:
        match below:
            case None:
                return "Σ"
            case Word(words):
                return f"Σ {words} of"
        small = (
            each.text if isinstance(each, Sign) else subscript(each.text) or f"_{each.text}"
            for each in items(below)
            if isinstance(each, Sign | Letter)
        )
        return "Σ" + "".join(small)

    def _braced(self, inner: Node, label: Node) -> Tokens:
        tokens = self._tokens(inner)
        is_array = isinstance(inner, Grid) and not inner.separator
        if not self.braces and not is_array:
            return tokens
        box = tokens[0].box if is_array else joined(tokens)
        return (Token(box, label=on_one_line(self._tokens(label)) or ""),)

    def _cases(self, pairs: Sequence[tuple[Node, Node]]) -> Tokens:
        """`{a if x > 0, b otherwise}`."""
        tokens: list[Token] = []
        for value, when in pairs:
            tokens += (
                [word(","), *_spaced(self._tokens(value), _Gap(_LIST))]
                if tokens
                else (self._tokens(value))
            )
            tokens += [] if isinstance(when, Word) else [word("if", space=True)]
            tokens += _spaced(self._tokens(when), _Gap())
        return self._fenced("{", tuple(tokens))

    def _grid(self, grid: Grid) -> Tokens:
        if not grid.separator:
            return (Token(self._drawn(grid), label=self._label(grid)),)
        nodes = [entry for line in grid.rows for entry in line]
        tokens = [*self._tokens(nodes[0])]
        for node in nodes[1:]:
            tokens += [word(grid.separator), *_spaced(self._tokens(node), _Gap(_LIST))]
        return self._fenced("[", tuple(tokens))

    def _drawn(self, grid: Grid) -> Box:
        """The entries in columns, each in the middle of its own."""
        texts = [[self._entry(entry) for entry in line] for line in grid.rows]
        columns = [list(column) for column in zip(*texts, strict=True)]
        while len(columns) > 3 and is_of_numbers(grid) and not self.drawing.has_room(columns):
            columns = self._fewer(columns)
        return self.drawing.bracketed(columns)

    def _fewer(self, columns: list[list[str]]) -> list[list[str]]:
        """One column less: the one before those that are left out, or before the last."""
        across = self.drawing.glyphs.across
        dots = [{text.strip() for text in column} <= {across, ""} for column in columns]
        *first, last = columns
        if any(dots):
            place = dots.index(True)
            return [*columns[: place - 1], *columns[place:]]
        return [*first[:-1], [across] * len(last), last]

    def _label(self, grid: Grid) -> str:
        """The shape of a matrix of numbers."""
        if not is_of_numbers(grid):
            return ""
        return self.shape(grid.full or (len(grid.rows), len(grid.rows[0])))

    def _entry(self, node: Node) -> str:
        match node:
            case Number(text, pad, lead):
                return " " * len(lead) + self._text(text) + " " * len(pad)
            case Sign(text):
                return self._text(text)
        return on_one_line(self._tokens(node)) or ""


def _is_labelled(node: Node) -> bool:
    """Whether a node is an array with words below it, as those of each sample have."""
    inner = node.inner if isinstance(node, Braced) else None
    return isinstance(inner, Grid) and not inner.separator


class _Gap(Struct, frozen=True):
    """A blank, at which a line may end (the more willingly the lower)."""

    level: int | None = None


def _spaced(tokens: Sequence[Token], gap: _Gap | None) -> Tokens:
    if gap is None or not tokens:
        return tuple(tokens)
    first, *rest = tokens
    return (replace(first, space=True, level=gap.level), *rest)


def _by_entry(top: Node, bottom: Node) -> bool:
    """Whether a whole is derived by an entry: dY/dW[1] would read as an entry of dY/dW."""
    return _is_entry(bottom) and not _is_entry(top)


def _is_entry(node: Node) -> bool:
    return any(quantity(one.id).index for one in items(node) if isinstance(one, Named))


def _fenced_entry(bottom: Node) -> Node:
    sign, *entry = items(bottom)
    return row(sign, Fenced("(", row(*entry), ")"))
