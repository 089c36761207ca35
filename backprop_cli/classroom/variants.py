"""A problem file, a student and a seed -> the same problem with numbers of the student's own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from backprop_cli.classroom.fair_numbers import (
    Draws,
    Measure,
    Unfair,
    drawn,
    measured,
    sizes,
    why_unfair,
)
from backprop_cli.classroom.numbers_in_file import NumbersOfFile, TypedNumber, numbers_of
from backprop_cli.errors import Complaint, UserError
from backprop_cli.grading.grader import Grader
from backprop_cli.problem.assumptions import summing_to_one, symmetric
from backprop_cli.problem.problem_data import Interval
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.solving.limits import Allowed, work
from backprop_cli.solving.loading import Loaded, loaded

MOST_TRIES: Final = 120
LEAST_TRIES: Final = 24
MOST_PAIRS: Final = 30_000_000
"""So many sets of numbers are drawn for a student until one is fair: fewer where each takes longer,
since there are more pairs of wrong formulas to tell apart."""

MOST_WORK: Final = 1_200_000
LEAST_SETS: Final = 12
"""After so many operations, on at least so many sets of numbers, no more are drawn."""

_PAIRS = 10  # of wrong formulas, told apart in the time that one operation takes
_EACH_STEP = 60  # operations in the time in which one step is read, planned and differentiated

_MORE_DIGITS: Final = 2  # which make a slip a hundred times as large, in units of the last

_STAGES: Final = 12  # in which numbers are drawn ever nearer to the original, most staying at last

_HEAD = (
    "# Numbers of {}: drawn by `backprop vary`, seed {}. Figures in comments and notes are those of"
    " the original."
)


_headed = re.compile(re.escape(_HEAD).replace(r"\{\}", "(.+?)"))

_USUAL = Allowed("linting")


def owner(source: Source) -> str:
    """Whose numbers a file has, by the line that `variant` writes on top; empty where it is not."""
    first = source.data.partition(b"\n")[0].decode("utf-8", "replace").strip()
    found = _headed.fullmatch(first)
    return found[1] if found else ""


class Variant(Struct, frozen=True):
    """A problem file of one student, and how many sets of numbers were drawn for it.

    `numbers` is the same file without the line that says whose it is.
    """

    student: str
    text: str
    tries: int
    numbers: str


class Varied:
    """A problem whose numbers vary. What is known of the original is worked out once.

    UserError where nothing in the file may vary. `variant` is pure: a student and a seed have the
    same text for ever, whoever else is in the class.
    """

    def __init__(self, original: Loaded, allowed: Allowed = _USUAL) -> None:
        self._original = original
        self._allowed = allowed
        self._file: NumbersOfFile = numbers_of(original.source)
        self._varying = tuple(self._chosen())
        if not self._varying:
            message = "no number of this problem may vary"
            hint = "vary: {x: {from: -3, to: 3}}, for what may be other than it is"
            raise original.source.error(Complaint(message, instead=hint))

    @cached_property
    def _own(self) -> Grader:
        return self._grader(self._original)

    @cached_property
    def _measure(self) -> Measure:
        return measured(self._own)

    @cached_property
    def _formulas(self) -> int:
        """How many wrong formulas there are."""
        return sum(len(self._own.candidates(name)) for name in self._measure.sizes)

    @cached_property
    def _most_tries(self) -> int:
        by_pairs = MOST_PAIRS // max(self._formulas, 1) ** 2
        return max(LEAST_TRIES, min(MOST_TRIES, by_pairs, MOST_WORK // self._work[0]))

    def variant(self, student: str, seed: int) -> Variant:
        """The problem of one student; UserError where none of many is fair."""
        why: Counter[str] = Counter()
        known: dict[str, Unfair] = {}  # of few numbers there are few sets, drawn again and again
        for number in range(2 * self._most_tries):  # the second half as near as can be
            stage = min(number * _STAGES // self._most_tries, _STAGES - 1)
            text = self.drawn(Draws(seed, student, number), stage)
            unfair = known.get(text) or self._why_not(text)
            if unfair is None:
                headed = self._headed(text, student, seed)
                return Variant(student, headed, number + 1, text)
            why[unfair.reason] += 1
            known[text] = unfair
            if self._is_enough(known.values()):
                break
        (reason, count), *_ = why.most_common(1)
        message = f"none of {why.total()} sets of numbers is fair; {count} times: {reason}"
        found = next(unfair for unfair in known.values() if unfair.reason == reason)
        instead = self._more_digits() if found.too_few_digits else self._keep()
        raise self._original.source.error(Complaint(message, instead=instead))

    def _is_enough(self, tried: Collection[Unfair]) -> bool:
        """Whether so much was worked out, or so many slips tried, that nobody waits for more."""
        counts = len(tried), sum(unfair.slips_tried for unfair in tried)
        spent = zip(counts, self._work, strict=True)
        return any(count >= LEAST_SETS and count * each > MOST_WORK for count, each in spent)

    @cached_property
    def _work(self) -> tuple[int, int]:
        """The operations that it takes to work out a set of numbers, and to try slips on it."""
        plan, update = self._original.plan, self._original.model.update
        steps = 1 if update is None else max(update.steps, 1)
        worked_out = work(plan, steps, stepwise=True) + _EACH_STEP * len(plan.steps)
        return worked_out, self._formulas**2 // _PAIRS

    def _keep(self) -> str:
        """What to write into the file where no numbers are fair, by a name that it has."""
        name = self._varying[0][0].quantity
        room = f"{{{name}: {{from: -3, to: 3}}}} for more room"
        return f"vary: {{{name}: keep}}, for what makes it so, or {room}"

    def _more_digits(self) -> str:
        """What to write where slips do not show: with more digits they do."""
        unit = self._own.unit
        kind = "significant" if unit.significant else "decimals"
        wanted = f"grading: {{precision: {{{kind}: {unit.count + _MORE_DIGITS}}}}}"
        return f"{wanted}, with which more mistakes show, or {self._keep()}"

    def _headed(self, text: str, student: str, seed: int) -> str:
        """The text with a line on top that says whose it is; JSON has no room for one."""
        if text.lstrip().startswith("{"):
            return text
        who = printable(" ".join(student.split())) or "nobody in particular"
        return f"{_HEAD.format(who, seed)}\n{text}"

    # Numbers ------------------------------------------------------------------------------------

    def _chosen(self) -> Iterator[tuple[TypedNumber, float, Interval | None]]:
        """The numbers that vary, each with the largest beside it, and between which it may lie."""
        said = self._original.model.problem.vary
        for quantity, numbers in self._file.found.items():
            wanted = said[quantity][1] if quantity in said else None
            if wanted == "keep" or (wanted is None and self._tells_which(quantity, numbers)):
                continue
            if quantity in self._mirrored and not self._square(quantity, numbers):
                continue
            largest = max(abs(number.value) for number in numbers)
            among = wanted if isinstance(wanted, Interval) else None
            if largest or among is not None:
                yield from ((number, largest, among) for number in numbers)

    def _tells_which(self, quantity: str, numbers: tuple[TypedNumber, ...]) -> bool:
        """Whether numbers say which one is meant, and not how much: classes, shares, switches.

        What is trained is none of that, whatever its numbers are.
        """
        model = self._original.model
        if quantity in model.trained or not model.shapes:
            return False
        if quantity == "y" and _labels(self._original):
            return True
        if quantity in summing_to_one(model.problem):
            return True
        values = {number.value for number in numbers}
        return quantity in ("x", "y", *model.problem.values) and values <= {0.0, 1.0}

    @cached_property
    def _mirrored(self) -> frozenset[str]:
        return symmetric(self._original.model.problem)

    def _square(self, quantity: str, numbers: tuple[TypedNumber, ...]) -> bool:
        """Whether each entry of a matrix stands in the file by itself, so that two may be one."""
        value = self._original.model.given[quantity].value
        return len({number.start for number in numbers}) == value.size

    def _across(self, number: TypedNumber) -> TypedNumber:
        """The number itself; below the diagonal of a symmetric matrix, the one that it equals."""
        if number.quantity not in self._mirrored:
            return number
        numbers = self._file.found[number.quantity]
        size = math.isqrt(len(numbers))
        row, column = divmod(number.place, size)
        return numbers[column * size + row] if row > column else number

    def drawn(self, draws: Draws, stage: int) -> str:
        others = {
            number.start: drawn(like.text, largest, among, draws, like.name)
            for number, largest, among in self._varying
            for like in (self._across(number),)
            if draws.number(f"{like.name} stays") % _STAGES >= stage
        }
        return self._file.with_others(others)

    @property
    def own_sizes(self) -> Mapping[str, float]:
        """How large each quantity of the original is, by its largest entry."""
        return self._measure.sizes

    def sizes(self, numbers: str) -> dict[str, float]:
        """The same for the text of a variant."""
        return sizes(self._grader(self._loaded(numbers)))

    # Fairness -----------------------------------------------------------------------------------

    def _why_not(self, text: str) -> Unfair | None:
        if text == self._file.text:
            return Unfair("they are the numbers of the original")
        try:
            with np.errstate(all="ignore"):
                grader = self._grader(self._loaded(text))
                grader.share(self._own)
                return why_unfair(grader, self._measure)
        except UserError as error:
            return Unfair(str(error))

    def _loaded(self, text: str) -> Loaded:
        return loaded(Source(self._original.source.name, text.encode()), True, self._allowed)

    def _grader(self, problem: Loaded) -> Grader:
        return Grader(problem.model, self._allowed.most)


_OF_CLASSES = ("cross_entropy", "hinge")


def _labels(problem: Loaded) -> bool:
    """Whether the targets of a network are classes, or shares of them."""
    loss, layers = problem.model.problem.loss, problem.model.problem.layers or ()
    name = (loss.function.name or "") if loss is not None else ""
    bounded = bool(layers) and layers[-1].activation.name in ("sigmoid", "softmax", "step", "tanh")
    return bounded or any(part in name.replace("-", "_") for part in _OF_CLASSES)


class Spread(Struct, frozen=True):
    """How large a quantity is: in the original, and at the least and the most in a variant."""

    id: str
    original: float
    least: float
    most: float


class Compared(Struct, frozen=True):
    """What so many variants have in common, and what not."""

    variants: int
    different: int
    most_tries: int
    quantities: tuple[Spread, ...]


def compared(varied: Varied, count: int, seed: int = 1) -> Compared:
    """How the variants of so many students differ; UserError where one cannot be made."""
    made = [varied.variant(str(number), seed) for number in range(1, count + 1)]
    sizes = [varied.sizes(one.numbers) for one in made]
    spreads = (
        Spread(id, own, min(one[id] for one in sizes), max(one[id] for one in sizes))
        for id, own in varied.own_sizes.items()
    )
    different = len({one.numbers for one in made})
    return Compared(count, different, max(one.tries for one in made), tuple(spreads))


def compared_lines(found: Compared, shown: Callable[[float], str]) -> Iterator[str]:
    """What is said of the variants: the largest entry of each quantity, in a table."""
    yield f"Among {found.variants} variants"
    yield (
        f"  {found.different} of them differ from all others; until the numbers of one were fair,"
        f" {found.most_tries} at most had to be drawn"
    )
    rows: list[tuple[str, ...]] = [("largest entry of", "here", "least", "most")]
    rows += [(q.id, *map(shown, (q.original, q.least, q.most))) for q in found.quantities]
    rooms = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        numbers = (f"{cell:>{room}}" for cell, room in zip(others, rooms[1:], strict=True))
        yield "  ".join([f"  {first:<{rooms[0]}}", *numbers])
    yield ""


def compared_data(found: Compared) -> dict[str, Any]:
    """The same for JSON."""
    return {**asdict(found), "quantities": [asdict(one) for one in found.quantities]}
