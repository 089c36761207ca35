"""The command line's PROBLEM to its bytes or its model."""

from __future__ import annotations

import os
import sys

import click

from backprop_cli.cli.common import max_work
from backprop_cli.errors import Complaint, UserError, refusal
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.problem.text.tree import MAX_BYTES
from backprop_cli.solving.limits import MAX_WORK, Allowed, Task, takes_long
from backprop_cli.solving.loading import Loaded, loaded


def source_of(path: str | os.PathLike[str]) -> Source:
    """The problem file, or standard input for `-`."""
    if str(path) != "-":
        return read_source(path)
    if sys.stdin is None:
        raise refusal("it is closed", source="standard input")
    try:
        return Source("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))
    except OSError as error:
        why = Complaint(f"cannot be read: {error.strerror}")
        raise UserError(why, source="standard input") from None


def load(path: str | os.PathLike[str], numbers: bool = True, task: Task = "solving") -> Loaded:
    """The model of a problem file, checked as a whole; UserError with all complaints."""
    return loaded(source_of(path), numbers, allowed_for(task))


def allowed_for(task: Task) -> Allowed:
    """What is to be done, and the operations that `--max-work` allows for it."""
    return Allowed(task, max_work() or MAX_WORK)


def announced(loaded: Loaded, doing: str) -> Loaded:
    """The same problem; where its formulas are long, people are told what they wait for."""
    if takes_long(loaded.plan):
        click.echo(f"{doing}: the formulas are long, and it may take some seconds", err=True)
    return loaded
