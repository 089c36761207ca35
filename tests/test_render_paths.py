"""The paths of one weight as text: factors with their numbers, products, their sum, the update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from backprop_cli.algebra.expr import Expr
from backprop_cli.document.view import View
from backprop_cli.formats import markdown_blocks, terminal_page
from backprop_cli.notation.boxes import width
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.said.solved import of_trace
from backprop_cli.trace import Given, Trace

ALL = Dialect(all_operations=True, compound=("dL/dW1",))


@dataclass(frozen=True)
class Factor:
    of: str
    by: str
    expr: Expr
    value: float
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Path:
    factors: tuple[Factor, ...]
    product: float


@dataclass(frozen=True)
class EntryPaths:
    entry: str
    loss: str
    paths: tuple[Path, ...]
    total: float
    omitted: int = 0
    omitted_total: float = 0.0
    update: tuple[Expr, float, float] | None = None


def factor(of: str, by: str, formula: str, value: float) -> Factor:
    return Factor(of, by, parse(formula, ALL), value)


def vector(*values: float) -> Given:
    return Given(np.array(values), ("unit",))


GIVEN = {
    "H1": vector(0.982, 0.5),
    "Yhat": vector(0.6, 0.4),
    "Y": vector(0, 1),
    "X": vector(1, 0),
    "W2": Given(np.array([[2.0, 3], [4, 3]]), (), "parameter"),
    "W1": Given(np.array([[3.0, 6], [4, 5]]), (), "parameter"),
    "dL/dW1": Given(np.array([[-0.011, 0.157], [0, 0]])),
    "learning_rate": Given(np.array(0.5), (), "constant"),
}
TRACE = Trace("", {}, GIVEN, ())
OUTPUT = factor("L", "Yhat[2]", "-Y[2] / Yhat[2]", -2.5)
INPUT = factor("Z1[2]", "W1[1,2]", "X[1]", 1.0)
SLOPE = factor("H1[2]", "Z1[2]", "H1[2] * (1 - H1[2])", 0.25)
REPORT = EntryPaths(
    "W1[1,2]",
    "L",
    (
        Path((OUTPUT, factor("Yhat[2]", "H1[2]", "W2[2,1]", 4.0), SLOPE, INPUT), -2.5),
        Path((OUTPUT, factor("Yhat[2]", "Z2[1]", "-Yhat[2] * Yhat[1]", -0.24), SLOPE, INPUT), 0.15),
    ),
    -2.35,
    update=(parse("W1[1,2] - learning_rate * dL/dW1[1,2]", ALL), 6.0, 5.9215),
)

EXPECTED = """\
one sample, a column · functions, powers and / are taken entry by entry
indices from 1

    2 paths lead from L back to W¹₁₂

Factors ────────────────────────────────────────────────────────────────

    ∂L/∂Ŷ₂     = −y₂ / Ŷ₂ = −1 / 0.4 = −2.5
    ∂Ŷ₂/∂H¹₂   = W²₂₁ = 4
    ∂H¹₂/∂Z¹₂  = H¹₂ · (1 − H¹₂) = 0.5 · (1 − 0.5) = 0.25
    ∂Z¹₂/∂W¹₁₂ = x₁ = 1
    ∂Ŷ₂/∂Z²₁   = −Ŷ₂ · Ŷ₁ = −0.4 · 0.6 = −0.24

Path 1 L ← Ŷ₂ ← H¹₂ ← Z¹₂ ← W¹₁₂ ───────────────────────────────────────

    (∂L/∂W¹₁₂)₁ = ∂L/∂Ŷ₂ · ∂Ŷ₂/∂H¹₂ · ∂H¹₂/∂Z¹₂ · ∂Z¹₂/∂W¹₁₂ = −2.5
                   −2.5       4         0.25          1

Path 2 L ← Ŷ₂ ← Z²₁ ← Z¹₂ ← W¹₁₂ ───────────────────────────────────────

    (∂L/∂W¹₁₂)₂ = ∂L/∂Ŷ₂ · ∂Ŷ₂/∂Z²₁ · ∂H¹₂/∂Z¹₂ · ∂Z¹₂/∂W¹₁₂ = 0.15
                   −2.5     −0.24       0.25          1

Gradient ───────────────────────────────────────────────────────────────

    ∂L/∂W¹₁₂ = −2.5 + 0.15 = −2.35

Update ─────────────────────────────────────────────────────────────────

    W¹⁺₁₂ = W¹₁₂ − η · (∂L/∂W¹)₁₂ = 6 − 0.5 · 0.157 = 5.9215

    a change of −0.0785
"""


def text(report: EntryPaths, view: View) -> str:
    return terminal_page.render(of_trace(TRACE, None, cast(Any, report)), view)


def test_text() -> None:
    assert text(REPORT, View(width=72)) == EXPECTED


def test_ascii_and_narrow() -> None:
    shown = text(REPORT, View(width=50, ascii=True))
    assert shown.isascii()
    assert max(map(width, shown.splitlines())) <= 50
    assert "= -Y[2] / Yhat[2] = -1 / 0.4" in shown


def test_markdown() -> None:
    shown = markdown_blocks.render(of_trace(TRACE, None, cast(Any, REPORT)), View())
    assert "*2 paths lead from L back to W¹₁₂*\n\n## Factors\n\n```text\n∂L/∂Ŷ₂     = " in shown


def test_a_weight_that_does_nothing() -> None:
    shown = text(EntryPaths("W1[1,2]", "L", (), 0.0), View(width=40))
    assert "No path" in shown
    assert "∂L/∂W¹₁₂ = 0" in shown


def test_paths_left_out_are_summed() -> None:
    report = EntryPaths("W1[1,2]", "L", REPORT.paths[:1], -2.35, 7, 0.15)
    shown = text(report, View(width=72))
    assert "8 paths lead" in shown
    assert "The last term is the sum of 7 further paths" in shown
