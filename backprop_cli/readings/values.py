"""An expression to its value: NumPy arrays, computed so that nothing overflows on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.build import ONE
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.operations.arithmetic import xtimes
from backprop_cli.operations.elementwise import sigmoid, softplus
from backprop_cli.operations.reductions import log_others, log_softmax
from backprop_cli.operations.table import operation

Array: TypeAlias = NDArray[np.float64]
Environment: TypeAlias = Mapping[str, Array]
Definitions: TypeAlias = Mapping[str, Expr]

_SQUARE = num(2)


def evaluate(expr: Expr, env: Environment, definitions: Definitions | None = None) -> Array:
    """The value of `expr`, each name's value taken from `env`.

    `definitions` are the equations behind the names: with them, ln ŷ and 1 - ŷ of a softmax or
    sigmoid are computed from its argument, which keeps the digits that ŷ itself has lost.
    """
    with np.errstate(all="ignore"):
        return _Evaluation(env, definitions or {}).value(expr)


class _Evaluation:
    def __init__(self, env: Environment, definitions: Definitions) -> None:
        self.env = env
        self.definitions = definitions

    def value(self, expr: Expr) -> Array:
        if isinstance(expr, Sym):
            return self.env[expr.name]
        if isinstance(expr, Num):
            return np.float64(expr.value)  # type: ignore[return-value]
        careful = CAREFUL.get(expr.name)
        if careful is not None:
            found = careful(self, expr)
            if found is not None:
                return found
        args = [self.value(arg) for arg in expr.args]
        return np.asarray(operation(expr).value(*args, **dict(expr.options)), dtype=float)

    def defined(self, expr: Expr) -> Op | None:
        """The operation that gives `expr`, looked up where `expr` is a name."""
        if isinstance(expr, Sym):
            found = self.definitions.get(expr.name)
            return found if isinstance(found, Op) else None
        return expr if isinstance(expr, Op) else None

    def is_softmax(self, expr: Expr) -> bool:
        """Whether `expr` is, or is the name of, the output of a softmax."""
        node = self.defined(expr)
        return node is not None and node.name == "softmax"

    def logarithm(self, expr: Expr) -> Array | None:
        """ln of a softmax, a sigmoid, an exponential, or 1 minus one of them."""
        node = self.defined(expr)
        if node is None:
            return None
        match node.name:
            case "softmax":
                return log_softmax(self.value(node.args[0]), axis=_axis(node))
            case "sigmoid":
                return -softplus(-self.value(node.args[0]))
            case "exp":
                return self.value(node.args[0])
            case "sub" if node.args[0] == ONE:
                return self.logarithm_of_complement(node.args[1])
        return None

    def logarithm_of_complement(self, expr: Expr) -> Array | None:
        """ln(1 - q) for a sigmoid or softmax q."""
        node = self.defined(expr)
        if node is None:
            return None
        if node.name == "sigmoid":
            return -softplus(self.value(node.args[0]))
        if node.name == "softmax":
            return log_others(self.value(node.args[0]), _axis(node))
        return None

    def complement(self, expr: Expr) -> Array | None:
        """1 - q for a sigmoid or softmax q, or the square of a tanh."""
        node = self.defined(expr)
        if node is None:
            return None
        if node.name == "sigmoid":
            return sigmoid(-self.value(node.args[0]))
        if node.name == "softmax":
            return np.asarray(np.exp(log_others(self.value(node.args[0]), _axis(node))))
        if node.name == "pow" and node.args[1] == _SQUARE:
            inner = self.defined(node.args[0])
            if inner is not None and inner.name == "tanh":
                u = 2 * self.value(inner.args[0])
                return 4 * sigmoid(u) * sigmoid(-u)
        return None


def _axis(node: Op) -> int | None:
    return None if node.option("axis") is None else node.whole("axis")


def _log(evaluation: _Evaluation, node: Op) -> Array | None:
    return evaluation.logarithm(node.args[0])


def _xlogy(evaluation: _Evaluation, node: Op) -> Array | None:
    logarithm = evaluation.logarithm(node.args[1])
    return None if logarithm is None else xtimes(evaluation.value(node.args[0]), logarithm)


def _sub(evaluation: _Evaluation, node: Op) -> Array | None:
    """1 - q, and a softmax's Jacobian, whose diagonal is p (1 - p)."""
    match node.args:
        case (Num(), inner) if node.args[0] == ONE:
            return evaluation.complement(inner)
        case (Op("diag", (p,)) as diagonal, Op("outer", (first, second)) as square):
            if not (p == first == second and evaluation.is_softmax(p)):
                return None
            slopes = op("mul", p, op("sub", ONE, p))
            plain = evaluation.value(square)
            on_diagonal = np.eye(plain.shape[-1], dtype=bool)
            return np.where(
                on_diagonal, evaluation.value(Op("diag", (slopes,), diagonal.options)), -plain
            )
    return None


def _mul(evaluation: _Evaluation, node: Op) -> Array | None:
    """p (g - Σ p g) for a softmax p: where p is nearly 1, g and the sum are nearly the same."""
    match node.args:
        case (p, Op("sub", (g, Op("sum", (Op("mul", (p_again, g_again)),)) as total))):
            if (p, g) != (p_again, g_again) or not evaluation.is_softmax(p):
                return None
            axis = _axis(total)
            complement = evaluation.complement(p)
            assert complement is not None
            output, upstream = evaluation.value(p), evaluation.value(g)
            weighted = output * upstream
            near_one = output > _NEAR_ONE
            rest = np.sum(np.where(near_one, 0.0, weighted), axis=axis, keepdims=True)
            whole = np.sum(weighted, axis=axis, keepdims=True)
            others = np.where(near_one, rest, whole - weighted)
            return np.asarray(output * (upstream * complement - others))
    return None


_NEAR_ONE = 0.5  # of outputs that add up to 1, at most one is larger
CAREFUL = {"log": _log, "xlogy": _xlogy, "sub": _sub, "mul": _mul}
