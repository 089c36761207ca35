"""A wrong quantity to the unwritten step behind it that went wrong: any slip, at any such step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Sym, substitute, symbols
from backprop_cli.algebra.quantity import quantity, step_of
from backprop_cli.grading.judging.answer_key import Key
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin
from backprop_cli.grading.sheets.typed_arrays import Array, meets
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.table_of_slips import FORMULA_SLIPS, GENERAL, said_best
from backprop_cli.grading.slips.wrong_quantity import (
    Candidate,
    Wrong,
    has_digits,
    most_telling,
    neighbours,
)
from backprop_cli.operations.bounds import point
from backprop_cli.operations.masks import every
from backprop_cli.trace import OverTime, at_letter

Candidates = Callable[[str], Sequence[Candidate]]
"""The wrong formulas of a quantity by its name."""

MOST_WORK: Final = 50_000
"""So many operations are worked out for one answer, and then the search ends."""

_EACH: Final = 1 / 3  # of an operation, as they are counted for a sheet, is one on plain numbers

_ROOM: Final = 3  # typed units within which rounding on the way may leave the number
_MOST_BY_CHANCE: Final = 0.05
_MOST_BY_CHANCE_OF_PARTS: Final = 0.02
"""Where a wrong number comes from is said where it would be met by chance no more often than this;
of parts of any formula so many are tried that it takes more to believe one."""


Reached = dict[tuple[str, bytes], tuple[Array, int]]
"""What a quantity comes to, and the operations up to there, where a step behind it has a value."""


class _Hit(Struct, frozen=True):
    """What one slip at one step leads to."""

    step: str
    slip: str
    value: Array


def origin(
    judge: Judge,
    wrong: Wrong,
    numbers: Numbers,
    candidates: Candidates,
    reached: Reached,
    *,
    general: bool,
) -> Origin | None:
    """Where the one slip was made that leads to what was typed; None where none does.

    `general`: what any part of a formula may undergo is tried, too, which takes more proof.
    `reached` keeps what is worked out for this quantity: many slips give the same at a step.
    """
    search = _Search(judge, wrong, numbers, candidates, general)
    if not search.behind:
        return None
    often = list(search.at_several())
    return search.named(often) or search.named([*often, *search.at_each(reached)])


class _Search(Struct, frozen=True, dict=True):
    """A wrong quantity whose own inputs are not all written, and the slips tried behind it."""

    judge: Judge
    wrong: Wrong
    numbers: Numbers
    candidates: Candidates
    general: bool

    @cached_property
    def behind(self) -> list[str]:
        """The steps behind it that are not on the sheet, the nearest first."""
        key, name = self.judge.key, self.wrong.name
        if name not in key.formulas or key.is_pulled_back(name):
            return []
        return unwritten(self.judge, name, self.numbers)

    @cached_property
    def users(self) -> dict[str, list[str]]:
        """For each of these steps those that use it."""
        found: dict[str, list[str]] = {name: [] for name in self.behind}
        for name in self.behind:
            for used in symbols(self.judge.key.formulas[name][0]):
                if used in found:
                    found[used].append(name)
        return found

    def touched(self, steps: Iterable[str]) -> set[str]:
        """The steps whose values change with some of them; what is asked itself is none of them."""
        found: set[str] = set()
        left = [step for step in steps if step in self.users]
        while left:
            step = left.pop()
            if step not in found:
                found.add(step)
                left += self.users[step]
        return found

    @cached_property
    def proved(self) -> bool:
        """Whether what was typed has digits enough to prove a factor."""
        return has_digits(self.judge, self.wrong)

    def is_tried(self, slip: str) -> bool:
        """Whether a slip may be named."""
        if FORMULA_SLIPS[slip].factor and not self.proved:
            return False
        return self.general or slip not in GENERAL

    def kept(self, touched: Collection[str]) -> dict[str, Array]:
        """The values of the steps that stay as they are."""
        return {name: self.numbers[name] for name in self.behind if name not in touched}

    def named(self, tried: Sequence[_Hit]) -> Origin | None:
        """The slips at the nearest step that give what was typed, where that is no chance."""
        wrong, (low, high) = self.wrong, self.wrong.stands
        room = (_ROOM - 1) / 2 * (high - low)
        values = np.array([one.value for one in tried]).reshape(-1, *low.shape)
        met = meets((low - room, high + room), point(values)) | ~wrong.written.present
        hits = [one for one, gives in zip(tried, met, strict=True) if every(gives)]
        most = _MOST_BY_CHANCE_OF_PARTS if self.general else _MOST_BY_CHANCE
        if not hits or _ROOM * (neighbours(wrong, list(values)) * wrong.luck) > most:
            return None
        nearest = hits[0].step
        names = dict.fromkeys(one.slip for one in hits if one.step == nearest)
        return Origin(nearest, most_telling(said_best(names)))

    def at_several(self) -> Iterator[_Hit]:
        """What a slip made at several steps leads to: at all of time, or after an update."""
        key, name = self.judge.key, self.wrong.name
        often = at_every_step(self.behind, key.over_time, self.candidates, key.counted_from)
        for one in (*often, *partly_new(key, name, self.behind)):
            if not self.is_tried(one.slip):
                continue
            kept = self.kept(self.touched(one.formulas))
            beside = {each for expr in one.formulas.values() for each in symbols(expr)}
            kept |= {each: self.numbers[each] for each in beside - self.users.keys()}
            changed = Numbers(self.judge, changed=kept, formulas=one.formulas)
            value = Values(changed).of(one.formulas.get(name, key.formulas[name][0]))
            self.judge.search.spend(changed.work * _EACH)
            if value.shape == self.wrong.written.value.shape and every(np.isfinite(value)):
                yield _Hit(one.first, one.slip, value)

    def at_each(self, reached: Reached) -> Iterator[_Hit]:
        """What every slip at every unwritten step leads to, the nearest steps first."""
        judge, formulas, name = self.judge, self.judge.key.formulas, self.wrong.name
        work = 0
        for step in self.behind:
            touched = self.touched([step])
            kept = self.kept(touched)
            changing = (formulas[one][0] for one in (*touched, name))
            parts = self.numbers.parts_without(touched, changing)
            for slip, expr in filter(lambda one: self.is_tried(one[0]), self.candidates(step)):
                there = self.numbers.value(expr)
                key = step, there.tobytes()
                if key not in reached:
                    changed = Numbers(judge, changed={**kept, step: there}, parts=parts)
                    reached[key] = changed.value(formulas[name][0]), changed.work
                value, needed = reached[key]
                judge.search.spend(needed * _EACH)
                if value.shape == self.wrong.written.value.shape and every(np.isfinite(value)):
                    yield _Hit(step, slip, value)
                work += needed
                if work > MOST_WORK or judge.search.is_over:
                    return


def unwritten(judge: Judge, name: str, numbers: Numbers) -> list[str]:
    """The steps behind a quantity that are not on the sheet, the nearest first.

    What is only a number, ∂L/∂a = 1 of a sum, is no step: nobody writes it, nobody gets it wrong.
    """
    formulas = judge.key.formulas
    found: dict[str, None] = {}
    open_ = list(symbols(formulas[name][0]))
    while open_:
        one = open_.pop(0)
        if one in formulas and one not in found and not numbers.is_written(one):
            behind = symbols(formulas[one][0])
            if behind:
                found[one] = None
            open_ += behind
    return list(found)


class Several(Struct, frozen=True):
    """One slip made at several steps alike: its wrong formula at each of them."""

    first: str
    slip: str
    formulas: Mapping[str, Expr]


def at_every_step(
    behind: Sequence[str],
    over_time: Sequence[OverTime],
    candidates: Callable[[str], Sequence[Candidate]],
    counted_from: int,
) -> Iterator[Several]:
    """The slips that can be made at several steps alike, of what is `behind` a quantity."""
    for over, ids in _families(behind, over_time):
        if len(ids) < 2:
            continue
        forms = {
            t: {
                (slip, at_letter(expr, over, t, counted_from)): expr
                for slip, expr in candidates(id)
            }
            for t, id in ids.items()
        }
        # The step before the last has all that a step can have: its own share, and a later one.
        for key in forms[sorted(ids)[-2]]:
            formulas = {ids[t]: forms[t][key] for t in sorted(ids, reverse=True) if key in forms[t]}
            if len(formulas) > 1:
                yield Several(next(iter(formulas)), key[0], formulas)


def _families(
    behind: Sequence[str], over_time: Sequence[OverTime]
) -> Iterator[tuple[OverTime, dict[int, str]]]:
    """The gradients by one quantity at its steps."""
    for over in over_time:
        found: dict[tuple[str, str], dict[int, str]] = {}
        for id in behind:
            read = quantity(id)
            step = step_of(read.by) if read.by else None
            if step is not None and step[0] in over.bases:
                found.setdefault((read.name, step[0]), {})[step[1]] = id
        yield from ((over, ids) for ids in found.values())


def partly_new(key: Key, name: str, behind: Sequence[str]) -> Iterator[Several]:
    """Who goes through it again with old biases, or the old parameters of one layer, or one."""
    using = {
        id: frozenset(key.parameters.keys() & symbols(key.formulas[id][0]))
        for id in (name, *behind)
        if id in key.again
    }
    every = frozenset[str]().union(*using.values())
    biases = frozenset(one for one in every if key.truth[one].ndim < 2)
    alone = (frozenset({one}) for one in sorted(every))
    for left in dict.fromkeys((*using.values(), biases, every - biases, *alone)):
        old = {one: Sym(key.parameters[one]) for one in left}
        formulas = {id: substitute(key.formulas[id][0], old) for id in using if using[id] & left}
        first = next((id for id in formulas if id != name), None)
        if first is not None and 0 < len(left) < len(every):
            yield Several(first, "updated-weights-forward", formulas)
