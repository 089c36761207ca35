"""Turns the outcomes of many sheets into rows: how many are graded as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from students import cheats, erring
from students import honest as honestly
from students.cases import Outcome


@dataclass(frozen=True)
class Row:
    """What is measured of a category, and the share that is wanted; None: it is only told."""

    category: str
    measured: str
    number: int
    good: int
    bar: float | None

    @property
    def part(self) -> float:
        """In per cent."""
        return 100 * self.good / self.number

    @property
    def reached(self) -> bool:
        return self.bar is None or self.part >= self.bar

    @property
    def words(self) -> str:
        return "" if self.bar is None else f">= {self.bar:g}"


EXACTLY = "wholly right"
CALM = "nothing wrong"
SLIPS = {"placed": 99.0, "nothing else wrong": 99.0, "named": 97.0, "no false name": 99.0}

BARS: dict[str, dict[str, float]] = {
    honestly.NAMED: {EXACTLY: 99.8},
    honestly.NO_PRECISION: {EXACTLY: 99.8},
    honestly.FACTORS: {EXACTLY: 99.0},
    honestly.PRODUCTS: {EXACTLY: 99.0},
    honestly.LATER: {EXACTLY: 99.0},
    honestly.MORE_ASKED: {EXACTLY: 99.0},
    honestly.LINES_MISSING: {CALM: 99.0},
    honestly.FEWER: {CALM: 99.0},
    honestly.MORE: {CALM: 99.0},
    honestly.OTHER_KIND: {CALM: 99.0},
    honestly.MIXED: {CALM: 99.0},
    erring.ONE: SLIPS,
    erring.ONE_FACTORS: SLIPS,
    erring.ONE_UNASKED: SLIPS,
    erring.ONE_LATER: SLIPS,
    erring.ONE_FEWER: SLIPS,
    erring.MISCONCEPTION: SLIPS,
    erring.TWO: SLIPS,
    erring.EVERYWHERE: SLIPS,
    **{name: {"none accepted": 99.0} for name in cheats.OFF},
    "one number off by 2 %": {},
    cheats.RANDOM: {"none accepted": 99.0},
    cheats.SHORT: {"none accepted": 100.0},
    cheats.ALL_SHORT: {"none accepted": 100.0},
    **{name: {"not passed": 100.0} for name in cheats.GARBAGE},
    **{name: {"none accepted": 100.0, "not passed": 100.0} for name in cheats.NO_WORK},
}


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Every category in the order of the bars, with everything that was measured of it."""
    found = []
    for category, bars in BARS.items():
        members = [outcome for outcome in outcomes if outcome.category == category]
        names = dict.fromkeys(name for member in members for name in member.flags)
        for name in names:
            counted = [member.flags[name] for member in members if name in member.flags]
            found.append(Row(category, name, len(counted), sum(counted), bars.get(name)))
    return found
