"""Faults of the program itself, kept where they happen so that what is around them goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct, field

from backprop_cli.errors import UserError

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
