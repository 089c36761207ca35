"""A formula and a variable to a chain of lines; the step tables' finishing lines behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backprop_cli.algebra.expr import Expr, Sym, num
from backprop_cli.derive.data import Chain, Condition, Definition, Line
from backprop_cli.derive.endings import Ending
from backprop_cli.derive.engine import worked_out
from backprop_cli.derive.nodes import derivative
from backprop_cli.derive.notation import condition, formula
from backprop_cli.derive.reasons import REASONS
from backprop_cli.derive.rules import Scalars
from backprop_cli.derive.steps import Case, Finish
from backprop_cli.problem.data import Kinks
from backprop_cli.problem.kinks import kinks as declared


def scalars(kinks: Kinks = Kinks()) -> Scalars:
    """The declared values at kinks, as the rules ask for them."""
    return Scalars(declared(kinks))


def line(expr: Expr, reason: str, words: str = "") -> Line:
    """A line; its words are those of the reason unless it has its own."""
    return Line(expr, reason, words or REASONS[reason])


def chain(
    left: Expr,
    by: Sym,
    form: Expr,
    rules: Scalars,
    *,
    words: str = "",
    finish: Iterable[Finish] = (),
    conditions: tuple[Condition, ...] = (),
    definitions: tuple[Definition, ...] = (),
    first: tuple[str, str] = ("definition", ""),
    ending: Ending | None = None,
) -> Chain:
    """`left` = the derivative of `form`, worked out by the rules, then brought into a last form."""
    start = line(derivative(form, by), *first)
    last = [line(formula(text), _finishing(why), why) for text, why in finish]
    lines = (start, *worked_out(start.expr, rules, ending), *last)
    return Chain(words, left, without_repeats(lines), conditions, definitions)


def _finishing(why: str) -> str:
    return "own value" if why == REASONS["own value"] else "rewritten"


def without_repeats(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines without those that say what the one before them said."""
    kept: list[Line] = []
    for each in lines:
        if not kept or kept[-1].expr != each.expr:
            kept.append(each)
    return tuple(kept)


def case_chain(
    case: Case, left: Expr, by: Sym, rules: Scalars, first: tuple[str, str] = ("case", "")
) -> Chain:
    """The lines of one case; at a kink the one line that declares the value."""
    holds = (condition(case.condition),)
    if not case.kink:
        form = formula(case.form)
        return chain(left, by, form, rules, finish=case.finish, conditions=holds, first=first)
    value = num(rules.kink(case.kink))
    words = f"{case.why}; the declared value is taken"
    return Chain("", left, (Line(value, "kink", words),), holds)


_GREEK = {"alpha": "α", "delta": "δ"}


def _plain(value: object) -> str:
    return str(value).removesuffix(".0")


def fixed(mapping: Mapping[str, str], defaults: Mapping[str, object]) -> tuple[str, ...]:
    """What the letters of constants are unless a file says otherwise."""
    return tuple(
        f"{_GREEK.get(letter, letter)} = {_plain(defaults[option])} unless stated otherwise."
        for option, letter in mapping.items()
    )
