"""A module of PyTorch -> the layer, or the activation, that it is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from backprop_cli.python.complaining import Error
from backprop_cli.python.given_numbers import Chain, Layer, NotLayersError, leaf
from backprop_cli.python.graph_windows import Edges

_ACTIVATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Identity": "linear",
        "Dropout": "linear",
        "ReLU": "relu",
        "Tanh": "tanh",
        "Sigmoid": "sigmoid",
        "Softmax": "softmax",
        "SiLU": "silu",
        "Softplus": "softplus",
        "Softsign": "softsign",
        "Mish": "mish",
        "ReLU6": "relu6",
    }
)
"""What is called otherwise here, or has no options that would have to be looked at."""


def layer_or_activation(called: str, module: Any) -> tuple[Layer | None, Any]:
    """The layer that a module is, or else its activation; Error for what is not known."""
    _refuse_hooks(called, module)
    if called in _MODULES:
        return _MODULES[called](module), None
    if called == "Dropout" and module.training:
        raise refused("dropout is random while a model trains", "model.eval()")
    return None, _activation(called, module)


def refused(message: str, instead: str | None = None) -> Error:
    """What cannot be a problem here."""
    return Chain("from_torch").refused(message, instead)


def refuse_other_softmax(asked: Any) -> None:
    """Complains of one over another axis than the outputs."""
    if asked.dim not in (None, -1, 1):
        raise refused("a softmax here runs over the outputs", "dim=1")


def _refuse_hooks(called: str, module: Any) -> None:
    """Complains of code that changes what a module does, and that is not seen from here."""
    if getattr(module, "_forward_hooks", None) or getattr(module, "_forward_pre_hooks", None):
        raise refused(f"{called} has a hook, which may change what it gives", "a model without")


def _linear(module: Any) -> Layer:
    return {"weights": leaf("weight", module.weight), **_given(module, bias="bias")}


def _given(module: Any, **names: str) -> Layer:
    """What a module has of these, under the names that a layer has for them."""
    found = {ours: getattr(module, theirs, None) for theirs, ours in names.items()}
    return {ours: leaf(ours, value) for ours, value in found.items() if value is not None}


def _conv(module: Any) -> Layer:
    refuse_unless(module, padding_mode="zeros")
    groups = {} if module.groups == 1 else {"groups": module.groups}
    kernel = {"kernel": leaf("weight", module.weight), **_given(module, bias="bias"), **groups}
    steps = {"stride": _one(module, "stride"), **_dilated(module)}
    return {"type": "conv", **kernel, **steps, "padding": _around(module)}


def _dilated(module: Any) -> Layer:
    """How far apart the entries are that a kernel meets, where that is not 1."""
    far = _one(module, "dilation")
    return {} if far == 1 else {"dilation": far}


def _around(module: Any) -> Any:
    """How many zeros stand around: one number, or that of rows and that of columns."""
    if module.padding == "valid":
        return 0
    if module.padding == "same":  # where both sides differ, there is more behind
        return "SAME_UPPER"
    rows, columns = _both(module, "padding")
    return rows if rows == columns else ((rows, rows), (columns, columns))


def _conv_transpose(module: Any) -> Layer:
    refuse_unless(module, groups=1, padding_mode="zeros")
    return {
        "type": "conv-transpose",
        "kernel": leaf("weight", module.weight),
        **_given(module, bias="bias"),
        "stride": _one(module, "stride"),
        **_dilated(module),
        "padding": [(side, side) for side in _both(module, "padding")],
        "behind": list(_both(module, "output_padding")),
    }


def _pool(type_: str, **usual: object) -> Callable[[Any], Layer]:
    def pool(module: Any) -> Layer:
        refuse_unless(module, **usual)
        counted = getattr(module, "count_include_pad", True)
        edges = Edges(_around(module), bool(module.ceil_mode), counted)
        return {
            "type": type_,
            "size": _one(module, "kernel_size"),
            "stride": _one(module, "stride"),
            **({"edges": edges} if edges.around or edges.ceil else {}),
        }

    return pool


def _adaptive(type_: str) -> Callable[[Any], Layer]:
    def pool(module: Any) -> Layer:
        if module.output_size not in (1, (1, 1)):
            message = f"{type(module).__name__}({module.output_size}) is not known here"
            raise refused(message, "1, a number for each channel")
        return {"type": type_}

    return pool


def _flatten(module: Any) -> Layer:
    refuse_unless(module, start_dim=1, end_dim=-1)
    return {"type": "flatten"}


SEQUENCES: Final = ("Embedding", "MultiheadAttention", "RNN", "LSTM", "GRU")


def _over_a_sequence(_: Any) -> Layer:
    """What is equations here, whatever stands before and behind it."""
    raise NotLayersError


def _layer_norm(module: Any) -> Layer:
    if len(module.normalized_shape) != 1:
        raise refused("LayerNorm over several axes is not known here", "LayerNorm(units)")
    scaled = _given(module, weight="scale", bias="shift")
    return {"type": "layer-norm", "epsilon": module.eps, **scaled}


def _batch_norm(type_: str) -> Callable[[Any], Layer]:
    """A norm over a batch: as it trains of this one, in `eval()` as earlier ones have left it."""

    def norm(module: Any) -> Layer:
        fixed = not module.training and module.track_running_stats
        kept = {"running_mean": "mean", "running_var": "variance"} if fixed else {}
        scaled = _given(module, weight="scale", bias="shift", **kept)
        return {"type": "fixed-norm" if fixed else type_, "epsilon": module.eps, **scaled}

    return norm


def _both(module: Any, option: str) -> tuple[int, int]:
    """A size along rows, and along columns."""
    value = getattr(module, option)
    rows, columns = value if isinstance(value, (tuple, list)) else (value, value)
    return int(rows), int(columns)


def _one(module: Any, option: str) -> int:
    """A size that is the same along both axes."""
    value = getattr(module, option)
    sizes = set(value) if isinstance(value, (tuple, list)) else {value}
    if len(sizes) != 1 or not isinstance(value := sizes.pop(), int):
        message = f"{type(module).__name__} with {option}={getattr(module, option)!r}"
        raise refused(f"{message} is not known here", "a whole number for both axes")
    return value


def refuse_unless(module: Any, **usual: object) -> None:
    """Complains of options that another formula belongs to."""
    for option, value in usual.items():
        found = getattr(module, option, value)
        if found not in (value, (value, value)):
            raise refused(f"{type(module).__name__} with {option}={found!r} is not known here")


_MODULES: Final[Mapping[str, Callable[[Any], Layer]]] = MappingProxyType(
    {
        "Linear": _linear,
        "Conv2d": _conv,
        "ConvTranspose2d": _conv_transpose,
        "MaxPool2d": _pool("max-pool", dilation=1, return_indices=False),
        "AvgPool2d": _pool("mean-pool", divisor_override=None),
        "AdaptiveAvgPool2d": _adaptive("channel-mean"),
        "AdaptiveMaxPool2d": _adaptive("channel-max"),
        "Flatten": _flatten,
        "LayerNorm": _layer_norm,
        "BatchNorm1d": _batch_norm("batch-norm"),
        "BatchNorm2d": _batch_norm("picture-norm"),
        **dict.fromkeys(SEQUENCES, _over_a_sequence),
    }
)
"""What is a layer of its own."""


def _activation(called: str, module: Any) -> Any:
    if called == "Softmax":
        refuse_other_softmax(module)
    if called == "Softplus":
        refuse_unless(module, beta=1, threshold=20)
    if called == "LeakyReLU":
        return {"name": "leaky-relu", "slope": module.negative_slope}
    if called == "ELU":
        return {"name": "elu", "alpha": module.alpha} if module.alpha != 1 else "elu"
    if called == "GELU":
        refuse_unless(module, approximate="none")
        return "gelu"
    if called not in _ACTIVATIONS:
        known = [*_MODULES, "LeakyReLU", "ELU", "GELU", *_ACTIVATIONS]
        raise Chain("from_torch").refuse_unknown(called, known)
    return _ACTIVATIONS[called]
