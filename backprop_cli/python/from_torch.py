"""A small model of PyTorch -> the same network as a problem, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from backprop_cli.python.complaining import Error, expect
from backprop_cli.python.given_numbers import TWICE, Chain, Layer, leaf
from backprop_cli.python.problems import Problem, load
from backprop_cli.python.torch_calls import Call, calls

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


def from_torch(model: Any, x: Any, y: Any, loss: Any) -> Problem:
    """The problem that a small `nn.Module` is: its layers one behind the other, and a loss.

    `x` are samples as rows, (samples, inputs), or one sample alone, or one picture, (1, channels,
    height, width); `y` is what the loss takes: class numbers from 0, or an array of the outputs'
    shape. `loss` is a module
    such as `nn.CrossEntropyLoss()`. Known are linear layers, convolutions and pooling in two axes,
    `Flatten`, `LayerNorm`, `BatchNorm1d` in `train()`, activations, `Dropout` in `eval()`, and the
    losses MSE, L1, Huber, SmoothL1, cross-entropy, NLL behind a log-softmax (one loss here), and
    binary cross-entropy. An earlier output may be added behind a linear layer, as in `x + f(x)`, as
    it is or through a linear layer without bias. Error, by name, for what is not known, and for
    more than 20,000 parameters.
    """
    expect(hasattr(model, "parameters"), "model", "a module of PyTorch", model)
    inputs, targets = leaf("x", x), leaf("y", y)
    for name, found, value in (("x", inputs, x), ("y", targets, y)):
        expect(isinstance(found, np.ndarray), name, "a tensor or an array", value)
    Chain("from_torch").refuse_too_many(sum(each.numel() for each in model.parameters()))
    layers = _layers(_before(loss, calls(model)))
    picture = inputs.ndim == 4
    if picture and len(inputs) != 1:
        raise _refused(f"these are {len(inputs)} pictures, and a problem has one", "x[:1]")
    outputs = _outputs(model, x, layers)
    shape = (outputs,) if inputs.ndim == 1 else (len(inputs), outputs)
    if picture and targets.size == outputs:  # laid flat, as the outputs are
        targets = targets.reshape(shape)
    said = _loss(loss, targets, shape)
    said["loss"] = _of_outputs(layers[-1], said["loss"])
    if picture:
        (said["y"],) = said["y"]
    return load(
        {
            "title": f"From PyTorch: {type(model).__name__}",
            "convention": {"affine": "x W^T + b"},
            **({"input": "picture", "x": _unchannelled(inputs[0])} if picture else {"x": inputs}),
            "layers": layers,
            **said,
        }
    )


def _outputs(model: Any, x: Any, layers: list[Layer]) -> int:
    """How many numbers come out for a sample: of a layer that says so, else of a copy that runs."""
    if "weights" in layers[-1]:
        return len(layers[-1]["weights"])
    import torch

    with torch.no_grad():  # of a copy, since a batch norm remembers what it has seen
        return int(deepcopy(model)(x)[0].numel())


def _unchannelled(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A picture of one channel as a matrix."""
    return picture[0] if len(picture) == 1 else picture


def _of_outputs(last: Layer, loss: dict[str, Any]) -> dict[str, Any]:
    """A loss that takes its inputs for logits, though they are outputs of an activation.

    By its name it would be the loss of what is behind the activation.
    """
    name = str(loss.get("name", ""))
    if "-with-logits" not in name or last.get("activation") not in ("softmax", "sigmoid"):
        return loss
    of_sample = {key: value for key, value in loss.items() if key != "name"}
    return {**of_sample, "formula": f"{name.replace('-', '_')}(yhat, y)"}


def _refused(message: str, instead: str | None = None) -> Error:
    return Chain("from_torch").refused(message, instead)


# The layers ---------------------------------------------------------------------------------------


def _before(loss: Any, calls: list[Call]) -> list[Call]:
    """What is called before the loss; a log-softmax is part of the loss here."""
    last = calls[-1] if calls else Call("", None)
    behind = last.name == "LogSoftmax"
    if behind != (type(loss).__name__ == "NLLLoss"):
        raise _refused("a log-softmax and NLLLoss belong together", "CrossEntropyLoss, or both")
    if behind:
        _refuse_other_softmax(last.module)
    return calls[:-1] if behind else calls


def _refuse_other_softmax(asked: Any) -> None:
    if asked.dim not in (None, -1, 1):
        raise _refused("a softmax here runs over the outputs", "dim=1")


def _layers(calls: list[Call]) -> list[Layer]:
    """The layers in the order in which they are called, each with its activation."""
    chain = Chain("from_torch")
    _refuse_shared([call.module for call in calls])
    for number, call in enumerate(calls, 1):
        chain.follow(number, partial(_put, chain, call))
    return chain.found()


def _put(chain: Chain, call: Call) -> None:
    """What is called, as a layer or as a part of the last one."""
    _refuse_hooks(call.name, call.module)
    if call.added is not None:
        _add(chain, call, call.added)
    elif call.name in _MODULES:
        chain.layers.append(_MODULES[call.name](call.module))
    elif call.name == "Dropout" and call.module.training:
        raise _refused("dropout is random while a model trains", "model.eval()")
    else:
        chain.activate(call.name, _activation(call.name, call.module))


def _add(chain: Chain, call: Call, added: int) -> None:
    """What an earlier layer gives, as it is or through a linear layer of its own."""
    if call.module is not None and call.module.bias is not None:
        raise _refused("a layer on the way around others has a bias", "Linear(…, bias=False)")
    weights = None if call.module is None else leaf("weight", call.module.weight)
    chain.add(call.name, added, weights)


def _refuse_hooks(called: str, module: Any) -> None:
    """Complains of code that changes what a module does, and that is not seen from here."""
    if getattr(module, "_forward_hooks", None) or getattr(module, "_forward_pre_hooks", None):
        raise _refused(f"{called} has a hook, which may change what it gives", "a model without")


def _refuse_shared(modules: list[Any]) -> None:
    """Complains of a parameter of two layers: here it would be two, each with a part of it."""
    used = [id(each) for one in modules if hasattr(one, "parameters") for each in one.parameters()]
    if len(set(used)) < len(used):
        message = "a parameter is used twice, and layers here have parameters of their own"
        raise _refused(message, TWICE)


def _linear(module: Any) -> Layer:
    return {"weights": leaf("weight", module.weight), **_given(module, bias="bias")}


def _given(module: Any, **names: str) -> Layer:
    """What a module has of these, under the names that a layer has for them."""
    found = {ours: getattr(module, theirs, None) for theirs, ours in names.items()}
    return {ours: leaf(ours, value) for ours, value in found.items() if value is not None}


def _conv(module: Any) -> Layer:
    _refuse_unless(module, dilation=1, groups=1, padding_mode="zeros")
    stride, padding = _one(module, "stride"), _one(module, "padding")
    kernel = {"kernel": leaf("weight", module.weight), **_given(module, bias="bias")}
    return {"type": "conv", **kernel, "stride": stride, "padding": padding}


def _pool(type_: str, **usual: object) -> Callable[[Any], Layer]:
    def pool(module: Any) -> Layer:
        _refuse_unless(module, padding=0, ceil_mode=False, **usual)
        return {
            "type": type_,
            "size": _one(module, "kernel_size"),
            "stride": _one(module, "stride"),
        }

    return pool


def _flatten(module: Any) -> Layer:
    _refuse_unless(module, start_dim=1, end_dim=-1)
    return {"type": "flatten"}


def _layer_norm(module: Any) -> Layer:
    if len(module.normalized_shape) != 1:
        raise _refused("LayerNorm over several axes is not known here", "LayerNorm(units)")
    scaled = _given(module, weight="scale", bias="shift")
    return {"type": "layer-norm", "epsilon": module.eps, **scaled}


def _batch_norm(module: Any) -> Layer:
    if not module.training and module.track_running_stats:
        message = "BatchNorm1d in eval() takes its mean and variance from earlier batches"
        raise _refused(message, "model.train(), which takes those of this batch")
    scaled = _given(module, weight="scale", bias="shift")
    return {"type": "batch-norm", "epsilon": module.eps, **scaled}


def _one(module: Any, option: str) -> int:
    """A size that is the same along both axes."""
    value = getattr(module, option)
    sizes = set(value) if isinstance(value, (tuple, list)) else {value}
    if len(sizes) != 1 or not isinstance(value := sizes.pop(), int):
        message = f"{type(module).__name__} with {option}={getattr(module, option)!r}"
        raise _refused(f"{message} is not known here", "a whole number for both axes")
    return value


def _refuse_unless(module: Any, **usual: object) -> None:
    """Complains of options that another formula belongs to."""
    for option, value in usual.items():
        found = getattr(module, option, value)
        if found not in (value, (value, value)):
            raise _refused(f"{type(module).__name__} with {option}={found!r} is not known here")


_MODULES: Final[Mapping[str, Callable[[Any], Layer]]] = MappingProxyType(
    {
        "Linear": _linear,
        "Conv2d": _conv,
        "MaxPool2d": _pool("max-pool", dilation=1, return_indices=False),
        "AvgPool2d": _pool("mean-pool", divisor_override=None),
        "Flatten": _flatten,
        "LayerNorm": _layer_norm,
        "BatchNorm1d": _batch_norm,
    }
)
"""What is a layer of its own."""


def _activation(called: str, module: Any) -> Any:
    if called == "Softmax":
        _refuse_other_softmax(module)
    if called == "Softplus":
        _refuse_unless(module, beta=1, threshold=20)
    if called == "LeakyReLU":
        return {"name": "leaky-relu", "slope": module.negative_slope}
    if called == "ELU":
        return {"name": "elu", "alpha": module.alpha} if module.alpha != 1 else "elu"
    if called == "GELU":
        _refuse_unless(module, approximate="none")
        return "gelu"
    if called not in _ACTIVATIONS:
        known = [*_MODULES, "LeakyReLU", "ELU", "GELU", *_ACTIVATIONS]
        raise Chain("from_torch").refuse_unknown(called, known)
    return _ACTIVATIONS[called]


# The loss -----------------------------------------------------------------------------------------


def _loss(loss: Any, targets: np.ndarray[Any, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """The loss, and the targets as it takes them."""
    name = type(loss).__name__.removesuffix("Loss")
    if name not in _LOSSES:
        raise _refused(f"the loss {type(loss).__name__} is not known here", ", ".join(_LOSSES))
    if loss.reduction not in ("mean", "sum"):
        raise _refused("a loss for each sample is no loss to differentiate", "reduction='mean'")
    _refuse_options(loss)
    mean = loss.reduction == "mean"
    said = _LOSSES[name](loss, mean, shape[-1])
    return {"y": _targets(name, targets, shape), "loss": {**said, "over_samples": loss.reduction}}


def _refuse_options(loss: Any) -> None:
    """Weights of classes, smoothing and the like change the formula."""
    usual = {"weight": None, "pos_weight": None, "label_smoothing": 0.0, "ignore_index": -100}
    for option, value in usual.items():
        if getattr(loss, option, value) != value:
            raise _refused(f"{type(loss).__name__} with {option} is not known here")


def _targets(name: str, targets: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    """What the outputs are compared with, in their shape; classes as ones and zeros."""
    if name in ("CrossEntropy", "NLL") and targets.dtype.kind in "iu":
        return _one_hot(targets, shape)
    if targets.shape != shape:  # PyTorch would compare each with each
        have, want = (" × ".join(map(str, each)) or "1" for each in (targets.shape, shape))
        raise _refused(f"y is {have}, and the model gives {want}", f"y.reshape{shape}")
    return targets


def _one_hot(labels: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    if labels.shape != shape[:-1]:
        message = f"y is an array of {labels.ndim} axes, and classes are one number a sample"
        raise _refused(message, "class numbers from 0")
    wrong = [label for label in labels.ravel().tolist() if not 0 <= label < shape[-1]]
    if wrong:
        raise _refused(f"there is no class {wrong[0]}", f"class numbers from 0 to {shape[-1] - 1}")
    return np.eye(shape[-1])[labels]


def _of_all(name: str, formula: str) -> Callable[[Any, bool, int], dict[str, Any]]:
    """A loss that PyTorch averages over outputs, too, where it averages at all."""

    def said(_: Any, mean: bool, outputs: int) -> dict[str, Any]:
        if mean and outputs > 1:
            return {"formula": f"{formula} / {outputs}"}
        return {"name": name}

    return said


def _huber(loss: Any, mean: bool, outputs: int) -> dict[str, Any]:
    formula = f"huber(yhat, y, delta={loss.delta})"
    said = _of_all("huber", formula)(loss, mean, outputs)
    return {**said, "delta": loss.delta} if "name" in said else said


def _smooth_l1(loss: Any, mean: bool, outputs: int) -> dict[str, Any]:
    if not loss.beta:
        return _of_all("absolute-error", "sum(abs(yhat - y))")(loss, mean, outputs)
    parts = f" / {outputs}" if mean else ""
    return {"formula": f"huber(yhat, y, delta={loss.beta}) / {loss.beta}{parts}"}


_LOSSES: Mapping[str, Callable[[Any, bool, int], dict[str, Any]]] = MappingProxyType(
    {
        "NLL": lambda *_: {"name": "cross-entropy-with-logits"},
        "CrossEntropy": lambda *_: {"name": "cross-entropy-with-logits"},
        "MSE": lambda _, mean, __: {"name": "mean-squared-error" if mean else "squared-error"},
        "L1": _of_all("absolute-error", "sum(abs(yhat - y))"),
        "Huber": _huber,
        "SmoothL1": _smooth_l1,
        "BCE": _of_all("binary-cross-entropy", "binary_cross_entropy(yhat, y)"),
        "BCEWithLogits": _of_all(
            "binary-cross-entropy-with-logits", "binary_cross_entropy_with_logits(yhat, y)"
        ),
    }
)
