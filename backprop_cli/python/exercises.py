"""Problems varied, handed out and practised: what Python has of a classroom.

What each of these needs is loaded when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprop_cli.problem.problem_file import Source
from backprop_cli.python import showing
from backprop_cli.python.complaining import told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backprop_cli.classroom.practice_session import Line
    from backprop_cli.solving.loading import Loaded

HANDOUTS = ("text", "markdown", "latex", "html")


def varied(loaded: Loaded, student: str, seed: int) -> Source:
    """The file of a problem with the numbers of one student."""
    from backprop_cli.classroom.variants import Varied

    with told("vary"):
        return Source("<text>", Varied(loaded).variant(student, seed).text.encode())


def handout(loaded: Loaded, format_: str, room: int | None, *, width: int, ascii_: bool) -> str:
    """The exercise without its solution, in one format."""
    from backprop_cli.classroom.exercise_sheet import exercise_sheet
    from backprop_cli.document.view import as_written
    from backprop_cli.formats.registry import written

    showing.refuse_other(format_, HANDOUTS)
    shown = as_written(loaded.model.problem, showing.view(width=width, ascii=ascii_))
    with told("handout"):
        return written(format_, exercise_sheet(loaded, room), shown)


class Practice:
    """A problem that somebody works through: `reply` takes a line, and says what there is to say.

    `opening` is what is said first, `sheet` the answers so far, as `Problem.check` reads them,
    `ended` whether all has been asked.
    """

    def __init__(self, loaded: Loaded, worked: int) -> None:
        from backprop_cli.classroom.practice_session import Practice as Session
        from backprop_cli.document.view import as_written

        view = as_written(loaded.model.problem, showing.view(width=80))
        with told("practice"):
            self._session = Session(loaded, view, worked=worked)
        self.opening: str = _said(self._session.opening())

    def reply(self, line: str) -> str:
        """The verdict on an answer and the next question, or what `hint`, `skip`, `back` say."""
        return _said(self._session.reply(line).lines)

    @property
    def sheet(self) -> str:
        """The answer sheet so far: the text of a file that `check` grades."""
        return self._session.sheet

    @property
    def ended(self) -> bool:
        """Whether every question has been asked, or `quit` was said."""
        return self._session.ended


def _said(lines: Iterable[Line]) -> str:
    return "\n".join(line.text for line in lines)
