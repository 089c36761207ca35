"""`backprop solve`: a problem file to its worked derivation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.cli.common import PROBLEM, one_of, output_options, whole
from backprop_cli.cli.output import Output
from backprop_cli.errors import Complaints, UserError, refusal
from backprop_cli.formats.registry import SOLUTIONS
from backprop_cli.terminal.themes import ThemeName

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.document.view import View
    from backprop_cli.problem.problem_data import Problem
    from backprop_cli.problem.problem_file import Source
    from backprop_cli.solving.loading import Loaded, Selection
    from backprop_cli.solving.solution import Progress, Solution
    from backprop_cli.solving.verify import Check
    from backprop_cli.solving.weight_paths import EntryPaths

LONG = 60_000  # operations from which a terminal is shown a progress bar


class Options(Struct, frozen=True):
    """The options of `backprop solve`, as click has checked them."""

    out: Output
    only: tuple[str, ...]
    entry: str | None
    until: str | None
    steps: int | None
    at: int
    verify: bool


def ids(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a shell offers for an id: the quantities of the problem named before it."""
    return [id for id in _known(ctx) if id.startswith(typed)]


def ids_and_phases(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The same, and the parts of a derivation."""
    return [
        name for name in ("forward", "backward", "update", *_known(ctx)) if name.startswith(typed)
    ]


def parameters(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Quantities whose entries have a gradient."""
    from backprop_cli.algebra.quantity import new_id

    known = _known(ctx)
    return [id for id in known if id.startswith(typed) and new_id(id) in known]


def _known(ctx: click.Context) -> list[str]:
    problem = ctx.params.get("problem")
    words = [problem] if problem else ctx.args  # click keeps what it could not yet give a meaning
    files = [word for word in words if os.path.isfile(word)]
    if not files:
        return []
    from backprop_cli.cli.arguments import load

    try:
        return load(files[0]).known()
    except UserError:
        return []


@click.command(
    "solve",
    epilog="\b\nExample:\n  backprop solve problems/momentum.yaml --steps 20 --at 20 --only update",
)
@PROBLEM
@output_options(*SOLUTIONS, folders=True)
@one_of(
    "--detail",
    ["short", "normal", "long"],
    "short: formula and result; normal: with the numbers put in; long: every entry too.",
    usual="normal",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    shell_complete=ids_and_phases,
    help="Show only this: an id such as dL/dW1 or dYhat/dW1, or forward, backward, update."
    " Repeatable.",
)
@click.option(
    "--entry",
    metavar="'W1[2,1]'",
    shell_complete=parameters,
    help="Follow one weight along every path to the loss.",
)
@click.option("--until", metavar="ID", shell_complete=ids, help="Stop after this quantity.")
@whole("--steps", 0, None, "Train N steps instead of the file's.")
@whole("--at", 1, None, "Show the derivation of step K.", usual=1, metavar="K")
@click.option("--verify", is_flag=True, help="Compare every gradient with finite differences.")
def command(problem: str, **options: object) -> None:
    """Works PROBLEM out: forward, backward and update, every intermediate shown.

    PROBLEM is a YAML file, or - for standard input. With letters for numbers in x, every quantity
    is given as a function of them.

    Where PROBLEM is a folder of problems, as `backprop vary` writes, -o FOLDER has a file for each.

    An ID is the name of a quantity: Z1, dL/dW1, W1_new. Read as the same: dW1, grad_W1, ∇W1.
    """
    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them


def run(problem: str, options: Options) -> None:
    """Solves the problem and writes what was asked for."""
    from backprop_cli.cli.arguments import allowed_for, source_of
    from backprop_cli.formats.registry import written
    from backprop_cli.said.solved import of_solution
    from backprop_cli.solving.loading import checked, entry_of, selected, stated

    source = source_of(problem)
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters:
        _write_functions(stated_problem, complaints, source, options)
        return
    loaded = checked(stated_problem, complaints, source, allowed=allowed_for("solving"))
    selection = selected(loaded, options.only, options.until)
    entry = entry_of(loaded, options.entry) if options.entry else None
    solution = _solved(loaded, selection, options)
    paths = _paths(solution, entry) if entry else None
    checks = _checks(loaded, solution, options) if options.verify else None
    view = _view(loaded, selection, options)
    said = of_solution(solution, selection.ids, paths, checks, allowed_for("solving").most)
    options.out.write(written(options.out.format, said, view))


def _paths(solution: Solution, entry: tuple[str, tuple[int, ...]]) -> EntryPaths:
    from backprop_cli.solving.weight_paths import entry_paths

    return entry_paths(solution.model, solution.values, *entry)


def _write_functions(
    problem: Problem, complaints: Complaints, source: Source, options: Options
) -> None:
    """The quantities as functions of what is a letter in the file."""
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.formats.registry import written
    from backprop_cli.said.problem_in_symbols import Asked, functions_of, refuse_numbers_only

    given = {
        "--entry": options.entry is not None,
        "--steps": options.steps is not None,
        "--at": options.at != 1,
        "--verify": options.verify,
    }
    refuse_numbers_only(given)
    asked = Asked(options.only, options.until)
    said = functions_of(problem, complaints, source, allowed_for("solving"), asked)
    view = options.out.view(problem)
    options.out.write(written(options.out.format, said, view))


def _solved(loaded: Loaded, selection: Selection, options: Options) -> Solution:
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.solving.solution import Request, solve

    steps = options.steps if options.steps is not None else _steps(loaded)
    if options.steps and (loaded.model.update is None or not loaded.model.trained):
        raise refusal(
            "this problem has no update to make steps with",
            instead="update: {rule: sgd, learning_rate: 0.1} in the file",
            source="--steps",
        )
    if options.at > max(steps, 1):
        raise refusal(
            f"step {max(steps, 1)} is the last, and there is no step {options.at}",
            instead=f"--steps {options.at}",
            source="--at",
        )
    limit = allowed_for("solving").most
    planned = None if selection.extra else loaded.plan
    request = Request(options.steps, options.at, selection.extra, limit, planned=planned)
    with loaded.source.blamed(), _progress(loaded, steps, options.out.theme) as progress:
        return solve(loaded.model, replace(request, progress=progress))


def _steps(loaded: Loaded) -> int:
    update = loaded.model.update
    return update.steps if update is not None and loaded.model.trained else 0


@contextmanager
def _progress(loaded: Loaded, steps: int, theme: ThemeName) -> Iterator[Progress | None]:
    """A progress bar on the terminal while a long training runs."""
    from backprop_cli.solving.limits import is_stepwise, work

    stepwise = is_stepwise(loaded.model)
    if not sys.stderr.isatty() or work(loaded.plan, steps, stepwise) < LONG:
        yield None
        return
    from backprop_cli.terminal.console import progress

    every = max(1, steps // 200)
    with progress("training", steps, theme) as show:

        def told(step: int, loss: float) -> None:
            if step % every == 0:
                show(step, f"loss {loss:.4g}")

        yield told


def _checks(loaded: Loaded, solution: Solution, options: Options) -> tuple[Check, ...]:
    """Gradients compared with differences; of a rounded problem, those of the unrounded one."""
    from backprop_cli.cli.arguments import allowed_for
    from backprop_cli.solving.limits import check_differences
    from backprop_cli.solving.solution import Request, solve
    from backprop_cli.solving.verify import MAX_ENTRIES, verify

    with loaded.source.blamed():
        most = allowed_for("solving").most
        check_differences(loaded.plan, MAX_ENTRIES, loaded.model, most)
    if loaded.model.problem.rounding is None:
        return verify(solution.model, solution.values)
    exact = replace(loaded.model, problem=replace(loaded.model.problem, rounding=None))
    unrounded = solve(exact, Request(options.steps, options.at, max_work=most))
    return verify(unrounded.model, unrounded.values)


def _view(loaded: Loaded, selection: Selection, options: Options) -> View:
    from backprop_cli.algebra.quantity import entry_id
    from backprop_cli.solving.asked import asked

    bases = loaded.model.bases
    names: list[str] = []
    for found in asked(loaded.model, loaded.plan):
        places = selection.entries.get(found.id)
        names += (
            [entry_id(found.id, found.index or ())]
            if places is None
            else [bases.entry(found.id, place) for place in places]
        )
    return replace(
        options.out.view(loaded.model.problem),
        only=selection.ids,
        entries=selection.entries,
        asked=tuple(dict.fromkeys(names)),
    )
