"""A trace to its computation graph, data only: what acts on what, values and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from backprop_cli.algebra.expr import Op, symbols
from backprop_cli.algebra.quantity import quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import OneLine, names_of
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

_MOST_LINES = 4


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


def graph(trace: Trace, view: View, room: int = 26) -> Graph:
    """The forward computation of a trace; values are shortened to `room` columns."""
    return _Reader(trace, view, room).graph()


class _Reader:
    def __init__(self, trace: Trace, view: View, room: int) -> None:
        self.trace, self.room = trace, room
        self.line = OneLine(names_of(trace, view), view)
        self.gradients = {
            by: step
            for step in trace.steps
            if step.phase == "backward" and (by := quantity(step.id).by)
        }
        self.shapes: dict[str, Shape] = {id: given.value.shape for id, given in trace.given.items()}
        self.shapes |= {id: stated.shape for id, stated in trace.unknown.items()}
        self.shapes |= {step.id: step.shape for step in trace.steps}

    def graph(self) -> Graph:
        forward = [step for step in self.trace.steps if step.phase == "forward"]
        edges = tuple((name, step.id) for step in forward for name in symbols(step.expr))
        used = {name for name, _ in edges}
        vertices = [*self._given(used), *map(self._step, forward)]
        known = {vertex.id for vertex in vertices}
        return Graph(
            self.line.plain(self.trace.title),
            tuple(vertices),
            tuple(edge for edge in edges if edge[0] in known),
        )

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

    def _formula(self, step: Step) -> str:
        name = self.line.names.text(step.id)
        if isinstance(step.expr, Op) and step.expr.name == "jacobian":
            return name
        whole = f"{name} = {self.line.formula(step.expr, self.shapes)}"
        if width(whole) <= self.room + 8:
            return whole
        dots = self.line.dots
        return whole[: self.room + 8 - len(dots)] + dots

    def _vertex(self, id: str, kind: Kind, title: str, value: Array | None) -> Vertex:
        gradient = self.gradients.get(id)
        name = ""
        lines: tuple[str, ...] = ()
        if gradient is not None:
            name = self.line.names.text(gradient.id)
        if gradient is not None and gradient.value is not None:
            lines = self._lines(gradient.value, self.room)
        shown = () if value is None else self._lines(value, self.room)
        return Vertex(id, kind, title, self.line.shape(self.shapes[id]), shown, name, lines)

    def _lines(self, value: Array, room: int) -> tuple[str, ...]:
        lines = self.line.flat(value, room)
        if len(lines) > _MOST_LINES:
            lines = [*lines[: _MOST_LINES - 1], self.line.dots]
        return tuple(lines)
