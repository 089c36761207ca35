"""Every known slip, made by hand in plain NumPy: that it is named, and who shares its numbers.

A case is one quantity worked out wrongly; it is tried as layers and as equations, with one sample
and with a batch. A slip without a case fails the last test.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from types import SimpleNamespace as Values

import judged
import numpy as np
import pytest
from by_hand import (
    ADAM,
    BINARY,
    CLASSIFIER,
    DECIMALS,
    MEAN_OUTPUTS,
    MOMENTUM,
    ONE_BIAS,
    PENALISED,
    RATE,
    REGRESSION,
    SETTINGS,
    SKIPPING,
    SQUARED_SOFTMAX,
    TANH,
    Array,
    Hand,
    Network,
    Rule,
    Setting,
    adam_step,
    binary,
    count,
    entropy,
    sigmoid,
    softmax,
    squares,
    through_softmax,
    total,
    uncorrected,
)  # fmt: skip
from judged import PROGRAM_SLIPS, grader_of, read_sheet
from msgspec import Struct

from backprop_cli.grading.grader import Grader
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Result, Submission
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS


def after_a_step(network: Network, v: Values) -> Array:
    """The loss after the update, all of it worked out before anything is written."""
    ahead = Values(**vars(v))
    for name, rule in network.hand(SETTINGS[0]).rules.items():
        setattr(ahead, name, rule(ahead))
    return np.asarray(ahead.L_new)


def point_moved(text: str) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}{rest[0]}.{rest[1:]}"


def digits_swapped(text: str) -> str:
    """The first two decimals exchanged."""
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest[1]}{rest[0]}{rest[2:]}"


def sign_lost(text: str) -> str:
    return text.removeprefix("-")


# Cases --------------------------------------------------------------------------------------------


class Case(Struct, frozen=True):
    """A slip: in which network, in which quantity, what is worked out instead, who shares it."""

    slip: str
    network: Network
    where: str
    wrong: Rule
    shares: frozenset[str] = frozenset()
    settings: tuple[Setting, ...] = SETTINGS


def case(slip: str, network: Network, where: str, wrong: Rule, *shares: str) -> Case:
    return Case(slip, network, where, wrong, frozenset(shares))


def in_batches(slip: str, network: Network, where: str, wrong: Rule, *shares: str) -> Case:
    batches = tuple(setting for setting in SETTINGS if setting[1] == "batch")
    return Case(slip, network, where, wrong, frozenset(shares), batches)


def in_layers(slip: str, network: Network, where: str, wrong: Rule, *shares: str) -> Case:
    """In a batch of layers: equations do not say along which axis their samples lie."""
    return Case(slip, network, where, wrong, frozenset(shares), (("layers", "batch"),))


def typo(network: Network, where: str, change: Callable[[str], str]) -> Rule:
    """The right value with one entry typed wrongly: the first that the change can happen to."""

    def rule(v: Values) -> Array:
        value = np.array(network.hand(SETTINGS[0]).rules[where](v), dtype=float)
        for place in np.ndindex(value.shape):
            text = f"{value[place]:.{DECIMALS}f}"
            if change(text) != text:
                value[place] = float(change(text))
                return value
        raise AssertionError(f"no entry of {where} can be mistyped like this")

    return rule


def misread(value: Array, row: int, number: float) -> Array:
    """The same with one digit of the first number of a row read as another."""
    changed = np.array(value)
    changed[row, 0] = number
    return changed


CASES = (
    # forward
    case("activation-omitted", CLASSIFIER, "H1", lambda v: v.Z1, "copied"),
    case("activation-omitted", REGRESSION, "H1", lambda v: v.Z1, "copied"),
    case("bias-left-out", CLASSIFIER, "Z1", lambda v: v.W1 @ v.X),
    case("bias-left-out", CLASSIFIER, "Z2", lambda v: v.W2 @ v.H1),
    case("transpose-omitted", CLASSIFIER, "Z1", lambda v: v.W1.T @ v.X + v.b1),
    case("transpose-omitted", CLASSIFIER, "dH1", lambda v: v.W2 @ v.dZ2),
    in_layers("wrong-sample", CLASSIFIER, "Z1", lambda v: (v.W1 @ v.X + v.b1)[:, ::-1]),
    case("loss-log-base", CLASSIFIER, "L", lambda v: entropy(v, v.Yhat) / np.log(2)),
    case("loss-log-base", BINARY, "L", lambda v: binary(v.Y, v.Yhat) / count(v) / np.log(10)),
    case("targets-swapped", CLASSIFIER, "L", lambda v: -np.sum(v.Yhat * np.log(v.Y)) / count(v)),
    case("targets-swapped", BINARY, "L", lambda v: binary(v.Yhat, v.Y) / count(v)),
    case("targets-swapped", BINARY, "dYhat", lambda v: (v.Y - v.Yhat) / v.Y / (1 - v.Y) / count(v)),
    case("penalty-omitted", PENALISED, "L", lambda v: entropy(v, v.Yhat)),
    case("penalty-omitted", PENALISED, "dW2", lambda v: v.dZ2 @ v.H1.T),
    case("path-lost", SKIPPING, "Z2", lambda v: v.W2 @ v.H1 + v.b2),
    case("path-lost", SKIPPING, "dH1", lambda v: v.W2.T @ v.dZ2),
    case("path-lost", SKIPPING, "dH1", lambda v: v.dZ2, "copied"),
    case("term-sign-flipped", CLASSIFIER, "Z1", lambda v: v.W1 @ v.X - v.b1),
    case("term-sign-flipped", SKIPPING, "Z2", lambda v: v.W2 @ v.H1 + v.b2 - v.H1),
    case("term-left-out", REGRESSION, "dYhat", lambda v: 2 * v.Yhat / count(v)),
    case("wrong-operand", CLASSIFIER, "Z2", lambda v: v.W2 @ v.Z1 + v.b2),
    case("wrong-operand", CLASSIFIER, "Z2", lambda v: v.W1 @ v.H1 + v.b2),
    in_batches("wrong-operand", CLASSIFIER, "db1", lambda v: total(v.dH1)),
    case("wrong-activation", CLASSIFIER, "H1", lambda v: np.tanh(v.Z1)),
    case("wrong-activation", TANH, "H1", lambda v: sigmoid(v.Z1)),
    case("power-left-out", REGRESSION, "L", lambda v: np.sum(v.Yhat - v.Y) / count(v)),
    case("normalisation-left-out", CLASSIFIER, "Yhat", lambda v: np.exp(v.Z2)),
    in_batches("wrong-axis", CLASSIFIER, "Yhat", lambda v: softmax(v.Z2.T).T),
    # backward
    case("activation-derivative-omitted", CLASSIFIER, "dZ1", lambda v: v.dH1, "copied"),
    case(
        "activation-derivative-at-wrong-argument",
        CLASSIFIER,
        "dZ1",
        lambda v: v.dH1 * v.Z1 * (1 - v.Z1),
    ),
    case(
        "activation-derivative-at-wrong-argument",
        CLASSIFIER,
        "dZ1",
        lambda v: v.dH1 * sigmoid(v.H1) * (1 - sigmoid(v.H1)),
    ),
    case(
        "activation-derivative-at-wrong-argument",
        TANH,
        "dZ1",
        lambda v: v.dH1 * (1 - np.tanh(v.H1) ** 2),
    ),
    case("relu-derivative-wrong", REGRESSION, "dZ1", lambda v: v.dH1 * np.maximum(v.Z1, 0)),
    case("relu-derivative-wrong", REGRESSION, "dZ1", lambda v: v.dH1 * (v.Z1 <= 0)),
    case("output-derivative-omitted", SQUARED_SOFTMAX, "dZ2", lambda v: v.dYhat, "copied"),
    case("output-derivative-omitted", BINARY, "dZ2", lambda v: v.dYhat, "copied"),
    case("softmax-shortcut-misused", SQUARED_SOFTMAX, "dZ2", lambda v: (v.Yhat - v.Y) / count(v)),
    case(
        "softmax-shortcut-misused",
        CLASSIFIER,
        "dZ2",
        lambda v: (v.Yhat - v.Y) / count(v) * v.Yhat * (1 - v.Yhat),
    ),
    case(
        "softmax-shortcut-misused",
        CLASSIFIER,
        "dZ2",
        lambda v: through_softmax(v.Yhat, (v.Yhat - v.Y) / count(v)),
    ),
    case("softmax-diagonal-only", CLASSIFIER, "dZ2", lambda v: v.dYhat * v.Yhat * (1 - v.Yhat)),
    case(
        "softmax-diagonal-only", SQUARED_SOFTMAX, "dZ2", lambda v: v.dYhat * v.Yhat * (1 - v.Yhat)
    ),
    case("wrong-layer-input", CLASSIFIER, "dW2", lambda v: v.dZ2 @ v.X.T),
    case("wrong-layer-input", CLASSIFIER, "dW2", lambda v: v.dZ2 @ v.Z1.T),
    case("wrong-layer-input", CLASSIFIER, "dW2", lambda v: v.dZ2 @ v.Yhat.T),
    case("updated-weights-used", CLASSIFIER, "dH1", lambda v: (v.W2 - RATE * v.dW2).T @ v.dZ2),
    case("sign-flipped", CLASSIFIER, "dYhat", lambda v: v.Y / v.Yhat / count(v), "sign-lost"),
    case(
        "sign-flipped",
        REGRESSION,
        "dYhat",
        lambda v: 2 * (v.Y - v.Yhat) / count(v),
        "targets-swapped",
        "sign-lost",
    ),
    case("factor-two", REGRESSION, "dYhat", lambda v: (v.Yhat - v.Y) / count(v)),
    case("factor-two", REGRESSION, "L", lambda v: squares(v, v.Yhat) / 2),
    case("mean-sum-confused", MEAN_OUTPUTS, "dYhat", lambda v: 2 * (v.Yhat - v.Y) / count(v)),
    case("mean-sum-confused", MEAN_OUTPUTS, "L", lambda v: squares(v, v.Yhat)),
    in_batches("bias-gradient-not-summed", CLASSIFIER, "db1", lambda v: v.dZ1[:, :1]),
    in_batches("bias-gradient-not-summed", CLASSIFIER, "db2", lambda v: v.dZ2[:, -1:]),
    case("bias-gradient-not-summed", ONE_BIAS, "db1", lambda v: v.dZ1[0, 0]),
    case("wrong-activation-derivative", CLASSIFIER, "dZ1", lambda v: v.dH1 * (1 - v.H1**2)),
    case("wrong-activation-derivative", CLASSIFIER, "dZ1", lambda v: v.dH1 * v.H1),
    case("wrong-activation-derivative", TANH, "dZ1", lambda v: v.dH1 * v.H1 * (1 - v.H1)),
    case("upstream-left-out", CLASSIFIER, "dZ1", lambda v: v.H1 * (1 - v.H1)),
    case("upstream-left-out", CLASSIFIER, "dW2", lambda v: np.ones_like(v.dZ2) @ v.H1.T),
    case("input-left-out", CLASSIFIER, "dW2", lambda v: v.dZ2 @ np.ones_like(v.H1).T),
    case("loss-for-gradient", REGRESSION, "dYhat", lambda v: (v.Yhat - v.Y) ** 2 / count(v)),
    case("value-for-gradient", CLASSIFIER, "dW1", lambda v: v.W1 - RATE * (v.dZ1 @ v.X.T)),
    case("factor-left-out", CLASSIFIER, "dH1", lambda v: v.dZ2, "copied"),
    # update
    case("change-for-value", CLASSIFIER, "W1_new", lambda v: -RATE * v.dW1),
    case("change-for-value", CLASSIFIER, "b2_new", lambda v: -RATE * v.db2),
    case("ascent", CLASSIFIER, "W1_new", lambda v: v.W1 + RATE * v.dW1),
    case("ascent", CLASSIFIER, "b2_new", lambda v: v.b2 + RATE * v.db2),
    case("ascent", ADAM, "W2_new", lambda v: v.W2 + RATE * adam_step(v.dW2)),
    case("learning-rate-omitted", CLASSIFIER, "W1_new", lambda v: v.W1 - v.dW1),
    case("learning-rate-omitted", ADAM, "W2_new", lambda v: v.W2 - adam_step(v.dW2)),
    case("learning-rate-twice", CLASSIFIER, "W2_new", lambda v: v.W2 - RATE**2 * v.dW2),
    case("bias-not-updated", CLASSIFIER, "b2_new", lambda v: v.b2, "copied"),
    case("weights-not-updated", CLASSIFIER, "W2_new", lambda v: v.W2, "copied"),
    case("bias-correction-omitted", ADAM, "W2_new", lambda v: v.W2 - RATE * uncorrected(v.dW2)),
    case("state-ignored", MOMENTUM, "W2_new", lambda v: v.W2 - RATE * v.dW2),
    case("updated-weights-forward", CLASSIFIER, "L_new", lambda v: v.L, "copied"),
    case("updated-weights-forward", CLASSIFIER, "L", lambda v: after_a_step(CLASSIFIER, v)),
    # anywhere
    case("transposed", CLASSIFIER, "dW2", lambda v: (v.dZ2 @ v.H1.T).T),
    case("decimal-slip", CLASSIFIER, "Z1", typo(CLASSIFIER, "Z1", point_moved)),
    case("digits-swapped", CLASSIFIER, "dH1", typo(CLASSIFIER, "dH1", digits_swapped)),
    case("sign-lost", CLASSIFIER, "dW2", typo(CLASSIFIER, "dW2", sign_lost)),
    case("units-exchanged", CLASSIFIER, "Z1", lambda v: (v.W1 @ v.X + v.b1)[[0, 2, 1]]),
    in_batches("digit-misread", CLASSIFIER, "Z1", lambda v: misread(v.W1, 0, 0.5) @ v.X + v.b1),
    in_batches("digit-misread", CLASSIFIER, "dW1", lambda v: v.dZ1 @ misread(v.X, 2, 0.9).T),
    case("copied", CLASSIFIER, "Z2", lambda v: v.Z1),
    case("copied", CLASSIFIER, "Z1", lambda v: v.X),
)


@cache
def exercise(network: Network, setting: Setting) -> tuple[Hand, Grader, Quantities]:
    hand = network.hand(setting)
    grader = grader_of(hand.problem)
    return hand, grader, grader.quantities()


def graded(network: Network, setting: Setting, **slips: Rule) -> tuple[Hand, Submission]:
    hand, grader, known = exercise(network, setting)
    sheet = read_sheet(hand.sheet(**slips).encode(), "sheet.yaml", known)
    assert not sheet.remarks
    return hand, grader.grade(sheet)


def by_id(submission: Submission) -> dict[str, Result]:
    return {result.id: result for result in submission.results}


NETWORKS = tuple(dict.fromkeys(case.network for case in CASES))
TRIED = [(case, setting) for case in CASES for setting in case.settings]


def words(value: object) -> str:
    return f"{value.slip}-{value.where}" if isinstance(value, Case) else "-".join(map(str, value))  # type: ignore[call-overload]


@pytest.mark.parametrize(("case", "setting"), TRIED, ids=words)
def test_a_slip_is_named_where_it_was_made(case: Case, setting: Setting) -> None:
    hand, submission = graded(case.network, setting, **{case.where: case.wrong})
    where = hand.id(case.where)
    results = by_id(submission)
    assert submission.first_wrong == where
    assert set(results[where].slips) == {case.slip, *case.shares}
    wrong = [result.id for result in submission.results if result.verdict == "wrong"]
    assert wrong == [where], "what follows from a slip is no second mistake"


@pytest.mark.parametrize(("network", "setting"), tuple(product(NETWORKS, SETTINGS)))
def test_a_right_sheet_has_no_slip(network: Network, setting: Setting) -> None:
    _, submission = graded(network, setting)
    assert {result.verdict for result in submission.results} == {"correct"}
    assert [result.slips for result in submission.results if result.slips] == []
    assert [result.id for result in submission.results if result.cannot_exclude] == []


IN_BATCHES = {("layers", "batch"), ("equations", "batch")}
ELSEWHERE = {
    "wrong-sample": {("layers", "batch")},
    "wrong-axis": IN_BATCHES,
    "digit-misread": IN_BATCHES,
    "gradient-to-all": set(),  # no network of these has a maximum,
    "kernel-flipped": set(),  # or a kernel
    "one-position-only": set(),
    "wrong-stride": set(),
    "wrong-padding": set(),
    "stop-ignored": set(),  # or anything that is held fixed
    "complement": set(),  # or a gate
    "divided-by-one-less": set(),  # or a mean over more than two
}
"""Slips that make no sense in every setting: where they do."""


@pytest.mark.parametrize("slip", [id for id in SLIP_WORDS if id not in PROGRAM_SLIPS])
def test_every_slip_has_a_case_in_every_setting(slip: str) -> None:
    tried = {setting for case, setting in TRIED if case.slip == slip}
    assert tried == ELSEWHERE.get(slip, set(SETTINGS))


# Where a slip is looked for, and where it proves nothing -----------------------------------------


def test_a_later_slip_is_worked_out_from_the_students_own_values() -> None:
    slips: dict[str, Rule] = {"H1": lambda v: v.Z1, "dZ1": lambda v: v.dH1}
    _, submission = graded(CLASSIFIER, SETTINGS[0], **slips)
    found = {result.id: set(result.slips) for result in submission.results if result.slips}
    assert found == {
        "H1": {"activation-omitted", "copied"},
        "dL/dZ1": {"activation-derivative-omitted", "copied"},
    }


def test_two_slips_at_once_have_no_name() -> None:
    rule: Rule = lambda v: -v.dH1 * sigmoid(v.H1) * (1 - sigmoid(v.H1))  # noqa: E731
    _, submission = graded(CLASSIFIER, SETTINGS[0], dZ1=rule)
    result = by_id(submission)["dL/dZ1"]
    assert (result.verdict, result.slips) == ("wrong", ())


def test_what_is_rightly_repeated_later_is_not_where_it_was_copied_from() -> None:
    """With one sample, the gradient of the bias is that of the pre-activation."""
    _, submission = graded(CLASSIFIER, SETTINGS[0], dZ2=lambda v: 7 * v.dYhat - 3)
    results = by_id(submission)
    assert results["dL/db2"].verdict == "carried"
    assert results["dL/dZ2"].slips == ()


ONE_FIGURE = """x: [1, 2]
y: [{y}]
layers: [{{weights: [[0.5, -0.3]], bias: [0.35]}}]
loss: half-squared-error
ask: [dL/dYhat]
"""


def of_one_figure(y: float, answer: str) -> Result:
    return judged.graded(ONE_FIGURE.format(y=y), f"dL/dYhat: {answer}")["dL/dYhat"]


@pytest.mark.parametrize(
    ("answer", "slips"),
    [
        ("-2.6", ("targets-swapped",)),  # from two digits no factor is named: any would fit some
        ("-2.62", ("targets-swapped", "sign-flipped", "sign-lost")),
        ("1.3", ()),
        ("1.31", ("factor-two",)),
        ("5.24", ("factor-two",)),
        ("26.2", ("decimal-slip",)),
        ("2.26", ("digits-swapped",)),
        ("2.99", ()),
    ],
)
def test_a_single_figure_needs_three_digits(answer: str, slips: tuple[str, ...]) -> None:
    """yhat is 0.5 - 0.6 + 0.35 = 0.25, so dL/dYhat = 0.25 + 2.37 = 2.62."""
    result = of_one_figure(-2.37, answer)
    assert (result.verdict, set(result.slips)) == ("wrong", set(slips))


CONSTANT_INPUT = """convention: {affine: x W + b, bias: first}
x: [2, -1]
y: [1, 0]
layers: [{weights: [[0.5, -0.25], [1, 2], [3, -2]], activation: sigmoid}]
loss: half-squared-error
ask: [Z1, dL/dW1]
grading: {precision: {decimals: 3}}
"""


def test_the_constant_input_of_a_bias_inside_the_weights_left_out() -> None:
    """z = [1 2 -1] W = (0.5 + 2 - 3, -0.25 + 4 + 2); without the 1, (-1, 6)."""
    result = judged.graded(CONSTANT_INPUT, "Z1: [-1.000, 6.000]")["Z1"]
    assert result.slips == ("bias-left-out",)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_follows_through_a_softmax_from_a_wrong_gradient(setting: Setting) -> None:
    hand, submission = graded(CLASSIFIER, setting, dYhat=lambda v: v.Y - 2 * v.Yhat)
    assert by_id(submission)[hand.id("dZ2")].verdict == "carried"
