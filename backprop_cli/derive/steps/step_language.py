"""Formulas of the step tables to expressions: the formula language, with letters for indices."""

from __future__ import annotations

import re
from functools import lru_cache

from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite
from backprop_cli.algebra.quantity import entry_id, ids_in, quantity
from backprop_cli.derive.derivation_data import Condition, Relation
from backprop_cli.derive.derivation_nodes import derivative, equal, sum_over
from backprop_cli.problem.text.parser import Dialect, parse

_relation = re.compile(r"(.+?) (=|≠|<|>|≤|≥) (.+)").fullmatch


@lru_cache(maxsize=512)
def formula(text: str) -> Expr:
    """What `text` says.

    Beyond the formula language: `z[k]`, an entry named by a letter; `dL/dz[j]`, a derivative;
    `sum(…, axis=k)`, the sum over the letter k, `sum(…, axis=i, keep=j)` without the term i = j;
    `equal(i, j)`, 1 where the letters are the same.
    """
    same = text.replace("equal(", "maximum(")
    return rewrite(parse(same, Dialect(compound=frozenset(ids_in(text)))), _on_paper)


def _on_paper(node: Expr) -> Expr | None:
    match node:
        case Sym(name) if (found := quantity(name)).by:
            return derivative(Sym(found.name), Sym(entry_id(found.by, found.index)))
        case Op("maximum", (Sym(left), Sym(right))):
            return equal(left, right)
        case Op("sum", (body,)):
            left_out = node.option("keep")
            inner = rewrite(body, _on_paper)
            index = str(node.option("axis"))
            return sum_over(inner, index, None if left_out is None else str(left_out))
    return None


def condition(text: str) -> Condition:
    """`z > 0`, `i ≠ j`."""
    found = _relation(text)
    assert found is not None, text
    relation: dict[str, Relation] = {sign: sign for sign in ("=", "≠", "<", ">", "≤", "≥")}
    return Condition(formula(found[1]), relation[found[2]], formula(found[3]))
