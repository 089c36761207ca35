"""What is known of a problem -> a text in one of the formats: all that Python shows goes here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

from msgspec.structs import replace

from backprop_cli.errors import Complaint
from backprop_cli.python.complaining import Error

Detail: TypeAlias = Literal["short", "normal", "long"]

SOLUTIONS: Final = ("text", "markdown", "latex", "html", "json", "python")
DERIVATIONS: Final = ("text", "markdown", "latex", "html", "json")


def refuse_other(format_: str, known: Sequence[str]) -> None:
    """Raises an Error where there is no such format."""
    if format_ not in known:
        message = f"there is no format `{format_}` for this"
        raise Error(Complaint(message, instead=f"one of {', '.join(known)}"), source="render")


def view(precision: int = 4, detail: Detail = "normal", width: int = 100, **others: Any) -> Any:
    """How it is to be shown."""
    found = import_module("backprop_cli.document.view").View
    return found(precision=precision, detail=detail, width=width, **others)


def of_problem(problem: Any, shown: Any, asked: Sequence[str]) -> Any:
    """The view of a problem, with what it says of its own notation."""
    as_written = import_module("backprop_cli.document.view").as_written
    return replace(as_written(problem, shown), asked=tuple(asked))


def solution(format_: str, found: Any, shown: Any) -> str:
    """A solution in one format."""
    first = found.trace.steps[0].iteration if found.trace.steps else 1

    def program(how: Any) -> str:
        training = import_module("backprop_cli.cli.solve_python").training_of(found, first)
        return str(import_module("backprop_cli.formats.python").program(found.trace, how, training))

    said = import_module("backprop_cli.said").of_trace(found.trace)
    return written(format_, replace(said, program=program), shown)


def written(format_: str, said: Any, shown: Any) -> str:
    """What is said in one format."""
    return str(import_module("backprop_cli.formats.registry").written(format_, said, shown))


def chain(format_: str, found: Any, shown: Any) -> str:
    """A derivative line by line."""
    said = import_module("backprop_cli.said").of_chains(found)
    return written(format_, said, replace(shown, layers=False))


def report(format_: str, found: Any, settings: dict[str, Any]) -> str:
    """A report in one format."""
    formats = import_module("backprop_cli.report.formats")
    words = dict(import_module("backprop_cli.grading.slips.table_of_slips").SLIP_WORDS)
    return str(formats.RENDER[format_](found, formats.Settings(slip_words=words, **settings)))


def symbols(format_: str, source: Any, shown: Any, *, index: bool) -> str:
    """A problem in symbols."""
    whole = import_module("backprop_cli.cli.derive_problem").of_source
    return written(format_, *whole(source, shown, index=index))


def tensor(format_: str, source: Any, of: str | None, wrt: str | None, shown: Any) -> str:
    """One quantity of a problem by another, in symbols."""
    loaded = import_module("backprop_cli.solving.loading").loaded(source, numbers=False)
    derivative = import_module("backprop_cli.cli.derive_tensor").of_loaded
    return written(format_, *derivative(loaded, of, wrt, shown))
