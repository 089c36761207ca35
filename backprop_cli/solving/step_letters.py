"""What is said of one step in time to the same in the letter that counts them: h_1 to h_{t-1}."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of
from backprop_cli.algebra.shapes import plus
from backprop_cli.trace import OverTime


def at_letter(expr: Expr, over: OverTime, step: int, first: int, *, rows: bool = True) -> Expr:
    """The formula of a step in the letter that counts them.

    `first` is what indices count from; with `rows`, x[3] is a row of its step.
    """

    def renamed(node: Expr) -> Expr | None:
        match node:
            case Sym(name):
                return Sym(name_at_letter(name, over, step))
            case Op("at", (Sym(name),)) if rows and not step_of(name):
                index = node.option("index")
                if isinstance(index, tuple) and len(index) == 1 and isinstance(index[0], int):
                    return Sym(at_step(name, plus(over.letter, index[0] + first - step)))
        return None

    return rewrite(expr, renamed)


def name_at_letter(name: str, over: OverTime, step: int) -> str:
    """`dL/dh_3` as `dL/dh_{t+1}` where t is 2; names that are not over time as they are."""
    found = quantity(name)
    if found.by and not found.index and found.step == 1 and not found.part and not found.state:
        inner = (name_at_letter(each, over, step) for each in (found.name, found.by))
        return derivative_id(*inner)
    own = step_of(name)
    if own is None or own[0] not in over.bases:
        return name
    return at_step(own[0], plus(over.letter, own[1] - step))
