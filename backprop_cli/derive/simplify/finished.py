"""The product of a chain to its compact form: deviations that add up to 0, values with a name."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ZERO
from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite, substitute, symbols, walk
from backprop_cli.derive.derivation_data import Line
from backprop_cli.derive.derivation_nodes import indexed, parts, sum_over
from backprop_cli.derive.simplify.endings import Name, put_in
from backprop_cli.derive.simplify.monomials import alike
from backprop_cli.derive.simplify.simplify import lines, simplified
from backprop_cli.derive.steps.reasons import REASONS
from backprop_cli.derive.tensors.factor_parts import Setting

_LETTER = ("one",)  # an index that no derivation has: the name is put in for any
_DEPTH = 3  # definitions within definitions that are looked up


def finished(setting: Setting, expr: Expr) -> Iterator[Line]:
    """Lines to a form with fewer sums, and with a name for a quotient that has one."""
    left = _without_deviations(setting, expr)
    if left != expr:
        yield Line(left, "deviations", REASONS["deviations"])
        expr = left
    short = _with_quotients(setting, expr)
    if short != expr:
        yield Line(short, "put in", "quotients written by their names")


def _without_deviations(setting: Setting, expr: Expr) -> Expr:
    """The expression without sums that are 0 by what is summed: Σ (xₖ − x̄)."""
    zeros = {alike(node) for node in walk(expr) if _adds_up_to_0(setting, node)}
    if not zeros:
        return expr
    left = rewrite(expr, lambda node: ZERO if alike(node) in zeros else None)
    return next((line.expr for line in lines(left)), left)


def _adds_up_to_0(setting: Setting, node: Expr) -> bool:
    match node:
        case Op("sum_over", (Sym(name),)) if node.option("without") is None:
            base, letters = parts(name)
            index = str(node.option("index"))
            if base not in setting.definitions or letters.count(index) != 1:
                return False
            size = setting.sizes.names[base][letters.index(index)]
            entry = setting.write.entry(_in_full(setting, base), letters, base)
            return simplified(sum_over(entry, index), build.size(size)) == ZERO
    return False


def _in_full(setting: Setting, name: str) -> Expr:
    """The definition of a quantity in what is given."""
    expr: Expr = Sym(name)
    for _ in range(_DEPTH):
        known = {each for each in symbols(expr) if each in setting.definitions}
        expr = substitute(expr, {each: setting.definitions[each] for each in known})
    return expr


def _with_quotients(setting: Setting, expr: Expr) -> Expr:
    """The expression with x̂ₖ for cₖ / s, for every quotient that has a name."""
    for name, definition in setting.definitions.items():
        shape = setting.sizes.names[name]
        if len(shape) == 1 and isinstance(definition, Op) and definition.name == "div":
            form = setting.write.entry(definition, _LETTER, name)
            named = Name(indexed(name, *_LETTER), form)
            expr = put_in(expr, named, build.size(shape[0]), sums=False)
    return expr
