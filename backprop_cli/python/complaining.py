"""What a user may be told -> the one exception that calls from Python raise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Final

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.ids import UnknownIdError

_LONGEST: Final = 60
DICT = "<dict>"
"""What a problem that comes as a dict is called: it has no lines in which anything stands."""


class Error(UserError):
    """What was given cannot be used; `complaints` say all that is wrong with it, and where.

    Each complaint has a `message`, a `mark` with `line` and `column` (both 0 where it is about the
    whole), and where it helps `instead`: what to write. `source` names the file or the argument.
    """

    def __str__(self) -> str:
        return "\n".join(map(self._line, self.complaints))

    def _line(self, complaint: Complaint) -> str:
        mark = complaint.mark
        at = f"{mark.line}:{mark.column}" if mark.line and self.source != DICT else ""
        place = ":".join(filter(None, (self.source, at)))
        hint = f"; write {complaint.instead}" if complaint.instead else ""
        return f"{place}: {complaint.message}{hint}" if place else f"{complaint.message}{hint}"


def expect(right: bool, source: str, wanted: str, value: object) -> None:
    """Raises an Error where what was given for `source` is not what is `wanted` there."""
    if not right:
        plain = isinstance(value, str | int | float | None)
        said = repr(value)[:_LONGEST] if plain else type(value).__name__
        raise Error(Complaint(f"{wanted} belongs here, not {said}"), source=source)


def expect_text(source: str, value: object) -> None:
    """Raises an Error for what is no text."""
    expect(isinstance(value, str), source, "a text", value)


def expect_whole(source: str, value: object, least: int, most: int | None = None) -> None:
    """Raises an Error for what is no whole number, or too small or too large."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    fits = whole and least <= int(value) <= (int(value) if most is None else most)  # type: ignore[call-overload]
    wanted = f"from {least} on" if most is None else f"from {least} to {most}"
    expect(fits, source, f"a whole number {wanted}", value)


def expect_one_of(source: str, value: object, known: Sequence[str]) -> None:
    """Raises an Error for what is none of some words."""
    expect(isinstance(value, str) and value in known, source, f"one of {', '.join(known)}", value)


@contextmanager
def told(source: str = "") -> Iterator[None]:
    """Raises what is wrong with what was given as an Error."""
    try:
        yield
    except Error:
        raise
    except UserError as error:
        where = error.source or source
        raise Error(*error.complaints, source=where, lines=error.lines) from None
    except UnknownIdError as unknown:
        raise Error(Complaint(str(unknown), instead=unknown.instead), source=source) from None
