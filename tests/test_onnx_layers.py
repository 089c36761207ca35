"""ONNX files with convolutions, norms and other shapes: values are onnx's, gradients PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper: Any = pytest.importorskip("onnx.helper")
numpy_helper: Any = pytest.importorskip("onnx.numpy_helper")
reference: Any = pytest.importorskip("onnx.reference")
Node = tuple[str, list[str], dict[str, Any]]


def numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


PICTURE = numbers(31, 1, 2, 5, 5)
OF_PICTURES = {
    "K": numbers(32, 3, 2, 2, 2),
    "b": numbers(33, 3),
    "scale": numbers(34, 3),
    "shift": numbers(35, 3),
    "mean": numbers(36, 3),
    "variance": np.array([0.5, 1.5, 2.0]),
    "flat": np.array([0, -1]),
    "other": np.array([1, 6, 2]),
    "tall": np.array([1, 3, 4, 1]),
    "places": np.array([2, 3]),
    "channels": np.array([1]),
    "small": numbers(46, 4, 3),
    "W": numbers(37, 4, 12),
    "bw": numbers(38, 4),
}
CONV: Node = ("Conv", [".", "K", "b"], {"kernel_shape": [2, 2]})
POOL: Node = ("MaxPool", ["."], {"kernel_shape": [2, 2], "strides": [2, 2]})
NORM: Node = ("BatchNormalization", [".", "scale", "shift", "mean", "variance"], {"epsilon": 0.25})
DENSE: Node = ("Gemm", [".", "W", "bw"], {"transB": 1})
RELU: Node = ("Relu", ["."], {})
FLAT: Node = ("Flatten", ["."], {})
TURNED = {"transB": 1}
SMALL: Node = ("Gemm", [".", "small", "bw"], TURNED)
WIDE_POOL: Node = ("MaxPool", ["."], {"kernel_shape": [3, 3], "strides": [2, 2]})
MODELS: dict[str, list[Node]] = {
    "a convolution": [CONV, RELU, POOL, FLAT, DENSE],
    "reshaped": [CONV, ("Tanh", ["."], {}), POOL, ("Reshape", [".", "flat"], {}), DENSE],
    "strides": [("Conv", [".", "K"], {"strides": [3, 3]}), RELU, FLAT, DENSE],
    "zeros around": [
        ("Conv", [".", "K"], {"pads": [1, 1, 1, 1]}),
        ("AveragePool", ["."], {"kernel_shape": [3, 3], "strides": [3, 3]}),
        FLAT,
        DENSE,
    ],
    "a norm of earlier batches": [CONV, NORM, RELU, POOL, FLAT, DENSE],
    "a window that does not reach the end": [
        CONV,
        WIDE_POOL,
        FLAT,
        ("Gemm", [".", "small"], TURNED),
    ],
    "strides that do not come out": [("Conv", [".", "K"], {"strides": [2, 2]}), RELU, FLAT, DENSE],
    "zeros, and one too many": [
        ("Conv", [".", "K"], {"strides": [3, 3], "pads": [1, 1, 1, 1]}),
        FLAT,
        DENSE,
    ],
    "zeros behind alone": [
        ("Conv", [".", "K"], {"strides": [3, 3], "pads": [0, 0, 1, 1]}),
        FLAT,
        DENSE,
    ],
    "zeros before alone": [
        ("Conv", [".", "K"], {"strides": [3, 3], "pads": [1, 0, 0, 2]}),
        FLAT,
        DENSE,
    ],
    "the mean of each channel": [CONV, ("GlobalAveragePool", ["."], {}), FLAT, SMALL],
    "the largest of each channel": [CONV, RELU, ("GlobalMaxPool", ["."], {}), FLAT, SMALL],
    "a mean without its axes": [CONV, ("ReduceMean", [".", "places"], {"keepdims": 0}), SMALL],
    "axes of 1 left out": [
        CONV,
        ("GlobalAveragePool", ["."], {}),
        ("Squeeze", [".", "places"], {}),
        SMALL,
    ],
    "another shape on the way": [CONV, POOL, ("Reshape", [".", "tall"], {}), FLAT, DENSE],
}


def saved(folder: Path, shape: list[int], constants: dict[str, Any], nodes: list[Node]) -> Path:
    """A file with the nodes one behind the other; `.` stands for what comes from before."""
    made, current = [], "x"
    for number, (kind, inputs, said) in enumerate(nodes):
        names = [current if name == "." else name for name in inputs]
        made.append(helper.make_node(kind, names, [current := f"out{number}"], **said))
    double = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        made,
        "small",
        [helper.make_tensor_value_info("x", double, shape)],
        [helper.make_tensor_value_info(current, double, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)]), path)
    return path


def pictured(folder: Path, nodes: list[Node]) -> Path:
    """A file that takes pictures of two channels."""
    return saved(folder, [1, 2, 5, 5], OF_PICTURES, nodes)


@pytest.mark.parametrize("name", MODELS)
def test_models_of_pictures_and_their_slopes(tmp_path: Path, name: str) -> None:
    path = pictured(tmp_path, MODELS[name])
    (output,) = reference.ReferenceEvaluator(onnx.load(path)).run(None, {"x": PICTURE})
    y = numbers(39, 4)
    problem = backprop.from_onnx(str(path), PICTURE, y.tolist(), "half-squared-error")
    solution = problem.solve()
    right = ((output[0] - y) ** 2).sum() / 2
    assert float(solution["L"]) == pytest.approx(right, rel=1e-9)
    found, way = solution["dL/dK1"], numbers(40, *OF_PICTURES["K"].shape)
    losses = []
    for sign in (1e-5, -1e-5):
        moved = OF_PICTURES["K"] + sign * way
        model = onnx.load(path)
        for one in model.graph.initializer:
            if one.name == "K":
                one.CopyFrom(numpy_helper.from_array(moved, "K"))
        (other,) = reference.ReferenceEvaluator(model).run(None, {"x": PICTURE})
        losses.append(((other[0] - y) ** 2).sum() / 2)
    assert (found * way).sum() == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def test_several_pictures_are_a_batch(tmp_path: Path) -> None:
    path = saved(tmp_path, [2, 2, 5, 5], OF_PICTURES, [CONV, POOL, FLAT, DENSE])
    pictures = np.concatenate([PICTURE, 2 - PICTURE[:, ::-1]])
    (output,) = reference.ReferenceEvaluator(onnx.load(path)).run(None, {"x": pictures})
    y = numbers(39, *output.shape)
    problem = backprop.from_onnx(str(path), pictures, y.tolist(), "half-squared-error")
    right = ((output - y) ** 2).sum() / 2 / len(pictures)
    assert float(problem.solve()["L"]) == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize("kind", ["layer", "batch"])
def test_norms_of_rows_are_those_of_pytorch(tmp_path: Path, kind: str) -> None:
    """The values are those of onnx's evaluator, the gradients PyTorch's own."""
    torch = pytest.importorskip("torch")
    kept = {"mean": numbers(43, 4), "variance": np.array([0.5, 1.5, 2.0, 0.7])}
    constants = {"W1": numbers(1, 4, 3), "b1": numbers(2, 4), "W2": numbers(3, 2, 4)}
    constants |= {"b2": numbers(4, 2), "scale": numbers(41, 4), "shift": numbers(42, 4), **kept}
    norm: Node = ("LayerNormalization", [".", "scale", "shift"], {"axis": -1, "epsilon": 0.125})
    if kind == "batch":
        norm = ("BatchNormalization", [".", "scale", "shift", *kept], {"epsilon": 0.125})
    first: Node = ("Gemm", [".", "W1", "b1"], {"transB": 1})
    last: Node = ("Gemm", [".", "W2", "b2"], {"transB": 1})
    nodes = [first, norm, ("Tanh", ["."], {}), last]
    path, x = saved(tmp_path, [2, 3], constants, nodes), numbers(45, 2, 3)
    y = numbers(44, 2, 2)
    solution = backprop.from_onnx(str(path), x, y, "half-squared-error").solve()
    nn = torch.nn
    layer = nn.LayerNorm(4, 0.125) if kind == "layer" else nn.BatchNorm1d(4, 0.125)
    model = nn.Sequential(nn.Linear(3, 4), layer, nn.Tanh(), nn.Linear(4, 2)).double().eval()
    names = {"0.weight": "W1", "0.bias": "b1", "1.weight": "scale", "1.bias": "shift"}
    names |= {"3.weight": "W2", "3.bias": "b2"}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.tensor(constants[names[name]]))
    if kind == "batch":
        layer.running_mean.copy_(torch.tensor(kept["mean"]))
        layer.running_var.copy_(torch.tensor(kept["variance"]))
    output = model(torch.tensor(x))
    loss = ((output - torch.tensor(y)) ** 2).sum() / 2 / len(x)
    loss.backward()
    assert float(solution["L"]) == pytest.approx(loss.item(), rel=1e-9)
    (evaluated,) = reference.ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})
    np.testing.assert_allclose(evaluated, output.detach().numpy(), rtol=1e-9)
    ours = [solution[step["id"]] for step in solution.trace["steps"] if "dL/d" in step["id"]]
    for parameter in model.parameters():
        wanted = parameter.grad.numpy()
        same = [one for one in ours if one.shape in (wanted.shape, wanted.T.shape)]
        off = [np.abs((one if one.shape == wanted.shape else one.T) - wanted).max() for one in same]
        assert min(off) <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (("Conv", [".", "K"], {"group": 2}), "Conv takes 4 channels, and gets 2"),
        (("Conv", [".", "K"], {"dilations": [1, 2]}), "Conv with dilations"),
        (("Conv", [".", "K"], {"strides": [1, 2]}), "Conv with strides"),
        (("Conv", [".", "K"], {"pads": [0, 0, 1, -1]}), "Conv with pads"),
        (
            ("MaxPool", ["."], {"kernel_shape": [2, 2], "pads": [3, 3, 3, 3]}),
            "nothing of the picture",
        ),
        (("Reshape", [".", "other"], {}), "makes 1 × 6 × 2 of 1 × 2 × 5 × 5"),
        (("AveragePool", ["."], {"kernel_shape": [6, 6], "strides": [2, 2]}), "a window of 6 does"),
        (("ReduceMean", [".", "channels"], {}), "takes the mean over 1"),
        (("ReduceSum", [".", "places"], {}), "ReduceSum is not known"),
        (("ConvTranspose", [".", "K"], {}), "ConvTranspose takes 3 channels, and gets 2"),
        (("ConvTranspose", [".", "K"], {"group": 3}), "ConvTranspose with group=3"),
        (
            ("ConvTranspose", [".", "K"], {"output_shape": [9, 9]}),
            "ConvTranspose with output_shape",
        ),
    ],
)
def test_what_is_not_known_of_pictures_is_refused(tmp_path: Path, node: Node, said: str) -> None:
    path = pictured(tmp_path, [node, ("Flatten", ["."], {})])
    with pytest.raises(backprop.Error, match=said):
        backprop.from_onnx(str(path), PICTURE, [1, 0, 0, 0], "half-squared-error")
