"""What is known of a problem -> a text in one of the formats: all that Python shows goes here.

What draws or derives is loaded where it is asked for, and not with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from msgspec.structs import replace

from backprop_cli.errors import Complaint
from backprop_cli.python.complaining import Error, expect_one_of, expect_whole

if TYPE_CHECKING:
    from backprop_cli.derive.derivation_data import Derivation
    from backprop_cli.document.view import View
    from backprop_cli.formats.registry import Said
    from backprop_cli.grading.report_data import Report
    from backprop_cli.problem.problem_data import Problem
    from backprop_cli.problem.problem_file import Source
    from backprop_cli.solving.solution import Solution

Detail: TypeAlias = Literal["short", "normal", "long"]

MOST_DECIMALS: Final = 15
LEAST_WIDTH: Final = 20
MOST_WIDTH: Final = 10_000


def refuse_other(format_: str, known: Sequence[str]) -> None:
    """Raises an Error where there is no such format."""
    if format_ not in known:
        message = f"there is no format `{format_}` for this"
        raise Error(Complaint(message, instead=f"one of {', '.join(known)}"), source="render")


def view(
    precision: int | None = None, detail: Detail = "normal", width: int = 100, **others: Any
) -> View:
    """How it is to be shown."""
    from backprop_cli.document.view import View

    if precision is not None:
        expect_whole("precision", precision, 0, MOST_DECIMALS)
    expect_whole("width", width, LEAST_WIDTH, MOST_WIDTH)
    expect_one_of("detail", detail, get_args(Detail))
    return View(precision=precision, detail=detail, width=width, **others)


def of_problem(problem: Problem, shown: View, asked: Sequence[str]) -> View:
    """The view of a problem, with what it says of its own notation."""
    from backprop_cli.document.view import as_written

    return replace(as_written(problem, shown), asked=tuple(asked))


def solution(format_: str, found: Solution, shown: View) -> str:
    """A solution in one format."""
    from backprop_cli.said.solved import of_solution

    return _written(format_, of_solution(found, shown.only), shown)


def chain(format_: str, found: Derivation, shown: View) -> str:
    """A derivative line by line."""
    from backprop_cli.said.derived import of_chains

    return _written(format_, of_chains(found), replace(shown, layers=False))


def report(format_: str, found: Report, settings: dict[str, Any]) -> str:
    """A report in one format."""
    from backprop_cli.grading.report_data import Reveal
    from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
    from backprop_cli.report.formats import RENDER
    from backprop_cli.report.settings import Settings

    expect_one_of("reveal", settings["reveal"], get_args(Reveal))
    if "width" in settings:
        expect_whole("width", settings["width"], LEAST_WIDTH, MOST_WIDTH)
    return RENDER[format_](found, Settings(slip_words=dict(SLIP_WORDS), **settings))


def symbols(source: Source, shown: View, *, index: bool) -> tuple[Said, View]:
    """A problem in symbols."""
    from backprop_cli.said.problem_in_symbols import of_source
    from backprop_cli.solving.limits import Allowed

    return of_source(source, shown, Allowed(), index=index)


def tensor(source: Source, of: str | None, wrt: str | None, shown: View) -> tuple[Said, View]:
    """One quantity of a problem by another, in symbols."""
    from backprop_cli.said.problem_in_symbols import of_loaded
    from backprop_cli.solving.loading import loaded

    return of_loaded(loaded(source, numbers=False), of, wrt, shown)


def written(format_: str, said: tuple[Said, View]) -> str:
    """What is said in one format, as it wants to be shown."""
    return _written(format_, *said)


def _written(format_: str, said: Said, shown: View) -> str:
    from backprop_cli.formats.registry import written

    return written(format_, said, shown)


class Shown:
    """Shows itself in notebooks, in each format that it can be rendered in, and printed as text."""

    render: Callable[..., str]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: print it, or render() it in a format>"

    def __str__(self) -> str:
        return self._rendered("text") or repr(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Its HTML, LaTeX, Markdown and plain text, as far as it has them."""
        chosen = {kind: text for kind, text in self._bundle().items() if text}
        if include:
            chosen = {kind: text for kind, text in chosen.items() if kind in include}
        return {kind: text for kind, text in chosen.items() if kind not in (exclude or ())}

    def _bundle(self) -> dict[str, str | None]:
        wanted = {"text/plain": "text", "text/markdown": "markdown", "text/latex": "latex"}
        found = {kind: self._rendered(name) for kind, name in wanted.items()}
        page = self._rendered("html")
        from backprop_cli.formats.html_page import fragment, plain_fragment

        found["text/html"] = fragment(page) if page else plain_fragment(found["text/plain"] or "")
        return found

    def _rendered(self, format_: str) -> str | None:
        try:
            return self.render(format_)
        except Error:
            return None
