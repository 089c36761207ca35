"""The update of every trained parameter: its rule's formulas, in the names of the problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.quantity import change_id, new_id, old_id, state_id, state_letter
from backprop_cli.algebra.shapes import Shape
from backprop_cli.errors import Complaints
from backprop_cli.operations.updates import RULES, Terms, UpdateRule
from backprop_cli.problem.ids import names_said
from backprop_cli.problem.model import Array, Model, Outline
from backprop_cli.problem.upstream import fitted
from backprop_cli.trace import Given


def rule_of(model: Model) -> UpdateRule:
    """The record of the problem's update rule."""
    assert model.update is not None
    return RULES[model.update.rule, model.update.form]


def updates(model: Model, parameters: Sequence[str]) -> Iterator[tuple[str, Expr, str, str]]:
    """Each new state, parameter and change: its id, formula, rule name, and its parameter."""
    assert model.update is not None
    rule = rule_of(model)
    name = model.update.rule
    for parameter in parameters:
        terms = _terms(model, parameter)
        for letter, expr in rule.states(terms).items():
            yield state_id(letter, parameter), expr, f"{name}-state", parameter
        change = rule.change(terms)
        yield new_id(parameter), build.add(Sym(parameter), change), name, parameter
        yield change_id(parameter), change, f"{name}-change", parameter


def _terms(model: Model, parameter: str) -> Terms:
    names = constant_names(model)
    return Terms(
        gradient=Sym(model.gradient(parameter)),
        old=lambda letter: Sym(old_id(state_id(letter, parameter))),
        new=lambda letter: Sym(state_id(letter, parameter)),
        constant=lambda key: Sym(names[key]),
    )


def constant_names(model: Model) -> dict[str, str]:
    """What each constant of the rule is called: its key, unless the problem uses that name."""
    assert model.update is not None
    keys = [key for key, _ in model.update.constants] + ["t"]
    taken = {*model.problem.values, *model.definitions}
    return {key: f"{key}_" if key in taken else key for key in keys}


def constants(model: Model, step: int) -> dict[str, Given]:
    """The rule's constants as given values; `step` counts from 0."""
    if model.update is None:
        return {}
    names = constant_names(model)
    found = {
        names[key]: Given(np.asarray(value), (), "constant")
        for key, value in model.update.constants
    }
    if model.update.rule == "adam":
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


def check_state(outline: Outline, complaints: Complaints) -> None:
    """Complains of an update without gradients, and of states that do not fit the rule."""
    update = outline.problem.update
    if update is None:
        return
    if outline.gradients is False:
        complaints.add(
            "an update needs gradients, and here is nothing they could come from",
            update.mark,
            "a loss, or upstream: {…}",
        )
    letters = RULES[update.rule, update.form].kept
    known = {state_id(letter, name): name for name in outline.trained for letter in letters}
    for id, (text, values) in update.state.items():
        if id in known:
            shape = outline.shapes.get(known[id])
            if shape is not None and values.array is not None:
                fitted(values.array, shape, id, values.mark, complaints)
        elif state_letter(id) in letters:
            message, instead = names_said(id, known, "state")
            complaints.add(message, text.mark, instead)
