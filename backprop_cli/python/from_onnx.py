"""A small model in an ONNX file -> the same network as a problem, with its numbers."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from msgspec import Struct

from backprop_cli.python.complaining import expect
from backprop_cli.python.given_numbers import Chain, Inputs, NotLayersError, leaf
from backprop_cli.python.graph_equations import Equations
from backprop_cli.python.onnx_nodes import LAYERS, attributes, constants_of
from backprop_cli.python.onnx_sequences import in_time, is_in_time
from backprop_cli.python.onnx_steps import IN_TIME
from backprop_cli.python.problems import Problem, load

_MOST_BYTES = 2_000_000

_ACTIVATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Identity": "linear",
        "Dropout": "linear",  # which only acts where a model trains
        "Relu": "relu",
        "Tanh": "tanh",
        "Sigmoid": "sigmoid",
        "Softplus": "softplus",
        "Softsign": "softsign",
        "Mish": "mish",
        "Exp": "exp",
        "LeakyRelu": "leaky-relu",
        "Elu": "elu",
        "Gelu": "gelu",
        "Softmax": "softmax",
    }
)
_LINEAR: Final = ("Gemm", "MatMul")
_SIGNS: Final = MappingProxyType({"Add": "+", "Sub": "-", "Mul": "*", "Div": "/"})
_OF_SHAPE: Final = ("Flatten", "Reshape")
_REDUCED: Final = MappingProxyType({"ReduceMean": "mean", "ReduceMax": "max"})
_IN_LINES: Final = (*_SIGNS, "Neg", "Concat", "Squeeze", "Gather", *_REDUCED)
"""What is no layer, and a line of equations."""
_KNOWN = ["Gemm", "MatMul", *IN_TIME, *_IN_LINES, *_OF_SHAPE, *LAYERS, *_ACTIVATIONS]


def from_onnx(path: str | os.PathLike[str], x: Any, y: Any = None, loss: Any = None) -> Problem:
    """The problem that a small ONNX file is: its layers along the longest way, and what is added.

    `x` are samples as rows, or pictures, (samples, channels, height, width). With `y` and a `loss`,
    both as in a problem file (`"cross-entropy"`, `{"labels": [2, 1], "classes": 3}`), there are
    gradients, too. Known are `Gemm`, `MatMul` with `Add`, `Conv`, `ConvTranspose`, `MaxPool`,
    `AveragePool`, `GlobalAveragePool`, `GlobalMaxPool`, `LayerNormalization`, `Flatten`,
    `BatchNormalization`, `Reshape`, `Squeeze`, `Gather` by x, `ReduceMean`, `ReduceMax`,
    activations, and `Add`, `Sub`, `Mul`, `Div` and `Concat` where ways meet: then the problem has
    equations for layers, unless all is one layer behind the other. `RNN`, `LSTM` and `GRU` go over
    one sequence, `x` of (steps, 1, inputs), there, back or both ways. Needs the package onnx.
    Error, by name, for what is not known, and for more than 20,000 parameters.
    """
    expect(isinstance(path, str | os.PathLike), "from_onnx", "a path", path)
    chain, inputs = Chain("from_onnx"), leaf("x", x)
    graph = _read(chain, Path(path)).graph
    constants = constants_of(chain, graph)
    given, problem = Inputs.of(np.asarray(inputs)), None
    with suppress(NotLayersError):
        if is_in_time(graph):
            raise NotLayersError
        found = _in_layers(chain, graph, constants, pictures=given.is_picture or given.are_pictures)
        problem = {
            **found,
            **given.for_layers(found["layers"]),
            **({} if y is None else {"y": y if isinstance(y, dict) else leaf("y", y)}),
            **({} if loss is None else {"loss": loss}),
        }
    reader = _Graph(chain, constants)
    problem = problem or _in_equations(reader, graph, given.one_by_one(chain), y, loss)
    return load({"title": f"From ONNX: {Path(path).name}", **problem})


def _in_layers(
    chain: Chain, graph: Any, constants: dict[str, np.ndarray[Any, Any]], *, pictures: bool
) -> dict[str, Any]:
    """One layer behind the other, with what is added on the way."""
    reader = _Graph(chain, constants, pictures)
    reader.follow(graph)
    reader.refuse_shared(graph)
    dense = [layer for layer in chain.found() if "weights" in layer]
    turned = all(layer["turned"] for layer in dense)
    for layer in dense:
        del layer["turned"]
        for one in (layer, *(skip for skip in layer.get("skip", ()) if "weights" in skip)):
            one["weights"] = one["weights"] if turned else one["weights"].T
    return {
        "convention": {"affine": "x W^T + b" if turned else "x W + b"},
        "layers": chain.layers,
    }


def _in_equations(
    reader: _Graph, graph: Any, x: np.ndarray[Any, Any], y: Any, loss: Any
) -> dict[str, Any]:
    """Any other order of what is known: branches that meet, a matrix that stands twice."""
    found = Equations(reader.chain)
    output = (
        in_time(reader, found, graph, x) if is_in_time(graph) else _output(reader, found, graph, x)
    )
    if loss is not None and y is not None:
        said = {"name": loss} if isinstance(loss, str) else dict(loss)
        target = _targets(y)
        shape = found.shapes[output]  # a sequence has an axis of 1 that is none here
        target = (
            target.reshape(shape) if is_in_time(graph) and target.size == prod(shape) else target
        )
        found.loss(output, {"over_samples": "mean", **said}, target)
        return found.problem
    return {**found.problem, "train": []}  # values alone


def _output(reader: _Graph, found: Equations, graph: Any, x: np.ndarray[Any, Any]) -> str:
    """The lines of every node in turn; the name of what the last one gives."""
    takes = [node.op_type for node in graph.node if reader.input_of(graph) in node.input]
    looked_up = x.dtype.kind in "iu" and set(takes) == {"Gather"}
    names: dict[str, Any] = {reader.input_of(graph): x if looked_up else found.given("x", x)}
    trained = {one.name for one in graph.initializer}
    for node in graph.node:
        if any(name in names for name in node.input):
            names[node.output[0]] = reader.line(found, node, names, trained)
    return str(names[graph.output[0].name])


def _targets(y: Any) -> Any:
    """The target as numbers; classes as ones and zeros."""
    if not isinstance(y, dict):
        return leaf("y", y)
    return np.eye(y["classes"])[np.asarray(y["labels"]) - 1]


def _read(chain: Chain, path: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise chain.refused("the package onnx is not installed", "pip install onnx") from None
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise chain.refused(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise chain.refused(f"{path.name} is larger than what can be followed by hand")
    try:
        return onnx.load_from_string(data)
    except Exception as error:  # noqa: BLE001  # whatever the package says of it
        raise chain.refused(f"{path.name} is no ONNX file: {error}") from None


class _Graph(Struct, frozen=True):
    """Follows a graph from its input to its output."""

    chain: Chain
    constants: dict[str, np.ndarray[Any, Any]]
    pictures: bool = False

    def input_of(self, graph: Any) -> str:
        """What the one input is called."""
        inputs: list[str] = [one.name for one in graph.input if one.name not in self.constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise self.chain.refused("the model has several inputs or outputs")
        return inputs[0]

    def follow(self, graph: Any) -> None:
        """Every node on the longest way, in turn."""
        made = {name: node for node in graph.node for name in node.output}
        way = self._way(graph, made)
        if way[0] != self.input_of(graph):
            raise self.chain.refused("the output does not follow from the input")
        places = {name: number for number, name in enumerate(way)}
        for number, (before, name) in enumerate(pairwise(way), 1):
            node = made[name]
            others = self._computed(node)
            others.remove(before)
            if others:
                put = partial(self._sum, node, others, places, made)
            else:
                put = partial(self._node, node, before)
            self.chain.follow(number, put)

    def _computed(self, node: Any) -> list[str]:
        """What a node takes that is no number of the file."""
        return [name for name in node.input if name and name not in self.constants]

    def _way(self, graph: Any, made: Mapping[str, Any]) -> list[str]:
        """The values from the input to the output: where ways meet, along the longest of them."""
        length: dict[str, int] = {}
        for node in graph.node:  # each stands behind what it takes
            longest = 1 + max((length.get(one, 0) for one in self._computed(node)), default=0)
            length.update(dict.fromkeys(node.output, longest))
        way = [graph.output[0].name]
        while way[-1] in made and (taken := self._computed(made[way[-1]])):
            way.append(max(taken, key=lambda one: length.get(one, 0)))
        return way[::-1]

    def _sum(
        self, node: Any, others: list[str], places: Mapping[str, int], made: Mapping[str, Any]
    ) -> None:
        """Something from before that is added, as it is or through a matrix."""
        if node.op_type != "Add" or len(others) != 1:
            raise NotLayersError
        (other,) = others
        if other in places:
            self.chain.add(places[other])
            return
        linear = made.get(other)
        taken = [] if linear is None else self._computed(linear)
        if linear is None or linear.op_type not in _LINEAR or taken[0] not in places:
            raise NotLayersError
        weights, _, biases = self._matrix(linear, taken[0])
        if biases:
            raise NotLayersError
        self.chain.add(places[taken[0]], weights)

    def refuse_shared(self, graph: Any) -> None:
        """Numbers of two layers: as layers they would be two parameters."""
        used = [name for node in graph.node for name in node.input if name in self.constants]
        if len(set(used)) < len(used):
            raise NotLayersError

    def _node(self, node: Any, current: str) -> None:
        said = attributes(node)
        others = [self._number(node, name) for name in node.input if name not in ("", current)]
        kind = node.op_type
        if kind in _LINEAR:
            weights, turned, biases = self._matrix(node, current)
            self.chain.layers.append({"weights": weights, "turned": turned})
            if biases:
                self._bias(biases)
        elif kind == "Add":
            self._bias(others)
        elif kind in _OF_SHAPE and self._is_flat(kind, said, others):
            if self.pictures:
                self.chain.put({"type": "flatten"})
        elif kind in LAYERS:
            self.chain.put(LAYERS[kind](self.chain, said, others))
        elif kind == "Reshape":
            raise NotLayersError
        elif kind in _ACTIVATIONS:
            self.chain.activate(self._activation(kind, said))
        elif kind in _IN_LINES:
            raise NotLayersError
        else:
            raise self.chain.refuse_unknown(kind, _KNOWN)

    def line(
        self, found: Equations, node: Any, names: Mapping[str, str], trained: Collection[str]
    ) -> str:
        """The line of one node, and the name of what it gives."""
        said = attributes(node)
        kind, called = node.op_type, node.name or node.op_type
        current = next(name for name in node.input if name in names)
        x = names[current]
        if kind in _LINEAR:
            weights, _, biases = self._matrix(node, current)
            bias = {"bias": biases[0].ravel()} if biases else {}
            return found.layer(called, {"weights": weights, **bias}, x)
        if kind == "Gather":
            return self._looked_up(found, node, x)
        if kind in _SIGNS:
            sides = [self._side(found, name, names, trained) for name in node.input]
            return found.combined(called, _SIGNS[kind], *sides)
        if kind == "Neg":
            return found.combined(called, "*", -1, x)
        if kind == "Concat":
            if said.get("axis") not in (-1, len(found.shapes[x]) - 1):
                raise self.chain.refused(f"{called} joins along axis {said.get('axis')}", "axis=-1")
            return found.joined(called, [self._result(node, name, names) for name in node.input])
        others = [self._number(node, name) for name in node.input if name not in ("", current)]
        if kind == "Reshape" or (kind == "Flatten" and self._is_flat(kind, said, others)):
            rows = len(found.shapes[x]) == 2
            first = found.shapes[x][0] if rows else 1
            sizes = [first, -1] if kind == "Flatten" else [int(n) for n in others[0]]
            return found.reshaped(
                called, x, [first if n == 0 else n for n in sizes[:1]] + sizes[1:]
            )
        if kind in (*_REDUCED, "Squeeze"):  # the axes are an input in newer files
            axes = [int(each) for one in others for each in one.ravel()] or said.get("axes", [])
            if kind == "Squeeze":
                return found.squeezed(called, x, axes)
            keep = bool(said.get("keepdims", 1))
            return found.reduced(called, _REDUCED[kind], x, axes, keep=keep)
        return self._layer_line(found, node, others, x)

    def _looked_up(self, found: Equations, node: Any, x: Any) -> str:
        """Rows of a table of the file, where x names them."""
        table = self._number(node, node.input[0])
        if attributes(node).get("axis", 0) != 0 or table.ndim != 2:
            raise self.chain.refused("Gather along another axis than the rows of a table", "axis=0")
        return found.rows_of("Gather", table, x)

    def _layer_line(
        self, found: Equations, node: Any, others: list[np.ndarray[Any, Any]], x: str
    ) -> str:
        """The line of a layer, or of an activation."""
        said, kind = attributes(node), node.op_type
        if kind in LAYERS:
            layer = LAYERS[kind](self.chain, said, others)
            return found.layer(node.name or kind, layer, x)
        if kind in _ACTIVATIONS:
            return found.activated(self._activation(kind, said), x)
        raise self.chain.refuse_unknown(kind, _KNOWN)

    @staticmethod
    def _is_flat(kind: str, said: Mapping[str, Any], others: list[np.ndarray[Any, Any]]) -> bool:
        """Whether each sample becomes a row."""
        if kind == "Flatten":
            return bool(said.get("axis", 1) == 1)
        return len(others[0]) == 2 and others[0][0] in (0, 1, -1) and others[0][1] != 0

    def _side(
        self, found: Equations, name: str, names: Mapping[str, str], trained: Collection[str]
    ) -> str | float:
        """A result, a parameter of the file, or a number that stands in its graph."""
        if name in names:
            return names[name]
        value = self.constants[name]
        if name not in trained and value.size == 1:
            return float(value.ravel()[0])
        return found.operand(value if value.ndim < 2 else value.squeeze(0))

    def _result(self, node: Any, name: str, names: Mapping[str, str]) -> str:
        if name not in names:
            raise self.chain.refused(f"{node.op_type} takes {name}, which does not follow from x")
        return names[name]

    def _number(self, node: Any, name: str) -> np.ndarray[Any, Any]:
        if name not in self.constants:
            raise self.chain.refused(f"{node.op_type} takes {name}, which is no number of the file")
        return self.constants[name]

    def _matrix(self, node: Any, current: str) -> tuple[Any, bool, list[np.ndarray[Any, Any]]]:
        """The weights, units × inputs, whether they stand so in the file, and a bias if any."""
        said = attributes(node)
        others = [self._number(node, name) for name in node.input if name not in ("", current)]
        usual = {"alpha": 1, "beta": 1, "transA": 0}
        odd = [key for key, value in usual.items() if said.get(key, value) != value]
        if odd or node.input[0] != current or not others or others[0].ndim != 2:
            wrong = f"with {odd[0]}" if odd else "whose second input is not a matrix of the file"
            raise self.chain.refused(f"{node.op_type} {wrong} is not known here")
        turned = bool(said.get("transB", 0))
        weights = others[0] if turned else others[0].T
        return weights, turned, others[1:]

    def _bias(self, others: list[np.ndarray[Any, Any]]) -> None:
        layers = self.chain.layers
        if not layers or "weights" not in layers[-1] or {"bias", "activation"} & layers[-1].keys():
            raise NotLayersError
        units, bias = len(layers[-1]["weights"]), others[0]
        if bias.size == 1 and units > 1:  # one parameter for all of them
            layers[-1]["bias"] = float(bias.ravel()[0])
        elif bias.shape in ((units,), (1, units)):
            layers[-1]["bias"] = bias.ravel()
        else:
            shape = " × ".join(map(str, bias.shape)) or "1"
            raise self.chain.refused(f"a bias of {shape} for {units} units", f"one of {units}")

    def _activation(self, kind: str, said: dict[str, Any]) -> Any:
        name = _ACTIVATIONS[kind]
        if kind == "Softmax" and said.get("axis", -1) not in (-1, 1):
            raise self.chain.refused("a softmax here runs over the outputs", "axis=-1")
        if kind == "Gelu" and said.get("approximate", "none") != "none":
            raise self.chain.refused("Gelu by tanh is not known here", 'approximate="none"')
        if kind == "LeakyRelu":
            return {"name": name, "slope": float(said.get("alpha", 0.01))}
        if kind == "Elu" and said.get("alpha", 1) != 1:
            return {"name": name, "alpha": float(said["alpha"])}
        return name
