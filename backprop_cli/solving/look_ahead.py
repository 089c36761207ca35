"""A model to the gradients at the point that momentum is heading for, W + βv, as equations.

All that depends on a parameter is computed once more from there, and differentiated there:
`Z1_ahead` from `W1_ahead`, and `dL_ahead/dW1_ahead`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, substitute, symbols
from backprop_cli.algebra.quantity import ahead_id
from backprop_cli.calculus.differentiate import Gradient, gradients
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.solving.shortcuts import Shortcuts
from backprop_cli.solving.update import ahead_by, gradient_there, looks_ahead

GRADIENT: Final = "gradient-ahead"
"""The rule of a step that is a gradient there."""


class Ahead(Struct, frozen=True):
    """A quantity there: its id, of which quantity it is, its formula, why it is computed."""

    id: str
    of: str
    expr: Expr
    rule: str
    words: str = ""
    note: str | None = None


def look_ahead(
    model: Model,
    parameters: Sequence[str],
    differentiated: Mapping[str, Expr],
    past_outputs: Shortcuts,
    sizes: Sizes,
) -> Iterator[Ahead]:
    """The parameters there, what they change, and the gradients; nothing for other rules.

    `differentiated` and `past_outputs` say how gradients are taken here, and so are they there.
    `sizes` knows the shapes of the model, and is asked for those of what is computed here too.
    """
    if not looks_ahead(model):
        return
    there: dict[str, Expr] = {name: Sym(ahead_id(name)) for name in parameters}
    for name in parameters:
        expr = build.add(Sym(name), ahead_by(model, name, sizes))
        yield Ahead(ahead_id(name), name, expr, "ahead")
    for equation in model.equations:
        if there.keys() & set(symbols(equation.expr)):
            words = equation.words and f"{equation.words}, there"
            expr = substitute(equation.expr, there)
            yield Ahead(ahead_id(equation.name), equation.name, expr, "forward-ahead", words)
            there[equation.name] = Sym(ahead_id(equation.name))
    here = {ahead_id(name): name for name in there}
    for found in _gradients(model, parameters, there, differentiated, past_outputs, sizes):
        of = here[found.of]
        yield Ahead(
            gradient_there(model, of), of, found.expr, GRADIENT, note=past_outputs.why.get(of)
        )


def _gradients(
    model: Model,
    parameters: Sequence[str],
    there: Mapping[str, Expr],
    differentiated: Mapping[str, Expr],
    past_outputs: Shortcuts,
    sizes: Sizes,
) -> list[Gradient]:
    here = {ahead_id(name): name for name in there}
    renamed = {
        **there,
        **{model.gradient(name): Sym(gradient_there(model, name)) for name in there},
    }
    shapes = {name: model.shapes[plain] for name, plain in here.items()}
    shapes |= {gradient_there(model, plain): model.shapes[plain] for plain in here.values()}
    return gradients(
        {
            ahead_id(name): substitute(differentiated[name], renamed)
            for name in model.definitions
            if name in there
        },
        {ahead_id(name): seed for name, seed in model.seeds.items() if name in there},
        [ahead_id(name) for name in parameters],
        Sizes({**sizes.names, **shapes}, sizes.kinks),
        lambda name: gradient_there(model, here[name]),
        {
            ahead_id(output): {
                ahead_id(name): substitute(share, renamed) for name, share in shares.items()
            }
            for output, shares in past_outputs.shares.items()
        },
        silent=[ahead_id(name) for name in model.silent],
        passed_on=lambda current, used, share: model.passed_on(
            here[current], here.get(used, used), share
        ),
    )
