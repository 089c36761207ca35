"""Small perceptrons of scikit-learn as problems: their gradients are what its own steps follow."""

from __future__ import annotations

import warnings
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

sklearn = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
RATE = 0.5
ROWS = np.random.default_rng(4).normal(size=(6, 3))


def fitted(kind: str, y: Any, **options: Any) -> Any:
    """A model after one plain step over all samples."""
    model = getattr(sklearn, kind)(
        hidden_layer_sizes=(4, 3),
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0,
        nesterovs_momentum=False,
        shuffle=False,
        batch_size=len(ROWS),
        random_state=1,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "MLPClassifier":
            return model.partial_fit(ROWS, y, classes=np.unique(np.asarray(y)).tolist())
        return model.partial_fit(ROWS, y)


def compared(model: Any, y: Any, *, loss: bool = True) -> None:
    """The problem's gradients with the next step of the model, which goes against them."""
    problem = backprop.from_sklearn(model, ROWS, y)
    before = [one.copy() for one in (*model.coefs_, *model.intercepts_)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(ROWS, y)
    solution, after = problem.solve(), [*model.coefs_, *model.intercepts_]
    names = [f"d{letter}{n}" for letter in "Wb" for n in range(1, len(model.coefs_) + 1)]
    for name, old, new in zip(names, before, after, strict=True):
        np.testing.assert_allclose(solution[name], (old - new) / RATE, 1e-9, 1e-13, err_msg=name)
    if loss:
        assert float(solution["L"]) == pytest.approx(model.loss_, rel=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("alpha", [0, 0.3])
def test_classes(activation: str, alpha: float) -> None:
    y = ["b", "a", "c", "a", "b", "c"]
    compared(fitted("MLPClassifier", y, activation=activation, alpha=alpha), y)


@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_two_classes_have_one_output(activation: str) -> None:
    y = [3, 1, 1, 3, 1, 3]
    compared(fitted("MLPClassifier", y, activation=activation), y)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_numbers(activation: str) -> None:
    y = [0.2, -1, 0.5, 3, -0.3, 1]
    compared(fitted("MLPRegressor", y, activation=activation, alpha=0.1), y)


def test_gradients_of_several_numbers_are_of_their_sum() -> None:
    y = np.random.default_rng(5).normal(size=(6, 2))
    compared(fitted("MLPRegressor", y, activation="tanh"), y, loss=False)


COUNTS = np.array([[0, 1], [2, 1], [1, 3], [4, 0], [0, 2], [3, 5]])


@pytest.mark.skipif(
    "loss" not in signature(sklearn.MLPRegressor).parameters, reason="there is one loss in 1.6"
)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("y", [COUNTS[:, 0], COUNTS], ids=["one", "two"])
def test_counts(activation: str, y: Any) -> None:
    """Poisson's loss, behind an exponential function."""
    compared(fitted("MLPRegressor", y, activation=activation, loss="poisson", alpha=0.1), y)


def test_several_labels() -> None:
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]])
    compared(fitted("MLPClassifier", y, activation="tanh"), y)


def like(**changed: Any) -> Any:
    """What a fitted model shows of itself."""
    usual = {
        "coefs_": [np.ones((3, 2))],
        "intercepts_": [np.zeros(2)],
        "activation": "relu",
        "out_activation_": "identity",
        "loss": "squared_error",
        "alpha": 0,
    }
    return SimpleNamespace(**{**usual, **changed})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SimpleNamespace(activation="relu"), "no coefs_"),
        (like(loss="gamma"), "gamma"),
        (like(out_activation_="swishy"), "swishy"),
        (like(coefs_=[np.ones((300, 200))], intercepts_=[np.zeros(200)]), "by hand"),
    ],
)
def test_what_is_not_known_is_refused_by_name(model: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_sklearn(model, ROWS, np.zeros((6, 2)))


def test_a_class_that_the_model_does_not_have() -> None:
    model = fitted("MLPClassifier", [0, 1, 2, 0, 1, 2], activation="tanh")
    with pytest.raises(backprop.Error, match="no class of the model"):
        backprop.from_sklearn(model, ROWS, [0, 1, 2, 0, 1, 9])


def test_a_single_class_is_no_list_of_them() -> None:
    model = fitted("MLPClassifier", [0, 1, 2, 0, 1, 2], activation="tanh")
    with pytest.raises(backprop.Error, match="samples are rows"):
        backprop.from_sklearn(model, ROWS[0], 1)
