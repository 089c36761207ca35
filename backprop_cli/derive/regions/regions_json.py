"""The functions of free inputs to JSON: the trace with pieces in the place of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, counted
from backprop_cli.derive.regions.halfspaces import Region
from backprop_cli.derive.regions.region_words import Between, written
from backprop_cli.derive.regions.regions_data import Inputs
from backprop_cli.readings.formula_text import number, plain
from backprop_cli.trace_json import to_json as trace_to_json


def to_json(free: FreeInputs) -> dict[str, Any]:
    """The trace as plain data, letters in what is given, and `functions` in every step."""
    data = trace_to_json(free.trace)
    for name, letters in free.letters.items():
        data["given"][name] = _with_letters(free.trace.given[name].value, letters)
    for step in data["steps"]:
        step["functions"] = [_function(each, free) for each in free.functions[step["id"]]]
    return {**data, "free": list(free.inputs.names)}


def _with_letters(value: np.ndarray[Any, Any], letters: Any) -> Any:
    found = np.array(value, dtype=object)
    for index, letter in letters.items():
        found[index] = letter
    return found.tolist() if found.shape else found.item()


def _function(function: Function, free: FreeInputs) -> dict[str, Any]:
    bases, base = free.bases, free.bases.first
    found = function.pieces
    return {
        "index": [int(place) for place in bases.shown(function.name, function.index)],
        "formula": plain(counted(function.formula, bases), base),
        "pieces": None
        if found is None
        else [
            {
                "value": plain(counted(free.inputs.expr(piece.value), bases), base),
                "where": list(_conditions(piece.region, free.inputs)),
            }
            for piece in found
        ],
        "note": function.note or None,
    }


def _conditions(region: Region, inputs: Inputs) -> Iterator[str]:
    for each in written(region, inputs):
        yield from _bounds(each)


def _bounds(each: Between) -> Iterator[str]:
    middle = plain(each.middle)
    if each.single and each.low is not None:
        yield f"{middle} == {number(each.low)}"
        return
    if each.low is not None:
        yield f"{middle} {'>' if each.low_strict else '>='} {number(each.low)}"
    if each.high is not None:
        yield f"{middle} {'<' if each.high_strict else '<='} {number(each.high)}"
