"""`backprop check`: a problem file and answer files to a grading report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct
from msgspec.structs import asdict, replace

from backprop_cli.cli.common import (
    PROBLEM,
    end_with_fault,
    is_stated,
    one_of,
    output_options,
    whole,
)
from backprop_cli.cli.output import Output, write_file
from backprop_cli.errors import BUG, USAGE, refusal
from backprop_cli.report import formats

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.classroom.class_desk import ClassDesk
    from backprop_cli.classroom.rosters import Roster
    from backprop_cli.cli.grading_pool import Bench, Parts
    from backprop_cli.grading.grader import Desk, Grader
    from backprop_cli.grading.report_data import Note, Reveal, Submission, Summary
    from backprop_cli.grading.sheets.collect import Unread
    from backprop_cli.grading.summary import Counts
    from backprop_cli.report.settings import Settings
    from backprop_cli.report.stream import Writer
    from backprop_cli.solving.loading import Loaded
    from backprop_cli.terminal.themes import ThemeName

FAILED: Final = 1  # exit code: some sheet does not pass
MANY: Final = 400  # sheets from which more than one process, and a progress bar, is worth its start
MANY_OWN: Final = 10  # the same of sheets with numbers of their own, a problem each

FORMATS = (*formats.FORMATS, "gradebook")
_KEPT: Final = ("html", "markdown", "json", "csv")
"""Formats that are read later, without what is told beside."""
_PATH = click.Path(path_type=Path)
_DOING: Final = "grading"


@click.command(
    "check",
    epilog="\b\nExample:\n  backprop check problems/sigmoid-softmax.yaml"
    " --answers problems/sheets/sigmoid-softmax",
)
@PROBLEM
@click.argument("paths", nargs=-1, type=_PATH)
@click.option(
    "--answers",
    multiple=True,
    type=_PATH,
    metavar="PATH",
    help="A file with answers, or a folder of them. Repeatable; further PATHS are answers too.",
)
@output_options(*FORMATS)
@one_of(
    "--reveal",
    ["none", "where", "what", "value"],
    "none: marks only; where: what is wrong; what: and which slip; value: and what is right.",
    usual="what",
)
@click.option(
    "--roster",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The class list, a CSV file with a heading: whose sheet each is, and who has none.",
)
@click.option(
    "--feedback",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a reply to each student there.",
)
@one_of("--feedback-format", formats.REPLIES, "What replies are written in.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 where a sheet does not pass.")
@whole(
    "--workers",
    1,
    256,
    "Processes to use (default: the cores; one for fewer than 400 sheets of one problem,"
    " or 10 of a problem each).",
)
def command(problem: str, paths: tuple[Path, ...], **options: object) -> None:
    """Grades answer files against PROBLEM, knowing rounding, what follows from what, and slips.

    PROBLEM may be a folder that `backprop vary` wrote: each sheet is graded by its student's
    problem. Folders and .zip files are searched for .yaml, .yml, .json, .csv, .xlsx and .npz
    files: what people typed, or the arrays of a program. Exit code 0: every sheet passes; 1: some
    sheet does not; 2: the problem or every answer file is unusable.
    """
    run(Path(problem), Options(paths=paths, **options))  # type: ignore[arg-type]  # checked by click


class Options(Struct, frozen=True):
    """The options of `backprop check`, as click has checked them."""

    paths: tuple[Path, ...]
    answers: tuple[Path, ...]
    out: Output
    reveal: Reveal
    exit_zero: bool
    workers: int | None
    roster: Path | None
    feedback: Path | None
    feedback_format: str


class Task(Struct, frozen=True):
    """The files to grade, what grades them, and what has to be told about a class."""

    files: list[str]
    desk: Desk | ClassDesk
    grader: Grader
    title: str
    grader_of: Callable[[str], Grader]
    roster: Roster | None = None
    notes: tuple[Note, ...] = ()
    unread: tuple[tuple[str, Sequence[Unread]], ...] = ()  # of who handed in nothing else


def run(problem: Path, options: Options) -> None:
    """Grades every sheet, writes the report and ends with the exit code that says how it went."""
    from backprop_cli.cli.grading_pool import Bench, signals_held
    from backprop_cli.problem.typed_numbers import printable
    from backprop_cli.report.facts import note_lines

    if is_stated("feedback_format") and options.feedback is None:
        hint = "--feedback FOLDER beside it"
        raise refusal("no replies are written", instead=hint, source="--feedback-format")
    task = _task(problem, options)
    settings = _settings(options, task.grader)
    writers = tuple(_writers(options, settings, task))
    many = MANY_OWN if os.path.isdir(problem) else MANY
    graded = _Graded(_graded(Bench(task.desk, writers), task.files, options, many))
    kept = task.notes if options.out.file is not None or options.out.format in _KEPT else ()

    def summary() -> Summary:
        return replace(_summary(graded.counts, task), notes=kept)

    # What is written of a file is whole sheets, all counted; who reads a pipe may never read on.
    whole = signals_held() if options.out.is_replaced else nullcontext()
    try:
        with whole:
            options.out.write_pieces(writers[0].text(task.title, graded.parts(), summary))
    except KeyboardInterrupt:
        click.echo(printable(_so_far(graded.done, task.files)), err=True)
        raise
    for line in note_lines(task.notes):
        click.echo(printable(line), err=True)
    for place, other in enumerate(writers[1:]):
        parts = [each[place] for each in graded.beside]
        if options.feedback is not None and place == len(writers) - 2:
            parts += map(other.part, _not_read(task))
            _write_replies(parts, options.feedback, options.feedback_format, task.roster)
        else:
            _write_step_summary("".join(other.text(task.title, parts, summary)))
    for how in graded.deaths:
        click.echo(f"a process {how}; the sheets that it had were graded again", err=True)
    if (trace := graded.counts.fault) is not None:
        end_with_fault(trace)
    sys.exit(BUG if graded.deaths else exit_code(graded.counts, exit_zero=options.exit_zero))


def _so_far(done: int, files: Sequence[str]) -> str:
    """How far it came: sheets are reported in their order, whatever worked on them."""
    if not done:
        return f"none of {len(files):,} sheets was graded"
    return f"{done:,} of {len(files):,} sheets were graded, up to {files[done - 1]}"


def _summary(counts: Counts, task: Task) -> Summary:
    """How it went; of several sheets, with what wrong values that nothing explains might be."""
    if counts.submissions == 1:
        return counts.summary()
    from backprop_cli.classroom.might_be import SharedValues

    return counts.summary(SharedValues(task.grader_of))


class _Graded:
    """What comes from grading: the parts of the report, and what is kept until they are written."""

    def __init__(self, found: Iterator[Parts]) -> None:
        from backprop_cli.grading.summary import Counts

        self.counts = Counts()
        self.done = 0
        self.beside: list[tuple[Any, ...]] = []  # parts of what is written beside the report
        self.deaths: list[str] = []  # of processes that graded
        self._found = found

    def parts(self) -> Iterator[Any]:
        """The parts of the report as they come."""
        while (found := self._next()) is not None:
            self.counts.join(found.counts)
            self.deaths += found.deaths
            for part, *others in found.of:
                if others:
                    self.beside.append(tuple(others))
                yield part
                self.done += 1

    def _next(self) -> Parts | None:
        """What comes next, which is waited for."""
        from backprop_cli.cli.grading_pool import signals_let_in

        with signals_let_in():
            return next(self._found, None)


def _task(problem: Path, options: Options) -> Task:
    """What is to be graded, and by what: one problem for all, or everyone's own."""
    from backprop_cli.cli.arguments import allowed_for, announced, load, source_of
    from backprop_cli.grading.sheets.collect import folder_of_students, not_read

    left: list[Unread] = []
    if os.path.isdir(problem) or options.roster is not None:
        from backprop_cli.classroom.class_desk import class_problems

        problems = class_problems(problem, options.roster, allowed_for("checking"), source_of)
        files = _files(problem, options, left)
        found = problems.task(files, (*options.answers, *options.paths), left)
        handed_in, title = found.handed_in, _title(announced(found.loaded, _DOING))
        notes, unread = tuple(handed_in.notes()), tuple(handed_in.unread_only())
        first, whose, roster = found.first.grader, found.desk.grader_of, problems.roster
        return Task(found.files, found.desk, first, title, whose, roster, notes, unread)
    loaded = load(problem, task="checking")
    files = _files(problem, options, left)
    desk = _desk(announced(loaded, _DOING), folder_of_students(files))
    grader, notes = desk.grader, tuple(not_read(left))
    return Task(files, desk, grader, _title(loaded), lambda _: grader, notes=notes)


def _writers(options: Options, settings: Settings, task: Task) -> Iterator[Writer]:
    """What writes the report, and then what is written beside it."""
    alone = len(task.files) == 1
    if options.out.format == "gradebook":
        from backprop_cli.classroom.gradebook import GradebookWriter

        yield GradebookWriter(settings, task.roster)
    else:
        yield formats.writer(options.out.format, settings, alone=alone)
    if _wants_step_summary(options):
        yield formats.writer(formats.STEP_SUMMARY, settings, alone=alone)
    if options.feedback is not None:
        from backprop_cli.classroom.gradebook import FeedbackWriter

        told = replace(settings, color=None, ascii=options.out.ascii)
        yield FeedbackWriter(told, task.title, options.feedback_format)


def exit_code(counts: Counts, *, exit_zero: bool) -> int:
    """0 where every sheet passes, 2 where none could be read, else 1."""
    if counts.unread == counts.submissions:
        return USAGE
    return 0 if counts.passed == counts.submissions or exit_zero else FAILED


def _is_same(file: str, output: Path | None) -> bool:
    """Whether a file is the report itself, which no one takes for a hand-in."""
    return output is not None and os.path.realpath(file) == os.path.realpath(output)


def _files(problem: Path, options: Options, left: list[Unread]) -> list[str]:
    from backprop_cli.grading.sheets.collect import answer_files

    paths = (*options.answers, *options.paths)
    if not paths:
        message = "no answers are given"
        hint = f"backprop check {problem} --answers sheet.yaml, or a folder of sheets"
        raise refusal(message, instead=hint)
    files = answer_files(paths, None if str(problem) == "-" else problem, left)
    left[:] = [each for each in left if not _is_same(each.file, options.out.file)]
    return files


def _desk(loaded: Loaded, folder: str | None) -> Desk:
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.grading.grader import Desk

    with loaded.source.blamed():
        return Desk(loaded.model, folder, allowed_for("checking").most)


def _graded(bench: Bench, files: Sequence[str], options: Options, many: int) -> Iterator[Parts]:
    """The parts of the report; from `many` sheets on by all cores, on a terminal with a bar."""
    from backprop_cli.cli.grading_pool import graded

    workers = options.workers or (_cores() if len(files) >= many else 1)
    found = graded(bench, files, workers)
    if not _shows_progress(len(files), many):
        return found
    return _counted(found, len(files), options.out.theme)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shows_progress(files: int, many: int) -> bool:
    return files >= many and sys.stderr.isatty()


def _counted(found: Iterator[Parts], total: int, theme: ThemeName) -> Iterator[Parts]:
    """The parts as they come, with a progress bar."""
    from backprop_cli.terminal.console import progress

    done = 0
    with progress("grading", total, theme) as show:
        for parts in found:
            yield parts
            done += len(parts.of)
            show(done)


def _title(loaded: Loaded) -> str:
    problem = loaded.model.problem
    return problem.title or problem.id or Path(loaded.source.name).stem


def _settings(options: Options, grader: Grader) -> Settings:
    from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
    from backprop_cli.report.facts import PrintedFormulas
    from backprop_cli.report.settings import Settings

    look = options.out.look()
    return Settings(
        **asdict(look),
        reveal=options.reveal,
        slip_words=dict(SLIP_WORDS),  # one that can be sent to other processes
        formula=PrintedFormulas(grader, look.ascii),
    )


def _wants_step_summary(options: Options) -> bool:
    return options.out.format == "github" and bool(os.environ.get("GITHUB_STEP_SUMMARY"))


def _write_replies(replies: list[Any], folder: Path, form: str, roster: Roster | None) -> None:
    from backprop_cli.classroom.gradebook import write_replies

    count = write_replies(replies, folder, form, write_file, roster)
    click.echo(f"{count} replies in {folder}", err=True)


def _not_read(task: Task) -> Iterator[Submission]:
    """What those are answered of whom nothing could be read."""
    from backprop_cli.classroom.gradebook import unread

    return (unread(student, files, task.grader.most) for student, files in task.unread)


def _write_step_summary(text: str) -> None:
    """Adds the table of marks to the page of the job."""
    try:
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(f"GITHUB_STEP_SUMMARY cannot be written: {error.strerror}", err=True)
