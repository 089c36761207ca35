"""The quantities a problem asks for: those it names, or what an exercise usually asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from backprop_cli.algebra.expr import num, symbols
from backprop_cli.algebra.quantity import (
    Second,
    change_id,
    derivative_id,
    entry_id,
    loss_parts,
    new_id,
    state_id,
    typed_derivative,
    typed_entry,
    typed_second,
)
from backprop_cli.calculus.differentiate import needed
from backprop_cli.errors import Complaints
from backprop_cli.operations.updates import RULES
from backprop_cli.problem.ids import NAMED, Reference, UnknownIdError, reference
from backprop_cli.problem.model import Model, Outline
from backprop_cli.problem.problem_data import Problem, Text
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.solving.plan import Plan


def asked(model: Model, planned: Plan) -> tuple[Reference, ...]:
    """What is asked, in the order of the file, or of the derivation where the file says nothing."""
    if model.problem.ask is None:
        return tuple(Reference(id) for id in _usual(model, planned))
    known = _known(model, planned)
    return tuple(_found(text.text, known, model) for text in model.problem.ask)


def _known(model: Model, planned: Plan) -> list[str]:
    return [step.id for step in planned.steps] + list(model.given)


def _usual(model: Model, planned: Plan) -> Iterator[str]:
    """Every Z, H, Yhat and L; the gradients but that of a network's input; new parameters; the
    new loss."""
    parts = {*loss_parts(model.target or ""), "class"}
    kept = {new_id(name) for name in (*model.trained, model.target or "")}
    input_ = model.gradient("X") if model.problem.layers is not None else None
    for step in planned.steps:
        if (
            (step.phase == "forward" and step.id not in parts and step.rule != "over-time")
            or (step.phase == "backward" and step.id != input_)
            or (step.phase == "update" and step.id in kept)
        ):
            yield step.id


def asked_pairs(model: Model) -> tuple[str, ...]:
    """The Jacobians and gradients that the file asks for beyond those that are always there."""
    found = (asked_derivative(model, text.text) for text in model.problem.ask or ())
    return tuple(id for id in found if id is not None)


def asked_derivative(model: Model, text: str) -> str | None:
    """The derivative that a text, which may name an entry, asks for; of the target twice, too."""
    if (second := asked_second(model, text)) is not None:
        return second.id
    pair = _pair(text, [*model.definitions, *model.given], model.aliases)
    if pair is None or pair[0] not in model.definitions or pair[1] not in model.shapes:
        return None
    return derivative_id(*pair)


def unasked_derivative(model: Model, text: str) -> str | None:
    """A derivative that a text, or an entry of it, names, and that the plan may be without.

    The gradient of anything that is part of the loss, also where nothing trained leads to it; else
    the derivative of one equation by what stands in it. None for what has more than two axes.
    """
    found = _gradient_beside(model, text)
    return _local_derivative(model, text) if found is None else found


def _gradient_beside(model: Model, text: str) -> str | None:
    """The gradient by a quantity: of the numbers of the problem, or behind them."""
    if model.target is None or model.problem.equations is None:
        return None
    names = needed(model.definitions, {model.target})
    known = [model.gradient(name) for name in names if name in model.shapes]
    try:
        return reference(text, known, model.gradient_of, model.aliases).id
    except UnknownIdError:
        return None


def _local_derivative(model: Model, text: str) -> str | None:
    pair = _pair(text, [*model.definitions, *model.given], model.aliases)
    if pair is None or model.problem.equations is None or model.samples is not None:
        return None
    of, by = pair
    if of == model.target or by not in symbols(model.definitions.get(of, num(0))):
        return None
    shape = (*model.shapes[of], *model.shapes[by])
    return derivative_id(of, by) if len(shape) <= 2 else None


def asked_second(model: Model, text: str) -> Second | None:
    """The second derivative of the target that a text, which may name an entry, asks for."""
    names = [name for name in model.shapes if name not in model.letters]

    def known(part: str) -> str | None:
        try:
            return reference(part, names, "", model.aliases).id
        except UnknownIdError:
            return None

    found = typed_second(typed_entry(text)[0], known)
    return found if found is not None and found.of == model.target else None


def _found(text: str, known: Collection[str], model: Model) -> Reference:
    """What a text names: an id, or a Jacobian written with other names of its two quantities."""
    second = asked_second(model, text)
    if second is not None and second.id in known:
        return in_derivative(second.id, text, known)
    try:
        return reference(text, known, model.gradient_of, model.aliases)
    except UnknownIdError:
        pair = _pair(text, [*model.definitions, *model.given], model.aliases)
        if pair is None or derivative_id(*pair) not in known:
            raise
        return in_derivative(derivative_id(*pair), text, known)


def in_derivative(id: str, text: str, known: Collection[str]) -> Reference:
    """A derivative written with other names of its quantities, or the entry of it that is meant."""
    place = typed_entry(text)[1]
    return reference(entry_id(id, place.split(",") if place else ()), known, "", {})


def _pair(text: str, names: Collection[str], aliases: Mapping[str, str]) -> tuple[str, str] | None:
    """The two quantities of a quotient or of an entry of it; None where `text` is none, or names
    something unknown."""
    asked = typed_derivative(typed_entry(text)[0])
    if asked is None:
        return None
    try:
        of, by = (reference(part, names, "", aliases) for part in asked)
    except UnknownIdError:
        return None
    return (of.id, by.id) if of.index is None and by.index is None else None


# Checks -----------------------------------------------------------------------------------------


def check_asked(model: Model, planned: Plan, complaints: Complaints) -> None:
    """Complains of asked or marked quantities that the problem does not have."""
    known = _known(model, planned)
    shapes = {**model.shapes, **{step.id: step.shape for step in planned.steps}}
    for text in _texts(model.problem):
        try:
            found = _found(text.text, known, model)
        except UnknownIdError as unknown:
            complaints.add(str(unknown), text.mark, unknown.instead)
            continue
        _check_step(model, found, text, complaints)
        whole = shapes.get(found.id, ())
        shape = tuple(size for size in whole if isinstance(size, int))
        known_size = len(shape) == len(whole)  # else it is not known how far a letter goes
        if found.index and known_size and model.counted(found.id, found.index, shape) is None:
            sizes = " × ".join(map(str, shape)) or "a number"
            message = f"{found.id} is {sizes} and has no entry {shown(text.text)}"
            complaints.add(message, text.mark, model.bases.ends(found.id, shape))
        elif found.id in model.given or found.id in model.unknown:
            message = f"{shown(text.text)} is given, and nothing of it has to be worked out"
            complaints.add(message, text.mark, "leave it out")


def _check_step(model: Model, found: Reference, text: Text, complaints: Complaints) -> None:
    steps = model.update.steps if model.update is not None else 1
    if found.step > max(steps, 1):
        has = "1 step" if steps == 1 else f"{steps} steps"
        message = f"this problem makes {has}, and {shown(text.text)} is of step {found.step}"
        complaints.add(message, text.mark, f"update: {{steps: {found.step}}}")


def check_names(outline: Outline, complaints: Complaints) -> None:
    """Complains of asked or marked names that even the corrected problem would not have."""
    names, known = _possible(outline)
    for text in _texts(outline.problem):
        try:
            reference(text.text, known, outline.gradient_of, outline.aliases)
        except UnknownIdError as unknown:
            if typed_second(typed_entry(text.text)[0], lambda part: part) is not None:
                continue  # which of its names there are is told once the model stands
            if _pair(text.text, names, outline.aliases) is None:
                complaints.add(str(unknown), text.mark, unknown.instead)


def _possible(outline: Outline) -> tuple[list[str], list[str]]:
    """The quantities that a problem may come to have, and all ids made from them."""
    names = [*outline.computed, *outline.given]
    top = outline.gradient_of
    if outline.problem.layers is not None:
        names += ["L", "Y", "class"]
    if outline.problem.penalty is not None:
        names += loss_parts(top)
    ids = [*names, *(derivative_id(top, name) for name in names), *map(new_id, names)]
    update = outline.problem.update
    letters = RULES[update.rule, update.form].states(NAMED) if update is not None else ()
    for name in outline.trained:
        ids += [change_id(name), *(state_id(letter, name) for letter in letters)]
    return list(dict.fromkeys(names)), list(dict.fromkeys(ids))


def _texts(problem: Problem) -> Iterator[Text]:
    yield from problem.ask or ()
    yield from (name for name, _ in problem.grading.points)
