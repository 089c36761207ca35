"""A model and its plan -> what a sheet may name: ids, their shapes, what else they are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.quantity import entry_id, plain_id, typed_derivative
from backprop_cli.grading.report_data import Index, Shape
from backprop_cli.problem.ids import Reference, UnknownIdError, reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.solving.asked import asked_derivative, in_derivative, local_derivative
from backprop_cli.solving.plan import Plan, plan

LONGEST_NAME: Final = 100
_MOST_KEPT = 10_000  # names whose meaning is remembered


class Unknown(Struct, frozen=True):
    """What is said of a name that is no quantity, or may be several."""

    message: str
    instead: str | None = None


class Quantities:
    """The quantities of a problem, by every name they go by. Remembers what it has looked up.

    `later` are the shapes of what belongs to later steps, by id with the step's number. `local`:
    derivatives of single equations, which nobody asks for, are quantities, too.
    """

    def __init__(
        self,
        model: Model,
        planned: Plan,
        later: Mapping[str, Shape] = MappingProxyType({}),
        *,
        local: bool = False,
    ) -> None:
        self._model = model
        given = {id: model.shapes[id] for id in model.given if id in model.shapes}
        steps = {step.id: step.shape for step in planned.steps}
        self.shapes: dict[str, Shape] = {
            id: tuple(int(size) for size in shape) for id, shape in {**given, **steps}.items()
        }
        self._later = later
        self._takes_local = local
        self._local: dict[str, Shape] = {}
        self._base = model.problem.convention.indices
        self._updates = model.update.steps if model.update is not None and model.trained else 1
        self._found: dict[str, Reference | Unknown] = {id: Reference(id) for id in self.shapes}

    def named(self, text: str) -> Reference | Unknown:
        """The quantity that `text` names, or why there is none."""
        found = self._found.get(text)
        if found is None:
            found = self._looked_up(text)
            if len(self._found) < _MOST_KEPT:
                self._found[text] = found
        return found

    def is_id(self, text: str) -> bool:
        """Whether `text` is an id as it stands."""
        return text in self.shapes

    def shape(self, id: str) -> Shape:
        """The shape of a quantity; `id` may carry the number of a step, whose batch is its own."""
        plain = plain_id(id)
        return self._later.get(id) or self._local.get(plain) or self.shapes.get(plain, ())

    def counted(self, id: str, index: Index) -> Index | None:
        """An index as a person writes it, counted from 0; None where there is no such entry.

        A vector's entry may have the index of a column or a row of its own, `b1[2,1]`, and that of
        a matrix with one row or column may be without it.
        """
        name, shape, bases = plain_id(id), self.shape(id), self.bases(id)
        for way in _ways(index, shape, bases or (self._base,) * len(index)):
            if (found := self._model.counted(name, way, shape)) is not None:
                return found
        return None

    def first_and_last(self, id: str) -> tuple[str, str]:
        """The first and the last entry of a quantity, as a person writes them."""
        bases = self.bases(id)
        last = (start + size - 1 for start, size in zip(bases, self.shape(id), strict=True))
        return entry_id(id, bases), entry_id(id, last)

    def bases(self, id: str) -> Index:
        """From which number each axis is counted."""
        return self._model.bases.of(plain_id(id), len(self.shape(id)))

    def _looked_up(self, text: str) -> Reference | Unknown:
        if len(text) > LONGEST_NAME:
            return Unknown(f"there is no quantity {shown(text)}")
        try:
            found = self._known_or_local(text)
        except UnknownIdError as unknown:
            message = str(unknown)
            return Unknown(message, None if "did you mean" in message else unknown.instead)
        if not 1 <= found.step <= self._updates:
            steps = f"{self._updates} step" + "s" * (self._updates != 1)
            return Unknown(f"there is no step {found.step}: this problem makes {steps}")
        return found

    def _known_or_local(self, text: str) -> Reference:
        try:
            return reference(text, self.shapes, self._model.gradient_of, self._model.aliases)
        except UnknownIdError:
            if (local := self._local_derivative(text)) is not None:
                return local
            if asked_derivative(self._model, text) not in (None, *self.shapes):
                message = f"{shown(text)} is not worked out here, and is not graded"
                raise UnknownIdError(message) from None
            raise

    def _local_derivative(self, text: str) -> Reference | None:
        """The derivative of one equation that `text` names, where such are taken."""
        first = self._takes_local and "@" not in text
        id = local_derivative(self._model, text) if first else None
        if id is None:
            return None
        if id not in self._local:
            size = map(int, plan(self._model, (id,)).shapes[id])
            self._local[id] = tuple(size)
        return in_derivative(id, text, (id,))


def _ways(index: Index, shape: Shape, bases: Index) -> Iterator[Index]:
    """The index itself, then without or with the one of an axis of length one."""
    yield index
    if len(index) == 2 and len(shape) == 1:
        yield from (index[:1],) if index[1] == bases[0] else ()
        yield from (index[1:],) if index[0] == bases[0] else ()
    elif len(index) == 1 and len(shape) == 2:
        yield from ((index[0], bases[1]),) if shape[1] == 1 else ()
        yield from ((bases[0], index[0]),) if shape[0] == 1 else ()
    elif not shape and all(number == base for number, base in zip(index, bases, strict=False)):
        yield ()


# Names from elsewhere -----------------------------------------------------------------------------


_GRADIENTS: Final = frozenset("grads grad gradients gradient d_params dparams derivatives".split())
_NEW: Final = frozenset("new updated after new_params params_new".split())
_PARTS = re.compile(r"""\[\s*["']([^"'\]]+)["']\s*\]|[./]|->""")
_UNDERLINE = re.compile(r"(?<=[A-Za-z])_(?=\d)")
_ACTIVATED = re.compile(r"(?<![A-Za-z])(d?)[Aa](?=\d|$|_new)|(?<=grad_)[Aa](?=\d|$)")
_OF_GRADIENT = re.compile(r"^(?:grad_?|d_?)")
_DELTA = re.compile(r"(?:delta|δ)_?(\d*)")
_LAYER = re.compile(r"(.+)\.(weight|bias)(\.grad)?")
_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Yhat": tuple("y_hat yhat y_pred ypred pred preds predictions probs p out output".split()),
        "L": tuple("loss cost j error total_loss".split()),
        "X": ("a0", "inputs", "input", "x_train"),
        "Y": ("target", "targets", "y_true", "labels", "t", "y_train"),
    }
)
_BY_OTHER = {other: name for name, others in _OTHER_NAMES.items() for other in others}


def meant(name: str, known: Quantities) -> Reference | Unknown:
    """The quantity that a name of a program stands for, or what is said of one that has none.

    The name as it is comes first, then what is left without its dictionary or object (a dictionary
    of gradients makes W1 the gradient of W1), then what else people write for H, Ŷ and L.
    """
    first = known.named(name)
    if isinstance(first, Reference) or "may mean several" in first.message:
        return first
    for way in _other_names(name, known):
        found = known.named(way)
        if isinstance(found, Reference):
            return found
    return first


def _other_names(name: str, known: Quantities) -> Iterator[str]:
    for leaf, prefix, ending in _without_containers(name):
        for plain in _spelled(leaf, known):
            if prefix or ending:
                yield f"{prefix}{plain}{ending}"
            else:
                yield plain
            if prefix:
                yield plain  # grads/dW1


def _without_containers(name: str) -> Iterator[tuple[str, str, str]]:
    """What stands in dictionaries and objects, with what these make of it."""
    parts = [part.strip() for part in _PARTS.sub(r"/\1", name).split("/") if part.strip()]
    yield name, "", ""
    if (pair := typed_derivative(name)) and f"d{pair[0]}".casefold() not in _GRADIENTS:
        return  # ∂p/∂z is no z in a dictionary p
    for start in range(1, len(parts)):
        above = {part.casefold() for part in parts[:start]}
        prefix = "d" if above & _GRADIENTS else ""
        yield "/".join(parts[start:]), prefix, "_new" if above & _NEW else ""
    for ending in (".grad", "_grad", "/grad"):
        if name.casefold().endswith(ending):
            leaf = _PARTS.sub(r"/\1", name[: -len(ending)]).rpartition("/")[2]
            yield leaf, "d", ""


def _spelled(leaf: str, known: Quantities) -> Iterator[str]:
    """A name, and what stands for it in the letters of this product: A1 is H1, delta2 is ∂L/∂Z2.

    Where there is an a, da is none of ∂L/∂h.
    """
    yield leaf
    plain = _UNDERLINE.sub("", leaf)
    yield plain
    if _OF_GRADIENT.sub("", plain) not in known.shapes:
        yield _ACTIVATED.sub(r"\1H", plain)
    if found := _DELTA.fullmatch(plain):
        yield f"dZ{found[1]}"
    gradient = plain[:1] == "d" and plain[1:].lstrip("_").casefold() in _BY_OTHER
    other = plain[1:].lstrip("_") if gradient else plain
    if (first := _BY_OTHER.get(other.casefold())) is not None:
        yield ("d" if gradient else "") + first


def layers_named(names: Collection[str]) -> dict[str, str]:
    """`0.weight` and `fc2.bias` of a state dict as W1 and b2: layers in the order they stand in."""
    found = {name: match for name in names if (match := _LAYER.fullmatch(name)) is not None}
    order = list(dict.fromkeys(match[1] for match in found.values()))
    return {
        name: ("d" if match[3] else "")
        + ("W" if match[2] == "weight" else "b")
        + str(order.index(match[1]) + 1)
        for name, match in found.items()
    }
