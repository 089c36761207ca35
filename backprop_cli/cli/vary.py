"""`backprop vary`: a problem file and a class to a problem file for each student."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from backprop_cli.cli.common import (
    MAX_WORK,
    PROBLEM,
    complaints_end_it,
    seed_option,
    whole,
)
from backprop_cli.cli.output import Output, write_new
from backprop_cli.errors import Complaint, refusal
from backprop_cli.problem import ENDINGS
from backprop_cli.terminal.themes import DEFAULT_THEME

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.classroom.rosters import Roster
    from backprop_cli.classroom.variants import Variant, Varied

_OTHERS = Complaint("it is there already, with other numbers", instead="another folder, or --force")


class Options(Struct, frozen=True):
    """The options of `backprop vary`, as click has checked them."""

    students: Path | None
    count: int | None
    seed: int
    output: Path | None
    force: bool


@click.command(
    "vary",
    epilog="\b\nExample:\n  backprop vary problems/sigmoid-softmax.yaml --count 3 -o variants/",
)
@PROBLEM
@click.option(
    "--students",
    "--roster",
    "students",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The class list, a CSV file with a heading: a problem for each row.",
)
@whole("--count", 1, 10_000, "So many problems.")
@seed_option(
    "Other numbers for everyone. The same student and seed have the same numbers for ever."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the problems there; a single one is printed where there is none.",
)
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
@MAX_WORK
def command(problem: str, **options: object) -> None:
    """Writes PROBLEM with other numbers, a file for each student.

    They are like those of PROBLEM: whole stay whole, signs and sizes stay, no unit is dead or at a
    kink, and `lint` finds nothing that it does not find in PROBLEM. `vary:` in the file says what
    is to stay, or between what it may lie. `backprop check FOLDER hand-ins/` grades the class.
    """
    with complaints_end_it():
        run(Path(problem), Options(**options))  # type: ignore[arg-type]  # click has checked them


def run(problem: Path, options: Options) -> None:
    """Writes the problem of each student, and tells who has the same numbers as another."""
    from backprop_cli.classroom.rosters import file_names, make_folder
    from backprop_cli.classroom.variants import Varied
    from backprop_cli.cli.arguments import allowed_for, announced, load

    original = announced(load(problem, task="linting"), "drawing numbers")
    varied = Varied(original, allowed_for("linting"))
    roster = _roster(options)
    if options.output is None:
        Output("text").write(varied.variant(roster.students[0].id, options.seed).text)
        return
    names = file_names(roster)
    ending = problem.suffix if problem.suffix in ENDINGS else ".yaml"
    make_folder(options.output)
    made = []
    for variant in _variants(varied, list(names), options.seed):
        path = options.output / f"{names[variant.student]}{ending}"
        write_new(variant.text, path, force=options.force, refused=_OTHERS)
        made.append(variant)
    click.echo(f"{len(made)} problems in {options.output}", err=True)
    for students in _alike(made):
        click.echo(f"the same numbers: {', '.join(students)}", err=True)


def _roster(options: Options) -> Roster:
    """The class; UserError where it is not said once who is in it."""
    from backprop_cli.classroom.rosters import read_roster, roster_of

    if options.students is not None and options.count is not None:
        message = "--students says how many there are, and so does --count"
        raise refusal(message, instead="one of the two")
    if options.students is not None:
        roster = read_roster(str(options.students))
    else:
        wide = len(str(options.count or 1))
        roster = roster_of([f"{n:0{wide}}" for n in range(1, (options.count or 1) + 1)])
    if options.output is None and len(roster.students) > 1:
        message = f"{len(roster.students)} problems need a folder"
        raise refusal(message, instead="-o variants/")
    return roster


def _variants(varied: Varied, students: Sequence[str], seed: int) -> Iterator[Variant]:
    """The variants as they come, with a progress bar where somebody looks on."""
    made = (varied.variant(student, seed) for student in students)
    if sys.stderr is None or not sys.stderr.isatty():
        yield from made
        return
    from backprop_cli.terminal.console import progress

    with progress("drawing numbers", len(students), DEFAULT_THEME) as show:
        for done, variant in enumerate(made, 1):
            yield variant
            show(done)


def _alike(made: Sequence[Variant]) -> Iterator[list[str]]:
    """The students that have the same numbers as others."""
    by_numbers: dict[str, list[str]] = defaultdict(list)
    for variant in made:
        by_numbers[variant.numbers].append(variant.student)
    return (students for students in by_numbers.values() if len(students) > 1)
