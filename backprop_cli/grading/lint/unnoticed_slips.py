"""The known slips tried on a problem's numbers: which would go unnoticed, which be confused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, walk
from backprop_cli.errors import UserError
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.judging.answer_key import Judged, Key, Legible
from backprop_cli.grading.judging.effort import MORE, Effort
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.judging.standing import Kept as Intervals
from backprop_cli.grading.sentences import telling
from backprop_cli.grading.sheets.typed_arrays import Array, Written
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.slips.table_of_slips import OF_PARTS, SLIP_WORDS, said_best
from backprop_cli.problem.model import Model
from backprop_cli.problem.named import in_pieces
from backprop_cli.readings.units import Unit
from backprop_cli.solving.solution import Request, solve

Kind = Literal[
    "accepted",
    "invisible",
    "confused",
    "equivalent",
    "unused",
    "square",
    "symmetric",
    "relu",
    "kink",
    "saturated",
    "loss",
    "small",
    "left",
]
OF_SLIPS: Final[tuple[Kind, ...]] = ("accepted", "invisible", "confused", "equivalent")
"""What is found by trying slips, which takes long."""

MOST_DECIMALS = 10
_TRIES = 24  # times that other numbers are drawn, with which the problem may have no values
_ENOUGH = 6  # are enough where nothing has a corner, and every number shows what another does
_OTHER_NUMBERS = "other numbers in the problem"
_FAR = 20  # units that rounding on the way never makes up for

Kept: TypeAlias = "Callable[[str, Iterable[Finding]], Iterator[Finding]]"
Numbers = Mapping[str, Array]
Wrong = dict[str, list[tuple[Expr, Array]]]
"""The formulas that each slip leads to, with their values: one formula for each value."""


class Finding(Struct, frozen=True):
    """One thing to know: of which quantity, in a sentence, and what would help.

    `slips` are those concerned; `decimals` how many would tell them apart (None: none would).
    What is `equivalent` is so with any numbers: there is nothing to do about it.
    """

    kind: Kind
    id: str
    message: str
    advice: str | None = None
    slips: tuple[str, ...] = ()
    decimals: int | None = None


def slip_findings(
    grader: Grader,
    names: Sequence[str],
    unit: Unit,
    kept: Kept,
    *,
    known: Collection[tuple[str, ...]] = (),
    advises: bool = True,
    others: Sequence[Numbers] | None = None,
) -> Iterator[Finding]:
    """What each slip does to each quantity: unnoticed ones first, then those that are confused.

    `kept` takes what is looked at, and the findings, up to where the program fails. Without advice
    it is not worked out how many decimals would help; what is `known` is left out. `others` are
    the values with other numbers, where they are there already: those of `other_numbers`.
    """
    tried = _Tried(grader, unit, known)
    tried.others = None if others is None else [Values(one) for one in others]
    found = _found(tried, names, kept)
    if not advises:
        yield from found
        return
    all_ = list(found)
    left = list(tried.left_out())
    for finding in all_:  # what would help takes long: it is asked once all is found
        yield from kept(f"what would help in {finding.id}", tried.advised(finding))
    yield from left


def _found(tried: _Tried, names: Sequence[str], kept: Kept) -> Iterator[Finding]:
    for name in names:
        yield from kept(f"mistakes in {name} that go unnoticed", tried.unnoticed(name))
    for name in names:
        yield from kept(f"mistakes in {name} that are confused", tried.confused(name))


class _Sheet(Struct, frozen=True):
    """Everything right, as it is written at one precision, and so judged."""

    key: Key
    written: Mapping[str, Written]
    judged: Mapping[str, Judged]
    ways: defaultdict[str, Intervals]
    """What the formulas of each quantity give on it, kept from one wrong value to the next."""
    accepted: dict[tuple[str, bytes], bool]
    """Whether a value of a quantity, as written, is marked right: many slips lead to the same."""


def _right_sheet(grader: Grader, unit: Unit) -> _Sheet:
    key = replace(grader.key, unit=unit)
    right = {asked: _as_written(key.truth[asked], unit, False) for asked in key.asked}
    words = {name: np.full(one.value.shape, "correct", object) for name, one in right.items()}
    judged = {name: Judged(one, one) for name, one in words.items()}
    return _Sheet(key, right, judged, defaultdict(dict), {})


def _judged(sheet: _Sheet, name: str, typed: Written, effort: Effort) -> Judged:
    """What `check` says of it on a sheet on which all else is right."""
    others = {asked: one for asked, one in sheet.judged.items() if asked != name}
    written = {**sheet.written, name: typed}
    judge = Judge(sheet.key, Legible(written), others, sheet.ways[name], effort)
    with np.errstate(all="ignore"):
        return judge.judge(name)


_EACH: Final = 2.7
"""Operations in the time of a part of a formula: every mistake in it was worked out before."""


class _Tried:
    """The slips of one problem at one precision."""

    def __init__(self, grader: Grader, unit: Unit, known: Collection[tuple[str, ...]]) -> None:
        self.grader = grader
        self.unit = unit
        self.known = known
        self.true = Values(grader.key.truth)
        self.others: list[Values] | None = None
        self._wrong: dict[str, Wrong] = {}
        self._sheets: dict[Unit, _Sheet] = {}
        self._effort = Effort(grader.most_work, _EACH)
        self._left: dict[str, None] = {}  # quantities of which not every mistake was looked at
        self._close: dict[tuple[str, str], Sequence[Array]] = {}  # what is accepted of each slip

    # Slips that go unnoticed ----------------------------------------------------------------------

    def unnoticed(self, name: str) -> Iterator[Finding]:
        """Slips that give the right values, or values that would be marked right."""
        truth = self.grader.key.truth[name]
        for id, found in self.wrong(name).items():
            title = SLIP_WORDS[id].title
            differing = [value for _, value in found if not _same(value, truth)]
            right = self.grader.steps[name].expr
            if differing and ("accepted", name, id) not in self.known:
                yield from self._accepted(name, id, differing)
            elif differing:
                continue
            elif all(self.always_equal(right, expr) for expr, _ in found):
                message = f"{title} changes nothing"
                yield Finding("equivalent", name, message, None, (id,))
            else:
                message = f"{title}: gives exactly the right values"
                yield Finding("invisible", name, message, _OTHER_NUMBERS, (id,))

    def _accepted(self, name: str, id: str, values: Sequence[Array]) -> Iterator[Finding]:
        close = [value for value in values if self.is_accepted(name, value, self.unit)]
        if not close:
            return
        self._close[name, id] = close
        message = f"{SLIP_WORDS[id].title}: cannot be told from the right values"
        yield Finding("accepted", name, message, None, (id,))

    def advised(self, finding: Finding) -> Iterator[Finding]:
        """The same with what would help, as far as that can be worked out."""
        if finding.kind != "accepted":
            yield finding
            return
        most = self.decimals_against(finding.id, self._close[finding.id, finding.slips[0]])
        other = f"{self._more} to see what would" if self._effort.is_over else _OTHER_NUMBERS
        yield replace(finding, advice=f"{most} decimals" if most else other, decimals=most)

    def wrong(self, name: str) -> Wrong:
        """The formulas of every slip that can be worked out here.

        What any part of a formula may undergo is left out: there would be no end to it.
        """
        if name not in self._wrong:
            self._wrong[name] = self._worked_out(name)
        return self._wrong[name]

    def _worked_out(self, name: str) -> Wrong:
        found: Wrong = {}
        seen = set()
        for id, expr in self.grader.candidates(name):
            if id in OF_PARTS:
                continue
            value = self.true.of(expr)
            digits = (id, np.round(value, 12).tobytes())
            fits = value.shape == self.grader.key.truth[name].shape
            if fits and np.isfinite(value).all() and digits not in seen:
                found.setdefault(id, []).append((expr, value))
            seen.add(digits)
        return found

    def is_accepted(self, name: str, value: Array, unit: Unit) -> bool:
        """Whether a sheet that is right but for this would be marked right, as `check` does it."""
        truth = self.grader.key.truth[name]
        room = _FAR * unit.at(np.asarray(np.max(np.abs(truth), initial=0.0)))
        return not bool((np.abs(value - truth) > room).any()) and any(
            self._is_right(name, _as_written(value, unit, cuts), unit) for cuts in (False, True)
        )

    def _is_right(self, name: str, typed: Written, unit: Unit) -> bool:
        if unit not in self._sheets:
            self._sheets[unit] = _right_sheet(self.grader, unit)
        sheet = self._sheets[unit]
        key = name, typed.value.tobytes()
        if key not in sheet.accepted:
            judged = _judged(sheet, name, typed, self._effort)
            if judged.is_cut:
                self._left[name] = None
            sheet.accepted[key] = judged.is_right
        return sheet.accepted[key]

    def left_out(self) -> Iterator[Finding]:
        """What was not looked at to the end, since it takes too much work."""
        most = self._effort.most
        message = f"not every mistake was looked at within {most:,} operations"
        for name in self._left:
            yield Finding("left", name, message, self._more)

    @property
    def _more(self) -> str:
        return f"--max-work {MORE * self._effort.most:.0f}"

    def decimals_against(self, name: str, values: Sequence[Array]) -> int | None:
        """The fewest decimals at which wrong values are all noticed, and at one more."""
        truth = self.grader.key.truth[name]
        off = min(float(np.max(np.abs(value - truth))) for value in values)
        for count in self._more_decimals():
            if off < Unit(count).at(np.zeros(())) / 2:
                continue  # the same digits
            units = (Unit(count), Unit(count + 1))
            if not any(self.is_accepted(name, one, unit) for one in values for unit in units):
                return None if self._effort.is_over else count
        return None

    def _more_decimals(self) -> Iterable[int]:
        return range(1 if self.unit.significant else self.unit.count + 1, MOST_DECIMALS + 1)

    # Slips that are confused ----------------------------------------------------------------------

    def confused(self, name: str) -> Iterator[Finding]:
        """Slips that give the same digits as one another, and not the right ones."""
        told = set()
        for group in self._groups(name):
            ids = tuple(sorted(telling(tuple(group))))
            if len(ids) < 2 or ids in told:
                continue
            told.add(ids)
            yield self._confusion(name, ids, [group[id] for id in ids])

    def _groups(self, name: str) -> Iterable[dict[str, Expr]]:
        """The slips with the same digits, and a formula of each."""
        truth = self.grader.key.truth
        groups: dict[bytes, dict[str, Expr]] = {}
        for id, found in self.wrong(name).items():
            for expr, value in found:
                if not _same(value, truth[name]):
                    digits = _rounded(value, self.unit).tobytes()
                    groups.setdefault(digits, {}).setdefault(id, expr)
        right = _rounded(truth[name], self.unit).tobytes()
        told = ({id: group[id] for id in said_best(group)} for group in groups.values())
        return [group for digits, group in zip(groups, told, strict=True) if digits != right]

    def _confusion(self, name: str, ids: tuple[str, ...], exprs: Sequence[Expr]) -> Finding:
        pairs = list(combinations(exprs, 2))
        titles = [SLIP_WORDS[id].title for id in ids]
        if all(self.always_equal(*pair) for pair in pairs):
            message = f"the same values for: {', '.join(titles)}"
            return Finding("equivalent", name, message, None, ids)
        most = self._decimals_between([self.true.of(expr) for expr in exprs])
        return Finding(
            "confused",
            name,
            f"the same figures for: {', '.join(titles)}",
            f"{most} decimals" if most else _OTHER_NUMBERS,
            ids,
            most,
        )

    def _decimals_between(self, values: Sequence[Array]) -> int | None:
        """The fewest decimals at which all of several values differ, however they are rounded."""
        for count in self._more_decimals():
            apart = 1.5 * 10.0**-count
            if all(np.max(np.abs(a - b)) > apart for a, b in combinations(values, 2)):
                return count
        return None

    # Other numbers --------------------------------------------------------------------------------

    def always_equal(self, one: Expr, other: Expr) -> bool:
        """Whether two formulas agree with other numbers, too."""
        if self.others is None:
            self.others = [Values(one) for one in other_numbers(self.grader)]
        return bool(self.others) and all(
            _same(values.of(one), values.of(other)) for values in self.others
        )


def other_numbers(grader: Grader) -> list[Numbers]:
    """The values of a problem with other numbers, on which two formulas agree if they always do."""
    cases = (grader.case(step) for step in grader.steps.values())
    targets = {target for case in cases for _, target in case.compared}
    enough = _TRIES if _has_corners(grader.model) else _ENOUGH
    return list(islice(_with_other_numbers(grader.model, targets), enough))


def _has_corners(model: Model) -> bool:
    """Whether two formulas may agree by chance on one side of a corner, and not on the other."""
    nodes = (node for expr in model.definitions.values() for node in walk(expr))
    return any(isinstance(node, Op) and in_pieces(node) for node in nodes)


def _with_other_numbers(model: Model, kept: Collection[str]) -> Iterator[Numbers]:
    """The values of the problem with other inputs and parameters, where they can be computed."""
    rng = np.random.default_rng(7)
    for number in range(_TRIES):
        given = {
            name: value
            if name in kept or value.role not in ("data", "parameter")
            else replace(value, value=_other(value.value, rng, keep_signs=number % 3 == 2))
            for name, value in model.given.items()
        }
        update = model.update
        if update is not None:
            scaled = ((key, number * rng.uniform(0.3, 0.9)) for key, number in update.constants)
            update = replace(update, constants=tuple(scaled))
        try:
            yield solve(replace(model, given=given, update=update), Request()).values
        except UserError:  # no logarithm of what is negative now
            continue


def _other(value: Array, rng: np.random.Generator, *, keep_signs: bool) -> Array:
    """Other numbers of the same shape; of the same sign where a logarithm may need that."""
    drawn = rng.uniform(0.3, 1.7, value.shape)
    if keep_signs:
        return np.asarray(np.where(value == 0, drawn, drawn * value))
    return np.asarray(drawn * rng.choice((-1.0, 1.0), value.shape))


def _same(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True))


def _rounded(value: Array, unit: Unit) -> Array:
    """What a student writes for a value: rounded half up."""
    step = unit.at(value)
    return np.asarray(np.sign(value) * np.floor(np.abs(value) / step + 0.5) * step + 0.0)


def _as_written(value: Array, unit: Unit, cuts_off: bool) -> Written:
    """The same as it stands on a sheet, rounded or cut off."""
    step = np.broadcast_to(unit.at(value), value.shape)
    if not cuts_off:
        return Written(_rounded(value, unit), step)
    cut = np.sign(value) * np.floor(np.abs(value) / step * (1 + 1e-12)) * step + 0.0
    return Written(np.asarray(cut), step)
