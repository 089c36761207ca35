"""Formula texts of a file to expressions, their complaints placed in the file."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.data import Convention, Text
from backprop_cli.problem.formula import Dialect, FormulaError, parse


def dialect(convention: Convention) -> Dialect:
    """How formulas are read under the conventions of a file."""
    base = None if convention.log == "natural" else int(convention.log)
    return Dialect(convention.indices, base, convention.kinks.step_at_zero)


def parsed(
    text: Text,
    how: Dialect,
    complaints: Complaints,
    known: Collection[str] | None = None,
    skip: int = 0,
) -> Expr | None:
    """The expression of a formula; None, with a complaint, where it is none.

    `known` are the names it may use (None: any), `skip` the characters before the formula itself.
    """
    try:
        expr = parse(text.text[skip:], how)
    except FormulaError as error:
        complaints.add(error.message, _at(text.mark, skip + error.offset), error.instead)
        return None
    for name in symbols(expr):
        if known is not None and name not in known:
            near = get_close_matches(name, known, 1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else f"the names here are {', '.join(sorted(known))}"
            )
            complaints.add(
                f"'{name}' is not known here",
                _at(text.mark, skip + _place(text.text[skip:], name)),
                hint,
            )
            expr = None  # type: ignore[assignment]
    return expr


def _at(mark: Mark, offset: int) -> Mark:
    return Mark(mark.line, mark.column + offset)


def _place(text: str, name: str) -> int:
    return max(text.find(name), 0)
