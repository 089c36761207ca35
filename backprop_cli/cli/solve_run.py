"""What `backprop solve` does once its options are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.quantity import entry_id
from backprop_cli.cli.arguments import Loaded, Selection, allowed_for, entry_of, selected, source_of
from backprop_cli.cli.output import Output
from backprop_cli.errors import Complaint, Complaints, UserError
from backprop_cli.problem.problem_data import Problem
from backprop_cli.problem.problem_file import Source
from backprop_cli.render.view import View
from backprop_cli.solving.asked import asked
from backprop_cli.solving.limits import check_differences, work
from backprop_cli.solving.loading import checked, stated
from backprop_cli.solving.solution import Progress, Request, Solution, solve
from backprop_cli.terminal.themes import ThemeName
from backprop_cli.trace import Trace

if TYPE_CHECKING:
    from backprop_cli.solving.verify import Check
    from backprop_cli.solving.weight_paths import EntryPaths

if TYPE_CHECKING:
    from backprop_cli.render.sheet_parts import Part

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


def run(problem: Path, options: Options) -> None:
    """Solves the problem and writes what was asked for."""
    source = source_of(problem)
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters:
        options.out.write(_with_letters(stated_problem, complaints, source, options))
        return
    loaded = checked(stated_problem, complaints, source, allowed=allowed_for("solving"))
    selection = selected(loaded, options.only, options.until)
    entry = entry_of(loaded, options.entry) if options.entry else None
    solution = _solved(loaded, selection, options)
    paths = _paths(solution, entry) if entry else None
    checks = _checks(loaded, solution, options) if options.verify else None
    text = _WRITERS[options.out.format](solution, _view(loaded, selection, options), paths, checks)
    options.out.write(text)


def _paths(solution: Solution, entry: tuple[str, tuple[int, ...]]) -> EntryPaths:
    from backprop_cli.solving.weight_paths import entry_paths

    return entry_paths(solution.model, solution.values, *entry)


def _with_letters(
    problem: Problem, complaints: Complaints, source: Source, options: Options
) -> str:
    """The quantities as functions of what is a letter in the file."""
    from backprop_cli.cli.free import Asked, free_inputs, refuse_numbers_only

    given = {
        "--entry": options.entry is not None,
        "--steps": options.steps is not None,
        "--at": options.at != 1,
        "--verify": options.verify,
    }
    refuse_numbers_only(given, options.out.format)
    asked = Asked(options.only, options.until)
    return free_inputs(problem, complaints, source, options.out.format, options.out.view(), asked)


def _solved(loaded: Loaded, selection: Selection, options: Options) -> Solution:
    steps = options.steps if options.steps is not None else _steps(loaded)
    if options.steps and (loaded.model.update is None or not loaded.model.trained):
        raise UserError(
            Complaint(
                "this problem has no update to make steps with",
                instead="update: {rule: sgd, learning_rate: 0.1} in the file",
            ),
            source="--steps",
        )
    if options.at > max(steps, 1):
        raise UserError(
            Complaint(
                f"there are {max(steps, 1)} steps, and no step {options.at}",
                instead=f"--steps {options.at}",
            ),
            source="--at",
        )
    limit = allowed_for("solving").most
    request = Request(options.steps, options.at, selection.extra, limit, planned=loaded.plan)
    try:
        with _progress(loaded, steps, options.out.theme) as progress:
            return solve(loaded.model, replace(request, progress=progress))
    except UserError as error:
        raise loaded.source.error(*error.complaints) from None


def _steps(loaded: Loaded) -> int:
    update = loaded.model.update
    return update.steps if update is not None and loaded.model.trained else 0


@contextmanager
def _progress(loaded: Loaded, steps: int, theme: ThemeName) -> Iterator[Progress | None]:
    """A progress bar on the terminal while a long training runs."""
    rounded = loaded.model.problem.rounding is not None
    if not sys.stderr.isatty() or work(loaded.plan, steps, rounded) < LONG:
        yield None
        return
    from backprop_cli.terminal.progress import progress

    every = max(1, steps // 200)
    with progress("training", steps, theme) as show:

        def told(step: int, loss: float) -> None:
            if step % every == 0:
                show(step, f"loss {loss:.4g}")

        yield told


def _checks(loaded: Loaded, solution: Solution, options: Options) -> tuple[Check, ...]:
    """Gradients compared with differences; of a rounded problem, those of the unrounded one."""
    from backprop_cli.solving.verify import MAX_ENTRIES, verify

    try:
        most = allowed_for("solving").most
        check_differences(loaded.plan, MAX_ENTRIES, loaded.model, most)
    except UserError as error:
        raise loaded.source.error(*error.complaints) from None
    if loaded.model.problem.rounding is None:
        return verify(solution.model, solution.values)
    exact = replace(loaded.model, problem=replace(loaded.model.problem, rounding=None))
    unrounded = solve(exact, Request(options.steps, options.at, max_work=most))
    return verify(unrounded.model, unrounded.values)


def _view(loaded: Loaded, selection: Selection, options: Options) -> View:
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


Checks: TypeAlias = "tuple[Check, ...] | None"
Writer: TypeAlias = "Callable[[Solution, View, EntryPaths | None, Checks], str]"


def _text(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    if paths is None:
        from backprop_cli.render.text import render

        body = render(solution.trace, view)
    else:
        from backprop_cli.render.paths import render as paths_text

        body = paths_text(paths, solution.trace, view)
    return body if checks is None else body + _checked(checks, view)


def _checked(checks: tuple[Check, ...], view: View) -> str:
    if not checks:
        return "\nNothing to check against finite differences: there is no gradient.\n"
    from backprop_cli.render.checks import checks_text

    return checks_text(checks, view)


def _markdown(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    if paths is not None:
        from backprop_cli.render.paths import markdown

        body = markdown(paths, solution.trace, view)
    else:
        from backprop_cli.render.markdown import render

        body = render(solution.trace, view)
    return body if checks is None else f"{body}\n```text{_checked(checks, view)}```\n"


def _json(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    from backprop_cli.trace_json import number, to_json, written

    data = to_json(_only(solution.trace, view))
    if paths is not None:
        data["entry"] = _paths_data(paths)
    if checks is not None:
        data["verify"] = [
            {
                "id": check.id,
                "checked": check.checked,
                "kinks": check.kinks,
                "error": number(check.error),
            }
            for check in checks
        ]
    return written(data, ascii_only=view.ascii)


def _only(trace: Trace, view: View) -> Trace:
    if view.only is None:
        return trace
    return replace(trace, steps=tuple(step for step in trace.steps if step.id in view.only))


def _paths_data(found: EntryPaths) -> dict[str, Any]:
    from backprop_cli.trace_json import number

    paths = [
        {
            "factors": [
                {"of": factor.of, "by": factor.by, "value": number(factor.value)}
                for factor in path.factors
            ],
            "product": number(path.product),
        }
        for path in found.paths
    ]
    return {
        "id": found.entry,
        "paths": paths,
        "omitted": found.omitted,
        "omitted_total": number(found.omitted_total),
        "total": number(found.total),
    }


def _latex(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    appended = _parts(solution, view, checks)
    if paths is not None:
        from backprop_cli.render.sheet_latex import latex
        from backprop_cli.render.sheet_paths import sheet

        return latex(sheet(paths, solution.trace, view, appended))
    from backprop_cli.render.latex import render

    return render(solution.trace, view, appended)


def _html(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    appended = _parts(solution, view, checks)
    if paths is not None:
        from backprop_cli.render.sheet_html import html
        from backprop_cli.render.sheet_paths import sheet

        return html(sheet(paths, solution.trace, view, appended))
    from backprop_cli.render.html import render

    return render(solution.trace, view, appended)


def _parts(solution: Solution, view: View, checks: Checks) -> tuple[Part, ...]:
    """What was checked, as parts of a sheet."""
    if checks is None:
        return ()
    from backprop_cli.render.names import names_of
    from backprop_cli.render.sheet_checks import parts

    return parts(checks, names_of(solution.trace, view))


def _python(solution: Solution, view: View, paths: EntryPaths | None, checks: Checks) -> str:
    from backprop_cli.cli.solve_python import training_of
    from backprop_cli.render.python_code import render

    for option, given in (("--entry", paths), ("--verify", checks)):
        if given is not None:
            raise UserError(
                Complaint(f"a program has no {option}", instead="--format text"), source=option
            )
    first = solution.trace.steps[0].iteration if solution.trace.steps else 1
    return render(solution.trace, view, training_of(solution, first))


_WRITERS: dict[str, Writer] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "python": _python,
}
