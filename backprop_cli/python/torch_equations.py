"""A model of PyTorch whose ways part and meet -> equations, a line for each thing that it calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

import numpy as np

from backprop_cli.algebra.quantity import entry_id
from backprop_cli.python.given_numbers import Chain, leaf
from backprop_cli.python.graph_equations import Equations
from backprop_cli.python.torch_calls import (
    REDUCED,
    RESHAPED,
    SIGNS,
    SIZES,
    SQUEEZED,
    Call,
    called,
    function_of,
    traced,
)
from backprop_cli.python.torch_modules import SEQUENCES, layer_or_activation, refused
from backprop_cli.python.torch_sequences import attended, embedded, recurrent

_JOINED: Final = frozenset({"cat", "concat", "concatenate"})


def followed(model: Any, x: np.ndarray[Any, Any]) -> tuple[Equations, str, Call]:
    """The equations, the name of the output, and what is called last.

    A log-softmax at the end is part of the loss here, so that the output is what goes into it.
    """
    graph, modules = traced(model)
    found, names, last = Equations(Chain("from_torch")), dict[Any, Any](), Call("", None)
    for node in graph.nodes:
        if node.op == "output":
            return found, names[node.args[0]], last
        if node.op == "placeholder":
            looked_up = x.dtype.kind in "iu" and _are_looked_up(node, modules)
            names[node] = x if looked_up else found.given("x", x)
        elif node.op == "get_attr":
            names[node] = _own(found, node.target, modules[""])
        elif function_of(node) in SIZES and node.op != "call_module":
            names[node] = _size(found, node, names)
        else:
            last = Call("", None)
            names[node], last = _line(found, node, names, modules)
    raise refused("the model has no output")


def _are_looked_up(node: Any, modules: Mapping[str, Any]) -> bool:
    """Whether something is only taken for rows of tables."""
    return all(type(modules.get(str(user.target))).__name__ == "Embedding" for user in node.users)


def _own(found: Equations, path: str, model: Any) -> Any:
    """A tensor of the model itself: a parameter, or numbers that stay what they are."""
    tensor = reduce(getattr, path.split("."), model)
    value = leaf(path, tensor)
    if getattr(tensor, "requires_grad", False):
        return found.operand(value)
    if value.dtype.kind == "b":
        return value  # a mask
    return found.given(f"given_{len(found.values)}", value)


def _line(
    found: Equations, node: Any, names: Mapping[Any, Any], modules: Mapping[str, Any]
) -> tuple[str, Call]:
    """The line of one node, and what it calls."""
    name = "" if node.op == "call_module" else function_of(node)
    if name in SIGNS:
        return _combined(found, node, name, names), Call(name, None)
    if name in _JOINED:
        return _joined(found, node, names), Call(name, None)
    if name in RESHAPED:
        return _reshaped(found, node, names), Call(name, None)
    if name in REDUCED:
        return _reduced(found, node, REDUCED[name], names), Call(name, None)
    if name == SQUEEZED:
        x, *axes = node.args
        given = axes[0] if axes else node.kwargs.get("dim", ())
        return found.squeezed(node.name, names[x], _listed(given)), Call(name, None)
    if (kind := type(modules.get(str(node.target))).__name__) in SEQUENCES:
        return _over_a_sequence(found, node, modules[node.target], names), Call(kind, None)
    return _of_one(found, node, names, modules)


def _of_one(
    found: Equations, node: Any, names: Mapping[Any, Any], modules: Mapping[str, Any]
) -> tuple[str, Call]:
    """The line of a layer, or of an activation, of one result."""
    inputs = [names[each] for each in node.all_input_nodes]
    if len(inputs) != 1 or not isinstance(inputs[0], str):
        count = "whole numbers" if len(inputs) == 1 else f"{len(inputs)} results"
        raise refused(f"{node.name} takes {count}, which is not known here")
    call = called(node, modules)
    if call.name == "LogSoftmax":
        if any(user.op != "output" for user in node.users):
            raise refused("a log-softmax before the end is not known here")
        return inputs[0], call
    layer, activation = layer_or_activation(call.name, call.module)
    if layer is None:
        return found.activated(activation, inputs[0]), call
    return found.layer(call.name, layer, inputs[0]), call


def _over_a_sequence(found: Equations, node: Any, module: Any, names: Mapping[Any, Any]) -> Any:
    """What is looked up in a table, attended to, or carried on over time."""
    name = type(module).__name__
    if name == "Embedding":
        return embedded(found, module, names[node.args[0]])
    if name == "MultiheadAttention":
        return (attended(found, node, module, names),)
    return recurrent(found, node, module, names)


def _combined(found: Equations, node: Any, name: str, names: Mapping[Any, Any]) -> str:
    sides = [names.get(each, each) for each in node.args]
    if len(sides) == 1:
        return found.combined(node.name, "*", -1, sides[0])
    plain = all(isinstance(each, str | int | float) for each in sides)
    if node.kwargs or len(sides) != 2 or not plain:
        options = ", ".join(map(str, node.kwargs)) or "other than two results or numbers"
        raise refused(f"{node.name} with {options} is not known here")
    return found.combined(node.name, SIGNS[name], *sides)


def _joined(found: Equations, node: Any, names: Mapping[Any, Any]) -> str:
    parts, *axis = node.args
    given = axis[0] if axis else node.kwargs.get("dim", node.kwargs.get("axis", 0))
    parts = [names[part] for part in parts]
    if given not in (len(found.shapes[parts[0]]) - 1, -1):
        raise refused(f"{node.name} joins along axis {given}", "dim=-1, the units")
    return found.joined(node.name, parts)


def _size(found: Equations, node: Any, names: Mapping[Any, Any]) -> Any:
    """A shape, or one size of it; of a picture the first is that of its samples, 1."""
    of, *which = node.args
    known = names[of]
    if isinstance(known, str):
        if function_of(node) == "getitem" and isinstance(which[0], int):
            return _row(found, node, known, which[0])
        if function_of(node) == "getitem" or which not in (["shape"], [], [0], [1], [-1]):
            raise _refused_part(node)
        known = found.with_samples(known)
    if not which or which == ["shape"]:
        return known
    if not isinstance(which[0], int) or not -len(known) <= which[0] < len(known):
        raise refused(f"{node.name} takes what there is not, or is not known here")
    return known[which[0]]


def _refused_part(node: Any) -> Exception:
    return refused(f"{node.name} takes a part of a result, which is not known here")


def _row(found: Equations, node: Any, x: str, number: int) -> str:
    """One row of a result: a step of a sequence, a sample."""
    shape = found.shapes[x]
    if len(shape) != 2 or not -shape[0] <= number < shape[0]:
        raise _refused_part(node)
    return found.line("l", entry_id(x, (number % shape[0] + 1,)), shape[1:])


def _reshaped(found: Equations, node: Any, names: Mapping[Any, Any]) -> str:
    x, *sizes = node.args
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    numbers = [names.get(each, each) for each in given]
    if node.kwargs or not all(isinstance(each, int) for each in numbers) or len(numbers) < 2:
        raise refused(f"{node.name} to {', '.join(map(str, given))} is not known here")
    return found.reshaped(node.name, names[x], numbers)


def _reduced(found: Equations, node: Any, how: str, names: Mapping[Any, Any]) -> str:
    x, *axes = node.args
    given = axes[0] if axes else node.kwargs.get("dim", ())
    keep = axes[1] if len(axes) > 1 else node.kwargs.get("keepdim", False)
    return found.reduced(node.name, how, names[x], _listed(given), keep=bool(keep))


def _listed(given: Any) -> Any:
    return given if isinstance(given, (tuple, list)) else [given]
