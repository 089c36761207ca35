"""`backprop practice`: works through a problem with somebody, a question at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from backprop_cli.cli.common import (
    ASCII,
    PROBLEM,
    WIDTH,
    complaints_end_it,
    is_stated,
    seed_option,
    whole,
)
from backprop_cli.cli.output import Output, say, write_file, write_new
from backprop_cli.errors import Complaint, refusal

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.classroom.practice_session import Line, Practice
    from backprop_cli.classroom.practice_sheet import Session
    from backprop_cli.solving.loading import Loaded

_LONGEST: Final = 4_000_000
"""Characters of a line that is read; a longer one may have no end, as that of /dev/zero."""

_WHO = "practice"  # for whom other numbers are drawn
_NOT_ITS_OWN = Complaint(
    "the problem with its numbers belongs there, and another file is there already",
    instead="another name for the sheet: --resume mine.yaml",
)


class Options(Struct, frozen=True):
    """The options of `backprop practice`, as click has checked them."""

    vary: bool
    seed: int
    worked: int
    resume: Path | None
    ascii: bool
    width: int | None


@click.command(
    "practice",
    epilog="\b\nExample:\n  backprop practice problems/sigmoid-softmax.yaml",
)
@PROBLEM
@click.option("--vary", is_flag=True, help="With other numbers, as `backprop vary` draws them.")
@seed_option("With --vary: which numbers; another seed has others.")
@whole(
    "--worked", 0, 1000, "Show the first N worked out, then give fewer and fewer hints.", usual=0
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Go on with this sheet, or begin it (default: practice-PROBLEM.yaml, a new one).",
)
@ASCII
@WIDTH
def command(problem: str, **options: object) -> None:
    """Works through PROBLEM with you: each answer is judged at once, and the mistake named.

    `hint` gives the next of four, `skip`, `back`, `show` and `quit` do what they say. The sheet is
    written after every answer; `backprop check` grades it.
    """
    with complaints_end_it():
        run(Path(problem), Options(**options))  # type: ignore[arg-type]  # click has checked them


def run(problem: Path, options: Options) -> None:
    """Begins a session, or goes on with one, and keeps its sheet."""
    if str(problem) == "-":
        message = "answers are read from standard input, so a problem cannot be"
        raise refusal(message, instead="the name of its file", source="PROBLEM")
    sheet = options.resume or _new_name(problem)
    practice, loaded = _begun(problem, options, sheet)
    stated = problem
    if practice.session.seed is not None:
        beside = sheet.with_name(f"{sheet.stem}-problem.yaml")
        write_new(loaded.source.data.decode(), beside, force=False, refused=_NOT_ITS_OWN)
        problem = beside
    try:
        _converse(practice, sheet, _printer(options))
    except KeyboardInterrupt:
        say()
        raise
    finally:
        if os.path.exists(sheet):  # else it could not be written, which is told
            click.echo(_kept_in(practice, stated, problem, sheet), err=True)


def _kept_in(practice: Practice, stated: Path, problem: Path, sheet: Path) -> str:
    """Where the answers are, and what may be done with them."""
    lines = [f"kept in {sheet}"]
    if not practice.is_done:
        lines.append(f"go on  backprop practice {quote(str(stated))} --resume {quote(str(sheet))}")
    return "\n  ".join([*lines, f"grade  backprop check {quote(str(problem))} {quote(str(sheet))}"])


def _new_name(problem: Path) -> Path:
    """A file that is not there yet."""
    number, found = 1, Path(f"practice-{problem.stem}.yaml")
    while os.path.exists(found):
        number += 1
        found = Path(f"practice-{problem.stem}-{number}.yaml")
    return found


def _begun(problem: Path, options: Options, sheet: Path) -> tuple[Practice, Loaded]:
    """A new session, or the one that a sheet belongs to."""
    from backprop_cli.classroom.practice_session import Practice, fingerprint
    from backprop_cli.classroom.practice_sheet import read_session
    from backprop_cli.cli.arguments import load
    from backprop_cli.problem.problem_file import read_source

    seed, worked, answered = options.seed if options.vary else None, options.worked, None
    kept = read_session(read_source(sheet).data, str(sheet)) if os.path.exists(sheet) else None
    if kept is not None:
        session, answered = kept
        _check_same(options, session)
        seed, worked = session.seed, session.worked
    elif is_stated("seed") and not options.vary:
        raise refusal("no numbers are drawn", instead="--vary beside it", source="--seed")
    loaded = load(problem, task="checking") if seed is None else _varied(problem, seed)
    if kept is not None and kept[0].problem != fingerprint(loaded):
        message = "this sheet was begun with another problem, or with other numbers"
        raise refusal(message, instead="the problem as it was", source=str(sheet))
    out = _output(options)
    view = out.view(loaded.model.problem)
    with loaded.source.blamed():
        made = Practice(loaded, view, worked=worked, seed=seed, answered=answered)
    return made, loaded


def _check_same(options: Options, session: Session) -> None:
    """Refuses numbers, and steps worked out, that a session was not begun with."""
    as_begun = {"seed": session.seed, "worked": session.worked}
    for name, begun in as_begun.items():
        if is_stated(name) and getattr(options, name) != begun:
            with_ = "without it" if begun is None else f"with --{name} {begun}"
            message = f"this sheet was begun {with_}"
            raise refusal(message, instead="--resume alone", source=f"--{name}")


def _output(options: Options) -> Output:
    return Output("text", ascii=options.ascii, width=options.width)


def _varied(problem: Path, seed: int) -> Loaded:
    """The problem with other numbers, as a file would hold them."""
    from backprop_cli.classroom.variants import Varied
    from backprop_cli.cli.arguments import allowed_for, announced, load
    from backprop_cli.problem.problem_file import Source
    from backprop_cli.solving.loading import loaded

    original = announced(load(problem, task="linting"), "drawing numbers")
    varied = Varied(original, allowed_for("linting"))
    text = varied.variant(_WHO, seed).text
    return loaded(Source(str(problem), text.encode()), True, allowed_for("checking"))


# Talking ------------------------------------------------------------------------------------------

Printer = Callable[[Iterable["Line"]], None]


def _printer(options: Options) -> Printer:
    """What prints lines: plain ones in a pipe, in their styles on a terminal."""
    from rich.text import Text

    from backprop_cli.notation.ascii_signs import ascii_text
    from backprop_cli.problem.typed_numbers import printable
    from backprop_cli.terminal.console import drawn

    out = _output(options)

    def show(lines: Iterable[Line]) -> None:
        look = out.look()  # a terminal may have another width by now
        for line in lines:
            text = line.text if line.drawn else printable(line.text)
            text = ascii_text(text) if look.ascii else text
            if look.color is not None and not line.drawn:
                text = drawn([Text(text, line.style, overflow="fold")], look).rstrip("\n")
            say(text)

    return show


def _converse(practice: Practice, sheet: Path, show: Printer) -> None:
    """Asks and answers until it has ended; the sheet is written before anything is said."""
    from backprop_cli.problem.typed_numbers import printable

    opening = list(practice.opening())
    write_file(practice.sheet, sheet)
    show(opening)
    while not practice.ended:
        say("> ", end="")
        typed = sys.stdin.readline(_LONGEST) if sys.stdin is not None else ""
        if not typed.endswith("\n"):  # the end, perhaps in the middle of an answer, or none at all
            say()
            return
        if not sys.stdin.isatty():  # which would show what is typed
            say(printable(typed.rstrip("\n")))
        reply = practice.reply(typed)
        if reply.changed:
            write_file(practice.sheet, sheet)
        show(reply.lines)
