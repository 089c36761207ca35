"""What a wrong formula cannot give is known from the entries it leaves alone, and from one number
only what it goes into is worked out again: both are what working everything out comes to."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from judged import grader_of, read_sheet, submission
from numpy.lib.stride_tricks import sliding_window_view

from backprop_cli.algebra.expr import Op, op, walk
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.slips.misread import OneChanged
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.slips.terms_in_place import parts_of_each, placed, reaches, right_sum
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings import intervals
from backprop_cli.readings.intervals import enclosure
from backprop_cli.readings.units import Unit

CASES = Path(__file__).parent / "cases" / "courses"
RNG = np.random.default_rng

PROBLEM = """\
values:
  X: [[0.31, -1.2, 2.04], [1.5, 0.62, -0.9], [-0.4, 1.1, 0.75]]
  W: [[0.5, -1.3], [2.2, 0.7]]
  y: [1.5, -0.5]
equations:
  - A = [[X[1,1]*W[1,1] + X[1,2]*W[1,2] + X[2,1]*W[2,1] + X[2,2]*W[2,2],
      X[1,2]*W[1,1] + X[1,3]*W[1,2] + X[2,2]*W[2,1] + X[2,3]*W[2,2]],
      [X[2,1]*W[1,1] + X[2,2]*W[1,2] + X[3,1]*W[2,1] + X[3,2]*W[2,2],
      X[2,2]*W[1,1] + X[2,3]*W[1,2] + X[3,2]*W[2,1] + X[3,3]*W[2,2]]]
  - r = [A[1,1] + A[1,2], A[2,1] - A[2,2]]
  - L = half_squared_error(r, y)
train: [W, X]
"""


@cache
def grader() -> Grader:
    return grader_of(PROBLEM)


def typed(name: str) -> Interval:
    """Every number that rounds or cuts off to what somebody has on paper."""
    value = np.asarray(grader().truth[name])
    if name in grader().model.given:
        return value, value
    value = np.round(value, 2)
    return value - 0.01, value + 0.01


@pytest.mark.parametrize("unit", [Unit(1), Unit(2), Unit(3, significant=True)], ids=str)
@pytest.mark.parametrize("name", ["A", "r", "dL/dW", "dL/dX"])
def test_that_what_no_mistake_reached_lies_where_the_right_terms_do(name: str, unit: Unit) -> None:
    right, shape = grader().key.formulas[name][0], grader().truth[name].shape
    wrong = [expr for _, expr in grader().candidates(name)[::5]]
    found = placed(right, wrong, len(shape))
    assert found is not None
    low, high = right_sum(found, enclosure(found.terms, typed, unit), unit, shape)
    partly = 0
    for expr in wrong:
        untouched = np.ones(shape, dtype=bool)
        for place in found.changed[id(expr)]:
            untouched[place] = False
        partly += bool(untouched.any())
        least, most = (np.broadcast_to(end, shape) for end in enclosure(expr, typed, unit))
        inside = (low <= least + 1e-9) & (most <= high + 1e-9)
        assert (inside | np.isnan(least))[untouched].all(), expr
    assert partly > len(wrong) / 3


@pytest.mark.parametrize("unit", [Unit(1), Unit(2), Unit(3, significant=True)], ids=str)
@pytest.mark.parametrize("name", ["A", "r", "dL/dW", "dL/dX"])
def test_that_what_a_mistake_reached_lies_where_its_own_terms_do(name: str, unit: Unit) -> None:
    right, truth = grader().key.formulas[name][0], np.asarray(grader().truth[name])
    wrong = [expr for _, expr in grader().candidates(name)]
    found = placed(right, wrong, truth.ndim)
    assert found is not None
    some = [expr for expr in wrong[::5] if id(expr) in found.own.numbers]
    own = found.own.of(some)
    terms = enclosure(op("stack", *own.leaves), typed, unit)
    low, high = own.sums(terms, unit)
    beyond = 0
    for expr in some:
        here = own.entries[:, 0] == own.numbers[id(expr)]
        places = tuple(axis[here] for axis in own.places)
        assert {*zip(*(axis.tolist() for axis in places), strict=True)} == found.changed[id(expr)]
        ends = (np.broadcast_to(end, truth.shape)[places] for end in enclosure(expr, typed, unit))
        least, most = ends
        inside = (low[here] <= least + 1e-9) & (most <= high[here] + 1e-9)
        assert (inside | np.isnan(least)).all(), expr
        beyond += bool(((truth[places] < low[here]) | (truth[places] > high[here])).any())
    assert beyond > len(some) / 3  # it tells them from what is right


@pytest.mark.parametrize("name", ["A", "r", "dL/dW", "dL/dX"])
def test_that_parts_are_counted_as_they_are_listed(name: str) -> None:
    wrong = [expr for _, expr in grader().candidates(name)]
    right = grader().key.formulas[name][0]
    found = parts_of_each([*wrong, right, *wrong[:3]])
    assert len(found) == len({*map(id, [*wrong, right])})
    for expr in (*wrong, right):
        assert found[id(expr)] == len({id(node) for node in walk(expr)})


def test_that_a_wrong_sum_shows_where_it_is_wrong() -> None:
    right = grader().key.formulas["A"][0]
    assert isinstance(right, Op)
    first, second = right.args
    assert isinstance(second, Op)
    mixed = Op("stack", (first, Op("stack", (second.args[0], second.args[0]))))
    whole = Op("stack", (second, first))
    found = placed(right, [right, mixed, whole], 2)
    assert found is not None
    assert [found.changed[id(one)] for one in (right, mixed)] == [frozenset(), {(1, 1)}]
    assert found.changed[id(whole)] == {(0, 0), (0, 1), (1, 0), (1, 1)}
    off = np.array([[False, False], [True, True]])
    assert not reaches(found.changed[id(mixed)], off)
    assert reaches(found.changed[id(whole)], off)


def test_that_terms_written_in_full_leave_no_room_and_one_that_is_not_leaves_some() -> None:
    """Four products of whole numbers add up to one number, at one decimal as at three."""
    text = PROBLEM.replace("0.31, -1.2, 2.04", "1, -1, 2").replace("1.5, 0.62, -0.9", "2, 1, -1")
    own = grader_of(text.replace("[[0.5, -1.3], [2.2, 0.7]]", "[[1, -1], [2, 3]]"))
    found = placed(own.key.formulas["A"][0], [], 2)
    assert found is not None

    def given(name: str) -> Interval:
        value = np.asarray(own.truth[name])
        return value, value

    for unit in (Unit(1), Unit(3)):
        low, high = right_sum(found, enclosure(found.terms, given, unit), unit, (2, 2))
        assert low[0].tolist() == pytest.approx([9, -4], abs=1e-6)
        assert high[0].tolist() == pytest.approx([9, -4], abs=1e-6)
        assert (high[1, 1] - low[1, 1] > unit.at(low[1, 1])) == (unit.count == 1)  # 3 times 0.75


def test_that_nothing_is_worked_out_for_terms_that_give_one_entry_of_four_wrong_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, counted = intervals.Enclosing.bounds, 0

    def bounds(self: intervals.Enclosing, expr: Op) -> Interval:
        nonlocal counted
        counted += 1
        return real(self, expr)

    monkeypatch.setattr(intervals.Enclosing, "bounds", bounds)
    found = submission(PROBLEM, "A: [[-4.19, 9.27], [8.11, -7.3]]")
    assert found.results[0].verdict == "wrong"
    assert counted < len(grader().candidates("A")) / 2


def test_that_few_of_a_thousand_formulas_are_worked_out_near_what_was_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of a gradient is off by what rounding may do, so that hundreds of wrong ones are near."""
    own, rng = grader_of((CASES / "convolution-relu-pooling.yaml").read_text("utf-8")), RNG(3)
    image, flow = np.asarray(own.truth["I"]), rng.normal(size=(2, 4))
    windows = sliding_window_view(image, (2, 4))  # ∂L/∂W of a convolution is one of the two
    right = {one: np.asarray(own.truth[one]) for one in own.key.formulas if one in own.key.asked}
    sheet = right | {"dL/dJ": flow, "dL/dW": (windows * flow).sum((2, 3))}
    del sheet["dL/dI"]
    text = ", ".join(f"{one}: {np.round(value, 2).tolist()}" for one, value in sheet.items())
    real, counted = intervals.Enclosing.bounds, 0

    def bounds(self: intervals.Enclosing, expr: Op) -> Interval:
        nonlocal counted
        counted += 1
        return real(self, expr)

    monkeypatch.setattr(intervals.Enclosing, "bounds", bounds)
    found = own.grade(read_sheet(f"answers: {{{text}}}".encode(), "s.yaml", own.quantities()))
    assert [one.id for one in found.results if one.verdict == "wrong"] == ["dL/dJ", "dL/dW"]
    assert counted < len(own.candidates("dL/dW")) / 2, counted


def test_that_another_number_gives_what_all_of_the_formula_gives() -> None:
    for name in ("A", "r", "dL/dW", "dL/dX", "L"):
        expr = grader().key.formulas[name][0]
        changed = OneChanged(expr, grader().truth)
        for used in ("X", "W", "A", "r", "dL/dA", "dL/dr"):
            value = np.asarray(grader().truth[used])
            for place in np.ndindex(value.shape):
                for number in (value[place], 0.0, 7.25):
                    other = value.copy()
                    other[place] = number
                    whole = Values({**grader().truth, used: other}).of(expr)
                    found = changed.at(used, place)(float(number))
                    assert np.array_equal(found, whole), (name, used, place)


def test_that_a_sheet_is_read_in_another_convention_by_the_very_formulas_that_are_equal() -> None:
    own = grader_of("values: {x: [1, 2, 2]}\nequations: [h = x^2, m = max(h), L = 3 * m]\n")
    ((_, other),) = own.others
    for name in ("h", "m", "L", "dL/dm"):
        assert other.key.formulas[name][0] is own.key.formulas[name][0]
    assert other.truth["dL/dh"].tolist() != own.truth["dL/dh"].tolist()
