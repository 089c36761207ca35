"""A computation graph to characters: boxes from top to bottom, or a list where it is too wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from backprop_cli.document.view import View
from backprop_cli.drawing.graph import GRAPH, Graph, Places, Vertex, layered
from backprop_cli.notation.boxes import Line, Role, Span, plain_text, width

_GAP = 2
_ROLES: Mapping[str, Role] = {"data": "data", "parameter": "parameter", "result": "result"}


def graph_text(graph: Graph, view: View) -> str:
    """The graph within the width of the view."""
    drawn = _drawn(graph, view) if graph.vertices else []
    wide = max((sum(width(text) for text, _ in line) for line in drawn), default=0)
    fits = drawn and wide <= view.width
    body = drawn if fits else list(_listed(graph, view))
    title: list[Line] = [((graph.title, "result"),), ()] if graph.title else []
    return _printed([*title, *body], view)


def _printed(lines: Iterable[Line], view: View) -> str:
    """Lines as a text, in the styles of the theme where there are colours."""
    if view.color is None:
        return "".join(f"{plain_text(line)}\n" for line in lines)
    from rich.text import Text

    from backprop_cli.terminal.console import console_of

    on = console_of(view)
    with on.capture() as captured:
        for line in lines:
            text = Text.assemble(*((span, role if span.strip() else "") for span, role in line))
            text.rstrip()
            on.print(text, soft_wrap=True)
    return captured.get()


# Boxes --------------------------------------------------------------------------------------------


def _box(vertex: Vertex) -> list[Span]:
    """The lines in a box; what is given says of what kind it is."""
    role = _ROLES.get(vertex.kind, "")
    said = f" ({GRAPH[vertex.kind]})" if vertex.kind in ("data", "parameter", "constant") else ""
    lines: list[Span] = [(f"{vertex.title}{said}", role)]
    known = vertex.value or ((vertex.shape,) if vertex.shape else ())
    lines += [(line, "") for line in known]
    lines += [(line, "gradient") for line in vertex.gradient_lines]
    return lines


class _Link(Struct, frozen=True):
    """A piece of an edge between two layers: the columns where it begins and ends."""

    source: str
    start: int
    end: int
    arrives: bool = False


def _drawn(graph: Graph, view: View) -> list[Line]:
    boxes = {vertex.id: _box(vertex) for vertex in graph.vertices}
    wide = {id: max(width(text) for text, _ in lines) + 4 for id, lines in boxes.items()}
    places = layered({id: float(size) for id, size in wide.items()}, graph.edges, _GAP, 3.0)
    middle = {id: round(place) for id, place in places.across.items()}
    canvas = Canvas(ascii=view.ascii)
    row = 0
    chains = _chains(places)
    for number, layer in enumerate(places.layers):
        high = max((len(boxes[id]) + 2 for id in layer), default=1)
        for id in layer:
            low = len(boxes[id]) + 2
            top = row if id in chains.ends else row + high - low  # arrows end at boxes
            canvas.box(middle[id] - wide[id] // 2, top, wide[id], boxes[id])
            if id in chains.starts:
                canvas.vertical(middle[id], top + low - 1, row + high - 1)
        for column in chains.passing[number]:
            canvas.vertical(column, row, row + high - 1)
        links = _links(places, chains, number, middle, wide)
        row = _channel(canvas, links, row + high)
    return canvas.lines()


class _Chains(Struct, frozen=True):
    """The columns of the edges that pass by, for every layer; who uses and who is used."""

    passing: tuple[tuple[int, ...], ...]
    layer_of: Mapping[str, int]
    starts: frozenset[str]
    ends: frozenset[str]


def _chains(places: Places) -> _Chains:
    layer_of = {id: number for number, layer in enumerate(places.layers) for id in layer}
    passing: list[list[int]] = [[] for _ in places.layers]
    for (start, _), route in places.routes.items():
        for step, across in enumerate(route[1:-1], start=1):
            passing[layer_of[start] + step].append(round(across))
    starts, ends = (frozenset(edge[side] for edge in places.routes) for side in (0, 1))
    return _Chains(tuple(map(tuple, passing)), layer_of, starts, ends)


def _links(
    places: Places,
    chains: _Chains,
    number: int,
    middle: Mapping[str, int],
    wide: Mapping[str, int],
) -> list[_Link]:
    """The pieces of edges below a layer; each that ends at a box does so in a column of its own."""
    links: list[_Link] = []
    arriving: dict[str, list[tuple[str, int]]] = {}
    for (start, end), route in places.routes.items():
        step = number - chains.layer_of[start]
        if not 0 <= step < len(route) - 1:
            continue
        source = start if step == 0 else f"{start} to {end}"
        column = middle[start] if step == 0 else round(route[step])
        if step == len(route) - 2:
            arriving.setdefault(end, []).append((source, column))
        else:
            links.append(_Link(source, column, round(route[step + 1])))
    busy = {link.start for link in links} | {
        column for found in arriving.values() for _, column in found
    }
    for end, found in arriving.items():
        links += _ports(found, middle[end], wide[end], busy)
    return links


def _ports(
    found: Sequence[tuple[str, int]], middle: int, wide: int, busy: set[int]
) -> Iterator[_Link]:
    """Columns on the upper edge of a box: straight down where possible, each its own."""
    left, right = middle - wide // 2 + 1, middle - wide // 2 + wide - 2
    ordered = sorted(found, key=lambda link: link[1])
    last = left - 1
    for place, (source, column) in enumerate(ordered):
        behind = len(ordered) - place - 1
        free = [c for c in range(last + 1, right + 1 - behind) if c not in busy]
        evenly = left + round((place + 1) * (right - left) / (len(ordered) + 1))
        ideal = max(evenly, last + (right - last) // (behind + 2))
        straight = last < column <= right - behind
        port = column if straight else min(free, key=_distance(ideal), default=last + 1)
        last = port
        yield _Link(source, column, port, arrives=True)


def _distance(ideal: int) -> Callable[[int], int]:
    return lambda column: abs(column - ideal)


def _channel(canvas: Canvas, links: Sequence[_Link], top: int) -> int:
    """Draws the edges between two layers, a row for each that turns; gives the row below."""
    turning: dict[str, list[_Link]] = {}
    for link in links:
        if link.start != link.end:
            turning.setdefault(link.source, []).append(link)
    rows = {source: top + 1 + n for n, source in enumerate(_in_order(turning))}
    bottom = top + len(rows) + (2 if links else 0)
    for link in links:
        row = rows.get(link.source)
        if link.start == link.end or row is None:
            canvas.vertical(link.start, top - 1, bottom - link.arrives)
        else:
            canvas.vertical(link.start, top - 1, row)
            canvas.horizontal(row, link.start, link.end)
            canvas.vertical(link.end, row, bottom - link.arrives)
    for link in links:
        if link.arrives:
            canvas.arrow(link.end, bottom - 1)
    return bottom


def _in_order(turning: Mapping[str, Sequence[_Link]]) -> list[str]:
    """The edges that turn, in an order in which they cross little."""

    def key(source: str) -> tuple[bool, int]:
        links = turning[source]
        to_right = sum(link.end - link.start for link in links) > 0
        return to_right, -links[0].start if to_right else links[0].start

    return sorted(turning, key=key)


# As a list ----------------------------------------------------------------------------------------


def _listed(graph: Graph, view: View) -> Iterator[Line]:
    """Each quantity with what it is computed from, where there is no room for boxes."""
    before: dict[str, list[str]] = {}
    names = {vertex.id: vertex.title.partition(" = ")[0] for vertex in graph.vertices}
    for start, end in dict.fromkeys(graph.edges):
        before.setdefault(end, []).append(names[start])
    arrow = "<-" if view.ascii else "←"
    for vertex in graph.vertices:
        head, *rest = _box(vertex)
        sources = before.get(vertex.id)
        yield (("  ", ""), head, (f"  {arrow} {', '.join(sources)}" if sources else "", "note"))
        yield from ((("      ", ""), line) for line in rest)


# Characters ---------------------------------------------------------------------------------------


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
