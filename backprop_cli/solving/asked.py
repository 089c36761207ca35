"""The quantities a problem asks for: those it names, or what an exercise usually asks."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.errors import Complaints
from backprop_cli.problem.data import Text
from backprop_cli.problem.ids import Reference, UnknownId, reference
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Plan


def asked(model: Model, planned: Plan) -> tuple[Reference, ...]:
    """What is asked, in the order of the file, or of the derivation where the file says nothing."""
    if model.problem.ask is None:
        return tuple(Reference(id) for id in _usual(model, planned))
    known = _known(model, planned)
    return tuple(
        reference(text.text, known, model.gradient_of, model.aliases) for text in model.problem.ask
    )


def _known(model: Model, planned: Plan) -> list[str]:
    return [step.id for step in planned.steps] + list(model.given)


def _usual(model: Model, planned: Plan) -> Iterator[str]:
    """Every Z, H, Yhat and L; the gradients but that of X; new parameters; the new loss."""
    parts = {f"{model.target}_data", f"{model.target}_penalty", "class"}
    kept = {f"{name}_new" for name in model.trained} | {f"{model.target}_new"}
    for step in planned.steps:
        if (step.phase == "forward" and step.id not in parts) or (step.phase == "backward" and step.id != model.gradient("X")) or (step.phase == "update" and step.id in kept):
            yield step.id


def check_asked(model: Model, planned: Plan, complaints: Complaints) -> None:
    """Complains of asked or marked quantities that the problem does not have."""
    known = _known(model, planned)
    shapes = {**model.shapes, **{step.id: step.shape for step in planned.steps}}
    for text in (*(model.problem.ask or ()), *(name for name, _ in model.problem.grading.points)):
        try:
            found = reference(text.text, known, model.gradient_of, model.aliases)
        except UnknownId as unknown:
            complaints.add(str(unknown), text.mark, unknown.instead)
            continue
        _check_entry(model, found, tuple(int(size) for size in shapes[found.id]), text, complaints)


def _check_entry(
    model: Model, found: Reference, shape: tuple[int, ...], text: Text, complaints: Complaints
) -> None:
    if found.index is not None and model.counted(found.id, found.index, shape) is None:
        sizes = " × ".join(map(str, shape)) or "a number"
        complaints.add(f"{found.id} is {sizes} and has no entry '{text.text}'", text.mark)
