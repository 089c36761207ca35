"""A network whose weights and biases stand beside its other keys: told once, as `layers`."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main

REST = "x: [0.35, 0.9]\ny: [0.5]\nloss: squared-error\n"
FIRST, SECOND = "[[0.1, 0.4], [0.8, 0.6]]", "[[0.3, 0.9]]"
NUMBERED = f"W1: {FIRST}\nb1: [0.1, 0.2]\nW2: {SECOND}\nb2: [0.3]\n"
LISTED = f"weights:\n  - {FIRST}\n  - {SECOND}\nbiases:\n  - [0.1, 0.2]\n  - [0.3]\n"
TOLD = (
    f"layers: [{{weights: {FIRST}, bias: [0.1, 0.2], activation: tanh}},"
    f" {{weights: {SECOND}, bias: [0.3], activation: sigmoid}}]"
)


def solved(text: str) -> Result:
    return CliRunner().invoke(main, ["solve", "-"], input=text)


@pytest.mark.parametrize("flat", [NUMBERED, LISTED, NUMBERED.replace("W", "w_")])
@pytest.mark.parametrize(
    "activations",
    [
        "activations: [tanh, sigmoid]\n",
        "hidden_activation: tanh\noutput_activation: sigmoid\n",
        "activation: tanh\noutput activation: sigmoid\n",
    ],
)
def test_the_layers_are_told_with_their_numbers(flat: str, activations: str) -> None:
    done = solved(flat + activations + REST)
    assert done.exit_code == 2
    assert f"instead: {TOLD}\n" in done.output
    assert done.output.count("instead:") == 1


def test_as_told_it_is_solved() -> None:
    done = solved(f"{TOLD}\n{REST}")
    assert done.exit_code == 0, done.output
    assert "∂L/∂W¹" in done.output


def test_one_activation_is_that_of_every_layer_and_sizes_are_not_needed() -> None:
    done = solved(f"architecture: 2-2-1\nactivation: relu\n{NUMBERED}{REST}")
    assert re.search(r"weights say the sizes: `architecture` is not needed", done.output)
    assert done.output.count("activation: relu}") == 2
    assert done.output.count("instead:") == 2


def test_what_is_wrong_in_them_is_told_in_its_place() -> None:
    done = solved(NUMBERED.replace("b1: [0.1, 0.2]", "b1: [0.1, O.2]") + REST)
    assert "<stdin>:2:11: `O.2` has a letter in it" in done.output


def test_large_matrices_are_not_printed_again() -> None:
    row = f"[{', '.join(['0.5'] * 40)}]"
    done = solved(f"W1: [{row}, {row}]\n{REST}")
    assert "layers: [{weights: …}]" in done.output


@pytest.mark.parametrize(
    "text",
    [
        "w1: 0.5\nw2: 0.3\nx: [1]\ny: [1]\nloss: squared-error\n",
        f"values: {{x: [1, 2]}}\nW1: {FIRST}\nequations: [z = W1 @ x, L = sum(z)]\n",
        f"layers: [{{weights: {SECOND}}}]\nW1: {FIRST}\n{REST}",
    ],
)
def test_numbers_alone_equations_and_layers_are_left_as_they_are(text: str) -> None:
    assert "stand in `layers`" not in solved(text).output
