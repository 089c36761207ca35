"""A derivation as data: what is defined, and chains of equal expressions with their reasons."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.shapes import Shape

Relation = Literal["=", "≠", "<", ">", "≤", "≥"]


class Condition(Struct, frozen=True):
    """When a chain of lines holds: two index letters, or two numbers, and how they compare."""

    left: Expr
    relation: Relation
    right: Expr


class Line(Struct, frozen=True):
    """One line: an expression equal to the one before it, and why.

    `reason` is the stable name of the rule, `words` what is printed beside the line; `uses` is
    what the line takes for granted beyond the definitions (Σ y = 1).
    """

    expr: Expr
    reason: str
    words: str
    uses: Condition | None = None


class Definition(Struct, frozen=True):
    """A symbol and what it stands for, in one or more equal forms (under the conditions given)."""

    symbol: Expr
    forms: tuple[Expr, ...]
    conditions: tuple[Condition, ...] = ()


class Chain(Struct, frozen=True):
    """`left` = each of the lines in turn, under the conditions; `words` head it.

    `definitions` hold in this chain only (what ŷ stands for behind one activation).
    """

    words: str
    left: Expr
    lines: tuple[Line, ...]
    conditions: tuple[Condition, ...] = ()
    definitions: tuple[Definition, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def result(self) -> Expr:
        """Where the lines end."""
        return self.lines[-1].expr


class Table(Struct, frozen=True):
    """A matrix of derivatives: what each row and column belongs to, its entries, its shape."""

    name: str
    rows: tuple[Expr, ...]
    columns: tuple[Expr, ...]
    entries: tuple[tuple[Expr, ...], ...]
    shape: Shape
    words: str


class Derivation(Struct, frozen=True):
    """A derivation from its definitions to its results."""

    title: str
    definitions: tuple[Definition, ...]
    chains: tuple[Chain, ...]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


REASONS = MappingProxyType(
    {
        "definition": "definition",
        "case": "definition, in this case",
        "sum rule": "sum rule: term by term",
        "constant": "a constant has the derivative 0",
        "constant factor": "constant factor in front",
        "product rule": "product rule: (u v)′ = u′ v + u v′",
        "quotient rule": "quotient rule: (u/v)′ = (u′ v − u v′)/v²",
        "reciprocal rule": "quotient rule, constant numerator: (c/v)′ = −c v′/v²",
        "power rule": "power rule: (uⁿ)′ = n uⁿ⁻¹ u′",
        "exponential rule": "(aᵘ)′ = aᵘ ln a · u′",
        "general power": "uᵛ is e to the v ln u: chain rule, then product rule",
        "chain rule": "chain rule",
        "known derivative": "the derivative of a variable by itself is 1",
        "only one term": "only one term of the sum contains it",
        "under the sum": "under the sum, term by term",
        "one term left": "of a sum with 1{…} one term is left",
        "larger": "the derivative of the larger one",
        "by cases": "case by case",
        "simplification": "simplified",
        "sign": "the minus sign exchanges the two sides of the difference",
        "in front": "in front of the sum: what its index is not in",
        "multiplied out": "multiplied out; equal terms put together",
        "one denominator": "brought to one denominator",
        "known functions": "written with σ(u) = exp(u) / (1 + exp(u))",
        "targets sum to 1": "the targets add up to 1",
        "kink": "not differentiable here: the declared value",
        "deviations": "deviations from a mean add up to 0",
        "own value": "written in the function's own value",
        "put in": "put in",
    }
)
