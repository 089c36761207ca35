"""A problem file to a model and a plan, all that is wrong told at once; what a user names of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.quantity import (
    derivative_id,
    entry_id,
    second_derivative,
    typed_derivative,
    typed_entry,
)
from backprop_cli.errors import Complaint, Complaints, UserError, refusal
from backprop_cli.problem.file_format.reading import PROBLEM, read_problem
from backprop_cli.problem.ids import Reference, UnknownIdError, reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.network import built_model
from backprop_cli.problem.problem_data import Problem, with_numbers
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.commas import Pair, has_spaces, separates_without_spaces, with_points
from backprop_cli.problem.text.tree import read_tree
from backprop_cli.readings.index_bases import Index
from backprop_cli.solving.asked import (
    asked_pairs,
    asked_second,
    check_asked,
    check_names,
    in_derivative,
)
from backprop_cli.solving.limits import Allowed, check_depth, check_formulas, check_task
from backprop_cli.solving.plan import Plan, plan
from backprop_cli.solving.prepared import check_batches
from backprop_cli.solving.update import check_state, newton_hessian

MOST_REREAD: Final = 200_000
"""A larger file, in bytes, is not read again to see what may have been meant."""

_NO_NUMBERS = "this problem has no numbers to compute with: it is in letters, which `derive` takes"


def _derive(source: Source) -> str:
    return f"backprop derive {'-' if source.name == '<stdin>' else source.name}"


_USUAL = Allowed()
_TOO_DEEP = Complaint(
    "one quantity is used so often that its gradient, a sum over all its uses, has too many terms",
    instead="fewer equations",
)


class Loaded(Struct, frozen=True):
    """A model ready to be solved, its plan, and the file it is from."""

    model: Model
    plan: Plan
    source: Source

    def known(self) -> list[str]:
        """Every id of the problem."""
        return [step.id for step in self.plan.steps] + [*self.model.given, *self.model.unknown]

    def reference(self, text: str) -> Reference:
        """The quantity that `text` names; UnknownIdError where there is none."""
        return reference(text, self.known(), self.model.gradient_of, self.model.aliases)


def loaded(source: Source, numbers: bool = True, allowed: Allowed = _USUAL) -> Loaded:
    """The model of the problem that a file states; UserError with all that is wrong with it.

    Without `numbers` shapes alone will do, as for a derivation in symbols.
    """
    return checked(*stated(source), source, numbers, allowed)


def _with_first_causes(
    told: tuple[Complaint, ...], source: Source, numbers: bool, allowed: Allowed
) -> tuple[Complaint, ...]:
    """The complaints, and before them the commas that explain some of them.

    The file is read once more with every `0,5` of a list as one number. Where that leaves less to
    complain of, and nothing new, these commas are what is wrong: surely where other commas have
    spaces behind them, and else perhaps.
    """
    if len(source.data) > MOST_REREAD:
        return told
    pairs: list[Pair] = []
    tree = read_tree(source.data, Complaints())
    meant = with_points(tree, pairs) if tree is not None else None
    if tree is None or meant is None or not pairs:
        return told
    complaints = Complaints(folder=source.folder)
    problem = PROBLEM.read(meant, "the file", complaints)
    try:
        _built(problem, complaints, source, numbers, allowed)
        left: tuple[Complaint, ...] = ()
    except UserError as error:
        left = error.complaints
    if not set(left) < set(told):
        return told
    if has_spaces(tree):
        return (*(Complaint(pair.message, pair.mark, pair.advice) for pair in pairs), *left)
    if separates_without_spaces(tree):
        return told
    return (*told, *(Complaint(pair.doubt, pair.mark, pair.instead, 1) for pair in pairs))


def stated(source: Source) -> tuple[Problem | None, Complaints]:
    """The problem that a file states, and all that is wrong with how it is written."""
    complaints = Complaints(folder=source.folder)
    return read_problem(source.data, complaints), complaints


def checked(
    problem: Problem | None,
    complaints: Complaints,
    source: Source,
    numbers: bool = True,
    allowed: Allowed = _USUAL,
) -> Loaded:
    """The same for a problem that has been read."""
    try:
        return _built(problem, complaints, source, numbers, allowed)
    except UserError as error:
        told = _with_first_causes(error.complaints, source, numbers, allowed)
        raise source.error(*told) from None


def _built(
    problem: Problem | None,
    complaints: Complaints,
    source: Source,
    numbers: bool,
    allowed: Allowed,
) -> Loaded:
    complaints.stage = 1
    if numbers and problem is not None and problem.in_letters and not complaints.found:
        raise source.error(Complaint(_NO_NUMBERS, instead=_derive(source)))
    if problem is not None and problem.has_letters and not numbers:
        problem = with_numbers(problem)  # in symbols a letter is as good as a number
    built = built_model(problem, complaints, numbers) if problem is not None else None
    if built is not None:
        check_state(built.outline, complaints)
        check_batches(built.outline, complaints)
    if built is None or built.model is None or complaints.found:
        if built is not None:
            check_names(built.outline, complaints)
        raise source.error(*complaints.found)
    try:
        asked = asked_pairs(built.model)
        second = {id for id in (*asked, *newton_hessian(built.model)) if second_derivative(id)}
        check_task(built.model, allowed, len(second))
        planned = plan(built.model, asked)
        check_depth(planned)
        check_formulas(built.model, planned, allowed)
    except UserError as error:
        raise source.error(*error.complaints) from None
    except RecursionError:
        raise source.error(_TOO_DEEP) from None
    check_asked(built.model, planned, complaints)
    if complaints.found:
        raise source.error(*complaints.found)
    return Loaded(built.model, planned, source)


PHASES = ("forward", "backward", "jacobian", "update")


class Selection(Struct, frozen=True):
    """The ids to show (None: all), and those among them that must be computed for it.

    `entries` are the places, counted from 0, of those quantities of which single ones are meant.
    """

    ids: frozenset[str] | None
    extra: frozenset[str]
    entries: Mapping[str, tuple[Index, ...]] = MappingProxyType({})


def selected(loaded: Loaded, only: Sequence[str], until: str | None) -> Selection:
    """What `--only` and `--until` leave."""
    ids: set[str] = set()
    extra: set[str] = set()
    entries: dict[str, tuple[Index, ...]] = {}
    for text in only:
        if text in PHASES:
            ids |= {step.id for step in loaded.plan.steps if step.phase == text}
            continue
        id = _computable(loaded, text, "--only")
        place = _place(loaded, id, text)
        if place is not None and (id not in extra or id in entries):
            entries[id] = (*entries.get(id, ()), place)
        else:
            entries.pop(id, None)
        ids.add(id)
        extra.add(id)
    if until is not None:
        before = _until(loaded, until)
        ids = ids & before if only else before
    return Selection(frozenset(ids) if only or until else None, frozenset(extra), entries)


def _place(loaded: Loaded, id: str, text: str) -> Index | None:
    """Which entry of a quantity is meant, counted from 0; None for the whole."""
    try:
        index = in_derivative(id, text, [id]).index
    except UnknownIdError as unknown:
        raise _complaint("--only", unknown) from None
    if index is None:
        return None
    shapes = loaded.plan.shapes
    planned = shapes if id in shapes else plan(loaded.model, [id]).shapes
    shape = tuple(size for size in planned[id] if isinstance(size, int))
    place = loaded.model.counted(id, index, shape)
    if place is None:
        message = f"{id} has no entry '{text}'"
        raise _complaint("--only", UnknownIdError(message, loaded.model.bases.ends(id, shape)))
    return place


def _until(loaded: Loaded, until: str) -> set[str]:
    id = _computable(loaded, until, "--until")
    order = [step.id for step in loaded.plan.steps]
    return set(order[: order.index(id) + 1]) if id in order else {id}


def _computable(loaded: Loaded, text: str, option: str) -> str:
    """The id that `text` means: one of the plan, or a gradient or Jacobian that can be computed."""
    try:
        found = loaded.reference(text)
        return found.id
    except UnknownIdError as unknown:
        if (second := asked_second(loaded.model, text)) is not None:
            return second.id
        asked = typed_derivative(typed_entry(text)[0])
        if asked is None or asked[0][0].isdigit():  # the d2L of a second derivative is no name
            raise _complaint(option, unknown) from None
        names = loaded.known()
        return _quotient_id(loaded, asked, names, option)


def _quotient_id(
    loaded: Loaded, asked: tuple[str, str], names: Collection[str], option: str
) -> str:
    try:
        found = [
            reference(part, names, loaded.model.gradient_of, loaded.model.aliases) for part in asked
        ]
    except UnknownIdError as unknown:
        raise _complaint(option, unknown) from None
    of, by = (one.id for one in found)
    if any(one.index is not None for one in found):
        whole = entry_id(derivative_id(of, by), (at for one in found for at in one.index or ()))
        said = "an entry of a derivative has all its numbers behind the whole"
        raise _complaint(option, UnknownIdError(said, whole))
    if of not in loaded.model.definitions:
        known = ", ".join(loaded.model.definitions)
        raise _complaint(
            option, UnknownIdError(f"{of} is given and depends on nothing", f"one of {known}")
        )
    if by not in loaded.model.shapes:
        raise _complaint(option, UnknownIdError(f"there is no derivative by {by}"))
    return derivative_id(of, by)


def _complaint(option: str, unknown: UnknownIdError) -> UserError:
    return refusal(str(unknown), instead=unknown.instead, source=option)


def entry_of(loaded: Loaded, text: str) -> tuple[str, tuple[int, ...]]:
    """The quantity and the entry, counted from 0, that `--entry` names."""
    model = loaded.model
    try:
        found = loaded.reference(text)
    except UnknownIdError as unknown:
        raise _complaint("--entry", unknown) from None
    name = model.gradient_by(found.id) or found.id
    if model.target is None:
        raise _complaint("--entry", UnknownIdError("there is no loss that a weight could act on"))
    if name not in model.shapes or model.gradient(name) not in loaded.known():
        raise _complaint("--entry", UnknownIdError(f"{name} has no gradient here"))
    shape = tuple(int(size) for size in model.shapes[name])
    index = model.counted(name, found.index or (), shape)
    if index is None:
        said = f"{name} has no entry '{text}'" if found.index else f"{name} has several entries"
        raise _complaint(
            "--entry",
            UnknownIdError(said, model.bases.ends(name, shape)),
        )
    return name, index
