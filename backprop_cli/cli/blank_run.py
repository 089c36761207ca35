"""What `backprop blank` does once its options are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from backprop_cli.cli.arguments import allowed_for, load
from backprop_cli.cli.output import Output
from backprop_cli.document.conventions import conventions
from backprop_cli.document.names import names_of
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import UserError
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.sheets.blank_sheet import (
    Blank,
    blank_of,
    csv_sheet,
    json_sheet,
    yaml_sheet,
)
from backprop_cli.report.clean import ascii_text
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.solution import Request, solve

_MARKS = ("⁺", "⁻", "1{")  # of phrases about how formulas are printed; a sheet has none


class Options(Struct, frozen=True):
    """The options of `backprop blank`, as click has checked them."""

    out: Output


def run(problem: Path, options: Options) -> None:
    """Writes the sheet."""
    loaded = load(problem)
    ascii_ = options.out.only_ascii
    blank = blank_of(loaded.model, loaded.plan, _conventions(loaded, ascii_))
    text = _WRITERS[options.out.format](blank, loaded)
    options.out.write(_in_ascii(text) if ascii_ else text)


def _conventions(loaded: Loaded, ascii_: bool) -> tuple[str, ...]:
    """What `solve` says on top, in the same words."""
    view = as_written(loaded.model.problem, View(ascii=ascii_))
    try:
        trace = solve(loaded.model, Request(steps=1, max_work=allowed_for("solving").most)).trace
    except UserError as error:
        raise loaded.source.error(*error.complaints) from None
    said = conventions(trace, view, names_of(trace, view))
    return tuple(phrase for phrase in said if not phrase.startswith(_MARKS))


def _csv(blank: Blank, loaded: Loaded) -> str:
    known = Quantities(loaded.model, loaded.plan)
    return csv_sheet(blank, {id: known.bases(id) for id in known.shapes})


def _in_ascii(text: str) -> str:
    """The comments in ASCII; names stay, since they are what is read again."""
    parts = (line.partition("# ") for line in text.split("\n"))
    return "\n".join(f"{names}{mark}{ascii_text(said)}" for names, mark, said in parts)


_WRITERS: dict[str, Callable[[Blank, Loaded], str]] = {
    "text": lambda blank, _: yaml_sheet(blank),
    "json": lambda blank, _: json_sheet(blank),
    "csv": _csv,
}
