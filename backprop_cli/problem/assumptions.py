"""What a file assumes of its quantities to who may rely on it, checked where there are numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, rewrite
from backprop_cli.algebra.shapes import Shape, described
from backprop_cli.errors import Complaints
from backprop_cli.operations.record import Rules
from backprop_cli.problem.ids import names_said
from backprop_cli.problem.problem_data import Assumption, Problem, Text
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.trace import Array

_CLOSE = 1e-9
_INSTEAD = {
    "symmetric": "A[1,2] the same as A[2,1] everywhere",
    "one-hot": "[0, 1, 0]",
    "distribution": "[0.2, 0.5, 0.3]",
}


def symmetric(problem: Problem) -> frozenset[str]:
    """The matrices that are their own transposes."""
    return frozenset(name for name, (_, kind) in problem.assume.items() if kind == "symmetric")


def summing_to_one(problem: Problem) -> frozenset[str]:
    """The vectors whose entries add up to 1; the targets of a network by both their names."""
    names = {name for name, (_, kind) in problem.assume.items() if kind != "symmetric"}
    targets = {"y", "Y"} if problem.layers is not None else set()
    return frozenset(names | targets if names & targets else names)


def assumed(expr: Expr, problem: Problem, rules: Rules) -> Expr:
    """The formula without transposes of what is symmetric: xᵀ A is A x."""
    same = symmetric(problem)

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("transpose", (Sym(name),)) if name in same:
                return node.args[0]
            case Op("transpose", (Op("inv", (Sym(name),)),)) if name in same:
                return node.args[0]
            case Op("matmul", (x, Sym(name) | Op("transpose", (Sym(name),)))) if (
                name in same and len(rules.shape(x)) == 1
            ):
                return build.matmul(Sym(name), assumed(x, problem, rules))
        return None

    return rewrite(expr, rule) if same else expr


def check_assumed(
    problem: Problem,
    shapes: Mapping[str, Shape],
    numbers: Mapping[str, Array],
    complaints: Complaints,
) -> None:
    """Complains of what is assumed of nothing, or of numbers for which it does not hold."""
    for name, (text, kind) in problem.assume.items():
        if name not in shapes:
            message, instead = names_said(name, shapes, "given quantity")
            complaints.add(message, text.mark, instead)
        elif (wrong := _wrong_shape(kind, shapes[name])) is not None:
            complaints.add(f"{shown(name)} is assumed {kind}, and {wrong}", text.mark)
        elif name in numbers:
            _check_numbers(text, kind, numbers[name], complaints)


def _wrong_shape(kind: Assumption, shape: Shape) -> str | None:
    if kind == "symmetric" and (len(shape) != 2 or shape[0] != shape[1]):
        return f"only a square matrix can be: this is {described(shape)}"
    if kind != "symmetric" and not 0 < len(shape) < 3:
        return f"only a vector, or a matrix of them, can be: this is {described(shape)}"
    return None


def _check_numbers(text: Text, kind: Assumption, value: Array, complaints: Complaints) -> None:
    if kind == "symmetric":
        i, j = np.unravel_index(np.argmax(np.abs(value - value.T)), value.shape)
        holds = bool(abs(value[i, j] - value[j, i]) <= _CLOSE * max(1.0, np.abs(value).max()))
        said = f"{value[i, j]:g} and {value[j, i]:g} stand across its diagonal from one another"
    else:
        holds, said = _adds_up(kind, value)
    if not holds:
        message = f"{shown(text.text)} is assumed {kind}, and {said}"
        complaints.add(message, text.mark, _INSTEAD[kind])


def _adds_up(kind: Assumption, value: Array) -> tuple[bool, str]:
    """Whether a vector, every row or every column adds up to 1, with entries as the kind has."""
    sums = [value.sum(axis=axis) for axis in range(value.ndim)]
    if not any(np.all(np.abs(each - 1) <= _CLOSE) for each in sums):
        found = ", ".join(f"{one:g}" for one in sums[-1].ravel()[:4])
        return False, f"its entries add up to {found}"
    if kind == "one-hot":
        return bool(np.isin(value, (0, 1)).all()), "an entry of it is neither 0 nor 1"
    return bool((value >= 0).all()), "an entry of it is below 0"
