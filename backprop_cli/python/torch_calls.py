"""A model of PyTorch -> what it calls, one behind the other, and what is added on the way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from backprop_cli.python.given_numbers import NotLayersError
from backprop_cli.python.torch_modules import refused

SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("add", "iadd", "add_"), "+"),
        **dict.fromkeys(("sub", "isub", "sub_"), "-"),
        **dict.fromkeys(("mul", "imul", "mul_", "multiply"), "*"),
        "neg": "-",
        **dict.fromkeys(("truediv", "itruediv", "div", "div_"), "/"),
    }
)
"""What is done with two results, or one and a number."""


RESHAPED: Final = frozenset({"view", "reshape"})
REDUCED: Final[Mapping[str, str]] = MappingProxyType({"mean": "mean", "amax": "max"})
SQUEEZED: Final = "squeeze"
SIZES: Final = frozenset({"size", "getattr", "getitem"})
"""How many samples there are: x.size(0), x.shape[0]."""


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
    graph, modules = traced(model)
    path = _path(graph)
    places = {node: number for number, node in enumerate(path)}
    return [_call(node, before, places, modules) for before, node in pairwise(path)]


def traced(model: Any) -> tuple[Any, Mapping[str, Any]]:
    """The graph of what a model calls, and its modules by the names they have in it."""
    import torch

    whole = torch.nn.Sequential(model)  # so that a layer alone is called like any other
    try:
        graph = torch.fx.symbolic_trace(whole).graph
    except Exception as error:  # noqa: BLE001  # whatever its code does
        raise refused(f"its way through the model depends on the data: {error}") from None
    if sum(node.op == "placeholder" for node in graph.nodes) > 1:
        raise refused("the model has several inputs")
    (output,) = (node for node in graph.nodes if node.op == "output")
    if len(output.all_input_nodes) > 1:
        raise refused("the model has several outputs")
    return graph, dict(whole.named_modules())


def _path(graph: Any) -> list[Any]:
    """From x to what the model gives: where ways meet, along the longest of them."""
    length: dict[Any, int] = {}
    for node in graph.nodes:
        length[node] = 1 + max((length[each] for each in node.all_input_nodes), default=0)
    path = [node for node in graph.nodes if node.op == "output"]
    while path[-1].all_input_nodes:
        path.append(max(path[-1].all_input_nodes, key=length.__getitem__))
    return path[:0:-1]


def _call(node: Any, before: Any, places: Mapping[Any, int], modules: Mapping[str, Any]) -> Call:
    others = [each for each in node.all_input_nodes if each is not before]
    if function_of(node) in {*RESHAPED, *REDUCED, *SIZES, SQUEEZED}:
        raise NotLayersError
    if others or before not in node.all_input_nodes:
        return _sum(node, others, places, modules)
    of_function = node.op != "call_module" and function_of(node) in SIGNS
    if of_function or before.op == "get_attr":
        raise NotLayersError
    return called(node, modules)


def called(node: Any, modules: Mapping[str, Any]) -> Call:
    """A module, or a function as the module that it is."""
    module = modules[node.target] if node.op == "call_module" else _function(node)
    return Call(type(module).__name__, module)


def _sum(
    node: Any, others: list[Any], places: Mapping[Any, int], modules: Mapping[str, Any]
) -> Call:
    """Something from before that is added, as it is or through a linear layer of its own."""
    if len(others) != 1 or SIGNS.get(function_of(node)) != "+" or node.kwargs:
        raise NotLayersError
    (other,) = others
    if other in places:
        return Call(node.name, None, places[other])
    inputs, module = other.all_input_nodes, modules.get(str(other.target))
    if type(module).__name__ != "Linear" or len(inputs) != 1 or inputs[0] not in places:
        raise NotLayersError
    return Call(node.name, module, places[inputs[0]])


def function_of(node: Any) -> str:
    """What a function or method is called."""
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
    name = function_of(node)
    module, usual = _FUNCTIONS.get(name, (name, {}))
    given = dict(zip(usual, node.args[1:], strict=False)) | dict(node.kwargs)
    return type(module, (), {**usual, **given})()
