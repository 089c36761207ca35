"""What a user calls some quantities, phases or entries to those of a plan that are meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra.quantity import derivative_id, typed_derivative
from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.ids import UnknownIdError, reference
from backprop_cli.readings.index_bases import Index
from backprop_cli.solving.asked import asked_second
from backprop_cli.solving.loading import Loaded

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
        place = _place(loaded, text)
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


def _place(loaded: Loaded, text: str) -> Index | None:
    """Which entry of a quantity is meant, counted from 0; None for the whole."""
    try:
        found = loaded.reference(text)
    except UnknownIdError:
        return None
    if found.index is None:
        return None
    shape = tuple(size for size in loaded.plan.shapes[found.id] if isinstance(size, int))
    place = loaded.model.counted(found.id, found.index, shape)
    if place is None:
        message = f"{found.id} has no entry '{text}'"
        raise _complaint("--only", UnknownIdError(message, _entries(loaded, found.id, shape)))
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
        asked = typed_derivative(text)
        if asked is None or asked[0][0].isdigit():  # the d2L of a second derivative is no name
            raise _complaint(option, unknown) from None
        names = loaded.known()
        return _quotient_id(loaded, asked, names, option)


def _quotient_id(
    loaded: Loaded, asked: tuple[str, str], names: Collection[str], option: str
) -> str:
    try:
        of, by = (
            reference(part, names, loaded.model.gradient_of, loaded.model.aliases).id
            for part in asked
        )
    except UnknownIdError as unknown:
        raise _complaint(option, unknown) from None
    if of not in loaded.model.definitions:
        known = ", ".join(loaded.model.definitions)
        raise _complaint(
            option, UnknownIdError(f"{of} is given and depends on nothing", f"one of {known}")
        )
    if by not in loaded.model.shapes:
        raise _complaint(option, UnknownIdError(f"there is no derivative by {by}"))
    return derivative_id(of, by)


def _complaint(option: str, unknown: UnknownIdError) -> UserError:
    return UserError(Complaint(str(unknown), instead=unknown.instead), source=option)


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
        raise _complaint(
            "--entry",
            UnknownIdError(f"{name} has no entry '{text}'", _entries(loaded, name, shape)),
        )
    return name, index


def _entries(loaded: Loaded, name: str, shape: tuple[int, ...]) -> str:
    bases = loaded.model.bases
    first, last = (0,) * len(shape), [size - 1 for size in shape]
    return f"{bases.entry(name, first)} to {bases.entry(name, last)}" if shape else name
