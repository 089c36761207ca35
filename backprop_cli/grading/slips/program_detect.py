"""A wrong array to the mistakes that explain it: floats agree to so many digits that few do.

What a program computed needs no intervals: the array is what a wrong formula gives on the program's
own arrays, or it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Final

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    addends,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.of_programs import by_numbers, is_same, ratio, rights_of
from backprop_cli.grading.slips.origins import Candidates, unwritten
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.program_functions import slopes
from backprop_cli.grading.slips.table_of_slips import GENERAL, OF_CODE, said_best
from backprop_cli.grading.slips.wrong_quantity import Candidate, Wrong, most_telling
from backprop_cli.readings.units import largest

MOST_NUMBERS: Final = 50_000_000
"""So many entries of wrong formulas are worked out for one array, and then the search ends."""

_LEAST_SAID: Final = frozenset({"copied", "sign-lost", "constant-factor"})
_IN_PLACE: Final = "changed-in-place"
_FAR_FETCHED: Final = frozenset({"softmax-shortcut-misused", "summed-over-wrong-axis"})
"""What is another way back altogether, where one number, or brackets, explain as much."""


InOneLine = Callable[[str, frozenset[str]], Sequence[Candidate]]
"""The wrong lines of a quantity in which some others are worked out, too."""

_MOST_PUT_IN: Final = 6


class ProgramDetector:
    """Finds the mistakes behind the arrays of one program that are judged."""

    def __init__(self, judge: Judge, in_one_line: InOneLine) -> None:
        self.judge = judge
        self.in_one_line = in_one_line
        self.numbers = Numbers(judge)
        self.workings = [Values(self.numbers), Values(Numbers(judge, repaired=True))]

    def explain(
        self, wrong: Wrong, candidates: Candidates
    ) -> tuple[tuple[str, ...], Origin | None]:
        """The mistakes in a quantity itself, else those in a step behind it that is not given."""
        known = [one for one in wrong.candidates if one[0] not in GENERAL]
        seen = by_numbers(self.judge, wrong, self.numbers)
        scaled = "constant-factor" in seen
        losses = [one for one in wrong.candidates if one[0] == "other-loss" and not scaled]
        brackets = [one for one in wrong.candidates if one[0] == "brackets-misplaced"]
        plain = [id for id in seen if id not in _LEAST_SAID]
        found = [*self._giving(wrong, known), *plain]
        if found and set(found) <= _FAR_FETCHED:  # a wrong count changes less
            nearer = ["constant-factor"] if scaled else self._giving(wrong, brackets)
            nearer = nearer or self._giving(wrong, self._longer_lines(wrong, "factor-left-out"))
            found = [*nearer, *found, *self._giving(wrong, losses)]
        if not found and (made := self._origin(wrong, candidates, general=False)) is not None:
            return made.slips, made
        parts = [one for one in wrong.candidates if one[0] in GENERAL - OF_CODE] + losses
        if not found or found == [_IN_PLACE]:  # m without 1 − β₁ is m̂ at the first step, too
            found = [*self._giving(wrong, parts), *found]
            found = ["sign-lost", *found] if found and "sign-lost" in seen else found
        found = found or seen or self._of_code(wrong)
        if found:
            return most_telling(said_best(dict.fromkeys(found))), None
        if (made := self._origin(wrong, candidates, general=True)) is not None:
            return made.slips, made
        longer = self._giving(wrong, self._longer_lines(wrong))
        return most_telling(said_best(longer)), None

    def _of_code(self, wrong: Wrong) -> list[str]:
        """What is tried where nothing else explains it."""
        if seen := by_all_entries(self.judge, wrong, self.numbers):
            return seen
        lines = [one for one in wrong.candidates if one[0] in OF_CODE]
        return self._giving(wrong, lines) or by_known_parts(self.judge, wrong, self.numbers)

    def _longer_lines(self, wrong: Wrong, slip: str | None = None) -> Sequence[Candidate]:
        """What may go wrong in the line where what the program does not keep is worked out, too."""
        if self.judge.key.first(wrong.name) is None:
            return ()
        put_in = frozenset(unwritten(self.judge, wrong.name, self.numbers)[:_MOST_PUT_IN])
        made = self.in_one_line(wrong.name, put_in) if put_in else ()
        return [one for one in made if slip in (None, one[0])]

    def _giving(self, wrong: Wrong, among: Iterable[Candidate]) -> list[str]:
        """The formulas that give the array: on the arrays as they are, else on right ones."""
        listed, room = list(among), MOST_NUMBERS
        for workings in self.workings:
            found: dict[str, None] = {}
            for id, expr in listed:
                room -= wrong.written.value.size
                if room < 0:
                    break
                if id not in found and self._is(wrong, workings.of(expr)):
                    found[id] = None
            if found:
                return list(found)
        return []

    @staticmethod
    def _is(wrong: Wrong, value: Array) -> bool:
        written = wrong.written
        if value.shape != written.value.shape or not np.isfinite(value).all():
            return False
        return is_same(written.value, value, written.unit)

    # Behind it ----------------------------------------------------------------------------------

    def _origin(self, wrong: Wrong, candidates: Candidates, *, general: bool) -> Origin | None:
        """The nearest step that the program does not give and in which a mistake leads to it."""
        formula = self.judge.key.first(wrong.name)
        if formula is None:
            return None
        room = MOST_NUMBERS
        for step in unwritten(self.judge, wrong.name, self.numbers):
            found: dict[str, None] = {}
            for slip, value in self._led_to(formula, step, candidates, general=general):
                room -= value.size
                if slip not in found and self._is(wrong, value):
                    found[slip] = None
                if room < 0:
                    return None
            if found:
                return Origin(step, most_telling(said_best(found)))
        return None

    def _led_to(
        self, formula: Expr, step: str, candidates: Candidates, *, general: bool
    ) -> Iterator[tuple[str, Array]]:
        """What each mistake in one step leads to."""
        for slip, expr in candidates(step):
            if (slip in GENERAL) == general and not is_jacobian(expr):
                value = self.workings[0].of(expr)
                if not np.isnan(value).any():  # a mask may take −∞
                    changed = Numbers(self.judge, changed={step: value})
                    yield slip, Values(changed).of(formula)


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


_MOST_NUMBERS: Final = 20_000_000
"""So many entries of parts are looked at for one array."""

_FEWEST: Final = 3
"""Entries that have to agree: with fewer, some part of some formula fits by chance."""


def by_all_entries(judge: Judge, wrong: Wrong, numbers: Numbers) -> list[str]:
    """Nothing in it at all, the right entries in another order, ŷ less another target."""
    rights = _finite_rights(judge, wrong, numbers)
    value, unit = wrong.written.value, wrong.written.unit
    if largest(value) == 0 and all(largest(right) > 0 for right in rights):
        cut_off = any(not np.trunc(right).any() for right in rights)
        return ["never-filled", *(["integer-division"] if cut_off else [])]
    if any(_reordered(value, right, unit) for right in rights):
        return ["other-order"]
    other = any(_other_target(judge, value, right, unit, numbers) for right in rights)
    return ["wrong-target"] if other else []


def by_known_parts(judge: Judge, wrong: Wrong, numbers: Numbers) -> list[str]:
    """The right one times or plus a part of some formula, or the reverse."""
    rights = _finite_rights(judge, wrong, numbers)
    value, unit = wrong.written.value, wrong.written.unit
    if value.size < _FEWEST or is_same(value, np.zeros_like(value), unit):
        return []
    values, room = Values(numbers), _MOST_NUMBERS
    found: dict[str, None] = {}
    for term in map(values.of, _terms(judge, wrong.name)):
        if any(_scaled(value - right, term, unit) for right in rights):
            found["term-scaled"] = None
        if any(_put_over(value, right, term, unit) for right in rights):
            found["gradient-overwritten"] = None
    if any(_with_parameter(judge, wrong.name, value - right, unit) for right in rights):
        found["term-added"] = None
    found |= dict.fromkeys(_part_in_place(judge, wrong, numbers))
    for part in _parts(judge):
        for one in _fitting(values.of(part), value.shape):
            room -= value.size
            for right in rights:
                found |= dict.fromkeys(_too_much(value, right, one, unit))
        if room < 0:
            break
    return list(found)


_MOST_IN_PLACE: Final = 4_000
"""So many parts are tried in the place of others."""


def _part_in_place(judge: Judge, wrong: Wrong, numbers: Numbers) -> Iterator[str]:
    """A part of some formula where a quantity belongs, or a quantity where a part does."""
    expr = judge.key.first(wrong.name)
    if expr is None:
        return
    values, unit = Values(numbers), wrong.written.unit
    after = _computed_from(judge, wrong.name)
    parts = [one for one in _parts(judge) if after.isdisjoint(symbols(one))]
    tried = ((own, other) for own in dict.fromkeys(walk(expr)) for other in parts)
    for own, other in islice(tried, _MOST_IN_PLACE):
        if isinstance(own, Num) or own == expr or (isinstance(own, Op) and isinstance(other, Op)):
            continue
        there, here = values.of(other), values.of(own)
        if not there.ndim or not (there.shape == here.shape or _as_sums(expr, own, here, there)):
            continue
        changed = rewrite(expr, partial(_in_its_place, own, other))
        if is_same(wrong.written.value, values.of(changed), unit):
            yield "wrong-operand"
            return


def _as_sums(expr: Expr, own: Expr, here: Array, there: Array) -> bool:
    """Whether two arrays have as many sums along the axis along which one of them is added up."""
    users = [node for node in walk(expr) if isinstance(node, Op) and own in node.args]
    if len(users) != 1 or users[0].name not in ("sum", "mean") or here.ndim != there.ndim:
        return False
    axis = users[0].option("axis")
    if axis not in (0, 1) or here.ndim != 2:
        return False
    other = 1 - int(str(axis))
    return bool(here.shape[other] == there.shape[other])


def _in_its_place(own: Expr, other: Expr, node: Expr) -> Expr | None:
    return other if node == own else None


def _computed_from(judge: Judge, name: str) -> set[str]:
    """A quantity and all that is computed from it."""
    found = {name}
    for other, used in judge.key.uses.items():
        if not found.isdisjoint(used):
            found.add(other)
    return found


def _finite_rights(judge: Judge, wrong: Wrong, numbers: Numbers) -> list[Array]:
    return [one for one in rights_of(judge, wrong, numbers) if np.isfinite(one).all()]


def _reordered(value: Array, right: Array, unit: Array) -> bool:
    rooms = np.full(value.size, largest(unit))
    return value.size >= _FEWEST and is_same(np.sort(value, None), np.sort(right, None), rooms)


def _other_target(judge: Judge, value: Array, right: Array, unit: Array, numbers: Numbers) -> bool:
    """ŷ less other whole numbers than y, where the right one is ŷ less y, or a part of that."""
    for prediction, target in judge.key.compared:
        output, y = numbers[prediction], judge.key.truth[target]
        if output.shape != value.shape or not np.isin(y, (0, 1)).all():
            continue
        times = 1.0 if is_same(right, output - y, unit) else ratio(right, output - y, unit)
        if times is not None:
            other = output - value / times
            whole = np.round(other)
            if is_same(other, whole, unit / abs(times)):
                return True
    return False


def _terms(judge: Judge, name: str) -> Iterator[Expr]:
    """What adds up to a quantity, in each way in which it is worked out."""
    for way in judge.key.formulas.get(name, ()):
        terms = list(addends(way))
        if len(terms) > 1 and not is_jacobian(way):
            yield from terms


def _scaled(off: Array, term: Array, unit: Array) -> bool:
    """Whether what an array is off by is so many times one of the terms."""
    if term.shape != off.shape or not np.isfinite(term).all():
        return False
    return is_same(off, term, unit) or ratio(off, term, unit) is not None


def _put_over(value: Array, right: Array, term: Array, unit: Array) -> bool:
    """Whether one term stands alone wherever it is anything at all, put there and not added."""
    there = term != 0
    if term.shape != right.shape or there.all() or not there.any():
        return False
    return is_same(value, np.where(there, term, right), unit)


def _with_parameter(judge: Judge, name: str, off: Array, unit: Array) -> bool:
    """Whether what a gradient is off by is so many times its parameter: the decay of a bias."""
    parameter = judge.key.truth.get(quantity(name).by)
    return parameter is not None and _scaled(off, parameter, unit)


def _too_much(value: Array, right: Array, part: Array, unit: Array) -> Iterator[str]:
    with np.errstate(all="ignore"):
        for id, gives in _GIVES.items():
            other = gives(right, part)
            if np.isfinite(other).all() and is_same(value, other, unit):
                yield id


_GIVES: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "factor-left-out": lambda right, part: right / part,
        "factor-added": lambda right, part: right * part,
        "term-left-out": lambda right, part: right - part,
        "term-added": lambda right, part: right + part,
    }
)


def _parts(judge: Judge) -> Iterator[Expr]:
    """All quantities, and all parts of their formulas, each once."""
    seen: set[Expr] = set()
    formulas = (ways[0] for ways in judge.key.formulas.values() if not is_jacobian(ways[0]))
    names: Iterator[Expr] = (Sym(name) for name in judge.key.truth)
    sloped = (slope for name in judge.key.truth for slope in slopes(Sym(name)))
    for part in (*names, *(node for expr in formulas for node in walk(expr)), *sloped):
        if isinstance(part, Sym | Op) and part not in seen:
            seen.add(part)
            yield part


def _fitting(part: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """A part as it stands beside an array: entry by entry, or a vector with each row or column."""
    if part.size < 2 or not np.isfinite(part).all():
        return
    if part.shape == shape:
        yield part
    elif part.ndim == 1 and len(shape) == 2:
        if part.size == shape[1]:
            yield np.broadcast_to(part[None, :], shape)
        if part.size == shape[0]:
            yield np.broadcast_to(part[:, None], shape)
    elif part.ndim == len(shape) == 2 and all(
        size in (1, whole) for size, whole in zip(part.shape, shape, strict=True)
    ):
        yield np.broadcast_to(part, shape)
