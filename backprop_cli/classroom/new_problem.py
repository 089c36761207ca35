"""A network without numbers, and a seed -> a problem file that lint finds nothing wrong with."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from backprop_cli.algebra.quantity import new_id
from backprop_cli.classroom.fair_numbers import Draws, NumberForm, near_kinks
from backprop_cli.classroom.sketches import Choices, Sketch
from backprop_cli.errors import refusal
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.findings import soonest
from backprop_cli.grading.lint.unnoticed_slips import Finding, Numbers, other_numbers
from backprop_cli.problem.fitted_arrays import weight_axes
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.limits import Allowed
from backprop_cli.solving.loading import loaded

MOST_TRIES: Final = 200
"""So many sets of numbers are drawn until lint finds nothing wrong with one."""

_NARROW: Final = 60
"""After so many, weights may be twice as large, and each set is the best one with a few changed."""

_ONE_OF: Final = 10  # numbers is drawn again

_OF_ANY_NUMBERS: Final = ("equivalent", "square")
"""What lint says whatever the numbers are."""

_ACTIVE: Final = {"relu": "ReLU", "leaky-relu": "leaky ReLU"}


class NewProblem(Struct, frozen=True):
    """A problem file, how many sets of numbers were drawn, and what no numbers could mend."""

    text: str
    tries: int
    remarks: tuple[str, ...] = ()


def new_problem(sketch: Sketch, allowed: Allowed) -> NewProblem:
    """The problem of a sketch, the same for ever for the same choices.

    UserError where none of many sets of numbers will do.
    """
    why: Counter[str] = Counter()
    others: list[Numbers] = []
    first: Grader | None = None
    best, furthest = _Again(_draws(sketch, 0)), _NOWHERE
    for number in range(MOST_TRIES):
        wide = 1 if number < _NARROW else 2
        draws = _Again(_draws(sketch, number))
        if number <= _NARROW:
            furthest = _NOWHERE
        else:
            draws = best.and_then(draws)
        text = "\n".join(_Writer(sketch, draws, wide).lines()) + "\n"
        with np.errstate(all="ignore"):
            grader = Grader(loaded(Source("new.yaml", text.encode()), True, allowed).model)
            first = first or grader
            grader.share(first)
            others = others or other_numbers(grader)  # the same formulas agree with any numbers
            reason, remarks, far = _looked_at(grader, others)
        if reason is None:
            return NewProblem(text, number + 1, remarks)
        why[reason] += 1
        if far >= furthest:
            best, furthest = draws, far
    (reason, count), *_ = why.most_common(1)
    message = f"none of {MOST_TRIES} sets of numbers will do; {count} times: {reason}"
    raise refusal(message, instead=_advice(sketch), source=f"sketch `{sketch.name}`")


def _draws(sketch: Sketch, number: int) -> Draws:
    chosen = sketch.choices
    return Draws("new", chosen.seed, sketch.name, sketch.activations, chosen.numbers, number)


class _Again(Draws):
    """Draws of which some are drawn again, and some of these once more."""

    def __init__(self, first: Draws, *again: Draws) -> None:
        self._first, self._again = first, again

    def number(self, name: str, size: int = 8) -> int:
        """A whole number of so many bytes, from the last that draws it again."""
        own = (one for one in reversed(self._again) if not one.number(f"{name} again") % _ONE_OF)
        return next(own, self._first).number(name, size)

    def and_then(self, draws: Draws) -> _Again:
        """The same, and some of them from other draws."""
        return _Again(self._first, *self._again, draws)


def _advice(sketch: Sketch) -> str:
    others = [kind for kind in ("tenths", "random") if kind != sketch.choices.numbers]
    return f"--numbers {others[0]}, more units, or more --decimals"


_Far = tuple[int, int]
"""How far a problem came until something was found: the round, and how much of it was behind."""

_NOWHERE: Final[_Far] = (0, -1_000)


def _looked_at(
    grader: Grader, others: Sequence[Numbers]
) -> tuple[str | None, tuple[str, ...], _Far]:
    """Why a problem will not do, what is to be said of it with any numbers, and how far it came."""
    remarks: dict[str, None] = {}
    if at_once := list(_at_once(grader)):
        return at_once[0], (), (0, -len(at_once))
    for finding in soonest(grader, others):
        if finding.kind not in _OF_ANY_NUMBERS:
            return f"{finding.id}: {finding.message}", (), _how_far(grader, finding)
        if finding.kind != "equivalent":
            remarks[_said(finding)] = None
    return None, tuple(remarks), (len(_ROUNDS), 0)


_ROUNDS: Final = (("accepted", "invisible"), ("confused",))
"""What is found of one quantity after the other; all else is found before."""


def _how_far(grader: Grader, finding: Finding) -> _Far:
    names = [question.name for question in grader.questions]
    rounds = (number for number, kinds in enumerate(_ROUNDS, 2) if finding.kind in kinds)
    return next(rounds, 1), names.index(finding.id) if finding.id in names else 0


def _said(finding: Finding) -> str:
    return f"{finding.id} is {finding.message} (with {finding.advice} it would not)"


def _at_once(grader: Grader) -> Iterator[str]:
    """What lint does not mind, and whoever works it out by hand does."""
    yield from (f"{name} is near a kink" for name in near_kinks(grader))
    truth, loss = grader.truth, grader.model.target or ""
    before, after = truth.get(loss), truth.get(new_id(loss))
    if before is not None and after is not None and not after < before:
        yield "the update makes the loss no smaller"


# Numbers ------------------------------------------------------------------------------------------


class _Pool(Struct, frozen=True):
    """Numbers of one kind: counts of a unit."""

    decimals: int
    counts: tuple[int, ...]

    def one(self, draws: Draws, name: str) -> str:
        """One of them, as it is typed."""
        written = NumberForm(self.decimals, point=self.decimals > 0)
        return written.of(draws.one_of(self.counts, name))


_DECIMALS: Final = {"whole": 0, "tenths": 1, "random": 3}
_BOUNDED: Final = ("softmax", "sigmoid", "tanh")
_SATURATING: Final = ("sigmoid", "tanh", "softsign", "softmax")


def _pool(kind: str, largest: float, *, zero: bool = False) -> _Pool:
    """Numbers of a kind up to a size; none of many decimals ends in 0."""
    decimals = _DECIMALS[kind]
    most = max(1, round(largest * 10**decimals))
    counts = range(-most, most + 1)
    return _Pool(
        decimals, tuple(c for c in counts if (c % 10 if decimals > 1 else c) or (zero and not c))
    )


def _weights(kind: str, inputs: int, wide: int) -> _Pool:
    """Weights so large that sums of so many terms are neither all alike nor saturated.

    They are `wide` times as large where there were none of these.
    """
    if kind == "whole":
        return _pool(kind, wide * (2 if inputs < 3 else 1), zero=inputs > 2)
    return _pool(kind, wide * min(1.0, 2.0 / inputs**0.5))


# The file -----------------------------------------------------------------------------------------


class _Writer:
    """Writes one set of numbers as a problem file."""

    def __init__(self, sketch: Sketch, draws: Draws, wide: int) -> None:
        self._sketch, self._draws, self._wide = sketch, draws, wide
        self._kind = sketch.choices.numbers
        self._convention = sketch.convention

    def lines(self) -> Iterator[str]:
        chosen, sketch = self._sketch.choices, self._sketch
        yield f"# {_sizes_said(sketch)}"
        yield f"# Made by `{_command(sketch)}`."
        yield f"title: {_title(sketch)}"
        yield from self._conventions()
        yield from self._samples()
        yield "layers:"
        for number, (inputs, units) in enumerate(pairwise(sketch.sizes), 1):
            yield from self._layer(number, inputs, units)
        yield from self._training()
        yield "grading:"
        yield f"  precision: {{decimals: {chosen.decimals}}}  # at least so many are to be written"

    def _conventions(self) -> Iterator[str]:
        chosen = self._sketch.choices
        drawn = "rows" if self._convention.rows else "columns"
        yield "convention:"
        yield f"  affine: {chosen.affine}  # how a layer is written; samples are {drawn}"
        if chosen.bias != "separate":
            place = "row" if weight_axes(self._convention)[0] == "input" else "column"
            yield f"  bias: {chosen.bias}  # the biases are that {place} of the weights"
        if chosen.indices != 1:
            yield f"  indices: {chosen.indices}  # from which indices count"
        if chosen.output_gradient != "chain":
            yield "  output_gradient: fused  # straight to ŷ - y where that holds"

    # Samples --------------------------------------------------------------------------------------

    def _samples(self) -> Iterator[str]:
        count, (inputs, *_, outputs) = self._sketch.choices.batch, self._sketch.sizes
        bounded = set(self._sketch.activations) & set(_SATURATING)
        pool = _pool(self._kind, 1 if bounded and self._kind == "whole" else 2)
        xs = [self._row(pool, f"x {n}", inputs) for n in range(count)]
        yield from _block("x", xs, "the inputs, a vector for each sample")
        if self._sketch.loss != "none":
            ys = [self._target(n, outputs) for n in range(count)]
            said = "the classes: 1 at the right one" if self._of_classes else "the targets"
            yield from _block("y", ys, said)

    def _target(self, number: int, outputs: int) -> str:
        """What a sample is to come to: a class, switches, signs, or any numbers."""
        last, loss = self._sketch.activations[-1], self._sketch.loss
        if self._of_classes:
            hit = self._among(outputs, number, "class")
            return _listed(str(int(place == hit)) for place in range(outputs))
        if last in ("sigmoid", "softmax") or "binary" in loss or loss == "hinge":
            low = "-1" if loss == "hinge" else "0"
            hits = [self._among(2, number, f"y {place}") for place in range(outputs)]
            return _listed("1" if hit else low for hit in hits)
        return self._row(_pool(self._kind, 2), f"y {number}", outputs)

    @property
    def _of_classes(self) -> bool:
        """Whether each sample belongs to one of the outputs."""
        loss = self._sketch.loss
        return "cross-entropy" in loss and "binary" not in loss

    def _among(self, count: int, number: int, name: str) -> int:
        """One of so many classes; the second sample is of another than the first."""
        if number == 1:
            other = 1 + self._draws.number(f"{name} 1") % (count - 1)
            return (self._among(count, 0, name) + other) % count
        return self._draws.number(f"{name} {number}") % count

    def _row(self, pool: _Pool, name: str, count: int) -> str:
        return _listed(pool.one(self._draws, f"{name} {place}") for place in range(count))

    # Layers ---------------------------------------------------------------------------------------

    def _layer(self, number: int, inputs: int, units: int) -> Iterator[str]:
        """The weights of each unit, its bias among them where the convention says so."""
        pool, offset, draws = (
            _weights(self._kind, inputs, self._wide),
            _pool(self._kind, 1),
            self._draws,
        )
        by_unit = [
            [pool.one(draws, f"W{number} {u} {i}") for i in range(inputs)] for u in range(units)
        ]
        biases = [offset.one(draws, f"b{number} {u}") for u in range(units)]
        if self._convention.bias != "separate":
            first = self._convention.bias == "first"
            pairs = zip(by_unit, biases, strict=True)
            by_unit = [[bias, *row] if first else [*row, bias] for row, bias in pairs]
        as_rows = weight_axes(self._convention)[0] == "unit"
        rows = by_unit if as_rows else [list(column) for column in zip(*by_unit, strict=True)]
        said = f"{inputs} inputs, {units} unit{'s' * (units > 1)}"
        yield f"  - weights:  # {said}: a {'row' if as_rows else 'column'} for each unit"
        yield from (f"      - {_listed(row)}" for row in rows)
        if self._convention.bias == "separate":
            yield f"    bias: {_listed(biases)}"
        yield f"    activation: {self._sketch.activations[number - 1]}"

    # Loss and update ------------------------------------------------------------------------------

    def _training(self) -> Iterator[str]:
        loss = self._sketch.loss
        if loss == "none":
            return
        mean = "  # the mean over the samples" if self._sketch.choices.batch > 1 else ""
        yield f"loss: {loss}{mean}"
        rate = self._sketch.choices.learning_rate or self._rate()
        yield f"update: {{rule: sgd, learning_rate: {rate}}}"

    def _rate(self) -> str:
        """Smaller where gradients have no bound."""
        last, loss = self._sketch.activations[-1], self._sketch.loss
        if last in _BOUNDED or not loss.endswith("squared-error"):
            return "0.5"
        return "0.01" if self._kind == "whole" else "0.1"


def _command(sketch: Sketch) -> str:
    """What brings the same file again."""
    chosen, usual = asdict(sketch.choices), asdict(Choices())
    words = ["backprop", "new", sketch.name]
    for name, value in chosen.items():
        if value != usual[name] or name in ("numbers", "seed"):
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(value))]
    return " ".join(words)


def _listed(texts: Iterator[str] | Sequence[str]) -> str:
    return f"[{', '.join(texts)}]"


def _block(key: str, rows: Sequence[str], said: str) -> Iterator[str]:
    if len(rows) == 1:
        yield f"{key}: {rows[0]}"
        return
    yield f"{key}:  # {said}"
    yield from (f"  - {row}" for row in rows)


def _sizes_said(sketch: Sketch) -> str:
    first, *hidden, last = sketch.sizes
    inner = "".join(f", a hidden layer of {units}" for units in hidden)
    count = sketch.choices.batch
    samples = "one sample" if count == 1 else f"a batch of {count}"
    outputs = "1 output" if last == 1 else f"{last} outputs"
    return f"{first} input{'s' * (first > 1)}{inner}, {outputs}; {samples}."


def _title(sketch: Sketch) -> str:
    *hidden, last = (_ACTIVE.get(name, name) for name in sketch.activations)
    units = f"{' and '.join(dict.fromkeys(hidden))} units and " if hidden else ""
    article = "an" if last[0] in "aeiou" else "a"
    start = "An" if sketch.name.startswith(("8", "11-", "18-")) else "A"
    return f"{start} {sketch.name} network with {units}{article} {last} output"
