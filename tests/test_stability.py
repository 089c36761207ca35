"""Logits of ±800: losses and gradients are right; true infinities say where they are from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from oracles.reading import Array, Problem
from oracles.solved import solved

from backprop_cli.algebra.expr import Sym, op
from backprop_cli.readings.source import HELPERS
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.solution import Solution
from backprop_cli.solving.verify import verify

FAR: list[list[float]] = [
    [800, -800],
    [-800, 800],
    [800, 0, -800],
    [745, 0, -30],
    [40, 0, -40],
    [-2000, 3, 2000],
]
WAYS = ["chain", "fused"]


def network(z: list[float], activation: str, loss: Any, y: list[float], **keys: Any) -> Problem:
    """One input of 1, so that the weights are the logits."""
    layer = {"weights": [[value] for value in z], "activation": activation}
    problem = {"x": [1], "y": y, "layers": [layer], "loss": loss}
    return problem | {"update": {"rule": "sgd", "learning_rate": 0.25, "steps": 3}} | keys


def notes(solution: Solution) -> dict[str, str]:
    return {step.id: step.note for step in solution.trace.steps if step.note}


# ---- Against many digits ------------------------------------------------------------------------


def exactly(
    z: list[float], y: list[float], loss: str, activation: str
) -> tuple[float, list[float]]:
    """The loss and its gradient in the logits, as they are defined, with enough digits."""
    mp: Any = pytest.importorskip("mpmath", reason="mpmath is not installed")
    with mp.workdps(100 + int(max(z) - min(z))):
        point = [mp.mpf(value) for value in z]

        def value(at: list[Any]) -> Any:
            powers = [mp.exp(entry) for entry in at]
            if activation == "softmax":
                outputs = [power / mp.fsum(powers) for power in powers]
            else:
                outputs = [power / (1 + power) for power in powers]
            terms = [t * mp.log(p) for t, p in zip(y, outputs, strict=True) if t]
            if loss == "binary-cross-entropy":
                terms += [
                    (1 - t) * mp.log(1 - p) for t, p in zip(y, outputs, strict=True) if t != 1
                ]
            return -mp.fsum(terms)

        step = mp.mpf(10) ** -40
        slopes = []
        for i in range(len(z)):
            ends = [[*point[:i], point[i] + s * step, *point[i + 1 :]] for s in (1, -1)]
            slopes.append(float((value(ends[0]) - value(ends[1])) / (2 * step)))
        return float(value(point)), slopes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("z", FAR, ids=str)
@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("softmax", "cross-entropy"),
        ("sigmoid", "binary-cross-entropy"),
        ("softmax", "binary-cross-entropy"),
        ("sigmoid", "cross-entropy"),
    ],
)
def test_far_out(activation: str, loss: str, z: list[float], way: str) -> None:
    for y in ([0.0] * (len(z) - 1) + [1.0], [0.25] + [0.0] * (len(z) - 2) + [0.75]):
        wanted, slopes = exactly(z, y, loss, activation)
        problem = network(z, activation, loss, y, convention={"output_gradient": way})
        solution = solved(problem)
        assert float(solution.values["L"]) == pytest.approx(wanted, rel=1e-13, abs=1e-300)
        np.testing.assert_allclose(solution.values["dL/dZ1"], slopes, rtol=1e-9, atol=1e-15)
        assert finite(solution)


def finite(solution: Solution) -> bool:
    """Whether training goes on in numbers, and only the gradient by the output is infinite."""
    trained = [*solution.trace.parameters.values(), np.array(solution.trace.history)]
    values = [value for id, value in solution.values.items() if id != "dL/dYhat"]
    return all(bool(np.all(np.isfinite(value))) for value in [*trained, *values])


@pytest.mark.parametrize("z", FAR, ids=str)
@pytest.mark.parametrize("kind", ["", "binary-"])
def test_losses_from_logits_are_those_from_outputs(z: list[float], kind: str) -> None:
    y = [0.0] * (len(z) - 1) + [1.0]
    activation = "sigmoid" if kind else "softmax"
    logits = solved(network(z, "linear", f"{kind}cross-entropy-with-logits", y))
    outputs = solved(network(z, activation, f"{kind}cross-entropy", y))
    for id in ("L", "dL/dZ1", "dL/dW1", "W1_new", "L_new"):
        np.testing.assert_allclose(logits.values[id], outputs.values[id], rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("z", FAR, ids=str)
@pytest.mark.parametrize(
    "formula",
    ["-sum(y * log(yhat))", "-sum(y * ln(yhat) + (1 - y) * ln(1 - yhat))", "-ln(yhat) @ y"],
)
def test_losses_of_ones_own(z: list[float], formula: str) -> None:
    y = [0.0] * (len(z) - 1) + [1.0]
    named = "binary-cross-entropy" if "1 - y" in formula else "cross-entropy"
    own = solved(network(z, "softmax", {"formula": formula}, y))
    wanted = solved(network(z, "softmax", named, y))
    for id in ("L", "dL/dZ1", "W1_new"):
        np.testing.assert_allclose(own.values[id], wanted.values[id], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "equations",
    [
        ["z = W @ x", "p = softmax(z)", "L = -sum(y * log(p))"],
        ["p = softmax(W @ x)", "L = -sum(y * log(p))"],
        ["z = W @ x", "L = -sum(y * log(softmax(z)))"],
        ["z = W @ x", "p = softmax(z)", "l = log(p)", "L = -sum(y * l)"],
        ["z = W @ x", "L = -sum(y * log_softmax(z))"],
        ["z = W @ x", "p = softmax(z)", "L = -sum(y * log(p)) + sum(z) - sum(z)"],
        ["z = W @ x", "L = ln(sum(exp(z))) - y @ z"],
        ["z = W @ x", "e = exp(z)", "L = ln(sum(e)) - y @ z"],
        ["z = W @ x", "L = sum(ln(1 + exp(z)) - y * z)"],
        ["z = W @ x", "e = exp(z)", "L = sum(ln(e + 1) - y * z)"],
    ],
)
def test_equations_far_out(equations: list[str]) -> None:
    values = {"W": [[800], [-800]], "x": [1], "y": [0, 1]}
    solution = solved({"values": values, "equations": equations, "train": ["W"]})
    assert solution.values["L"] == 1600
    np.testing.assert_allclose(solution.values["dL/dW"], [[1], [-1]], rtol=1e-14)


@pytest.mark.parametrize("far", [0.0, 2.0**40, 2.0**60])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("loss", "halves"), [("cross-entropy", 1), ("binary-cross-entropy", 2)])
def test_what_all_logits_have_more_changes_nothing(
    far: float, way: str, loss: str, halves: int
) -> None:
    convention = {"output_gradient": way} if loss == "cross-entropy" else {}
    z = [far, far, far - 4096]
    solution = solved(network(z, "softmax", loss, [0, 1, 0], convention=convention))
    wanted = halves * np.log(2)
    np.testing.assert_allclose(solution.values["L"], wanted, rtol=1e-15)
    slope = [0.5 * halves, -0.5 * halves, 0]
    np.testing.assert_allclose(solution.values["dL/dZ1"], slope, atol=1e-15)
    if far == 2.0**60:  # no step moves a weight of that size
        np.testing.assert_allclose(solution.values["L_new"], wanted, rtol=1e-15)


@pytest.mark.parametrize("name", ["log_softmax", "log_others"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_programs_lose_no_more_digits_than_values(name: str, axis: int | None) -> None:
    space: dict[str, Any] = {"np": np}
    for helper in HELPERS.values():
        exec(helper.lines, space)  # noqa: S102
    z = np.array([[0.0, 1.0], [0.5, 1.0]]) if axis is not None else np.array([0.5, 1.0, -2.0])
    for far in (0, 2.0**50):
        np.testing.assert_allclose(space[name](z + far, axis), space[name](z, axis), rtol=1e-12)
        at = {"z": z + far}
        wanted = evaluate(op(name, Sym("z"), axis=axis), at)
        np.testing.assert_allclose(space[name](at["z"], axis), wanted, rtol=1e-12)


@pytest.mark.parametrize("size", [800, 300, 40, 20])
def test_a_batch_far_out(size: float) -> None:
    problem = network([size, -size], "softmax", "binary-cross-entropy", [0, 1])
    problem |= {"x": [[1], [0.001], [-1]], "y": [[0, 1], [1, 0], [0.5, 0.5]]}
    for affine in ("W x + b", "x W^T + b"):
        solution = solved({**problem, "convention": {"affine": affine}})
        assert finite(solution)
        rows = solution.values["dL/dZ1"].T if affine == "W x + b" else solution.values["dL/dZ1"]
        alone = [
            solved({**problem, "x": x, "y": y})
            for x, y in zip(problem["x"], problem["y"], strict=True)
        ]
        wanted = np.stack([one.values["dL/dZ1"] for one in alone]) / 3
        np.testing.assert_allclose(rows, wanted, rtol=1e-12)


@pytest.mark.parametrize("form", ["", "paper"])
def test_a_loss_from_a_logit_far_out(form: str) -> None:
    """The gradient ends at 0 at both points, and not at 0 times an infinity."""
    values = {"w": 800, "x": 1, "y": 1}
    rule = {"rule": "nesterov", "learning_rate": 0.1, "state": {"v_w": 1}}
    update = {**rule, "form": form} if form else rule
    equations = ["z = w * x", "J = ln(1 + exp(z)) - y * z"]
    solution = solved({"values": values, "equations": equations, "train": ["w"], "update": update})
    assert solution.values["J"] == solution.values["dJ/dw"] == solution.values["J_new"] == 0
    assert solution.values["w_new"] == pytest.approx(800.9 if form else 800 - 0.1 * 0.9 * 0.9)


def test_differences_far_out() -> None:
    for activation in ("softmax", "sigmoid"):
        solution = solved(network([300, -300], activation, "binary-cross-entropy", [0, 1]))
        errors = {check.id: check.error for check in verify(solution.model, solution.values)}
        assert errors["dL/dZ1"] < 1e-6
        assert errors["dL/dW1"] < 1e-6


# ---- What is truly infinite, and what is said of it ---------------------------------------------


def said(equations: list[str], **values: Any) -> tuple[dict[str, Array], dict[str, str]]:
    solution = solved({"values": values, "equations": equations})
    return dict(solution.values), notes(solution)


def test_nothing_times_the_logarithm_of_nothing() -> None:
    """It has no value as it is written, and is told with what has one."""
    given = {"y": [0, 1], "p": [0, 0.5]}
    values, remarks = said(["L = -sum(y * log(p))"], **given)
    assert np.isnan(values["L"])
    assert remarks["L"].endswith("not positive; where both are 0, xlogy(y, p) is 0")
    values, remarks = said(["L = -sum(xlogy(y, p))"], **given)
    assert values["L"] == pytest.approx(np.log(2))
    _, remarks = said(["L = -sum(y * log(p))"], y=[1, 1], p=[0, 0.5])
    assert "xlogy" not in remarks["L"]


def test_an_infinity_that_was_asked_for() -> None:
    values, remarks = said(["yhat = x * 0", "L = -log(yhat)"], x=3)
    assert values["L"] == np.inf
    assert remarks["L"] == "L is infinite: the logarithm of a number that is not positive"
    assert values["dL/dyhat"] == -np.inf
    assert remarks["dL/dyhat"] == "dL/dyhat is infinite: division by 0"
    assert np.isnan(values["dL/dx"])
    assert remarks["dL/dx"] == (
        "dL/dx has no value: dL/dyhat is infinite, and an infinity times 0, or less another, "
        "could be anything"
    )


def test_what_has_no_value() -> None:
    values, remarks = said(["u = sqrt(x)", "L = sum(u)"], x=[4, -1, -4])
    assert np.isnan(values["L"])
    assert remarks["u"] == "u[2], u[3] have no value: the square root of a negative number"
    assert remarks["L"] == "L has no value: it is computed from u[2], u[3]"


def test_what_is_too_large() -> None:
    values, remarks = said(["L = exp(x)"], x=1000)
    assert values["L"] == np.inf
    assert remarks["L"].startswith("L is infinite: the number is too large")


def test_an_output_that_underflows_is_told_from_zero() -> None:
    remarks = notes(solved(network([800, -800], "softmax", "cross-entropy", [0, 1])))
    assert remarks["dL/dYhat"] == (
        "dL/dYhat[2] is infinite: division by 0 "
        "(Yhat[2] is not quite 0, but too small for the computer)"
    )
    assert remarks["L"].startswith("Yhat[2] is too small for the computer and shown as 0")


# ---- Other remarks ------------------------------------------------------------------------------

LAYER = {"weights": [[1, 0], [0, 1]]}


@pytest.mark.parametrize(
    ("activation", "x", "remark"),
    [
        ("sigmoid", [10, 0], "H1[1] is saturated: the slope there is nearly 0"),
        ("sigmoid", [10, -12], "H1[1], H1[2] are saturated: their slopes are nearly 0"),
        ("tanh", [5, 0], "H1[1] is saturated: the slope there is nearly 0"),
        ("relu", [-1, 2], "H1[1] is off: this ReLU lets no gradient through"),
        ("relu", [-1, -2], "H1[1], H1[2] are off: these ReLUs let no gradient through"),
        (
            "relu",
            [[-1, 2], [-2, -1]],
            "unit 1 is off for every sample: this ReLU lets no gradient through",
        ),
        (
            "relu",
            [0, 2],
            "Z1[1] is exactly 0, where the rectified linear unit has no derivative: 0 is taken",
        ),
        (
            "step",
            [0, 2],
            "Z1[1] is exactly 0, where the hard threshold jumps: its value there is 1",
        ),
        ("sigmoid", [1, 0], None),
        ("relu", [1, 2], None),
        ("relu", [[-1, 2], [2, 1]], None),
    ],
)
def test_remarks_on_units(activation: str, x: Any, remark: str | None) -> None:
    layers = [{**LAYER, "activation": activation}, LAYER]
    y = [[0, 0]] * len(x) if isinstance(x[0], list) else [0, 0]
    remarks = notes(solved({"x": x, "y": y, "layers": layers, "loss": "squared-error"}))
    assert remarks.get("H1") == remark


@pytest.mark.parametrize(
    ("equation", "remark"),
    [
        ("L = sum(abs(x - 1))", "what stands in it is exactly 0, where the absolute value has no"),
        ("L = max(x)", "two are equally large: the first of them has the gradient"),
        ("L = sum(max(x, 1))", "two are equally large"),
        ("L = norm(x - x)", "the length is 0, where it has no derivative"),
        ("L = sum(x^2)", None),
    ],
)
def test_remarks_on_kinks(equation: str, remark: str | None) -> None:
    _, remarks = said([equation], x=[1, 1, 0.5])
    assert ("L" in remarks) == (remark is not None)
    assert remark is None or remark in remarks["L"]


def test_a_remark_names_every_quantity_at_a_kink() -> None:
    """Each with a 0 in it, under absolute values that stand in one formula."""
    values = {"a": [1, 0], "b": [0, -1], "c": [1, 2], "d": [0, 2]}
    _, remarks = said(["L = sum(abs(a)) + sum(abs(b)) + sum(abs(c)) + sum(relu(d))"], **values)
    assert remarks["L"] == (
        "a[2], b[1] are exactly 0, where the absolute value has no derivative: 0 is taken; "
        "d[1] is exactly 0, where the rectified linear unit has no derivative: 0 is taken"
    )


def test_remarks_on_paths() -> None:
    _, remarks = said(["a = w * x", "b = a * w", "L = a * b"], w=2, x=3)
    assert remarks["dL/da"] == "a acts through b and L: the gradients of all its paths add up"
    assert remarks["dL/dw"] == "w acts through a and b: the gradients of all its paths add up"
    assert "dL/dx" not in remarks


def test_remarks_are_sentences() -> None:
    for z in FAR:
        for text in notes(
            solved(network(z, "sigmoid", "binary-cross-entropy", [1] * len(z)))
        ).values():
            assert not re.search(r"[.;]$|  |None|\bnan\b", text), text
