"""Arrays that only those beside them tell: lists, dictionaries by number, steps, Adam's v and s."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from seeded_bugs.programs import ROWS

import backprop_cli as backprop

Arrays = dict[str, Any]
V = ROWS.run(ROWS.source, "float64")
OTHER = {"dW1": 2 * V["dW1"], "dW2": V["dW2"]}


@cache
def problem(rule: str = "sgd") -> backprop.Problem:
    return backprop.load(ROWS.problem | {"update": {"rule": rule, "learning_rate": 0.1}})


def verdicts(arrays: Any, rule: str = "sgd") -> dict[str, str]:
    report = problem(rule).check(arrays)
    assert report.error is None
    return {one.id: one.verdict for one in report if one.verdict != "missing"}


def right(*ids: str) -> dict[str, str]:
    return dict.fromkeys(ids, "correct")


GRADIENTS = right("dL/dW1", "dL/db1", "dL/dW2", "dL/db2")


@pytest.mark.parametrize(
    "arrays",
    [
        {"dW": [V["dW1"], V["dW2"]], "db": [V["db1"], V["db2"]]},
        {"dW": [None, V["dW1"], V["dW2"]], "db": [None, V["db1"], V["db2"]]},
        {"nabla_w": [V["dW1"], V["dW2"]], "nabla_b": [V["db1"][:, None], V["db2"][:, None]]},
        {"grads": {"W": [V["dW1"], V["dW2"]], "b": [V["db1"], V["db2"]]}},
        {"grads": [{"W": V["dW1"], "b": V["db1"]}, {"W": V["dW2"], "b": V["db2"]}]},
        {"grads": {k: {"W": V[f"dW{k}"], "b": V[f"db{k}"]} for k in (1, 2)}},
        {"layers": [{"dW": V["dW1"], "db": V["db1"]}, {"dW": V["dW2"], "db": V["db2"]}]},
        {f"layer{k}.d{letter}": V[f"d{letter}{k}"] for k in (1, 2) for letter in "Wb"},
        {f"d{letter}[{k}]": V[f"d{letter}{k}"] for k in (1, 2) for letter in "Wb"},
        {f"d{letter}{k - 1}": V[f"d{letter}{k}"] for k in (1, 2) for letter in "Wb"},
    ],
)
def test_a_layer_each_in_a_list_or_by_number(arrays: Arrays) -> None:
    assert verdicts(arrays) == GRADIENTS


def test_layers_count_from_0_all_together() -> None:
    """db1 is the second bias where dW0 is the first matrix."""
    assert verdicts({"dW0": V["dW1"], "db1": V["db2"]}) == right("dL/dW1", "dL/db2")
    assert verdicts({"dW1": V["dW1"], "db1": V["db2"]})["dL/db1"] == "wrong"


def test_names_of_the_file_that_count_from_0_stay() -> None:
    values = {"x": [1.5, -0.5], "W0": [2.0, 3.0], "W1": [0.5, -1.0], "W2": [1.0, 4.0]}
    data = {"values": values, "equations": ["L = sum(W2 * W1 * W0 * x)"]}
    x, *w = (np.array(one) for one in values.values())
    report = backprop.load(data).check({"dW0": x * w[1] * w[2], "dW1": x * w[0] * w[2]})
    assert {one.id: one.verdict for one in report} == right("dL/dW0", "dL/dW1")


def test_a_list_that_starts_with_x_counts_from_there() -> None:
    """As Nielsen's book has it: zs a layer each, activations one more."""
    arrays = {"activations": [np.array(ROWS.given["X"]), V["A1"], V["P"]], "zs": [V["Z1"], V["Z2"]]}
    assert verdicts(arrays) == right("Z1", "H1", "Z2", "Yhat")


def test_what_is_wrong_in_a_list_is_placed() -> None:
    report = problem().check({"dW": [OTHER["dW1"], OTHER["dW2"]]})
    assert (report.first_wrong, report["dL/dW2"].verdict) == ("dL/dW1", "correct")
    assert report["dL/dW1"].message.startswith("dW/0 ")


def test_lists_of_lists_in_json_are_layers_too() -> None:
    text = json.dumps({"dW": [V["dW1"].tolist(), V["dW2"].tolist()], "loss": float(V["loss"])})
    with_json = backprop.load(ROWS.problem)
    found = with_json._desk.grade(text.encode(), "mine.json")  # noqa: SLF001
    assert {one.id: one.verdict for one in found.results} == right("L", "dL/dW1", "dL/dW2")


@pytest.mark.parametrize(
    "arrays",
    [
        {"dW": [V["dW1"], V["dW2"], V["dW2"]]},  # there are two layers
        {"dW": [V["dW2"], V["dW1"]]},  # shapes of the other one
    ],
)
def test_lists_that_do_not_fit_are_told_by_name(arrays: Arrays) -> None:
    report = problem().check({**arrays, "Z1": V["Z1"]})
    assert verdicts({**arrays, "Z1": V["Z1"]}) == right("Z1")
    assert any("no quantity `dW/0`" in text for text in report.remarks)


def test_a_matrix_in_rows_is_no_list_of_layers() -> None:
    rows = [np.array(row) for row in V["dW1"]]
    assert verdicts({"dW1": rows}) == right("dL/dW1")


# The state of an optimizer ------------------------------------------------------------------------


def test_a_dictionary_of_velocities_is_no_dictionary_of_gradients() -> None:
    """v["dW1"] as a course has it; beside it the gradient itself."""
    velocity = -0.1 * V["dW1"]
    for name in ('v["dW1"]', "v/dW1", "v/W1", "velocity/W1", "vdW1", "v_dW1", "VdW1"):
        arrays = {name: velocity, "grads/dW1": V["dW1"]}
        assert verdicts(arrays, "momentum") == right("v_W1", "dL/dW1"), name
    assert verdicts({"v/dW1": V["dW1"]}, "momentum")["v_W1"] == "wrong"
    assert verdicts({"v/dW1": V["dW1"]}) == right("dL/dW1")  # there is no velocity


def test_adams_moments_where_the_second_is_s() -> None:
    g = V["dW1"]
    first, second = 0.1 * g, 0.001 * g**2
    arrays = {"v": {"dW1": first}, "s": {"dW1": second}, "v_corrected": {"dW1": g}}
    found = verdicts(arrays | {"s_corrected": {"dW1": g**2}}, "adam")
    assert found == right("m_W1", "v_W1", "mhat_W1", "vhat_W1")
    assert verdicts({"v": {"dW1": second}, "m": {"dW1": first}}, "adam") == right("m_W1", "v_W1")
    assert verdicts({"v": {"dW1": second}, "s": {"dW1": first}}, "adam")["m_W1"] == "wrong"


# Over time ----------------------------------------------------------------------------------------


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


STEPS = 4
X, U, W = drawn(0, STEPS, 2), drawn(1, 4, 2), drawn(2, 4, 4)
TARGET, OUT = drawn(7, STEPS, 3), drawn(8, 3, 4)
RECURRENT = {
    "input": "sequence",
    "x": X,
    "y": TARGET,
    "layers": [{"type": "rnn", "input_weights": U, "recurrent_weights": W}, {"weights": OUT}],
    "loss": "half-squared-error",
}


def over_time() -> Arrays:
    """What a loop over the steps keeps, a row each; as many units as steps, so that shapes tell
    nothing."""
    z, h = np.zeros((STEPS, 4)), np.zeros((STEPS + 1, 4))
    for t in range(STEPS):
        z[t] = U @ X[t] + W @ h[t]
        h[t + 1] = np.tanh(z[t])
    z2 = h[1:] @ OUT.T
    dz2, dz, ahead = z2 - TARGET, np.zeros((STEPS, 4)), np.zeros(4)
    for t in reversed(range(STEPS)):
        dz[t] = (OUT.T @ dz2[t] + ahead) * (1 - h[t + 1] ** 2)
        ahead = W.T @ dz[t]
    return {"Z1": z, "H1": h[1:], "Z2": z2, "dZ2": dz2, "dZ1": dz, "dW1": dz.T @ h[:-1]}


@pytest.mark.parametrize("last", [False, True])
def test_steps_in_one_array_as_rows_or_as_the_last_axis(last: bool) -> None:
    arrays = over_time()
    if last:
        arrays = {name: one if name == "dW1" else one.T for name, one in arrays.items()}
    report = backprop.load(RECURRENT).check(arrays)
    assert {one.verdict for one in report} <= {"correct", "missing"}
    read = {one.id for one in report if one.verdict == "correct"}
    assert read >= {"Z1_1", "Z1_4", "H1", "Z2_2", "dL/dZ2_3", "dL/dZ1_4", "dL/dW1"}
    assert any("steps as the last axis" in text for text in report.remarks) == last


def test_one_array_turned_among_those_in_rows_is_wrong() -> None:
    arrays = over_time()
    report = backprop.load(RECURRENT).check(arrays | {"dZ1": arrays["dZ1"].T})
    assert report["dL/dZ1_1"].verdict == "wrong"
    assert report["Z1_1"].verdict == "correct"


def test_states_with_the_one_before_the_first() -> None:
    """h[0] is h_0, which is given."""
    lines = [{"for t in 1..3": ["h_t = tanh(w * h_{t-1} + x[t])"]}, "L = sum(h_3)"]
    x, w, first = np.array([0.3, -0.2, 0.5]), 0.7, np.array([0.1, 0.4])
    data = {"values": {"x": x, "w": w, "h_0": first}, "equations": lines}
    h = [first]
    for one in x:
        h.append(np.tanh(w * h[-1] + one))
    report = backprop.load(data).check({"h": np.array(h), "L": h[-1].sum()})
    assert {one.id for one in report if one.verdict == "correct"} == {"h_1", "h_2", "h_3", "L"}
    h[2] = h[2] + 0.01
    report = backprop.load(data).check({"h": np.array(h), "L": h[-1].sum()})
    assert (report.first_wrong, report["h_3"].verdict) == ("h_2", "correct")


def test_states_of_steps_that_run_down() -> None:
    """The array has no row for g_4, which is given, or one."""
    lines = [{"for t in 3..1": ["g_t = tanh(w * g_{t+1} + x[t])"]}, "L = sum(g_1)"]
    x, w, last = np.array([0.3, -0.2, 0.5]), 0.7, np.array([0.1, 0.4])
    data = {"values": {"x": x, "w": w, "g_4": last}, "equations": lines}
    g = [last]
    for one in x[::-1]:
        g.insert(0, np.tanh(w * g[0] + one))
    for rows in (g, g[:-1]):
        report = backprop.load(data).check({"g": np.array(rows), "L": g[0].sum()})
        assert {one.id for one in report if one.verdict == "correct"} == {"g_1", "g_2", "g_3", "L"}
    report = backprop.load(data).check({"g": np.array(g[1:]), "L": g[0].sum()})
    assert "g_1" not in {one.id for one in report if one.verdict == "correct"}


def test_gates_by_their_letter_alone() -> None:
    gates = {name: np.random.default_rng(3).normal(size=(1, 1)) for name in "zrh"}
    layer = {"type": "gru", "input_weights": gates, "recurrent_weights": gates}
    data = {"input": "sequence", "x": [[1], [2]], "y": [[0], [1]], "layers": [layer]}
    loaded = backprop.load(data | {"loss": "half-squared-error"})
    slopes = loaded.solve()["dL/dU1_z"]
    for name in ("dUz", "dU_z", "grads/Uz"):
        report = loaded.check({name: np.asarray(slopes)})
        assert report["dL/dU1_z"].verdict == "correct", name


GIVEN = {"x": [[0.3, -0.8], [1.1, 0.4]], "U": [[0.7, -0.2], [0.1, 0.9]]}
CASED = {
    "values": {**GIVEN, "u_0": [0, 0]},
    "equations": [
        {"for t in 1..2": ["u_t = tanh(U @ x[t] + u_{t-1})"]},
        "L = sum(u_1^2) + sum(u_2^2)",
    ],
    "train": ["U"],
}


def recurrence() -> Arrays:
    """The same in plain NumPy: u and du are of the steps, U and dU the matrix beside them."""
    x, U = (np.array(GIVEN[name]) for name in "xU")
    u = [np.zeros(2)]
    for row in x:
        u.append(np.tanh(U @ row + u[-1]))
    second = 2 * u[2]
    first = 2 * u[1] + second * (1 - u[2] ** 2)
    slopes = [first * (1 - u[1] ** 2), second * (1 - u[2] ** 2)]
    return {"u": np.array(u), "du": np.array([first, second]), "dU": np.array(slopes).T @ x}


@pytest.mark.parametrize("names", [("u", "du", "dU"), ("du",), ("dU", "du"), ("u",)])
def test_a_capital_letter_beside_the_steps_of_the_small_one(names: tuple[str, ...]) -> None:
    arrays = {name: recurrence()[name] for name in names}
    ids = {"u": ["u_1", "u_2"], "du": ["dL/du_1", "dL/du_2"], "dU": ["dL/dU"]}
    report = backprop.load(CASED).check(arrays)
    found = {one.id: one.verdict for one in report if one.verdict != "missing"}
    assert found == right(*(id for name in names for id in ids[name]))
    assert not [said for said in report.remarks if "quantity" in said or "starts" in said]


def test_the_steps_of_the_small_letter_are_wrong_where_they_are() -> None:
    arrays = recurrence()
    report = backprop.load(CASED).check({"du": arrays["du"] * [[1], [2]], "dU": arrays["dU"]})
    assert report.first_wrong == "dL/du_2"
    assert report["dL/dU"].verdict == "correct"


def test_a_small_letter_for_a_capital_where_there_are_no_such_steps() -> None:
    plain = {"values": GIVEN, "equations": ["L = sum((U @ x[1])^2)"], "train": ["U"]}
    x, U = (np.array(GIVEN[name]) for name in "xU")
    report = backprop.load(plain).check({"du": 2 * np.outer(U @ x[0], x[0])})
    assert {one.id for one in report if one.verdict == "correct"} == {"dL/dU"}
