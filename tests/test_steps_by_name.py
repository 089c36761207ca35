"""A step of equations is called what it is, not by the sign that stands outermost in it."""

from __future__ import annotations

import re

import pytest
import yaml
from click.testing import CliRunner

from backprop_cli.cli import main

CALLED = [
    ("(p - y)^2 / 2", "half the squared error"),
    ("(p - y)^2 / 2 + 0.01 * sum(w^2)", "half the squared error and another term"),
    ("0.1 * w[1]^2 + binary_cross_entropy(p, y)", "binary cross-entropy and another term"),
    (
        "binary_cross_entropy(p, y) + 0.5 * half_squared_error(p, y)",
        "binary cross-entropy and half the squared error",
    ),
    ("(p - y)^2 / 2 - w[1] + w[2]", "half the squared error and another term"),
    ("p * y + w[1]", "sum"),
    ("w.T @ x + 0.1", "weighted sum"),
    ("w.T @ x - y", "difference"),
]


@pytest.mark.parametrize(("formula", "words"), CALLED)
def test_what_a_sum_is_called(formula: str, words: str) -> None:
    problem = {
        "values": {"x": [0.5, -1], "w": [0.2, 0.4], "y": 1},
        "equations": ["p = sigmoid(w.T @ x)", f"L = {formula}"],
        "train": ["w"],
    }
    text = yaml.safe_dump(problem)
    done = CliRunner().invoke(main, ["solve", "-"], input=text)
    assert done.exit_code == 0, done.output
    title = re.search(r"^ *\d+  L  (.+?) *$", done.stdout, re.MULTILINE)
    assert title is not None
    assert title[1] == words
