"""Small ONNX files as problems: their outputs are those of onnx's own evaluator."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper: Any = pytest.importorskip("onnx.helper")
numpy_helper: Any = pytest.importorskip("onnx.numpy_helper")
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.2]])
Node = tuple[str, list[str], dict[str, Any]]


def numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


CONSTANTS = {
    "W1": numbers(1, 4, 3),
    "b1": numbers(2, 4),
    "W2": numbers(3, 2, 4),
    "b2": numbers(4, 2),
    "M1": numbers(5, 3, 4),
    "M2": numbers(6, 4, 2),
    "S": numbers(7, 3, 3),
    "S2": numbers(10, 3, 3),
    "column": numbers(8, 3, 1),
    "number": numbers(9, 1),
}


def saved(folder: Path, *nodes: Node, constants: dict[str, Any] = CONSTANTS) -> Path:
    """A file with the nodes one behind the other; `.` stands for what comes from before."""
    made, current = [], "x"
    for number, (kind, inputs, said) in enumerate(nodes):
        names = [current if name == "." else name for name in inputs]
        current = f"out{number}"
        made.append(helper.make_node(kind, names, [current], **said))
    double = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        made,
        "small",
        [helper.make_tensor_value_info("x", double, [None, 3])],
        [helper.make_tensor_value_info(current, double, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)]), path)
    return path


GEMM: list[Node] = [("Gemm", [".", "W1", "b1"], {"transB": 1})]
LAST: list[Node] = [("Gemm", [".", "W2", "b2"], {"transB": 1})]
PRODUCTS: list[Node] = [("MatMul", [".", "M1"], {}), ("Add", [".", "b1"], {})]
SQUARE: list[Node] = [("MatMul", [".", "S"], {})]
MODELS: dict[str, list[Node]] = {
    "turned": [*GEMM, ("Relu", ["."], {}), *LAST, ("Softmax", ["."], {"axis": 1})],
    "products": [*PRODUCTS, ("Tanh", ["."], {}), ("MatMul", [".", "M2"], {})],
    "both": [*PRODUCTS, ("Sigmoid", ["."], {}), *LAST],
    "leaky": [*GEMM, ("LeakyRelu", ["."], {"alpha": 0.3}), *LAST],
    "elu": [*GEMM, ("Elu", ["."], {"alpha": 0.5}), *LAST],
    "softplus": [*GEMM, ("Softplus", ["."], {}), *LAST],
    "softsign": [("Flatten", ["."], {}), *GEMM, ("Softsign", ["."], {}), *LAST],
    "mish": [*GEMM, ("Mish", ["."], {}), *LAST],
    "identity": [*GEMM, ("Identity", ["."], {}), *LAST],
    "x added": [*SQUARE, ("Add", [".", "x"], {}), ("Tanh", ["."], {}), *GEMM],
    "x added behind": [*SQUARE, ("Tanh", ["."], {}), ("Add", ["x", "."], {}), *GEMM],
    "an output added": [
        *(*SQUARE, ("Relu", ["."], {}), ("MatMul", [".", "S2"], {}), ("Sigmoid", ["."], {})),
        *(("Add", [".", "out1"], {}), *GEMM),
    ],
    "added through a matrix": [
        ("MatMul", ["x", "M1"], {}),
        *(("Gemm", ["x", "W1", "b1"], {"transB": 1}), ("Relu", ["."], {})),
        *(("Add", [".", "out0"], {}), *LAST),
    ],
}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path, *MODELS[name])
    wanted = pytest.importorskip("onnx.reference").ReferenceEvaluator(str(path)).run(None, {"x": X})
    solution = backprop.from_onnx(path, X).solve()
    np.testing.assert_allclose(solution["Yhat"], wanted[0], 1e-9, 1e-12)


def test_gelu_is_the_exact_one(tmp_path: Path) -> None:
    """In plain NumPy: onnx's evaluator has only the seven digits of float32 there."""
    path = saved(tmp_path, *GEMM, ("Gelu", ["."], {}), *LAST)
    z = X @ CONSTANTS["W1"].T + CONSTANTS["b1"]
    h = z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2
    wanted = h @ CONSTANTS["W2"].T + CONSTANTS["b2"]
    np.testing.assert_allclose(backprop.from_onnx(path, X).solve()["Yhat"], wanted, 1e-12)


def test_gradients_are_slopes_of_the_file_s_own_loss(tmp_path: Path) -> None:
    """Central differences of the loss, the outputs taken from onnx's evaluator."""
    path = saved(tmp_path, *MODELS["turned"])
    target = np.array([[0, 1], [1, 0]])
    solution = backprop.from_onnx(path, X, target, "cross-entropy").solve()
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator

    def loss(weights: Any) -> float:
        moved = saved(tmp_path, *MODELS["turned"], constants={**CONSTANTS, "W1": weights})
        outputs = evaluator(str(moved)).run(None, {"x": X})[0]
        return float(-np.sum(target * np.log(outputs)) / 2)

    for place in ((0, 0), (2, 1), (3, 2)):
        ends = []
        for sign in (1, -1):
            weights = CONSTANTS["W1"].copy()
            weights[place] += sign * 1e-5
            ends.append(loss(weights))
        assert solution["dW1"][place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


def test_one_number_is_one_bias_of_all_units(tmp_path: Path) -> None:
    """Its gradient is the sum over them: a loss of ones summed over two samples of three units."""
    path = saved(tmp_path, *SQUARE, ("Add", [".", "number"], {}))
    solution = backprop.from_onnx(path, X, np.zeros((2, 3)), {"formula": "sum(yhat)"}).solve()
    assert solution["db1"] == pytest.approx(3)
    np.testing.assert_allclose(solution["Yhat"], X @ CONSTANTS["S"] + CONSTANTS["number"])


@pytest.mark.parametrize("parameter", ["M1", "W1"])
def test_gradients_beside_a_way_around(tmp_path: Path, parameter: str) -> None:
    """Of the matrix on the way around a layer, and of the one that it goes around."""

    def loss(constants: dict[str, Any]) -> Any:
        h = np.maximum(X @ constants["W1"].T + constants["b1"], 0) + X @ constants["M1"]
        return ((h @ constants["W2"].T + constants["b2"]) ** 2).sum() / 2

    path = saved(tmp_path, *MODELS["added through a matrix"])
    solution = backprop.from_onnx(path, X, np.zeros((2, 2)), "squared-error").solve()
    assert solution["L"] == pytest.approx(loss(CONSTANTS))
    found = solution["dW1"] if parameter == "W1" else solution["dW1_0"].T
    for place in ((0, 0), (2, 1), (1, 2)):
        ends = []
        for sign in (1, -1):
            moved = CONSTANTS[parameter].copy()
            moved[place] += sign * 1e-5
            ends.append(loss({**CONSTANTS, parameter: moved}))
        assert found[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([*GEMM, ("Hardmax", ["."], {})], "Hardmax is not known here"),
        ([("Gemm", [".", "W1", "b1"], {"transB": 1, "alpha": 2.0})], "with alpha"),
        ([*GEMM, ("Add", [".", "x"], {})], "x has 3 numbers and layer 1 has 4"),
        ([*GEMM, ("Softmax", ["."], {"axis": 0})], "over the outputs"),
        ([*GEMM, ("Gelu", ["."], {"approximate": "tanh"})], "by tanh"),
        ([("Identity", ["."], {})], "no layer"),
        ([("MatMul", [".", "S"], {}), ("Add", [".", "column"], {})], "a bias of 3 × 1"),
    ],
)
def test_what_is_not_known_is_refused_by_name(nodes: list[Node], said: str, tmp_path: Path) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_onnx(saved(tmp_path, *nodes), X)


def test_what_is_no_file_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(backprop.Error, match="cannot be read"):
        backprop.from_onnx(tmp_path / "none.onnx", X)
    (tmp_path / "text.onnx").write_text("this is no model", encoding="utf-8")
    with pytest.raises(backprop.Error, match="no ONNX file"):
        backprop.from_onnx(tmp_path / "text.onnx", X)
    constants = {"W1": numbers(1, 4, 3), "b1": numbers(2, 4), "much": numbers(1, 200, 200)}
    with pytest.raises(backprop.Error, match="by hand"):
        backprop.from_onnx(saved(tmp_path, *GEMM, constants=constants), X)


def test_numbers_turned_within_the_file(tmp_path: Path) -> None:
    """As exporters that fold nothing write them."""
    double = onnx.TensorProto.DOUBLE
    nodes = [
        helper.make_node("Transpose", ["W1"], ["W1t"], perm=[1, 0]),
        helper.make_node("Identity", ["b1"], ["b1i"]),
        helper.make_node("MatMul", ["x", "W1t"], ["z"]),
        helper.make_node("Add", ["z", "b1i"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", double, [None, 3])],
        [helper.make_tensor_value_info("out", double, None)],
        [numpy_helper.from_array(CONSTANTS[name], name) for name in ("W1", "b1")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path)
    x = numbers(31, 5, 3)
    solution = backprop.from_onnx(path, x).solve()
    np.testing.assert_allclose(solution["Yhat"], x @ CONSTANTS["W1"].T + CONSTANTS["b1"])


# Ways that meet -----------------------------------------------------------------------------------

AFFINE: Node = ("Gemm", ["x", "S", "b3"], {"transB": 1})
MEET: dict[str, list[Node]] = {
    "a gate": [AFFINE, ("Sigmoid", ["."], {}), ("Tanh", ["x"], {}), ("Mul", [".", "out1"], {})],
    "joined": [AFFINE, ("Relu", ["."], {}), ("Concat", [".", "x"], {"axis": 1}),
               ("MatMul", [".", "M6"], {})],
    "a matrix twice": [AFFINE, ("Tanh", ["."], {}), ("Gemm", [".", "S", "b3"], {"transB": 1})],
    "less": [AFFINE, ("Sub", [".", "x"], {}), ("Neg", ["."], {}), ("Softplus", ["."], {})],
    "scaled": [AFFINE, ("Mul", [".", "b3"], {}), ("Div", [".", "number"], {})],
    "before a layer": [("Relu", ["."], {}), ("Gemm", [".", "S", "b3"], {"transB": 1})],
    "behind both": [AFFINE, ("Tanh", ["x"], {}), ("Gemm", [".", "S2", "b3"], {"transB": 1}),
                    ("Add", [".", "out0"], {}), ("Add", [".", "x"], {})],
}  # fmt: skip
MORE = {**CONSTANTS, "b3": numbers(11, 3), "M6": numbers(12, 6, 2)}


@pytest.mark.parametrize("name", MEET)
def test_ways_that_meet_are_equations(name: str, tmp_path: Path) -> None:
    """Outputs as onnx has them, every gradient a slope of the loss of its outputs."""
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    target = numbers(13, 2, 2 if name == "joined" else 3)
    path = saved(tmp_path, *MEET[name], constants=MORE)
    outputs = evaluator(str(path)).run(None, {"x": X})[0]
    problem = backprop.from_onnx(path, X, target, "squared-error")
    assert "equations" in problem.text
    solution = problem.solve()
    ids = [step["id"] for step in solution.trace["steps"]]
    values = [solution[id] for id in ids if not id.startswith("dL/")]
    assert any(one.shape == outputs.shape and np.allclose(one, outputs, 1e-9) for one in values)
    assert solution["L"] == pytest.approx(((outputs - target) ** 2).sum() / 2, rel=1e-9)
    found = [solution[id] for id in ids if id.startswith("dL/d")]

    def loss(constant: str, place: Any, by: float) -> float:
        moved = {**MORE, constant: MORE[constant].copy()}
        moved[constant][place] += by
        made = saved(tmp_path, *MEET[name], constants=moved)
        return float(((evaluator(str(made)).run(None, {"x": X})[0] - target) ** 2).sum() / 2)

    for constant in {one for _, names, _ in MEET[name] for one in names if one in MORE}:
        shape = MORE[constant].shape
        slopes = np.zeros(shape)
        for place in np.ndindex(shape):
            slopes[place] = (loss(constant, place, 1e-5) - loss(constant, place, -1e-5)) / 2e-5
        slopes = np.squeeze(slopes)
        shape = slopes.shape
        same = [np.squeeze(one) for one in found if np.squeeze(one).shape in (shape, shape[::-1])]
        off = [min(abs(one - each).max() for each in (slopes, slopes.T) if each.shape == one.shape)
               for one in same]  # fmt: skip
        assert min(off) < 1e-6, constant


def test_classes_of_equations_are_counted_as_those_of_layers(tmp_path: Path) -> None:
    path = saved(tmp_path, *MEET["joined"], ("Softmax", ["."], {}), constants=MORE)
    asked = {"labels": [2, 1], "classes": 2}
    found = backprop.from_onnx(path, X, asked, "cross-entropy").solve()["L"]
    outputs = np.maximum(X @ MORE["S"].T + MORE["b3"], 0)
    logits = np.hstack([outputs, X]) @ MORE["M6"]
    chosen = logits[[0, 1], [1, 0]] - np.log(np.exp(logits).sum(axis=1))
    assert found == pytest.approx(-chosen.mean())
