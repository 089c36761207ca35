"""Whole derivations as text and Markdown, from traces built by hand: compared with snapshots."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from counting import counted
from msgspec.structs import replace

from backprop_cli.algebra.expr import symbols
from backprop_cli.algebra.quantity import Letters
from backprop_cli.document.view import View
from backprop_cli.formats import markdown_blocks, terminal_page
from backprop_cli.notation.boxes import width
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.readings.values import evaluate
from backprop_cli.said.solved import of_trace
from backprop_cli.trace import Array, Given, Phase, Step, Trace

SNAPSHOTS = Path(__file__).parent / "snapshots"
CONVENTION = {
    "affine": "W^T x + b", "bias": "separate", "bias_input": 1.0, "jacobian": "numerator",
    "indices": 1, "output_gradient": "chain", "kinks": {"relu": 0.0}, "log": "natural",
    "loss": "cross-entropy", "over_samples": "mean",
}  # fmt: skip

Line = tuple[str, Phase, str, str]

NETWORK: tuple[Line, ...] = (
    ("Z1", "forward", "affine", "W1.T @ X + b1"),
    ("H1", "forward", "sigmoid", "sigmoid(Z1)"),
    ("Z2", "forward", "affine", "W2.T @ H1 + b2"),
    ("Yhat", "forward", "softmax", "softmax(Z2)"),
    ("L", "forward", "cross-entropy", "-sum(xlogy(Y, Yhat))"),
    ("dL/dYhat", "backward", "through-cross-entropy", "-ratio(Y, Yhat)"),
    ("dYhat/dZ2", "jacobian", "softmax", "diag(Yhat) - outer(Yhat, Yhat)"),
    ("dL/dZ2", "backward", "through-softmax", "dYhat/dZ2.T @ dL/dYhat"),
    ("dL/dW2", "backward", "through-affine", "outer(H1, dL/dZ2)"),
    ("dL/db2", "backward", "through-affine", "dL/dZ2"),
    ("dZ2/dH1", "jacobian", "affine", "W2.T"),
    ("dL/dH1", "backward", "through-affine", "W2 @ dL/dZ2"),
    ("dL/dZ1", "backward", "through-sigmoid", "dL/dH1 * H1 * (1 - H1)"),
    ("dL/dW1", "backward", "through-affine", "outer(X, dL/dZ1)"),
    ("dL/db1", "backward", "through-affine", "dL/dZ1"),
    ("dL/dX", "backward", "through-affine", "W1 @ dL/dZ1"),
    ("W1_new", "update", "sgd", "W1 - learning_rate * dL/dW1"),
    ("W1_change", "update", "sgd-change", "-learning_rate * dL/dW1"),
    ("b1_new", "update", "sgd", "b1 - learning_rate * dL/db1"),
)
BATCH: tuple[Line, ...] = (
    ("Z1", "forward", "affine", "W1 @ X + column(b1)"),
    ("Yhat", "forward", "relu", "relu(Z1)"),
    ("L", "forward", "squared-error", "sum((Yhat - Y)^2) / 3"),
    ("dL/dYhat", "backward", "through-squared-error", "2/3 * (Yhat - Y)"),
    ("dYhat/dZ1", "jacobian", "relu", "diag(switch(Z1, below=0, at=0, above=1), samples=1)"),
    ("dL/dZ1", "backward", "through-relu", "dL/dYhat * switch(Z1, below=0, at=0, above=1)"),
    ("dL/dW1", "backward", "through-affine", "dL/dZ1 @ X.T"),
    ("dL/db1", "backward", "through-affine", "sum(dL/dZ1, axis=1)"),
)


def traced(lines: tuple[Line, ...], title: str, samples: int | None, **given: object) -> Trace:
    """A trace of formulas in the formula language, their values computed."""
    ids = [line[0] for line in lines]
    dialect = Dialect(all_operations=True, compound=[id for id in ids if "/" in id])
    values: dict[str, Array] = {id: np.asarray(value, dtype=float) for id, value in given.items()}
    roles = {id: _given(id, value) for id, value in values.items()}
    steps = []
    for id, phase, rule, formula in lines:
        expr = parse(formula, dialect)
        assert not set(symbols(expr)) - values.keys()
        value = values[id] = evaluate(expr, values)
        Sizes({name: array.shape for name, array in values.items()}, {}).shape(expr)
        axes = ("sample", "unit", "unit") if value.ndim == 3 else ("unit",) * value.ndim
        steps.append(Step(id, phase, 1, rule, expr, axes, value.shape, value))
    losses = tuple(float(values[id]) for id in ("L",))
    return Trace(title, CONVENTION, roles, tuple(steps), {}, losses, "L", samples)


def _given(id: str, value: Array) -> Given:
    if id in ("X", "Y"):
        return Given(value, ("unit",) * value.ndim, "data")
    return Given(value, (), "parameter" if id[0] in "Wb" else "constant")


@pytest.fixture(scope="module")
def network() -> Trace:
    return traced(
        NETWORK, "Two inputs, two sigmoid units, softmax", None,
        X=[1, 0], Y=[0, 1], W1=[[3, 6], [4, 5]], b1=[1, -6], W2=[[2, 3], [4, 3]], b2=[-1, -2],
        learning_rate=0.5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def batch() -> Trace:
    return traced(
        BATCH, "Three samples as columns", 3,
        X=[[1, 0, -1], [2, 1, 1]], Y=[[1, 1, 0], [5, 4, 1]], W1=[[1, 1], [2, 1]], b1=[1, 0],
    )  # fmt: skip


def same_as_snapshot(shown: str, name: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8"), f"UPDATE_SNAPSHOTS=1 rewrites {name}"


VIEW = View(width=80, asked=("Z1", "dL/dW1", "dL/dW1[1,2]", "W1_new"))


def text(trace: Trace, view: View) -> str:
    return terminal_page.render(of_trace(trace), view)


def markdown(trace: Trace, view: View) -> str:
    return markdown_blocks.render(of_trace(trace), view)


def test_network(network: Trace) -> None:
    same_as_snapshot(text(network, VIEW), "render_network.txt")


def test_network_in_ascii_and_short(network: Trace) -> None:
    shown = text(network, replace(VIEW, ascii=True, detail="short"))
    assert shown.isascii()
    same_as_snapshot(shown, "render_network_ascii.txt")


def test_network_in_long(network: Trace) -> None:
    only = frozenset({"Z1", "L", "dL/dZ1"})
    same_as_snapshot(
        text(network, replace(VIEW, detail="long", only=only)), "render_network_long.txt"
    )


def test_batch(batch: Trace) -> None:
    shown = text(batch, View(width=80, only=frozenset({"Z1", "dYhat/dZ1", "dL/dZ1", "dL/db1"})))
    same_as_snapshot(shown, "render_batch.txt")


def test_markdown(network: Trace) -> None:
    only = frozenset({"Z1", "dL/dW1"})
    same_as_snapshot(markdown(network, replace(VIEW, only=only)), "render_network.md")


def test_jacobians_are_shown_where_they_are_used_or_asked_for(network: Trace) -> None:
    normal = text(network, View())
    assert "∂Ŷ/∂Z²  how" in normal
    assert "∂Z²/∂H¹  how" not in normal
    assert "∂Z²/∂H¹  how" in text(network, View(detail="long"))
    assert "∂Z²/∂H¹  how" in text(network, View(only=frozenset({"dZ2/dH1"})))
    assert "∂L/∂x  " not in normal
    assert "∂L/∂x  " in text(network, View(asked=("dL/dX",)))


def test_steps_keep_their_numbers_when_few_are_shown(network: Trace) -> None:
    assert "\n15  W¹⁺" in text(network, View())
    assert "\n15  W¹⁺" in text(network, View(only=frozenset({"W1_new"})))


def test_colour_changes_nothing_but_colour(network: Trace) -> None:
    import re

    colored = text(network, replace(VIEW, color="standard"))
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text(network, VIEW)


@pytest.mark.parametrize("detail", ["short", "normal", "long"])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_are_no_wider_than_asked(
    network: Trace, batch: Trace, columns: int, ascii_only: bool, detail: str
) -> None:
    for trace in (network, batch):
        view = replace(VIEW, width=columns, ascii=ascii_only, detail=detail)
        shown = text(trace, view)
        assert max(map(width, shown.splitlines())) <= columns
        assert not [line for line in shown.splitlines() if line != line.rstrip()]
        assert shown.isascii() or not ascii_only


def test_notation_and_conventions_are_stated(network: Trace) -> None:
    view = View(notation=Letters(weights="Θ", pre="A", first_layer=0))
    shown = text(network, view)
    assert "a = Θᵀ x + b" in shown
    assert "A⁰ = (Θ⁰)ᵀ x + b⁰" in shown
    for phrase in ("one sample, a column", "cross-entropy", "numerator layout", "indices from 1"):
        assert phrase in shown


def test_a_long_training_is_drawn(network: Trace) -> None:
    trained = replace(network, history=tuple(1 / (1 + i) for i in range(500)))
    shown = text(trained, VIEW)
    assert "after 499 updates" in shown
    assert "⠤" in shown
    assert text(trained, replace(VIEW, ascii=True)).isascii()


def test_large_layers_are_elided_and_little_work() -> None:
    rng = np.random.default_rng(1)
    lines: tuple[Line, ...] = (NETWORK[0], NETWORK[1])
    trace = traced(lines, "Large", None, X=rng.random(784), W1=rng.random((784, 256)),
                   b1=rng.random(256), L=0.0)  # fmt: skip
    view = replace(VIEW, asked=("W1", "Z1"))
    shown = counted(lambda: text(trace, view), most=100_000)
    assert "⋮" in shown
    assert len(shown.splitlines()) < 80
