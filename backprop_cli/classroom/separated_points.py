"""A file of labelled points -> a problem file with a network of thresholds that parts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.classroom.separating import (
    MOST_HIDDEN,
    Point,
    Separated,
    TooManyLooksError,
    separated,
)
from backprop_cli.errors import Complaint, Complaints
from backprop_cli.problem.file_format.fields import Numbers
from backprop_cli.problem.file_format.records import Given, Key, Record
from backprop_cli.problem.problem_data import Values
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.tree import read_tree

MOST_POINTS: Final = 60

Layer: TypeAlias = tuple[Sequence[Sequence[Fraction]], Sequence[Fraction]]
"""The rows of weights, and the biases."""

_FORM = "x: [[0, 0], [0, 1], [1, 0], [1, 1]], and below it y: [0, 1, 1, 0]"


def separating_problem(source: Source, *, letters: bool = False) -> str:
    """The problem file; UserError where the points are none, or nothing parts them.

    With `letters` the inputs are letters, so that a solution shows where the output is 1.
    """
    points, labels = _read(source)
    try:
        network = separated(points, labels)
    except TooManyLooksError:
        message = "no network was found before the search was ended; there may be one"
        raise source.error(Complaint(message, instead="fewer points")) from None
    if network is None:
        message = f"no network of up to {MOST_HIDDEN} hidden units gives every point its label"
        raise source.error(Complaint(message, instead="fewer points, or a second hidden layer"))
    if _computed(network, points) != labels:
        message = "points of these sizes lie too close together to be told apart in floats"
        raise source.error(Complaint(message, instead="rounder numbers of about one size"))
    return "\n".join(_lines(network, points, labels, letters=letters)) + "\n"


# Points -------------------------------------------------------------------------------------------


class Labelled(Struct, frozen=True):
    """The points of a file and their labels, as they stand there."""

    x: Values
    y: Values


def _labelled(given: Given) -> Labelled | None:
    x, y = given.get("x"), given.get("y")
    usable = all(isinstance(each, Values) and each.array is not None for each in (x, y))
    return Labelled(x, y) if usable else None


POINTS = Record(
    "a file of points",
    {
        "x": Key(Numbers(), "the points, each a number or a pair of them", required=True),
        "y": Key(Numbers(), "the label of each point, 0 or 1", required=True),
    },
    _labelled,
    _FORM,
)


def _read(source: Source) -> tuple[tuple[Point, ...], tuple[int, ...]]:
    """The points and their labels; UserError with all that is wrong with them."""
    complaints = Complaints()
    root = read_tree(source.data, complaints)
    found = POINTS.read(root, "the file", complaints) if root is not None else None
    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    if found is not None and not complaints.found:
        points, labels = _points(found.x), _labels(found.y)
        _check(found, points, labels, complaints)
    if complaints.found:
        raise source.error(*complaints.found)
    return points, labels


def _points(x: Values) -> tuple[Point, ...]:
    """A list of numbers is one of points on a line."""
    assert x.array is not None  # `_labelled` has seen to it
    rows = x.array.reshape(-1, 1) if x.array.ndim < 2 else x.array
    return tuple(tuple(_exactly(float(value)) for value in row) for row in rows)


def _labels(y: Values) -> tuple[int, ...]:
    """The labels; -1 where one is neither 0 nor 1."""
    assert y.array is not None
    return tuple(int(value) if value in (0, 1) else -1 for value in y.array.ravel())


def _exactly(value: float) -> Fraction:
    """The number that was typed, as far as a float tells: a tenth is a tenth."""
    return Fraction(repr(value))


def _check(
    found: Labelled, points: Sequence[Point], labels: Sequence[int], complaints: Complaints
) -> None:
    at, of = found.x.mark, found.y.mark
    if len(points[0]) > 2:
        message = f"points of {len(points[0])} inputs cannot be drawn, and are not searched"
        complaints.add(message, at, "points of one or two inputs")
    if len(points) > MOST_POINTS:
        complaints.add(f"there are {len(points)} points", at, f"at most {MOST_POINTS}")
    if -1 in labels:
        complaints.add("a label is 0 or 1", of, "y: [0, 1, 1, 0]")
    elif len(points) != len(labels):
        message = f"there are {len(points)} points and {len(labels)} labels"
        complaints.add(message, of, "a label for each point")
    elif len(set(labels)) == 1:
        message = f"every label is {labels[0]}: there is nothing to tell apart"
        complaints.add(message, of, "labels of both kinds")
    elif (both := _of_both_labels(points, labels)) is not None:
        shown = ", ".join(map(_number, both))
        message = f"the point ({shown}) has both labels, and no network gives it two"
        complaints.add(message, at, "one label for each point")


def _of_both_labels(points: Sequence[Point], labels: Sequence[int]) -> Point | None:
    seen: dict[Point, int] = {}
    pairs = zip(points, labels, strict=True)
    return next((p for p, label in pairs if seen.setdefault(p, label) != label), None)


# The file -----------------------------------------------------------------------------------------


def _lines(
    network: Separated, points: Sequence[Point], labels: Sequence[int], *, letters: bool
) -> Iterator[str]:
    count = len(network.hidden)
    yield f"# {_said(count, len(points))}"
    yield "# A unit is 1 where its weighted sum is 0 or more, so each line through the hidden layer"
    yield "# has its points with 1 on the side to which its weights point."
    yield f"title: {_title(len(points))}"
    yield "convention:"
    yield "  affine: x W^T + b  # a point is a row, and so are the weights of a unit"
    yield from _samples(points, labels, letters=letters)
    yield "layers:"
    for rows, biases in _layers(network):
        yield from _layer(rows, biases)
    if not letters:
        yield f"# In place of the points, `{_free(points)}` leaves the inputs free: `backprop"
        yield "# solve` then gives the output as a function of them, and draws where it is 1."


def _title(count: int) -> str:
    return f"{count} points told apart by threshold units"


def _said(count: int, points: int) -> str:
    if count == 1:
        return f"One threshold unit gives each of {points} points its label: no hidden layer."
    return (
        f"{count} hidden threshold units give each of {points} points its label;"
        f" {count - 1 if count > 2 else 'a single unit'} would not do."
    )


def _free(points: Sequence[Point]) -> str:
    return "x: [x]" if len(points[0]) == 1 else "x: [x1, x2]"


def _samples(points: Sequence[Point], labels: Sequence[int], *, letters: bool) -> Iterator[str]:
    if letters:
        yield _free(points)
        return
    yield "x:"
    yield from (f"  - [{', '.join(map(_number, point))}]" for point in points)
    yield f"y: [{', '.join(map(str, labels))}]"


def _layers(network: Separated) -> Iterator[Layer]:
    """The hidden layer and the output; the one unit itself where it is enough."""
    units = network.hidden
    if len(units) == 1:
        sign = network.weights[0]
        yield [[sign * weight for weight in units[0].weights]], [sign * units[0].bias]
        return
    yield [unit.weights for unit in units], [unit.bias for unit in units]
    yield [[Fraction(weight) for weight in network.weights]], [network.bias]


def _layer(rows: Sequence[Sequence[Fraction]], biases: Sequence[Fraction]) -> Iterator[str]:
    yield f"  - weights: [{', '.join(map(_listed, rows))}]"
    yield f"    bias: {_listed(biases)}"
    yield "    activation: step"


def _computed(network: Separated, points: Sequence[Point]) -> tuple[int, ...]:
    """The labels that floats give, in which everybody computes; none where one is too large."""
    try:
        values = np.array(points, dtype=float)
        for rows, biases in _layers(network):
            sums = values @ np.array(rows, dtype=float).T + np.array(biases, dtype=float)
            values = (sums >= 0).astype(float)
    except OverflowError:
        return ()
    return tuple(int(value) for value in values.ravel())


def _listed(numbers: Sequence[Fraction]) -> str:
    return f"[{', '.join(map(_number, numbers))}]"


def _number(value: Fraction) -> str:
    """As a decimal where it has an end, else as a quotient."""
    places = next((n for n in range(9) if value * 10**n == int(value * 10**n)), None)
    return f"{value}" if places is None else f"{float(value):.{places}f}"
