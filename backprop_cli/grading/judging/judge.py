"""One sheet to a verdict an entry: what is right, what follows from what, entry by entry.

The rule in three sentences. A typed number stands for all numbers that round or cut off to it. An
answer is right if the true value is among those, or a value that follows from the student's own
right values. It is carried if it only follows from the student's own values as they stand, one of
them being wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.judging import few_digits
from backprop_cli.grading.judging.answer_key import Judged, Key, Legible, Words, judged_as
from backprop_cli.grading.judging.effort import Effort
from backprop_cli.grading.judging.honest_intervals import Ways
from backprop_cli.grading.judging.no_work_left import Spared, Uniform, idle, lacking, spared, still
from backprop_cli.grading.judging.standing import Kept, Standing
from backprop_cli.grading.judging.ways_to_read import Reading, Wanted, Way, coarsely, finely
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Mask,
    below_far_end,
    how_right,
    is_far,
    is_right,
    meets,
)
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some
from backprop_cli.readings.units import Rounding, Unit


class Judge:
    """Judges the quantities of one sheet in the order of the derivation.

    `judged` are verdicts that are known already, `kept` what formulas gave on the same sheet. What
    is not found within the `effort` is not judged.
    """

    def __init__(
        self,
        key: Key,
        sheet: Legible,
        judged: Mapping[str, Judged] | None = None,
        kept: Kept | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.key, self.sheet, self.written = key, sheet, sheet.written
        self.uniform = Uniform.of(key, self.written)
        self.judged: dict[str, Judged] = dict(judged or {})
        self.effort = effort or Effort()
        self.search = Effort(self.effort.most)  # for what went wrong, once all is judged
        self.standing = Standing(key, self.written, self.judged, kept, self.effort)
        self.digits = few_digits.InUse(key, self.written)
        self._sources: dict[str, set[str]] = {}

    # What formulas give ---------------------------------------------------------------------------

    def enclosed(
        self, expr: Expr, repaired: bool, unit: Unit | None, *, counted: bool = True
    ) -> Interval:
        """The interval of a formula on the student's values, unwritten steps rounded to a unit."""
        reading = Reading(repaired, lax=True, unit=unit)
        enclosed = self.standing.enclosed if counted else self.standing.uncounted
        return enclosed(expr, reading)

    def leave(self, expr: Expr, parts: int, repaired: bool, unit: Unit | None) -> None:
        """Counts what that would take, of so many parts, where it need not be worked out."""
        self.standing.leave(expr, parts, Reading(repaired, lax=True, unit=unit))

    def on_typed_values(self, expr: Expr, repaired: bool = False) -> Interval:
        """What a formula gives on the numbers exactly as typed, as a calculator would have it."""
        return self.as_person(expr, None, repaired)

    def as_person(self, expr: Expr, way: Rounding | None, repaired: bool = False) -> Interval:
        """What somebody gets who rounds in one definite way (None: no unwritten step at all)."""
        return self.standing.as_person(expr, way, Reading(repaired, lax=True))

    def units(self, name: str) -> tuple[list[Unit], list[Unit]]:
        """The digits that may be in use around a quantity: as many as asked, and fewer."""
        return self.digits.around((name, *sorted(self.sources(name) & self.written.keys())))

    def unit_of_steps(self, name: str) -> Unit:
        """The digits to which who made a mistake rounds: those asked, or if none are, those in use.

        A step is rounded no more coarsely on a wrong way than it may be on the right one.
        """
        asked = self.key.unit
        fine = [unit for unit in self.units(name)[0] if unit.significant == asked.significant]
        return min(fine, key=lambda unit: unit.count, default=asked)

    def in_use(self, name: str) -> tuple[Unit, ...]:
        """These, and those fewer that most of the sheet has."""
        return (self.unit_of_steps(name), *(self.digits.shown if self.digits.are_few else ()))

    @cached_property
    def afresh(self) -> Standing:
        """The sheet as somebody takes it who works the forward pass out from the start again."""
        kept = {name: one for name, one in self.written.items() if name not in self.key.forward}
        return Standing(self.key, kept, self.judged, effort=self.effort)

    # Judging --------------------------------------------------------------------------------------

    def judge(self, name: str) -> Judged:
        """The verdicts on one written quantity."""
        one = _One(self, name)
        one.exact()
        one.following()
        one.imprecise()
        leaning = one.without_work()
        cut = one.cut_off()
        reason = cut or self._missing_behind(name, one.verdicts) or leaning
        judged = judged_as(one.verdicts, one.how, reason, one.decided)
        few = few_digits.FewDigits.of(one.written, one.truth, self.key).few
        short = some(few & (one.verdicts == "wrong"))
        follows = some(one.leaning) or (judged.is_vague and self.any_wrong_behind(name))
        judged = replace(judged, follows=follows, is_cut=cut is not None, is_short=short)
        self.judged[name] = judged
        self.standing.settle(name)
        why = one.idle or idle(self.standing, name, judged)
        if judged.misleads and name in self.uniform.carries_nothing:
            why = self.uniform.reason(name)
        if why is not None:
            self.judged[name] = replace(judged, idle=why)
        return self.judged[name]

    def _missing_behind(self, name: str, verdicts: Words) -> str | None:
        """Where nothing can be said since something is missing: which, and what it is."""
        if not some(verdicts == "wrong"):
            return None
        missing = sorted(source for source in self.sources(name) if self._is_missing(source))
        if not missing:
            return None
        verdicts[verdicts == "wrong"] = "not-judged"
        return f"{lacking(missing, self.sheet.unusable)}, and this is computed from it"

    def _is_missing(self, source: str) -> bool:
        asked = source in self.key.asked
        return source in self.sheet.lost or (asked and not self.written[source].complete)

    # What it depends on ---------------------------------------------------------------------------

    def sources(self, name: str) -> set[str]:
        """The nearest quantities behind `name` that are written or should be."""
        if name not in self._sources:
            self._sources[name] = self.sheet.sources_of(self.key.uses.get(name, ()), self.key)
        return self._sources[name]

    def any_wrong_behind(self, name: str) -> bool:
        """Whether a quantity may be worked out from what is wrong, or from what follows from it."""
        if any(judged.misleads or judged.follows for judged in self._judged_behind(name)):
            return True
        sources = self.sources(name) & self.judged.keys()  # who writes 0.00 may keep all digits
        vague = (one for one in sources if not few_digits.has_digits(self.written[one]))
        return any(map(self.any_wrong_behind, vague))

    def any_vague_behind(self, name: str) -> bool:
        """Whether anything of it has too few digits: what stands elsewhere is no excuse here.

        A mistake has them where something that is none shows that they are in use.
        """
        shown = any(judged.is_vague for judged in self.judged.values())
        behind = self._judged_behind(name) if shown else ()
        return any(judged.is_vague or judged.is_short for judged in behind)

    def _judged_behind(self, name: str) -> Iterator[Judged]:
        sheets = (self.standing, *((self.afresh,) if name in self.key.again else ()))
        found = (used for sheet in sheets for used in sheet.behind(name))
        return (self.judged[used] for used in found if used in self.judged)


class _One:
    """One quantity while it is judged: what is decided of each entry so far."""

    def __init__(self, judge: Judge, name: str) -> None:
        self.judge = judge
        self.name = name
        self.key = judge.key
        self.written = judge.written[name]
        self.truth = judge.key.truth[name]
        self.typed = judge.standing.typed(name)
        shape = self.written.value.shape
        self.verdicts: Words = np.full(shape, "wrong", dtype=object)
        self.how: Words = np.full(shape, None, dtype=object)
        self.verdicts[~self.written.present] = "missing"
        self.open: Mask = self.written.present
        """Where nothing is found yet."""
        self.leaning: Mask = np.zeros(shape, dtype=bool)
        self.leans_on: set[str] = set()
        self._known: dict[Reading, Ways] = {}
        self.decided: Interval | None = None
        self.idle: str | None = None
        self.is_cut = False
        """Whether more was left to try than one sheet may take."""

    # The steps of the ladder ----------------------------------------------------------------------

    def exact(self) -> None:
        """The true value, at the digits typed or asked."""
        written = self.written
        if every(is_far(written.value, written.unit, self.truth, self.key.unit)):
            return
        masked = (written.value == -np.inf) & (self.truth == -np.inf)
        value, truth = (np.where(masked, 0.0, one) for one in (written.value, self.truth))
        unit = written.unit
        at_digits, to_digits = is_right(value, unit, truth, self.key.unit, self.key.assumed)
        beyond = to_digits & ~at_digits & written.present
        if some(beyond) and self.judge.sheet.betrayed(self.name):
            to_digits = at_digits
        right = (at_digits | to_digits) & written.present
        if not some(right):
            return
        self._decide(right, "correct")
        self.how[right] = how_right(value, unit, truth, self.key.unit)[right]

    def following(self) -> None:
        """What follows from right values, then from the student's own, then with rounded steps."""
        carried = self.typed
        if self.key.unit.significant and self.judge.any_wrong_behind(self.name):
            carried = self.judge.standing.typed_beside(self.name, self._own)
        wanted = {True: Wanted(self.typed, "correct"), False: Wanted(carried, "carried")}
        if self.name in self.judge.uniform.proves_nothing:
            del wanted[True]
        for rounded in (False, True):
            for repaired, one in wanted.items():
                if not some(self.open):
                    return
                found = self._rounded(Reading(repaired)) if rounded else [Reading(repaired)]
                self._try(found, [one])

    @cached_property
    def doubted(self) -> bool:
        """Whether a range alone proves nothing: unwritten steps have a name, or a slip gives it.

        A range holds what rounding might add up to at worst. Over several steps that is far more
        than anybody comes to, and beside one it may be what a slip gives, too.
        """
        behind = self.key.behind(self.name, self.judge.written)
        return bool(behind) or self.judge.sheet.betrayed(self.name)

    def _rounded(self, reading: Reading) -> list[Reading]:
        """The same with steps in between rounded to as many digits as asked."""
        return finely(reading, self.key.unit, self.judge.units(self.name)[0])

    def imprecise(self) -> None:
        """Right, or following, with fewer digits than asked; or from values that have fewer."""
        if not some(self.open):
            return
        few = few_digits.FewDigits.of(self.written, self.truth, self.key, self.judge.digits.shown)
        lax = self.judge.any_vague_behind(self.name)
        if not (few.any or lax or self.judge.digits.of_two):
            return
        if self.name in self.judge.uniform.proves_nothing:
            return
        before = self.judge.standing.before(self.name)
        for interval, unit in few.readings():
            right = meets(interval, point(self.truth))
            right |= below_far_end(few.value, unit, self.truth)  # cut off, 0.549 for 0.55 - 2e-10
            right &= few.may_be(unit, self._expected(True), before, self.verdicts)
            self._decide(self.open & right, "imprecise")
        # Beside entries of few digits those that have enough may have come of as few.
        along = Wanted(self.typed, "imprecise", lax | ~few.few, "any" if lax else "none")
        for repaired in (True, False):
            wanted = [along]
            expected, own = self._expected(repaired), self._from_own(repaired)
            least = 1 if not repaired and self._from_digits else 2
            for interval, unit in few.readings():
                allowed = few.may_be(unit, expected, before, self.verdicts, least)
                allowed &= few_digits.goes_on(interval, unit, expected, own)
                stands = few_digits.as_rounded(interval, few.value, unit, self._base())
                wanted.append(Wanted(stands, "imprecise", allowed, "any"))
            plain = Reading(repaired, lax=True)
            typed = int(self.written.digits.max(initial=0))
            coarse = coarsely(plain, self.key.unit, self.judge.units(self.name)[1], typed)
            self._try([plain, *self._rounded(plain), *coarse], wanted)

    @property
    def _from_digits(self) -> bool:
        """Whether all that stands behind this on the sheet has digits of its own."""
        written = self.judge.written
        sources = self.judge.sources(self.name) & written.keys()
        return bool(sources) and all(few_digits.has_digits(written[one]) for one in sources)

    def without_work(self) -> str | None:
        """Takes back what leans on values that leave no work, and says on which."""
        found = spared(self.judge.standing, self.name, self.leans_on, self.leaning)
        uniform = self.judge.uniform
        if found is None and uniform.rules_out(self.name, self.written.value, lambda: self._own):
            found = Spared(self.leaning, uniform.reason(self.name))
        if found is None or not some(found.where):
            return None
        self.verdicts[found.where] = "not-judged"
        self.idle = found.reason if found.where.sum() == self.leaning.sum() else None
        return found.reason

    def cut_off(self) -> str | None:
        """Leaves open what is not found where not all was tried, and says why."""
        left = self.verdicts == "wrong"
        if not (self.is_cut and some(left)):
            return None
        self.verdicts[left] = "not-judged"
        return self.judge.effort.words

    # One reading ----------------------------------------------------------------------------------

    def _try(self, readings: Iterable[Reading], wanted: Sequence[Wanted]) -> None:
        for reading in readings:
            if not any(some(self.open & one.allowed) for one in wanted):
                return
            if not reading.repaired and not self.judge.any_wrong_behind(self.name):
                return
            if reading.unit is not None and self.judge.effort.is_over:
                self.is_cut = True
                return
            self._read(reading, wanted)

    def _read(self, reading: Reading, wanted: Sequence[Wanted]) -> None:
        open_ = self.open
        sought = reduce(np.logical_or, [open_ & one.allowed for one in wanted])
        ways = self._ways(reading, sought, wanted)
        for way in ways.all():
            for one in wanted:
                found = open_ & one.allowed & way.where & meets(one.typed, way.interval, one.room)
                if not way.excuses and some(found):
                    found &= ~self._still(reading.repaired)
                if some(found & way.is_range):
                    found = ways.proven(found, one, way, self.doubted)
                if some(found):
                    self._accept(found, one.verdict, way, reading)
                    open_ = self.open
            if not some(open_):
                return
            if self.judge.effort.is_over and reading.unit is not None:
                self.is_cut = True
                return

    def _accept(self, found: Mask, verdict: str, way: Way, reading: Reading) -> None:
        self.decided = way.interval
        self._decide(found, verdict)
        self.how[found] = "carried-rounding" if verdict == "correct" else None
        if not reading.repaired:
            self.leaning = self.leaning | found
            self.leans_on |= self.judge.sheet.sources_of(way.uses, self.key)

    def _decide(self, found: Mask, verdict: str) -> None:
        self.verdicts[found] = verdict
        self.open = self.open & ~found

    def _ways(self, reading: Reading, sought: Mask, wanted: Sequence[Wanted]) -> Ways:
        if reading not in self._known:
            base = self._base(reading.repaired)
            self._known[reading] = Ways(
                self.judge.standing,
                self.name,
                reading,
                self._expected(reading.repaired) - base,
                self.written.value - base,
                base,
                sought,
                (
                    reduce(np.minimum, [one.typed[0] for one in wanted]),
                    reduce(np.maximum, [one.typed[1] for one in wanted]),
                ),
                self.judge.afresh if self.name in self.key.again else None,
            )
        return self._known[reading]

    def _base(self, repaired: bool = False) -> Array | float:
        """What a value starts from: the old parameter, else 0."""
        old = self.judge.standing.before(self.name, repaired)
        return 0.0 if old is None else old

    def _expected(self, repaired: bool) -> Array:
        """The true value, or what the student's own values give; a parameter's own true change."""
        old = self.key.truth.get(self.key.parameters.get(self.name, ""), 0.0)
        return self.truth + (self._base(repaired) - old) if repaired else self._own

    @cached_property
    def _own(self) -> Array:
        return self._from_own(False)

    def _from_own(self, repaired: bool) -> Array:
        """What the formula gives on the numbers as typed, or with wrong ones put right."""
        if (expr := self.key.first(self.name)) is None:
            return self.truth
        found = self.judge.on_typed_values(expr, repaired)[0]
        return np.where(np.isfinite(found), found, self.truth)

    def _still(self, repaired: bool) -> Mask:
        """Where a value is 0, or what it was the step before, that should have moved visibly."""
        earlier = self.judge.standing.earlier(self.name, repaired)
        return still(self.written, self._expected(repaired), earlier, self.key.unit)
