"""A formula and a variable to a chain of lines; the step tables' finishing lines behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, num
from backprop_cli.derive.derivation_data import REASONS, Chain, Condition, Definition, Line
from backprop_cli.derive.derivation_nodes import derivative, partial
from backprop_cli.derive.simplify.endings import Ending
from backprop_cli.derive.steps.engine import worked_out
from backprop_cli.derive.steps.rules import Scalars
from backprop_cli.derive.steps.step_table import Case, Finish, condition, formula
from backprop_cli.problem.problem_data import Kinks
from backprop_cli.problem.problem_data import kinks as declared


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
        if not kept or as_read(kept[-1].expr) != as_read(each.expr):
            kept.append(each)
    return tuple(kept)


def with_partials(chain: Chain) -> Chain:
    """The chain with ∂ for d: there are other variables."""
    lines = tuple(replace(each, expr=partial(each.expr)) for each in chain.lines)
    return replace(chain, left=partial(chain.left), lines=lines)


_SUM, _PRODUCT = frozenset({"add", "sub"}), frozenset({"mul", "div", "neg"})
_TURNS = frozenset({"sub", "div"})


def as_read(expr: Expr) -> object:
    """What is read: (a + b) + c and a + (b + c) are written alike, and so are products."""
    if not isinstance(expr, Op):
        return expr
    for chain in (_SUM, _PRODUCT):
        if expr.name in chain:
            return ("chain", tuple(_read_along(expr, chain)))
    return (expr.name, tuple(map(as_read, expr.args)), expr.options)


def _read_along(expr: Expr, chain: frozenset[str]) -> Iterator[tuple[str, object]]:
    """The parts of a sum or of a product, each with the sign before it."""
    if not (isinstance(expr, Op) and expr.name in chain):
        yield "", as_read(expr)
    elif expr.name == "neg":
        yield "−", None
        yield from _read_along(expr.args[0], chain)
    else:
        a, b = expr.args
        yield from _read_along(a, chain)
        if expr.name in _TURNS:
            yield "turned", as_read(b)
        else:
            yield from _read_along(b, chain)


def case_chain(
    case: Case, left: Expr, by: Sym, rules: Scalars, first: tuple[str, str] = ("case", "")
) -> Chain:
    """The lines of one case; at a kink the one line that declares the value."""
    holds = (condition(case.condition),)
    if not case.kink:
        form = formula(case.form)
        return chain(left, by, form, rules, finish=case.finish, conditions=holds, first=first)
    return at_kink(left, holds[0], rules.kink(case.kink), case.why)


def at_kink(left: Expr, holds: Condition, value: float, why: str) -> Chain:
    """The one line of a kink."""
    words = f"{why}; the declared value is taken"
    return Chain("", left, (Line(num(value), "kink", words),), (holds,))


_GREEK = {"alpha": "α", "delta": "δ"}


def _plain(value: object) -> str:
    return str(value).removesuffix(".0")


def fixed(mapping: Mapping[str, str], defaults: Mapping[str, object]) -> tuple[str, ...]:
    """What the letters of constants are unless a file says otherwise."""
    return tuple(
        f"{_GREEK.get(letter, letter)} = {_plain(defaults[option])} unless stated otherwise."
        for option, letter in mapping.items()
    )
