"""A fitted perceptron of scikit-learn -> the same network as a problem, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from backprop_cli.python.given_numbers import Chain, Layer, leaf
from backprop_cli.python.problems import Problem, load

_ACTIVATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "identity": "linear",
        "logistic": "sigmoid",
        "tanh": "tanh",
        "relu": "relu",
        "softmax": "softmax",
        "exp": "exp",
    }
)
_LOSSES: Final[Mapping[str, str | Layer]] = MappingProxyType(
    {
        "log_loss": "cross-entropy",
        "binary_log_loss": "binary-cross-entropy",
        "squared_error": "half-squared-error",
        "poisson": {"formula": "sum(xlogy(y, y) - xlogy(y, yhat) - y + yhat)"},
    }
)
_NEEDED = ("coefs_", "intercepts_", "activation", "out_activation_", "loss", "alpha")


def from_sklearn(model: Any, x: Any, y: Any) -> Problem:
    """The problem that a fitted `MLPClassifier` or `MLPRegressor` is, with its loss.

    `x` are samples as rows, `y` the classes or numbers as `fit` takes them. The loss is the mean
    over the samples, with the model's L2 penalty (`alpha`) on the weights; of several outputs of a
    regressor it is the sum over them, of which scikit-learn takes the gradients (the loss that it
    reports is their mean). Error, by name, for what is not known, for a model that has not been
    fitted, and for more than 20,000 parameters.
    """
    chain = Chain("from_sklearn")
    missing = [name for name in _NEEDED if not hasattr(model, name)]
    if missing:
        message = f"{type(model).__name__} has no {missing[0]}"
        raise chain.refused(message, "an MLPClassifier or MLPRegressor, fitted")
    weights = [leaf("coefs_", one) for one in model.coefs_]
    biases = [leaf("intercepts_", one) for one in model.intercepts_]
    chain.refuse_too_many(sum(one.size for one in (*weights, *biases)))
    activations = [model.activation] * (len(weights) - 1) + [model.out_activation_]
    for matrix, bias, said in zip(weights, biases, activations, strict=True):
        chain.layers.append({"weights": matrix, "bias": bias})
        if said not in _ACTIVATIONS:
            raise chain.refuse_unknown(f"the activation {said}", [*_ACTIVATIONS])
        chain.activate(_ACTIVATIONS[said])
    return load(
        {
            "title": f"From scikit-learn: {type(model).__name__}",
            "convention": {"affine": "x W + b"},
            "x": leaf("x", x),
            "y": _targets(chain, model, y),
            "layers": chain.found(),
            "loss": _loss(chain, model),
            **_penalty(model),
        }
    )


def _loss(chain: Chain, model: Any) -> str | Layer:
    """What is minimised; scikit-learn calls the one of a single logistic unit by the same name."""
    said = model.loss
    if said == "log_loss" and model.out_activation_ == "logistic":
        said = "binary_log_loss"
    if said not in _LOSSES:
        raise chain.refuse_unknown(f"the loss {said}", [*_LOSSES])
    return _LOSSES[said]


def _penalty(model: Any) -> Layer:
    if not model.alpha:
        return {}
    return {"penalty": {"l2": float(model.alpha), "divided_by_samples": True}}


def _targets(chain: Chain, model: Any, y: Any) -> Any:
    """Classes as the outputs stand for them; numbers as they are."""
    outputs = len(leaf("intercepts_", model.intercepts_[-1]))
    classes = getattr(model, "classes_", None)
    given = np.asarray(y)
    if classes is None or given.ndim > 1:  # a regressor, or a column for each label
        return leaf("y", given.astype(float)).reshape(-1, outputs)
    known = classes.tolist()
    if not given.ndim:
        raise chain.refused("y is a single class, and samples are rows", "x[:1] and y[:1]")
    unknown = [label for label in given.tolist() if label not in known]
    if unknown:
        raise chain.refused(f"{unknown[0]!r} is no class of the model", f"one of {known}")
    places = [known.index(label) for label in given.tolist()]
    if outputs == 1:
        return [[place] for place in places]
    return {"labels": [place + 1 for place in places], "classes": outputs}
