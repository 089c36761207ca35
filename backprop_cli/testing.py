"""Arrays of a program, or one function of it, to an AssertionError that says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from backprop_cli.errors import Complaint
from backprop_cli.python.complaining import Error, expect
from backprop_cli.python.given_numbers import leaf

if TYPE_CHECKING:
    from backprop_cli.python.problems import Problem

__all__ = ["assert_backprop", "assert_gradient"]

_SAID: Final = ("wrong", "invalid", "imprecise", "not-judged", "carried")
_STEP: Final = 1e-6
_RTOL: Final = 1e-5
_MOST_TOLD: Final = 12


def assert_backprop(
    problem: str | os.PathLike[str] | bytes | Mapping[str, Any] | Problem,
    answers: Mapping[str, Any] | str | os.PathLike[str] | bytes,
    *,
    complete: bool = False,
) -> None:
    """Raises AssertionError where an array is not what the problem says, with which and why.

    `problem` is what `load` takes, or a problem that is loaded; `answers` are arrays by name, in
    the shapes of the problem or as programs keep them. What is not among the answers is no fault,
    unless `complete`. The message has a line for each array, the first mistake first, and no right
    value in it. Error where the problem itself, or a name in the whole of the answers, is unusable.

    >>> assert_backprop({"values": {"x": 2}, "equations": ["L = x^2"]}, {"dL/dx": 4.0})
    """
    from backprop_cli.python.problems import Problem, load

    loaded = problem if isinstance(problem, Problem) else load(problem)
    report = loaded.check(answers)
    if report.error is not None:
        raise Error(Complaint(report.error), source="answers")
    faults = [one for one in report.results if one.verdict in _SAID]
    if complete:
        given = {one.id for one in report.results if one.verdict != "missing"}
        faults += [one for one in loaded.check({}).results if one.id not in given]
    if faults:
        first = [one for one in faults if one.id == report.first_wrong]
        rest = [one for one in faults if one.id != report.first_wrong]
        lines = [_line(one) for one in (*first, *rest)[:_MOST_TOLD]]
        lines += [f"Note: {text}" for text in report.remarks]
        raise AssertionError("\n".join(lines))


def _line(result: Any) -> str:
    words = result.message or result.verdict
    named = words.startswith((result.id, result.called or result.id))
    return words if named else f"{result.id}: {words}"


def assert_gradient(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | Any,
    *,
    at: Any,
    rtol: float = _RTOL,
    step: float = _STEP,
) -> None:
    """Raises AssertionError where a gradient is not that of a function of one's own.

    `at` is the point: a number, or an array of any shape. `function` takes it and gives a number,
    or an array whose entries are added up; `gradient` takes it and gives an array of the point's
    shape, or is that array. It is compared with central differences, entry by entry, relative to
    the largest; where the function has a kink at the point, both sides are taken.

    >>> assert_gradient(lambda x: x**2, lambda x: 2 * x, at=[1.0, -3.0])
    """
    expect(callable(function), "function", "a function", function)
    expect(_is_number(rtol) and rtol >= 0, "rtol", "a number from 0 on", rtol)
    expect(_is_number(step) and step > 0, "step", "a number above 0", step)
    point = _numbers("at", at)
    expect(bool(np.isfinite(point).all()), "at", "a finite number, or an array of them", at)
    given = _numbers("gradient", gradient(point.copy()) if callable(gradient) else gradient)
    if given.shape != point.shape:
        raise AssertionError(
            f"the gradient has the shape {given.shape}, and the point {point.shape}"
        )
    low, high = _differences(function, point, step)
    size = max(float(np.max(np.abs([low, high]), initial=0.0)), 1e-12)
    room = rtol * size
    off = (given < np.minimum(low, high) - room) | (given > np.maximum(low, high) + room)
    off |= ~np.isfinite(given)
    if off.any():
        raise AssertionError(_told(given, (low + high) / 2, off, room))


def _is_number(value: object) -> bool:
    return isinstance(value, Real)


def _numbers(name: str, value: Any) -> np.ndarray[Any, Any]:
    """An array of floats of its own; Error for what is none."""
    try:
        found = np.asarray(leaf(name, value))
    except ValueError:  # rows of several lengths
        found = np.asarray(None)
    expect(found.dtype.kind in "fiub", name, "a number or an array", value)
    return found.astype(float)


def _differences(
    function: Callable[..., Any], point: np.ndarray[Any, Any], step: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The slopes to the left and to the right; both the central one where there is no kink."""

    def value(moved: np.ndarray[Any, Any]) -> float:
        return float(np.sum(_numbers("function(at)", function(moved))))

    low, high, here = np.empty_like(point), np.empty_like(point), value(point.copy())
    for place in np.ndindex(point.shape):
        width = step * max(1.0, abs(float(point[place])))
        values = []
        for moved in (-width, width):
            other = point.copy()
            other[place] += moved
            values.append(value(other))
        left, right = (here - values[0]) / width, (values[1] - here) / width
        central = (values[1] - values[0]) / (2 * width)
        kink = abs(right - left) > 1e-3 * max(abs(left), abs(right), 1e-9)
        low[place], high[place] = (left, right) if kink else (central, central)
    return low, high


def _told(
    given: np.ndarray[Any, Any],
    expected: np.ndarray[Any, Any],
    off: np.ndarray[Any, Any],
    room: float,
) -> str:
    """Which entries are wrong, and by which factor if it is the same in all of them."""
    count, total = int(off.sum()), off.size
    place = np.argwhere(off)[0].tolist()
    worst = float(np.max(np.abs(given - expected)))
    entry = f" the first at {place}," if place else ""
    said = f"{count} of {total} entries of the gradient are wrong,{entry} by up to {worst:.3g}"
    telling = np.abs(expected) > 100 * room
    ratios = given[telling] / expected[telling]
    if telling.any() and np.ptp(ratios) <= 1e-3 * np.abs(ratios).max() and count > 1:
        said += f": every entry is {ratios.mean():.4g} × the right one"
    return said
