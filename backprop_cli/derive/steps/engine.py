"""A derivative to the lines that work it out: one rule a line, until none is left to apply,
and then, in a chain, the lines that finish it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, num, op
from backprop_cli.calculus.last_form import in_signs
from backprop_cli.derive.derivation_data import REASONS, Chain, Condition, Line
from backprop_cli.derive.derivation_nodes import (
    DERIVATIVE,
    MAX_OVER,
    SUM_OVER,
    derivative,
    has_derivative,
    partial,
    renamed,
    sum_over,
)
from backprop_cli.derive.simplify.contract import picked_in, picks, without_ones, without_pick
from backprop_cli.derive.simplify.endings import Ending, ending
from backprop_cli.derive.simplify.monomials import tidy, weight
from backprop_cli.derive.steps.rules import Outcome, Scalars, applied
from backprop_cli.derive.steps.step_table import Case, Finish, condition, formula
from backprop_cli.problem.problem_data import Kinks
from backprop_cli.problem.problem_data import kinks as declared

MOST_LINES = 200
MOST_TO_READ = 60_000
"""Names and signs of all lines together, each counted twice: dozens of pages."""

_LAST = ("known derivative", "constant")  # what is known is put in once the rules are done


class TooLongError(Exception):
    """A formula whose derivation would fill pages."""


def worked_out(expr: Expr, rules: Scalars, given: Ending | None = None) -> Iterator[Line]:
    """Lines equal to `expr`, each with one rule applied; the last has no derivative in it.

    With an ending, it is brought into its shortest form; else another has lines for that.
    """
    read = 0
    for _ in range(MOST_LINES):
        if not has_derivative(expr):
            break
        if (read := read + weight(expr)) > MOST_TO_READ:
            raise TooLongError
        outcomes = [*_outcomes(expr, rules)]
        chosen = next((o for o in outcomes if o.reason not in _LAST), outcomes[0])
        words = [o.words for o in outcomes if o.reason == chosen.reason and o.words]
        expr = _replaced(expr, chosen.reason, rules)
        said = "; ".join(dict.fromkeys(words)) or REASONS[chosen.reason]
        yield Line(expr, chosen.reason, said)
    else:
        raise TooLongError
    if given is not None:
        yield from ending(expr, given)
        return
    picked = _picked(expr)
    if picked != expr:
        yield Line(picked, "one term left", REASONS["one term left"])
    short = tidy(picked)
    if short != picked:
        yield Line(short, "simplification", REASONS["simplification"])
    signed = in_signs(short)
    if signed != short:
        yield Line(signed, "sign", REASONS["sign"])


def _outcomes(expr: Expr, rules: Scalars) -> Iterator[Outcome]:
    """What would become of each derivative in the expression, from left to right."""
    if not isinstance(expr, Op):
        return
    if expr.name == DERIVATIVE:
        yield _outcome(expr, rules)
        return
    inside = _inside(expr, rules)
    for arg in expr.args:
        yield from _outcomes(arg, inside)


def _outcome(node: Op, rules: Scalars) -> Outcome:
    of, by = node.args
    assert isinstance(by, Sym)
    return applied(of, by, rules)


def _replaced(expr: Expr, reason: str, rules: Scalars) -> Expr:
    """The expression with every derivative to which the rule `reason` applies carried out."""
    if not isinstance(expr, Op):
        return expr
    if expr.name == DERIVATIVE:
        outcome = _outcome(expr, rules)
        known = reason in _LAST and outcome.reason in _LAST
        return outcome.expr if known or outcome.reason == reason else expr
    inside = _inside(expr, rules)
    args = tuple(_replaced(arg, reason, inside) for arg in expr.args)
    return expr if args == expr.args else without_ones(expr, args)


def _inside(node: Op, rules: Scalars) -> Scalars:
    """The rules below a node: a sum binds its letter."""
    if node.name not in (SUM_OVER, MAX_OVER):
        return rules
    return replace(rules, bound=rules.bound | {str(node.option("index"))})


# Sums of which one term is left -------------------------------------------------------------------


def _picked(expr: Expr) -> Expr:
    """Σ_k a_k 1{k = j} written as a_j."""
    if not isinstance(expr, Op):
        return expr
    args = tuple(map(_picked, expr.args))
    node = Op(expr.name, args, expr.options) if args != expr.args else expr
    if node.name != "sum_over" or node.option("without") is not None:
        return node
    return _split(node.args[0], str(node.option("index")))


def _split(body: Expr, index: str) -> Expr:
    """The sum of `body`, its terms apart where a 1{k = j} leaves but one of some."""
    match body:
        case Op("add" | "sub" | "neg" as name, args) if _has_pick(body, index):
            return Op(name, tuple(_split(arg, index) for arg in args))
    picked = picked_in(body, [index])
    if picked is not None:
        return renamed(without_pick(body, picked), dict([picked]))
    return sum_over(body, index)


def _has_pick(expr: Expr, index: str) -> bool:
    return picks(expr, index) is not None or (
        isinstance(expr, Op) and any(_has_pick(arg, index) for arg in expr.args)
    )


# Chains -------------------------------------------------------------------------------------------


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
    finish: Iterable[Finish] = (),
    conditions: tuple[Condition, ...] = (),
    first: tuple[str, str] = ("definition", ""),
    ending: Ending | None = None,
) -> Chain:
    """`left` = the derivative of `form`, worked out by the rules, then brought into a last form."""
    start = line(derivative(form, by), *first)
    last = [line(formula(text), _finishing(why), why) for text, why in finish]
    lines = (start, *worked_out(start.expr, rules, ending), *last)
    return Chain("", left, without_repeats(lines), conditions)


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
    lines = (replace(each, expr=partial(each.expr)) for each in chain.lines)
    return replace(chain, left=partial(chain.left), lines=without_repeats(lines))


_SUM, _PRODUCT = frozenset({"add", "sub"}), frozenset({"mul", "div", "neg"})
_TURNS = frozenset({"sub", "div"})


def as_read(expr: Expr) -> object:
    """What is read: (a + b) + c and a + (b + c) are written alike, and so are products."""
    if not isinstance(expr, Op):
        return expr
    if expr.name == "div" and isinstance(expr.args[0], Op) and expr.args[0].name == SUM_OVER:
        inner, below = expr.args[0], expr.args[1]  # Σ a / b is the same with parentheses
        return as_read(replace(inner, args=(op("div", inner.args[0], below),)))
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
