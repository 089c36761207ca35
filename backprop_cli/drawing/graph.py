"""A trace to its computation graph: what acts on what, values and gradients; and laid out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from msgspec import Struct, field

from backprop_cli.algebra.expr import Op, symbols
from backprop_cli.algebra.quantity import quantity
from backprop_cli.document.names import OneLine, names_of
from backprop_cli.document.step_equations import known
from backprop_cli.document.view import View
from backprop_cli.notation.boxes import width
from backprop_cli.trace import Array, Step, Trace

Kind = Literal["data", "parameter", "constant", "computed", "result"]

GRAPH = MappingProxyType(
    {
        "title": "Computation graph",
        "data": "data",
        "parameter": "parameter",
        "constant": "constant",
        "computed": "computed",
        "result": "differentiated",
        "gradient": "gradient",
    }
)

_MOST_LINES, _ROOM = 4, 26


class Vertex(Struct, frozen=True):
    """A quantity: what it is called or how it is computed, its shape, value and gradient.

    Without numbers, `value` and `gradient` are empty.
    """

    id: str
    kind: Kind
    title: str
    shape: str
    value: tuple[str, ...]
    gradient_name: str = ""
    gradient: tuple[str, ...] = ()

    @property
    def gradient_lines(self) -> tuple[str, ...]:
        """The gradient with its name before it, or above it where it takes several lines.

        Its name alone where there are no numbers.
        """
        if not self.gradient:
            return (self.gradient_name,) if self.gradient_name else ()
        if len(self.gradient) == 1:
            return (f"{self.gradient_name} = {self.gradient[0]}",)
        return (f"{self.gradient_name} =", *self.gradient)


class Graph(Struct, frozen=True):
    """Vertices in the order of the computation, and who is used by whom."""

    title: str
    vertices: tuple[Vertex, ...]
    edges: tuple[tuple[str, str], ...]


def graph(trace: Trace, view: View) -> Graph:
    """The forward computation of a trace; values are shortened to a few columns."""
    return _Reader(trace, view).graph()


class _Reader:
    def __init__(self, trace: Trace, view: View) -> None:
        self.trace = trace
        self.line = OneLine(names_of(trace, view), view)
        self.gradients = {
            by: step
            for step in trace.steps
            if step.phase == "backward" and (by := quantity(step.id).by)
        }
        self.shapes = known(trace).shapes

    def graph(self) -> Graph:
        links = Links.of(self.trace)
        computed: list[Vertex] = []
        for step in self.trace.steps:
            if step.phase == "forward":
                computed += [self._between(name) for name in links.add(step)]
                computed.append(self._step(step))
        given = self._given({name for name, _ in links.edges})
        title = self.line.plain(self.trace.title)
        return Graph(title, (*given, *computed), tuple(links.edges))

    def _given(self, used: set[str]) -> Iterator[Vertex]:
        for id, given in self.trace.given.items():
            if id in used:
                kind: Kind = given.role if given.role in ("data", "parameter") else "constant"
                yield self._vertex(id, kind, self.line.names.text(id), given.value)
        for id, stated in self.trace.unknown.items():
            if id in used:
                yield self._vertex(id, stated.role, self.line.names.text(id), None)

    def _step(self, step: Step) -> Vertex:
        kind: Kind = "result" if step.id == self.trace.loss else "computed"
        return self._vertex(step.id, kind, self._formula(step), step.value)

    def _between(self, name: str) -> Vertex:
        """What a step that is not drawn gives."""
        return self._vertex(
            name, "computed", f"{self.line.dots} {self.line.names.text(name)}", None
        )

    def _formula(self, step: Step) -> str:
        name = self.line.names.text(step.id)
        if isinstance(step.expr, Op) and step.expr.name == "jacobian":
            return name
        whole = f"{name} = {self.line.formula(step.expr, self.shapes)}"
        if width(whole) <= _ROOM + 8:
            return whole
        dots = self.line.dots
        return whole[: _ROOM + 8 - len(dots)] + dots

    def _vertex(self, id: str, kind: Kind, title: str, value: Array | None) -> Vertex:
        gradient, shape = self.gradients.get(id), self.line.shape(self.shapes[id])
        name = "" if gradient is None else self.line.names.text(gradient.id)
        lines = self._lines(None if gradient is None else gradient.value)
        return Vertex(id, kind, title, shape, self._lines(value), name, lines)

    def _lines(self, value: Array | None) -> tuple[str, ...]:
        lines = [] if value is None else self.line.flat(value, _ROOM)
        if len(lines) > _MOST_LINES:
            lines = [*lines[: _MOST_LINES - 1], self.line.dots]
        return tuple(lines)


_SWEEPS = 12


class Places(Struct, frozen=True):
    """The layer of every vertex, and where its middle lies across the layer.

    An edge over several layers passes through points: `routes` has, by edge, a place across for
    each layer from its start to its end.
    """

    layers: tuple[tuple[str, ...], ...]
    across: Mapping[str, float]
    routes: Mapping[tuple[str, str], tuple[float, ...]]


def layered(
    sizes: Mapping[str, float], edges: Sequence[tuple[str, str]], gap: float, thin: float = 1.0
) -> Places:
    """Places for vertices of the given sizes across; `thin` is the size of an edge passing by."""
    ranks = _ranks(list(sizes), edges)
    rows, links, chains = _with_passing(ranks, edges)
    all_sizes = {**{name: thin for row in rows for name in row}, **sizes}
    for sweep in range(_SWEEPS):
        _reorder(rows, links, downward=sweep % 2 == 0)
    across = _placed(rows, links, all_sizes, gap)
    routes = {edge: tuple(across[name] for name in chain) for edge, chain in chains.items()}
    layers = tuple(tuple(name for name in row if name in sizes) for row in rows)
    return Places(layers, {name: across[name] for name in sizes}, routes)


def _ranks(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The layer of each vertex: after all that it uses, and what is given just before its use."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    ranks: dict[str, int] = {}
    for name in names:  # in the order of the computation: what is used has its rank already
        ranks[name] = max((ranks[other] + 1 for other in before[name]), default=0)
    for name in names:
        if not before[name] and after[name]:
            ranks[name] = min(ranks[other] for other in after[name]) - 1
    lowest = min(ranks.values(), default=0)
    return {name: rank - lowest for name, rank in ranks.items()}


def _with_passing(
    ranks: Mapping[str, int], edges: Sequence[tuple[str, str]]
) -> tuple[list[list[str]], list[tuple[str, str]], dict[tuple[str, str], list[str]]]:
    """Layers with a point for every edge that passes through, links between neighbours, chains."""
    rows: list[list[str]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for name, rank in ranks.items():
        rows[rank].append(name)
    links: list[tuple[str, str]] = []
    chains: dict[tuple[str, str], list[str]] = {}
    for start, end in dict.fromkeys(edges):
        chain = [start]
        for rank in range(ranks[start] + 1, ranks[end]):
            point = f"{start} to {end} at {rank}"  # no id has spaces in it
            rows[rank].append(point)
            chain.append(point)
        chain.append(end)
        chains[start, end] = chain
        links += pairwise(chain)
    return rows, links, chains


def _neighbours(links: Sequence[tuple[str, str]], *, above: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for start, end in links:
        if above:
            found[end].append(start)
        else:
            found[start].append(end)
    return found


def _reorder(rows: list[list[str]], links: Sequence[tuple[str, str]], *, downward: bool) -> None:
    """Each layer in the order of the middles of its neighbours in the layer before (or after)."""
    near = _neighbours(links, above=downward)
    order = rows if downward else rows[::-1]
    for fixed, row in pairwise(order):
        place = {name: position for position, name in enumerate(fixed)}
        own = {name: position for position, name in enumerate(row)}

        def middle(name: str, place: dict[str, int] = place, own: dict[str, int] = own) -> float:
            found = [place[other] for other in near[name] if other in place]
            return sum(found) / len(found) if found else own[name]

        row.sort(key=middle)


def _placed(
    rows: Sequence[Sequence[str]],
    links: Sequence[tuple[str, str]],
    sizes: Mapping[str, float],
    gap: float,
) -> dict[str, float]:
    """Places across: as near to the middle of the neighbours as the room allows."""
    above, below = _neighbours(links, above=True), _neighbours(links, above=False)
    across: dict[str, float] = {}
    for row in rows:
        across |= _spread(row, dict.fromkeys(row, 0.0), sizes, gap)
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else rows[::-1]:
            near = above if downward else below
            wanted = {
                name: _mean([across[other] for other in near[name]], across[name]) for name in row
            }
            across |= _spread(row, wanted, sizes, gap)
    start = min((across[name] - sizes[name] / 2 for name in across), default=0.0)
    return {name: place - start for name, place in across.items()}


def _mean(places: Sequence[float], default: float) -> float:
    return sum(places) / len(places) if places else default


def _spread(
    row: Sequence[str], wanted: Mapping[str, float], sizes: Mapping[str, float], gap: float
) -> dict[str, float]:
    """Places in this order, apart by their sizes, with least squares from those wanted.

    Without the room each takes, the order is all that is asked: neighbours that would be out of
    order are pooled at their mean.
    """
    offsets: list[float] = []
    for position, name in enumerate(row):
        before = row[position - 1] if position else name
        step = (sizes[before] + sizes[name]) / 2 + gap if position else 0.0
        offsets.append((offsets[-1] if offsets else 0.0) + step)
    pools: list[tuple[float, int]] = []
    for name, offset in zip(row, offsets, strict=True):
        value, count = wanted[name] - offset, 1
        while pools and pools[-1][0] > value:
            other, size = pools.pop()
            value, count = (other * size + value * count) / (size + count), size + count
        pools.append((value, count))
    flat = [value for value, count in pools for _ in range(count)]
    return {name: value + offset for name, value, offset in zip(row, flat, offsets, strict=True)}


# Who uses whom ------------------------------------------------------------------------------------


class Links(Struct):
    """The edges of the steps so far; `left_out` are states between steps that are drawn."""

    known: set[str]
    letters: frozenset[str]
    drawn: dict[str, list[str]]
    edges: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, trace: Trace) -> Links:
        """No edges yet."""
        lists = trace.over_time
        bases: dict[str, list[str]] = {base: [] for over in lists for base in over.bases}
        letters = frozenset(over.letter for over in lists)
        return cls({*trace.given, *trace.unknown}, letters, bases)

    def add(self, step: Step) -> Sequence[str]:
        """The edges into a step; what is left out before it."""
        before = len(self.left_out)
        own, _, _ = step.id.rpartition("_")
        for name in symbols(step.expr):
            found = self._sources(name, of_a_step=own in self.drawn)
            self.edges += [(source, step.id) for source in found]
        self.known.add(step.id)
        if own in self.drawn:
            self.drawn[own].append(step.id)
        return self.left_out[before:]

    def _sources(self, name: str, *, of_a_step: bool) -> Iterator[str]:
        """The vertices that a name in a formula stands for: all steps in a sum over them."""
        base, _, place = name.rpartition("_")
        if base in self.drawn and place in self.letters and not of_a_step:
            yield from self.drawn[base]
        elif base in self.drawn and name not in self.known:
            yield self._left_out(base, name)
        elif name in self.known:
            yield name
        elif base in self.known:  # x_t is a row of x
            yield base

    def _left_out(self, base: str, name: str) -> str:
        """A state that no drawn step gives, behind the last one that is drawn."""
        self.edges += [(before, name) for before in self.drawn[base][-1:]]
        self.known.add(name)
        self.left_out.append(name)
        return name
