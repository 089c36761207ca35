"""Ids as symbols: layer numbers, Greek letters, gradients, new values, entries, ASCII."""

from __future__ import annotations

import pytest

import backprop_cli as backprop
from backprop_cli.algebra.quantity import Letters
from backprop_cli.document.names import Names

BASES = frozenset({"W1", "b1", "alpha"})
LAYERS = Names(bases=BASES, states=frozenset({"v_W1", "mhat_b1"}))
EQUATIONS = Names(layers=False, bases=BASES, states=frozenset({"v_alpha"}))


@pytest.mark.parametrize(
    ("id", "symbol"),
    [
        ("W1", "W¹"),
        ("b12", "b¹²"),
        ("X", "x"),
        ("Y", "y"),
        ("Yhat", "Ŷ"),
        ("W3_1", "W³⁽¹⁾"),
        ("W2_0", "W²⁽ˣ⁾"),
        ("var2", "σ²⁽²⁾"),
        ("L", "L"),
        ("L_penalty", "L_penalty"),
        ("dL/dW1", "∂L/∂W¹"),
        ("dYhat/dZ2", "∂Ŷ/∂Z²"),
        ("dL/dYhat[1]", "(∂L/∂Ŷ)₁"),
        ("W1[2,1]", "W¹₂₁"),
        ("W1[2,10]", "W¹[2,10]"),
        ("b1[10]", "b¹₁₀"),
        ("W1_new", "W¹⁺"),
        ("W1_new@2", "W¹⁺ (step 2)"),
        ("W1_change", "ΔW¹"),
        ("v_W1", "v(W¹)"),
        ("v_W1_old", "v(W¹)⁻"),
        ("mhat_b1", "m̂(b¹)"),
        ("learning_rate", "η"),
        ("beta1", "β₁"),
        ("lambda", "λ"),
    ],
)
def test_symbols_of_layers(id: str, symbol: str) -> None:
    assert LAYERS.text(id) == symbol


@pytest.mark.parametrize(
    ("id", "symbol"),
    [("beta1", "β¹"), ("dL/dbeta1", "∂L/∂β¹"), ("beta1_new", "β¹⁺"), ("beta2", "β₂")],
)
def test_a_beta_is_of_a_layer_where_a_layer_has_it(id: str, symbol: str) -> None:
    assert Names(bases=BASES | {"beta1"}).text(id) == symbol


@pytest.mark.parametrize(
    ("id", "symbol"),
    [
        ("alpha", "α"),
        ("yhat", "ŷ"),
        ("w5", "w₅"),
        ("h_0", "h₀"),
        ("h_t", "hₜ"),
        ("W1", "W₁"),
        ("Omega", "Ω"),
        ("Wq", "W_q"),
        ("bh", "bₕ"),
        ("WQ", "W_Q"),
        ("KL", "KL"),
        ("var_O", "σ²_O"),
        ("dL/dvar_O", "∂L/∂σ²_O"),
        ("what", "w\N{COMBINING CIRCUMFLEX ACCENT}"),
        ("hat", "hat"),
        ("hhat", "h\N{COMBINING CIRCUMFLEX ACCENT}"),
        ("x1y", "x1y"),
        ("dL/dalpha", "∂L/∂α"),
        ("v_alpha", "v(α)"),
        ("u_alpha", "u_α"),
        ("v_x", "vₓ"),
    ],
)
def test_symbols_of_equations(id: str, symbol: str) -> None:
    assert EQUATIONS.text(id) == symbol


def test_a_batch_is_a_matrix() -> None:
    assert Names(matrices=frozenset("X")).text("X") == "X"
    assert Names(Letters(input="a"), matrices=frozenset("X")).text("X") == "a"


def test_notation_changes_letters_and_layer_numbers() -> None:
    names = Names(Letters(weights="Θ", pre="a", post="z", loss="J", first_layer=0))
    assert [names.text(id) for id in ("W1", "Z2", "H1", "dL/dW2")] == ["Θ⁰", "a¹", "z⁰", "∂J/∂Θ¹"]


@pytest.mark.parametrize("id", ["W1", "dL/dW1[2,1]", "alpha", "W1_new", "mhat_W1"])
def test_ascii_names_are_the_ids(id: str) -> None:
    assert Names(ascii=True, bases=BASES).text(id) == id


SEQUENCE = """
x: [[1], [2]]
input: sequence
y: {target}
layers:
  - {{type: rnn, input_weights: [[1]], recurrent_weights: [[1]], at: {at}}}
loss: squared-error
"""


@pytest.mark.parametrize(
    ("at", "target", "letter"), [("every-step", "[[0], [1]]", "Y"), ("last-step", "[1]", "y")]
)
def test_the_target_of_a_sequence_is_a_matrix_where_each_step_has_one(
    at: str, target: str, letter: str
) -> None:
    text = backprop.load(SEQUENCE.format(at=at, target=target)).solve().render("text")
    rows = [line.split() for line in text.splitlines() if "target" in line or "input  " in line]
    assert {row[0] for row in rows} == {"X", letter}


def test_short_names_of_greek_letters_are_printed_as_these_and_read_back() -> None:
    """lambda is taken in programs, and epsilon long: lam and eps are λ and ε."""
    text = "values: {w: 3, lam: 0.5, eps: 1}\nequations: [L = lam * w^2 / (w + eps)]\n"
    problem = backprop.load(text)
    shown = str(problem.solve())
    assert "L = λ · w² / (w + ε)" in shown
    wanted = 9 / 4
    assert problem.solve()["∂L/∂λ"] == wanted
    report = problem.check({"∂L/∂λ": "2.25", "L": "1.125"})
    assert report["dL/dlam"].verdict == report["L"].verdict == "correct"
    both = text.replace("lam: 0.5", "lam: 0.5, lambda: 2").replace("w + eps", "w + eps * lambda")
    assert "L = lam · w² / (w + ε · λ)" in str(backprop.load(both).solve())
