"""`backprop blank`: a problem file to an empty answer sheet."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop_cli.cli.common import PROBLEM, output_options
from backprop_cli.cli.output import Output, write_new

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.grading.sheets.blank_sheet import Blank
    from backprop_cli.solving.loading import Loaded


@click.command(
    "blank",
    epilog="\b\nExample:\n  backprop blank problems/sigmoid-softmax.yaml",
)
@PROBLEM
@output_options("text", "json", "csv")
def command(problem: Path, out: Output) -> None:
    """Writes the empty answer sheet of PROBLEM: every asked quantity, `_` for every entry.

    Filled in, it is what `backprop check` reads. `text` is YAML. PROBLEM is a YAML file, or - for
    standard input.
    """
    from backprop_cli.cli.arguments import load
    from backprop_cli.grading.sheets.blank_sheet import blank_of, json_sheet, yaml_sheet

    loaded = load(problem)
    ascii_ = out.only_ascii
    blank = blank_of(loaded.model, loaded.plan, _conventions(loaded, ascii_))
    match out.format:
        case "json":
            text = json_sheet(blank)
        case "csv":
            text = _csv(blank, loaded)
        case _:
            text = yaml_sheet(blank)
    text = _in_ascii(text) if ascii_ else text
    if out.file is None or _is_empty(out.file):
        out.write(text)
    else:
        write_new(text, out.file, force=out.force)


def _is_empty(file: Path) -> bool:
    """Whether nothing is lost with what is there: no file, or a sheet that nobody filled in."""
    from backprop_cli.grading.sheets.blank_sheet import is_blank

    if not os.path.isfile(file):
        return True
    with suppress(OSError):
        return is_blank(file.read_text("utf-8", "replace"))
    return False


def _conventions(loaded: Loaded, ascii_: bool) -> tuple[str, ...]:
    """What `solve` says on top, in the same words."""
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.document.conventions import OF_FORMULAS, conventions
    from backprop_cli.document.names import names_of
    from backprop_cli.document.view import View, as_written
    from backprop_cli.solving.solution import Request, solve

    view = as_written(loaded.model.problem, View(ascii=ascii_))
    with loaded.source.blamed():
        trace = solve(loaded.model, Request(steps=1, max_work=allowed_for("solving").most)).trace
    said = conventions(trace, view, names_of(trace, view))
    return tuple(phrase for phrase in said if phrase not in OF_FORMULAS)


def _csv(blank: Blank, loaded: Loaded) -> str:
    from backprop_cli.grading.quantities import Quantities
    from backprop_cli.grading.sheets.blank_sheet import csv_sheet

    known = Quantities(loaded.model, loaded.plan)
    return csv_sheet(blank, {id: known.bases(id) for id in known.shapes})


def _in_ascii(text: str) -> str:
    """The comments in ASCII; names stay, since they are what is read again."""
    from backprop_cli.report.settings import ascii_text

    parts = (line.partition("# ") for line in text.split("\n"))
    return "\n".join(f"{names}{mark}{ascii_text(said)}" for names, mark, said in parts)
