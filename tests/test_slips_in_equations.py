"""Slips where a formula holds more than one thing: gates, scalars, pooling, steps nobody wrote."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from judged import graded, grader_of

from backprop_cli.algebra.expr import num, op, places, put
from backprop_cli.grading.slips.table_of_slips import FORMULA_SLIPS

GATE = """
values: {c: [0.4, -0.7, 1.1], o: [0.3, 0.6, 0.8], v: [1.2, -0.5, 0.9]}
equations:
  - h = o * tanh(c)
  - q = v @ h
  - L = q / 2
train: [c, o]
grading: {precision: {decimals: 4}}
"""
C, GATES, V = np.array([0.4, -0.7, 1.1]), np.array([0.3, 0.6, 0.8]), np.array([1.2, -0.5, 0.9])
UP = V / 2
SLOPE = 1 - np.tanh(C) ** 2


def typed(value: object) -> str:
    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return f"{float(array):.4f}"
    return f"[{', '.join(map(typed, array))}]"


def right_behind_gate(gradient: object) -> str:
    h = GATES * np.tanh(C)
    right = {"h": h, "q": V @ h, "L": V @ h / 2, "dL/dq": 0.5, "dL/dh": UP, "dL/dc": gradient}
    return ", ".join(f"{name}: {typed(value)}" for name, value in right.items())


@pytest.mark.parametrize(
    ("gradient", "slip"),
    [
        (UP * GATES, "activation-derivative-omitted"),
        (UP * SLOPE, "factor-left-out"),
        (UP * GATES * np.tanh(C) * (1 - np.tanh(C)), "wrong-activation-derivative"),
        (UP * GATES * (1 - np.tanh(np.tanh(C)) ** 2), "activation-derivative-at-wrong-argument"),
        (GATES * SLOPE, "upstream-left-out"),
        (UP * GATES * (1 + np.tanh(C) ** 2), "term-sign-flipped"),
    ],
)
def test_an_activation_inside_a_longer_formula(gradient: object, slip: str) -> None:
    assert graded(GATE, right_behind_gate(gradient))["dL/dc"].slips == (slip,)


UNIT = """
values: {x: [-0.08], W: [[-0.5]], b: [0.4], v: [-0.24], y: 1.2}
equations: [h = relu(W @ x + b), yhat = v @ h, L = (yhat - y)^2]
train: [W, b, v]
grading: {precision: {decimals: 3}}
"""


def test_1_for_a_unit_that_is_on_is_what_came_from_above_left_out() -> None:
    """By hand: z = 0.44, ∂L/∂h = -0.24 · 2(-0.1056 - 1.2) = 0.627, and ∂L/∂b is that, not 1."""
    sheet = "h: [0.44], yhat: -0.106, L: 1.705, dL/dyhat: -2.611, dL/dh: [0.627], dL/db: [1.000]"
    assert "upstream-left-out" in graded(UNIT, sheet)["dL/db"].slips


STEPS = """
values: {x: [-1.21, 0.04, 0.88], h0: -0.36, w: -0.8, u: 0.49, b: 1.2, y: 0.78}
equations:
  - h1 = tanh(w * x[1] + u * h0 + b)
  - h2 = tanh(w * x[2] + u * h1 + b)
  - h3 = tanh(w * x[3] + u * h2 + b)
  - L = (h3 - y)^2 / 2
train: [w, u, b]
grading: {precision: {decimals: 3}}
"""


def test_one_weight_for_the_other_is_named_though_all_are_numbers() -> None:
    """By hand: δ = -0.040 (1 - 0.74²) = -0.0181 through w = -0.8, where u = 0.49 belongs."""
    sheet = "h1: 0.963, h2: 0.927, h3: 0.740, L: 0.001, dL/dh3: -0.040, dL/dh2: 0.014"
    assert graded(STEPS, sheet)["dL/dh2"].slips == ("wrong-operand",)


def test_what_is_right_or_no_slip_at_all_has_no_name() -> None:
    assert graded(GATE, right_behind_gate(UP * GATES * SLOPE))["dL/dc"].verdict == "correct"
    found = graded(GATE, right_behind_gate([0.1234, 0.3377, -0.2519]))["dL/dc"]
    assert (found.verdict, found.slips) == ("wrong", ())


LOGISTIC = """
values: {z: [0.9, -1.4, 0.35], y: [1, 0, 0]}
equations: [J = sum(log(1 + exp(z)) - y * z)]
grading: {precision: {decimals: 4}}
"""
Z, Y = np.array([0.9, -1.4, 0.35]), np.array([1, 0, 0])


@pytest.mark.parametrize(
    ("loss", "slips"),
    [
        (np.log10(1 + np.exp(Z)) - Y * Z, ("loss-log-base",)),
        (np.log2(1 + np.exp(Z)) - Y * Z, ("loss-log-base",)),
        (np.log(1 + np.exp(-Z)) - Y * Z, ("term-sign-flipped",)),
        (np.log(1 + np.exp(Z)) / 2 - Y * Z, ()),
    ],
)
def test_a_logarithm_in_a_longer_formula(loss: np.ndarray, slips: tuple[str, ...]) -> None:
    assert graded(LOGISTIC, f"J: {typed(loss.sum())}")["J"].slips == slips


USED_TWICE = """
values: {a: 2.13, b: -3.42, f: -2.71}
equations:
  - d = a * b
  - q = d * a
  - h = d + q
  - L = h * f
train: [a, b]
grading: {precision: {decimals: 4}}
"""


def used_twice(da: float) -> str:
    a, b, f = 2.13, -3.42, -2.71
    d = a * b
    values = {"d": d, "q": d * a, "h": d + d * a, "L": (d + d * a) * f}
    back = {"dL/dh": f, "dL/dq": f, "dL/dd": f + f * a, "dL/db": (f + f * a) * a, "dL/da": da}
    return ", ".join(f"{name}: {typed(value)}" for name, value in {**values, **back}.items())


def test_a_path_lost_on_a_scalar_is_a_path() -> None:
    """∂L/∂a is ∂L/∂q d + ∂L/∂d b: whoever overwrites one with the other loses a path."""
    a, b, f = 2.13, -3.42, -2.71
    through_q, through_d = f * a * b, (f + f * a) * b
    for kept in (through_q, through_d):
        assert graded(USED_TWICE, used_twice(kept))["dL/da"].slips == ("path-lost",)
    assert graded(USED_TWICE, used_twice(through_q + through_d))["dL/da"].verdict == "correct"


def test_all_but_the_last_step_in_time_may_be_lost() -> None:
    w, x, u = 0.43, (0.9, -1.3, 0.7), 1.7
    h = [0.35]
    for one in x:
        h.append(float(np.tanh(w * h[-1] + u * one)))
    problem = (
        f"values: {{w: {w}, u: {u}, h0: {h[0]}, x: {list(x)}}}\nequations:\n"
        + "".join(f"  - h{i} = tanh(w * h{i - 1} + u * x[{i}])\n" for i in (1, 2, 3))
        + "  - L = h3^2\ntrain: [w]\ngrading: {precision: {decimals: 5}}\n"
    )
    back = {3: 2 * h[3]}
    for i in (2, 1):
        back[i] = back[i + 1] * (1 - h[i + 1] ** 2) * w
    shares = [back[i] * (1 - h[i] ** 2) * h[i - 1] for i in (1, 2, 3)]
    sheet = ", ".join(f"h{i}: {h[i]:.5f}, dL/dh{i}: {back[i]:.5f}" for i in (1, 2, 3))
    found = graded(problem, f"{sheet}, L: {h[3] ** 2:.5f}, dL/dw: {shares[2]:.5f}")["dL/dw"]
    assert (found.verdict, found.slips) == ("wrong", ("path-lost",))
    right = graded(problem, f"{sheet}, L: {h[3] ** 2:.5f}, dL/dw: {sum(shares):.5f}")["dL/dw"]
    assert right.verdict == "correct"


@pytest.mark.parametrize(
    ("inputs", "slips"),
    [
        ((1, 2, 3), ("wrong-layer-input",)),  # h_t for h_(t-1), and every slope as it should be
        ((0, 1, 2), None),
        ((2, 3, 1), ()),
    ],
)
def test_the_state_after_a_step_for_the_one_before_it(
    inputs: tuple[int, ...], slips: tuple[str, ...] | None
) -> None:
    w, u, b, x = 1.3, -0.43, 0.5, (-0.7, 1.3, 0.4)
    h = [-0.52]
    for t in range(3):
        h.append(float(np.tanh(w * x[t] + u * h[t] + b)))
    back = [0.0, 0.0, 0.0, h[3] - 0.1]
    for t in (2, 1):
        back[t] = back[t + 1] * (1 - h[t + 1] ** 2) * u
    wrong = sum(back[t] * (1 - h[t] ** 2) * h[k] for t, k in zip((1, 2, 3), inputs, strict=True))
    problem = f"""
values: {{x: {list(x)}, h0: {h[0]}, w: {w}, u: {u}, b: {b}, y: 0.1}}
equations:
  - h1 = tanh(w * x[1] + u * h0 + b)
  - h2 = tanh(w * x[2] + u * h1 + b)
  - h3 = tanh(w * x[3] + u * h2 + b)
  - L = (h3 - y)^2 / 2
train: [u]
grading: {{precision: {{decimals: 5}}}}
"""
    sheet = ", ".join(f"h{t}: {h[t]:.5f}, dL/dh{t}: {back[t]:.5f}" for t in (1, 2, 3))
    found = graded(problem, f"{sheet}, L: {(h[3] - 0.1) ** 2 / 2:.5f}, dL/du: {wrong:.5f}")
    assert found["dL/du"].slips == (slips or ())
    assert found["dL/du"].verdict == ("correct" if slips is None else "wrong")


def test_the_gradient_of_a_maximum_given_to_all_it_was_taken_of() -> None:
    problem = """
values: {A: [0.31, 1.42, -0.77, 0.58], f: 1.37}
equations:
  - p = max(A)
  - L = f * p
train: [A]
"""
    everywhere = graded(problem, "p: 1.42, L: 1.945, dL/dp: 1.37, dL/dA: [1.37, 1.37, 1.37, 1.37]")
    assert everywhere["dL/dA"].slips == ("gradient-to-all",)
    once = graded(problem, "p: 1.42, L: 1.945, dL/dp: 1.37, dL/dA: [0, 1.37, 0, 0]")
    assert once["dL/dA"].verdict == "correct"


# Where it was made --------------------------------------------------------------------------------

DEEP = """
x: [0.5, -1.2]
y: [0.4, -0.3]
layers:
  - {weights: [[0.4, -0.6], [0.9, 0.3]], bias: [0.1, -0.2], activation: tanh}
  - {weights: [[0.7, -0.5], [0.2, 1.1]], bias: [0.3, -0.1]}
loss: half-squared-error
ask: [dL/dW1]
grading: {precision: {decimals: 4}}
"""


def first_gradient(*, transposed: bool = False, slope: bool = True) -> np.ndarray:
    x, y = np.array([0.5, -1.2]), np.array([0.4, -0.3])
    w1, w2 = np.array([[0.4, -0.6], [0.9, 0.3]]), np.array([[0.7, -0.5], [0.2, 1.1]])
    h = np.tanh(w1 @ x + [0.1, -0.2])
    delta = w2 @ h + [0.3, -0.1] - y
    back = (w2 if transposed else w2.T) @ delta
    return np.outer(back * (1 - h**2) if slope else back, x)


@pytest.mark.parametrize(
    ("made", "where", "slip"),
    [
        ({"transposed": True}, "dL/dH1", "transpose-omitted"),
        ({"slope": False}, "dL/dZ1", "activation-derivative-omitted"),
    ],
)
def test_one_final_number_is_told_which_line_went_wrong(
    made: dict[str, bool], where: str, slip: str
) -> None:
    found = graded(DEEP, f"dL/dW1: {typed(first_gradient(**made))}")["dL/dW1"]
    assert found.origin is not None
    assert (found.origin.id, found.origin.slips) == (where, (slip,))
    assert (found.verdict, found.slips) == ("wrong", (slip,))


def test_what_no_single_slip_leads_to_has_no_origin() -> None:
    found = graded(DEEP, "dL/dW1: [[0.1234, 0.4321], [-0.2468, 0.1357]]")["dL/dW1"]
    assert (found.verdict, found.slips, found.origin) == ("wrong", (), None)
    right = graded(DEEP, f"dL/dW1: {typed(first_gradient())}")["dL/dW1"]
    assert (right.verdict, right.origin) == ("correct", None)


UPDATED = DEEP.replace(
    "ask: [dL/dW1]",
    """update: {rule: sgd, learning_rate: 0.2}
ask: [W1_new, b1_new, W2_new, b2_new, L_new]""",
).replace("decimals: 4", "decimals: 6")


def losses_after() -> Callable[..., str]:
    """A sheet with the loss after the update, or `last` of what is before it, some of the
    parameters taken as they were."""
    x, y = np.array([0.5, -1.2]), np.array([0.4, -0.3])
    old = {"W1": np.array([[0.4, -0.6], [0.9, 0.3]]), "b1": np.array([0.1, -0.2]),
           "W2": np.array([[0.7, -0.5], [0.2, 1.1]]), "b2": np.array([0.3, -0.1])}  # fmt: skip
    h = np.tanh(old["W1"] @ x + old["b1"])
    delta = old["W2"] @ h + old["b2"] - y
    slope = old["W2"].T @ delta * (1 - h**2)
    moved = {"W1": np.outer(slope, x), "b1": slope, "W2": np.outer(delta, h), "b2": delta}
    new = {name: value - 0.2 * moved[name] for name, value in old.items()}
    sheet = ", ".join(f"{name}_new: {np.round(value, 6).tolist()}" for name, value in new.items())

    def loss(left: str, last: str = "L_new") -> str:
        now = {name: old[name] if name in left.split() else new[name] for name in old}
        hidden = np.tanh(now["W1"] @ x + now["b1"])
        error = now["W2"] @ hidden + now["b2"] - y
        if last == "Z2_new":
            return f"{sheet}, Z2_new: {np.round(error + y, 6).tolist()}"
        return f"{sheet}, L_new: {error @ error / 2:.6f}"

    return loss


@pytest.mark.parametrize(
    ("left", "where"),
    [("b1 b2", "Z2_new"), ("W2 b2", "Z2_new"), ("W1 W2", "Z2_new"), ("b1", "Z1_new")],
)
def test_a_new_loss_with_some_of_the_old_parameters(left: str, where: str) -> None:
    found = graded(UPDATED, losses_after()(left))["L_new"]
    assert found.slips == ("updated-weights-forward",)
    assert found.origin is not None
    assert found.origin.id == where


@pytest.mark.parametrize("left", ["b1 b2", "W2 b2", "W1 b2"])
def test_a_last_layer_with_some_of_the_old_parameters(left: str) -> None:
    """Its own formula is one of those that are changed, and no step behind it."""
    found = graded(UPDATED.replace("L_new]", "Z2_new]"), losses_after()(left, "Z2_new"))["Z2_new"]
    assert found.verdict == "wrong"


def test_old_parameters_that_nobody_leaves_together() -> None:
    assert graded(UPDATED, losses_after()("W1 b2"))["L_new"].slips == ()
    assert graded(UPDATED, losses_after()(""))["L_new"].verdict == "correct"


# Names that are not true --------------------------------------------------------------------------

WITH_ZERO = """
values: {W: [[1, 2], [3, 4], [0.5, 0.25]], x: [2, -1]}
equations: [z = W @ x]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize("z", ["[0.37, 2.00, 0.75]", "[7, 2.00, 0.75]", "[-1.00, 2.00, 0.75]"])
def test_nothing_was_moved_or_lost_where_the_true_value_is_0(z: str) -> None:
    assert graded(WITH_ZERO, f"z: {z}")["z"].slips == ()


def test_a_point_that_was_moved_moves_the_unit_with_it() -> None:
    assert "decimal-slip" in graded(WITH_ZERO, "z: [0.00, 20.00, 7.50]")["z"].slips
    assert graded(WITH_ZERO, "z: [0.00, 7, 9]")["z"].slips == ()


def test_a_weight_vector_is_no_bias() -> None:
    problem = """
values: {w: [0.5, -1], b: 0.3, x: [2, 3], y: 1}
equations:
  - z = w @ x + b
  - L = (z - y)^2
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
"""
    assert "weights-not-updated" in graded(problem, "w_new: [0.500, -1.000]")["w_new"].slips
    assert "bias-not-updated" in graded(problem, "b_new: 0.300")["b_new"].slips


# Rewriting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "equation",
    [
        "q = x + x",
        "q = K[1] * X + K[2] * X",
        "q = relu(A @ x)",
        "q = [sum(X * X), x[1] * x[2]]",
        "q = " + " + ".join(["x * x"] * 60),
    ],
    ids=["same summand twice", "shared scalars", "relu of a product", "in places", "long"],
)
def test_every_wrong_formula_has_the_shape_of_the_right_one(equation: str) -> None:
    problem = (
        "values: {x: [0.3, 0.7], K: [0.4, -0.2], X: [[1, 2], [3, 5]],"
        " A: [[1, 2], [3, 4], [5, 6]]}\n"
        f"equations:\n  - {equation}\n  - L = sum(q^2)\ntrain: [x, K, X, A]\n"
    )
    grader = grader_of(problem)
    for name, step in grader.steps.items():
        for slip, expr in grader.candidates(name):
            assert slip in FORMULA_SLIPS
            assert grader.case(step).shape(expr) == step.shape
        grader.mistaken(name)


def test_a_part_is_replaced_at_its_place_and_all_else_is_shared() -> None:
    one, two = op("mul", num(2), num(3)), op("mul", num(2), num(3))
    both = op("add", one, two)
    changed = put(both, (1,), num(7))
    assert changed == op("add", one, num(7))
    assert changed.args[0] is one
    assert [place for place, _ in places(both)] == [(), (0,), (0, 0), (0, 1), (1,), (1, 0), (1, 1)]


@pytest.mark.parametrize(("bias", "names"), [("0", {"bias-not-updated"}), ("0.7", set())])
def test_a_bias_left_at_its_0_is_an_old_one(bias: str, names: set[str]) -> None:
    problem = f"""
values: {{x: 2, w: [1.5], b: [{bias}], y: 1}}
equations: [z = x * w + b, L = sum((z - y)^2) / 2]
train: [w, b]
update: {{rule: sgd, learning_rate: 0.1}}
"""
    z = 3 + float(bias)
    answers = f"z: [{z}], L: {(z - 1) ** 2 / 2:.4f}, dL/dz: [{z - 1}], dL/db: [{z - 1}], b_new: [0]"
    assert set(graded(problem, answers)["b_new"].slips) == names
