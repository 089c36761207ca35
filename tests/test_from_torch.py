"""Small models of PyTorch as problems: their gradients are those of PyTorch's own."""

from __future__ import annotations

import itertools
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
    "mish": lambda: sequence(nn.Linear(3, 4), nn.Mish(), nn.Linear(4, 2)),
    "softsign": lambda: sequence(nn.Linear(3, 4), nn.Softsign(), nn.Linear(4, 2)),
    "relu6": lambda: sequence(nn.Linear(3, 4), nn.ReLU6(), nn.Linear(4, 2)),
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
    "l1": (nn.L1Loss, NUMBERS),
    "huber": (lambda: nn.HuberLoss(delta=0.5), NUMBERS),
    "smooth l1": (lambda: nn.SmoothL1Loss(beta=0.5), NUMBERS),
    "smooth l1, summed": (lambda: nn.SmoothL1Loss(beta=2.0, reduction="sum"), NUMBERS),
    "smooth l1 without a curve": (lambda: nn.SmoothL1Loss(beta=0.0), NUMBERS),
    "bce, averaged": (nn.BCEWithLogitsLoss, (NUMBERS > 0).double()),
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


# Pictures and norms -------------------------------------------------------------------------------


PICTURES: dict[str, Any] = {
    "one channel": lambda: (sequence(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(9, 2)), (1, 4, 4)),
    "channels and filters": lambda: (
        sequence(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(27, 2)),
        (2, 4, 4),
    ),
    "padding and stride": lambda: (
        sequence(
            nn.Conv2d(2, 2, 3, stride=2, padding=1, bias=False), nn.Flatten(), nn.Linear(18, 2)
        ),
        (2, 5, 5),
    ),
    "pooling": lambda: (
        sequence(
            nn.Conv2d(1, 2, 2), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3),
            nn.ReLU(), nn.Linear(3, 2),
        ),
        (1, 5, 5),
    ),
    "means that overlap": lambda: (
        sequence(nn.AvgPool2d(3, stride=1), nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 2)),
        (1, 5, 5),
    ),
    "two convolutions": lambda: (
        sequence(
            nn.Conv2d(1, 2, 2), nn.SiLU(), nn.Conv2d(2, 2, (2, 2)), nn.MaxPool2d(2, 1),
            nn.Flatten(), nn.Dropout(), nn.Linear(4, 2),
        ),
        (1, 5, 4),
    ),
}  # fmt: skip
NORMS: dict[str, Any] = {
    "layer norm": lambda: sequence(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2)),
    "without scale": lambda: sequence(nn.LayerNorm(3, elementwise_affine=False), nn.Linear(3, 2)),
    "batch norm": lambda: sequence(nn.Linear(3, 4), nn.BatchNorm1d(4, eps=0.01), nn.Linear(4, 2)),
    "no statistics": lambda: sequence(
        nn.BatchNorm1d(3, track_running_stats=False), nn.ReLU(), nn.Linear(3, 2)
    ),
}


def with_numbers(model: Any) -> Any:
    """The same with other numbers in every parameter, in the scales and shifts of norms too."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.2, 0.7)
    return model.double()


NAMES = {
    "Linear": {"weight": "W", "bias": "b"},
    "Conv2d": {"weight": "K", "bias": "b"},
    "LayerNorm": {"weight": "gamma", "bias": "beta"},
    "BatchNorm1d": {"weight": "gamma", "bias": "beta"},
}
LAYERS = {*NAMES, "MaxPool2d", "AvgPool2d", "Flatten"}


def compared_by_layer(model: Any, x: Any, y: Any, loss: Any) -> None:
    problem = backprop.from_torch(model, x, y, loss)
    value = loss(model(x), y)
    value.backward()
    solution = problem.solve()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    layers = [one for one in model if type(one).__name__ in LAYERS]
    for number, layer in enumerate(layers, 1):
        for theirs, ours in NAMES.get(type(layer).__name__, {}).items():
            parameter = getattr(layer, theirs)
            if parameter is not None:
                found = np.asarray(solution[f"dL/d{ours}{number}"])
                wanted = parameter.grad.numpy().reshape(found.shape)
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.MSELoss(reduction="sum")], ids=str)
@pytest.mark.parametrize("name", PICTURES)
def test_convolutions_and_pooling_are_those_of_torch(name: str, loss: Any) -> None:
    torch.manual_seed(11)
    model, shape = PICTURES[name]()
    x = torch.randn(1, *shape, dtype=torch.float64)
    y = CLASSES[:1] if isinstance(loss, nn.CrossEntropyLoss) else NUMBERS[:1]
    compared_by_layer(with_numbers(model).eval(), x, y, loss)


@pytest.mark.parametrize("name", NORMS)
def test_norms_are_those_of_torch(name: str) -> None:
    torch.manual_seed(13)
    compared_by_layer(with_numbers(NORMS[name]()), inputs(), CLASSES, nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: nn.Conv2d(1, 1, 2, dilation=(1, 2)), "dilation=.1, 2."),
        (lambda: nn.Conv2d(1, 1, 2, stride=(1, 2)), "stride=.1, 2."),
        (lambda: nn.Conv2d(1, 1, 2, padding=1, padding_mode="reflect"), "padding_mode"),
        (lambda: nn.AvgPool2d(2, divisor_override=3), "divisor_override=3"),
        (lambda: nn.AdaptiveAvgPool2d(2), "AdaptiveAvgPool2d.2."),
        (lambda: nn.ConvTranspose2d(1, 1, 2, stride=(1, 2)), "ConvTranspose2d with stride=.1, 2."),
    ],
)
def test_what_windows_cannot_do_is_refused_by_name(model: Any, said: str) -> None:
    x = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(model().double(), x, model().double()(x).detach(), nn.MSELoss())


@pytest.mark.parametrize("channels", [1, 2])
def test_several_pictures_are_a_batch(channels: int) -> None:
    torch.manual_seed(17)
    model = with_numbers(
        sequence(
            nn.Conv2d(channels, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)
        )
    )
    x, y = torch.randn(3, channels, 5, 5, dtype=torch.float64), torch.tensor([0, 1, 1])
    solution = backprop.from_torch(model, x, y, nn.CrossEntropyLoss()).solve()
    loss = nn.CrossEntropyLoss()(model(x), y)
    loss.backward()
    assert solution["L"] == pytest.approx(loss.item(), rel=1e-9)
    for name, part in (("K1", model[0].weight), ("b1", model[0].bias), ("W4", model[4].weight)):
        have = np.asarray(solution[f"dL/d{name}"])
        np.testing.assert_allclose(have.ravel(), part.grad.numpy().ravel(), rtol=1e-9, atol=1e-14)


class Doubled(nn.Module):  # type: ignore[misc,name-defined]
    """A convolution that is added to itself, which no layers say."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 1, 2)

    def forward(self, x: Any) -> Any:
        z = self.one(x)
        return (z + z).flatten(1)


def test_several_pictures_in_equations_are_refused() -> None:
    with pytest.raises(backprop.Error, match="these are 2 pictures"):
        backprop.from_torch(Doubled(), torch.ones(2, 1, 3, 3), torch.zeros(2, 4), nn.MSELoss())


class Ending(nn.Module):  # type: ignore[misc,name-defined]
    """A linear layer, and a function behind it."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.one, self.end = nn.Linear(3, 2), end

    def forward(self, x: Any) -> Any:
        return self.end(self.one(x))


ENDS: dict[str, Any] = {
    "module": lambda: sequence(nn.Linear(3, 2), nn.LogSoftmax(dim=1)),
    "function": lambda: Ending(lambda z: nn.functional.log_softmax(z, dim=1)),
    "method": lambda: Ending(lambda z: z.log_softmax(-1)),
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ENDS)
def test_a_log_softmax_and_its_loss_are_one(name: str, reduction: str) -> None:
    torch.manual_seed(17)
    compared(ENDS[name](), inputs(), CLASSES, nn.NLLLoss(reduction=reduction))


FUNCTIONS: dict[str, Any] = {
    "softplus": nn.functional.softplus,
    "softmax": lambda z: torch.softmax(z, 1),
    "softmax, a method": lambda z: z.softmax(dim=-1),
    "leaky relu": nn.functional.leaky_relu,
    "leaky relu, 0.3": lambda z: nn.functional.leaky_relu(z, 0.3),
    "leaky relu, named": lambda z: nn.functional.leaky_relu(z, negative_slope=0.3),
    "elu": lambda z: nn.functional.elu(z, 0.5),
    "gelu": nn.functional.gelu,
    "relu6": nn.functional.relu6,
    "mish": nn.functional.mish,
    "softsign": nn.functional.softsign,
    "dropout, at rest": lambda z: nn.functional.dropout(torch.tanh(z), 0.5, training=False),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_as_functions(name: str) -> None:
    torch.manual_seed(19)
    compared(Ending(FUNCTIONS[name]), inputs(), NUMBERS, nn.MSELoss())


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (nn.functional.dropout, "dropout is random"),
        (lambda z: nn.functional.gelu(z, approximate="tanh"), "GELU with approximate='tanh'"),
        (lambda z: nn.functional.softplus(z, beta=2), "Softplus with beta=2"),
        (torch.sin, "sin is not known here"),
    ],
)
def test_functions_with_other_formulas_are_refused(end: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(Ending(end), inputs(), NUMBERS, nn.MSELoss())


def test_bce_averaged_over_outputs_behind_a_sigmoid() -> None:
    torch.manual_seed(23)
    y = (NUMBERS > 0).double()
    compared(sequence(nn.Linear(3, 2), nn.Sigmoid()), inputs(), y, nn.BCELoss())


class WithPicture(nn.Module):  # type: ignore[misc,name-defined]
    """A picture laid flat by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = sequence(nn.Conv2d(1, 2, 2), nn.ReLU())
        self.said = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.said(self.seen(x).flatten(1))


def test_a_picture_laid_flat_by_a_function() -> None:
    torch.manual_seed(29)
    model, x = WithPicture().double(), torch.randn(1, 1, 3, 3, dtype=torch.float64)
    loss, y = nn.CrossEntropyLoss(), torch.tensor([2])
    solution = backprop.from_torch(model, x, y, loss).solve()
    loss(model(x), y).backward()
    kernel = model.seen[0].weight.grad.numpy()
    np.testing.assert_allclose(np.reshape(solution["dL/dK1"], kernel.shape), kernel, rtol=1e-9)
    np.testing.assert_allclose(solution["dL/dW3"], model.said.weight.grad.numpy(), rtol=1e-9)


def test_classes_behind_a_picture_laid_flat() -> None:
    """As many as there are outputs, which no linear layer says."""
    torch.manual_seed(23)
    model = sequence(nn.Conv2d(1, 1, 2), nn.Flatten()).double()
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64)
    compared_by_layer(model, x, torch.tensor([2]), nn.CrossEntropyLoss())


def test_a_batch_norm_remembers_nothing_of_it() -> None:
    torch.manual_seed(29)
    model = sequence(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    backprop.from_torch(model, inputs(), NUMBERS, nn.MSELoss())
    assert model[1].num_batches_tracked.item() == 0


# Ways that meet -----------------------------------------------------------------------------------


class Way(nn.Module):  # type: ignore[misc,name-defined]
    """Layers a, b, c, … by their sizes, and what is done with them."""

    def __init__(self, does: Any, *layers: Any) -> None:
        super().__init__()
        self.does, self.layers = does, nn.ModuleList(layers)

    def forward(self, x: Any) -> Any:
        return self.does(x, *self.layers)


def residual(*layers: Any) -> Any:
    return Way(lambda x, inner: x + inner(x), sequence(*layers))


def added_in_place(x: Any, a: Any, b: Any, c: Any) -> Any:
    h = torch.tanh(a(x))
    out = b(h)
    out += h
    return c(out)


def at_both_ends(x: Any, a: Any, b: Any, c: Any) -> Any:
    h = torch.tanh(a(x))
    return c(torch.relu(b(h) + h) + h)


def of_two_before(x: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    h = torch.tanh(a(x))
    return d(torch.tanh(c(torch.tanh(b(h))) + h + x))


def linear(*sizes: int) -> list[Any]:
    return [nn.Linear(one, other) for one, other in itertools.pairwise(sizes)]


WAYS: dict[str, Any] = {
    "before the activation": lambda: Way(lambda x, a, b: b(torch.relu(a(x) + x)), *linear(3, 3, 2)),
    "behind it": lambda: Way(lambda x, a, b: b(torch.relu(a(x)) + x), *linear(3, 3, 2)),
    "as a function": lambda: Way(lambda x, a, b: b(torch.add(x, a(x))), *linear(3, 3, 2)),
    "as a method": lambda: Way(lambda x, a, b: b(a(x).add(x)), *linear(3, 3, 2)),
    "in place": lambda: Way(added_in_place, *linear(3, 4, 4, 2)),
    "at both ends": lambda: Way(at_both_ends, *linear(3, 4, 4, 2)),
    "of two before": lambda: Way(of_two_before, *linear(3, 3, 4, 3, 2)),
    "blocks": lambda: sequence(
        nn.Linear(3, 4), nn.Tanh(), residual(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4)),
        residual(nn.Linear(4, 3), nn.SiLU(), nn.Linear(3, 4)), nn.Linear(4, 2),
    ),
    "from x": lambda: sequence(
        residual(nn.Linear(3, 5), nn.Dropout(), nn.GELU(), nn.Linear(5, 3)), nn.Linear(3, 2)
    ),
    "behind a norm": lambda: sequence(
        residual(nn.LayerNorm(3), nn.Linear(3, 5), nn.ELU(), nn.Linear(5, 3)), nn.Linear(3, 2)
    ),
    "before a norm": lambda: sequence(
        residual(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)), nn.LayerNorm(3), nn.Linear(3, 2)
    ),
    "to the end": lambda: sequence(
        nn.Linear(3, 2), residual(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    ),
    "through a layer": lambda: Way(
        lambda x, a, b, c, around: c(torch.relu(around(x) + b(torch.tanh(a(x))))),
        *linear(3, 4, 5, 2), nn.Linear(3, 5, bias=False),
    ),
    "what nobody uses": lambda: Way(lambda x, a, b: (b(x), a(x))[1], *linear(3, 2), *linear(3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_what_is_added_on_the_way(name: str) -> None:
    """Every gradient that PyTorch has is one of the problem's, and the loss is the same."""
    torch.manual_seed(37)
    model, loss = WAYS[name]().double().eval(), nn.CrossEntropyLoss()
    solution = backprop.from_torch(model, inputs(), CLASSES, loss).solve()
    value = loss(model(inputs()), CLASSES)
    value.backward()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    ids = [step["id"] for step in solution.trace["steps"] if step["id"].startswith("dL/d")]
    found = [np.ravel(solution[id]) for id in ids]
    for parameter in model.parameters():
        if parameter.grad is not None:
            wanted = parameter.grad.numpy().ravel()
            same = [one for one in found if one.shape == wanted.shape]
            assert any(np.allclose(one, wanted, 1e-9, 1e-12) for one in same), tuple(wanted)


# What is not known --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [
        (lambda: sequence(nn.Linear(3, 2), nn.Hardswish()), nn.MSELoss(), "Hardswish"),
        (lambda: nn.Linear(3, 2), nn.KLDivLoss(), "KLDivLoss"),
        (lambda: nn.Linear(3, 2), nn.NLLLoss(), "belong together"),
        (lambda: sequence(nn.Linear(3, 2), nn.LogSoftmax(1)), nn.MSELoss(), "belong together"),
        (lambda: sequence(nn.Linear(3, 2), nn.LogSoftmax(0)), nn.NLLLoss(), "over the outputs"),
        (lambda: sequence(nn.Linear(3, 2), nn.Softplus(beta=3)), nn.MSELoss(), "beta=3"),
        (lambda: Ending(lambda z: nn.functional.softplus(z, 3)), nn.MSELoss(), "beta=3"),
        (lambda: Ending(lambda z: torch.softmax(z, 0)), nn.MSELoss(), "over the outputs"),
        (lambda: Ending(lambda z: nn.functional.softmax(z, dim=0)), nn.MSELoss(), "outputs"),
        (lambda: Ending(torch.flatten), nn.MSELoss(), "start_dim=0"),
        (lambda: nn.Linear(3, 2), nn.MSELoss(reduction="none"), "each sample"),
        (lambda: nn.Linear(3, 2), nn.CrossEntropyLoss(label_smoothing=0.1), "label_smoothing"),
        (lambda: sequence(nn.Linear(3, 2), nn.Dropout()), nn.MSELoss(), "eval"),
        (lambda: nn.Linear(300, 200), nn.MSELoss(), "by hand"),
        (nn.Identity, nn.MSELoss(), "no layer"),
        (lambda: nn.LayerNorm([4, 3]), nn.MSELoss(), "several axes"),
    ],
)
def test_what_is_not_known_is_refused_by_name(model: Any, loss: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(model(), inputs(), NUMBERS, loss)


def test_an_approximation_is_refused_by_its_option() -> None:
    model = sequence(nn.Linear(3, 4), nn.GELU(approximate="tanh"), nn.Linear(4, 2))
    with pytest.raises(backprop.Error, match="GELU with approximate='tanh' is not known here"):
        backprop.from_torch(model, torch.ones(2, 3), torch.ones(2, 2), nn.MSELoss())


# What PyTorch takes otherwise than it seems -------------------------------------------------------


@pytest.mark.parametrize("end", [nn.Softmax(dim=1), nn.Sigmoid()])
def test_outputs_taken_for_logits_are_what_pytorch_computes(end: Any) -> None:
    """A softmax before CrossEntropyLoss, which has one of its own: slow to learn, and no error."""
    torch.manual_seed(31)
    compared(sequence(nn.Linear(3, 2), end), inputs(), CLASSES, nn.CrossEntropyLoss())
    one = (NUMBERS[:, :1] > 0).double()
    compared(sequence(nn.Linear(3, 1), nn.Sigmoid()), inputs(), one, nn.BCEWithLogitsLoss())


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.MSELoss()])
def test_one_sample_alone(loss: Any) -> None:
    torch.manual_seed(37)
    y = CLASSES[0] if isinstance(loss, nn.CrossEntropyLoss) else NUMBERS[0]
    compared(sequence(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), inputs()[0], y, loss)


def test_targets_that_pytorch_would_compare_each_with_each_are_refused() -> None:
    with pytest.raises(backprop.Error, match="y is 4, and the model gives 4 × 1"):
        backprop.from_torch(nn.Linear(3, 1).double(), inputs(), NUMBERS[:, 0], nn.MSELoss())


def test_a_class_that_there_is_not_is_refused() -> None:
    labels = torch.tensor([0, -100, 1, 1])
    with pytest.raises(backprop.Error, match="no class -100"):
        backprop.from_torch(nn.Linear(3, 2).double(), inputs(), labels, nn.CrossEntropyLoss())


def test_a_hook_is_refused() -> None:
    model = sequence(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model[0].register_forward_hook(lambda module, given, out: 2 * out)
    with pytest.raises(backprop.Error, match="Linear has a hook"):
        backprop.from_torch(model, inputs(), NUMBERS, nn.MSELoss())
