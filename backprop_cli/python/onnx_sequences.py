"""Nodes of an ONNX file over a sequence -> lines: steps in time, and what moves their axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
from msgspec import Struct, field

from backprop_cli.python.given_numbers import Chain
from backprop_cli.python.graph_equations import Equations
from backprop_cli.python.onnx_nodes import attributes
from backprop_cli.python.onnx_steps import IN_TIME, Layer, number_of

Array = np.ndarray[Any, Any]
Names = dict[str, Any]

_ON_EACH: Final = frozenset(
    "MatMul Gemm Add Sub Mul Div Neg Identity Dropout Relu Tanh Sigmoid Softplus Softsign Mish Exp"
    " LeakyRelu Elu Gelu".split()
)
"""What acts on the numbers of each step, whatever axes stand before them."""
_OF_SHAPES: Final = frozenset(
    "Shape Gather Unsqueeze Squeeze Concat Expand ConstantOfShape Cast Slice".split()
)
"""What a file works out of the shape of x: zeros to begin with."""
_LARGEST: Final = 20_000


class Reader(Protocol):
    """What follows the other nodes of a graph."""

    @property
    def chain(self) -> Chain: ...
    @property
    def constants(self) -> dict[str, Array]: ...
    def input_of(self, graph: Any) -> str: ...
    def line(self, found: Equations, node: Any, names: Names, trained: set[str]) -> str: ...


def is_in_time(graph: Any) -> bool:
    """Whether something in it goes over the steps of a sequence."""
    return any(node.op_type in IN_TIME for node in graph.node)


def in_time(reader: Reader, found: Equations, graph: Any, x: Array) -> str:
    """The lines of a graph that takes one sequence; the name of what it gives."""
    name = reader.input_of(graph)
    one = _Sequences(reader.chain, reader.constants, found)
    steps = one.begun(graph, name, x)
    names: Names = {name: found.given("x", steps)}
    trained = {each.name for each in graph.initializer}
    for node in graph.node:
        if one.works_out(node, names) or not any(each in names for each in node.input):
            continue
        if not one.puts(node, names):
            one.refuse_other(node)
            names[node.output[0]] = reader.line(found, node, names, trained)
            one.passes_on(node)
    return str(names[graph.output[0].name])


class _Sequences(Struct, frozen=True):
    """Follows what has an axis of steps.

    `axes` has a letter for each axis that a result has in the file: t steps, d directions, h the
    numbers of each, n one that is 1 long. Here only t and h are axes; both directions of all steps
    stand side by side, and of the last one below each other.
    """

    chain: Chain
    constants: dict[str, Array]
    found: Equations
    axes: dict[str, str] = field(default_factory=dict)

    def begun(self, graph: Any, name: str, x: Array) -> Array:
        """One sequence with a step a row, as it goes into the graph."""
        if x.ndim == 3 and 1 in x.shape[:2]:
            self.axes[name] = "tnh" if x.shape[1] == 1 else "nth"
            return x.reshape(-1, x.shape[2])
        if x.ndim != 2:
            message = "a graph over time takes one sequence"
            raise self.chain.refused(message, "x of shape (steps, 1, inputs) or (steps, inputs)")
        first = next(node for node in graph.node if name in node.input and node.op_type != "Shape")
        kinds = {"Unsqueeze": "th", "Transpose": "nth"}
        usual = "nth" if attributes(first).get("layout") else "tnh"
        self.axes[name] = kinds.get(first.op_type, usual)
        return x

    def works_out(self, node: Any, names: Names) -> bool:
        """Whether a node follows from the file and from shapes alone; then its value is kept."""
        if node.op_type == "Shape" and node.input[0] in self.axes:
            axes = self.axes[node.input[0]]
            sizes = self._sizes(names[node.input[0]], axes)
            self.constants[node.output[0]] = np.array([sizes[one] for one in axes])
            return True
        taken = [self.constants.get(name) for name in node.input if name]
        if node.op_type not in _OF_SHAPES or any(value is None for value in taken):
            return False
        if node.op_type in ("Expand", "ConstantOfShape") and prod(map(int, taken[-1])) > _LARGEST:  # type: ignore[arg-type]
            raise self.chain.refused("more numbers than can be followed by hand")
        from onnx.reference import ReferenceEvaluator

        fed = dict(zip(filter(None, node.input), taken, strict=True))
        (self.constants[node.output[0]],) = ReferenceEvaluator(node).run(None, fed)
        return True

    def puts(self, node: Any, names: Names) -> bool:
        """Whether a node is one of steps, or moves their axes: then what it gives has a name."""
        if node.op_type in IN_TIME:
            layer = Layer(self.chain, self.constants, self.found, node)
            current = node.input[0]
            for name, value, axes in layer.made(names[current], self.axes[current]):
                names[name], self.axes[name] = value, axes
            return True
        current = next((name for name in node.input if name in self.axes), "")
        move = _MOVES.get(node.op_type)
        if not current or move is None:
            return False
        value, axes = move(self, node, names, current)
        names[node.output[0]], self.axes[node.output[0]] = value, axes
        return True

    def refuse_other(self, node: Any) -> None:
        """Complains of what takes the axes of a sequence for those of samples."""
        current = next((name for name in node.input if name in self.axes), None)
        if current is None or node.op_type in _ON_EACH:
            return
        axis = attributes(node).get("axis", -1)
        if node.op_type in ("Softmax", "LayerNormalization") and axis == -1:
            return
        message = f"{node.op_type} of a sequence with axes of ({', '.join(self.axes[current])})"
        raise self.chain.refused(f"{message} is not known here")

    def passes_on(self, node: Any) -> None:
        """What is done to the numbers of each step leaves the axes as they are."""
        taken = [self.axes[name] for name in node.input if name in self.axes]
        if taken:
            self.axes[node.output[0]] = max(taken, key=len)

    # Axes -----------------------------------------------------------------------------------------

    def _second(self, node: Any) -> Array | None:
        return number_of(self.chain, self.constants, node, 1)

    def _sizes(self, x: str, axes: str) -> dict[str, int]:
        """How long each axis is."""
        shape = self.found.shapes[x]
        width = shape[-1] // (2 if "t" in axes and "d" in axes else 1)
        return {"n": 1, "t": shape[0], "d": 2 if "t" in axes else shape[0], "h": width}

    def _axes_of(self, node: Any) -> list[int]:
        given = self._second(node)
        return [int(one) for one in (attributes(node).get("axes") or []) if given is None] + (
            [] if given is None else [int(one) for one in given.ravel()]
        )

    def transposed(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        axes = self.axes[current]
        order = attributes(node).get("perm") or range(len(axes))[::-1]
        moved = "".join(axes[k] for k in order)
        if moved.replace("n", "") != axes.replace("n", ""):
            raise self._refused(node, axes)
        return names[current], moved

    def squeezed(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        axes = self.axes[current]
        gone = {k % len(axes) for k in self._axes_of(node)} or {
            k for k, one in enumerate(axes) if one == "n"
        }
        if any(axes[k] != "n" for k in gone):
            raise self._refused(node, axes)
        return names[current], "".join(one for k, one in enumerate(axes) if k not in gone)

    def unsqueezed(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        axes, more = list(self.axes[current]), self._axes_of(node)
        for k in sorted(k % (len(axes) + len(more)) for k in more):
            axes.insert(k, "n")
        return names[current], "".join(axes)

    def reshaped(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        axes, asked = self.axes[current], self._second(node)
        parts, sizes = axes.replace("n", ""), self._sizes(names[current], axes)
        wanted = [int(one) for one in asked] if asked is not None else []
        wanted = [sizes[axes[k]] if one == 0 else one for k, one in enumerate(wanted)]
        whole = prod(sizes[one] for one in parts)
        known = prod(one for one in wanted if one != -1) or 1
        wanted = [whole // known if one == -1 else one for one in wanted]
        found, left = "", list(parts)
        for size in wanted:
            taken = ""
            while left and prod(sizes[one] for one in taken) * sizes[left[0]] <= size and size > 1:
                taken += left.pop(0)
            if taken not in ("", "t", "d", "h", "dh") or prod(sizes[one] for one in taken) != size:
                raise self._refused(node, axes)
            found += taken[-1:] or "n"
        if left:
            raise self._refused(node, axes)
        return names[current], found

    def gathered(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        """One step of all, the last one say; one of two directions."""
        axes, index, x = (
            self.axes[current],
            self._second(node),
            names[current],
        )
        axis = attributes(node).get("axis", 0) % len(axes)
        if index is None or index.size != 1:
            raise self._refused(node, axes)
        left = axes[:axis] + ("n" if index.ndim else "") + axes[axis + 1 :]
        shape, k = self.found.shapes[x], int(index.ravel()[0])
        if axes[axis] == "n":
            return x, left
        if len(shape) != 2 or axes[axis] == "h" or (axes[axis] == "t" and "d" in axes):
            raise self._refused(node, axes)
        if not -shape[0] <= k < shape[0]:
            raise self.chain.refused(f"{node.op_type} takes step {k} of {shape[0]}")
        return self.found.line("s", f"{x}[{k % shape[0] + 1}]", shape[1:]), left

    def joined(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        axes, axis = self.axes[current], attributes(node).get("axis", 0)
        taken = [str(names.get(name, name)) for name in node.input]
        if {self.axes.get(name, "")[1:] for name in node.input} == {"nh"} and axis == 0:
            return self._below_each_other(taken), "dnh"
        alike = all(self.axes.get(name) == axes for name in node.input)
        if not alike or axis % len(axes) != len(axes) - 1:
            raise self._refused(node, axes)
        return self.found.joined(node.op_type, taken), axes

    def _below_each_other(self, taken: Sequence[str]) -> str:
        """The last states of several layers, of one direction or both, as rows."""
        rows = []
        for one in taken:
            shape = self.found.shapes[one]
            rows += [one] if len(shape) == 1 else [f"{one}[{k + 1}]" for k in range(shape[0])]
        size = self.found.shapes[taken[0]][-1]
        return self.found.line("r", f"[{', '.join(rows)}]", (len(rows), size))

    def averaged(self, node: Any, names: Names, current: str) -> tuple[str, str]:
        """The mean, or the largest, over all steps."""
        axes, said = self.axes[current], attributes(node)
        named = self._axes_of(node)
        if len(named) != 1 or axes[k := named[0] % len(axes)] != "t" or "d" in axes:
            raise self._refused(node, axes)
        how = {"ReduceMean": "mean", "ReduceMax": "max"}[node.op_type]
        keep = bool(said.get("keepdims", 1))
        made = self.found.reduced(node.op_type, how, names[current], [0], keep=False)
        return made, axes[:k] + ("n" if keep else "") + axes[k + 1 :]

    def _refused(self, node: Any, axes: str) -> Exception:
        words = {"t": "steps", "d": "directions", "h": "units", "n": "1"}
        said = " × ".join(words[one] for one in axes)
        message = f"{node.op_type} of {said} mixes what stands in different steps or directions"
        return self.chain.refused(message)


Move = Callable[[_Sequences, Any, Names, str], "tuple[str, str]"]
_MOVES: Final[Mapping[str, Move]] = MappingProxyType(
    {
        "Transpose": _Sequences.transposed,
        "Squeeze": _Sequences.squeezed,
        "Unsqueeze": _Sequences.unsqueezed,
        "Reshape": _Sequences.reshaped,
        "Gather": _Sequences.gathered,
        "Concat": _Sequences.joined,
        "ReduceMean": _Sequences.averaged,
        "ReduceMax": _Sequences.averaged,
    }
)
