"""Derivatives, sums over letters and 1{i = j} to the way they are written in a derivation."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.notation.function_forms import indicator
from backprop_cli.notation.nodes import Fraction, Letter, Node, Sign, Total, row
from backprop_cli.notation.parts import Part, Writer, fenced, put


def derivative(writer: Writer, node: Op) -> Part:
    """df over dz of a name, d over dz before brackets of anything else; ∂ for an entry."""
    of, by = node.args
    alone = isinstance(by, Sym) and len(by.name) == 1 and not node.option("partial")
    sign = Letter("d" if alone else "∂")
    below = row(sign, writer.part(by).node)
    if isinstance(of, Sym):
        above = row(sign, writer.part(of).node)
        return Part(Fraction(above, below, bare=True), "fraction")
    return Part(
        row(Fraction(sign, below, bare=True), fenced(writer.part(of), "[", "]").node), "atom"
    )


def sum_over(writer: Writer, node: Op) -> Part:
    """Σ with its letter below, and the letter it leaves out."""
    below: Node = Letter(str(node.option("index")))
    if node.option("without") is not None:
        below = row(below, Sign("≠", bare=True), Letter(str(node.option("without"))))
    inner = put(writer, node.args[0], "sum of")
    return Part(row(Total(below), inner.node), "total", open=True)


def equal(writer: Writer, node: Op) -> Part:
    """1{i = j}."""
    left, right = node.args
    return indicator(Part(row(_letter(writer, left), Sign("="), _letter(writer, right)), "sum"))


def _letter(writer: Writer, expr: Expr) -> Node:
    return writer.part(expr).node
