"""A problem file and two of its quantities to the derivation of the one by the other."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from backprop_cli.algebra.quantity import derivative_id, typed_entry
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.tensors.gradient import tensor
from backprop_cli.derive.tensors.setting import Question, TensorError
from backprop_cli.document.conventions import conventions
from backprop_cli.document.names import Names, names_of
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import Complaint, refusal
from backprop_cli.formats.registry import Said
from backprop_cli.problem.ids import UnknownIdError, reference
from backprop_cli.said.derived import of_gradient
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.solution import in_symbols
from backprop_cli.trace import Trace


def of_loaded(loaded: Loaded, of: str | None, wrt: str | None, view: View) -> tuple[Said, View]:
    """The derivation of one quantity by another, and how the problem wants it shown."""
    question = _question(loaded, of, wrt)
    if any(over.length for over in loaded.model.over_time):
        message = "how many steps there are is a letter, and the paths back can only be counted"
        instead = "a number of steps in the file, such as `for t in 1..3:`"
        raise refusal(message, instead=instead, source="--of")
    try:
        found = tensor(loaded.model, question)
    except TensorError as error:
        raise refusal(str(error), instead=error.instead, source="derive") from None
    shown = as_written(loaded.model.problem, view)
    trace = in_symbols(loaded.model, loaded.plan)
    names = names_of(trace, shown)
    found = replace(found, conventions=_conventions(loaded, trace, question, shown, names))
    return of_gradient(found, names, _shapes(loaded, question.of)), shown


def _shapes(loaded: Loaded, of: str) -> dict[str, Shape]:
    """The shapes of all quantities; the gradient of a number has the shape of its variable."""
    shapes = dict(loaded.model.shapes)
    if shapes[of] != ():
        return shapes
    return shapes | {derivative_id(of, name): shape for name, shape in shapes.items()}


def _conventions(
    loaded: Loaded, trace: Trace, question: Question, view: View, names: Names
) -> tuple[str, ...]:
    """The conventions that matter for what is between the two quantities."""
    order = [equation.name for equation in loaded.model.equations]
    until = set(order[: order.index(question.of) + 1])
    steps = tuple(step for step in trace.steps if step.id in until)
    said = {**trace.convention, "batch_gradients": "mean"}  # derivatives of L itself
    if loaded.model.target not in until:
        said.pop("loss", None)
    phrases = conventions(replace(trace, steps=steps, convention=said), view, names)
    return tuple(dict.fromkeys((*phrases, "1{…} is 1 where that holds, else 0")))


# What was asked -----------------------------------------------------------------------------------


def _question(loaded: Loaded, of: str | None, wrt: str | None) -> Question:
    model = loaded.model
    known = [*model.definitions, *model.given, *model.unknown]
    if wrt is None:
        raise refusal("by what is it to be differentiated?", instead="--wrt W1", source="--of")
    if not model.definitions:
        raise loaded.source.error(Complaint("this problem has no equations to differentiate"))
    if of is None:
        of = model.target or model.gradient_of
        if of not in model.definitions:
            of = [*model.definitions][-1]
    top, top_letters = _parsed(loaded, of, known, "--of")
    by, by_letters = _parsed(loaded, wrt, known, "--wrt")
    if top not in model.definitions:
        message = f"{top} is given and depends on nothing"
        raise refusal(message, instead=f"one of {', '.join(model.definitions)}", source="--of")
    if top == by:
        raise refusal(
            f"{by} by itself has nothing to derive", instead="two quantities", source="--wrt"
        )
    return Question(top, by, top_letters, by_letters)


def _parsed(
    loaded: Loaded, text: str, known: Collection[str], option: str
) -> tuple[str, tuple[str, ...]]:
    """`W1[i,j]` to W1 and i, j."""
    name, places = typed_entry(text)
    try:
        id = reference(name, known, loaded.model.gradient_of, loaded.model.aliases).id
    except UnknownIdError as unknown:
        raise refusal(str(unknown), instead=unknown.instead, source=option) from None
    letters = () if places is None else tuple(place.strip() for place in places.split(","))
    return id, letters
