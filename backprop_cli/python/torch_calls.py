"""A model of PyTorch -> what it calls, one behind the other, and what is added on the way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from backprop_cli.python.given_numbers import Chain

_SUMS: Final = frozenset({"add", "iadd", "add_"})


class Call(Struct, frozen=True):
    """What is called, by name, and the module that it is, or a function's options.

    A sum says by number which earlier call gives what is added, 0 being x; its module is what that
    goes through on its way, if anything.
    """

    name: str
    module: Any
    added: int | None = None


def calls(model: Any) -> list[Call]:
    """What is called, one behind the other, on the longest way through a model."""
    import torch

    whole = torch.nn.Sequential(model)  # so that a layer alone is called like any other
    try:
        graph = torch.fx.symbolic_trace(whole).graph
    except Exception as error:  # noqa: BLE001  # whatever its code does
        raise _refused(f"its way through the model depends on the data: {error}") from None
    modules, path = dict(whole.named_modules()), _path(graph)
    places = {node: number for number, node in enumerate(path)}
    return [_call(node, before, places, modules) for before, node in pairwise(path)]


def _path(graph: Any) -> list[Any]:
    """From x to what the model gives: where ways meet, along the longest of them."""
    if sum(node.op == "placeholder" for node in graph.nodes) > 1:
        raise _refused("the model has several inputs")
    length: dict[Any, int] = {}
    for node in graph.nodes:
        length[node] = 1 + max((length[each] for each in node.all_input_nodes), default=0)
    path = [node for node in graph.nodes if node.op == "output"]
    if len(path[0].all_input_nodes) > 1:
        raise _refused("the model has several outputs")
    while path[-1].all_input_nodes:
        path.append(max(path[-1].all_input_nodes, key=length.__getitem__))
    return path[:0:-1]


def _call(node: Any, before: Any, places: Mapping[Any, int], modules: Mapping[str, Any]) -> Call:
    others = [each for each in node.all_input_nodes if each is not before]
    if others or before not in node.all_input_nodes:
        return _sum(node, others, places, modules)
    module = modules[node.target] if node.op == "call_module" else _function(node)
    return Call(type(module).__name__, module)


def _sum(
    node: Any, others: list[Any], places: Mapping[Any, int], modules: Mapping[str, Any]
) -> Call:
    """Something from before that is added, as it is or through a linear layer of its own."""
    if len(others) != 1 or _named(node) not in _SUMS or node.kwargs:
        raise _refused(f"{node.name} takes more than what is right before it")
    (other,) = others
    if other in places:
        return Call(node.name, None, places[other])
    inputs, module = other.all_input_nodes, modules.get(str(other.target))
    if type(module).__name__ != "Linear" or len(inputs) != 1 or inputs[0] not in places:
        message = f"{other.name}, which is added, is none of the layers on the longest way"
        raise _refused(message, "an output of theirs, or that through one linear layer")
    return Call(node.name, module, places[inputs[0]])


def _named(node: Any) -> str:
    return str(getattr(node.target, "__name__", node.target))


_FUNCTIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "relu": ("ReLU", {}),
        "relu6": ("ReLU6", {}),
        "tanh": ("Tanh", {}),
        "sigmoid": ("Sigmoid", {}),
        "silu": ("SiLU", {}),
        "mish": ("Mish", {}),
        "softsign": ("Softsign", {}),
        "softmax": ("Softmax", {"dim": None}),
        "log_softmax": ("LogSoftmax", {"dim": None}),
        "softplus": ("Softplus", {"beta": 1, "threshold": 20}),
        "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
        "elu": ("ELU", {"alpha": 1.0}),
        "gelu": ("GELU", {"approximate": "none"}),
        "dropout": ("Dropout", {"p": 0.5, "training": True}),
        "flatten": ("Flatten", {"start_dim": 0, "end_dim": -1}),
    }
)
"""The modules that functions are, with their options in order as they are unless given."""


def _function(node: Any) -> Any:
    """A function or method with its options, as the module that it is."""
    called = _named(node)
    module, usual = _FUNCTIONS.get(called, (called, {}))
    given = dict(zip(usual, node.args[1:], strict=False)) | dict(node.kwargs)
    return type(module, (), {**usual, **given})()


def _refused(message: str, instead: str | None = None) -> Exception:
    return Chain("from_torch").refused(message, instead)
