"""Small models of PyTorch as problems: their gradients are those of PyTorch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch = pytest.importorskip("torch")
nn = torch.nn


class Written(nn.Module):  # type: ignore[misc,name-defined]
    """A model whose way is written out in functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)

    def forward(self, x: Any) -> Any:
        return self.second(torch.tanh(self.first(x)))


def sequence(*layers: Any) -> Any:
    return nn.Sequential(*layers)


MODELS: dict[str, Any] = {
    "relu": lambda: sequence(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
    "tanh": lambda: sequence(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)),
    "sigmoid": lambda: sequence(nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)),
    "leaky": lambda: sequence(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 2)),
    "elu": lambda: sequence(nn.Linear(3, 4), nn.ELU(), nn.Linear(4, 2)),
    "gelu": lambda: sequence(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)),
    "silu": lambda: sequence(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2)),
    "softplus": lambda: sequence(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 2)),
    "dropout": lambda: sequence(nn.Linear(3, 4), nn.Dropout(), nn.Tanh(), nn.Linear(4, 2)),
    "linear": lambda: nn.Linear(3, 2),
    "written": Written,
    "three": lambda: sequence(
        nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2)
    ),
}
CLASSES: Any = torch.tensor([1, 0, 1, 1])
NUMBERS = torch.tensor([[0.3, -1.2], [0.7, 0.1], [-0.4, 0.2], [1.5, -0.6]], dtype=torch.float64)
LOSSES: dict[str, Any] = {
    "cross-entropy": (nn.CrossEntropyLoss, CLASSES),
    "cross-entropy, summed": (lambda: nn.CrossEntropyLoss(reduction="sum"), CLASSES),
    "mse": (nn.MSELoss, NUMBERS),
    "mse, summed": (lambda: nn.MSELoss(reduction="sum"), NUMBERS),
    "l1, summed": (lambda: nn.L1Loss(reduction="sum"), NUMBERS),
    "huber, summed": (lambda: nn.HuberLoss(reduction="sum", delta=0.5), NUMBERS),
    "bce": (
        lambda: nn.BCEWithLogitsLoss(reduction="sum"),
        (NUMBERS > 0).double(),
    ),
}


def inputs() -> Any:
    torch.manual_seed(7)
    return torch.randn(4, 3, dtype=torch.float64)


def compared(model: Any, x: Any, y: Any, loss: Any) -> None:
    """Every parameter's gradient, and the loss, to PyTorch's own."""
    model = model.double().eval()
    problem = backprop.from_torch(model, x, y, loss)
    value = loss(model(x), y)
    value.backward()
    solution = problem.solve()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    linear = [one for one in model.modules() if isinstance(one, nn.Linear)]
    for number, layer in enumerate(linear, 1):
        gradients = {f"dW{number}": layer.weight.grad}
        if layer.bias is not None:
            gradients[f"db{number}"] = layer.bias.grad
        for name, gradient in gradients.items():
            np.testing.assert_allclose(solution[name], gradient.numpy(), rtol=1e-9, atol=1e-12)
        backprop.testing.assert_backprop(problem, gradients)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_models_are_those_of_torch(name: str) -> None:
    torch.manual_seed(3)
    compared(MODELS[name](), inputs(), CLASSES, nn.CrossEntropyLoss())


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_are_those_of_torch(name: str) -> None:
    torch.manual_seed(5)
    loss, y = LOSSES[name]
    compared(MODELS["tanh"](), inputs(), y, loss())


def test_a_single_sigmoid_with_binary_cross_entropy() -> None:
    torch.manual_seed(9)
    model = sequence(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1), nn.Sigmoid())
    y = torch.tensor([[1.0], [0], [0], [1]], dtype=torch.float64)
    compared(model, inputs(), y, nn.BCELoss())


class Branching(nn.Module):  # type: ignore[misc,name-defined]
    """Two ways that meet."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return self.one(x) + x


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [
        (lambda: sequence(nn.Linear(3, 2), nn.Hardswish()), nn.MSELoss(), "Hardswish"),
        (lambda: sequence(nn.ReLU(), nn.Linear(3, 2)), nn.MSELoss(), "behind a linear"),
        (lambda: nn.Linear(3, 2), nn.KLDivLoss(), "KLDivLoss"),
        (lambda: nn.Linear(3, 2), nn.L1Loss(), "over the outputs"),
        (lambda: nn.Linear(3, 2), nn.MSELoss(reduction="none"), "each sample"),
        (lambda: nn.Linear(3, 2), nn.CrossEntropyLoss(label_smoothing=0.1), "label_smoothing"),
        (lambda: sequence(nn.Linear(3, 2), nn.Dropout()), nn.MSELoss(), "eval"),
        (lambda: nn.Linear(300, 200), nn.MSELoss(), "by hand"),
        (Branching, nn.MSELoss(), "right before it"),
        (nn.Identity, nn.MSELoss(), "no linear"),
    ],
)
def test_what_is_not_known_is_refused_by_name(model: Any, loss: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(model(), inputs(), NUMBERS, loss)
