"""A wrong array to the mistakes that explain it: floats agree to so many digits that few do.

What a program computed needs no intervals: the array is what a wrong formula gives on the program's
own arrays, or it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    num,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.of_programs import by_numbers, ratio
from backprop_cli.grading.slips.origins import Candidates, unwritten
from backprop_cli.grading.slips.plain_workings import Numbers, Values, WrongArray, is_same, room_of
from backprop_cli.grading.slips.program_known_parts import FEWEST, by_known_parts, is_round
from backprop_cli.grading.slips.program_loops import by_terms
from backprop_cli.grading.slips.table_of_slips import GENERAL, OF_CODE, said_best
from backprop_cli.grading.slips.wrong_quantity import Candidate, Wrong, most_telling
from backprop_cli.readings.units import largest, named

MOST_NUMBERS: Final = 50_000_000
"""So many entries of wrong formulas are worked out for one array, and then the search ends."""

_SCALED: Final = "constant-factor"
_LOST: Final = "factor-left-out"
_LEAST_SAID: Final = frozenset({"copied", "sign-lost", _SCALED})
_IN_PLACE: Final = "changed-in-place"
_ANOTHER_LOSS: Final = "other-loss"
_MEAN: Final = "mean-sum-confused"
_A_FACTOR: Final = frozenset({_LOST, "upstream-left-out"})
_MOST_COUNTED: Final = 1_000_000
_FAR_FETCHED: Final = frozenset(
    "softmax-shortcut-misused summed-over-wrong-axis wrong-activation-derivative"
    " broadcast-to-matrix".split()
)
"""What is another way back altogether, where one number, or brackets, explain as much."""


_OF_ONE_LESS: Final = frozenset({"term-left-out", "term-sign-flipped", "wrong-operand", _LOST})
"""What x for 1 − x looks like, too."""

Lines = Callable[[str], Sequence[Expr]]
"""The ways in which a program may write the line of a quantity."""
_IN_BRACKETS: Final = frozenset({"brackets-misplaced", "summed-too-early"})
"""What a bracket in another place explains."""


InOneLine = Callable[[str, frozenset[str]], Sequence[Candidate]]
"""The wrong lines of a quantity in which some others are worked out, too."""

_MOVE: Final = named(lambda record: record.moves) | {"flatten"}

_MOST_PUT_IN: Final = 6
_MOST_AGAIN: Final = 2_000
"""With more numbers in a line it takes seconds to work it out in every wrong way."""

_EACH_LINE: Final = 28
"""Operations in the time that one such line takes, made and worked out: measured with a network of
two layers over three updates, all of whose arrays were rounded."""


class ProgramDetector:
    """Finds the mistakes behind the arrays of one program that are judged."""

    def __init__(self, judge: Judge, lines: Lines, in_one_line: InOneLine) -> None:
        self.judge = judge
        self.lines = lines
        self.in_one_line = in_one_line
        self.numbers = Numbers(judge)
        self.workings = [Values(self.numbers), Values(Numbers(judge, repaired=True))]
        self._same: dict[str, bool] = {}

    def explain(
        self, wrong: Wrong, candidates: Candidates
    ) -> tuple[tuple[str, ...], Origin | None]:
        """The mistakes in a quantity itself, else those in a step behind it that is not given."""
        array = WrongArray(self.judge, wrong, self.numbers)
        seen = by_numbers(array)
        found = self._known(wrong, seen) or by_terms(array, self.lines(wrong.name))
        if not found and (made := self._origin(wrong, candidates, general=False)) is not None:
            return made.slips, made
        found = self._of_parts(wrong, seen, found) or seen or self._of_code(array)
        if found and array.is_(np.zeros_like(array.value)):  # many a mistake leaves nothing
            found += self._giving(wrong, _those(wrong, OF_CODE))
            found = [*by_all_entries(array), *found]
        if found:
            return most_telling(said_best(dict.fromkeys(found))), None
        if (made := self._origin(wrong, candidates, general=True)) is not None:
            return made.slips, made
        longer = by_known_parts(array, self.lines(wrong.name))
        longer = longer or self._giving(wrong, self._longer_lines(wrong))
        longer = longer or self._giving_times(wrong)
        longer = longer or self._giving(wrong, self._lines_again(wrong))
        return most_telling(said_best(longer)), None

    def _known(self, wrong: Wrong, seen: Sequence[str]) -> list[str]:
        """The mistakes that people are known to make, and those that are seen in the numbers."""
        known = [one for one in wrong.candidates if one[0] not in GENERAL]
        found = [*self._giving(wrong, known), *(id for id in seen if id not in _LEAST_SAID)]
        if found and set(found) <= _FAR_FETCHED:
            losses = self._giving(wrong, _other_losses(wrong, seen))
            found = [*self._nearer(wrong, seen), *found, *losses]
        if _MEAN in found and self._is_times_a_count(wrong):
            found = [*self._giving(wrong, _those(wrong, _A_FACTOR)), *found]
        return found

    def _nearer(self, wrong: Wrong, seen: Sequence[str]) -> list[str]:
        """One number, or brackets: a wrong count changes less than another way back does."""
        if _SCALED in seen:
            return [_SCALED]
        lines = [*_those(wrong, {_LOST, "complement"}), *_those(wrong, _IN_BRACKETS)]
        return self._giving(wrong, lines) or self._giving(wrong, self._longer_lines(wrong, _LOST))

    def _of_parts(self, wrong: Wrong, seen: Sequence[str], found: list[str]) -> list[str]:
        """What is `found`, else what any part of the line may undergo, on paper too."""
        if not found or found == [_IN_PLACE]:  # m without 1 − β₁ is m̂ at the first step, too
            parts = [*_other_losses(wrong, seen), *_those(wrong, GENERAL - OF_CODE)]
            found = [*self._giving(wrong, parts), *found]
            if not _OF_ONE_LESS.isdisjoint(found):
                found += self._giving(wrong, _those(wrong, {"complement", "wrong-target"}))
            found = ["sign-lost", *found] if found and "sign-lost" in seen else found
        if found == [_ANOTHER_LOSS]:  # of which another target is a part
            found = [*self._giving(wrong, self._longer_lines(wrong, "wrong-operand")), *found]
        return found

    def _is_times_a_count(self, wrong: Wrong) -> bool:
        """Whether the line takes something 5 times, or 1/5 times, as a sum of 5 is their mean."""
        formula = self.judge.key.first(wrong.name)
        products = (node for node in walk(formula or num(0)) if isinstance(node, Op))
        factors = {one for node in products if node.name == "mul" for one in node.args}
        alone = (self.workings[0].of(one) for one in factors if isinstance(one, (Num, Sym)))
        sizes = (float(abs(value)) for value in alone if not value.ndim and value)
        return any(max(size, 1 / size) in range(3, _MOST_COUNTED) for size in sizes)

    def _of_code(self, array: WrongArray) -> list[str]:
        """What is tried where nothing else explains it."""
        if seen := by_all_entries(array):
            return seen
        return self._giving(array.wrong, _those(array.wrong, OF_CODE))

    def _longer_lines(self, wrong: Wrong, slip: str | None = None) -> Sequence[Candidate]:
        """What may go wrong in the line where what the program does not keep is worked out, too."""
        if self.judge.key.first(wrong.name) is None:
            return ()
        made = self._with(wrong, unwritten(self.judge, wrong.name, self.numbers))
        return [one for one in made if slip in (None, one[0])]

    def _lines_again(self, wrong: Wrong) -> Sequence[Candidate]:
        """The same where what the program does keep is worked out once more in the line."""
        formula = self.judge.key.first(wrong.name)
        used = () if formula is None else symbols(formula)
        if sum(self.numbers[name].size for name in used) > _MOST_AGAIN:
            return ()
        again = [name for name in used if self.judge.key.first(name) is not None]
        again += unwritten(self.judge, wrong.name, self.numbers)
        return self._with(wrong, again)

    def _with(self, wrong: Wrong, names: Sequence[str]) -> Sequence[Candidate]:
        """The wrong lines in which the first of some names are worked out, too."""
        put_in = frozenset(names[:_MOST_PUT_IN])
        made = self.in_one_line(wrong.name, put_in) if put_in else ()
        self.judge.search.spend(_EACH_LINE * len(made))
        return made

    def _giving(self, wrong: Wrong, among: Iterable[Candidate]) -> list[str]:
        """The formulas that give the array: on the arrays as they are, else on right ones."""
        listed, room = list(among), MOST_NUMBERS
        for workings in self.workings:
            found: dict[str, None] = {}
            if workings is not self.workings[0]:
                listed = [one for one in listed if self._is_repaired(one[1])]
            for id, expr in listed:
                room -= wrong.written.value.size
                if room < 0:
                    break
                if id not in found and self._is(wrong, workings.of(expr)):
                    found[id] = None
            if found:
                return list(found)
        return []

    def _is_repaired(self, expr: Expr) -> bool:
        """Whether a formula has other numbers in it where what is wrong is repaired."""
        return not all(map(self._stays, symbols(expr)))

    def _stays(self, name: str) -> bool:
        if (stays := self._same.get(name)) is None:
            typed, repaired = (workings.numbers[name] for workings in self.workings)
            stays = self._same[name] = np.array_equal(typed, repaired, equal_nan=True)
        return stays

    def _giving_times(self, wrong: Wrong) -> list[str]:
        """The formulas that give so many times the array: a mean lost, and something in it."""
        written, found, room = wrong.written, dict[str, None](), MOST_NUMBERS
        for id, expr in wrong.candidates:
            room -= written.value.size
            if room < 0:
                break
            times = ratio(written.value, self.workings[0].of(expr), written.unit)
            if times is not None and is_round(times):
                found[id] = None
        return list(found)

    @staticmethod
    def _is(wrong: Wrong, value: Array) -> bool:
        return is_same(wrong.written.value, value, wrong.written.unit)

    # Behind it ----------------------------------------------------------------------------------

    def _origin(self, wrong: Wrong, candidates: Candidates, *, general: bool) -> Origin | None:
        """The nearest step that the program does not give and in which a mistake leads to it."""
        formula = self.judge.key.first(wrong.name)
        if formula is None:
            return None
        room = MOST_NUMBERS
        for step in unwritten(self.judge, wrong.name, self.numbers):
            if not general and self._is_proved(step, wrong.name):
                continue
            found: dict[str, None] = {}
            leads: dict[bytes, bool] = {}
            for slip, value in self._made_in(step, candidates, general=general):
                room -= value.size
                if slip not in found:
                    numbers = value.tobytes()  # that many a mistake leaves
                    if numbers not in leads:
                        leads[numbers] = self._leads(wrong, formula, step, value)
                    found |= {slip: None} if leads[numbers] else {}
                if room < 0:
                    return None
            if found:
                return Origin(step, most_telling(said_best(found)))
        return None

    def _is_proved(self, step: str, name: str) -> bool:
        """Whether an array that is right follows from a step, and a gradient does, too."""
        key, judged = self.judge.key, self.judge.judged
        return (
            step in key.forward
            and name not in key.forward
            and any(step in key.uses.get(one, ()) for one, its in judged.items() if its.is_right)
        )

    def _made_in(
        self, step: str, candidates: Candidates, *, general: bool
    ) -> Iterator[tuple[str, Array]]:
        """What each mistake makes of one step."""
        for slip, expr in candidates(step):
            if (slip in GENERAL) == general:
                value = self.workings[0].of(expr)
                if not np.isnan(value).any():  # a mask may take −∞
                    yield slip, value

    def _leads(self, wrong: Wrong, formula: Expr, step: str, value: Array) -> bool:
        """Whether the array is what follows from such a step."""
        changed = Numbers(self.judge, changed={step: value})
        return self._is(wrong, Values(changed).of(formula))


def _those(wrong: Wrong, slips: Collection[str]) -> list[Candidate]:
    """The wrong formulas of some slips."""
    return [one for one in wrong.candidates if one[0] in slips]


def _other_losses(wrong: Wrong, seen: Sequence[str]) -> list[Candidate]:
    """Those of other losses, one of which may be so many times the right one."""
    return [] if _SCALED in seen else _those(wrong, {_ANOTHER_LOSS})


def with_earlier(expr: Expr, truth: Iterable[str]) -> Iterator[Expr]:
    """The formula of a later step with values of the step before it that were kept."""
    known = set(truth)
    before = {name: _before(name) for name in symbols(expr) if _has_earlier(name)}
    kept = {name: Sym(other) for name, other in before.items() if other in known}
    for name, other in kept.items():
        yield substitute(expr, {name: other})
    if len(kept) > 1:
        yield substitute(expr, dict(kept))


def _has_earlier(name: str) -> bool:
    one = quantity(name)
    return one.step > 1 or one.part == "new"


def _before(name: str) -> str:
    one = quantity(name)
    if one.step == 1:
        return one.name  # what it was before it was updated at all
    return replace(one, step=one.step - 1).id


def by_all_entries(array: WrongArray) -> list[str]:
    """Nothing in it at all, the right entries in another order, ŷ less another target."""
    rights, value, unit = array.rights, array.value, array.unit
    if largest(value) == 0 and all(largest(right) > 0 for right in rights):
        cut_off = any(not np.trunc(right).any() for right in rights)
        return ["never-filled", *(["integer-division"] if cut_off else [])]
    if any(_reordered(value, right, unit) for right in rights):
        return ["other-order"]
    if any(_picked_from(value, whole, unit) for whole in _moved(array)):
        return ["other-order"]
    if _of_other_rows(array):
        return ["other-order"]
    return ["wrong-target"] if any(_other_target(array, right) for right in rights) else []


def _moved(array: WrongArray) -> Iterator[Array]:
    """What a line takes its entries from, where it only picks and moves them."""
    nodes = [] if array.formula is None else list(walk(array.formula))
    done = {one.name for one in nodes if isinstance(one, Op)}
    if done and done <= _MOVE:
        yield from (array.numbers[one.name] for one in nodes if isinstance(one, Sym))


def _of_other_rows(array: WrongArray) -> bool:
    """Whether one matrix of a sum was added with other rows of it in their places."""
    match array.formula:
        case Op("add", (one, other)) if array.value.ndim == _MATRIX:
            pairs = (array.of(one), array.of(other))
            return any(
                _has_rows(array.value - first, last, array.unit)
                for first, last in (pairs, pairs[::-1])
                if last.shape == array.value.shape
            )
    return False


def _has_rows(found: Array, table: Array, unit: Array) -> bool:
    """Whether each row is one of a table, if not that in its own place."""
    room = np.broadcast_to(room_of(found, unit), found.shape)
    rows = [any(is_same(row, one, room[0]) for one in table) for row in found]
    return len(table) >= FEWEST and all(rows)


_MATRIX: Final = 2


def _picked_from(value: Array, whole: Array, unit: Array) -> bool:
    """Whether each entry is one of the whole, no two of which are alike."""
    entries, room = np.sort(whole, None), largest(unit)
    if value.size < FEWEST or not entries.size or (np.diff(entries) <= 2 * room).any():
        return False
    found = np.clip(np.searchsorted(entries, value - 2 * room), 0, entries.size - 1)
    picked = len({*found.ravel().tolist()}) == value.size
    return picked and is_same(value, entries[found], np.broadcast_to(room, value.shape))


def _reordered(value: Array, right: Array, unit: Array) -> bool:
    rooms = np.full(value.size, largest(unit))
    return value.size >= FEWEST and is_same(np.sort(value, None), np.sort(right, None), rooms)


def _other_target(array: WrongArray, right: Array) -> bool:
    """ŷ less 0 and 1 in other places than y, where the right one is ŷ less y, or a part of it."""
    value, unit = array.value, array.unit
    for prediction, target in array.judge.key.compared:
        output, y = array.numbers[prediction], array.judge.key.truth[target]
        if output.shape != value.shape or not np.isin(y, (0, 1)).all():
            continue
        times = 1.0 if is_same(right, output - y, unit) else ratio(right, output - y, unit)
        if times is not None:
            other = output - value / times
            whole = np.round(other)
            if np.isin(whole, (0, 1)).all() and is_same(other, whole, unit / abs(times)):
                return True
    return False
