"""Mistakes through time have names: each wrong sheet is worked out by a plain loop in NumPy."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_time import EVERY_STEP, Values, drawn, file_of, softmax

import backprop_cli as backprop
from backprop_cli.algebra.expr import Sym, op
from backprop_cli.grading.slips.plain_workings import Numbers

Array = NDArray[np.float64]
STEPS = 4
ASKED = ("dL/dW", "dL/dU", "dL/db", "dL/dV")


def sheet(v: Values, mistake: str = "") -> Values:
    """Everything that a person writes who makes one mistake at every step where it can be made."""
    h, outputs = [v["h_0"]], []
    found: Values = {}
    for t in range(1, STEPS + 1):
        found[f"z_{t}"] = v["U"] @ v["x"][t - 1] + v["W"] @ h[t - 1] + v["b"]
        h.append(np.tanh(found[f"z_{t}"]))
        outputs.append(softmax(v["V"] @ h[t] + v["c"]))
        found |= {f"h_{t}": h[t], f"p_{t}": outputs[-1]}
    sums = {name: np.zeros_like(v[name]) for name in "UWbV"}
    later = np.zeros_like(v["h_0"])
    for t in range(STEPS, 0, -1):
        error = outputs[t - 1] - v["y"][t - 1]
        own = v["V"].T @ error
        if mistake == "own share left out" and t < STEPS:
            own = np.zeros_like(own)
        if mistake == "later steps left out":
            later = np.zeros_like(later)
        gradient = own + later
        delta = gradient if mistake == "slope left out" else gradient * (1 - h[t] ** 2)
        found |= {f"dL/do_{t}": error, f"dL/dh_{t}": gradient, f"dL/dz_{t}": delta}
        first = {"last step only": STEPS, "last two steps": STEPS - 1}.get(mistake, 1)
        if t >= first:
            sums["U"] += np.outer(delta, v["x"][t - 1])
            sums["W"] += np.outer(delta, h[t] if mistake == "h_t for h_(t-1)" else h[t - 1])
            sums["b"] += delta
        sums["V"] += np.outer(error, h[t])
        later = (v["W"] if mistake == "W for its transpose" else v["W"].T) @ delta
    count = STEPS if mistake == "mean over time" else 1
    return found | {f"dL/d{name}": total / count for name, total in sums.items()}


MISTAKES = {
    "last step only": "path-lost",
    "last two steps": "path-lost",
    "h_t for h_(t-1)": "wrong-layer-input",
    "later steps left out": "path-lost",
    "own share left out": "path-lost",
    "slope left out": "activation-derivative-omitted",
    "W for its transpose": "transpose-omitted",
    "mean over time": "mean-sum-confused",
}


@cache
def problem(asked: str) -> Any:
    """The exercise, everything asked or the gradients of the parameters alone."""
    keys = {"train": "[U, W, b, V]", "convention": "{output_gradient: fused}"}
    if asked:
        keys["ask"] = f"[{asked}]"
    return backprop.load(file_of(drawn(41, STEPS), EVERY_STEP.format(T=STEPS), **keys))


def typed(values: Values, digits: int) -> dict[str, Any]:
    """Numbers as a person types them."""

    def text(value: Any) -> Any:
        return [text(each) for each in value] if np.ndim(value) else f"{value:.{digits}f}"

    return {name: text(value) for name, value in values.items()}


@pytest.mark.parametrize("digits", [3, 4, 5])
def test_an_honest_sheet_is_right(digits: int) -> None:
    for asked in ("", ", ".join(ASKED)):
        values = sheet(drawn(41, STEPS))
        chosen = {name: value for name, value in values.items() if not asked or name in ASKED}
        report = problem(asked).check(typed(chosen, digits))
        results = report.data["submissions"][0]["results"]
        verdicts = {each["verdict"] for each in results if each["id"] in chosen}
        assert verdicts == {"correct"}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("asked", ["", ", ".join(ASKED), "dL/dW"])
def test_a_mistake_through_time_is_named(mistake: str, asked: str) -> None:
    """Where every step is on the sheet, and where only what they lead to is."""
    right, values = sheet(drawn(41, STEPS)), sheet(drawn(41, STEPS), mistake)
    names = asked.split(", ") if asked else list(values)
    report = problem(asked).check(typed({name: values[name] for name in names}, 5))
    results = {each["id"]: each for each in report.data["submissions"][0]["results"]}
    first = report.data["submissions"][0]["first_wrong"]
    assert results[first]["verdict"] == "wrong"
    assert MISTAKES[mistake] in results[first]["slips"]
    for name in names:
        differs = not np.allclose(right[name], values[name], atol=1e-4)
        assert (results[name]["verdict"] != "correct") >= differs, name


def test_where_the_mistake_was_made_is_said() -> None:
    values = sheet(drawn(41, STEPS), "W for its transpose")
    report = problem("dL/dW").check(typed({"dL/dW": values["dL/dW"]}, 5))
    origin = report.data["submissions"][0]["results"][0]["origin"]
    assert origin == {"id": f"dL/dh_{STEPS - 1}", "slips": ["transpose-omitted"]}


UPDATED = """
values: {W: [2, 1], U: [[1, 2], [3, 4]], w: [2, 4], x: [0.2, 0.3, 0.4], y: 7, h_0: [0, 0]}
equations:
  - for t in 1..3:
      - h_t = tanh(W * x[t] + U @ h_{t-1})
  - yhat = w @ h_3
  - L = (y - yhat)^2 / 2
train: [W, U]
update: {rule: sgd, learning_rate: 90}
ask: [dL/dW]
"""


def test_weights_updated_before_all_has_gone_back_are_named() -> None:
    """The new U is made of the gradients in which it is used then: that may not go in a circle."""
    W, U, w, x = (
        np.array([2.0, 1]),
        np.array([[1.0, 2], [3, 4]]),
        np.array([2.0, 4]),
        (0.2, 0.3, 0.4),
    )
    h = [np.zeros(2)]
    for one in x:
        h.append(np.tanh(W * one + U @ h[-1]))

    def gradients(back: Array) -> tuple[Array, Array]:
        by_state, by_w, by_u = (w @ h[3] - 7) * w, np.zeros(2), np.zeros((2, 2))
        for t in (3, 2, 1):
            delta = by_state * (1 - h[t] ** 2)
            by_w, by_u = by_w + delta * x[t - 1], by_u + np.outer(delta, h[t - 1])
            by_state = back.T @ delta
        return by_w, by_u

    right, by_u = gradients(U)
    wrong, _ = gradients(U - 90 * by_u)
    for value, verdict in ((right, "correct"), (wrong, "wrong")):
        report = backprop.load(UPDATED).check({"dL/dW": [f"{one:.8f}" for one in value]})
        (result,) = report.data["submissions"][0]["results"]
        assert result["verdict"] == verdict
    assert result["slips"] == ["updated-weights-used"]


def test_formulas_that_go_round_in_a_circle_are_no_number() -> None:
    """The one that is asked for, and what needs it; not what only stands beside them."""
    key = SimpleNamespace(
        formulas={"a": [Sym("b")], "b": [Sym("a")], "c": [op("add", Sym("x"), Sym("x"))]},
        uses={"c": ("x",)},
        given={"x"},
        truth={"a": np.ones(2), "b": np.ones(2), "c": np.ones(2), "x": np.array([1.0, 2])},
        is_pulled_back=lambda _: False,
    )
    judge: Any = SimpleNamespace(key=key, written={}, judged={})
    numbers = Numbers(judge, formulas={"a": op("mul", Sym("b"), Sym("c")), "b": Sym("a")})
    assert np.isnan(numbers["a"]).all()
    assert np.isnan(numbers["b"]).all()
    assert numbers["c"].tolist() == [2, 4]
