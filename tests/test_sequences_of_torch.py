"""Tables, attention and steps in time of PyTorch: their gradients are those of its own autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn


class Model(nn.Module):  # type: ignore[misc,name-defined]
    """A body, a linear layer, and how one is called behind the other."""

    def __init__(self, body: Any, end: Any, how: Callable[..., Any], mask: Any = None) -> None:
        super().__init__()
        self.body, self.end, self.how = body, end, how
        self.register_buffer("mask", mask)

    def forward(self, x: Any) -> Any:
        return self.how(self, x)


def numbers(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64)


def compared(model: Any, x: Any, y: Any, loss: Any = None) -> backprop.Solution:
    """The loss and every gradient; of gates side by side those of each."""
    model, loss = model.double(), loss or nn.MSELoss()
    solution = backprop.from_torch(model, x, y, loss).solve()
    value = loss(model(x), y)
    value.backward()
    assert float(solution["L"]) == pytest.approx(value.item(), rel=1e-9)
    ours = [solution[id] for id in solution.names if id.startswith("dL/d")]
    for name, parameter in model.named_parameters():
        wanted, ways = parameter.grad.numpy(), []
        for count in (1, 3, 4):  # gates that PyTorch keeps in one matrix
            parts = np.split(wanted, count) if len(wanted) % count == 0 else []
            ways.append(bool(parts) and all(is_among(part, ours) for part in parts))
        assert any(ways), name
    return solution


def is_among(wanted: Any, ours: list[Any]) -> bool:
    same = [one for one in ours if one.shape == wanted.shape]
    return any(np.allclose(one, wanted, rtol=1e-9, atol=1e-12) for one in same)


LAST: Callable[..., Any] = lambda model, x: model.end(model.body(x)[0][-1])  # noqa: E731
EACH: Callable[..., Any] = lambda model, x: model.end(model.body(x)[0])  # noqa: E731


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_steps_in_time(kind: Any, layers: int) -> None:
    torch.manual_seed(19)
    x = numbers(4, 3)
    compared(Model(kind(3, 2, num_layers=layers), nn.Linear(2, 3), LAST), x, numbers(3))
    compared(
        Model(kind(3, 2, num_layers=layers, bias=False), nn.Linear(2, 3), EACH), x, numbers(4, 3)
    )


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_last_state_behind_a_table_of_letters(kind: Any) -> None:
    torch.manual_seed(23)

    def how(model: Any, x: Any) -> Any:
        states = model.body[1](model.body[0](x))[1]
        return model.end((states[0] if kind is nn.LSTM else states)[-1])

    body = nn.ModuleList([nn.Embedding(4, 3), kind(3, 2)])
    letters, label = torch.tensor([2, 0, 2, 1]), torch.tensor(1)
    solution = compared(Model(body, nn.Linear(2, 3), how), letters, label, nn.CrossEntropyLoss())
    assert not solution["dL/dE1"][3].any()  # no letter takes that row


def test_the_other_activation_of_a_plain_network() -> None:
    torch.manual_seed(29)
    body = nn.RNN(3, 2, nonlinearity="relu")
    compared(Model(body, nn.Linear(2, 3), EACH), numbers(4, 3), numbers(4, 3))


@pytest.mark.parametrize("ends", ["each", "mean", "largest"])
def test_rows_of_a_table(ends: str) -> None:
    torch.manual_seed(31)
    how = {
        "each": lambda model, x: model.end(model.body(x)),
        "mean": lambda model, x: model.end(model.body(x).mean(0)),
        "largest": lambda model, x: model.end(model.body(x).amax(dim=0)),
    }[ends]
    y = numbers(4, 2) if ends == "each" else numbers(2)
    compared(Model(nn.Embedding(4, 3), nn.Linear(3, 2), how), torch.tensor([2, 0, 2, 1]), y)


AHEAD = torch.triu(torch.ones(5, 5, dtype=torch.float64), 1).bool()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "mask", [None, AHEAD, torch.zeros(5, 5, dtype=torch.float64).masked_fill(AHEAD, -torch.inf)]
)
def test_attention(mask: Any, bias: bool) -> None:
    torch.manual_seed(37)

    def how(model: Any, x: Any) -> Any:
        return model.end(x + model.body(x, x, value=x, attn_mask=model.mask)[0])

    body = nn.MultiheadAttention(4, 2, bias=bias)
    compared(Model(body, nn.Linear(4, 2), how, mask), numbers(5, 4), numbers(5, 2))


THRICE: Callable[..., Any] = lambda model, x: model.end(  # noqa: E731
    model.body(x, x, x, attn_mask=model.mask)[0]
)


@pytest.mark.parametrize(
    ("model", "x", "y", "said"),
    [
        (lambda: nn.GRU(3, 2), (4, 3), (4, 2), "several results at once"),
        (lambda: Model(nn.RNN(3, 2, bidirectional=True), nn.Linear(4, 2), EACH), (4, 3), (4, 2),
         "RNN with bidirectional=True"),
        (lambda: Model(nn.LSTM(3, 2), nn.Linear(2, 2), EACH), (1, 4, 3), (1, 4, 2),
         "LSTM takes one sequence"),
        (lambda: Model(nn.LSTM(3, 2, proj_size=1), nn.Linear(1, 2), EACH), (4, 3), (4, 2),
         "LSTM with proj_size=1"),
        (lambda: Model(nn.MultiheadAttention(4, 2), nn.Linear(4, 2), THRICE, numbers(5, 5)), (5, 4),
         (5, 2), "another mask than the causal one"),
        (lambda: Model(nn.MultiheadAttention(4, 2, kdim=3), nn.Linear(4, 2), THRICE), (5, 4),
         (5, 2), "kdim or vdim"),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.Embedding(4, 3)), (2, 3), (2, 3),
         "Embedding takes whole numbers"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(model: Any, x: Any, y: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(model().double(), numbers(*x), numbers(*y), nn.MSELoss())


@pytest.mark.parametrize(
    ("table", "rows", "said"),
    [
        (lambda: nn.Embedding(4, 2, padding_idx=0), [1, 2], "Embedding with padding_idx=0"),
        (lambda: nn.Embedding(4, 2), [[1, 2]], "Embedding takes whole numbers"),
        (lambda: nn.Embedding(4, 2), [1, 4], "a table of 4 rows has no row 4"),
    ],
)
def test_tables_that_are_not_known(table: Any, rows: Any, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.from_torch(table().double(), torch.tensor(rows), numbers(2, 2), nn.MSELoss())
