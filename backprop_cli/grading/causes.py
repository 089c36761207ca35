"""The wrong quantities of one sheet to the slips that explain them, alone and beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Final, TypeAlias

from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.judging.answer_key import overall
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin, Sheet
from backprop_cli.grading.sheets.typed_arrays import texts
from backprop_cli.grading.slips.detect import Detector
from backprop_cli.grading.slips.program_detect import ProgramDetector
from backprop_cli.grading.slips.wrong_quantity import Wrong, most_telling, together

_EACH_FORMULA: Final = 7
"""Operations in the time of a wrong formula, which has most of its parts from the others."""

Found: TypeAlias = "tuple[tuple[str, ...], Origin | None]"
"""The slips that explain a quantity, and the unwritten step where they were made."""


class Causes:
    """What explains the wrong quantities of one sheet, once it is judged."""

    def __init__(self, exercise: Exercise, sheet: Sheet, judge: Judge) -> None:
        self.exercise, self.sheet, self.judge = exercise, sheet, judge
        self.left: set[str] = set()
        """What is wrong and was not looked into, since the sheet takes too much work."""
        self._alone: dict[str, Found] = {}
        self._wrong: dict[str, Wrong] = {}

    @cached_property
    def detector(self) -> Detector | ProgramDetector:
        """What finds the slips on this sheet."""
        if not self.exercise.key.computed:
            return Detector(self.judge)
        return ProgramDetector(self.judge, self.exercise.lines, self.exercise.in_one_line)

    def of(self, name: str) -> Found:
        """The slips that explain a wrong quantity, and where they were made if not in it.

        What explains nothing alone is seen beside the mistakes that were made elsewhere. One that
        was made again and again goes before a name that nothing else on the sheet has.
        """
        alone, origin = self.alone(name)
        if name in self.left or not isinstance(self.detector, Detector):
            return alone, origin
        elsewhere = self.usual if alone else self.made
        again: tuple[str, ...] = ()
        if elsewhere.isdisjoint(alone):
            again = self.detector.again(self.wrong(name), elsewhere, self.usual)
        return (most_telling([*again, *alone]), None) if again else (alone, origin)

    def alone(self, name: str) -> Found:
        """The same from this quantity alone."""
        if name not in self._alone:
            self._alone[name] = self._explained(name)
        return self._alone[name]

    def _explained(self, name: str) -> Found:
        effort = self.judge.search
        if effort.is_over:
            self.left.add(name)
            return (), None
        wrong, before = self.wrong(name), self.judge.effort.spent
        found = self.detector.explain(wrong, self.exercise.candidates)
        worked_out = self.judge.effort.spent - before  # of long formulas that share no parts
        effort.spend(max(_EACH_FORMULA * len(wrong.candidates), worked_out))
        return found

    @cached_property
    def made(self) -> frozenset[str]:
        """All slips of which a quantity on the sheet is proof, or several are together."""
        return self.usual | frozenset(self.proofs)

    @cached_property
    def usual(self) -> frozenset[str]:
        """Those of which two quantities are proof, or several are together."""
        found = frozenset(slip for slip, times in self.proofs.items() if times > 1)
        if not isinstance(self.detector, Detector):
            return found
        nameless = (name for name, slips in self.each_alone.items() if not slips)
        rest = (self.wrong(name) for name in nameless if name not in self.left)
        apart = {one.moved: one for one in rest}
        return found | together(map(self.detector.chances, apart.values()))

    @cached_property
    def proofs(self) -> Counter[str]:
        """How many quantities are proof of each slip."""
        return Counter(slip for slips in self.each_alone.values() for slip in slips)

    @cached_property
    def each_alone(self) -> Mapping[str, tuple[str, ...]]:
        """The slips that explain each wrong quantity by itself."""
        return {
            name: self.alone(name)[0]
            for name, judged in self.judge.judged.items()
            if name in self.sheet.answers and overall(judged.verdicts) == "wrong"
        }

    def wrong(self, name: str) -> Wrong:
        """A wrong quantity as the slips see it; once, since it remembers what is asked of it."""
        if name not in self._wrong:
            self._wrong[name] = Wrong.of(
                self.judge,
                name,
                texts(self.sheet.answers[name]),
                self.exercise.candidates(name),
                self.exercise.sample_axis(name),
            )
        return self._wrong[name]
