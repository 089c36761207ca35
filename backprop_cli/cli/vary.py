"""`backprop vary`: a problem file and a class to a problem file for each student."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, complaints_end_it


@click.command(
    "vary",
    epilog="\b\nExample:\n  backprop vary problems/sigmoid-softmax.yaml --count 3 -o variants/",
)
@PROBLEM
@click.option(
    "--students",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The class list, a CSV file with a heading: a problem for each row.",
)
@click.option("--count", type=click.IntRange(1, 10_000), metavar="N", help="So many problems.")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Other numbers for everyone. The same student and seed have the same numbers for ever.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the problems there; a single one is printed where there is none.",
)
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
@click.option(
    "--max-work",
    type=click.IntRange(1),
    metavar="N",
    help="Allow up to N operations; a message says when it is needed.",
)
def command(problem: Path, max_work: int | None, **options: object) -> None:
    """Writes PROBLEM with other numbers, a file for each student.

    They are like those of PROBLEM: whole stay whole, signs and sizes stay, no unit is dead or at a
    kink, and `lint` finds nothing that it does not find in PROBLEM. `vary:` in the file says what
    is to stay, or between what it may lie. `backprop check FOLDER hand-ins/` grades the class.
    """
    from backprop_cli.cli.common import allow_work
    from backprop_cli.cli.vary_run import Options, run

    allow_work(max_work)
    with complaints_end_it():
        run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them
