"""What formulas gave on the same numbers before: bit by bit what they give, and less work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.operations import Example, examples, point
from students.classroom import handed_in

from backprop_cli.algebra.expr import Sym, op
from backprop_cli.cli.arguments import load
from backprop_cli.grading.graded import Graded
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Submission
from backprop_cli.grading.sheets.answer_files import Reader
from backprop_cli.grading.sheets.typed_arrays import Array, Written
from backprop_cli.grading.slips.detect import Detector
from backprop_cli.operations.bounds import Interval
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.intervals import Enclosing, enclosure
from backprop_cli.readings.remembered import Remembered, enclosed, exactly
from backprop_cli.readings.units import Rounding, Unit

UNITS = (
    None,
    Unit(2),
    Unit(3, True),
    Rounding(3, within="every product"),
    Rounding(2, cuts_off=True),
)


def same(one: Interval, other: Interval) -> bool:
    """Whether bounds are the same to the last bit, and in the same shape."""
    return all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_it_is_what_the_formula_gives(example: Example) -> None:
    values = {name: np.asarray(one, dtype=float) for name, one in point(example, 5).items()}
    wide = {name: (one - 0.01, one + 0.01) for name, one in values.items()}
    sharp = {name: (one, one) for name, one in values.items()}
    for unit in UNITS:
        for names in (wide, sharp):
            right = enclosure(example.node, names.__getitem__, unit)
            first, again = (
                enclosed(example.node, Enclosing(names.__getitem__, unit)) for _ in range(2)
            )
            assert same(first, right)
            assert again is first


def test_other_numbers_units_and_digits_are_not_taken_for_it() -> None:
    expr = parse("a * (1 - a) + b")
    a, b = np.array([0.5, 2.0]), np.array([1.0, 0.25])
    next_to = a.copy()
    next_to[1] = np.nextafter(next_to[1], 3)
    for unit in UNITS:
        for x in (a, next_to, -a, a * np.nan):
            for finer in (None, {"b"}.__contains__, {"a", "b"}.__contains__):
                names = {"a": (x, x), "b": (b - 0.1, b)}
                found = enclosed(expr, Enclosing(names.__getitem__, unit, finer))
                assert same(found, enclosure(expr, names.__getitem__, unit, finer))


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_what_formulas_share_is_worked_out_once_and_changes_nothing(example: Example) -> None:
    q = np.asarray(0.73)
    names = {name: np.asarray(one, dtype=float) for name, one in point(example, 5).items()}
    bounds = {name: (one - 0.01, one + 0.01) for name, one in names.items()} | {"q": (q, q)}
    node = example.node
    several = [
        node,
        op("mul", Sym("q"), node),
        op("div", op("mul", Sym("q"), node), Sym("q")),  # what is exact counts there
        op("add", op("mul", Sym("q"), node), Sym("q")),
        node,
    ]
    for unit in UNITS:
        shared = Enclosing(bounds.__getitem__, unit, {"q"}.__contains__)
        for expr in several:
            own = enclosure(expr, bounds.__getitem__, unit, {"q"}.__contains__)
            assert same(shared.bounds(expr), own)


def test_a_key_is_exact() -> None:
    a = np.array([[0.0, 1.0], [2.0, 3.0]])
    around = np.array([[-1.0, 1.0], [2.0, 3.0]])
    others = [(-a, -a), (a.T, a.T), (a.reshape(4), a.reshape(4)), (around, a), (a, a.copy())]
    turned = np.asfortranarray(a)  # its sums go the other way round
    keys = [exactly((a, a)), *map(exactly, others), exactly((turned, turned))]
    assert len(set(keys)) == len(keys)
    assert exactly((a.copy(), a.copy())) == exactly((a, a.copy()))


def test_large_arrays_are_not_kept() -> None:
    large = np.ones((30, 30))
    expr = op("exp", Sym("a"))
    first, again = (enclosed(expr, Enclosing(lambda _: (large, large))) for _ in range(2))
    assert first is not again
    assert same(first, again)


def test_what_is_asked_again_stays_and_the_rest_goes() -> None:
    kept: Remembered[int] = Remembered(10, lambda _: 1)
    asked: Counter[int] = Counter()

    def work(number: int) -> Callable[[], int]:
        def done() -> int:
            asked[number] += 1
            return number

        return done

    for number in range(1, 200):
        assert kept.of(0, None, work(0)) == 0
        assert kept.of(number, None, work(number)) == number
    assert asked[0] == 1
    kept.of(1, None, work(1))
    assert asked[1] == 2
    assert len(kept._new) + len(kept._old) <= 20  # noqa: SLF001


def test_so_many_numbers_are_kept_however_few_records_that_are() -> None:
    kept: Remembered[range] = Remembered(1_000, len)
    for number in range(1, 300):
        kept.of(number, None, partial(range, number))
        held = [found for _, found in (*kept._new.values(), *kept._old.values())]  # noqa: SLF001
        assert sum(map(len, held)) <= 2_000
        assert max(map(len, held)) <= 100  # one that is too large takes no others' place


def test_what_a_key_names_is_held() -> None:
    kept: Remembered[str] = Remembered(50, len)
    for number in range(40):
        one = [str(number)]
        assert kept.of(id(one), one, partial(str, number)) == str(number)
        del one  # and nothing else may have its identity


def test_a_typed_answer_is_looked_at_again_beside_another_true_value() -> None:
    typed, truth, other = Written(np.ones(2), np.ones(2)), np.zeros(2), np.zeros(2)
    assert typed.once("a", truth, lambda: 0) == 0
    assert typed.once("a", truth, lambda: 1) == 0
    assert typed.once("b", truth, lambda: 2) == 2
    assert typed.once("a", other, lambda: 3) == 3


# Sheets -------------------------------------------------------------------------------------------


def graded(problem: Path, sheets: list[str]) -> list[Submission]:
    desk = Desk(load(problem).model)
    return [desk.grade(text.encode(), f"{at}.yaml") for at, text in enumerate(sheets)]


@pytest.mark.parametrize("seed", [980_500, 980_501])
def test_a_sheet_is_graded_as_if_nothing_were_remembered(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (text, cases) in enumerate(handed_in(seed)[1][:2]):
        problem = tmp_path / f"{number}.yaml"
        problem.write_text(text, encoding="utf-8")
        sheets = [case.text for case in cases][:25]
        remembering = graded(problem, sheets)
        backwards = graded(problem, sheets[::-1])[::-1]
        with monkeypatch.context() as patched:
            patched.setattr(Remembered, "of", anew)
            assert [one.results for one in remembering] == [
                one.results for one in graded(problem, sheets)
            ]
        assert [one.results for one in backwards] == [one.results for one in remembering]


def anew(_: Any, _key: Hashable, _holds: object, work: Callable[[], Any]) -> Any:
    return work()


PROBLEM = Path(__file__).parent.parent / "problems" / "sigmoid-softmax.yaml"
RIGHT = {"Z1": "4, 0", "H1": ".982, .500", "Z2": "2.964, 2.446", "Yhat": ".627, .373", "L": ".985"}


def test_the_same_numbers_are_not_the_same_where_other_ones_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """0.62 has too few digits and is gone on with; 0.620 is wrong, and the true one is put."""
    grader = Desk(load(PROBLEM).model).grader
    reader = Reader(grader.quantities())

    def given(yhat: str) -> Array:
        lines = (RIGHT | {"Yhat": yhat, "dL/dZ2": ".31, .25"}).items()
        text = "answers:\n" + "".join(f"  {name}: [{row}]\n" for name, row in lines)
        graded = Graded(grader, reader.sheet(text.encode(), "a.yaml"), grader.right)
        assert isinstance(graded.causes.detector, Detector)
        return graded.causes.detector._given(graded.causes.wrong("dL/dZ2"))[0]  # noqa: SLF001

    remembered = [given(one) for one in (".62, .38", ".620, .380")]
    monkeypatch.setattr(Remembered, "of", anew)
    for yhat, found in zip((".62, .38", ".620, .380"), remembered, strict=True):
        assert found.tobytes() == given(yhat).tobytes()
    assert remembered[0].tobytes() != remembered[1].tobytes()


def test_who_is_wrong_behind_the_same_right_numbers_is_less_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(load(PROBLEM).model)
    steps: list[NDArray[np.float64]] = []
    of = Enclosing.step

    def counted(self: Any, node: Any, args: Any) -> Any:
        steps.append(node)
        return of(self, node, args)

    monkeypatch.setattr(Enclosing, "step", counted)
    work = []
    for wrong in (".412, .588", ".433, .567", ".471, .529"):
        before = len(steps)
        lines = (RIGHT | {"Yhat": wrong}).items()
        text = "answers:\n" + "".join(f"  {name}: [{row}]\n" for name, row in lines)
        results = {one.id: one for one in desk.grade(text.encode(), "a.yaml").results}
        assert results["Yhat"].verdict == "wrong"
        work.append(len(steps) - before)
    assert 3 * max(work[1:]) < work[0], work
