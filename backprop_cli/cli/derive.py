"""`backprop derive`: a function, a formula or a problem with letters to its derivation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.cli.common import one_of, output_options, problem_files, whole
from backprop_cli.cli.output import Output
from backprop_cli.errors import refusal
from backprop_cli.formats.registry import DERIVATIONS

if TYPE_CHECKING:  # loaded where the command runs
    from backprop_cli.derive.derivation_data import Derivation
    from backprop_cli.document.view import View
    from backprop_cli.formats.registry import Said


class Options(Struct, frozen=True):
    """The options of `backprop derive`, as click has checked them."""

    out: Output
    function: str | None
    expression: str | None
    of: str | None
    wrt: str | None
    layout: Literal["numerator", "denominator"]
    index: bool
    numbers: str | None = None
    taylor: int | None = None
    at: str | None = None


@click.command(
    "derive",
    epilog="\b\nExample:\n  backprop derive --function cross-entropy",
)
@click.argument(
    "problem",
    type=click.Path(path_type=Path, allow_dash=True),
    shell_complete=problem_files,
    required=False,
)
@click.option(
    "--function",
    metavar="NAME",
    help="The derivative of an activation, a loss or a formula such as 'z * sigmoid(z)'.",
)
@click.option(
    "--expression", metavar="'F, G'", help="The Jacobian of a vector function, entries with commas."
)
@click.option("--of", metavar="NAME", help="What is differentiated: Yhat, or an entry Yhat[k].")
@click.option(
    "--wrt",
    metavar="NAME",
    help="By what: W1, or an entry W1[i,j] or W1[2,1] (--expression: a list).",
)
@click.option(
    "--numbers",
    metavar="T,c",
    help="Which letters of --function are numbers, beside vectors such as z.",
)
@whole(
    "--taylor",
    1,
    2,
    "The Taylor polynomial of --function, order 1 or 2, with its gradient and Hessian.",
    metavar="ORDER",
)
@click.option("--at", metavar="'x=0'", help="The point of --taylor; letters such as x0 if absent.")
@one_of(
    "--layout",
    ["numerator", "denominator"],
    "A Jacobian's rows are functions (numerator) or variables (denominator).",
)
@click.option("--index", is_flag=True, help="Every equation of PROBLEM entry by entry, with sums.")
@output_options(*DERIVATIONS)
def command(problem: Path | None, **options: object) -> None:
    """Derives in symbols: every line with the rule that leads to it.

    PROBLEM is a YAML file, or - for standard input: its forward pass, its gradients and its update
    as formulas with the shape of everything. No numbers are needed: sizes may be letters. With
    letters in x, every quantity as a function of them.
    """
    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them


def run(problem: Path | None, options: Options) -> None:
    """Derives what was asked for and writes it."""
    _refuse(problem, options)
    from backprop_cli.formats.registry import written

    found, view = _said(problem, options)
    options.out.write(written(options.out.format, found, view))


def _refuse(problem: Path | None, options: Options) -> None:
    """A UserError where the options do not say one thing to derive."""
    asked = [
        given for given in (problem, options.function, options.expression) if given is not None
    ]
    if len(asked) != 1:
        raise refusal(
            "one thing at a time can be derived" if asked else "there is nothing to derive",
            instead="PROBLEM, --function NAME or --expression 'F, G'",
            source="derive",
        )
    if problem is not None and str(problem) != "-" and not os.path.exists(problem):
        _refuse_a_function(str(problem))
    if options.numbers is not None and options.function is None:
        said = "which letters are numbers is asked of a formula"
        raise refusal(said, instead="--function 'softmax(z/T)'", source="--numbers")
    if options.taylor is not None and options.function is None:
        said = "a Taylor polynomial is of a formula"
        raise refusal(said, instead="--function 'exp(x)*sin(y)'", source="--taylor")
    if options.at is not None and options.taylor is None:
        said = "a point belongs to a Taylor polynomial"
        raise refusal(said, instead="--taylor 2", source="--at")
    if options.index and problem is None:
        said = "entries are those of a problem's quantities"
        raise refusal(said, instead="derive PROBLEM --index", source="--index")
    if options.of is not None and problem is None:
        message = "there is no problem in which it stands"
        raise refusal(message, instead="PROBLEM before it", source="--of")


def _refuse_a_function(text: str) -> None:
    """A UserError where what should be a file is the name of a function, or a formula."""
    from shlex import quote

    from backprop_cli.problem.text.calls import FUNCTIONS

    if text.replace("-", "_") in FUNCTIONS or "(" in text:
        instead = f"--function {quote(text)}"
        raise refusal("there is no such file", instead=instead, source=text)


def _said(problem: Path | None, options: Options) -> tuple[Said, View]:
    """What is derived, and how it is to be shown."""
    view = replace(options.out.view(), layers=False)
    if problem is None:
        from backprop_cli.said.derived import of_chains

        return of_chains(_derivation(options)), view
    from backprop_cli.cli.arguments import allowed_for, load, source_of

    if options.of is not None or options.wrt is not None:
        from backprop_cli.said.problem_in_symbols import of_loaded

        return of_loaded(load(problem, numbers=False), options.of, options.wrt, view)
    from backprop_cli.said.problem_in_symbols import of_source

    return of_source(source_of(problem), view, allowed_for("solving"), index=options.index)


def _derivation(options: Options) -> Derivation:
    from backprop_cli.python.derivations import chain

    if options.taylor is not None:
        from backprop_cli.python.derivations import taylor

        assert options.function is not None
        return taylor(options.function, options.taylor, options.at, options.wrt)
    numbers = [each.strip() for each in (options.numbers or "").split(",") if each.strip()]
    if options.expression is not None:
        found = chain(options.expression, options.wrt, (), options.layout, "--expression")
    else:
        assert options.function is not None
        found = chain(options.function, options.wrt, numbers, None, "--function")
    return found
