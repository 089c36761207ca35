"""What a formula of windows, masks and maxima leaves unsaid stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from backprop_cli.cli import main

PICTURE = [[5, 1, 0, 2], [2, 4, 3, 1], [0, 2, 4, 1], [1, 2, 1, 3]]


def page(*equations: str, command: str = "derive", options: str = "", **values: object) -> str:
    data = {"values": {"X": PICTURE, **values}, "equations": list(equations)}
    command_line = [command, "-", "--width", "200", *options.split()]
    done = CliRunner().invoke(main, command_line, input=yaml.safe_dump(data, sort_keys=False))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("kind", ["max_pool", "mean_pool"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("2", "windows of 2 × 2"),
        ("4", "windows of 4 × 4"),
        ("2, stride=1", "windows of 2 × 2, which move 1 at a time"),
        ("1, stride=3", "windows of 1 × 1, which move 3 at a time"),
    ],
)
@pytest.mark.parametrize("command", ["derive", "solve"])
def test_how_windows_stand(kind: str, options: str, said: str, command: str) -> None:
    text = page(f"P = {kind}(X, {options})", "L = sum(P^2)", command=command)
    assert [line.strip() for line in text.splitlines() if "windows of" in line] == [said]


def test_windows_along_a_vector() -> None:
    text = page("p = max_pool(x, 2)", "L = sum(p) + sum(X)", x=[1, 3, 2, 0])
    assert "windows of 2\n" in text
    assert "windows of 2 x 2" in page("P = max_pool(X, 2)", "L = sum(P)", options="--ascii")


def test_outside_a_padded_picture_there_are_zeros() -> None:
    text = page("Z = conv(X, K, padding=1)", "L = sum(Z^2)", K=[[1, 2], [0, 1]])
    formulas, said = text.count("X[i+u−2,j+v−2]"), text.count("on every side: X is 0 there")
    assert formulas == said == 2  # forward, and in the gradient of the kernel
    assert "is 0 there" not in page("Z = conv(X, K)", "L = sum(Z^2)", K=[[1, 2], [0, 1]])


@pytest.mark.parametrize(
    ("kernel", "padding", "said"),
    [
        ([[1, 2], [0, 1]], 0, "pad puts 1 zero on every side"),
        ([[1, 2, 1], [0, 1, 2], [1, 1, 0]], 0, "pad puts 2 zeros on every side"),
        (
            [[1, 2, 1], [0, 1, 2]],
            0,
            "pad puts 1 zero on top and bottom and puts 2 zeros on left and right",
        ),
        ([[1, 2, 1]], 0, "pad puts 2 zeros on left and right"),
        ([[2]], 1, "crop takes one off every side"),
        ([[2]], 2, "crop takes 2 off every side"),
        ([[1, 2, 1]], 1, "crop takes one off top and bottom and puts 1 zero on left and right"),
        ([[1, 2], [0, 1]], 1, ""),
    ],
)
def test_what_is_put_around_a_gradient_that_comes_back(
    kernel: list[list[int]], padding: int, said: str
) -> None:
    """Full correlation: a kernel of n entries needs n - 1 - p zeros before and behind."""
    text = page(f"Z = conv(X, K, padding={padding})", "L = sum(Z^2)", K=kernel)
    back = text[text.index("∂L/∂X  ") : text.index("∂L/∂K  ")]
    lines = [line.strip() for line in back.splitlines() if "puts" in line or "takes" in line]
    assert lines == ([said] if said else [])
    assert ("crop(" in back, "pad(" in back) == (said.startswith("crop"), said.startswith("pad"))


@pytest.mark.parametrize("options", ["", "--index"])
def test_who_has_the_gradient_of_equal_maxima(options: str) -> None:
    text = page("P = max_pool(X, 2)", "L = sum(P)", options=options)
    assert "of several equal maxima the first has the gradient" in text
    assert "equal maxima" not in page("P = mean_pool(X, 2)", "L = sum(P)", options=options)


def test_what_the_mask_is() -> None:
    formulas = "O = attention(X, X, X, mask=causal)", "L = sum(O^2)"
    assert "mask is 0 up to the diagonal and −∞ behind it" in page(*formulas)
    assert "mask is 0 up to the diagonal and -infinity behind it" in page(
        *formulas, options="--ascii"
    )
    assert "diagonal" not in page("O = attention(X, X, X)", "L = sum(O^2)")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("softmax(X, axis=1)", "the sum is taken from every column"),
        ("softmax(X, axis=0)", "the sum is taken from every row"),
    ],
)
def test_what_is_taken_from_a_gradient_that_goes_through_a_softmax(formula: str, said: str) -> None:
    assert said in page(f"A = {formula}", "L = sum(A * X)")


@pytest.mark.parametrize(
    ("formula", "wrt", "said"),
    [
        ("softmax(X, axis=1)", "X", "the sum is taken from every column"),
        ("standardize(X, axis=0)", "X", "the mean is taken from every row"),
        ("standardize(X, axis=1)", "X", "the square root divides every column"),
        ("batch_norm(X, g, 0)", "X", "the square root divides every row"),
        ("batch_norm(X, g, 0)", "xhat_A", "g multiplies every row"),
    ],
)
def test_the_gradient_as_arrays_says_what_meets_every_row(
    formula: str, wrt: str, said: str
) -> None:
    """The page of one gradient, where no entry stands beside the formula."""
    equations, options = (f"A = {formula}", "L = sum(A * X)"), f"--of L --wrt {wrt}"
    lines = page(*equations, options=options, g=[1, 2, 3, 4]).splitlines()
    start = lines.index(next(line for line in lines if line.startswith("As arrays")))
    end = next(n for n, line in enumerate(lines[start + 1 :], start + 1) if line.endswith("──"))
    assert said in [line.strip() for line in lines[start:end]]


def test_what_a_standardisation_takes_from_every_row() -> None:
    said = page("A = standardize(X, axis=0, epsilon=0.1)", "L = sum(A * X)")
    assert "the mean is taken from every row" in said
    assert "the square root divides every row" in said


def test_a_gradient_of_one_factor_says_which_sample_it_is_of() -> None:
    done = CliRunner().invoke(
        main, ["derive", "problems/regression/linear.yaml", "--of", "L", "--wrt", "Y"]
    )
    assert "the factor is that of sample n" in done.stdout


@pytest.mark.parametrize("affine", ["x W + b", "W x + b"])
def test_the_class_of_a_batch_is_that_of_each_sample(tmp_path: Path, affine: str) -> None:
    layer = {"weights": [[1, 2], [0, 1]], "activation": "softmax"}
    data = {"convention": {"affine": affine}, "x": [[1, 2], [3, 0]], "layers": [layer]}
    path = tmp_path / "problem.yaml"
    path.write_text(yaml.safe_dump({**data, "y": [[0, 1], [1, 0]], "loss": "cross-entropy"}))
    each = "row" if affine == "x W + b" else "column"
    for options in ([], ["--index"]):
        text = CliRunner().invoke(main, ["derive", str(path), *options]).stdout
        assert f"class = argmax of each {each} (Ŷ)" in text


@pytest.mark.parametrize("names", [["K"], ["K", *"iujvmprst"], ["K", *"mnpqrst"]])
@pytest.mark.parametrize("command", ["solve", "derive"])
def test_where_letters_run_out_no_entry_is_written(names: list[str], command: str) -> None:
    """A convolution by a convolution slides so much that no letter is left; so do names."""
    some: dict[str, Any] = {name: [[1, 2], [0, 1]] for name in names}
    inner = "conv_transpose(X, K, stride=2, padding=1) + " + " + ".join(f"sum({n})" for n in names)
    nested = page(f"C = conv({inner}, {inner})", "L = sum(C^2)", command=command, **some)
    plain = page("C = conv(X, K)", f"L = sum(C^2) + sum({' + '.join(names)})", **some)
    assert "∂L/∂K" in nested
    assert "∂L/∂K" in plain
