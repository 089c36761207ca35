"""What people do to one part of a formula, and what it is called; neighbours get no such name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from judged import graded

from backprop_cli.cli import main

NEURON = """values: {{x: [0.7, -1.3], W: [[0.4, -0.9], [1.1, 0.3]], b: [0.25, -0.6]}}
equations: [z = W @ x + b, h = {function}(z), L = sum(h^2)]
train: [W, b]
update: {{rule: {rule}, learning_rate: {rate}}}
grading: {{precision: {{decimals: 4}}}}
"""


def slips(problem: str, answers: str, name: str) -> set[str]:
    result = graded(problem, answers)[name]
    assert result.verdict == "wrong"
    return set(result.slips)


@pytest.mark.parametrize(
    ("function", "h", "names"),
    [
        ("sigmoid", "[0.1545, 0.5548]", {"term-sign-flipped"}),  # of -z
        ("sigmoid", "[0.9677, 0.3917]", {"wrong-activation"}),  # (1 + tanh z) / 2
        ("tanh", "[0.6911, -0.1096]", {"factor-two"}),  # of z / 2
        ("relu", "[1.7000, 0.2200]", {"wrong-activation"}),  # |z|
        ("tanh", "[-7.6966, -0.2236]", {"wrong-activation"}),  # tan z
        ("sigmoid", "[0.9687, 0.3927]", set()),
        ("tanh", "[0.6921, -0.1086]", set()),
    ],
)
def test_another_argument_or_another_function(function: str, h: str, names: set[str]) -> None:
    """Of 1.7 and -0.22."""
    problem = NEURON.format(function=function, rule="sgd", rate=0.2)
    assert slips(problem, f"z: [1.7, -0.22], h: {h}", "h") == names


BATCH = """values:
  X: [[0.7, -1.3, 0.41], [1.9, 0.37, -0.83], [-0.61, 1.13, 0.59]]
  W: [[0.43, -0.91], [1.17, 0.31], [-0.53, 0.77]]
  y: [[0.5, 1.5], [-1.5, 0.5], [0.25, -0.75]]
equations: [Z = X @ W, L = sum((Z - y)^2) / 2]
train: [W]
update: {rule: sgd, learning_rate: 0.2}
grading: {precision: {decimals: 4}}
"""


@pytest.mark.parametrize(
    ("z", "names"),
    [
        # without x₂ w₂ in the first unit, in every sample: 1.17 times -1.3, 0.37, 1.13 less
        ("[[0.0837, -0.7243], [1.2569, -2.2534], [-0.5750, 1.3597]]", {"term-left-out"}),
        ("[[0.0837, -0.7243], [1.2569, -2.2534], [-0.5740, 1.3597]]", set()),
    ],
)
def test_a_term_of_one_unit_left_out(z: str, names: set[str]) -> None:
    """Z is [[-1.4373, -0.7243], [1.6898, -2.2534], [0.7471, 1.3597]]."""
    assert slips(BATCH, f"Z: {z}", "Z") == names


@pytest.mark.parametrize(
    ("gradient", "names"),
    [
        # the first sample alone: x₁ (z₁ - y₁), which is [-1.9373, -2.2243]
        ("[[-1.3561, -1.5570], [2.5185, 2.8916], [-0.7943, -0.9120]]", {"term-left-out"}),
        ("[[-1.3561, -1.5570], [2.5185, 2.8916], [-0.7943, -0.9220]]", set()),
    ],
)
def test_one_sample_for_all(gradient: str, names: set[str]) -> None:
    answers = (
        "Z: [[-1.4373, -0.7243], [1.6898, -2.2534], [0.7471, 1.3597]],"
        f" dL/dZ: [[-1.9373, -2.2243], [3.1898, -2.7534], [0.4971, 2.1097]], dL/dW: {gradient}"
    )
    assert slips(BATCH, answers, "dL/dW") == names


# Significant digits of wrong numbers --------------------------------------------------------------


@pytest.mark.parametrize(("typed", "names"), [("1.95", {"bias-left-out"}), ("1.97", set())])
def test_how_large_it_should_be_tells_nothing_of_the_digits(typed: str, names: set[str]) -> None:
    """1.953 - 1.2 is 0.753, of which three digits are thousandths: 1.95 has hundredths."""
    problem = """values: {x: [1.61, 0.5, -0.7], w: 1.213, b: -1.2}
equations: [z = w * x + b]
grading: {precision: {significant: 3}}
"""
    # w x is [1.95293, 0.6065, -0.8491]
    assert slips(problem, f"z: [{typed}, 0.606, -0.849]", "z") == names


# Updates ------------------------------------------------------------------------------------------

ANSWERS = (
    "z: [1.7, -0.22], h: [0.9354, -0.2165], dL/dh: [1.8708, -0.4330], dL/dz: [0.2339, -0.4127],"
    " dL/dW: {dW}"
)


@pytest.mark.parametrize(
    ("new", "names"),
    [
        # dL/dW is [[0.1638, -0.3041], [-0.2888, 0.5364]], and the rate 0.2
        ("[[0.3967, -0.8939], [1.1058, 0.2893]]", {"decimal-slip"}),  # a tenth of the change
        ("[[0.0724, -0.2918], [1.6776, -0.7728]]", {"decimal-slip"}),  # ten times
        ("[[0.3967, -0.8939], [1.1058, 0.2873]]", set()),
    ],
)
def test_a_change_with_its_point_in_the_wrong_place(new: str, names: set[str]) -> None:
    problem = NEURON.format(function="tanh", rule="sgd", rate=0.2)
    answers = ANSWERS.format(dW="[[0.1638, -0.3041], [-0.2888, 0.5364]]")
    assert slips(problem, f"{answers}, W_new: {new}", "W_new") == names


@pytest.mark.parametrize(
    ("new", "names"),
    [
        ("[[0.3672, -0.8392], [1.1578, 0.1927]]", {"state-ignored"}),
        ("[[0.3682, -0.8392], [1.1578, 0.1927]]", set()),
    ],
)
def test_plain_descent_where_there_are_states(new: str, names: set[str]) -> None:
    """W - 0.2 dL/dW, without root and square."""
    problem = NEURON.format(function="tanh", rule="rmsprop", rate=0.2)
    answers = ANSWERS.format(dW="[[0.1638, -0.3041], [-0.2888, 0.5364]]")
    assert slips(problem, f"{answers}, W_new: {new}", "W_new") == names


# One digit of the answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("[-0.2889, 0.6366]", {"digit-misread"}),  # 0.5366, beside what is right
        ("[-0.2889, 0.6376]", set()),  # two digits
        ("[-0.2789, 0.6366]", set()),  # in two numbers
    ],
)
def test_a_digit_of_the_answer_itself(typed: str, names: set[str]) -> None:
    problem = NEURON.format(function="tanh", rule="sgd", rate=0.2)
    answers = ANSWERS.format(dW=f"[[0.1637, -0.3040], {typed}]")
    assert slips(problem, answers, "dL/dW") == names


@pytest.mark.parametrize("typed", ["0-1", "1e1", "2*4", "\u22128"])
def test_what_is_typed_as_a_formula_has_no_digits_to_misread(typed: str, tmp_path: Path) -> None:
    problem, answers = tmp_path / "p.yaml", tmp_path / "a.yaml"
    problem.write_text("values: {x: 3}\nequations: [y = x^2, L = 2*y]\n", encoding="utf-8")
    answers.write_text(f"answers: {{y: {typed}}}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(problem), str(answers), "--format", "json"])
    assert done.exit_code == 1, done.output
    (found,) = json.loads(done.stdout)["submissions"]
    assert found["error"] is None


SCALARS = """values: {x: -1.48, w: 1.49, b: 0.5, v: 0.34, c: -0.9, y: -0.1}
equations: [z = w * x + b, h = sigmoid(z), q = h * tanh(c), yhat = v * q, L = (yhat - y)^2 / 2]
train: [w, b, v]
grading: {precision: {decimals: 3}}
"""


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("z", "-2.705", {"term-sign-flipped"}),  # w x - b
        ("z", "-2.715", set()),
        ("dL/dz", "0.130", {"upstream-left-out"}),  # h (1 - h)
        ("dL/dz", "0.137", set()),
        ("dL/dw", "-1.480", {"upstream-left-out"}),  # x alone
        ("dL/dh", "0.0032704", {"wrong-operand"}),  # h for tanh(c), the other factor
        ("dL/dh", "0.0034804", set()),
    ],
)
def test_one_number_of_three_digits_is_enough_where_there_are_few_such_slips(
    name: str, value: str, names: set[str]
) -> None:
    """Of z = -1.7052, h = 0.1538, tanh(c) = -0.7163, q = -0.1101, ŷ = -0.0374, L = 0.002."""
    right = {
        "z": "-1.7052",
        "h": "0.1538",
        "q": "-0.1101",
        "yhat": "-0.0375",
        "L": "0.00195",
        "dL/dyhat": "0.0625",
        "dL/dq": "0.0213",
        "dL/dh": "-0.0152",
        "dL/dz": "-0.00198",
        "dL/dw": "0.00294",
    }
    sheet = ", ".join(f"{key}: {text}" for key, text in {**right, name: value}.items())
    assert slips(SCALARS, sheet, name) >= names if names else not slips(SCALARS, sheet, name)


GATES = """values: {a: [-1.0, -0.8], c: [0.8, 0.92], y: [-0.13, -0.2]}
equations: [o = sigmoid(a), h = o * tanh(c), L = sum((h - y)^2)]
train: [a, c]
grading: {precision: {decimals: 1}}
"""


@pytest.mark.parametrize(
    ("gradient", "names"),
    [("[0.8, -0.7]", set()), ("[0.45, 0.3]", {"copied"}), ("[1.4, 0.3]", {"copied"})],
)
def test_two_numbers_of_one_digit_are_no_copy(gradient: str, names: set[str]) -> None:
    """∂L/∂c and ∂L/∂a are [0.10, 0.14] and [0.07, 0.13]."""
    right = "o: [0.269, 0.310], h: [0.179, 0.226], dL/dh: [0.617, 0.851], dL/do: [0.410, 0.618]"
    answers = f"{right}, dL/dc: {gradient}, dL/da: {gradient}"
    assert slips(GATES, answers, "dL/da") & {"copied"} == names


# Gates, and losses whose gradient is not ŷ − y ----------------------------------------------------

MIXED = """values: {z: [0.3, 0.8], n: [0.9, -0.4], g: [0.25, 0.6], o: [0.7, 0.45], y: [1, 0]}
equations: [c = (1 - z) * n + z * g, h = o * tanh(c), L = sum((h - y)^2) / 2]
grading: {precision: {decimals: 4}}
"""
GATE, NEW, OLD, OUT = map(np.array, ([0.3, 0.8], [0.9, -0.4], [0.25, 0.6], [0.7, 0.45]))
CELL = (1 - GATE) * NEW + GATE * OLD
STATE = OUT * np.tanh(CELL)
BACK = STATE - [1, 0]
DELTA = BACK * OUT * (1 - np.tanh(CELL) ** 2)
STEPS = {
    "c": CELL,
    "h": STATE,
    "dL/dh": BACK,
    "dL/do": BACK * np.tanh(CELL),
    "dL/dc": DELTA,
    "dL/dn": DELTA * (1 - GATE),
}


@pytest.mark.parametrize(
    ("name", "value", "slip"),
    [
        ("c", GATE * NEW + (1 - GATE) * OLD, "wrong-operand"),  # n and g in each other's place
        ("dL/do", BACK * CELL, "activation-omitted"),
        ("dL/dc", BACK * OUT * (1 - STATE**2), "activation-derivative-at-wrong-argument"),
        ("dL/dn", DELTA * GATE, "term-left-out"),  # z for 1 - z
        ("c", GATE * NEW + (1 - GATE) * OLD + 0.002, None),
        ("dL/do", BACK * CELL + 0.002, None),
        ("dL/dc", BACK * OUT * (1 - STATE**2) + 0.002, None),
        ("dL/dn", DELTA * GATE + 0.002, None),
    ],
)
def test_gates_taken_for_one_another(name: str, value: np.ndarray, slip: str | None) -> None:
    typed = {**STEPS, name: value}
    typed = dict(list(typed.items())[: list(typed).index(name) + 1])
    answers = ", ".join(f"{id}: {np.round(each, 4).tolist()}" for id, each in typed.items())
    found = slips(MIXED, answers, name)
    assert (slip in found) if slip else not found


BESIDE = """values: {{x: [1, -2], W: [[0.5, 0.25], [-1.5, 0.5]], y: [1, 0]}}
equations: [z = W @ x, "L = {loss}(z, y)"]
train: [W]
"""


@pytest.mark.parametrize("loss", ["huber", "binary_cross_entropy_with_logits", "absolute_error"])
def test_the_difference_alone_for_another_loss(loss: str) -> None:
    """z is [0, -2.5], so that z - y is [-1, -2.5]."""
    found = slips(BESIDE.format(loss=loss), "z: [0, -2.5], dL/dz: [-1, -2.5]", "dL/dz")
    assert "softmax-shortcut-misused" in found


def test_one_digit_is_no_misread_digit() -> None:
    """L is 0.1068: read as 3 it would be 3.107, and 3 is not 0 with another digit."""
    problem = "values: {w: 1.462, y: 1}\nequations: [p = w * 1, L = (p - y)^2 / 2]\ntrain: [w]\n"
    assert slips(problem, "p: 1.462, L: 3", "L") == set()


def listed(value: object) -> str:
    return str(np.round(np.asarray(value, dtype=float), 5).tolist())


RECURRENT = """values: {h_0: [0.1, -0.2], W: [[0.6, -0.3], [0.2, 0.7]], U: [[0.9], [-0.4]],
  x: [[0.5], [-1.2], [0.8]], y: [0.5, -0.1]}
equations:
  - for t in 1..3:
    - z_t = W @ h_{t-1} + U @ x[t]
    - h_t = tanh(z_t)
  - L = half_squared_error(h_3, y)
grading: {precision: {decimals: 5}}
ask: [z_1, h_1, z_2, h_2, z_3]
"""


@pytest.mark.parametrize(("row", "names"), [(1, {"wrong-operand"}), (0, {"wrong-operand"})])
def test_another_row_of_the_data(row: int, names: set[str]) -> None:
    """x₂, or x₁, where x₃ belongs; a number beside it has no such name."""
    W, U = np.array([[0.6, -0.3], [0.2, 0.7]]), np.array([[0.9], [-0.4]])
    x, h, sheet = np.array([[0.5], [-1.2], [0.8]]), np.array([0.1, -0.2]), []
    for t in (1, 2):
        z = W @ h + U @ x[t - 1]
        h = np.tanh(z)
        sheet += [f"z_{t}: {listed(z)}", f"h_{t}: {listed(h)}"]
    answers = ", ".join(sheet) + ", z_3: "
    assert slips(RECURRENT, answers + listed(W @ h + U @ x[row]), "z_3") == names
    assert slips(RECURRENT, answers + listed(W @ h + U @ x[row] + 0.0007), "z_3") == set()


SOFTMAX_BATCH = """x: [[0.5, -1.2, 0.3], [1.3, 0.7, -0.6], [-0.4, 0.9, 1.1]]
y: [[1, 0], [0, 1], [1, 0]]
layers:
  - {weights: [[0.4, -0.7, 0.2], [0.9, 0.3, -0.5]], bias: [0.1, -0.2], activation: softmax}
loss: cross-entropy
update: {rule: momentum, learning_rate: 0.3, beta: 0.8,
  state: {v_W1: [[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]], v_b1: [0.1, 0.2]}}
grading: {precision: {decimals: 5}}
"""


def in_batch() -> dict[str, np.ndarray]:
    """Its values, worked out here; samples are columns."""
    X = np.array([[0.5, -1.2, 0.3], [1.3, 0.7, -0.6], [-0.4, 0.9, 1.1]]).T
    Y = np.array([[1, 0], [0, 1], [1, 0]]).T
    W, b = np.array([[0.4, -0.7, 0.2], [0.9, 0.3, -0.5]]), np.array([0.1, -0.2])
    Z = W @ X + b[:, None]
    Yhat = np.exp(Z) / np.exp(Z).sum(0)
    dZ = (Yhat - Y) / 3
    v = {"Y": Y, "W": W, "b": b, "Z1": Z, "Yhat": Yhat, "L": -(Y * np.log(Yhat)).sum() / 3}
    return v | {"dL/dYhat": -Y / Yhat / 3, "dL/dZ1": dZ, "dL/dW1": dZ @ X.T, "dL/db1": dZ.sum(1)}


def on_sheet(v: dict[str, np.ndarray], **wrong: np.ndarray) -> str:
    found = {id: value for id, value in v.items() if id not in ("Y", "W", "b")}
    found |= {id.replace("__", "/"): value for id, value in wrong.items()}
    return ", ".join(f"{id}: {listed(value)}" for id, value in found.items())


def test_a_lost_number_of_samples_is_named_before_a_shortcut() -> None:
    """ŷ − y, where ∂L/∂Ŷ on the sheet has the 1/M: it is that, and three times the right one."""
    v = in_batch()
    answers = on_sheet(v, dL__dZ1=v["Yhat"] - v["Y"])
    found = graded(SOFTMAX_BATCH, answers)["dL/dZ1"].slips
    assert found == ("mean-sum-confused", "softmax-shortcut-misused")


def test_a_lost_number_of_samples_is_named_first_in_a_step_that_is_not_written() -> None:
    """The same seen in the one number that comes of it."""
    v = in_batch()
    X = np.array([[0.5, -1.2, 0.3], [1.3, 0.7, -0.6], [-0.4, 0.9, 1.1]])
    state = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])
    new = v["W"] + 0.8 * state - 0.3 * ((v["Yhat"] - v["Y"]) @ X)
    origin = graded(SOFTMAX_BATCH, f"W1_new: {listed(new)}")["W1_new"].origin
    assert origin is not None
    assert origin.slips[0] == "mean-sum-confused"


@pytest.mark.parametrize("turned", [False, True])
def test_shares_that_are_not_added_up(turned: bool) -> None:
    """The δ of every sample where their sum belongs; a matrix of other numbers is none."""
    v = in_batch()
    shares = v["dL/dZ1"].T if turned else v["dL/dZ1"]
    right = slips(SOFTMAX_BATCH, on_sheet(v, dL__db1=shares), "dL/db1")
    assert right == {"bias-gradient-not-summed"}
    assert slips(SOFTMAX_BATCH, on_sheet(v, dL__db1=shares * 1.01), "dL/db1") == set()


def test_uphill_with_a_state() -> None:
    """v ← βv + ηg, W ← W + v."""
    v = in_batch()
    uphill = v["b"] + 0.8 * np.array([0.1, 0.2]) + 0.3 * v["dL/db1"]
    assert slips(SOFTMAX_BATCH, on_sheet(v, b1_new=uphill), "b1_new") == {"ascent"}
    uphill[0] += 0.0007
    assert slips(SOFTMAX_BATCH, on_sheet(v, b1_new=uphill), "b1_new") == set()


@pytest.mark.parametrize(
    ("loss", "slip"),
    [("sum(w^2) * c + sum(w)", "weights-not-updated"), ("sum((c + w)^2)", "bias-not-updated")],
)
def test_what_is_squared_is_a_weight(loss: str, slip: str) -> None:
    """A vector that the loss has in it at once, left as it was; what is only added is a bias."""
    problem = f"""values: {{w: [1.2, -0.7], c: 0.5}}
equations: [L = {loss}]
train: [w]
update: {{rule: sgd, learning_rate: 0.3}}
"""
    gradient = "[2.2, 0.3]" if "c +" not in loss else "[3.4, -0.4]"
    assert slip in slips(problem, f"dL/dw: {gradient}, w_new: [1.2, -0.7]", "w_new")


def test_zeros_that_come_of_zeros_are_no_new_weight() -> None:
    """-η · 0 is the change that a gradient written as 0 leads to, and no mistake of its own."""
    v = in_batch()
    answers = on_sheet(v, dL__dW1=np.zeros((2, 3)))
    assert slips(SOFTMAX_BATCH, answers, "dL/dW1") == set()


BLEND = """values: {h_0: 0.4, z: 0.35, c: -0.9, y: 1}
equations: [h = (1 - z) * h_0 + z * c, L = 1/2 * (h - y)^2]
train: [z, c]
grading: {precision: {decimals: 4}}
"""


@pytest.mark.parametrize(("gate", "names"), [(0.65, {"complement"}), (0.66, set()), (0.64, set())])
def test_a_gate_and_what_it_lacks_to_1_exchanged(gate: float, names: set[str]) -> None:
    h = (1 - 0.35) * 0.4 + 0.35 * -0.9
    wrong = (1 - gate) * 0.4 + gate * -0.9
    assert names == slips(BLEND, f"h: {wrong:.4f}", "h") & {"complement"}
    right = f"h: {h:.4f}, L: {(h - 1) ** 2 / 2:.4f}, dL/dh: {h - 1:.4f}"
    found = slips(BLEND, f"{right}, dL/dc: {(h - 1) * gate:.4f}", "dL/dc")
    assert names == found & {"complement"}


def test_an_average_with_its_weights_exchanged() -> None:
    problem = """values: {w: 2}
equations: [L = w^3]
train: [w]
update: {rule: momentum, form: ewma, learning_rate: 0.1, beta: 0.8, state: {v_w: 5}}
ask: [L, dL/dw, v_w]
"""
    for velocity, names in ((0.2 * 5 + 0.8 * 12, {"complement"}), (10.5, set())):
        answers = f"L: 8, dL/dw: 12, v_w: {velocity}"
        assert slips(problem, answers, "v_w") & {"complement"} == names


SQUARE = """values: {W: [[0.5, -1], [0.25, 2]], x: [1, -2], y: [0.5, 1]}
equations: [L = 1/2 * norm(W @ x - y)^2]
train: [W]
update: {rule: sgd, learning_rate: 0.3}
ask: [W_new]
"""


def test_a_step_along_a_square_gradient_the_other_way_round() -> None:
    W, x = np.array([[0.5, -1], [0.25, 2]]), np.array([1.0, -2])
    gradient = np.outer(W @ x - [0.5, 1], x)
    for wrong, names in ((gradient.T, {"transpose-omitted"}), (gradient.T + 0.1, set())):
        answers = f"W_new: {(W - 0.3 * wrong).round(4).tolist()}"
        assert slips(SQUARE, answers, "W_new") & {"transpose-omitted"} == names
