"""The parts of a web page: its frame, and the symbols that a reader can point at."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from zlib import crc32

from msgspec import Struct, field

from backprop_cli.algebra.quantity import whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.mathml import math
from backprop_cli.notation.nodes import EQUALS, Fenced, Node, Row, row
from backprop_cli.notation.symbols import size
from backprop_cli.notation.widths import split, width

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

Attributes = Callable[[str], Mapping[str, str]]
"""What the symbol of a quantity carries in a formula, by its id."""

_ROOM = 26  # digits: a part of a formula wider than this may be broken inside a product


class Pointed(Struct):
    """The quantities of a page that a reader may point at, and the class that each has."""

    role: Callable[[str], str]
    classes: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    def colour(self, id: str) -> Mapping[str, str]:
        """What a symbol carries that cannot be pointed at."""
        role = self.role(id)
        return {"class": role} if role else {}

    def class_of(self, id: str) -> str:
        """A class of its own for every quantity."""
        return self.classes.setdefault(id, f"q{len(self.classes)}")

    def step(self, known: Collection[str]) -> PointedStep:
        """The next step, in which the values of so many quantities are known."""
        self.steps += 1
        return PointedStep(self, known, f"s{self.steps}")

    def rules(self) -> str:
        """The rules by which pointing at a symbol shows its value: CSS alone, one a quantity."""
        return "".join(
            f".step:has(mrow.{name}:is(:hover,:focus)) > .tip.{name}{{display:block}}\n"
            for name in self.classes.values()
        )


class PointedStep:
    """Makes the symbols of a step ones that can be pointed at; the first of each can be focused."""

    def __init__(self, page: Pointed, known: Collection[str], place: str) -> None:
        self.page, self.known, self.place = page, known, place
        self.seen: list[str] = []

    def __call__(self, id: str) -> Mapping[str, str]:
        whole = whole_id(id)
        if id not in self.known and whole not in self.known:
            return self.page.colour(id)
        id = id if id in self.known else whole
        name = self.page.class_of(id)
        found = {"class": f"q {name} {self.page.role(id)}".strip()}
        if id not in self.seen:
            self.seen.append(id)
            found |= {"tabindex": "0", "aria-describedby": f"{self.place}{name}"}
        return found

    def tips(self, shown: Callable[[str], str]) -> Iterator[str]:
        """What is shown of every symbol that was met."""
        for id in self.seen:
            name = self.page.class_of(id)
            attributes = f'class="tip {name}" role="tooltip" id="{self.place}{name}"'
            yield f"<div {attributes}>{shown(id)}</div>"


def whole_page(title: str, body: str, rules: str = "") -> str:
    """A page with the style of all pages and rules of its own."""
    style = files("backprop_cli.formats").joinpath("html.css").read_text(encoding="utf-8")
    return _PAGE.format(title=escape(title) or "backprop", style=style + rules, body=body)


def side(nodes: Iterable[Node], attributes: Attributes, kind: str = "") -> str:
    """`= a + b = c` as several formulas, so that a narrow window can break the line between."""
    opening = f'<span class="{kind}">' if kind else "<span>"
    return "\n".join(
        f"{opening}{math(chunk, attributes)}</span>" for node in nodes for chunk in _chunks(node)
    )


def _chunks(node: Node) -> list[Node]:
    whole = row(EQUALS, node)
    return [p for side in split(whole, 0) for chunk in split(side, 1) for p in _narrow(chunk)]


def _narrow(node: Node) -> list[Node]:
    return split(node, 2) if isinstance(node, Row) and width(node) > _ROOM else [node]


def shape(lengths: Shape) -> str:
    """A shape in parentheses; nothing for a number."""
    fenced = Fenced("(", size(lengths), ")")
    return f'<span class="shape">{math(fenced)}</span>' if lengths else ""


# As a part of another page ------------------------------------------------------------------------


_CLASS = "backprop-cli"
_STYLES = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_NAMED = re.compile(r'( (?:id|aria-describedby)=")(?=s\d+q\d+")')


def fragment(page: str) -> str:
    """What a page shows, as a part of another page, with its own styles around nothing else.

    The styles are nested in the part's own class, so that the other page's stay as they are; what
    has a name has one of this part alone, so that a reader of screens finds it among several.
    """
    own = f"p{crc32(page.encode()):08x}"
    page = _NAMED.sub(rf"\g<1>{own}", page)
    body = _BODY.search(page)
    styles = "\n".join(_STYLES.findall(page))
    inside = styles.replace(":root", "&").replace("body", "&")
    return (
        f'<div class="{_CLASS}"><style>.{_CLASS} {{ {inside} }}</style>'
        f"{body[1] if body else page}</div>"
    )


def plain_fragment(text: str) -> str:
    """Plain text as a part of a page."""
    return f'<pre class="{_CLASS}">{escape(text)}</pre>'
