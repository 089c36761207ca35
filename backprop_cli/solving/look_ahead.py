"""A model to the gradients at the point that momentum is heading for, W + βv, as equations.

All that depends on a parameter is computed once more from there, and differentiated there:
`Z1_ahead` from `W1_ahead`, and `dL_ahead/dW1_ahead`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, substitute, symbols
from backprop_cli.algebra.quantity import ahead_id, derivative_id
from backprop_cli.calculus.differentiate import gradients
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.solving.update import ahead_by, looks_ahead


class Ahead(Struct, frozen=True):
    """A quantity there: its id, of which quantity it is, its formula, why it is computed."""

    id: str
    of: str
    expr: Expr
    rule: str
    words: str = ""


def look_ahead(model: Model, parameters: Sequence[str], sizes: Sizes) -> Iterator[Ahead]:
    """The parameters there, what they change, and the gradients; nothing for other rules.

    `sizes` knows the shapes of the model, and is asked for those of what is computed here too.
    """
    if not looks_ahead(model):
        return
    renamed: dict[str, Expr] = {name: Sym(ahead_id(name)) for name in parameters}
    for name in parameters:
        yield Ahead(
            ahead_id(name), name, build.add(Sym(name), ahead_by(model, name, sizes)), "ahead"
        )
    definitions: dict[str, str] = {}
    for equation in model.equations:
        if renamed.keys() & set(symbols(equation.expr)):
            there = substitute(equation.expr, renamed)
            words = equation.words and f"{equation.words}, there"
            yield Ahead(ahead_id(equation.name), equation.name, there, "forward-ahead", words)
            renamed[equation.name] = Sym(ahead_id(equation.name))
            definitions[ahead_id(equation.name)] = equation.name
    yield from _gradients(
        model, renamed, definitions, [ahead_id(name) for name in parameters], sizes
    )


def _gradients(
    model: Model,
    renamed: Mapping[str, Expr],
    definitions: Mapping[str, str],
    wanted: Sequence[str],
    sizes: Sizes,
) -> Iterator[Ahead]:
    here = {ahead_id(name): name for name in renamed}
    target = ahead_id(model.gradient_of)

    def passed_on(current: str, used: str, share: Expr) -> Expr:
        return model.passed_on(here[current], here.get(used, used), share)

    shapes = {name: model.shapes[plain] for name, plain in here.items()}
    shapes |= {derivative_id(target, name): shape for name, shape in shapes.items()}
    found = gradients(
        {
            there: substitute(model.differentiated[name], dict(renamed))
            for there, name in definitions.items()
        },
        {ahead_id(name): seed for name, seed in model.seeds.items() if name in renamed},
        wanted,
        Sizes({**sizes.names, **shapes}, sizes.kinks),
        lambda name: derivative_id(target, name),
        silent=[ahead_id(name) for name in model.silent],
        passed_on=passed_on,
    )
    for gradient in found:
        yield Ahead(
            derivative_id(target, gradient.of), here[gradient.of], gradient.expr, "gradient-ahead"
        )
