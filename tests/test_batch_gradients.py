"""`batch_gradients: per-sample`: δ of each sample's own loss, the mean only in the parameters."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from numpy.typing import NDArray

from backprop_cli.cli import main

Array = NDArray[np.float64]

X = [[0.5, 2.0], [-1.0, 0.4], [1.5, -0.6]]
W1, B1 = np.array([[0.4, -0.3], [0.2, 0.6], [1, -0.5]]), [0.1, -0.2, 0.3]
W2, B2 = np.array([[0.7, -0.5, 0.2], [0.3, 0.1, -0.4]]), [0.05, 0.1]
Y = [[1, 0], [0, 1], [0, 1]]
AFFINES = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
LOSSES = (
    ("softmax", "cross-entropy"),
    ("sigmoid", "binary-cross-entropy"),
    ("linear", "half-squared-error"),
    ("linear", "cross-entropy-with-logits"),
    ("tanh", "huber"),
)


def problem(affine: str, last: str, loss: str, **more: Any) -> dict[str, Any]:
    turned = affine in ("W^T x + b", "x W + b")
    first, second = ((W.T if turned else W).tolist() for W in (W1, W2))
    return {
        "convention": {
            "affine": affine,
            "batch_gradients": "per-sample",
            **more.pop("convention", {}),
        },
        "x": X,
        "y": Y,
        "layers": [
            {"weights": first, "bias": B1, "activation": "tanh"},
            {"weights": second, "bias": B2, "activation": last},
        ],
        "loss": loss,
        **more,
    }


def run(data: dict[str, Any], *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments], input=yaml.safe_dump(data))
    assert done.exit_code == code, done.output
    return done.stdout


def solved(data: dict[str, Any]) -> dict[str, Array]:
    trace = json.loads(run(data, "solve", "-", "--format", "json"))
    return {step["id"]: np.asarray(step["value"], dtype=float) for step in trace["steps"]}


def declared(data: dict[str, Any], **convention: Any) -> dict[str, Any]:
    return data | {"convention": data["convention"] | convention}


@pytest.mark.parametrize("output", ["chain", "fused"])
@pytest.mark.parametrize(("affine", "losses"), list(product(AFFINES, LOSSES)))
def test_only_the_parameters_have_the_mean(
    affine: str, losses: tuple[str, str], output: str
) -> None:
    data = problem(affine, *losses, convention={"output_gradient": output}, penalty={"l2": 0.1})
    own, mean = solved(data), solved(declared(data, batch_gradients="mean"))
    summed = solved(
        data | {"loss": {"name": losses[1], "over_samples": "sum"}, "penalty": {"l2": 0}}
    )
    for name in ("X", "Z1", "H1", "Z2", "Yhat"):
        assert np.allclose(own[f"dL/d{name}"], 3 * mean[f"dL/d{name}"]), name
        assert np.allclose(own[f"dL/d{name}"], summed[f"dL/d{name}"]), name
    for name in ("W1", "b1", "W2", "b2"):
        assert np.allclose(own[f"dL/d{name}"], mean[f"dL/d{name}"]), name
    assert own["L"] == mean["L"]


def test_the_deltas_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensors = [
        torch.tensor(np.asarray(each), dtype=torch.float64) for each in (X, W1, B1, W2, B2, Y)
    ]
    x, w1, b1, w2, b2, y = tensors
    z1 = (x @ w1.T + b1).requires_grad_()
    z2 = torch.tanh(z1) @ w2.T + b2
    own = -(y * torch.log_softmax(z2, dim=1)).sum(dim=1)
    (expected,) = torch.autograd.grad(own.sum(), z1)
    found = solved(problem("x W^T + b", "softmax", "cross-entropy"))
    assert np.allclose(found["dL/dZ1"], expected)


def test_no_difference_for_a_sum_or_a_single_sample() -> None:
    data = problem("W x + b", "softmax", "cross-entropy")
    summed = data | {"loss": {"name": "cross-entropy", "over_samples": "sum"}}
    single = data | {"x": X[0], "y": Y[0]}
    for each in (summed, single):
        own, mean = solved(each), solved(declared(each, batch_gradients="mean"))
        assert all(np.array_equal(own[id], mean[id]) for id in mean)
        assert "own loss" not in run(each, "solve", "-")


def test_it_is_stated_verified_and_written() -> None:
    data = problem(
        "W x + b", "sigmoid", "binary-cross-entropy", update={"rule": "sgd", "learning_rate": 1}
    )
    for command in ("solve", "derive", "blank"):
        assert "each sample's own loss" in " ".join(
            run(data, command, "-").replace("\n#", "").split()
        )
    checks = json.loads(run(data, "solve", "-", "--verify", "--format", "json"))["verify"]
    assert max(check["error"] for check in checks) < 1e-7
    assert {"dL/dZ1", "dL/dW1"} <= {check["id"] for check in checks}
    namespace: dict[str, Any] = {}
    exec(run(data, "solve", "-", "--format", "python"), namespace)  # noqa: S102
    known = solved(data)
    for name in ("Z2", "Z1", "W1", "b2"):
        assert np.allclose(namespace[f"dL_d{name}"], known[f"dL/d{name}"]), name
    assert np.allclose(namespace["W1_new"], known["W1_new"])


def test_in_letters_the_mean_stands_before_the_parameters_alone() -> None:
    data = {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "inputs": "N",
        "samples": "M",
        "layers": [{"units": "K", "bias": True, "activation": "softmax"}],
        "loss": "cross-entropy",
    }
    text = run(data, "derive", "-", "--ascii", "--width", "200")
    formulas = {
        line.split(" = ")[0].strip(): line.split(" = ", 1)[1]
        for line in text.splitlines()
        if " = " in line and line.startswith("     ")
    }
    assert "M" in formulas["dL/dW1"]
    assert "M" in formulas["dL/db1"]
    assert "M" not in formulas["dL/dYhat"].replace("Yhat", "")
    assert "M" not in formulas["dL/dZ1"]


def test_sheets_are_judged_by_it(tmp_path: Any) -> None:
    """A published exercise: dZ = A - Y for each sample, 1/m in dW and db; every value rounded."""
    data = {
        "convention": {"batch_gradients": "per-sample"},
        "x": X,
        "y": [1, 0, 1],
        "layers": [
            {"weights": [[0.4, -0.3], [0.2, 0.6]], "bias": [0.1, -0.2], "activation": "tanh"},
            {"weights": [[0.7, -0.5]], "bias": [0.05], "activation": "sigmoid"},
        ],
        "loss": "binary-cross-entropy",
    }
    answers: dict[str, Any] = {
        "Z1": [[-0.3, -0.42, 0.88], [1.1, -0.16, -0.26]],
        "H1": [[-0.2913, -0.3969, 0.7064], [0.8005, -0.1586, -0.2543]],
        "Z2": [[-0.5542, -0.1485, 0.6716]],
        "Yhat": [[0.3649, 0.4629, 0.6619]],
        "L": 0.6808,
        "dL/dZ2": [[-0.6351, 0.4629, -0.3381]],
        "dL/dW2": [[-0.0792, -0.1653]],
        "dL/db2": [-0.1701],
        "dL/dZ1": [[-0.4068, 0.2730, -0.1186], [0.1141, -0.2256, 0.1581]],
        "dL/dW1": [[-0.2181, -0.2111], [0.1733, 0.0144]],
        "dL/db1": [-0.0841, 0.0155],
    }
    verdicts = judged(data, answers, tmp_path)
    assert set(verdicts) == set(answers)
    assert {verdict for verdict, _ in verdicts.values()} == {"correct"}
    undivided = answers | {"dL/dW2": [[-0.2376, -0.4959]]}
    verdict, slips = judged(data, undivided, tmp_path)["dL/dW2"]
    assert (verdict, slips[:1]) == ("wrong", ["mean-sum-confused"])
    stated = data | {"convention": {"batch_gradients": "mean"}}
    assert judged(stated, answers, tmp_path)["dL/dZ2"][0] == "wrong"
    unstated = data | {"convention": {}}  # where nothing is said, the sheet says it
    assert judged(unstated, answers, tmp_path)["dL/dZ2"][0] == "correct"
    summed = answers | {  # but not where 1/M is never brought in
        "dL/dW2": [[-0.2376, -0.4959]], "dL/db2": [-0.5103], "dL/db1": [-0.2524, 0.0466],
        "dL/dW1": [[-0.6543, -0.6333], [0.5199, 0.0430]],
    }  # fmt: skip
    assert judged(unstated, summed, tmp_path)["dL/dZ2"][0] == "wrong"


def judged(
    data: dict[str, Any], answers: dict[str, Any], folder: Any
) -> dict[str, tuple[str, list[str]]]:
    problem_, sheet = folder / "problem.yaml", folder / "sheet.yaml"
    data = data | {"ask": list(answers)}
    problem_.write_text(yaml.safe_dump(data), encoding="utf-8")
    sheet.write_text(yaml.safe_dump({"answers": answers}), encoding="utf-8")
    arguments = ["check", str(problem_), str(sheet), "--format", "json", "--exit-zero"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    (submission,) = json.loads(done.stdout)["submissions"]
    return {each["id"]: (each["verdict"], each["slips"]) for each in submission["results"]}
