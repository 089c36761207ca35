"""What `backprop derive` does once its options are read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.cli.derive_formats import set_sheet
from backprop_cli.cli.output import Output
from backprop_cli.derive.derivation_data import Derivation
from backprop_cli.errors import Complaint, Mark, UserError


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
    if problem is not None and (options.of is not None or options.wrt is not None):
        from backprop_cli.cli.derive_tensor import derivative

        found = derivative(problem, options.of, options.wrt, options.out.format, options.out.view())
        options.out.write(found)
        return
    if problem is not None:
        from backprop_cli.cli.derive_problem import whole

        text = whole(problem, options.out.format, options.out.view(), index=options.index)
        options.out.write(text)
        return
    options.out.write(_written(_derivation(options), options))


def _derivation(options: Options) -> Derivation:
    from backprop_cli.derive.steps.formulas import UnderivableError, of_expressions, of_formula
    from backprop_cli.derive.steps.functions import named
    from backprop_cli.problem.text.parser import FormulaError

    option = "--function" if options.function is not None else "--expression"
    text = options.function if options.function is not None else options.expression
    assert text is not None
    try:
        if option == "--expression":
            return of_expressions(text, options.wrt, options.layout)
        numbers = [each.strip() for each in (options.numbers or "").split(",") if each.strip()]
        if not numbers and (found := named(text)) is not None:
            return found
        return of_formula(_as_formula(text), options.wrt, numbers=numbers)
    except FormulaError as error:
        mark = Mark(1, error.offset + 1)
        complaint = Complaint(error.message, mark, error.instead)
        raise UserError(complaint, source=option, lines=(text,)) from None
    except UnderivableError as error:
        raise UserError(Complaint(str(error), instead=error.instead), source=option) from None


def _as_formula(text: str) -> str:
    """A bare name applied to z; a word that is no function is refused with the nearest."""
    from difflib import get_close_matches

    from backprop_cli.derive.steps.functions import names
    from backprop_cli.operations.table import TABLE

    word = text.strip()
    if word in TABLE and TABLE[word].arity == 1 and TABLE[word].public:
        return f"{word}(z)"
    if word.replace("-", "").replace("_", "").isalpha() and len(word) > 1:
        near = get_close_matches(word.casefold(), names(), 1)
        meant = near[0] if near else f"one of {', '.join(names())}, or a formula in z"
        raise UserError(
            Complaint(f"there is no function `{word[:40]}`", instead=meant), source="--function"
        )
    return word


def _written(derivation: Derivation, options: Options) -> str:
    view = replace(options.out.view(), layers=False)
    if options.out.format in ("latex", "html"):
        from backprop_cli.render.sheet import sheet

        return set_sheet(sheet(derivation, view), options.out.format)
    from backprop_cli.render.derivation import markdown, text

    written = markdown if options.out.format == "markdown" else text
    return written(derivation, view)
