"""A loss that does not belong behind an activation is computed, and said not to belong there."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from backprop_cli.cli import main

WEIGHTS = [[0.5, 0.25], [0.125, 0.75]]


def problem(activation: Any, loss: str, units: int = 2, **layer: Any) -> dict[str, Any]:
    layers = [
        {"weights": WEIGHTS[:units], "bias": [0.1, 0.2][:units], "activation": activation, **layer}
    ]
    return {"x": [1, 2], "y": [1, 0][:units], "layers": layers, "loss": loss}


def run(data: dict[str, Any], *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments], input=yaml.safe_dump(data))
    assert done.exit_code in (0, 1), done.output
    return done.stdout


def note(data: dict[str, Any]) -> str:
    steps = json.loads(run(data, "solve", "-", "--format", "json"))["steps"]
    return next(step["note"] for step in steps if step["id"] == "L") or ""


SAID = [
    *(
        (name, "cross-entropy", 2, "belongs behind a softmax")
        for name in ("linear", "relu", "softplus", "tanh", "sigmoid")
    ),
    ("softmax", "cross-entropy", 1, "a softmax of one unit is always 1"),
    ("linear", "cross-entropy-with-logits", 1, "a softmax of one unit is always 1"),
    *(
        (name, "binary-cross-entropy", 2, "can leave 0 … 1")
        for name in ("linear", "relu", "softplus", "exp")
    ),
    ("softmax", "cross-entropy-with-logits", 2, "taken from the logits z, before the softmax"),
    (
        "sigmoid",
        "binary-cross-entropy-with-logits",
        2,
        "taken from the logits z, before the sigmoid",
    ),
    ({"name": "leaky-relu", "slope": 0.1}, "cross-entropy", 2, "belongs behind a softmax"),
]
UNSAID = [
    ("softmax", "cross-entropy", 2),
    ("sigmoid", "binary-cross-entropy", 1),
    ("sigmoid", "binary-cross-entropy", 2),
    ("softmax", "binary-cross-entropy", 2),
    ("linear", "cross-entropy-with-logits", 2),
    ("linear", "binary-cross-entropy-with-logits", 1),
    ("linear", "squared-error", 2),
    ("softmax", "squared-error", 2),
    ("relu", "huber", 2),
    ({"formula": "exp(z) / 10"}, "cross-entropy", 2),
]


@pytest.mark.parametrize(("activation", "loss", "units", "said"), SAID, ids=str)
def test_it_is_computed_with_a_remark(activation: Any, loss: str, units: int, said: str) -> None:
    data = problem(activation, loss, units)
    assert said in note(data)
    text = " ".join(run(data, "lint", "-").split())
    assert "The loss L " in text
    assert said in text
    findings = json.loads(run(data, "lint", "-", "--format", "json"))["findings"]
    assert [found["id"] for found in findings if found["kind"] == "loss"] == ["L"]


@pytest.mark.parametrize(("activation", "loss", "units"), UNSAID, ids=str)
def test_nothing_is_said_of_what_belongs_together(activation: Any, loss: str, units: int) -> None:
    data = problem(activation, loss, units)
    assert not any(said in note(data) for *_, said in SAID)
    assert "The loss" not in run(data, "lint", "-")


def test_what_is_added_behind_a_softmax_makes_it_none() -> None:
    data = problem("softmax", "cross-entropy", skip=[{"from": 0, "into": "post"}])
    assert "softmax and what is added to it" in note(data)


def test_the_value_is_the_formula_s() -> None:
    z = np.array(WEIGHTS) @ [1, 2] + [0.1, 0.2]
    data = problem("relu", "cross-entropy")
    steps = {
        step["id"]: step["value"]
        for step in json.loads(run(data, "solve", "-", "--format", "json"))["steps"]
    }
    assert np.isclose(steps["L"], -np.log(z[0]))
    data = problem("softmax", "cross-entropy-with-logits")
    steps = {
        step["id"]: step["value"]
        for step in json.loads(run(data, "solve", "-", "--format", "json"))["steps"]
    }
    assert np.isclose(steps["L"], np.log(np.exp(z).sum()) - z[0])


def test_a_single_sigmoid_stays_an_error() -> None:
    done = CliRunner().invoke(
        main, ["solve", "-"], input=yaml.safe_dump(problem("sigmoid", "cross-entropy", 1))
    )
    assert done.exit_code == 2
    assert "binary-cross-entropy" in done.output


def test_it_is_said_in_letters_too() -> None:
    data = {
        "inputs": "N",
        "layers": [{"units": "K", "activation": "relu"}],
        "loss": "cross-entropy",
    }
    assert "belongs behind a softmax" in " ".join(run(data, "derive", "-").split())
