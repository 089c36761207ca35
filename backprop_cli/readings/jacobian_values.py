"""The value of a Jacobian between any two quantities: from its factors, or a basis pulled back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.calculus.differentiate import gradients
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.factored import NoFactorsError, factored
from backprop_cli.readings.values import Array, evaluate

UPSTREAM = "upstream gradient"  # no id has a space in it


def jacobian(
    node: Op, equations: Mapping[str, Expr], env: Mapping[str, Array], sizes: Sizes
) -> Array:
    """The value of `jacobian(of, by)`: of's axes then by's, or the other way in denominator layout.

    With the option `samples` there is a leading axis of samples and a block each, computed with one
    basis vector for all samples at once, since samples do not act on each other.
    """
    of, by = (arg.name for arg in node.args if isinstance(arg, Sym))
    if node.option("flat"):
        shape = sizes.shape(node)
        return _array(of, by, equations, env, sizes).reshape(tuple(map(int, shape)))
    if node.option("samples") is None:
        return _laid_out(_array(of, by, equations, env, sizes), env[of].ndim, node)
    pull = _PullBack(of, by, equations, env, sizes)
    blocks = _blocks(pull, node.whole("samples"))
    return np.swapaxes(blocks, 1, 2) if node.option("layout") else blocks


def _laid_out(whole: Array, rank: int, node: Op) -> Array:
    """The array in the layout that the node asks for."""
    return np.moveaxis(whole, range(rank), range(-rank, 0)) if node.option("layout") else whole


def _array(
    of: str,
    by: str,
    equations: Mapping[str, Expr],
    env: Mapping[str, Array],
    sizes: Sizes,
) -> Array:
    """∂of/∂by, of's axes first: filled from its factors where they are known."""
    try:
        return factored(of, by, equations, env, sizes).filled()
    except NoFactorsError:
        return _whole(_PullBack(of, by, equations, env, sizes))


class _PullBack:
    """The gradient of upstream · of with respect to `by`, as a function of the upstream array."""

    def __init__(
        self,
        of: str,
        by: str,
        equations: Mapping[str, Expr],
        env: Mapping[str, Array],
        sizes: Sizes,
    ) -> None:
        self.of, self.by, self.env, self.equations = of, by, env, equations
        order = list(equations)
        until = (
            {name: equations[name] for name in order[: order.index(of) + 1]} if of in order else {}
        )
        shapes = {**sizes.names, UPSTREAM: env[of].shape}
        shapes |= {self.name(name): value.shape for name, value in env.items()}
        rules = Sizes(shapes, sizes.kinks)
        between = {name: expr for name, expr in until.items() if name != by}
        self.steps = gradients(between, {of: Sym(UPSTREAM)}, [by], rules, self.name)

    @staticmethod
    def name(name: str) -> str:
        """What the gradient of `name` is called while pulling back; no id looks like it."""
        return f"gradient of {name}"

    def __call__(self, upstream: Array) -> Array:
        if self.of == self.by:
            return upstream
        env = {**self.env, UPSTREAM: upstream}
        for step in self.steps:
            env[self.name(step.of)] = evaluate(step.expr, env, self.equations)
        return env.get(self.name(self.by), np.zeros(self.env[self.by].shape))


def _whole(pull: _PullBack) -> Array:
    """One basis vector after the other, each straight into its place."""
    shape = pull.env[pull.of].shape
    whole = np.empty(shape + pull.env[pull.by].shape)
    upstream = np.zeros(shape)
    for place in np.ndindex(shape):
        upstream[place] = 1.0
        whole[place] = pull(upstream)
        upstream[place] = 0.0
    return whole


def _blocks(pull: _PullBack, sample_axis: int) -> Array:
    shape = pull.env[pull.of].shape
    rows = []
    for unit in range(shape[1 - sample_axis]):
        upstream = np.zeros(shape)
        upstream[(unit, slice(None)) if sample_axis == 1 else (slice(None), unit)] = 1.0
        share = pull(upstream)
        rows.append(share.T if sample_axis == 1 else share)
    return np.stack(rows, axis=1)
