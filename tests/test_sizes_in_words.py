"""Sizes as people state them, in words, as sets and where numbers stand: told once, as `shapes`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main
from backprop_cli.problem.file_format.fields import sizes_of


def derived(text: str) -> Result:
    return CliRunner().invoke(main, ["derive", "-"], input=text)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("m x n", ["m", "n"]),
        ("m × n", ["m", "n"]),
        ("3x2", ["3", "2"]),
        ("3 x N", ["3", "N"]),
        ("(m, 1)", ["m", "1"]),
        ("m by n", ["m", "n"]),
        ("n x 1 vector", ["n", "1"]),
        ("vector of m", ["m"]),
        ("a vector of size m", ["m"]),
        ("matrix m x n", ["m", "n"]),
        ("m-by-n matrix", ["m", "n"]),
        ("R^n", ["n"]),
        ("ℝ^{m×n}", ["m", "n"]),
        (r"\mathbb{R}^{m \times n}", None),
        ("in R^(k x m)", ["k", "m"]),
        ("scalar", []),
        ("m", None),
        ("x", None),
        ("-1.5", None),
        ("1e-3", None),
        ("1/3", None),
        ("sqrt(2)", None),
        ("R", None),
        ("2 + 3", None),
        ("(1, 2)", None),
        ("2*a", None),
        ("a - 1", None),
        ("a-1", None),
        ("f(x)", None),
        ("(a)", None),
        ("vector", None),
        ("", None),
        ("a x b x c x d x e", None),
    ],
)
def test_what_a_text_says_of_a_shape(text: str, sizes: list[str] | None) -> None:
    assert sizes_of(text) == sizes


LINES = "equations:\n  - z = W @ x + b\n  - L = sum(z^2)\n"


@pytest.mark.parametrize(
    "stated",
    [
        "x: R^n\nW: m x n\nb: m\n",
        "values:\n  x: vector of n\n  W: (m, n)\n  b: m\n",
        "values: {x: [n], W: [m, n], b: [m]}\n",
        "x: [n]\nW: [m, n]\nb: [m]\n",
    ],
)
def test_sizes_where_numbers_stand_are_told_once(stated: str) -> None:
    done = derived(stated + LINES)
    assert done.exit_code == 2
    assert "instead: shapes: {x: [n], W: [m, n], b: [m]}" in done.output
    assert done.output.count("instead:") == 1


def test_as_advised_it_is_derived() -> None:
    done = derived("shapes: {x: [n], W: [m, n], b: [m]}\n" + LINES)
    assert done.exit_code == 0
    assert "∂L/∂W" in done.output


def test_a_number_alone_has_the_shape_of_one() -> None:
    text = "X: N x d\nw: R^d\nb: scalar\nequations:\n  - p = X @ w + b\n  - L = sum(p^2)\n"
    assert "shapes: {X: [N, d], w: [d], b: []}" in derived(text).output
    stated = text.replace("X: N x d\nw: R^d\nb: scalar", "shapes: {X: [N, d], w: [d], b: []}")
    assert derived(stated).exit_code == 0


def test_letters_that_are_inputs_stay_letters() -> None:
    done = derived("values: {x: [a, b], w: [1, 2]}\nequations: [L = sum(w * x)]\n")
    assert done.exit_code == 0
    assert "a and b are free" in done.output


def test_numbers_beside_sizes_stay_numbers() -> None:
    done = derived("x: [1, 2]\nW: 3 x 2\nequations: ['z = W @ x', 'L = sum(z)']\n")
    assert "the numbers of `x`, which equations use, belong under `values`" in done.output
    assert "instead: shapes: {W: [3, 2]}" in done.output


@pytest.mark.parametrize(
    ("stated", "sizes"), [("m x n", "[m, n]"), ("R^n", "[n]"), ("'(m, 1)'", "[m, 1]")]
)
def test_under_shapes_words_are_told_as_a_list(stated: str, sizes: str) -> None:
    done = derived(f"shapes:\n  W: {stated}\nequations: [L = sum(W)]\n")
    assert f"instead: {sizes}\n" in done.output


def test_a_loss_beside_equations_is_told_as_a_line() -> None:
    text = "shapes: {w: [n], x: [n]}\nequations: [out = sigmoid(w @ x)]\nloss: squared-error\n"
    assert "equations: with `- L = squared_error(out, y)` as a line" in derived(text).output
    stated = (
        "shapes: {w: [n], x: [n], y: []}\n"
        "equations: [out = sigmoid(w @ x), 'L = squared_error(out, y)']\n"
    )
    assert derived(stated).exit_code == 0
