"""A formula to how wide it is, and to the lines that it is broken into where that is too wide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from backprop_cli.notation.nodes import (
    TIMES,
    Braced,
    Cases,
    Fenced,
    Fraction,
    Grid,
    Letter,
    Node,
    Number,
    Places,
    Root,
    Row,
    Script,
    Sign,
    Stack,
    Strong,
    Total,
    Word,
    children,
    items,
    row,
    tall,
)

_BOLD = 1.15  # how much wider digits are in bold type
_ENDLESS = 1.6  # how much wider −∞ is than two of them


@lru_cache(maxsize=8192)
def width(node: Node) -> float:
    """About how wide the node is, in digits."""
    match node:
        case Letter() | Word() | Number() | Sign() | Places():
            return _text_width(node)
        case Grid() | Cases() | Stack():
            return _arranged_width(node)
        case Fraction() | Script() | Braced() | Total():
            return _stacked_width(node)
        case Strong(inner):
            return _BOLD * width(inner)
    around = 1.6 if isinstance(node, Root) else 0
    if isinstance(node, Fenced):
        around = 2.0 if tall(node) else 1.5
    return around + sum(map(width, children(node)))


def _stacked_width(node: Fraction | Script | Braced | Total) -> float:
    """Of parts that stand above one another, the widest."""
    match node:
        case Fraction(top, bottom):
            return max(width(top), width(bottom)) + 0.6
        case Script(base, up, down):
            return width(base) + max(0.75 * width(part) if part else 0 for part in (up, down))
        case Braced(inner, label):
            return max(width(inner), 0.75 * width(label))
        case Total(below):
            return max(2.5, 0.75 * width(below) if below else 0)


def _text_width(node: Letter | Word | Number | Sign | Places) -> float:
    match node:
        case Number(text, pad, lead):
            digits, exponent, power = text.partition("e")
            tenfold = 3.5 + 0.75 * len(power) if exponent else 0  # written · 10 to that power
            return len(lead) + len(digits) + _ENDLESS * digits.count("∞") + tenfold + len(pad)
        case Sign("…" | "⋱"):
            return 2.3
        case Sign(text, _, bare):
            return 0.4 if text in ("", TIMES) else len(text) + (0.3 if bare else 1.3)
        case Places(texts):
            commas = 0 if all(len(text) == 1 for text in texts) else len(texts) - 1
            return sum(map(len, texts)) + commas * 0.5
        case Letter(text) if text.isupper():
            return 1.4
    return len(node.text)


def _arranged_width(node: Grid | Cases | Stack) -> float:
    match node:
        case Grid(rows):
            return 2 * len(rows[0]) - 0.4 + _columns_width(rows)
        case Cases(pairs):
            return 2.5 + _columns_width(pairs)
        case Stack(rows):
            return max(map(width, rows)) + 2


def _columns_width(rows: Sequence[Sequence[Node]]) -> float:
    return sum(max(map(width, column)) for column in zip(*rows, strict=True))


def lines(node: Node, room: float) -> tuple[Node, ...]:
    """A long row on several lines, broken before the operators that bind least."""
    if width(node) <= room or not isinstance(node, Row):
        return (node,)
    signs = (item for item in node.items[1:] if isinstance(item, Sign))
    levels = sorted({sign.level for sign in signs if sign.level is not None})
    if not levels:
        return (node,)
    filled: list[Node] = []
    for chunk in split(node, levels[0]):
        if filled and width(filled[-1]) + width(chunk) <= room:
            filled[-1] = row(filled[-1], chunk)
        else:
            filled += lines(chunk, room)
    return tuple(filled)


def folded(node: Node, room: float) -> Node:
    """The node with the tops of fractions that are too wide on several lines."""
    if width(node) <= room:
        return node
    if isinstance(node, Row):
        widest = max(node.items, key=width)
        left = room - (width(node) - width(widest))
        return row(*(folded(item, left) if item is widest else item for item in node.items))
    if isinstance(node, Fraction):
        broken = lines(node.top, room - 3)
        return Fraction(Stack(broken) if len(broken) > 1 else node.top, node.bottom)
    return node


def split(node: Node, level: int) -> list[Node]:
    """The row cut before every sign of a level."""
    chunks: list[list[Node]] = [[]]
    for item in items(node):
        if isinstance(item, Sign) and item.level == level and chunks[-1]:
            chunks.append([])
        chunks[-1].append(item)
    return [row(*chunk) for chunk in chunks]
