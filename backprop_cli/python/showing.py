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
DERIVATIONS: Final = ("text", "markdown", "latex", "html")


def refuse_other(format_: str, known: Sequence[str]) -> None:
    """Raises an Error where there is no such format."""
    if format_ not in known:
        message = f"there is no format `{format_}` for this"
        raise Error(Complaint(message, instead=f"one of {', '.join(known)}"), source="render")


def view(precision: int = 4, detail: Detail = "normal", width: int = 100, **others: Any) -> Any:
    """How it is to be shown."""
    found = import_module("backprop_cli.render.view").View
    return found(precision=precision, detail=detail, width=width, **others)


def of_problem(problem: Any, shown: Any, asked: Sequence[str]) -> Any:
    """The view of a problem, with what it says of its own notation."""
    as_written = import_module("backprop_cli.render.view").as_written
    return replace(as_written(problem, shown), asked=tuple(asked))


def solution(format_: str, found: Any, shown: Any) -> str:
    """A solution in one format."""
    if format_ == "json":
        data = import_module("backprop_cli.trace_json")
        return str(data.written(data.to_json(found.trace), ascii_only=shown.ascii))
    if format_ == "python":
        first = found.trace.steps[0].iteration if found.trace.steps else 1
        training = import_module("backprop_cli.cli.solve_python").training_of(found, first)
        program = import_module("backprop_cli.render.python_code")
        return str(program.render(found.trace, shown, training))
    return trace(format_, found.trace, shown)


def trace(format_: str, found: Any, shown: Any) -> str:
    """A trace, with numbers or in symbols, as people read it."""
    return str(import_module(f"backprop_cli.render.{format_}").render(found, shown))


def chain(format_: str, found: Any, shown: Any) -> str:
    """A derivative line by line."""
    shown = replace(shown, layers=False)
    if format_ in ("latex", "html"):
        sheet = import_module("backprop_cli.render.sheet").sheet(found, shown)
        return str(import_module("backprop_cli.cli.derive_formats").set_sheet(sheet, format_))
    return str(getattr(import_module("backprop_cli.render.derivation"), format_)(found, shown))


def report(format_: str, found: Any, settings: dict[str, Any]) -> str:
    """A report in one format."""
    formats = import_module("backprop_cli.report.formats")
    words = dict(import_module("backprop_cli.grading.slips.table_of_slips").SLIP_WORDS)
    return str(formats.RENDER[format_](found, formats.Settings(slip_words=words, **settings)))


def symbols(format_: str, source: Any, shown: Any, *, index: bool) -> str:
    """A problem in symbols."""
    whole = import_module("backprop_cli.cli.derive_problem").of_source
    return str(whole(source, format_, shown, index=index))


def tensor(format_: str, source: Any, of: str | None, wrt: str | None, shown: Any) -> str:
    """One quantity of a problem by another, in symbols."""
    loaded = import_module("backprop_cli.solving.loading").loaded(source, numbers=False)
    derivative = import_module("backprop_cli.cli.derive_tensor").of_loaded
    return str(derivative(loaded, of, wrt, format_, shown))
