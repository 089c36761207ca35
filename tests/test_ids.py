"""What people call a quantity, and which quantity that is."""

from __future__ import annotations

import pytest

from backprop_cli.problem.ids import Reference, UnknownIdError, near_names, reference
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.asked import asked
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import solve

ONE_HIDDEN = """x: [1, 0]
y: [0, 1]
layers:
  - {weights: [[3, 4], [6, 5]], bias: [1, -6], activation: sigmoid}
  - {weights: [[2, 4], [3, 3]], bias: [-1, -2], activation: softmax}
loss: cross-entropy
update: {rule: adam, learning_rate: 0.5, steps: 3}
"""
TWO_HIDDEN = ONE_HIDDEN.replace(
    "layers:\n", "layers:\n  - {weights: [[1, 2], [3, 4]], activation: tanh}\n"
)
SINGLE = "x: [1, 0]\ny: 1\nlayers: [{weights: [3, 4], bias: 1}]\nloss: squared-error\n"
EQUATIONS = """values: {x: [1, 2], w: [1, 1], W: [3, 4], dv: 2}
equations:
  - z = w * x + W
  - v = dv * sum(z)
  - f = v^2
"""


def problem(text: str) -> Loaded:
    return loaded(Source("problem.yaml", text.encode()))


def meant(text: str, name: str) -> str:
    return problem(text).reference(name).id


@pytest.mark.parametrize(
    ("names", "id"),
    [
        ("dL/dW1 dW1 grad_W1 ∇W1 ∂L/∂W1 dl/dw1 ∇_W1 nabla_W1 ∂W1 dL/dW¹ ∂L/∂W₁ dw1", "dL/dW1"),
        ("dL/dW^1 ∂L/∂W⁽¹⁾ dL/dW^{(1)} dL/dW^{[1]} dW^[1] ∇W^(1)", "dL/dW1"),
        ("dL/dYhat dYhat ∂L/∂Ŷ ∂L/∂ŷ dL/dH2 dH2 ∇Ŷ grad_H2", "dL/dYhat"),
        ("dYhat/dZ2 dH2/dZ2 ∂Ŷ/∂Z² dŷ/dz2 ∂H²/∂Z₂", "dYhat/dZ2"),
        ("dH1/dZ1 dH/dZ1 ∂H¹/∂Z¹ dH^1/dZ^1 ∂H⁽¹⁾/∂Z⁽¹⁾", "dH1/dZ1"),
        ("H1 H h h1 H¹ H₁ H^1 h^{1} h^(1) H^[1] h^{[1]} H⁽¹⁾", "H1"),
        ("dL/dH1 dH ∂L/∂H dL/dH", "dL/dH1"),
        ("Yhat Ŷ ŷ yhat y_hat Y_hat H2 h2 H² Y\u0302", "Yhat"),
        ("W1_new W1' w1' W1′ W1’ W¹' W1⁺ w1_NEW W^{(1)}' W⁽¹⁾⁺", "W1_new"),
        ("W1+ W1^+ W1(new) W1^new W1^{new} W1new newW1 new_W1 W1_updated", "W1_new"),
        ("L_new L' l'", "L_new"),
        ("Yhat_new H2_new H2' Ŷ'", "Yhat_new"),
        ("W1_change w1_change", "W1_change"),
        ("v_W1 V_w1 v_W¹", "v_W1"),
        ("mhat_W1 m̂_W1", "mhat_W1"),
        ("X x", "X"),
        ("b1 B1 b¹", "b1"),
        ("class Class", "class"),
        ("dL/dX dX dx ∇x", "dL/dX"),
        ("δ1 δ¹ delta1 Delta_1", "dL/dZ1"),  # as a page with `notation: {delta: true}` has it
    ],
)
def test_names_of_a_network(names: str, id: str) -> None:
    known = problem(ONE_HIDDEN)
    assert {name: known.reference(name).id for name in names.split()} == dict.fromkeys(
        names.split(), id
    )


@pytest.mark.parametrize(
    ("names", "id"),
    [
        ("mu_O μ_O Mu_o", "mu_O"),
        ("var_O σ²_O", "var_O"),
        ("dL/dvar_O ∂L/∂σ²_O dσ²_O", "dL/dvar_O"),
        ("dL/dgamma ∂L/∂γ dγ", "dL/dgamma"),
        ("xhat_O x̂_O", "xhat_O"),
    ],
)
def test_names_as_pages_print_them(names: str, id: str) -> None:
    """Of a norm: the variance is var_O on a sheet, and σ²_O on a page."""
    known = problem(
        "values: {X: [[1, 2], [3, 0]], gamma: [2, 1], beta: [0, 1]}\n"
        "equations: ['O = batch_norm(X, gamma, beta, epsilon=0.01)', L = sum(O^2)]\n"
    )
    assert {name: known.reference(name).id for name in names.split()} == dict.fromkeys(
        names.split(), id
    )
    layers = problem(
        "x: [[1, 2], [3, 0]]\ny: [1, 0]\nloss: squared-error\n"
        "layers: [{type: batch-norm, epsilon: 0.1}, {weights: [[1, 2]]}]\n"
    )
    assert layers.reference("σ²⁽¹⁾").id == "var1"


@pytest.mark.parametrize("name", ["∂L / ∂W1", " dL/dW1 ", "grad W1"])
def test_blanks_do_not_matter(name: str) -> None:
    assert meant(ONE_HIDDEN, name) == "dL/dW1"


@pytest.mark.parametrize(
    ("names", "id"),
    [("W W1 w", "W1"), ("b", "b1"), ("Z z", "Z1"), ("dL/dW dW ∇W", "dL/dW1"), ("H1 yhat", "Yhat")],
)
def test_numbers_are_not_needed_where_there_is_one_layer(names: str, id: str) -> None:
    assert {meant(SINGLE, name) for name in names.split()} == {id}


@pytest.mark.parametrize(
    ("text", "name", "candidates"),
    [
        (TWO_HIDDEN, "H", "H1 or H2"),
        (TWO_HIDDEN, "dL/dH", "dL/dH2 or dL/dH1"),
        (ONE_HIDDEN, "Z", "Z1 or Z2"),
        (ONE_HIDDEN, "W'", "W1_new or W2_new"),
        (EQUATIONS, "dF/dw", "df/dw or df/dW"),
        (EQUATIONS, "DF/DW", "df/dw or df/dW"),
    ],
)
def test_what_may_mean_several(text: str, name: str, candidates: str) -> None:
    with pytest.raises(UnknownIdError, match="may mean several quantities") as caught:
        meant(text, name)
    assert sorted((caught.value.instead or "").split(" or ")) == sorted(candidates.split(" or "))


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("df/dz", "df/dz"), ("dz", "df/dz"), ("∂f/∂z", "df/dz"), ("∇z", "df/dz"), ("DZ", "df/dz"),
        ("grad_w", "df/dw"), ("dw", "df/dw"), ("dW", "df/dW"), ("w", "w"), ("W", "W"), ("F", "f"),
        ("dv", "dv"), ("df/dv", "df/dv"), ("∇v", "df/dv"), ("df/ddv", "df/ddv"),
    ],
)  # fmt: skip
def test_names_of_equations(name: str, id: str) -> None:
    """Their own names come first: `dv` is a value here, and not the gradient of v."""
    assert meant(EQUATIONS, name) == id


@pytest.mark.parametrize("name", ["H", "W1", "z1", "dL/dz", "Yhat", "df/dq", ""])
def test_equations_have_no_other_names(name: str) -> None:
    with pytest.raises(UnknownIdError):
        meant(EQUATIONS, name)


@pytest.mark.parametrize(
    ("text", "index", "step"),
    [
        ("W1[2,1]", (2, 1), 1), ("W1[ 2 , 1 ]", (2, 1), 1), ("W1", None, 1), ("W1@3", None, 3),
        ("W1@2[2,1]", (2, 1), 2), ("W1[2,1]@2", (2, 1), 2), ("w1[0,0]", (0, 0), 1),
    ],
)  # fmt: skip
def test_entries_and_steps(text: str, index: tuple[int, ...] | None, step: int) -> None:
    assert reference(text, ["W1"], "L", {}) == Reference("W1", index, step)


def test_an_entry_of_a_later_new_weight() -> None:
    assert problem(ONE_HIDDEN).reference("W1'[2,1]@2") == Reference("W1_new", (2, 1), 2)
    assert problem(ONE_HIDDEN).reference("W^{[1]}'[2,1]@2") == Reference("W1_new", (2, 1), 2)


@pytest.mark.parametrize(
    "text", ["W1[a]", "W1[1.5]", "W1[-1]", "W1[]", "W1[²]", "W1[1][2]", "W1@0", "W1@-1", "W9", "["]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(UnknownIdError):
        reference(text, ["W1"], "L", {})


def test_what_is_probably_meant() -> None:
    assert near_names("Yaht", ["Yhat", "Z1"]) == ["Yhat"]
    assert near_names("W1" * 1000, ["W1"]) == []
    with pytest.raises(UnknownIdError) as caught:
        meant(ONE_HIDDEN, "Yaht")
    assert caught.value.instead == "Yhat"


def test_an_asked_jacobian_between_any_two_quantities_is_computed() -> None:
    found = problem(ONE_HIDDEN + "ask: [Z1, ∂Ŷ/∂W1, 'dL/dW2[1,1]', W1_new@2]\n")
    assert [one.id for one in asked(found.model, found.plan)] == [
        "Z1", "dYhat/dW1", "dL/dW2", "W1_new"
    ]  # fmt: skip
    assert solve(found.model).trace.step("dYhat/dW1").shape == (2, 2, 2)


@pytest.mark.parametrize(
    ("typed", "list_"),
    [
        ("Z1, H1, dW1", "[Z1, H1, dW1]"),
        ("Z1 H1", "[Z1, H1]"),
        ("dW1[2,1]; L", "['dW1[2,1]', L]"),
    ],
)
def test_several_quantities_in_one_text_are_told_how_to_be_a_list(typed: str, list_: str) -> None:
    with pytest.raises(UnknownIdError, match="quantities, and no list of them") as raised:
        problem(ONE_HIDDEN).reference(typed)
    assert raised.value.instead == list_


def test_a_text_of_which_a_part_is_no_quantity_is_told_whole() -> None:
    with pytest.raises(UnknownIdError, match="no quantity `odd W1`"):
        problem(ONE_HIDDEN).reference("odd W1")
