"""Recurrent nodes of ONNX files as problems: outputs are those of onnx's own evaluator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper: Any = pytest.importorskip("onnx.helper")
numpy_helper: Any = pytest.importorskip("onnx.numpy_helper")
reference: Any = pytest.importorskip("onnx.reference")

Array = np.ndarray[Any, Any]
STEPS, INPUTS, SIZE = 3, 2, 2
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


def drawn(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


X = drawn(12, STEPS, 1, INPUTS)


class File:
    """A recurrent node, what picks of its states, and a matrix behind that."""

    def __init__(
        self, kind: str, ends: list[Any], *, ways: int = 1, units: int = SIZE, **said: Any
    ):
        n = GATES[kind] * SIZE
        self.constants = {
            "W": drawn(1, ways, n, INPUTS),
            "R": drawn(2, ways, n, SIZE),
            "B": drawn(3, ways, 2 * n),
            "h0": drawn(4, ways, 1, SIZE),
            "c0": drawn(5, ways, 1, SIZE) / 2,
            "P": drawn(6, ways, 3 * SIZE),
            "M": drawn(7, units, 2),
            "one": np.array([1]),
            "first": np.array([0]),
            "last": np.array(-1),
            "side by side": np.array([0, 0, -1]),
        }
        taken = said.pop("taken", ["x", "W", "R", "B"])
        nodes = [helper.make_node(kind, taken, ["Y", "Yh"], hidden_size=SIZE, **said)]
        for number, (name, inputs, more) in enumerate(ends):
            nodes.append(helper.make_node(name, inputs, [f"e{number}"], **more))
        double = onnx.TensorProto.DOUBLE
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("x", double, [STEPS, 1, INPUTS])],
            [helper.make_tensor_value_info(f"e{len(ends) - 1}", double, None)],
            [
                numpy_helper.from_array(value, name)
                for name, value in self.constants.items()
                if any(name in node.input for node in nodes)
            ],
        )
        imports = [helper.make_opsetid("", 22)]
        self.model = helper.make_model(graph, opset_imports=imports)

    def saved(self, folder: Path) -> Path:
        path = folder / "model.onnx"
        onnx.save(self.model, path)
        return path

    def output(self) -> Array:
        (found,) = reference.ReferenceEvaluator(self.model).run(None, {"x": X})
        return np.asarray(found)


WHOLE: list[Any] = [("Squeeze", ["Y", "one"], {}), ("MatMul", ["e0", "M"], {})]
LAST = [
    ("Squeeze", ["Y", "one"], {}),
    ("Gather", ["e0", "last"], {"axis": 0}),
    ("Gemm", ["e1", "M"], {}),
]
BOTH = [
    ("Transpose", ["Y"], {"perm": [0, 2, 1, 3]}),
    ("Reshape", ["e0", "side by side"], {}),
    ("Gather", ["e1", "last"], {"axis": 0}),
    ("Gemm", ["e2", "M"], {}),
]
STATE: list[Any] = [("Squeeze", ["Yh"], {}), ("Tanh", ["e0"], {})]
MEAN: list[Any] = [
    ("Squeeze", ["Y", "one"], {}),
    ("ReduceMean", ["e0", "first"], {"keepdims": 0}),
    ("Gemm", ["e1", "M"], {}),
]
FILES = {
    "RNN": File("RNN", WHOLE),
    "RNN, the mean": File("RNN", MEAN),
    "LSTM, back": File("LSTM", WHOLE, direction="reverse"),
    "LSTM": File("LSTM", LAST),
    "LSTM, begun": File("LSTM", STATE, taken=["x", "W", "R", "B", "", "h0", "c0"]),
    "LSTM, peepholes": File("LSTM", WHOLE, taken=["x", "W", "R", "B", "", "h0", "c0", "P"]),
    "GRU": File("GRU", LAST),
    "GRU, begun, no bias": File("GRU", WHOLE, taken=["x", "W", "R", "", "", "h0"]),
    "GRU, after": File("GRU", LAST, linear_before_reset=1),
    "LSTM, both ways": File("LSTM", BOTH, ways=2, units=4, direction="bidirectional"),
    "GRU, both ways": File("GRU", BOTH, ways=2, units=4, direction="bidirectional"),
    "RNN, both ways": File("RNN", BOTH, ways=2, units=4, direction="bidirectional"),
}


@pytest.mark.parametrize("name", FILES)
def test_outputs_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    file = FILES[name]
    problem = backprop.from_onnx(file.saved(tmp_path), X)
    solved = problem.solve()
    found = np.asarray(solved[last_of(problem)])
    assert found.ravel() == pytest.approx(file.output().ravel(), rel=1e-9, abs=1e-12)


def last_of(problem: backprop.Problem) -> str:
    """What the last equation gives."""
    lines = json.loads(problem.text)["equations"]
    return str(lines[-1]).split(" = ")[0]


@pytest.mark.parametrize("parameter", ["W", "R", "B"])
def test_gradients_are_slopes_of_the_file_s_own_loss(parameter: str, tmp_path: Path) -> None:
    y, far = np.array([[0.3, -0.8]]), 1e-6

    def loss(entry: tuple[int, ...], by: float) -> float:
        file = File("GRU", LAST)
        (number,) = (one for one in file.model.graph.initializer if one.name == parameter)
        moved = numpy_helper.to_array(number).copy()
        moved[entry] += by
        number.CopyFrom(numpy_helper.from_array(moved, parameter))
        return float(((file.output() - y) ** 2).sum())

    problem = backprop.from_onnx(FILES["GRU"].saved(tmp_path), X, y, "squared-error")
    solved, whole = problem.solve(), FILES["GRU"].constants[parameter]
    values = {name: np.asarray(problem_values(problem)[name]) for name in trained(problem)}
    for entry in np.ndindex(*whole.shape):
        slope = (loss(entry, far) - loss(entry, -far)) / (2 * far)
        (name,) = (one for one, value in values.items() if (value == whole[entry]).any())
        place = tuple(int(k) for k in np.argwhere(values[name] == whole[entry])[0])
        assert solved[f"dL/d{name}"][place] == pytest.approx(slope, abs=1e-6)


def problem_values(problem: backprop.Problem) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(problem.text)["values"]
    return found


def trained(problem: backprop.Problem) -> list[str]:
    found: list[str] = json.loads(problem.text)["train"]
    return found


@pytest.mark.parametrize(
    ("file", "x", "said"),
    [
        (File("LSTM", WHOLE), np.ones((STEPS, 2, INPUTS)), "one sequence"),
        (File("LSTM", WHOLE, clip=1.0), X, "LSTM with clip"),
        (File("GRU", WHOLE, activations=["Relu", "Tanh"]), X, "activations Relu, Tanh"),
        (File("RNN", WHOLE, activations=["Softsign"]), X, "activations Softsign"),
        (File("RNN", WHOLE, layout=1), X, "that layout"),
        (File("RNN", WHOLE, taken=["x", "W", "R", "B", "one"]), X, "sequence_lens"),
        (File("RNN", [("Softmax", ["Y"], {"axis": 0})]), X, "Softmax of a sequence"),
        (File("RNN", [("Transpose", ["Y"], {"perm": [3, 1, 2, 0]})]), X, "mixes"),
        (File("RNN", [("Gather", ["Y", "side by side"], {})]), X, "mixes"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    file: File, x: Array, said: str, tmp_path: Path
) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_onnx(file.saved(tmp_path), x)
