"""A trace to JSON: formulas as text, numbers in full, what is not finite as a word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.quantity import Letters
from backprop_cli.notation.symbols import Naming
from backprop_cli.notation.tex import latex
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.index_bases import Bases
from backprop_cli.trace import Array, OverTime, Step, Trace

SCHEMA = "backprop-trace/1"
WIDTH = 100
_ITEM_A_LINE = 2  # outer levels whose items stand on a line each; below, lines are filled


def to_json(trace: Trace) -> dict[str, Any]:
    """The trace as plain data, ready for `json.dumps`."""
    writing = _writing(trace)
    return {
        "schema": SCHEMA,
        "title": trace.title,
        "convention": dict(trace.convention),
        "samples": trace.samples,
        "given": {name: numbers(given.value) for name, given in trace.given.items()},
        "roles": {
            name: {"role": given.role, "axes": list(given.axes)}
            for name, given in trace.given.items()
        },
        "steps": [_step(step, writing) for step in trace.steps],
        "parameters": {name: numbers(value) for name, value in trace.parameters.items()},
        "loss": _loss(trace),
        **(
            {"over_time": [_over_time(each) for each in trace.over_time]} if trace.over_time else {}
        ),
    }


def written(data: Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """JSON that people can read too: a step takes a few lines, and so does a matrix."""
    return _pretty(data, 0, WIDTH, json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False))


def _pretty(value: Any, depth: int, room: int, encoder: json.JSONEncoder) -> str:
    """`value` on one line where it fits in `room`, else its items on lines of their own."""
    compact = encoder.encode(value)
    if not isinstance(value, dict | list) or not value or (depth and len(compact) <= room):
        return compact
    indent = " " * (depth + 1)
    inner = WIDTH - len(indent) - 2
    if isinstance(value, dict):
        keys = [encoder.encode(key) + ": " for key in value]
        opening, closing = "{", "}"
    else:
        keys = [""] * len(value)
        opening, closing = "[", "]"
    items = value.values() if isinstance(value, dict) else value
    pieces = [
        key + _pretty(item, depth + 1, inner - len(key), encoder)
        for key, item in zip(keys, items, strict=True)
    ]
    if depth < _ITEM_A_LINE:
        lines = f",\n{indent}".join(pieces)
        return f"{opening}\n{indent}{lines}\n{indent[1:]}{closing}"
    return opening + f",\n{indent}".join(_filled(pieces, inner)) + closing


def _filled(pieces: Sequence[str], room: int) -> Iterator[str]:
    """The pieces, as many on a line as fit; one that takes several lines stands alone."""
    line = pieces[0]
    for piece in pieces[1:]:
        longer = f"{line}, {piece}"
        if "\n" not in longer and len(longer) <= room:
            line = longer
        else:
            yield line
            line = piece
    yield line


def _over_time(each: OverTime) -> dict[str, Any]:
    names = {base: list(names) for base, names in each.names.items()}
    said = {"letter": each.letter, "first": each.first, "last": each.last, "names": names}
    return said if each.of == "step" else {**said, "of": each.of}


def numbers(value: Array) -> Any:
    """An array as nested lists of numbers; `inf`, `-inf` and `nan` as words."""
    if np.all(np.isfinite(value)):
        return value.tolist()
    return _worded(value.tolist())


def number(value: float) -> float | str:
    """A number, or the word for one that is not finite."""
    return value if np.isfinite(value) else str(value)


def _worded(value: Any) -> Any:
    if isinstance(value, list):
        return [_worded(item) for item in value]
    return number(value)


def _indices(convention: Mapping[str, Any]) -> int:
    return int(convention.get("indices", 1))


_OF_INPUTS = frozenset({"input", "height", "step"})
"""An axis of what comes into a network: equations have rows and columns."""


class _Writing(Struct, frozen=True):
    """What formulas need besides themselves: names, shapes, the orientation of vectors."""

    naming: Naming
    shapes: Mapping[str, tuple[int, ...]]
    indices: int
    bases: Bases
    rows: bool


def _writing(trace: Trace) -> _Writing:
    layered = any(_OF_INPUTS.intersection(given.axes) for given in trace.given.values())
    shapes = {name: given.value.shape for name, given in trace.given.items()}
    return _Writing(
        Naming(
            Letters() if layered else None, trace.matrices, trace.quantities, states=trace.states
        ),
        shapes | {step.id: step.shape for step in trace.steps},
        _indices(trace.convention),
        trace.bases,
        str(trace.convention.get("affine", "")).startswith("x"),
    )


def _step(step: Step, writing: _Writing) -> dict[str, Any]:
    return {
        "id": step.id,
        "phase": step.phase,
        "iteration": step.iteration,
        "rule": step.rule,
        "inputs": list(step.inputs),
        "formula": plain(step.expr, writing.indices),
        "latex": latex(step.expr, writing.bases, writing.naming, writing.shapes, rows=writing.rows),
        "axes": list(step.axes),
        "shape": list(step.shape),
        "value": None if step.value is None else numbers(step.value),
        "note": step.note,
        "words": step.words,
    }


def _loss(trace: Trace) -> dict[str, Any] | None:
    if trace.loss is None or not trace.history:
        return None
    words = [number(value) for value in trace.history]
    return {
        "id": trace.loss,
        "before": words[0],
        "after": words[-1] if len(words) > 1 else None,
        "history": words,
    }
