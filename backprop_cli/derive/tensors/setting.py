"""A model and two of its quantities to what their derivation needs: paths, letters, counting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from backprop_cli.algebra.expr import symbols
from backprop_cli.algebra.quantity import entry_id
from backprop_cli.calculus.differentiate import reaching
from backprop_cli.derive.derivation_nodes import Indices, Range, indices_beside, over
from backprop_cli.derive.tensors.entrywise import Counting, Entrywise, Letters, counting
from backprop_cli.derive.tensors.gradient_data import Place, Setting
from backprop_cli.errors import HintedError
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import kinks

MAX_PATHS = 24
"""Paths that are written out."""

Names = tuple[str, ...]


class TensorError(HintedError):
    """A derivative that cannot be written; `instead` says what to ask for."""


class Question(Struct, frozen=True):
    """What is differentiated by what; letters or numbers where single entries are meant."""

    of: str
    by: str
    of_letters: Letters = ()
    by_letters: Letters = ()


class Chainwork(Struct, frozen=True):
    """A question with all that its answer is made from.

    `paths` go from `of` to `by`, each a chain of names. `letters` are those of each quantity on
    them. `entry`: single entries are asked about.
    """

    model: Model
    question: Question
    setting: Setting
    indices: Indices
    paths: tuple[Names, ...]
    letters: Mapping[str, Letters]
    entry: bool

    def place(self, name: str, exchanged: Mapping[str, str] = {}) -> Place:
        """The entry of a quantity that its letters name."""
        return Place(name, tuple(exchanged.get(each, each) for each in self.letters[name]))

    @property
    def of(self) -> Place:
        """The entry differentiated."""
        return self.place(self.question.of)

    @property
    def by(self) -> Place:
        """The entry by which it is differentiated."""
        return self.place(self.question.by)

    @property
    def between(self) -> Letters:
        """The letters to sum over: those of all quantities on the way."""
        ends = {*self.of.letters, *self.by.letters}
        found = (letter for letters in self.letters.values() for letter in letters)
        free = (letter for letter in found if letter not in ends and not letter.isdecimal())
        return tuple(dict.fromkeys(free))


def chainwork(model: Model, question: Question) -> Chainwork:
    """Everything needed; TensorError where the one does not act on the other, or in too many ways.

    Typed letters that mean something else, or numbers that are no entries, are told as well.
    """
    paths = tuple(_paths(model, question))
    counted = counting(model, _quantities(model))
    indices = indices_beside(model.shapes, model.letters)
    samples = {
        name: axes.index("sample")
        for name in _quantities(model)
        if model.samples is not None and "sample" in (axes := model.axes(name))
    }
    if any(_act_on_one_another(path, samples) for path in paths):
        samples = {}
    sizes = Sizes(model.shapes, kinks(model.problem.convention.kinks))
    letters = _Lettering(model, question, counted, indices, samples)
    given = letters.all(paths)
    setting = Setting(
        model.definitions,
        sizes,
        Entrywise(sizes, counted, indices),
        model.problem.convention.kinks,
        samples,
        letters.sample,
        model.problem.convention.jacobian == "denominator",
    )
    entry = bool(question.of_letters or question.by_letters)
    return Chainwork(model, question, setting, indices, paths, given, entry)


def _quantities(model: Model) -> Names:
    return tuple(name for name in model.shapes if name not in model.letters)


def _act_on_one_another(path: Names, samples: Mapping[str, int]) -> bool:
    """Whether samples meet on a path, as in the mean of a batch norm, and part again behind it."""
    with_samples = [place for place, name in enumerate(path) if name in samples]
    return bool(with_samples) and len(with_samples) <= with_samples[-1] - with_samples[0]


def _paths(model: Model, question: Question) -> Iterator[Names]:
    """All chains of names from the one to the other, the shortest first."""
    definitions = model.definitions
    found: list[Names] = []
    open_: list[Names] = [(question.of,)]
    between = reaching(definitions, {question.by})
    while open_ and len(found) <= MAX_PATHS:
        path = open_.pop(0)
        if path[-1] == question.by:
            found.append(path)
        elif path[-1] in between:
            used = symbols(definitions[path[-1]])
            open_ += [(*path, name) for name in used if name in between]
    if not found:
        raise TensorError(f"{question.of} does not depend on {question.by}")
    if len(found) > MAX_PATHS:
        message = f"{question.by} acts on {question.of} along more than {MAX_PATHS} paths"
        raise TensorError(message, "quantities that are closer to one another")
    yield from found


class _Lettering(Struct):
    """Gives letters to the axes of quantities."""

    model: Model
    question: Question
    counting: Counting
    indices: Indices
    samples: Mapping[str, int]
    sample: str = ""

    def all(self, paths: tuple[Names, ...]) -> dict[str, Letters]:
        question, found = self.question, dict[str, Letters]()
        typed = {question.of: question.of_letters, question.by: question.by_letters}
        for name, letters in typed.items():
            if letters:
                found[name] = self.typed(name, letters)
        names = list(dict.fromkeys(name for path in paths for name in path))
        if any(name in self.samples for name in names):
            self.sample_letter(found)
        liked: dict[str, tuple[str, ...]] = {question.by: ("i", "j"), question.of: ("k", "l")}
        if len(self.free_axes(question.by)) == 1:
            liked[question.by] = ("j",)
        for name in (question.by, question.of, *names):
            if name not in found:
                found[name] = self.lettered(name, liked.get(name, ()))
        return found

    def free_axes(self, name: str) -> list[int]:
        """The axes of a quantity but that of the samples."""
        axes = range(len(self.model.shapes[name]))
        return [axis for axis in axes if axis != self.samples.get(name)]

    def range(self, name: str, axis: int) -> Range:
        """From where to where the index of an axis runs."""
        shape = self.model.shapes[name]
        return over(shape[axis], self.counting.of(name, len(shape))[axis])

    def sample_letter(self, found: Mapping[str, Letters]) -> None:
        """One letter for all samples, since they do not act on one another."""
        typed = {
            letters[self.samples[name]] for name, letters in found.items() if name in self.samples
        }
        if len(typed) > 1:
            message = "samples do not act on one another: the derivative is 0"
            raise TensorError(message, "the same letter or number for the sample in both")
        if typed:
            (self.sample,) = typed
            return
        name = next(iter(self.samples))
        range_ = self.range(name, self.samples[name])
        if range_.first == range_.last:
            self.sample = str(range_.first)
        else:
            self.sample = self.indices.claim(("n", "s", "t"), range_)

    def lettered(self, name: str, liked: tuple[str, ...]) -> Letters:
        letters: list[str] = []
        for axis in range(len(self.model.shapes[name])):
            if axis == self.samples.get(name):
                letters.append(self.sample)
                continue
            range_ = self.range(name, axis)
            if range_.first == range_.last:
                letters.append(str(range_.first))
                continue
            rest = tuple(letter for letter in liked if letter not in letters)
            letters.append(self.indices.claim(rest, range_))
        return tuple(letters)

    # What was typed -------------------------------------------------------------------------------

    def typed(self, name: str, letters: Letters) -> Letters:
        """The letters and numbers of an entry, checked; numbers as they are counted here."""
        shape = self.model.shapes[name]
        if len(letters) != len(shape):
            many = "one index" if len(shape) == 1 else f"{len(shape)} indices"
            message = f"an entry of {name} has {many if shape else 'no index'}"
            raise TensorError(message, entry_id(name, "ij"[: len(shape)]))
        return tuple(self.index(name, axis, text) for axis, text in enumerate(letters))

    def index(self, name: str, axis: int, text: str) -> str:
        if text.isdecimal():
            return self.number(name, axis, int(text))
        if not (len(text) == 1 and text.isascii() and text.islower()):
            raise TensorError(f"{text[:20]} is no index", "a small letter or a number")
        if text in self.model.shapes or text in self.model.letters:
            message = f"the index {text} is the name of a quantity or a size here"
            raise TensorError(message, "another letter")
        found, range_ = self.indices.ranges.get(text), self.range(name, axis)
        if found is not None and (found != range_ or axis != self.samples.get(name)):
            raise TensorError(f"the index {text} stands for two things", "a letter for each")
        self.indices.ranges[text] = range_
        return text

    def number(self, name: str, axis: int, typed: int) -> str:
        shape = self.model.shapes[name]
        bases = self.model.bases.of(name, len(shape))
        place, size = typed - bases[axis], shape[axis]
        if place < 0 or (isinstance(size, int) and place >= size):
            last = size + bases[axis] - 1 if isinstance(size, int) else size
            message = f"{name} has no such entry: index {typed}"
            raise TensorError(message, f"{bases[axis]} to {last}")
        return str(place + self.counting.of(name, len(shape))[axis])
