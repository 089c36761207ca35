"""A problem file to its derivation in symbols, to functions of letters, or to one derivative."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.quantity import derivative_id, typed_entry
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.conventions import conventions
from backprop_cli.document.names import Names, names_of
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import Complaint, Complaints, UserError, refusal
from backprop_cli.formats.registry import Said
from backprop_cli.problem.ids import UnknownIdError, reference
from backprop_cli.problem.problem_data import Problem, with_numbers
from backprop_cli.problem.problem_file import Source
from backprop_cli.said.any_number_of_steps import of_any_length
from backprop_cli.said.derived import of_functions, of_gradient, of_symbols
from backprop_cli.solving.asked import asked, asked_pairs
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import Loaded, Selection, checked, selected, stated
from backprop_cli.solving.plan import plan
from backprop_cli.solving.solution import in_symbols
from backprop_cli.trace import Trace

if TYPE_CHECKING:
    from backprop_cli.derive.tensors.setting import Question


def of_source(
    source: Source, view: View, allowed: Allowed, *, index: bool = False
) -> tuple[Said, View]:
    """What there is to say of a problem in symbols, and how the problem wants it shown."""
    stated_problem, complaints = stated(source)
    if stated_problem is not None and stated_problem.has_letters and not index:
        said = functions_of(stated_problem, complaints, source, allowed)
        return said, as_written(stated_problem, view)
    found = checked(stated_problem, complaints, source, numbers=False, allowed=allowed)
    names = tuple(dict.fromkeys(each.id for each in asked(found.model, found.plan)))
    shown = replace(as_written(found.model.problem, view), asked=names)
    plain = in_symbols(found.model, found.plan)
    trace = of_any_length(plain, source)
    return of_symbols(_by_index(trace, found) if index else trace, shown), shown


def _by_index(trace: Trace, found: Loaded) -> Trace:
    """The trace entry by entry, with letters as indices."""
    from backprop_cli.derive.tensors.by_index import by_index
    from backprop_cli.readings.entries import NoEntryError

    try:
        return by_index(trace, found.model, found.plan.shapes)
    except NoEntryError as error:
        message = f"no letters can name an entry: {error}"
        complaint = Complaint(message, instead="convention: {indices: 1}")
        raise UserError(complaint, source="--index") from None


# Functions of inputs ------------------------------------------------------------------------------


class Asked(Struct, frozen=True):
    """What is to be shown of the functions: as `--only` and `--until` say."""

    only: Sequence[str] = ()
    until: str | None = None


_ALL = Asked()


def functions_of(
    problem: Problem,
    complaints: Complaints,
    source: Source,
    allowed: Allowed,
    asked: Asked = _ALL,
) -> Said:
    """The functions of a problem with letters, for any format."""
    from backprop_cli.derive.regions.free_inputs import NotGivenError, check_letters, free_functions

    loaded = checked(with_numbers(problem), complaints, source, allowed=allowed)
    clashes = list(check_letters(problem, loaded.model))
    if clashes:
        raise source.error(*clashes)
    selection = selected(loaded, asked.only, asked.until)
    model = loaded.model
    planned = plan(model, {*selection.extra, *asked_pairs(model)})
    try:
        found = free_functions(problem, model, planned, _goals(loaded, selection))
    except NotGivenError as error:
        raise source.error(error.complaint) from None
    return replace(of_functions(found), program=_no_program)


def _goals(loaded: Loaded, selection: Selection) -> frozenset[str] | None:
    if selection.ids is None:
        return None
    updates = {step.id for step in loaded.plan.steps if step.phase == "update"}
    goals = selection.ids - updates
    if not goals:
        raise refusal(
            "letters have no update: new weights belong to one input, not to all of them",
            instead="numbers in the file, or --only forward, backward",
            source="--only",
        )
    return goals


_INSTEAD = "numbers in place of the letters in the file"


def refuse_numbers_only(given: dict[str, bool]) -> None:
    """Complains of options of `solve` that mean nothing without numbers."""
    found = [
        Complaint(f"{option} needs numbers, and this file has letters", instead=_INSTEAD)
        for option, is_given in given.items()
        if is_given
    ]
    if found:
        raise UserError(*found, source="solve")


def _no_program() -> NoReturn:
    message = "a program needs numbers, and this file has letters"
    raise refusal(message, instead=f"{_INSTEAD}, or --format text", source="solve")


# One quantity by another --------------------------------------------------------------------------


def of_loaded(loaded: Loaded, of: str | None, wrt: str | None, view: View) -> tuple[Said, View]:
    """The derivation of one quantity by another, and how the problem wants it shown."""
    from backprop_cli.derive.tensors.gradient import tensor
    from backprop_cli.derive.tensors.setting import TensorError

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
    no_variables = {of, *loaded.model.letters}
    moved = (name for name in shapes if name not in no_variables)
    return shapes | {derivative_id(of, name): shapes[name] for name in moved}


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
    from backprop_cli.derive.tensors.setting import Question

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
