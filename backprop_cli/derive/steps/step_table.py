"""What the derivations of functions and losses are made of: the form of the step tables."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite
from backprop_cli.algebra.quantity import entry_id, ids_in, quantity
from backprop_cli.derive.derivation_data import Condition, Relation
from backprop_cli.derive.derivation_nodes import derivative, equal, sum_over
from backprop_cli.problem.text.parser import Dialect, parse

Finish: TypeAlias = tuple[str, str]
"""A formula equal to the line before it, and why: what no rule finds by itself."""


class Case(Struct, frozen=True):
    """A part of the domain, and what the function is there. `kink` names the value declared for
    the derivative where there is none; `why` says why there is none."""

    condition: str
    form: str = ""
    finish: tuple[Finish, ...] = ()
    kink: str = ""
    why: str = ""


class Steps(Struct, frozen=True):
    """How the derivative of a function of z is brought into its last form."""

    finish: tuple[Finish, ...] = ()
    notes: tuple[str, ...] = ()


class Behind(Struct, frozen=True):
    """A loss behind an activation: the lines from ∂L/∂z_j to the last form."""

    activation: str
    lines: tuple[tuple[str, str, str], ...]
    uses: str = ""
    because: str = ""


class LossSteps(Struct, frozen=True):
    """A loss: how ∂L/∂ŷ_j ends (by cases where it has a kink), and its derivation behind z."""

    finish: tuple[Finish, ...] = ()
    cases: tuple[Case, ...] = ()
    behind: tuple[Behind, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


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
