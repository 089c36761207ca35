"""Models of PyTorch whose ways part and meet, as equations: their gradients are PyTorch's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch = pytest.importorskip("torch")
nn = torch.nn
Make = Callable[[], Any]
functional = nn.functional


class Way(nn.Module):  # type: ignore[misc,name-defined]
    """Modules, and what is done with them; `v` is a vector of its own."""

    def __init__(self, way: Any, *modules: Any, v: Any = None) -> None:
        super().__init__()
        self.way, self.parts = way, nn.ModuleList(modules)
        self.v = None if v is None else nn.Parameter(v)

    def forward(self, x: Any) -> Any:
        return self.way(x, *self.parts, *([] if self.v is None else [self.v]))


def linear(*sizes: int) -> list[Any]:
    return [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]


def one_twice() -> Any:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    return nn.Sequential(first, nn.Tanh(), second)


def used(norm: Any) -> Any:
    """A norm that has seen a batch, and whose scale and shift are not what they start from."""
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias, -1, 1)
    return norm


def conv(channels: int) -> Any:
    return nn.Conv2d(channels, 2, 3, padding=1)


ROWS: dict[str, Make] = {
    "joined": lambda: Way(lambda x, a, b: b(torch.cat([torch.tanh(a(x)), x], 1)), *linear(3, 4),
                          nn.Linear(7, 3)),
    "joined at the end": lambda: Way(lambda x, a, b: torch.cat((a(x), b(x)), dim=-1),
                                     nn.Linear(3, 1), nn.Linear(3, 2)),
    "a gate": lambda: Way(lambda x, a, b: torch.sigmoid(a(x)) * torch.tanh(b(x)),
                          nn.Linear(3, 3), nn.Linear(3, 3)),
    "one less": lambda: Way(lambda x, a: a(x) - x, nn.Linear(3, 3)),
    "scaled": lambda: Way(lambda x, a: 0.5 * a(x) + x / 3 - 1, nn.Linear(3, 3)),
    "turned": lambda: Way(lambda x, a: -torch.relu(a(x)), nn.Linear(3, 3)),
    "a function of what is added": lambda: Way(lambda x, a: a(x) + torch.relu(x), nn.Linear(3, 3)),
    "behind a norm": lambda: Way(lambda x, a, n: n(a(x)) + x, nn.Linear(3, 3), nn.LayerNorm(3)),
    "norm without scale": lambda: Way(lambda x, a, n: n(a(x)) * x, nn.Linear(3, 3),
                                      nn.LayerNorm(3, elementwise_affine=False)),
    "two with biases": lambda: Way(lambda x, a, b: a(x) + b(x), nn.Linear(3, 3), nn.Linear(3, 3)),
    "a layer twice": lambda: Way(lambda x, a, b: b(torch.relu(a(torch.relu(a(x))))),
                                 *linear(3, 3, 3)),
    "one in a row twice": lambda: nn.Sequential(*[nn.Linear(3, 3)] * 2, nn.Linear(3, 3)),
    "a weight twice": one_twice,
    "before a layer": lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 3)),
    "two activations": lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Softplus()),
    "a vector of its own": lambda: Way(lambda x, a, v: torch.relu(a(x)) * v + v, nn.Linear(3, 3),
                                       v=torch.tensor([0.5, -1.0, 2.0])),
    "options": lambda: Way(lambda x, a: functional.elu(a(x), 0.7) * functional.leaky_relu(x, 0.3),
                           nn.Linear(3, 3)),
    "attention over units": lambda: Way(lambda x, a, b: torch.softmax(a(x), 1) * b(x),
                                        nn.Linear(3, 3), nn.Linear(3, 3)),
    "a norm of earlier batches": lambda: nn.Sequential(nn.Linear(3, 3), used(nn.BatchNorm1d(3)),
                                                       nn.Tanh(), nn.Linear(3, 3)),
    "a mean of the units": lambda: Way(lambda x, a: a(x) - torch.mean(a(x), 1, True),
                                       nn.Linear(3, 3)),
    "a mean beside all units": lambda: Way(lambda x, a: torch.mean(a(x), 1, True) * a(x) + x,
                                           nn.Linear(3, 3)),
    "a shape that stays": lambda: Way(lambda x, a: torch.relu(a(x.view(x.size(0), -1))),
                                      nn.Linear(3, 3)),
}  # fmt: skip
PICTURES: dict[str, Make] = {
    "added behind": lambda: Way(
        lambda x, a, b, c: c(torch.flatten(torch.relu(a(x)) + b(torch.relu(a(x))), 1)),
        conv(1), conv(2), nn.Linear(32, 3),
    ),
    "pooled and without bias": lambda: Way(
        lambda x, a, p, c: c(torch.flatten(p(torch.tanh(a(x)) * a(x)), 1)),
        nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.Linear(8, 3),
    ),
    "strides": lambda: Way(
        lambda x, a, b, c: c(torch.flatten(a(x) + b(x), 1)),
        nn.Conv2d(1, 2, 2, stride=2), nn.Conv2d(1, 2, 4, stride=2, padding=1), nn.Linear(8, 3),
    ),
    "a norm of earlier batches": lambda: Way(
        lambda x, a, n, c: c(torch.relu(n(a(x))).view(x.shape[0], -1)),
        conv(1), used(nn.BatchNorm2d(2)), nn.Linear(32, 3),
    ),
    "a norm of this picture": lambda: Way(
        lambda x, a, n, c: c(torch.relu(n(a(x))).reshape(-1, 32)),
        conv(1), nn.BatchNorm2d(2, track_running_stats=False), nn.Linear(32, 3),
    ),
    "a norm without scale": lambda: Way(
        lambda x, a, n, c: c(torch.flatten(n(a(x)), 1)),
        conv(1), nn.BatchNorm2d(2, affine=False, track_running_stats=False), nn.Linear(32, 3),
    ),
    "the mean of each channel": lambda: Way(
        lambda x, a, c: c(torch.relu(a(x)).mean(dim=(2, 3))), conv(1), nn.Linear(2, 3),
    ),
    "a window that does not reach the end": lambda: Way(
        lambda x, a, p, c: c(torch.flatten(p(a(x)), 1)),
        nn.Conv2d(1, 2, 2), nn.MaxPool2d(2), nn.Linear(2, 3),
    ),
    "zeros that are not all reached": lambda: Way(
        lambda x, a, c: c(torch.flatten(torch.relu(a(x)), 1)),
        nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Linear(8, 3),
    ),
    "a kernel that is no square": lambda: Way(
        lambda x, a, b, c: c(torch.flatten(a(x) * b(x), 1)),
        nn.Conv2d(1, 2, (1, 3)), nn.Conv2d(1, 2, (1, 3)), nn.Linear(16, 3),
    ),
    "a pool that gives one number": lambda: Way(
        lambda x, a, p, c: c(torch.flatten(p(torch.relu(a(x))), 1)),
        conv(1), nn.AdaptiveAvgPool2d(1), nn.Linear(2, 3),
    ),
    "the largest of each channel": lambda: Way(
        lambda x, a, p, c: c(torch.flatten(p(a(x)), 1) + a(x).amax((2, 3))),
        conv(1), nn.AdaptiveMaxPool2d((1, 1)), nn.Linear(2, 3),
    ),
    "axes of 1 left out": lambda: Way(
        lambda x, a, p, c: c(p(a(x)).squeeze((2, 3))), conv(1), nn.AdaptiveAvgPool2d(1),
        nn.Linear(2, 3),
    ),
    "another shape": lambda: Way(
        lambda x, c: c(torch.flatten(torch.tanh(x.view(1, 2, 2, 4)), 1)), nn.Linear(16, 3),
    ),
}  # fmt: skip


def same_as_torch(model: Any, x: Any, y: Any, loss: Any) -> None:
    model = model.double().eval()
    problem = backprop.from_torch(model, x, y, loss)
    assert "equations" in problem.text
    solution = problem.solve()
    value = loss(model(x), y)
    value.backward()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    ids = [step["id"] for step in solution.trace["steps"] if step["id"].startswith("dL/d")]
    found = [solution[id] for id in ids]
    for parameter in model.parameters():
        wanted = parameter.grad.numpy()
        same = [one for one in found if np.squeeze(one).shape == np.squeeze(wanted).shape]
        off = [np.abs(np.squeeze(one) - np.squeeze(wanted)).max() for one in same]
        assert min(off) <= 1e-9 * max(np.abs(wanted).max(), 1e-3)


def rows() -> Any:
    return torch.randn(4, 3, dtype=torch.float64)


@pytest.mark.parametrize("name", ROWS)
def test_gradients_of_samples_as_rows(name: str) -> None:
    torch.manual_seed(11)
    same_as_torch(ROWS[name](), rows(), torch.tensor([1, 0, 2, 1]), nn.CrossEntropyLoss())


@pytest.mark.parametrize("name", PICTURES)
def test_gradients_of_one_picture(name: str) -> None:
    torch.manual_seed(12)
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    same_as_torch(PICTURES[name](), x, torch.tensor([2]), nn.CrossEntropyLoss())


ONE_EACH: dict[str, Make] = {
    "a mean": lambda: Way(lambda x, a: a(x).mean(1), nn.Linear(3, 3)),
    "the largest": lambda: Way(lambda x, a: torch.tanh(a(x)).amax(dim=-1), nn.Linear(3, 3)),
    "squeezed": lambda: Way(lambda x, a: a(x).squeeze(1), nn.Linear(3, 1)),
    "all that are 1 long": lambda: Way(lambda x, a: a(x).squeeze(), nn.Linear(3, 1)),
    "of both": lambda: Way(lambda x, a, b: a(x).mean(-1) * torch.sigmoid(b(x).squeeze(-1)) + 1,
                           nn.Linear(3, 2), nn.Linear(3, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_EACH)
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.BCEWithLogitsLoss(reduction="sum")], ids=str)
def test_one_number_a_sample_without_an_axis_for_it(name: str, loss: Any) -> None:
    torch.manual_seed(16)
    x, y = rows(), torch.tensor([1.0, 0, 0, 1], dtype=torch.float64)
    same_as_torch(ONE_EACH[name](), x, y, loss)


@pytest.mark.parametrize(
    ("way", "y", "said"),
    [
        (lambda x, a: a(x).mean(1), torch.zeros(4, 1), "y is 4 × 1, and the model gives 4"),
        (lambda x, a: a(x).mean(1) + a(x), torch.zeros(4, 4), "has no axis for the one number"),
        (lambda x, a: a(a(x).mean(1)), torch.zeros(4), "has no axis for the one number"),
        (lambda x, a: torch.softmax(a(x).mean(1), 0), torch.zeros(4), "softmax"),
        (lambda x, a: a(x).squeeze(1), torch.zeros(4, 4), "squeeze leaves out axes .1. of 4 × 4"),
        (lambda x, a: a(x).mean((0, 1)), torch.zeros(()), "the mean over 0, 1"),
    ],
)
def test_what_would_be_compared_each_with_each_is_refused(way: Any, y: Any, said: str) -> None:
    model = Way(way, nn.Linear(4, 4)).double()
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(model, torch.zeros(4, 4, dtype=torch.float64), y, nn.MSELoss())


LOSSES: dict[str, tuple[Any, bool]] = {
    "mse": (nn.MSELoss(), False),
    "mse, summed": (nn.MSELoss(reduction="sum"), False),
    "l1": (nn.L1Loss(), False),
    "huber": (nn.HuberLoss(delta=0.5), False),
    "huber, summed": (nn.HuberLoss(delta=0.5, reduction="sum"), False),
    "smooth l1": (nn.SmoothL1Loss(beta=0.5), False),
    "logits": (nn.BCEWithLogitsLoss(), True),
    "logits, summed": (nn.BCEWithLogitsLoss(reduction="sum"), True),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("alone", [False, True])
def test_every_loss(name: str, alone: bool) -> None:
    torch.manual_seed(13)
    loss, of_classes = LOSSES[name]
    x, y = (rows()[0], rows()[0]) if alone else (rows(), rows())
    same_as_torch(ROWS["scaled"](), x, (y > 0).double() if of_classes else y, loss)


def test_a_log_softmax_is_part_of_its_loss() -> None:
    torch.manual_seed(14)
    model = nn.Sequential(ROWS["joined"](), nn.LogSoftmax(dim=1))
    same_as_torch(model, rows(), torch.tensor([1, 0, 2, 1]), nn.NLLLoss())


def test_cross_entropy_of_a_softmax_takes_it_for_logits() -> None:
    torch.manual_seed(15)
    model = nn.Sequential(ROWS["joined"](), nn.Softmax(dim=1))
    same_as_torch(model, rows(), torch.tensor([1, 0, 2, 1]), nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (lambda: Way(lambda x, a: torch.add(a(x), x, alpha=2), nn.Linear(3, 3)), "alpha"),
        (lambda: Way(lambda x, a: torch.cat([a(x), x], 0), nn.Linear(3, 3)), "along axis 0"),
        (lambda: Way(lambda x, a: torch.bmm(a(x), x), nn.Linear(3, 3)), "bmm takes 2 results"),
        (lambda: Way(lambda x, a: (a(x), x), nn.Linear(3, 2)), "several outputs"),
        (lambda: Way(lambda x, a: a(x.view(2, 2, 3)), nn.Linear(3, 3)), "view makes 2 × 2 × 3 of"),
        (lambda: Way(lambda x, a: a(x.view(4, 3, 1)), nn.Linear(3, 3)), "axes of its own"),
        (lambda: Way(lambda x, a: a(x.view(5, -1)), nn.Linear(3, 3)), "view makes 5 × -1 of 4 × 3"),
        (
            lambda: Way(lambda x, a: a(x).mean(0), nn.Linear(3, 3)),
            "classes are one number a sample",
        ),
        (lambda: Way(lambda x, a: a(x).mean(), nn.Linear(3, 3)), "the mean over everything"),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm2d(3)).train(), "takes a picture"),
        (lambda: Way(lambda x, a: a(x) * torch.cos(x), nn.Linear(3, 3)), "cos is not known"),
        (
            lambda: Way(
                lambda x, a, d: d(a(x)) + torch.relu(x), nn.Linear(3, 3), nn.Dropout()
            ).train(),
            "dropout is random",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name(way: Make, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(way(), rows(), torch.tensor([1, 0, 2, 1]), nn.CrossEntropyLoss())
