"""What a user may be told: where, what is wrong, what was expected, what to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct, field

USAGE = 2  # exit code: the command line or a file is unusable
BUG = 70  # exit code: the program is wrong, not what it was given
MOST_COMPLAINTS = 200  # kept about one file: a file wrong everywhere must not take for ever


class Mark(Struct, frozen=True, order=True):
    """A place in a file, both counted from 1; (0, 0) where the complaint is about the whole."""

    line: int = 0
    column: int = 0


class Complaint(Struct, frozen=True):
    """One thing wrong: a sentence, and where it helps what to write instead.

    `stage` tells how far a file had come when it was found: 0 while it was read, 1 once all of it
    was put together. What is found later may follow from what was found before.
    """

    message: str
    mark: Mark = Mark()
    instead: str | None = None
    stage: int = 0

    @property
    def order(self) -> tuple[int, Mark]:
        """How complaints are told: causes first, those of the reading in the file's order."""
        return self.stage, Mark() if self.stage else self.mark


class UserError(Exception):
    """One or more complaints about what a user gave; the program ends with exit code 2."""

    def __init__(
        self, *complaints: Complaint, source: str = "", lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__("; ".join(complaint.message for complaint in complaints))
        self.complaints = complaints
        self.source = source
        self.lines = lines


def refusal(
    message: str, mark: Mark = Mark(), instead: str | None = None, *, source: str = ""
) -> UserError:
    """The error of one complaint; `source` is what it is about, a file or an option."""
    return UserError(Complaint(message, mark, instead), source=source)


class HintedError(Exception):
    """What is wrong, a sentence, and what to write instead; raised where no place is known yet."""

    def __init__(self, message: str, instead: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead


class Complaints(Struct):
    """Collects complaints, so that a file is told all that is wrong with it at once.

    `folder` is where the file lies, and what it may name beside it.
    """

    found: list[Complaint] = field(default_factory=list)
    stage: int = 0
    folder: str = ""

    @property
    def full(self) -> bool:
        """Whether there are so many that reading on is of no use."""
        return len(self.found) >= MOST_COMPLAINTS

    def add(self, message: str, mark: Mark = Mark(), instead: str | None = None) -> None:
        """Notes one complaint; the same sentence at the same place is kept once."""
        complaint = Complaint(message, mark, instead, self.stage)
        if not self.full and complaint not in self.found:
            self.found.append(complaint)


def listed(names: Sequence[str]) -> str:
    """`Z1, H1 and L`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def first_of(names: Sequence[str], most: int) -> str:
    """`s1, s2 and 3 more`; all of them where there are no more than `most`."""
    return listed([*names[:most], *[f"{len(names) - most} more"] * (len(names) > most)])


# Faults of the program ----------------------------------------------------------------------------


T = TypeVar("T")


class Fault(Struct, frozen=True):
    """What was not done because the program failed at it, and the traceback of that."""

    what: str
    trace: str


def fault(what: str, error: Exception) -> Fault:
    """The fault that an exception nobody foresaw is."""
    from traceback import format_exception

    return Fault(what, "".join(format_exception(error)))


def told(error: Exception) -> str:
    """What a person is told of a fault: nothing of what the program was at, which may be secret."""
    return f"a fault of backprop, not of this file ({type(error).__name__})"


class Faults(Struct):
    """The faults of several things of which each is done whatever became of the others."""

    found: list[Fault] = field(default_factory=list)

    def kept(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """The items up to a fault, which is noted."""
        try:
            yield from items
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
            self.found.append(fault(what, error))
