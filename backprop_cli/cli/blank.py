"""`backprop blank`: a problem file to an empty answer sheet."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options
from backprop_cli.cli.output import Output, write_new
from backprop_cli.said import SHEETS


@click.command(
    "blank",
    epilog="\b\nExample:\n  backprop blank problems/sigmoid-softmax.yaml",
)
@PROBLEM
@output_options(*SHEETS)
def command(problem: str, out: Output) -> None:
    """Writes the empty answer sheet of PROBLEM: every asked quantity, `_` for every entry.

    Filled in, it is what `backprop check` reads. `text` is YAML. PROBLEM is a YAML file, or - for
    standard input.
    """
    from backprop_cli.cli.arguments import allowed_for, load
    from backprop_cli.said.empty_sheets import empty_sheet

    text = empty_sheet(load(problem), out.format, allowed_for("solving"), ascii_=out.only_ascii)
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
