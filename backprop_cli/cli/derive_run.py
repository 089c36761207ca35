"""What `backprop derive` does once its options are read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.cli.output import Output
from backprop_cli.derive.derivation_data import Derivation
from backprop_cli.document.view import View
from backprop_cli.errors import Complaint, UserError
from backprop_cli.formats.registry import Said, written
from backprop_cli.said.derived import of_chains


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


def run(problem: Path | None, options: Options) -> None:
    """Derives what was asked for and writes it."""
    asked = [
        given for given in (problem, options.function, options.expression) if given is not None
    ]
    if len(asked) != 1:
        raise UserError(
            Complaint(
                "one thing at a time can be derived" if asked else "there is nothing to derive",
                instead="PROBLEM, --function NAME or --expression 'F, G'",
            ),
            source="derive",
        )
    if options.numbers is not None and options.function is None:
        said = "which letters are numbers is asked of a formula"
        raise UserError(Complaint(said, instead="--function 'softmax(z/T)'"), source="--numbers")
    if options.index and problem is None:
        said = "entries are those of a problem's quantities"
        raise UserError(Complaint(said, instead="derive PROBLEM --index"), source="--index")
    if options.of is not None and problem is None:
        message = "there is no problem in which it stands"
        raise UserError(Complaint(message, instead="PROBLEM before it"), source="--of")
    found, view = _said(problem, options)
    options.out.write(written(options.out.format, found, view))


def _said(problem: Path | None, options: Options) -> tuple[Said, View]:
    """What is derived, and how it is to be shown."""
    view = replace(options.out.view(), layers=False)
    if problem is None:
        return of_chains(_derivation(options)), view
    from backprop_cli.cli.arguments import allowed_for, load, source_of

    if options.of is not None or options.wrt is not None:
        from backprop_cli.said.one_gradient import of_loaded

        return of_loaded(load(problem, numbers=False), options.of, options.wrt, view)
    from backprop_cli.said.problem_in_symbols import of_source

    return of_source(source_of(problem), view, allowed_for("solving"), index=options.index)


def _derivation(options: Options) -> Derivation:
    from backprop_cli.python.derivations import chain

    numbers = [each.strip() for each in (options.numbers or "").split(",") if each.strip()]
    if options.expression is not None:
        found = chain(options.expression, options.wrt, (), options.layout, "--expression")
    else:
        assert options.function is not None
        found = chain(options.function, options.wrt, numbers, None, "--function")
    return found
