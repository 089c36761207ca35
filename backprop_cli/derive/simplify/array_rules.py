"""Formulas over arrays to shorter equal ones: the rules for numbers where entries are alone."""

from __future__ import annotations

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, substitute
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.derive.simplify.monomials import weight
from backprop_cli.derive.simplify.simplify import Simplifier
from backprop_cli.operations.fitting import in_shape
from backprop_cli.operations.record import Rules
from backprop_cli.operations.table import operation

_RULES = Simplifier(frozenset({"simplification", "known functions"}))


def shorter(expr: Expr, rules: Rules) -> Expr:
    """The formula, or a shorter one of the same shape: ‖u‖ · u / ‖u‖ is u, 1 ⊙ y is y."""
    try:
        found = _shorter(expr, rules)
        return found if rules.shape(found) == rules.shape(expr) else expr
    except ShapeError:
        return expr


def _shorter(expr: Expr, rules: Rules) -> Expr:
    if not isinstance(expr, Op):
        return expr
    if _entry_by_entry(expr):
        return _Island(rules).shortened(expr)
    args = tuple(_shorter(arg, rules) for arg in expr.args)
    if expr.name == "matmul":
        return _product(*args)
    return expr if args == expr.args else Op(expr.name, args, expr.options)


def _product(a: Expr, b: Expr) -> Expr:
    """A diag(1) is A; signs and numbers stand in front."""
    if _is_identity(b):
        return a
    return b if _is_identity(a) else build.matmul(a, b)


def _is_identity(expr: Expr) -> bool:
    match expr:
        case Op("diag", (Op("spread", (Num(value),)),), ()):
            return value == 1
    return False


def _entry_by_entry(expr: Expr) -> bool:
    return isinstance(expr, Op) and operation(expr).elementwise


class _Island(Struct):
    """A part of a formula that is taken entry by entry: what is not has a letter in it."""

    rules: Rules
    letters: dict[Expr, Sym] = field(default_factory=dict)

    def shortened(self, expr: Op) -> Expr:
        numbers = self.number(expr)
        found = _RULES.apply(numbers)
        back = {letter.name: whole for whole, letter in self.letters.items()}
        shape = self.rules.shape(expr)
        whole = in_shape(substitute(found, back), shape, self.rules)
        return whole if weight(whole) < weight(expr) else expr

    def number(self, expr: Expr) -> Expr:
        """The same for one entry; of what is repeated in all entries, the one."""
        match expr:
            case Op("spread", (one,)) if not self.rules.shape(one):
                return self.number(one)
            case Op() if not _entry_by_entry(expr):
                inner = _shorter(expr, self.rules)
                if _entry_by_entry(inner):
                    return self.number(inner)
                return self.letters.setdefault(inner, Sym(f"#{len(self.letters)}"))
            case Op(name, args):
                return Op(name, tuple(map(self.number, args)), expr.options)
        return expr
