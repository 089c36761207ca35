"""A small model of PyTorch -> the same network as a problem, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from backprop_cli.python.complaining import expect
from backprop_cli.python.given_numbers import Chain, Inputs, Layer, NotLayersError, leaf
from backprop_cli.python.graph_equations import Shape
from backprop_cli.python.problems import Problem, load
from backprop_cli.python.torch_calls import Call, calls
from backprop_cli.python.torch_equations import followed
from backprop_cli.python.torch_modules import layer_or_activation, refuse_other_softmax, refused


def from_torch(model: Any, x: Any, y: Any, loss: Any) -> Problem:
    """The problem that a small `nn.Module` is, and a loss: layers, or equations where ways meet.

    `x` are samples as rows, (samples, inputs), one sample alone, or pictures, (samples, channels,
    height, width); `y` is what the loss takes: class numbers from 0, or an array of the outputs'
    shape. `loss` is a module such as `nn.CrossEntropyLoss()`. Known are linear layers,
    convolutions, their transposes and pooling in two axes, `AdaptiveAvgPool2d(1)`, `Flatten`,
    `view`, `squeeze`, `mean`, `amax`, `LayerNorm`, `BatchNorm1d` and `BatchNorm2d`, activations,
    `Dropout` in `eval()`, `RNN`, `LSTM`, `GRU` and `MultiheadAttention` of one sequence, its steps
    as rows, `Embedding` of x in whole numbers, and the losses
    MSE, L1, Huber, SmoothL1, cross-entropy, NLL behind a log-softmax (one loss here), and binary
    cross-entropy. Where results are added, multiplied or joined by `torch.cat`, a layer is called
    twice, or windows do not reach the end of a picture, the problem has equations in place of
    layers, unless it is `x + f(x)` behind a linear layer. Error, by name, for what is not known,
    and for more than 20,000 parameters.
    """
    expect(hasattr(model, "parameters"), "model", "a module of PyTorch", model)
    inputs, targets = leaf("x", x), leaf("y", y)
    for name, found, value in (("x", inputs, x), ("y", targets, y)):
        expect(isinstance(found, np.ndarray), name, "a tensor or an array", value)
    Chain("from_torch").refuse_too_many(sum(each.numel() for each in model.parameters()))
    given, problem = Inputs.of(inputs), None
    with suppress(NotLayersError):
        problem = _in_layers(model, x, given, targets, loss)
    problem = problem or _in_equations(model, given, targets, loss)
    return load({"title": f"From PyTorch: {type(model).__name__}", **problem})


def _in_layers(
    model: Any, x: Any, given: Inputs, targets: np.ndarray[Any, Any], loss: Any
) -> dict[str, Any]:
    """One layer behind the other, with what is added on the way."""
    layers = _layers(_before(loss, calls(model)))
    inputs = given.for_layers(layers)
    said = _compared(loss, targets, given, given.outputs(_outputs(model, x, layers)))
    said["loss"] = _of_outputs(layers[-1], said["loss"])
    return {"convention": {"affine": "x W^T + b"}, "layers": layers, **said, **inputs}


def _in_equations(
    model: Any, given: Inputs, targets: np.ndarray[Any, Any], loss: Any
) -> dict[str, Any]:
    """Any other order of what is known: branches that meet, a layer that is called twice."""
    found, output, last = followed(model, given.one_by_one(Chain("from_torch")))
    if not isinstance(output, str):
        raise refused("the model gives several results at once", "one of them: out, _ = …")
    _before(loss, [last])
    if output in found.columns:
        targets = _in_column(loss, targets, found.shapes[output])
    shape = found.shapes[output]
    said = _compared(loss, targets, given, given.outputs(shape[-1]) if given.is_picture else shape)
    found.loss(output, said["loss"], said["y"])
    return found.problem


def _in_column(loss: Any, targets: np.ndarray[Any, Any], shape: Shape) -> np.ndarray[Any, Any]:
    """Targets of outputs that are one number a sample, without an axis for it."""
    if type(loss).__name__ in ("CrossEntropyLoss", "NLLLoss"):
        raise refused("these are one number a sample, which no class can be told from")
    if targets.shape != shape[:1]:  # PyTorch would compare each with each
        have = " × ".join(map(str, targets.shape)) or "1"
        raise refused(f"y is {have}, and the model gives {shape[0]}", f"y.reshape({shape[0]})")
    return targets.reshape(shape)


def _compared(
    loss: Any, targets: np.ndarray[Any, Any], given: Inputs, shape: Shape
) -> dict[str, Any]:
    """The loss, and what outputs are compared with; of one picture without an axis of samples."""
    if given.is_picture and targets.size == shape[-1]:  # laid flat, as the outputs are
        targets = targets.reshape(shape)
    said = _loss(loss, targets, shape)
    if given.is_picture:
        (said["y"],) = said["y"]
    return said


def _outputs(model: Any, x: Any, layers: list[Layer]) -> int:
    """How many numbers come out for a sample: of a layer that says so, else of a copy that runs."""
    if "weights" in layers[-1]:
        return len(layers[-1]["weights"])
    import torch

    with torch.no_grad():  # of a copy, since a batch norm remembers what it has seen
        return int(deepcopy(model)(x)[0].numel())


def _of_outputs(last: Layer, loss: dict[str, Any]) -> dict[str, Any]:
    """A loss that takes its inputs for logits, though they are outputs of an activation.

    By its name it would be the loss of what is behind the activation.
    """
    name = str(loss.get("name", ""))
    if "-with-logits" not in name or last.get("activation") not in ("softmax", "sigmoid"):
        return loss
    of_sample = {key: value for key, value in loss.items() if key != "name"}
    return {**of_sample, "formula": f"{name.replace('-', '_')}(yhat, y)"}


# The layers ---------------------------------------------------------------------------------------


def _before(loss: Any, calls: list[Call]) -> list[Call]:
    """What is called before the loss; a log-softmax is part of the loss here."""
    last = calls[-1] if calls else Call("", None)
    behind = last.name == "LogSoftmax"
    if behind != (type(loss).__name__ == "NLLLoss"):
        raise refused("a log-softmax and NLLLoss belong together", "CrossEntropyLoss, or both")
    if behind:
        refuse_other_softmax(last.module)
    return calls[:-1] if behind else calls


def _layers(calls: list[Call]) -> list[Layer]:
    """The layers in the order in which they are called, each with its activation."""
    chain = Chain("from_torch")
    _refuse_shared([call.module for call in calls])
    for number, call in enumerate(calls, 1):
        chain.follow(number, partial(_put, chain, call))
    return chain.found()


def _put(chain: Chain, call: Call) -> None:
    """What is called, as a layer or as a part of the last one."""
    if call.added is not None:
        _add(chain, call, call.added)
        return
    layer, activation = layer_or_activation(call.name, call.module)
    if layer is not None:
        chain.put(layer)
    else:
        chain.activate(activation)


def _add(chain: Chain, call: Call, added: int) -> None:
    """What an earlier layer gives, as it is or through a linear layer of its own."""
    if call.module is not None and call.module.bias is not None:
        raise NotLayersError
    weights = None if call.module is None else leaf("weight", call.module.weight)
    chain.add(added, weights)


def _refuse_shared(modules: list[Any]) -> None:
    """A parameter of two layers: as layers it would be two, each with a part of its gradient."""
    used = [id(each) for one in modules if hasattr(one, "parameters") for each in one.parameters()]
    if len(set(used)) < len(used):
        raise NotLayersError


# The loss -----------------------------------------------------------------------------------------


def _loss(loss: Any, targets: np.ndarray[Any, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """The loss, and the targets as it takes them."""
    name = type(loss).__name__.removesuffix("Loss")
    if name not in _LOSSES:
        raise refused(f"the loss {type(loss).__name__} is not known here", ", ".join(_LOSSES))
    if loss.reduction not in ("mean", "sum"):
        raise refused("a loss for each sample is no loss to differentiate", "reduction='mean'")
    _refuse_options(loss)
    mean = loss.reduction == "mean"
    said = _LOSSES[name](loss, mean, shape[-1])
    return {"y": _targets(name, targets, shape), "loss": {**said, "over_samples": loss.reduction}}


def _refuse_options(loss: Any) -> None:
    """Weights of classes, smoothing and the like change the formula."""
    usual = {"weight": None, "pos_weight": None, "label_smoothing": 0.0, "ignore_index": -100}
    for option, value in usual.items():
        if getattr(loss, option, value) != value:
            raise refused(f"{type(loss).__name__} with {option} is not known here")


def _targets(name: str, targets: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    """What the outputs are compared with, in their shape; classes as ones and zeros."""
    if name in ("CrossEntropy", "NLL") and targets.dtype.kind in "iu":
        return _one_hot(targets, shape)
    if targets.shape != shape:  # PyTorch would compare each with each
        have, want = (" × ".join(map(str, each)) or "1" for each in (targets.shape, shape))
        raise refused(f"y is {have}, and the model gives {want}", f"y.reshape{shape}")
    return targets


def _one_hot(labels: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    if labels.shape != shape[:-1]:
        message = f"y is an array of {labels.ndim} axes, and classes are one number a sample"
        raise refused(message, "class numbers from 0")
    wrong = [label for label in labels.ravel().tolist() if not 0 <= label < shape[-1]]
    if wrong:
        raise refused(f"there is no class {wrong[0]}", f"class numbers from 0 to {shape[-1] - 1}")
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
