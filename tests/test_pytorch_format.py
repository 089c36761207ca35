"""`solve --format pytorch`: autograd of the program has the numbers that `--format json` has."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from oracles import networks
from oracles.operations import Example, examples, point

from backprop_cli.cli import main
from backprop_cli.readings.source import NoSourceError
from backprop_cli.readings.torch_helpers import TORCH_HELPERS
from backprop_cli.readings.torch_source import TorchSource
from backprop_cli.readings.values import evaluate

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))


def cli(problem: str | dict[str, Any], *arguments: str) -> str:
    text = problem if isinstance(problem, str) else yaml.safe_dump(problem)
    done = CliRunner().invoke(main, ["solve", "-", *arguments], input=text)
    assert done.exit_code == 0, done.output
    return done.stdout


def ran(problem: str | dict[str, Any], *arguments: str) -> dict[str, Any]:
    """What the program leaves behind: it has asserted its numbers itself."""
    code = cli(problem, *arguments, "--format", "pytorch")
    variables: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "program", "exec"), variables)  # noqa: S102
    assert f"the same {len(variables['results'])} results" in printed.getvalue()
    return variables


def compare(problem: str | dict[str, Any], *arguments: str) -> dict[str, Any]:
    """The numbers of the program and those of the derivation; what the program has."""
    found = ran(problem, *arguments)
    trace = json.loads(cli(problem, *arguments, "--format", "json"))
    values = {step["id"]: step["value"] for step in trace["steps"]}
    wanted = {step["id"] for step in trace["steps"] if step["phase"] != "jacobian"}
    missing = {id for id in wanted - found["results"].keys() if not id.endswith("_change")}
    assert missing <= {"dL/dX"}
    for id, value in found["results"].items():
        array = torch.as_tensor(value, dtype=torch.float64).detach().numpy()
        assert np.shape(array) == np.shape(values[id]), id
        np.testing.assert_allclose(array, np.array(values[id], float), 1e-9, 1e-12, err_msg=id)
    return found


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_problems(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if "rounding:" in text:
        done = CliRunner().invoke(main, ["solve", "-", "--format", "pytorch"], input=text)
        assert done.exit_code == 2
        assert "--format pytorch: " in done.output
        assert "it does not round" in done.output
        return
    found = compare(text)
    if "history" in found:
        trace = json.loads(cli(text, "--format", "json"))
        np.testing.assert_allclose(found["history"], trace["loss"]["history"], 1e-8)


@pytest.mark.parametrize("seed", range(220, 260))
def test_drawn_networks(seed: int) -> None:
    compare(networks.draw(seed).text)


BATCHES = {
    "x": [[1, 0], [0, 1], [1, 1], [2, -1], [0.5, 0.25]],
    "y": [[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]],
    "layers": [
        {"weights": [[0.5, -1], [1, 0.25]], "bias": [0.1, -0.1], "activation": "tanh"},
        {"weights": [[1, 0.5], [-0.5, 1]], "bias": [0, 0.2], "activation": "softmax"},
    ],
    "loss": "cross-entropy",
}


@pytest.mark.parametrize("affine", ["W x + b", "W^T x + b", "x W + b", "x W^T + b"])
@pytest.mark.parametrize("jacobian", ["numerator", "denominator"])
@pytest.mark.parametrize("gradients", ["mean", "per-sample"])
def test_conventions(affine: str, jacobian: str, gradients: str) -> None:
    said = {"affine": affine, "jacobian": jacobian, "batch_gradients": gradients}
    whole = {**BATCHES, "convention": said, "update": {"rule": "sgd", "learning_rate": 0.1}}
    found = compare(whole, "--detail", "long")
    assert {"dYhat/dZ2", "dL/dX", "W1_change"} <= found["results"].keys()
    compare(whole, "--only", "dYhat/dW1", "--only", "dL/dZ1")


@pytest.mark.parametrize("affine", ["W x + b", "x W + b"])
def test_training_in_batches_of_two_sizes(affine: str) -> None:
    update = {"rule": "adam", "learning_rate": 0.1, "steps": 7, "batches": 2}
    whole = {**BATCHES, "convention": {"affine": affine}, "update": update}
    found = compare(whole)
    trace = json.loads(cli(whole, "--format", "json"))
    np.testing.assert_allclose(found["history"], trace["loss"]["history"], 1e-8)
    for name, value in trace["parameters"].items():
        np.testing.assert_allclose(found[name].detach().numpy(), value, 1e-8, 1e-11)


AT_KINKS = [
    "L = sum(relu(x))",
    "L = sum(leaky_relu(x, slope=0.1))",
    "L = sum(abs(x) * x + abs(x))",
    "L = sum(hinge(x, y))",
    "L = sum(step(x) * y)",
    "L = max(M)",
    "L = sum(max(M, axis=0))",
    "L = sum(max(M, axis=1)^2)",
    "L = max(y)",
    "L = sum(max_pool(M, 2, stride=1) * [[1, 2]])",
    "L = sum(max_pool(y)^2 * [1, 3])",
    "L = sum(max_pool(M, 3, stride=1, axes=1) * [[1], [2]])",
    "L = sum(maximum(x, y) * y)",
    "L = sum(minimum(x, y) * y)",
    "L = sum(maximum(maximum(x, y), 1) * [1, 2, 3, 4])",
    "L = sum(relu6(6 * x) + relu6(x))",
    "L = sum(elu(x, alpha=0.5) + softsign(x))",
]
KINKS = [
    {},
    {"relu": 0.5, "leaky-relu": 1, "abs": 0.5, "hinge": 1, "step": 0.25, "max": "shared"},
    {"relu": 1, "leaky-relu": 0.1, "step_at_zero": 0.5, "max": 0.3},
]


@pytest.mark.parametrize("kinks", KINKS, ids=["usual", "others", "numbers"])
@pytest.mark.parametrize("equation", AT_KINKS)
def test_slopes_at_kinks_are_those_of_the_problem(equation: str, kinks: dict[str, Any]) -> None:
    values = {"x": [0, 1, -1, 2], "y": [1, 1, -1, 1], "M": [[2, 1, 2], [0, 2, 2]]}
    used = {name: value for name, value in values.items() if name in equation.split("=", 1)[1]}
    compare({"values": used, "equations": [equation], "convention": {"kinks": kinks}})


PICTURE = [[1, 3, 2, 4], [4, 8, 3, 1], [2, 1, 4, 3], [4, 7, 2, 3]]
CHANNELS = [PICTURE, [[0.5, -1, 1, 0]] * 4]


@pytest.mark.parametrize("pool", ["max-pool", "mean-pool"])
@pytest.mark.parametrize("channels", [1, 2])
def test_layers_of_pictures(pool: str, channels: int) -> None:
    kernel = [[1, -1], [0.5, 2]]
    filters = [kernel, [[0, 1], [-1, 0.25]]]
    whole = {
        "x": PICTURE if channels == 1 else CHANNELS,
        "input": "picture",
        "layers": [
            {
                "type": "conv",
                "kernel": filters if channels == 1 else [filters, filters[::-1]],
                "bias": [0.5, -0.5],
                "activation": "relu",
                "stride": 2,
                "padding": 1,
            },
            {"type": pool, "size": 2, "stride": 1},
            {"type": "flatten"},
            {"weights": [[0.1, 0.2, -0.1, 0.3, 0.5, -0.2, 0.4, 0.1]], "bias": [0.1]},
        ],
        "y": [1],
        "loss": "half-squared-error",
        "update": {"rule": "sgd", "learning_rate": 0.02},
    }
    found = compare(whole)
    assert {"dL/dK1", "dL/db1", "K1_new"} <= found["results"].keys()


def test_a_quantity_that_is_another_one_has_its_own_gradient() -> None:
    """In PyTorch `a = x` is one tensor, and its gradient would be that of both."""
    found = compare({"values": {"x": 3}, "equations": ["a = x", "c = 2", "L = a * x * c"]})
    assert found["results"]["dL/da"] == 6
    assert found["results"]["dL/dx"] == 12


def test_second_derivatives_are_autograd_s_own_twice() -> None:
    values = {"w": [2, 1], "b": 1, "W": [[1, 2], [3, 4]]}
    equation = "L = sum(w^3) * b + exp(b) + sum(W^2)"
    asked = ["d2L/dw2", "d2L/dwdb", "d2L/db2", "d2L/dW2"]
    found = compare({"values": values, "equations": [equation], "ask": asked})
    assert set(asked) <= found["results"].keys()


def test_gradients_that_reach_quantities_from_outside() -> None:
    layers = [{"weights": [[1, 2], [0.5, -1]], "activation": "tanh"}, {"weights": [[1, 1]]}]
    compare(
        {"x": [1, 2], "layers": layers, "loss": "none", "upstream": {"Yhat": [2], "H1": [1, 3]}}
    )


def test_only_one_gradient_follows_only_what_it_needs() -> None:
    found = ran(dict(BATCHES), "--only", "dL/dZ2")
    assert [*found["results"]] == ["dL/dZ2"]
    assert not found["X"].requires_grad


def test_letters_and_paths_have_no_program() -> None:
    done = CliRunner().invoke(main, ["solve", "-", "--format", "pytorch"], input="x: [x]\n")
    assert done.exit_code == 2
    arguments = ["solve", "-", "--format", "pytorch", "--entry", "W1[1,1]"]
    done = CliRunner().invoke(main, arguments, input=yaml.safe_dump(BATCHES))
    assert done.exit_code == 2
    assert "a program has no --entry" in done.output


# Numbers that are rounded too far ---------------------------------------------------------------


def saturated(activation: str, z: float, loss: Any, y: list[int]) -> dict[str, Any]:
    weights = [[z], [-z]][: len(y)]
    layers = [{"weights": weights, "activation": activation}]
    return {"x": [1], "y": y, "layers": layers, "loss": loss}


SATURATED: dict[str, dict[str, Any]] = {
    "sigmoid": saturated("sigmoid", 25, "binary-cross-entropy", [0]),
    "sigmoid, rounded to 1": saturated("sigmoid", 60, "binary-cross-entropy", [0]),
    "softmax, rounded to 0": saturated("softmax", 500, "cross-entropy", [0, 1]),
    "own formula": saturated("sigmoid", 50, {"formula": "-sum(log(1 - yhat))"}, [0]),
    "another term of it": {
        "values": {"z": 45, "w": 1},
        "equations": ["p = sigmoid(w * z)", "L = -p^2 * log(1 - p)"],
    },
    "no name between": {"values": {"z": 800, "w": 2}, "equations": ["L = log(1 + exp(w * z))"]},
}


@pytest.mark.parametrize("name", SATURATED)
def test_what_is_rounded_too_far_is_computed_from_behind_it(name: str) -> None:
    """The program asserts its own numbers; they are those of the derivation, but for one."""
    found = ran(SATURATED[name])
    trace = json.loads(cli(SATURATED[name], "--format", "json"))
    for step in trace["steps"]:
        if step["phase"] == "backward" and step["id"] in found["results"]:
            value = found["results"][step["id"]].detach().numpy()
            np.testing.assert_allclose(value, np.array(step["value"], float), 1e-9, 1e-12)
    lacking = {"dL/dYhat", "dL/dp"} - found["results"].keys()
    assert lacking == {"dL/dYhat", "dL/dp"}
    assert {id for id in found["results"] if id.startswith("dL/d")} & {"dL/dW1", "dL/dw"}


def test_a_gradient_past_which_autograd_goes_is_refused_where_it_is_asked_for() -> None:
    whole = yaml.safe_dump(SATURATED["sigmoid"])
    arguments = ["solve", "-", "--format", "pytorch", "--only", "dL/dYhat"]
    done = CliRunner().invoke(main, arguments, input=whole)
    assert done.exit_code == 2
    assert "rounded too far" in done.output


# The table of operations --------------------------------------------------------------------------

NO_WORD = {
    "jacobian", "ratio", "largest_shares", "others_share", "log_others", "place",
    "conv_kernel", "window_sums", "to_windows", "to_winners",
    "zeros_between", "channel_sums", "lowest", "padded_max_pool", "padded_mean_pool",
}  # fmt: skip
"""What only stands in derivatives, which are autograd's business here, or is opened in a model."""


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_every_operation_is_written_or_refused_by_name(example: Example) -> None:
    values = point(example, 3)
    shapes = dict(example.sizes.names)
    source = TorchSource({name: name for name in values}, shapes)
    if example.node.name in NO_WORD:
        with pytest.raises(NoSourceError, match=example.node.name):
            source.text(example.node)
        return
    text = source.text(example.node)
    given = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
    namespace: dict[str, Any] = {"torch": torch, **given}
    for name in source.helpers:
        exec(TORCH_HELPERS[name].lines, namespace)  # noqa: S102
    found = torch.as_tensor(eval(text, namespace))  # noqa: S307
    wanted = evaluate(example.node, values)
    assert np.allclose(found.detach().numpy(), wanted), text
    if found.requires_grad:
        found.sum().backward()
        for name, tensor in given.items():
            held = example.node.name == "stop_gradient"  # what a difference does not know of
            slopes = 0 * values[name] if held else differences(example, values, name)
            gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            assert np.allclose(gradient.numpy(), slopes, 1e-5, 1e-6), text


def differences(example: Example, values: dict[str, Any], name: str) -> Any:
    """The slopes of the sum of all entries by central differences."""
    value = np.asarray(values[name], float)
    slopes = np.zeros(value.shape)
    for place in np.ndindex(value.shape):
        ends = []
        for sign in (1, -1):
            moved = value.copy()
            moved[place] += sign * 1e-6
            ends.append(np.sum(evaluate(example.node, {**values, name: moved})))
        slopes[place] = (ends[0] - ends[1]) / 2e-6
    return slopes
