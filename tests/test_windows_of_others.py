"""Edges of windows as other libraries have them: gradients are PyTorch's, values onnx's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
LOSS = nn.MSELoss()


def compared(first: Any, channels: int = 2) -> None:
    """Loss and gradients of a layer on a picture, something behind it, and a dense layer."""
    torch.manual_seed(17)
    x = torch.randn(1, channels, 6, 5, dtype=torch.float64)
    y = torch.randn(1, 3, dtype=torch.float64)
    body = nn.Sequential(nn.Conv2d(channels, 2, 1), first, nn.Tanh(), nn.Flatten()).double()
    model = nn.Sequential(body, nn.Linear(body(x).shape[1], 3)).double()
    value = LOSS(model(x), y)
    value.backward()
    solution = backprop.from_torch(model, x, y, LOSS).solve()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    ours = [solution[id] for id in solution.names if id.startswith("dL/d")]
    for parameter in model.parameters():
        wanted = parameter.grad.numpy()
        same = [one.reshape(wanted.shape) for one in ours if one.size == wanted.size]
        assert min(np.abs(one - wanted).max() for one in same) <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 2, 0), (2, 2, 1), (3, 1, 1), (3, 2, 1), (4, 3, 2)]
)
def test_pools_with_edges(size: int, stride: int, padding: int, ceil: bool) -> None:
    said = {"stride": stride, "padding": padding, "ceil_mode": ceil}
    compared(nn.MaxPool2d(size, **said))
    for counted in (True, False):
        compared(nn.AvgPool2d(size, **said, count_include_pad=counted))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 4, 3, padding="same"),
        nn.Conv2d(2, 4, 3, padding=(1, 0), stride=2),
        nn.Conv2d(2, 4, 3, padding="valid"),
        nn.Conv2d(2, 4, 3, groups=2),
        nn.Conv2d(2, 2, 3, groups=2, stride=2, padding=1, bias=False),
        nn.Conv2d(2, 3, 2, dilation=2),
        nn.Conv2d(2, 3, 2, dilation=3, stride=2, padding=1),
        nn.Conv2d(2, 3, 3, dilation=2, padding="same"),
        nn.ConvTranspose2d(2, 3, 2, dilation=2, stride=2),
        nn.ConvTranspose2d(2, 3, 3),
        nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1),
        nn.ConvTranspose2d(2, 3, 3, stride=3, output_padding=2),
        nn.ConvTranspose2d(2, 3, (2, 3), padding=(0, 1), bias=False),
    ],
    ids=str,
)
def test_convolutions_and_their_way_back(layer: Any) -> None:
    compared(layer)


def test_half_of_the_largest_windows_is_another_sum() -> None:
    """Just beside: with what is around counted the mean of an edge is smaller."""
    x = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    values = []
    for counted in (True, False):
        pool = nn.AvgPool2d(2, padding=1, count_include_pad=counted)
        model = nn.Sequential(pool, nn.Flatten(), nn.Linear(4, 1, bias=False)).double()
        nn.init.constant_(model[-1].weight, 1)
        y = torch.zeros(1, 1, dtype=torch.float64)
        values.append(float(backprop.from_torch(model, x, y, LOSS).solve()["L"]))
    assert values == [1.0, 16.0]


# ONNX ---------------------------------------------------------------------------------------------

onnx: Any = pytest.importorskip("onnx", reason="onnx is not installed")
PICTURE = np.random.default_rng(51).normal(size=(1, 2, 6, 5))
KERNEL = np.random.default_rng(52).normal(size=(2, 2, 3, 3))
ONE_EACH = np.random.default_rng(53).normal(size=(2, 1, 3, 3))
SQUARE, TWICE = {"kernel_shape": [3, 3]}, {"strides": [2, 2]}
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "as many": ("Conv", {"auto_pad": "SAME_UPPER"}),
    "as many, half of them": ("Conv", {"auto_pad": "SAME_UPPER", **TWICE}),
    "more before": ("Conv", {"auto_pad": "SAME_LOWER", **TWICE}),
    "apart": ("Conv", {"dilations": [2, 2], "pads": [1, 1, 1, 1]}),
    "none around": ("Conv", {"auto_pad": "VALID"}),
    "a channel each": ("Conv", {"group": 2, "pads": [1, 1, 1, 1]}),
    "largest": ("MaxPool", {**SQUARE, **TWICE, "pads": [1, 1, 1, 1]}),
    "largest, before alone": ("MaxPool", {**SQUARE, **TWICE, "pads": [1, 0, 0, 1]}),
    "largest, as many": ("MaxPool", {**SQUARE, **TWICE, "auto_pad": "SAME_UPPER"}),
    "largest, over the end": ("MaxPool", {**SQUARE, **TWICE, "ceil_mode": 1}),
    "means": ("AveragePool", {**SQUARE, **TWICE, "pads": [1, 1, 1, 1]}),
    "means, all counted": (
        "AveragePool",
        {**SQUARE, **TWICE, "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "means over the end": ("AveragePool", {**SQUARE, **TWICE, "ceil_mode": 1}),
    "the way back": ("ConvTranspose", {**TWICE, "pads": [1, 0, 1, 1], "output_padding": [1, 0]}),
}


@pytest.mark.parametrize("name", NODES)
def test_edges_in_onnx(name: str, tmp_path: Path) -> None:
    kind, said = NODES[name]
    takes = {"Conv": ["x", "K"], "ConvTranspose": ["x", "K"]}.get(kind, ["x"])
    kernel = ONE_EACH if "group" in said else KERNEL
    double = onnx.TensorProto.DOUBLE
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(kind, takes, ["made"], **said),
            onnx.helper.make_node("Mul", ["made", "made"], ["square"]),
            onnx.helper.make_node("Add", ["square", "v"], ["out"]),
        ],
        "small",
        [onnx.helper.make_tensor_value_info("x", double, [1, 2, 6, 5])],
        [onnx.helper.make_tensor_value_info("out", double, None)],
        [
            onnx.numpy_helper.from_array(kernel, "K"),
            onnx.numpy_helper.from_array(np.array(0.5), "v"),
        ],
    )
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)]), path)
    evaluator: Any = pytest.importorskip("onnx.reference").ReferenceEvaluator(onnx.load(path))
    (right,) = evaluator.run(None, {"x": PICTURE})
    loss = {"formula": "sum((yhat - y)^2)", "over_samples": "sum"}
    solution = backprop.from_onnx(path, PICTURE, np.zeros(right[0].shape), loss).solve()
    assert float(solution["L"]) == pytest.approx((right**2).sum(), rel=1e-9)


@pytest.mark.parametrize("rows", [[2, 0, 2], [1]])
def test_rows_of_a_table_in_onnx(rows: list[int], tmp_path: Path) -> None:
    """The gradient of a row that is taken twice is the sum of both."""
    table, weights = KERNEL[0, 0], KERNEL[1, 0]
    make = onnx.helper
    double, whole = onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64
    graph = make.make_graph(
        [
            make.make_node("Gather", ["E", "x"], ["e"]),
            make.make_node("Gemm", ["e", "W"], ["out"], transB=1),
        ],
        "small",
        [make.make_tensor_value_info("x", whole, [len(rows)])],
        [make.make_tensor_value_info("out", double, None)],
        [onnx.numpy_helper.from_array(table, "E"), onnx.numpy_helper.from_array(weights, "W")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 22)]), path)
    loss = {"name": "half-squared-error", "over_samples": "sum"}
    solution = backprop.from_onnx(path, rows, np.zeros((len(rows), 3)), loss).solve()
    out = table[rows] @ weights.T
    assert float(solution["L"]) == pytest.approx((out**2).sum() / 2, rel=1e-9)
    wanted = np.zeros_like(table)
    np.add.at(wanted, rows, out @ weights)
    np.testing.assert_allclose(solution["dL/dE1"], wanted, rtol=1e-9, atol=1e-12)
    with pytest.raises(backprop.Error, match="a table of 3 rows has no row 3"):
        backprop.from_onnx(path, [3], np.zeros((1, 3)), loss)
