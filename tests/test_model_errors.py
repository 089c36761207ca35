"""Problem files whose parts do not fit: everything wrong is told at once, in words that help."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.calls import FUNCTIONS
from backprop_cli.solving.loading import loaded
from backprop_cli.terminal.console import complaints_text

BAD = sorted((Path(__file__).parent / "bad-models").glob("*.yaml"))


def told(path: Path) -> str:
    """What is said about a file, the path left out."""
    with pytest.raises(UserError) as caught:
        loaded(Source(path.name, path.read_bytes()))
    return complaints_text(caught.value) + "\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_is_said_about_a_bad_model(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "formula", "instead"),
    [
        ("x: [1, 2], W: [[1, 2], [3, 4]]", "W * x", "W @ x or W * column(x) or W * row(x)"),
        ("x: [1, 2, 3], W: [[1, 2, 3], [3, 4, 5]]", "W * x", "W @ x or W * row(x)"),
        ("x: [[1, 2], [3, 4], [5, 6]], W: [[1, 2, 3], [3, 4, 5]]", "W * x", "W @ x"),
        ("x: [1, 2], W: [[1, 2], [3, 4], [5, 6]]", "W + x", "W + row(x)"),
    ],
)
def test_a_star_where_a_matrix_product_fits(values: str, formula: str, instead: str) -> None:
    text = f"values: {{{values}}}\nequations: ['L = sum({formula})']\n"
    with pytest.raises(UserError) as error:
        loaded(Source("problem.yaml", text.encode()))
    (complaint,) = error.value.complaints
    assert complaint.instead == instead


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_any_function_may_stand_in_an_activation_of_a_batch(name: str) -> None:
    text = (
        "x: [[1, 2], [3, 4]]\nlayers: [{weights: [[1, 0.5], [0.3, 1]],"
        f' activation: {{formula: "z * {name}(z)"}}}}]\n'
    )
    with suppress(UserError):  # what does not belong there is told, and nothing else happens
        assert loaded(Source("problem.yaml", text.encode())).model.shapes["Yhat"] == (2, 2)


@pytest.mark.parametrize("x", ["[[3, 1]]", "[[3], [1]]", "[[3, 1], [1, 2]]"])
def test_an_embedding_of_a_batch_is_told(x: str) -> None:
    table = "- {type: embedding, table: [[1, 0], [0.5, 2], [-1, 1]]}\n  - {type: flatten}"
    text = f"x: {x}\nlayers:\n  {table}\n  - {{weights: [[1, 0, 2, 0]], activation: tanh}}\n"
    with pytest.raises(UserError) as error:
        loaded(Source("problem.yaml", text.encode()))
    assert "takes row numbers" in error.value.complaints[0].message


def test_the_perceptron_rule_over_time_is_told() -> None:
    text = (
        "input: sequence\nx: [[1, 2], [-1, 1]]\ny: [1, 0]\n"
        "layers: [{weights: [[0.5, -0.4]], activation: step}]\n"
        "update: {rule: perceptron, learning_rate: 0.5}\n"
    )
    with pytest.raises(UserError) as error:
        loaded(Source("problem.yaml", text.encode()))
    assert "perceptron" in error.value.complaints[0].message


def test_a_layer_of_a_size_in_letters_is_not_flattened() -> None:
    """A batch in letters has no size that is a number: it ended in a traceback."""
    layers = "[{units: h, bias: true}, {type: flatten}, {units: K}]"
    text = f"inputs: n\nsamples: N\nlayers: {layers}\nloss: none\n"
    with pytest.raises(UserError) as error:
        loaded(Source("p.yaml", text.encode()), numbers=False)
    said = [one.message for one in error.value.complaints]
    assert "in layer 2, flatten needs sizes that are numbers" in said
