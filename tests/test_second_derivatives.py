"""Second derivatives: PyTorch's Hessians, differences of gradients, closed forms, ids, sheets."""

from __future__ import annotations

import importlib
import json
from itertools import product
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles import networks, reading

import backprop_cli as backprop
from backprop_cli.algebra.quantity import Second, quantity, second_derivative, typed_second
from backprop_cli.cli import main
from backprop_cli.problem.text.lexer import is_name

Data = dict[str, Any]
Array = np.ndarray[Any, np.dtype[np.float64]]
MOST = 20  # parameters of a network that is drawn


def run(data: Data, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments, "-"], input=yaml.safe_dump(data))
    assert done.exit_code == code, done.output
    return str(done.output)


def solved(data: Data, *more: str) -> dict[str, Array]:
    trace = json.loads(run(data, "solve", "--format", "json", *more))
    return {step["id"]: np.array(step["value"], float) for step in trace["steps"]}


# ---- Ids ---------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-zA-Z]{1,4}[0-9]{0,2}(_[0-9a-z])?", fullmatch=True).filter(is_name)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # other work goes on here
@given(NAMES, NAMES, NAMES)
def test_an_id_is_read_as_it_was_written(of: str, by: str, then: str) -> None:
    written = Second(of, by, then)
    assert second_derivative(written.id) == written
    assert typed_second(written.id, lambda name: name if name in (of, by, then) else None)
    assert quantity(written.id).id == written.id
    assert not quantity(written.id).by


@pytest.mark.parametrize(
    ("id", "parts"),
    [
        ("d2L/dw2", ("L", "w", "w")),
        ("d2L/dwdb", ("L", "w", "b")),
        ("d2L/dW1dW2", ("L", "W1", "W2")),
        ("d2L/dW12", ("L", "W1", "W1")),
        ("d2J/dtheta2", ("J", "theta", "theta")),
        ("d2L/dhidden2", ("L", "hidden", "hidden")),
        ("d2L/dthetadb", ("L", "theta", "b")),
    ],
)
def test_what_an_id_says(id: str, parts: tuple[str, str, str]) -> None:
    found = second_derivative(id)
    assert found is not None
    assert (found.of, found.by, found.then) == parts
    assert found.id == id


# ---- Against PyTorch -----------------------------------------------------------------------------


def drawn() -> list[int]:
    found = []
    for seed in range(150):
        problem = networks.draw(seed).problem
        if reading.loss(problem) is None or problem.get("convention", {}).get("batch_gradients"):
            continue
        count = sum(
            np.size(layer["weights"]) + np.size(layer.get("bias", ()))
            for layer in problem["layers"]
        )
        if count <= MOST:
            found.append(seed)
    return found[:30]


@pytest.mark.parametrize("seed", drawn())
def test_hessians_are_those_of_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    reference = importlib.import_module("oracles.torch_reference")
    problem = networks.draw(seed).problem
    parameters = reference.read_parameters(problem)
    names = list(parameters)
    samples = reading.batches(problem)[0]

    def loss(*values: Any) -> Any:
        return reference.run(problem, dict(zip(names, values, strict=True)), samples).root

    wanted = torch.autograd.functional.hessian(loss, tuple(parameters.values()))
    ids = {(a, b): Second("L", a, b).id for a, b in product(names, names)}
    values = solved({**problem, "ask": list(ids.values())})
    for (a, b), id in ids.items():
        own = wanted[names.index(a)][names.index(b)].numpy()
        shape = [int(np.prod(parameters[name].shape)) for name in (a, b) if parameters[name].ndim]
        own = own.reshape(shape)
        scale = max(1.0, float(np.abs(own).max()))
        np.testing.assert_allclose(values[id], own, rtol=1e-9, atol=1e-11 * scale, err_msg=id)


# ---- Differences of gradients --------------------------------------------------------------------

EQUATIONS: dict[str, Data] = {
    "logistic": {
        "values": {"X": [[1, 2], [1, -1], [1, 0.5]], "y": [1, 0, 1], "w": [0.5, -0.25]},
        "equations": ["z = X @ w", "p = sigmoid(z)", "L = binary_cross_entropy(p, y)"],
    },
    "softplus": {
        "values": {"X": [[1, 2], [1, -1], [1, 0.5]], "y": [1, 0, 1], "w": [0.5, -0.25], "b": 0.3},
        "equations": ["z = X @ w + b", "L = mean(softplus(z) - y * z) + 0.05 * dot(w, w)"],
    },
    "softmax": {
        "values": {"w": [0.2, -0.4, 1], "A": [[1, 2, 0], [0, 1, -1], [2, 0, 1]], "y": [0, 1, 0]},
        "equations": ["p = softmax(A @ w)", "L = cross_entropy(p, y)"],
    },
    "norms": {
        "values": {"w": [3, 4, -1], "c": [1, 0, 2], "s": 0.7},
        "equations": ["r = norm(w - s * c)", "L = r + exp(-s * r) + sum((w / 2)^3) * s"],
    },
    "through itself": {
        "values": {"w": [0.3, -0.2], "v": [1.5, 0.4], "s": 2},
        "equations": [
            "h = tanh(s * w + v)",
            "k = h[1] * w + sin(v)",
            "L = dot(k, h)^2 + log(1 + dot(v, v))",
        ],
    },
    "a number": {
        "values": {"w": 0.4, "x": 2, "y": 1, "b": -0.3},
        "equations": ["p = sigmoid(w * x + b)", "L = (p - y)^2"],
    },
    "matrices": {
        "values": {"A": [[2, 1], [0.5, 3]], "x": [1, -2], "B": [[0.3, 0.1], [-0.2, 0.5]]},
        "equations": ["L = logdet(A) + x @ inv(A) @ x + sum(tanh(A @ B) ^ 2)"],
    },
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_second_derivatives_are_differences_of_gradients(name: str) -> None:
    data = EQUATIONS[name]
    values = {key: np.array(value, float) for key, value in data["values"].items()}
    names = [key for key in values if key not in ("X", "y")]
    ids = {(a, b): Second("L", a, b).id for a, b in product(names, names)}
    found = solved({**data, "ask": list(ids.values())})
    for b in names:
        columns: dict[str, list[Array]] = {a: [] for a in names}
        for place in np.ndindex(values[b].shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = values[b].copy()
                moved[place] += step
                other = {**data["values"], b: moved.tolist()}
                ends.append(solved({**data, "values": other}))
            for a in names:
                columns[a].append((ends[0][f"dL/d{a}"] - ends[1][f"dL/d{a}"]).ravel() / 2e-5)
        for a in names:
            wanted = np.stack(columns[a], axis=1).reshape(found[ids[a, b]].shape)
            scale = max(1.0, float(np.abs(wanted).max()))
            np.testing.assert_allclose(found[ids[a, b]], wanted, atol=2e-8 * scale, err_msg=(a, b))


# ---- Closed forms --------------------------------------------------------------------------------


def derived(equations: list[str], shapes: Data, ask: str, **more: Any) -> str:
    data = {"shapes": shapes, "equations": equations, "ask": [ask], **more}
    return run(data, "derive", "--width", "100")


def test_logistic_regression_ends_as_in_the_book() -> None:
    shapes = {"X": ["m", "n"], "y": ["m"], "w": ["n"]}
    for loss in ("binary_cross_entropy(p, y)", "sum(-y * log(p) - (1 - y) * log(1 - p))"):
        text = derived(["z = X @ w", "p = sigmoid(z)", f"L = {loss}"], shapes, "d2L/dw2")
        assert "∂²L/∂w² = Xᵀ diag(p ⊙ (1 − p)) X" in text, loss


def test_quadratic_forms() -> None:
    shapes = {"A": ["n", "n"], "b": ["n"], "x": ["n"]}
    formula = ["L = 0.5 * x @ (A @ x) - dot(b, x)"]
    text = derived(formula, shapes, "d2L/dx2", assume={"A": "symmetric"})
    assert "∂²L/∂x² = A\n" in text
    assert "∂²L/∂b ∂x = −I" in derived(formula, shapes, "d2L/dbdx")
    text = derived(["L = sum((X @ w - y)^2)"], {"X": ["m", "n"], "y": ["m"], "w": ["n"]}, "d2L/dw2")
    assert "∂²L/∂w² = 2 · Xᵀ X" in text


def test_softmax_regression_by_its_logits() -> None:
    text = derived(
        ["p = softmax(z)", "L = cross_entropy(p, y)"],
        {"z": ["k"], "y": ["k"]},
        "d2L/dz2",
        assume={"y": "one-hot"},
    )
    assert "∂²L/∂z² = diag(p) − p pᵀ" in text


def test_a_hidden_layer() -> None:
    data = {
        "x": [1, 2],
        "y": [1, 0],
        "layers": [
            {"weights": [[1, 0.5], [-0.5, 0.25]], "bias": [0.1, 0], "activation": "tanh"},
            {"weights": [[1, -1], [0.5, 2]], "bias": [0, 0.2], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
        "ask": ["d2L/db1db2", "d2L/dW12"],
    }
    text = run(data, "solve", "--width", "100")
    assert "∂²L/∂b¹ ∂b² = diag(1 − (H¹)²) (W²)ᵀ (diag(Ŷ) − Ŷ Ŷᵀ)" in text
    assert "∂²L/∂(W¹)²  Hessian" in text
    assert "the entries of a matrix count row by row" in " ".join(text.split())


def test_hessians_in_a_program() -> None:
    data = {**EQUATIONS["logistic"], "ask": ["d2L/dw2"]}
    namespace: dict[str, Any] = {}
    exec(run(data, "solve", "--format", "python"), namespace)  # noqa: S102
    np.testing.assert_allclose(namespace["d2L_dw2"], solved(data)["d2L/dw2"])


# ---- Asked for -----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["d2L/dw2", "∂²L/∂w²", "∂2L/∂w2", "d2L / dw2"])
def test_ways_to_ask(typed: str) -> None:
    assert "d2L/dw2" in solved({**EQUATIONS["logistic"], "ask": [typed]})
    text = run(EQUATIONS["logistic"], "solve", "--only", typed)
    assert "Hessian" in text


def test_single_entries() -> None:
    text = run(SHEET, "solve", "--only", "d2L/dw2[1,2]", "--width", "80")
    assert "(∂²L/∂w²)₁₂" in text
    report = backprop.load({**EQUATIONS["logistic"], "ask": ["d2L/dw2[2,1]"]}).check(
        {"d2L/dw2[2,1]": "0.403"}
    )
    assert report.passed


@pytest.mark.parametrize("typed", ["d2L/dq2", "d2p/dw2", "d2L/dwdq"])
def test_what_there_is_not(typed: str) -> None:
    said = run({**EQUATIONS["logistic"], "ask": [typed]}, "solve", code=2)
    assert "Traceback" not in said
    assert typed in said
    said = run(EQUATIONS["logistic"], "solve", "--only", typed, code=2)
    assert "Traceback" not in said


# ---- Sheets --------------------------------------------------------------------------------------

SHEET: Data = {
    **EQUATIONS["logistic"],
    "ask": ["p", "d2L/dw2"],
    "grading": {"precision": {"decimals": 3}},
}
X = np.array([[1, 2], [1, -1], [1, 0.5]])


def rounded(value: Array) -> Any:
    return np.vectorize(lambda one: f"{one:.3f}")(value).tolist()


def test_a_rounded_sheet_is_right() -> None:
    p = np.round(1 / (1 + np.exp(-X @ [0.5, -0.25])), 3)
    hessian = X.T @ np.diag(np.round(p * (1 - p), 3)) @ X
    report = backprop.load(SHEET).check({"p": rounded(p), "d2L/dw2": rounded(hessian)})
    assert report.passed
    assert report["d2L/dw2"].verdict == "correct"


def test_what_follows_from_a_slip_is_carried() -> None:
    p = 1 / (1 + np.exp(X @ [0.5, -0.25]))  # σ(−z) for σ(z): wrong, and the Hessian the same
    p = np.array([0.5, 0.4, 0.7])
    hessian = X.T @ np.diag(p * (1 - p)) @ X
    report = backprop.load(SHEET).check({"p": rounded(p), "d2L/dw2": rounded(hessian)})
    assert report["p"].verdict == "wrong"
    assert report["d2L/dw2"].verdict == "carried"


def test_wrong_sheets_have_names() -> None:
    p = 1 / (1 + np.exp(-X @ [0.5, -0.25]))
    wrong = {
        "factor-left-out": X.T @ X,
        "term-sign-flipped": X.T @ np.diag(p * (1 + p)) @ X,
        "sign-lost": -X.T @ np.diag(p * (1 - p)) @ X,
    }
    for slip, hessian in wrong.items():
        report = backprop.load(SHEET).check({"p": rounded(p), "d2L/dw2": rounded(hessian)})
        result = report["d2L/dw2"]
        assert result.verdict == "wrong", slip
        assert slip in result.slips, (slip, result.slips)


def test_matrices_are_graded_entry_by_entry() -> None:
    data = {
        "x": [1, 2],
        "y": [1],
        "layers": [{"weights": [[0.5, -0.3]], "activation": "sigmoid"}],
        "loss": "binary-cross-entropy",
        "ask": ["Yhat", "d2L/dW12"],
    }
    p = 1 / (1 + np.exp(0.1))
    right = p * (1 - p) * np.outer([1, 2], [1, 2])
    report = backprop.load(data).check({"Yhat": [f"{p:.3f}"], "d2L/dW12": rounded(right)})
    assert report.passed
    wrong = {"Yhat": [f"{p:.3f}"], "d2L/dW12": rounded(np.outer([1, 2], [1, 2]))}
    assert backprop.load(data).check(wrong)["d2L/dW12"].verdict == "wrong"


@pytest.mark.parametrize("scale", ["1e308", "1e307"])
def test_a_factor_that_no_float_holds_is_not_worked_out(scale: str) -> None:
    """∂L/∂x = s A x + s A x, and 2 s is 2e308; A x = (4, 7), b = (1, -1)."""
    problem = backprop.load(
        {
            "values": {"A": [[2, 1], [1, 3]], "b": [1, -1], "x": [1, 2]},
            "assume": {"A": "symmetric"},
            "equations": [f"L = {scale} * x @ A @ x - dot(b, x)"],
        }
    )
    with np.errstate(over="ignore"):
        expected = 2 * np.float64(scale) * np.array([4.0, 7.0])
    assert (problem.solve()["dL/dx"] == expected).all()
