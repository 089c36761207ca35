"""What `backprop check` does once its options are read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from backprop_cli.cli.common import only_ascii, terminal_width, wants_color, write
from backprop_cli.cli.grading_pool import graded
from backprop_cli.cli.reading import Loaded, load
from backprop_cli.errors import USAGE, Complaint, UserError
from backprop_cli.grading.collect import answer_files
from backprop_cli.grading.data import Report, Reveal, Submission
from backprop_cli.grading.grade import Grader
from backprop_cli.grading.slips import SLIP_WORDS
from backprop_cli.grading.summary import summarised
from backprop_cli.report.formats import RENDER, Settings, step_summary

FAILED: Final = 1  # exit code: some sheet does not pass
MANY: Final = 400  # sheets from which more than one process is worth its start


class Options(Struct, frozen=True):
    """The options of `backprop check`, as click has checked them."""

    paths: tuple[Path, ...]
    answers: tuple[Path, ...]
    format_: str
    output: Path | None
    precision: int
    ascii_: bool
    width: int | None
    reveal: Reveal
    exit_zero: bool
    workers: int | None


def run(problem: Path, options: Options) -> None:
    """Grades every sheet, writes the report and ends with the exit code that says how it went."""
    loaded = load(problem)
    files = _files(problem, options)
    grader = _grader(loaded)
    submissions = _submissions(grader, files, options)
    report = summarised(_title(loaded), submissions)
    settings = _settings(options, grader)
    write(RENDER[options.format_](report, settings), options.output)
    if options.format_ == "github":
        _write_step_summary(report, settings)
    sys.exit(exit_code(submissions, exit_zero=options.exit_zero))


def exit_code(submissions: Sequence[Submission], *, exit_zero: bool) -> int:
    """0 where every sheet passes, 2 where none could be read, else 1."""
    if all(submission.error is not None for submission in submissions):
        return USAGE
    passed = all(submission.passed for submission in submissions)
    return 0 if passed or exit_zero else FAILED


def _files(problem: Path, options: Options) -> list[Path]:
    paths = (*options.answers, *options.paths)
    if not paths:
        message = "no answers are given"
        hint = f"backprop check {problem} --answers sheet.yaml, or a folder of sheets"
        raise UserError(Complaint(message, instead=hint))
    return answer_files(paths, leave_out=None if str(problem) == "-" else problem)


def _grader(loaded: Loaded) -> Grader:
    try:
        return Grader(loaded.model)
    except UserError as error:
        raise loaded.source.error(*error.complaints) from None


def _submissions(grader: Grader, files: Sequence[Path], options: Options) -> list[Submission]:
    workers = options.workers or (_cores() if len(files) >= MANY else 1)
    found = graded(grader, files, workers)
    return list(_counted(found, len(files)) if _shows_progress(len(files)) else found)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shows_progress(files: int) -> bool:
    return files >= MANY and sys.stderr.isatty()


def _counted(submissions: Iterator[Submission], total: int) -> Iterator[Submission]:
    """The submissions as they come, with a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(submissions, total, description="grading")


def _title(loaded: Loaded) -> str:
    problem = loaded.model.problem
    return problem.title or problem.id or Path(loaded.source.name).stem


def _settings(options: Options, grader: Grader) -> Settings:
    to_file = options.output is not None
    return Settings(
        reveal=options.reveal,
        width=terminal_width(options.width),
        color=options.format_ == "text" and wants_color(to_file),
        ascii=only_ascii(options.ascii_, to_file),
        slip_words=SLIP_WORDS,
        formula=_formulas(grader, in_ascii=only_ascii(options.ascii_, to_file)),
    )


def _formulas(grader: Grader, *, in_ascii: bool) -> Callable[[str], str | None]:
    """Gives the formulas of the problem as `solve` prints them; made when one is first shown."""

    @cache
    def written(id: str) -> str | None:
        return writer()(id)

    @cache
    def writer() -> Callable[[str], str | None]:
        from backprop_cli.render.names import Names
        from backprop_cli.render.one_line import formulas
        from backprop_cli.render.view import View

        problem, steps = grader.model.problem, grader.steps
        view = View(
            ascii=in_ascii,
            notation=problem.notation,
            layers=problem.layers is not None,
            rows=problem.convention.rows,
            indices=problem.convention.indices,
        )
        names = Names(
            view.notation,
            view.layers,
            grader.model.samples is not None,
            in_ascii,
            frozenset((*grader.model.given, *steps)),
        )
        exprs = {id: step.expr for id, step in steps.items()}
        return formulas(exprs, grader.plan.shapes, names, view)

    return written


def _write_step_summary(report: Report, settings: Settings) -> None:
    """Adds the table of marks to the page of the job, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(step_summary(report, settings))
    except OSError as error:
        click.echo(f"GITHUB_STEP_SUMMARY cannot be written: {error.strerror}", err=True)
