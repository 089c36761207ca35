"""The numbers of an ONNX file, and its nodes -> the layers that they are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from backprop_cli.python.given_numbers import Chain, Layer
from backprop_cli.python.graph_windows import Edges

Numbers = Sequence[np.ndarray[Any, Any]]


_WHOLE_NUMBERS: Final = 7
_TEXTS: Final = 8
"""What ONNX calls the types of lists of these."""


def attributes(node: Any) -> dict[str, Any]:
    """What a node says beside its inputs."""
    return {each.name: _attribute(each) for each in node.attribute}


def _attribute(said: Any) -> Any:
    if said.type == _WHOLE_NUMBERS:
        return list(said.ints)
    if said.type == _TEXTS:
        return [one.decode() for one in said.strings]
    value = {1: said.f, 2: said.i, 3: said.s}.get(said.type)
    return value.decode() if isinstance(value, bytes) else value


def _one(chain: Chain, kind: str, said: Mapping[str, Any], key: str, usual: int) -> int:
    """A size that is the same along both axes, and on all sides."""
    sizes = set(said.get(key) or [usual])
    if len(sizes) != 1 or len(said.get(key) or [0, 0]) == 1:
        raise chain.refused(f"{kind} with {key}={said[key]} is not known here", "two equal axes")
    return int(sizes.pop())


def _refuse_unless(chain: Chain, kind: str, said: Mapping[str, Any], **usual: Any) -> None:
    """Complains of attributes that another formula belongs to."""
    for key, value in usual.items():
        if said.get(key, value) not in (value, [value, value]):
            raise chain.refused(f"{kind} with {key}={said[key]} is not known here")


def _conv(chain: Chain, said: Mapping[str, Any], numbers: Numbers) -> Layer:
    if not numbers or numbers[0].ndim != 4:
        raise chain.refused("Conv is known in two axes, with its kernel in the file")
    kernel, *bias = numbers
    return {
        "type": "conv",
        "kernel": kernel,
        **({"bias": bias[0]} if bias else {}),
        "stride": _one(chain, "Conv", said, "strides", 1),
        **_dilated(chain, "Conv", said),
        "padding": _around(chain, "Conv", said),
        **({"groups": int(said["group"])} if said.get("group", 1) != 1 else {}),
    }


def _dilated(chain: Chain, kind: str, said: Mapping[str, Any]) -> Layer:
    """How far apart the entries are that a kernel meets, where that is not 1."""
    far = _one(chain, kind, said, "dilations", 1)
    return {} if far == 1 else {"dilation": far}


def _around(chain: Chain, kind: str, said: Mapping[str, Any]) -> Any:
    """How much stands around: one number, that of each side, or as much as makes n/s windows."""
    auto = said.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return auto
    pads = [int(each) for each in said.get("pads") or (0, 0, 0, 0)]
    if auto == "VALID":
        return 0
    if len(pads) != 4 or min(pads) < 0:
        raise chain.refused(f"{kind} with pads={pads} is not known here", "four numbers from 0")
    top, left, bottom, right = pads
    return top if len(set(pads)) == 1 else ((top, bottom), (left, right))


def _conv_transpose(chain: Chain, said: Mapping[str, Any], numbers: Numbers) -> Layer:
    kind = "ConvTranspose"
    _refuse_unless(chain, kind, said, auto_pad="NOTSET", group=1, output_shape=None)
    if not numbers or numbers[0].ndim != 4:
        raise chain.refused(f"{kind} is known in two axes, with its kernel in the file")
    kernel, *bias = numbers
    around = _around(chain, kind, said)
    return {
        "type": "conv-transpose",
        "kernel": kernel,
        **({"bias": bias[0]} if bias else {}),
        "stride": _one(chain, kind, said, "strides", 1),
        **_dilated(chain, kind, said),
        "padding": [(around, around)] * 2 if isinstance(around, int) else [*around],
        "behind": [int(each) for each in said.get("output_padding") or (0, 0)],
    }


def _of_channels(type_: str) -> Callable[[Chain, Mapping[str, Any], Numbers], Layer]:
    return lambda *_: {"type": type_}


def _pool(kind: str, type_: str) -> Callable[[Chain, Mapping[str, Any], Numbers], Layer]:
    def pool(chain: Chain, said: Mapping[str, Any], _: Numbers) -> Layer:
        _refuse_unless(chain, kind, said, dilations=1)
        counted = bool(said.get("count_include_pad", 0))
        edges = Edges(_around(chain, kind, said), bool(said.get("ceil_mode", 0)), counted)
        size, stride = (_one(chain, kind, said, key, 1) for key in ("kernel_shape", "strides"))
        more = {"edges": edges} if edges.around or edges.ceil else {}
        return {"type": type_, "size": size, "stride": stride, **more}

    return pool


def _layer_norm(chain: Chain, said: Mapping[str, Any], numbers: Numbers) -> Layer:
    if said.get("axis", -1) not in (-1, 1):
        raise chain.refused(f"LayerNormalization from axis {said['axis']} on", "axis=-1")
    return _scaled({"type": "layer-norm", "epsilon": said.get("epsilon", 1e-5)}, numbers)


def _batch_norm(chain: Chain, said: Mapping[str, Any], numbers: Numbers) -> Layer:
    """With the mean and the variance that are in the file."""
    _refuse_unless(chain, "BatchNormalization", said, training_mode=0)
    if len(numbers) != 4:
        raise chain.refused("BatchNormalization takes what is no number of the file")
    scale, shift, mean, variance = numbers
    norm = {"type": "fixed-norm", "epsilon": said.get("epsilon", 1e-5)}
    return _scaled({**norm, "mean": mean, "variance": variance}, [scale, shift])


def _scaled(norm: Layer, numbers: Numbers) -> Layer:
    return {**norm, **dict(zip(("scale", "shift"), numbers, strict=False))}


LAYERS: Final[Mapping[str, Callable[[Chain, Mapping[str, Any], Numbers], Layer]]] = (
    MappingProxyType(
        {
            "Conv": _conv,
            "ConvTranspose": _conv_transpose,
            "MaxPool": _pool("MaxPool", "max-pool"),
            "AveragePool": _pool("AveragePool", "mean-pool"),
            "GlobalAveragePool": _of_channels("channel-mean"),
            "GlobalMaxPool": _of_channels("channel-max"),
            "LayerNormalization": _layer_norm,
            "BatchNormalization": _batch_norm,
        }
    )
)
"""What is a layer of its own, but for those of a matrix."""


def constants_of(chain: Chain, graph: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The numbers in the file by name."""
    from onnx import numpy_helper

    sizes = [int(np.prod(one.dims)) for one in graph.initializer]
    chain.refuse_too_many(sum(sizes))
    found: dict[str, np.ndarray[Any, Any]] = {}
    for one in graph.initializer:
        if one.data_location == 1:
            raise chain.refused(f"the numbers of {one.name} lie in another file", "one file")
        found[one.name] = _floats(numpy_helper.to_array(one))
    for node in graph.node:
        if node.op_type == "Constant":
            values = [each.t for each in node.attribute if each.name == "value"]
            if values:
                found[node.output[0]] = _floats(numpy_helper.to_array(values[0]))
        elif node.op_type in ("Identity", "Transpose") and node.input[0] in found:
            order = next((tuple(each.ints) for each in node.attribute if each.name == "perm"), None)
            number = found[node.input[0]]
            found[node.output[0]] = (
                number.transpose(order) if node.op_type != "Identity" else number
            )
    return found


def _floats(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return value.astype(float) if value.dtype.kind == "f" else value
