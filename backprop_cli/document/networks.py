"""A trace of layers to the network as courses draw it: units in columns, edges with weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from backprop_cli.algebra.quantity import entry_id, layer_id
from backprop_cli.algebra.shapes import Size
from backprop_cli.document.names import Names, names_of, text_setter
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import VERTICAL_DOTS, Node, Number
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.problem.problem_data import Problem
from backprop_cli.trace import Array, Given, Trace, Unknown

MOST_UNITS: Final = 8
"""A larger layer is drawn by its first units and its last."""

MOST_LABELS: Final = 20
"""Between two layers with more edges, the weights are left to their matrix."""

_FIRST: Final = 3  # units of a layer of which some are left out

Kind = Literal["input", "unit", "output", "bias", "dots"]


class NetworkUnit(Struct, frozen=True):
    """A circle: in which column, how far below its middle, and what stands in it."""

    kind: Kind
    column: int
    place: float
    label: Node
    text: str


class NetworkEdge(Struct, frozen=True):
    """A line from one unit to another, by their places in the list of units, and its weight.

    A `plain` one hands on what it gets; a label is None where there is no room for it.
    """

    start: int
    end: int
    label: Node | None = None
    text: str = ""
    plain: bool = False


class Network(Struct, frozen=True):
    """Units and edges; `heads` are the words below each column, `notes` what is left to say."""

    heads: tuple[str, ...]
    units: tuple[NetworkUnit, ...]
    edges: tuple[NetworkEdge, ...]
    notes: tuple[str, ...] = ()


def network_of(trace: Trace, problem: Problem, view: View) -> Network | None:
    """The network of a trace; None where the problem is no layers joined by weights alone."""
    drawer = _Drawer(trace, problem, view)
    return drawer.network() if drawer.is_one else None


class _Drawer:
    """Collects units column by column, and edges gap by gap."""

    def __init__(self, trace: Trace, problem: Problem, view: View) -> None:
        self.trace, self.layers = trace, problem.layers or ()
        self.names: Names = names_of(trace, view)
        self.setter = text_setter(self.names)
        self.digits = Digits(max(view.decimals, 6), view.ascii)
        self.known: Mapping[str, Given | Unknown] = {**trace.given, **trace.unknown}
        self.units: list[NetworkUnit] = []
        self.at: list[
            dict[int | str, int]
        ] = []  # by column: the unit drawn for each of the layer's
        self.bias_at: dict[int, int] = {}
        self.cut: set[int] = set()  # columns of which some of a known number are left out
        self.notes: list[str] = []

    @property
    def is_one(self) -> bool:
        """Whether every layer has weights from the units before it, and is worked out from them."""
        numbers = range(1, len(self.layers) + 1)
        found = [self.known.get(layer_id("W", number)) for number in numbers]
        dense = all(layer.type == "dense" for layer in self.layers)
        return (
            bool(found)
            and dense
            and all(one is not None and set(one.axes) == _AXES for one in found)
        )

    def network(self) -> Network:
        sizes = [self._size(layer_id("W", 1), "input")]
        sizes += [self._size(layer_id("W", n), "unit") for n in range(1, len(self.layers) + 1)]
        sizes[0] = self._less_bias(sizes[0])
        for column, size in enumerate(sizes):
            self._column(column, size, last=column == len(self.layers))
        edges = [edge for n in range(1, len(self.layers) + 1) for edge in self._layer(n)]
        return Network(tuple(self._heads()), tuple(self.units), tuple(edges), tuple(self.notes))

    # Units ----------------------------------------------------------------------------------------

    def _size(self, id: str, axis: str) -> Size:
        found = self.known[id]
        shape = found.shape if isinstance(found, Unknown) else found.value.shape
        return shape[found.axes.index(axis)]

    @property
    def _inside(self) -> str:
        """Where a matrix has the biases of its units: nowhere, first or last."""
        return str(self.trace.convention.get("bias", "separate"))

    def _less_bias(self, size: Size) -> Size:
        """The inputs of a layer whose matrix may have its biases among them."""
        if self._inside == "separate":
            return size
        return size - 1 if isinstance(size, int) else size

    def _column(self, column: int, size: Size, *, last: bool) -> None:
        id = "X" if column == 0 else "Yhat" if last else layer_id("H", column)
        kind: Kind = "input" if column == 0 else "output" if last else "unit"
        shown = _shown(size)
        first = -(len(shown) - 1) / 2
        self.at.append({})
        self.cut |= {column} if isinstance(size, int) and None in shown else set()
        if not last and self._has_bias(column + 1):
            self.bias_at[column] = len(self.units)
            value = self.trace.convention.get("bias_input", 1)
            label = Number(self.digits.one(float(str(value))))
            self.units.append(NetworkUnit("bias", column, first - 1, label, label.text))
        for row, unit in enumerate(shown):
            if unit is not None:
                self.at[column][unit] = len(self.units)
            self.units.append(self._unit(id, kind, column, first + row, unit))

    def _unit(
        self, id: str, kind: Kind, column: int, place: float, unit: int | str | None
    ) -> NetworkUnit:
        if unit is None:
            return NetworkUnit("dots", column, place, VERTICAL_DOTS, ":" if self.ascii else "⋮")
        label = self.names.node(entry_id(id, [_counted(unit, self._base(id))]))
        return NetworkUnit(kind, column, place, label, self._text(label))

    @property
    def ascii(self) -> bool:
        return self.names.ascii

    def _base(self, id: str) -> int:
        """From which number the units of a layer count."""
        return self.names.counting.of(id, 1)[0]

    def _text(self, node: Node) -> str:
        return self.setter.one_line(node) or "?"

    def _has_bias(self, number: int) -> bool:
        return self._inside != "separate" or layer_id("b", number) in self.known

    def _heads(self) -> Iterator[str]:
        yield "input"
        for number, layer in enumerate(self.layers, 1):
            where = "output" if number == len(self.layers) else f"layer {number}"
            name = layer.activation.name or "own activation"
            yield f"{where}: {name}"

    # Edges ----------------------------------------------------------------------------------------

    def _layer(self, number: int) -> Iterator[NetworkEdge]:
        """The edges into a layer: from the one before, of the biases, of what skips layers."""
        yield from self._weights(layer_id("W", number), number - 1, number)
        yield from self._biases(number)
        for skip in self.layers[number - 1].skips:
            id = layer_id("W", number, skip.source)
            if id in self.known:
                yield from self._weights(id, skip.source, number)
            else:
                yield from self._plain(skip.source, number)

    def _weights(self, id: str, source: int, target: int) -> Iterator[NetworkEdge]:
        """An edge for each weight between units that are drawn."""
        starts, ends = self.at[source], self.at[target]
        labelled = len(starts) * len(ends) <= MOST_LABELS and not {source, target} & self.cut
        if not labelled:
            self.notes.append(f"the weights of these edges are {self.names.text(id)}")
        shift = int(self._inside == "first" and source == target - 1)
        for unit, end in ends.items():
            for place, start in starts.items():
                above = place if isinstance(place, str) else place + shift
                found = self._entry(id, above, unit) if labelled else None
                yield NetworkEdge(start, end, found, self._text(found) if found else "")

    def _biases(self, number: int) -> Iterator[NetworkEdge]:
        start, ends = self.bias_at.get(number - 1), self.at[number]
        if start is None:
            return
        for unit, end in ends.items():
            label = self._bias(number, unit) if len(ends) <= MOST_LABELS else None
            yield NetworkEdge(start, end, label, self._text(label) if label else "")

    def _bias(self, number: int, unit: int | str) -> Node:
        if self._inside != "separate":
            id = layer_id("W", number)
            size = self._size(id, "input")
            last = size - 1 if isinstance(size, int) else size
            return self._entry(id, 0 if self._inside == "first" else last, unit)
        id = layer_id("b", number)
        found = self.known[id]
        if isinstance(found, Given):
            value: Array = found.value
            entry = value if value.ndim == 0 else value[int(unit)]
            return Number(self.digits.one(float(entry)))
        index = [_counted(unit, self._base(id))] if found.shape else []
        return self.names.node(entry_id(id, index))

    def _entry(self, id: str, place: int | str, unit: int | str) -> Node:
        """One weight: its number, or its name where there are none."""
        found = self.known[id]
        order = (place, unit) if found.axes[0] == "input" else (unit, place)
        if isinstance(found, Given):
            return Number(self.digits.one(float(found.value[tuple(map(int, order))])))
        bases = self.names.counting.of(id, 2)
        counted = (_counted(each, base) for each, base in zip(order, bases, strict=True))
        return self.names.node(entry_id(id, counted))

    def _plain(self, source: int, target: int) -> Iterator[NetworkEdge]:
        """What is handed on unchanged, unit by unit."""
        for unit, start in self.at[source].items():
            if unit in self.at[target]:
                yield NetworkEdge(start, self.at[target][unit], plain=True)


def _counted(place: int | str, base: int) -> str:
    """A place as it is written; one in letters is the last, and counts from 1."""
    if isinstance(place, int):
        return str(place + base)
    return place if base == 1 else f"{place}-1"


_AXES: Final = {"input", "unit"}


def _shown(size: Size) -> Sequence[int | str | None]:
    """The units of a layer that are drawn, from 0; None stands for those left out."""
    if not isinstance(size, int):
        return [0, 1, None, size]
    if size <= MOST_UNITS:
        return range(size)
    return [*range(_FIRST), None, size - 1]
