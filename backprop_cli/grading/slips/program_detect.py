"""A wrong array to the mistakes that explain it: floats agree to so many digits that few do.

What a program computed needs no intervals: the array is what a wrong formula gives on the program's
own arrays, or it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Sym, substitute, symbols
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.detect import most_telling
from backprop_cli.grading.slips.of_programs import by_numbers, is_same
from backprop_cli.grading.slips.origins import Candidates, unwritten
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.program_values import by_all_entries, by_known_parts
from backprop_cli.grading.slips.table_of_slips import GENERAL, OF_CODE, said_best
from backprop_cli.grading.slips.wrong_quantity import Candidate, Wrong

MOST_NUMBERS: Final = 50_000_000
"""So many entries of wrong formulas are worked out for one array, and then the search ends."""

_LEAST_SAID: Final = frozenset({"copied", "constant-factor"})
_MOST_NAMED: Final = 3


class ProgramDetector:
    """Finds the mistakes behind the arrays of one program that are judged."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.numbers = Numbers(judge)
        self.workings = [Values(self.numbers), Values(Numbers(judge, repaired=True))]

    def explain(
        self, wrong: Wrong, candidates: Candidates
    ) -> tuple[tuple[str, ...], Origin | None]:
        """The mistakes in a quantity itself, else those in a step behind it that is not given."""
        known = [one for one in wrong.candidates if one[0] not in GENERAL]
        seen = by_numbers(self.judge, wrong, self.numbers)
        plain = [id for id in seen if id not in _LEAST_SAID]
        found = [*self._giving(wrong, known), *plain]
        if not found and (made := self._origin(wrong, candidates, general=False)) is not None:
            return made.slips, made
        parts = [one for one in wrong.candidates if one[0] in GENERAL - OF_CODE]
        found = found or self._giving(wrong, parts) or seen or self._of_code(wrong)
        if found:
            return most_telling(said_best(dict.fromkeys(found))), None
        made = self._origin(wrong, candidates, general=True)
        return (() if made is None else made.slips), made

    def _of_code(self, wrong: Wrong) -> list[str]:
        """What is tried where nothing else explains it."""
        if seen := by_all_entries(self.judge, wrong, self.numbers):
            return seen
        lines = [one for one in wrong.candidates if one[0] in OF_CODE]
        return self._giving(wrong, lines) or by_known_parts(self.judge, wrong, self.numbers)

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
                return Origin(step, tuple(said_best(found))[:_MOST_NAMED])
        return None

    def _led_to(
        self, formula: Expr, step: str, candidates: Candidates, *, general: bool
    ) -> Iterator[tuple[str, Array]]:
        """What each mistake in one step leads to."""
        for slip, expr in candidates(step):
            if (slip in GENERAL) == general and not is_jacobian(expr):
                value = self.workings[0].of(expr)
                if np.isfinite(value).all():
                    changed = Numbers(self.judge, changed={step: value})
                    yield slip, Values(changed).of(formula)


def with_earlier(expr: Expr, truth: Iterable[str]) -> Iterator[Expr]:
    """The formula of a later step with values of the step before it that were kept."""
    known = set(truth)
    before = {name: _before(name) for name in symbols(expr) if quantity(name).step > 1}
    kept = {name: Sym(other) for name, other in before.items() if other in known}
    for name, other in kept.items():
        yield substitute(expr, {name: other})
    if len(kept) > 1:
        yield substitute(expr, dict(kept))


def _before(name: str) -> str:
    one = quantity(name)
    return replace(one, step=one.step - 1).id
