"""Formulas to MathML, for any browser without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from types import MappingProxyType

from backprop_cli.algebra.shapes import is_formula
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
    Stack,
    Total,
    Word,
    tall,
)
from backprop_cli.notation.numbers_and_indices import joins, place
from backprop_cli.notation.symbols import lowered, marked, takes_index

Attributes = Callable[[str], Mapping[str, str]]
"""What the symbol of a quantity carries, by its id."""

NAMESPACE = "http://www.w3.org/1998/Math/MathML"

_MARKS = MappingProxyType({"hat": "^", "tilde": "~", "bar": "¯"})
_SCIENTIFIC = re.compile(r"(?P<digits>.+)e(?P<sign>[+-]?)0*(?P<power>\d+)").fullmatch
_WORDS = MappingProxyType({"inf": "∞"})
_GAP = '<mspace width="0.2em"/>'  # beside a label, so that it keeps from its neighbours
_BOLD_ONE = "𝟏"


def math(node: Node, attributes: Attributes | None = None) -> str:
    """A whole formula, as large as if it stood alone."""
    inner = _Writer(attributes).written(node)
    return f'<math xmlns="{NAMESPACE}" displaystyle="true">{inner}</math>'


def _tag(name: str, inner: str, **attributes: str) -> str:
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{inner}</{name}>"


def _operator(text: str, **attributes: str) -> str:
    return _tag("mo", escape(text), **attributes)


class _Writer:
    def __init__(self, attributes: Attributes | None) -> None:
        self.attributes = attributes

    def written(self, node: Node) -> str:
        match node:
            case Letter(text):
                return _tag("mi", escape(text))
            case Word(text, bold):
                return _word(text, bold)
            case Number(text, pad, lead):
                return _blank(lead) + number(text) + _blank(pad)
            case Sign():
                return _sign(node)
            case Row(items):
                return "".join(map(self.written, items))
            case Places(texts):
                return ("" if joins(texts) else _operator(",")).join(map(_place, texts))
            case Named(id, inner):
                return self.named(id, inner)
        return self.built(node)

    def row(self, node: Node) -> str:
        """The node as exactly one element."""
        many = isinstance(node, Row | Places) or (
            isinstance(node, Number) and bool(node.pad or node.lead)
        )
        return _tag("mrow", self.written(node)) if many else self.written(node)

    def named(self, id: str, inner: Node) -> str:
        if self.attributes is None:
            return self.row(inner)
        return _tag("mrow", self.written(inner), **self.attributes(id))

    def built(self, node: Node) -> str:
        match node:
            case Fraction(top, bottom):
                return _tag("mfrac", self.row(top) + self.row(bottom))
            case Script():
                return self.script(node)
            case Accent(Named() as base, mark):
                return self.written(marked(base, mark))
            case Accent(base, mark):
                over = _operator(_MARKS[mark], stretchy="false")
                return _tag("mover", self.row(base) + over, accent="true")
            case Root(inner):
                return _tag("msqrt", self.written(inner))
            case Fenced(left, inner, right):
                return self.fenced(left, self.written(inner), right, grows=tall(inner))
            case Total(below):
                sign = _operator("∑")
                return sign if below is None else _tag("munder", sign + self.row(below))
            case Braced(inner, label):
                brace = _operator("⏟", stretchy="true")
                held = _tag("munder", self.row(inner) + brace)
                return _tag("munder", held + _tag("mrow", _GAP + self.written(label) + _GAP))
            case Grid() | Cases() | Stack():
                return self.arranged(node)
        raise AssertionError(node)

    def arranged(self, node: Grid | Cases | Stack) -> str:
        if isinstance(node, Grid):
            return self.fenced("[", self.table(node.rows, "numbers"), "]", grows=True)
        if isinstance(node, Stack):
            return self.table(tuple((line,) for line in node.rows), "cases")
        brace = _operator("{", fence="true", form="prefix")
        return _tag("mrow", brace + self.table(node.rows, "cases"))

    def script(self, node: Script) -> str:
        if node.up is None and node.down is not None and takes_index(node.base):
            return self.written(lowered(node.base, node.down))
        parts = [self.row(part) for part in (node.base, node.down, node.up) if part is not None]
        name = "msub" if node.up is None else "msup" if node.down is None else "msubsup"
        return _tag(name, "".join(parts))

    def fenced(self, left: str, inner: str, right: str, *, grows: bool) -> str:
        left, right = (fence.replace(DETERMINANT, "|") for fence in (left, right))
        stretchy = "true" if grows else "false"
        opening = _operator(left, fence="true", form="prefix", stretchy=stretchy)
        closing = _operator(right, fence="true", form="postfix", stretchy=stretchy)
        return _tag("mrow", opening + inner + closing)

    def table(self, rows: tuple[tuple[Node, ...], ...], kind: str) -> str:
        lines = (
            _tag("mtr", "".join(_tag("mtd", self.written(entry)) for entry in line))
            for line in rows
        )
        return _tag("mtable", "".join(lines), **{"class": kind})


def number(text: str) -> str:
    """A number; `4.5e-05` as a product with a power of ten."""
    sign, digits = ("−", text[1:]) if text[:1] in ("−", "-") else ("", text)
    found = _SCIENTIFIC(digits)
    if found:
        minus = _operator("−", form="prefix") if found["sign"] == "-" else ""
        power = _tag("mrow", minus + _tag("mn", found["power"]))
        ten = _tag("msup", _tag("mn", "10") + power)
        body = _tag("mn", found["digits"]) + _operator("·") + ten
    else:
        body = _tag("mn", _WORDS.get(digits, escape(digits))) if digits else ""
    if not sign:
        return _tag("mrow", body) if found else body
    return _tag("mrow", _operator(sign, form="prefix", lspace="0", rspace="0") + body)


def _blank(digits: str) -> str:
    """Room as wide as the digits."""
    return _tag("mphantom", number(digits)) if digits else ""


def _word(text: str, bold: bool) -> str:
    if bold:
        return _tag("mn", _BOLD_ONE if text == "1" else escape(text))
    if len(text) == 1:
        return _tag("mi", escape(text), mathvariant="normal")
    return _tag("mi" if text.isalpha() else "mtext", escape(text))


def _sign(sign: Sign) -> str:
    if sign.text == " ":
        return '<mspace width="0.25em"/>'
    if sign.text in ("", TIMES):
        return _operator("\N{INVISIBLE TIMES}") + '<mspace width="0.17em"/>'
    if sign.bare:
        after = "0.2em" if sign.text in ",;" else "0"
        return _operator(sign.text, lspace="0", rspace=after)
    return _operator(sign.text, form="infix")


def _place(where: str) -> str:
    if is_formula(where):
        return _Writer(None).row(place(where))
    if where[:1].isalpha() and where[1:].isdecimal():
        return _tag("msub", _place(where[0]) + _place(where[1:]))
    return _tag("mn" if where.isdigit() else "mi", escape(where))
