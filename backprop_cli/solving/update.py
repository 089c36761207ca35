"""The update of every trained parameter: its rule's formulas, in the names of the problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num, op, substitute, symbols
from backprop_cli.algebra.quantity import (
    Second,
    ahead_id,
    change_id,
    derivative_id,
    layer_id,
    new_id,
    old_id,
    state_id,
    state_letter,
)
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.differentiate import Backward, gradients, shares
from backprop_cli.errors import Complaints
from backprop_cli.operations.table import Sizes
from backprop_cli.operations.updates import RULES, Terms, UpdateRule
from backprop_cli.problem.fitted_arrays import fitted
from backprop_cli.problem.ids import names_said
from backprop_cli.problem.model import Array, Model, Outline
from backprop_cli.problem.problem_data import Update
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.solving.shortcuts import Shortcuts
from backprop_cli.trace import Given


def rule_of(model: Model) -> UpdateRule:
    """The record of the problem's update rule."""
    assert model.update is not None
    return RULES[model.update.rule, model.update.form]


def updates(
    model: Model, parameters: Sequence[str], sizes: Sizes
) -> Iterator[tuple[str, Expr, str, str]]:
    """Each new state, parameter and change: its id, formula, rule name, and its parameter.

    What all parameters have in common comes first, and belongs to none.
    """
    assert model.update is not None
    rule = rule_of(model)
    name = model.update.rule
    yield from _clipped(model, parameters)
    for parameter in parameters:
        terms = _terms(model, parameter, sizes)
        for letter, expr in rule.states(terms).items():
            yield state_id(letter, parameter), expr, f"{name}-state", parameter
        change, shrunk = rule.change(terms), _decay(model, parameter)
        new = build.add(Sym(parameter), change)
        yield new_id(parameter), build.sub(new, shrunk), name, parameter
        yield change_id(parameter), build.sub(change, shrunk), f"{name}-change", parameter


def _clipped(model: Model, parameters: Sequence[str]) -> Iterator[tuple[str, Expr, str, str]]:
    """How long all gradients are together, and what they are multiplied by to be short enough."""
    assert model.update is not None
    if model.update.longest is None:
        return
    names = constant_names(model)
    squares = ((op("pow", Sym(gradient_used(model, one)), num(2)), one) for one in parameters)
    whole = build.sum_of(op("sum", each) if model.shapes[one] else each for each, one in squares)
    yield names["gradient_norm"], op("sqrt", whole), "clip-norm", ""
    share = op("div", Sym(names["clip_norm"]), Sym(names["gradient_norm"]))
    yield names["clip_scale"], op("minimum", build.ONE, share), "clip-scale", ""


def looks_ahead(model: Model) -> bool:
    """Whether the rule takes gradients at another point; given ones are from where they should."""
    has = model.update is not None and rule_of(model).ahead is not None
    return has and not model.given_gradients


def ahead_by(model: Model, parameter: str, sizes: Sizes) -> Expr:
    """What is added to a parameter to get to where its gradient is taken."""
    ahead = rule_of(model).ahead
    assert ahead is not None
    return ahead(_terms(model, parameter, sizes))


def gradient_used(model: Model, parameter: str) -> str:
    """The gradient that a parameter is updated with."""
    return gradient_there(model, parameter) if looks_ahead(model) else model.gradient(parameter)


def gradient_there(model: Model, name: str) -> str:
    """What the gradient is called at the point that momentum is heading for."""
    return derivative_id(ahead_id(model.gradient_of), ahead_id(name))


def _gradient(model: Model, parameter: str, names: Mapping[str, str]) -> Expr:
    """The gradient as it is used."""
    assert model.update is not None
    plain = Sym(gradient_used(model, parameter))
    if model.update.longest is not None:
        return op("mul", Sym(names["clip_scale"]), plain)
    if model.update.largest is not None:
        return op("clip", plain, limit=model.update.largest)
    return plain


def _decay(model: Model, parameter: str) -> Expr:
    """ηλW, which weights lose beside the rule's own change."""
    assert model.update is not None
    if not model.update.decay or parameter not in model.decaying:
        return build.ZERO
    names = constant_names(model)
    shrunk = build.mul(Sym(names["weight_decay"]), model.decaying[parameter])
    return build.mul(Sym(names["learning_rate"]), shrunk)


def newton_hessian(model: Model) -> list[str]:
    """The second derivative that Newton's step divides by."""
    if model.update is None or model.update.rule != "newton":
        return []
    return [Second(model.gradient_of, name, name).id for name in model.trained]


def _error(model: Model, parameter: str, sizes: Sizes) -> Expr:
    """(y − ŷ) xᵀ, whichever way the layer is written."""
    if model.update is None or model.update.rule != "perceptron":
        return build.ONE
    weighted = layer_id("Z", 1)
    difference = op("sub", Sym("Y"), Sym("Yhat"))
    found = shares(model.definitions[weighted], difference, Sym(weighted), sizes)
    return dict(found)[parameter]


def _terms(model: Model, parameter: str, sizes: Sizes) -> Terms:
    names = constant_names(model)
    twice = Second(model.gradient_of, parameter, parameter).id
    return Terms(
        hessian=Sym(twice),
        is_number=not model.shapes[parameter],
        error=_error(model, parameter, sizes),
        gradient=_gradient(model, parameter, names),
        old=lambda letter: Sym(old_id(state_id(letter, parameter))),
        new=lambda letter: Sym(state_id(letter, parameter)),
        constant=lambda key: Sym(names[key]),
    )


def constant_names(model: Model) -> dict[str, str]:
    """What each constant of the rule is called: its key, unless the problem uses that name."""
    assert model.update is not None
    keys = [key for key, _ in model.update.constants] + ["t"]
    if model.update.decay:
        keys.append("weight_decay")
    if model.update.longest is not None:
        keys += ["clip_norm", "gradient_norm", "clip_scale"]
    taken = {*model.given, *model.problem.values, *model.definitions}
    names = {key: f"{key}_" if key in taken else key for key in keys}
    if model.problem.penalty is not None and "weight_decay" in names:
        names["weight_decay"] = "decay" if "decay" not in taken else "decay_"  # λ is the penalty's
    return names


def constants(model: Model, step: int) -> dict[str, Given]:
    """The rule's constants as given values; `step` counts from 0."""
    if model.update is None:
        return {}
    names = constant_names(model)
    found = {
        names[key]: Given(np.asarray(value), (), "constant")
        for key, value in model.update.constants
    }
    if model.update.rates:
        rate = model.update.rates[min(step, len(model.update.rates) - 1)]
        found[names["learning_rate"]] = Given(np.asarray(rate), (), "constant")
    if model.update.decay:
        found[names["weight_decay"]] = Given(np.asarray(model.update.decay), (), "constant")
    if model.update.longest is not None:
        found[names["clip_norm"]] = Given(np.asarray(model.update.longest), (), "constant")
    if rule_of(model).counts:
        found[names["t"]] = Given(np.asarray(float(model.update.t + step)), (), "constant")
    return found


def state_shapes(model: Model) -> dict[str, Shape]:
    """The shape of each state that is carried from step to step, by id."""
    if model.update is None:
        return {}
    return {
        state_id(letter, parameter): model.shapes[parameter]
        for parameter in model.trained
        for letter in rule_of(model).kept
    }


def initial_state(model: Model) -> dict[str, Array]:
    """The optimizer's state before the first step, by id: as given, else zero."""
    state = {}
    for id, shape in state_shapes(model).items():
        assert model.update is not None
        given = model.update.state.get(id)
        array = given[1].array if given is not None else None
        sizes = tuple(map(int, shape))
        state[id] = array.reshape(sizes) if array is not None else np.zeros(sizes)
    return state


_MOST = 10
"""Entries of a parameter whose Hessian anyone inverts."""


def _check_rule(outline: Outline, update: Update, complaints: Complaints) -> None:
    """Complains where a rule asks for more than the problem has."""
    problem, trained = outline.problem, outline.trained
    if update.rule == "perceptron":
        one = [layer.type for layer in problem.layers or ()] == ["dense"]
        if not one or problem.y is None or problem.input == "sequence":
            message = "the perceptron rule is for one layer of weights and a target y"
            complaints.add(message, update.mark, "layers with one entry, y: […], or rule: sgd")
    if update.rule == "newton":
        shapes = [outline.shapes.get(name, ()) for name in trained]
        fits = (
            len(shapes) == 1
            and len(shapes[0]) < 2
            and all(isinstance(n, str) or n <= _MOST for n in shapes[0])
        )
        if not fits or problem.gradients:
            message = f"Newton's step is for one number or vector of up to {_MOST} entries"
            complaints.add(message, update.mark, "train: [w], with the bias as an entry of w")


def check_state(outline: Outline, complaints: Complaints) -> None:
    """Complains of an update without gradients, and of states that do not fit the rule."""
    update = outline.problem.update
    if update is None:
        return
    _check_rule(outline, update, complaints)
    if outline.gradients is False and update.rule != "perceptron":
        complaints.add(
            "an update needs gradients, and here is nothing they could come from",
            update.mark,
            "a loss, or upstream: {…}",
        )
    letters = RULES[update.rule, update.form].kept
    known = {state_id(letter, name): name for name in outline.trained for letter in letters}
    frozen = not known and outline.problem.layers is None
    for id, (text, values) in update.state.items():
        if id in known:
            shape = outline.shapes.get(known[id])
            if shape is not None and values.array is not None:
                fitted(values.array, shape, id, values.mark, complaints)
        elif state_letter(id) in letters:
            said = _none_trained(id) if frozen else names_said(id, known, "state")
            complaints.add(said[0], text.mark, said[1])


def _none_trained(id: str) -> tuple[str, str]:
    """That nothing has a state since nothing is updated, and how to say what is."""
    return f"there is no state {shown(id)}: nothing is updated", f"train: [{id.partition('_')[2]}]"


# Where momentum is heading ------------------------------------------------------------------------


GRADIENT_AHEAD: Final = "gradient-ahead"
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
    backward: Backward,
    past_outputs: Shortcuts,
    sizes: Sizes,
) -> Iterator[Ahead]:
    """The parameters there, what they change, and the gradients; nothing for other rules.

    `backward` and `past_outputs` say how gradients are taken here, and so are they there.
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
    shapes = {name: model.shapes[plain] for name, plain in here.items()}
    shapes |= {gradient_there(model, plain): model.shapes[plain] for plain in here.values()}
    rules = Sizes({**sizes.names, **shapes}, sizes.kinks)
    passed = _there(replace(backward, shortcuts=past_outputs.shares), model, there)
    for found in gradients(passed, [ahead_id(name) for name in parameters], rules):
        of = here[found.of]
        yield Ahead(
            gradient_there(model, of), of, found.expr, GRADIENT_AHEAD, note=past_outputs.why.get(of)
        )


def _there(backward: Backward, model: Model, there: Mapping[str, Expr]) -> Backward:
    """The same backward pass in the names of what is computed there."""
    here = {ahead_id(name): name for name in there}
    renamed = {**there, **{backward.name(name): Sym(gradient_there(model, name)) for name in there}}

    def ahead(exprs: Mapping[str, Expr]) -> dict[str, Expr]:
        return {ahead_id(name): substitute(expr, renamed) for name, expr in exprs.items()}

    return Backward(
        ahead({name: expr for name, expr in backward.equations.items() if name in there}),
        {ahead_id(name): seed for name, seed in backward.seeds.items() if name in there},
        lambda name: gradient_there(model, here[name]),
        {ahead_id(output): ahead(shares) for output, shares in backward.shortcuts.items()},
        [ahead_id(name) for name in backward.silent],
        lambda current, used, share: backward.passed_on(here[current], here.get(used, used), share),
    )
