"""A class list -> the students by every name that each goes by, with platforms and on sheets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from backprop_cli.classroom.rosters import FIRST, LAST, Roster, Student, folded

_PARTINGS: Final = (r"[;\n]", r"[;\n&+/]|\b(?:and|und|et|y)\b", r"[;\n&+/,]|\b(?:and|und|et|y)\b")
"""What may stand between names, the surest first: a comma may stand inside one."""


class Named(Struct, frozen=True):
    """The students whom a text names, and the names in it that are nobody's of the class."""

    students: tuple[str, ...]
    strangers: tuple[str, ...] = ()


class WhoIsWho:
    """The students of a class by every name that only one of them goes by."""

    def __init__(self, roster: Roster) -> None:
        self._owners: dict[str, list[str]] = defaultdict(list)
        for one in roster.students:
            for name in dict.fromkeys(_names(roster, one)):
                self._owners[name].append(one.id)
        self._exactly = {one.id.casefold(): one.id for one in roster.students}

    def student(self, name: str) -> str | None:
        """The student whom a name means."""
        owners = self.called(name)
        return owners[0] if len(owners) == 1 else None

    def called(self, name: str) -> Sequence[str]:
        """All students who go by a name."""
        exact = self._exactly.get(name.strip().casefold())
        return [exact] if exact is not None else self._owners.get(folded(name), [])

    def named(self, text: str) -> Named:
        """The students whom a text names, one or a group: `Anna Muster and Ben`, `s1; s2`."""
        if (one := self.student(text)) is not None:
            return Named((one,))
        best = Named(())
        for parting in _PARTINGS:
            names = [name.strip() for name in re.split(parting, text) if name.strip()]
            found = {name: self.student(name) for name in names}
            known = dict.fromkeys(filter(None, found.values()))
            strangers = tuple(name for name, student in found.items() if student is None)
            if known and (not best.students or len(strangers) < len(best.strangers)):
                best = Named(tuple(known), strangers)
        return best

    def ending(self, text: str) -> str | None:
        """The student with whose name a text ends, behind a hyphen: `homework-1-anna`.

        What GitHub packs has the name of a branch behind it: `homework-1-anna-main`.
        """
        starts = [match.end() for match in re.finditer("[-_]", text)]
        cut = text.rpartition("-")[0]
        found = filter(None, (self.student(text[start:]) for start in starts))
        before = filter(None, (self.student(cut[start:]) for start in (0, *starts)))
        return next(found, None) or next(before, None)

    def group(self, text: str) -> str:
        """What a group is called before the name of one of it: `Group 3-Anna Muster`."""
        if self.student(text) is not None:
            return ""
        cuts = (match.start() for match in re.finditer("-", text))
        return next((text[:cut] for cut in cuts if self.student(text[cut + 1 :])), "")


def _names(roster: Roster, student: Student) -> Iterator[str]:
    """What a student may be called: any cell, an address without its domain, both names."""
    yield folded(student.id)
    cells = dict(zip(map(folded, roster.columns), student.cells, strict=True))
    for cell in student.cells:
        yield from filter(None, (folded(cell), folded(cell.partition("@")[0])))
        last, comma, first = cell.partition(",")
        yield from [folded(first + last)] if comma else []
        yield from _turned(cell.split())
    first, last = (_first_of(cells, names) for names in (FIRST, LAST))
    yield from (folded(first + last), folded(last + first)) if first and last else ()


def _turned(words: list[str]) -> Iterator[str]:
    """Both ways in which a full name may begin with the family's: `de la Cruz, Ana María`."""
    for place in range(1, min(len(words), _MOST_WORDS)):
        yield folded("".join(words[place:] + words[:place]))


_MOST_WORDS = 6  # of a name


def _first_of(cells: Mapping[str, str], names: Sequence[str]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")
