"""The parts of a web page: its frame, symbols to point at, curves and maps as SVG."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from html import escape
from importlib.resources import files
from itertools import chain, pairwise
from zlib import crc32

from msgspec import Struct, field

from backprop_cli.algebra.quantity import whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.document_data import Area, Curve, Exact, Map, Point, label
from backprop_cli.document.networks import Network
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


_WIDE, _HIGH = 300.0, 170.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 22.0, 20.0, 24.0
_SIDE = 300.0  # a map is square
_ABOVE = 0.08  # of the height, left free above and below a curve
_APART_X, _APART_Y = 34.0, 15.0  # pixels that labels need
_LETTER = 7.2  # pixels
_MOST_CORNERS = 10

STYLE = """
.plots { display: flex; flex-wrap: wrap; gap: 1rem 1.6rem; margin: .4rem 0 1.2rem; }
.plots figure { margin: 0; flex: 0 1 17.4rem; min-width: 14rem; break-inside: avoid; }
.plots figure.wide { flex: 1 1 100%; }
.plots figure.wide svg { width: auto; }
.plots svg { width: 100%; height: auto; display: block; }
.plots figcaption { text-align: center; color: var(--faint); font-size: .92rem; }
.plots text { fill: var(--faint); font: 12px system-ui, -apple-system, "Noto Sans", sans-serif; }
.plots .name { font-style: italic; }
.plots .value { fill: var(--ink); }
.plots .axis { fill: none; stroke: var(--faint); stroke-width: 1; }
.plots .guide { fill: none; stroke: var(--line); stroke-width: 1; }
.plots .curve { fill: none; stroke: var(--accent); stroke-width: 2.2; stroke-linecap: round;
  width: auto; }
.plots .jump { stroke: var(--accent); stroke-width: 1; stroke-dasharray: 2 3; opacity: .7; }
.plots .closed { fill: var(--accent); stroke: var(--accent); stroke-width: 1.8; }
.plots .open { fill: var(--paper); stroke: var(--accent); stroke-width: 1.8; }
.plots .inside { fill: var(--accent); fill-opacity: .22; stroke: none; }
.plots .border { stroke: var(--accent); stroke-width: 2.2; stroke-linecap: round; }
.plots .without { stroke-dasharray: 6 5; }
"""


def svg(drawing: Curve | Map | Network, words: str) -> str:
    """The picture; `words` are for those who cannot see it."""
    if isinstance(drawing, Network):
        from backprop_cli.drawing.network_pictures import NETWORK_STYLE, network_picture

        return f"<style>{NETWORK_STYLE}</style>{network_picture(drawing, words)}"
    if isinstance(drawing, Map):
        body, high, wide = _Map(drawing).parts(), _SIDE, _SIDE
    else:
        body, high, wide = _Curve(drawing).parts(), _HIGH, _WIDE
    head = f'<svg viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-label="{escape(words)}">'
    return head + "".join(body) + "</svg>"


def _line(kind: str, start: Point, end: Point) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _text(at: Point, text: str, anchor: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return (
        f'<text{named} x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _dot(at: Point, closed: bool) -> str:
    kind = "closed" if closed else "open"
    return f'<circle class="{kind}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3.6"/>'


def _spread(places: Iterable[tuple[float, str]], apart: float) -> list[tuple[float, str]]:
    """The labels that have room, the first ones first."""
    kept: list[tuple[float, str]] = []
    for place, text in places:
        if all(abs(place - other) >= max(apart, _LETTER * len(text)) for other, _ in kept):
            kept.append((place, text))
    return kept


# One input ----------------------------------------------------------------------------------------


class _Curve:
    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        heights = [*curve.heights, 0.0] if _near_zero(curve.heights) else curve.heights
        low, high = min(heights), max(heights)
        border = (high - low) * _ABOVE or 1.0
        self.low, self.high = low - border, high + border

    def x(self, at: float | Fraction) -> float:
        low, high = self.curve.across
        share = (Fraction(at) - low) / (high - low)
        return _LEFT + float(share) * (_WIDE - _LEFT - _RIGHT)

    def y(self, at: float) -> float:
        share = (self.high - at) / (self.high - self.low)
        return _TOP + share * (_HIGH - _TOP - _BOTTOM)

    def at(self, point: Point) -> Point:
        return self.x(point[0]), self.y(point[1])

    def parts(self) -> Iterator[str]:
        bottom = _HIGH - _BOTTOM
        for place in self.curve.marks:
            yield _line("guide", (self.x(place), _TOP), (self.x(place), bottom))
        if self.low < 0 < self.high:
            yield _line("guide", (_LEFT, self.y(0)), (_WIDE - _RIGHT, self.y(0)))
        yield _line("axis", (_LEFT, bottom), (_WIDE - _RIGHT, bottom))
        yield _line("axis", (_LEFT, _TOP), (_LEFT, bottom))
        yield from self.labels(bottom)
        for first, second in self.jumps():
            yield _line("jump", self.at(first), self.at(second))
        for stroke in self.curve.strokes:
            points = "L".join("{:.1f} {:.1f}".format(*self.at(point)) for point in stroke)
            yield f'<path class="curve" d="M{points}"/>'
        yield from (_dot(self.at(dot.at), dot.closed) for dot in self.curve.dots)

    def jumps(self) -> Iterator[tuple[Point, Point]]:
        """From one end to the other of each jump."""
        places = sorted({dot.at[0] for dot in self.curve.dots})
        for place in places:
            here = sorted(dot.at[1] for dot in self.curve.dots if dot.at[0] == place)
            yield from pairwise([(place, height) for height in here])

    def labels(self, bottom: float) -> Iterator[str]:
        places = self.curve.marks or self.curve.across
        for x, text in _spread(((self.x(at), label(at)) for at in places), _APART_X):
            yield _text((x, bottom + 16), text, "middle")
        yield _text((_WIDE - _RIGHT + 4, bottom + 4), self.curve.input, "start", "name")
        for y, text in _spread(((self.y(at), label(at)) for at in self.heights()), _APART_Y):
            yield _text((_LEFT - 6, y + 4), text, "end")

    def heights(self) -> list[float]:
        """The values worth a label: where the curve is level or jumps, 0, and the ends."""
        curve = self.curve
        level = [stroke[0][1] for stroke in curve.strokes if stroke[0][1] == stroke[-1][1]]
        ends = [min(curve.heights), max(curve.heights)]
        zero = [0.0] if self.low < 0 < self.high else []
        return list(dict.fromkeys([*level, *(dot.at[1] for dot in curve.dots), *zero, *ends]))


def _near_zero(heights: Sequence[float]) -> bool:
    """Whether 0 is so near to the values that it belongs into the picture."""
    low, high = min(heights), max(heights)
    return min(abs(low), abs(high)) <= 2 * (high - low) or low == high


# Two inputs ---------------------------------------------------------------------------------------


class _Map:
    def __init__(self, found: Map) -> None:
        self.map = found

    def at(self, point: Exact) -> Point:
        (left, right), (low, high) = self.map.window
        x = float((point[0] - left) / (right - left))
        y = float((high - point[1]) / (high - low))
        wide, tall = _SIDE - _LEFT - _RIGHT, _SIDE - _TOP - _BOTTOM
        return _LEFT + x * wide, _TOP + y * tall

    def parts(self) -> Iterator[str]:
        for area in self.map.areas:
            if self.map.marked is not None and area.value == self.map.marked:
                yield f'<path class="inside" d="M{self.path(area)}Z"/>'
        for start, end in self.map.lines:
            yield _line("guide", self.at(start), self.at(end))
        yield from self.axes()
        for border in self.map.borders:
            kind = "border" if border.closed else "border without"
            yield _line(kind, self.at(border.start), self.at(border.end))
        yield from self.values() if self.map.marked is None else self.corners()

    def path(self, area: Area) -> str:
        return "L".join("{:.1f} {:.1f}".format(*self.at(corner)) for corner in area.corners)

    def axes(self) -> Iterator[str]:
        (left, right), (low, high) = self.map.window
        bottom, side = _SIDE - _BOTTOM, _SIDE - _RIGHT
        yield _line("axis", (_LEFT, bottom), (side, bottom))
        yield _line("axis", (_LEFT, _TOP), (_LEFT, bottom))
        corners = [*(corner.at for corner in self.map.corners), *self.map.ticks]
        across = chain((x for x, _ in corners), (left, right))
        up = chain((y for _, y in corners), (low, high))
        for x, text in _spread(((self.at((at, low))[0], label(at)) for at in across), _APART_X):
            yield _text((x, bottom + 16), text, "middle")
        yield _text((side + 4, bottom + 4), self.map.inputs[0], "start", "name")
        yield _text((_LEFT, _TOP - 7), self.map.inputs[1], "middle", "name")
        for y, text in _spread(((self.at((left, at))[1], label(at)) for at in up), _APART_Y):
            yield _text((_LEFT - 6, y + 4), text, "end")

    def corners(self) -> Iterator[str]:
        for number, corner in enumerate(self.map.corners):
            x, y = self.at(corner.at)
            yield _dot((x, y), corner.closed)
            if number < _MOST_CORNERS:
                text = f"({label(corner.at[0])}, {label(corner.at[1])})"
                room = x + 8 + _LETTER * len(text) < _SIDE
                place = (x + 8, y - 7) if room else (x - 8, y - 7)
                yield _text(place, text, "start" if room else "end", "value")

    def values(self) -> Iterator[str]:
        """What is said of each area, where there is room for it."""
        left, right = self.map.window[0]
        scale = (_SIDE - _LEFT - _RIGHT) / float(right - left)
        for area in self.map.areas:
            text = self.map.labels.get(area.value, "")
            if text and _LETTER * len(text) < float(area.across) * scale:
                x, y = self.at(area.middle)
                yield _text((x, y + 4), text, "middle", "value")
