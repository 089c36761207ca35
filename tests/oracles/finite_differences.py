"""Turns a problem into its neighbours: the same file with one number a little larger or smaller."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles import reading
from oracles.reading import Array, Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Location:
    """One entry of one quantity, and where the file writes it."""

    name: str
    index: tuple[int, ...]
    path: Path


def locations(problem: Problem) -> Iterator[Location]:
    """Every entry of every parameter, and of X where it is used whole."""
    for number, layer in enumerate(problem["layers"], start=1):
        path: Path = ("layers", number - 1)
        yield from _entries(f"W{number}", layer["weights"], (*path, "weights"))
        if "bias" in layer:
            yield from _entries(f"b{number}", layer["bias"], (*path, "bias"))
        for k, skip in enumerate(layer.get("skip", [])):
            if "weights" in skip:
                name = f"W{number}_{skip['from']}"
                yield from _entries(name, skip["weights"], (*path, "skip", k, "weights"))
    if "batches" not in problem.get("update", {}):
        yield from _inputs(problem)


def _entries(name: str, value: Any, path: Path) -> Iterator[Location]:
    for index in np.ndindex(np.shape(value)):
        yield Location(name, index, (*path, *index))


def _inputs(problem: Problem) -> Iterator[Location]:
    turned = reading.is_batch(problem) and reading.samples_are_columns(problem)
    for index in np.ndindex(np.shape(problem["x"])):
        place = index[::-1] if turned else index or (0,)
        yield Location("X", place, ("x", *index))


def perturbed(problem: Problem, path: Path, by: float) -> Problem:
    """A copy with one number changed."""
    changed = copy.deepcopy(problem)
    target: Any = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] += by
    return changed


def gradients(
    problem: Problem, loss: Callable[[Problem], float], step: float = 1e-5
) -> dict[str, Array]:
    """Central differences of a loss in every entry, by id of the gradient."""
    found: dict[str, dict[tuple[int, ...], float]] = {}
    for place in locations(problem):
        above = loss(perturbed(problem, place.path, step))
        below = loss(perturbed(problem, place.path, -step))
        found.setdefault(f"dL/d{place.name}", {})[place.index] = (above - below) / (2 * step)
    return {name: _assembled(entries) for name, entries in found.items()}


def _assembled(entries: dict[tuple[int, ...], float]) -> Array:
    array = np.zeros(tuple(np.max(list(entries), axis=0).astype(int) + 1))
    for index, value in entries.items():
        array[index] = value
    return array
