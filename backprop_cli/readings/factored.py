"""A Jacobian by its structure: factors are kept, from which it is filled at once.

∂y/∂W of a layer has an entry for every output and every weight, but it is P_kj x_i: a small matrix
and the layer's input say all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op
from backprop_cli.calculus.differentiate import has_slope, reaching, slope
from backprop_cli.calculus.jacobians import UPSTREAM, gradient_of, pulled_back
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.values import Array, evaluate

_ROUNDED = 1e-9  # from 1, of a softmax's sum that was rounded after it was computed


class NoFactorsError(Exception):
    """Equations whose Jacobian has no structure that is known here."""


class Outer(Struct, frozen=True):
    """∂y_k/∂W_ij = rows[k, unit] · vector[other], the unit being W's first index or its last.

    `rows` with one axis is the diagonal of a matrix.
    """

    rows: Array
    vector: Array
    units_first: bool

    def fill(self, out: Array) -> None:
        """Writes all entries into an array of their shape."""
        rows = np.diag(self.rows) if self.rows.ndim == 1 else self.rows
        axes = "kj,i->kji" if self.units_first else "kj,i->kij"
        np.einsum(axes, rows, self.vector, out=out)  # faster than multiply by more than 2


class Factored(Struct, frozen=True):
    """∂of/∂by of a vector `of`: the sum of outer products and of a matrix, where there is one.

    A matrix with one axis is the diagonal of one.
    """

    shape: tuple[int, ...]
    outers: tuple[Outer, ...] = ()
    matrix: Array | None = None

    def filled(self) -> Array:
        """The whole array, and no other of its size but where several outer products add up."""
        if self.matrix is not None:
            return np.diag(self.matrix) if self.matrix.ndim == 1 else self.matrix
        out = np.empty(self.shape) if self.outers else np.zeros(self.shape)
        for number, outer in enumerate(self.outers):
            if number == 0:
                outer.fill(out)
                continue
            more = np.empty(self.shape)
            outer.fill(more)
            out += more
        return out


def factored(
    of: str, by: str, equations: Mapping[str, Expr], env: Mapping[str, Array], sizes: Sizes
) -> Factored:
    """∂of/∂by through the equations; NoFactorsError where `of` is no vector or the way unknown."""
    if env[of].ndim != 1 or of == by:
        raise NoFactorsError
    between = _between(of, by, equations)
    flow = _Flow(by, {by, *between}, env, equations, sizes)
    flow.add(of, np.ones(env[of].shape[0]))
    for name in reversed(between):
        if name in flow.reached:
            flow.pull(equations[name], Sym(name), flow.reached.pop(name))
    shape = (*env[of].shape, *env[by].shape)
    matrix = flow.reached.get(by)
    if matrix is not None and (flow.outers or env[by].ndim != 1):
        raise NoFactorsError
    return Factored(shape, tuple(flow.outers), matrix)


def _between(of: str, by: str, equations: Mapping[str, Expr]) -> list[str]:
    """The names on the way from `by` to `of`, in their order."""
    order = list(equations)
    if of not in order:
        raise NoFactorsError
    reached = reaching(equations, {by}) - {by}
    return [name for name in order[: order.index(of) + 1] if name in reached]


class _Flow(Struct):
    """What has reached each quantity so far: ∂of/∂name, one axis for a diagonal matrix."""

    by: str
    wanted: Collection[str]
    env: Mapping[str, Array]
    equations: Mapping[str, Expr]
    sizes: Sizes
    reached: dict[str, Array] = field(default_factory=dict)
    outers: list[Outer] = field(default_factory=list)

    def add(self, name: str, matrix: Array) -> None:
        """One more share of ∂of/∂name."""
        old = self.reached.get(name)
        if old is not None and old.ndim != matrix.ndim:
            old, matrix = (np.diag(each) if each.ndim == 1 else each for each in (old, matrix))
        self.reached[name] = matrix if old is None else old + matrix

    def on_the_way(self, expr: Expr) -> bool:
        """Whether `by` is in an expression, directly or not."""
        if isinstance(expr, Sym):
            return expr.name in self.wanted
        return isinstance(expr, Op) and any(map(self.on_the_way, expr.args))

    def rank(self, expr: Expr) -> int:
        """The number of axes."""
        match expr:
            case Sym(name):
                return self.env[name].ndim
            case Op("transpose", (inner,)):
                return self.rank(inner)
        return len(self.sizes.shape(expr))

    def value(self, expr: Expr) -> Array:
        """The value of an expression."""
        match expr:
            case Sym(name):
                return self.env[name]
            case Op("transpose", (inner,)):
                return self.value(inner).T
        return self.evaluated(expr)

    def evaluated(self, expr: Expr) -> Array:
        """The value of an operation, with the care that the equations call for."""
        return evaluate(expr, self.env, self.equations)

    def pull(self, expr: Expr, result: Expr, matrix: Array) -> None:
        """Hands ∂of/∂(this expression) on to the names in it."""
        if isinstance(expr, Sym):
            if expr.name in self.wanted:
                if self.env[expr.name].ndim != 1:
                    raise NoFactorsError
                self.add(expr.name, matrix)
            return
        if isinstance(expr, Num) or not self.on_the_way(expr):
            return
        rule = _RULES.get(expr.name)
        if rule is not None:
            rule(self, expr, result, matrix)
        elif has_slope(expr):
            self.through_function(expr, result, matrix)
        else:
            raise NoFactorsError

    def through_function(self, node: Op, result: Expr, matrix: Array) -> None:
        """An entry-by-entry function: the slopes scale the columns."""
        found = slope(node, result, self.sizes)
        assert found is not None
        self.pull(node.args[0], node.args[0], matrix * self.value(found))


Rule = Callable[[_Flow, Op, Expr, Array], None]


def _sum(flow: _Flow, node: Op, _: Expr, matrix: Array) -> None:
    sign = -1.0 if node.name == "sub" else 1.0
    for arg, factor in zip(node.args, (1.0, sign), strict=True):
        if flow.on_the_way(arg):
            _check_vector(flow, arg)
            flow.pull(arg, arg, matrix if factor > 0 else -matrix)


def _check_vector(flow: _Flow, arg: Expr) -> None:
    """A number added to every entry would have to be summed: not here."""
    if flow.rank(arg) != 1:
        raise NoFactorsError


def _entrywise_product(flow: _Flow, node: Op, _: Expr, matrix: Array) -> None:
    for arg, other in (node.args, node.args[::-1]):
        if flow.on_the_way(arg):
            _check_vector(flow, arg)
            flow.pull(arg, arg, matrix * flow.value(other))


def _softmax(flow: _Flow, node: Op, result: Expr, matrix: Array) -> None:
    _check_vector(flow, node.args[0])
    output = result if isinstance(result, Sym) else node
    flow.pull(node.args[0], node.args[0], _times(matrix, _softmax_jacobian(flow, output)))


def _softmax_jacobian(flow: _Flow, output: Expr) -> Array:
    """diag(p) − p pᵀ; p_k (1 − p_k) as p_k Σ p_j over the others, which loses no digits."""
    p = flow.value(output)
    if abs(p.sum() - 1.0) > _ROUNDED:
        return evaluate(op("sub", op("diag", output), op("outer", output, output)), flow.env)
    found: Array = p[:, None] * -p
    found.flat[:: len(p) + 1] = 0.0
    found.flat[:: len(p) + 1] = -found.sum(axis=1)
    return found


def _times(matrix: Array, other: Array) -> Array:
    if matrix.ndim == 1:
        return matrix[:, None] * other
    return np.asarray(matrix @ other)


def _matmul(flow: _Flow, node: Op, _: Expr, matrix: Array) -> None:
    left, right = node.args
    ranks = (flow.rank(left), flow.rank(right))
    if ranks == (2, 1):
        _product(flow, left, right, matrix)
    elif ranks == (1, 2):
        _product(flow, _flipped(right), left, matrix)
    else:
        raise NoFactorsError


def _flipped(expr: Expr) -> Expr:
    return (
        expr.args[0] if isinstance(expr, Op) and expr.name == "transpose" else op("transpose", expr)
    )


def _product(flow: _Flow, weights: Expr, vector: Expr, matrix: Array) -> None:
    """weights · vector: the vector's share is a product of matrices, the weights' an outer one."""
    if flow.on_the_way(vector):
        flow.pull(vector, vector, _times(matrix, flow.value(weights)))
    if not flow.on_the_way(weights):
        return
    match weights:
        case Sym(flow.by):
            flow.outers.append(Outer(matrix, flow.value(vector), True))
        case Op("transpose", (Sym(flow.by),)):
            flow.outers.append(Outer(matrix, flow.value(vector), False))
        case _:
            raise NoFactorsError


def _with_constant(flow: _Flow, node: Op, _: Expr, matrix: Array) -> None:
    """x beside the constant of a bias: its column has nothing to give."""
    if flow.on_the_way(node.args[1]):
        raise NoFactorsError
    dense = np.diag(matrix) if matrix.ndim == 1 else matrix
    kept = dense[:, 1:] if node.name == "prepend" else dense[:, :-1]
    flow.pull(node.args[0], node.args[0], kept)


_RULES: Mapping[str, Rule] = {
    "add": _sum,
    "sub": _sum,
    "mul": _entrywise_product,
    "softmax": _softmax,
    "matmul": _matmul,
    "prepend": _with_constant,
    "append": _with_constant,
}


# The value of a Jacobian --------------------------------------------------------------------------


def jacobian(
    node: Op, equations: Mapping[str, Expr], env: Mapping[str, Array], sizes: Sizes
) -> Array:
    """The value of `jacobian(of, by)`: of's axes then by's, or the other way in denominator layout.

    With the option `samples` there is a leading axis of samples and a block each, computed with one
    basis vector for all samples at once, since samples do not act on each other.
    """
    of, by = (arg.name for arg in node.args if isinstance(arg, Sym))
    pull = _PullBack(of, by, equations, env, sizes)
    if node.option("flat"):
        return _array(pull).reshape(tuple(map(int, sizes.shape(node))))
    if node.option("samples") is None:
        return _laid_out(_array(pull), env[of].ndim, node)
    blocks = _blocks(pull, node.whole("samples"))
    return np.swapaxes(blocks, 1, 2) if node.option("layout") else blocks


def _laid_out(whole: Array, rank: int, node: Op) -> Array:
    """The array in the layout that the node asks for."""
    return np.moveaxis(whole, range(rank), range(-rank, 0)) if node.option("layout") else whole


class _PullBack(Struct, frozen=True):
    """The gradient of upstream · of with respect to `by`, as a function of the upstream array."""

    of: str
    by: str
    equations: Mapping[str, Expr]
    env: Mapping[str, Array]
    sizes: Sizes

    def function(self) -> Callable[[Array], Array]:
        """What is worked out once for all upstream arrays stands in it."""
        if self.of == self.by:
            return lambda upstream: upstream
        steps = pulled_back(self.of, self.by, self.equations, self.sizes)

        def pull(upstream: Array) -> Array:
            env = {**self.env, UPSTREAM: upstream}
            for name, expr in steps:
                env[name] = evaluate(expr, env, self.equations)
            return env.get(gradient_of(self.by), np.zeros(self.env[self.by].shape))

        return pull


def _array(pull: _PullBack) -> Array:
    """∂of/∂by, of's axes first: filled from its factors where they are known."""
    try:
        return factored(pull.of, pull.by, pull.equations, pull.env, pull.sizes).filled()
    except NoFactorsError:
        return _whole(pull)


def _whole(asked: _PullBack) -> Array:
    """One basis vector after the other, each straight into its place."""
    pull, shape = asked.function(), asked.env[asked.of].shape
    whole = np.empty(shape + asked.env[asked.by].shape)
    upstream = np.zeros(shape)
    for place in np.ndindex(shape):
        upstream[place] = 1.0
        whole[place] = pull(upstream)
        upstream[place] = 0.0
    return whole


def _blocks(asked: _PullBack, sample_axis: int) -> Array:
    pull, shape = asked.function(), asked.env[asked.of].shape
    rows = []
    for unit in range(shape[1 - sample_axis]):
        upstream = np.zeros(shape)
        upstream[(unit, slice(None)) if sample_axis == 1 else (slice(None), unit)] = 1.0
        share = pull(upstream)
        rows.append(share.T if sample_axis == 1 else share)
    return np.stack(rows, axis=1)
