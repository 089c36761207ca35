"""A problem to its empty answer sheet, with what holds throughout it in comments above."""

from __future__ import annotations

from backprop_cli.document.conventions import OF_FORMULAS, conventions
from backprop_cli.document.names import names_of
from backprop_cli.document.view import View, as_written
from backprop_cli.grading.sheets.blank_sheet import (
    Blank,
    blank_of,
    csv_sheet,
    json_sheet,
    yaml_sheet,
)
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.solution import Request, solve


def empty_sheet(loaded: Loaded, format_: str, allowed: Allowed, *, ascii_: bool) -> str:
    """The sheet with every asked quantity, `_` for every entry, as `check` reads it."""
    blank = blank_of(loaded.model, loaded.plan, _conventions(loaded, allowed, ascii_))
    match format_:
        case "json":
            text = json_sheet(blank)
        case "csv":
            text = _csv(blank, loaded)
        case _:
            text = yaml_sheet(blank)
    return _in_ascii(text) if ascii_ else text


def _conventions(loaded: Loaded, allowed: Allowed, ascii_: bool) -> tuple[str, ...]:
    """What `solve` says on top, in the same words."""
    view = as_written(loaded.model.problem, View(ascii=ascii_))
    with loaded.source.blamed():
        trace = solve(loaded.model, Request(steps=1, max_work=allowed.most)).trace
    said = conventions(trace, view, names_of(trace, view))
    return tuple(phrase for phrase in said if phrase not in OF_FORMULAS)


def _csv(blank: Blank, loaded: Loaded) -> str:
    from backprop_cli.grading.quantities import Quantities

    known = Quantities(loaded.model, loaded.plan)
    return csv_sheet(blank, {id: known.bases(id) for id in known.shapes})


def _in_ascii(text: str) -> str:
    """The comments in ASCII; names stay, since they are what is read again."""
    from backprop_cli.report.settings import ascii_text

    parts = (line.partition("# ") for line in text.split("\n"))
    return "\n".join(f"{names}{mark}{ascii_text(said)}" for names, mark, said in parts)
