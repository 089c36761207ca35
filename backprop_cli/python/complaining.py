"""What a user may be told -> the one exception that calls from Python raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.ids import UnknownIdError

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
