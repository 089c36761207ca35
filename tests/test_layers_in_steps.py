"""Layers of type batch-norm, layer-norm, attention and embedding, and dropout behind any layer.

Values and gradients are those of PyTorch, whichever way the file writes its layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

WAYS = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def written(matrix: Any, affine: str) -> Any:
    """An inputs × units matrix as a file with this convention has it."""
    return (matrix if affine in ("W^T x + b", "x W + b") else matrix.T).tolist()


def read(array: Any, affine: str) -> Any:
    """A quantity of a batch with a sample a row."""
    return np.asarray(array).T if affine.startswith("W") else np.asarray(array)


def drawn(seed: int, **shapes: tuple[int, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("affine", WAYS)
@pytest.mark.parametrize("kind", ["batch-norm", "layer-norm"])
@pytest.mark.parametrize("dropout", ["none", "one mask", "a mask a sample"])
def test_norms_and_dropout_in_a_network(affine: str, kind: str, dropout: str) -> None:
    torch = pytest.importorskip("torch")
    one = drawn(len(affine), X=(4, 2), W1=(2, 3), gamma2=(3,), beta2=(3,), W3=(3, 2), Y=(4, 2))
    mask = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1]])
    mask = mask if dropout == "a mask a sample" else mask[:1]
    norm: dict[str, Any] = {
        "type": kind,
        "scale": one["gamma2"].tolist(),
        "shift": one["beta2"].tolist(),
        "epsilon": 0.1,
        "activation": "relu",
    }
    if dropout != "none":
        typed = mask if dropout == "a mask a sample" else mask[0]
        norm["dropout"] = {"mask": typed.tolist(), "keep": 0.8}
    found = backprop.load(
        {
            "convention": {"affine": affine},
            "x": one["X"].tolist(),
            "y": one["Y"].tolist(),
            "layers": [
                {"weights": written(one["W1"], affine)},
                norm,
                {"weights": written(one["W3"], affine)},
            ],
            "loss": {"name": "squared-error", "over_samples": "sum"},
        }
    ).solve()
    leaf = {name: torch.tensor(value, requires_grad=True) for name, value in one.items()}
    z = leaf["X"] @ leaf["W1"]
    f = torch.nn.functional
    if kind == "batch-norm":
        z = f.batch_norm(z, None, None, leaf["gamma2"], leaf["beta2"], training=True, eps=0.1)
    else:
        z = f.layer_norm(z, (3,), leaf["gamma2"], leaf["beta2"], eps=0.1)
    h = z.relu()
    if dropout != "none":
        h = h * torch.tensor(mask) / 0.8
    loss = ((h @ leaf["W3"] - leaf["Y"]) ** 2).sum()
    loss.backward()
    close(found["L"], loss.item())
    close(read(found["H2"], affine), h.detach())
    for name in ("W1", "W3"):
        close(written(leaf[name].grad.numpy(), affine), found[f"dL/d{name}"])
    for name in ("gamma2", "beta2"):
        close(found[f"dL/d{name}"], leaf[name].grad)
    close(read(found["dL/dX"], affine), leaf["X"].grad)


@pytest.mark.parametrize("affine", WAYS)
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("mask", [None, "causal"])
def test_rows_of_a_table_go_through_attention(affine: str, heads: int, mask: str | None) -> None:
    torch = pytest.importorskip("torch")
    one = drawn(7, E1=(5, 3), WQ2=(3, 4), WK2=(3, 4), WV2=(3, 2), gamma3=(2,), W5=(6, 2))
    rows = [3, 0, 3]
    attention = {"type": "attention", "heads": heads, **({"mask": mask} if mask else {})}
    for key, name in (("query", "WQ2"), ("key", "WK2"), ("value", "WV2")):
        attention[key] = written(one[name], affine)
    found = backprop.load(
        {
            "convention": {"affine": affine},
            "input": "sequence",
            "x": [row + 1 for row in rows],
            "y": [1, 0],
            "layers": [
                {"type": "embedding", "table": one["E1"].tolist()},
                attention,
                {"type": "layer-norm", "scale": one["gamma3"].tolist(), "epsilon": 0.5},
                {"type": "flatten"},
                {"weights": written(one["W5"], affine), "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    ).solve()
    leaf = {name: torch.tensor(value, requires_grad=True) for name, value in one.items()}
    f = torch.nn.functional
    h = f.embedding(torch.tensor(rows), leaf["E1"])

    def of_heads(a: Any) -> Any:
        return a.reshape(3, heads, -1).transpose(0, 1)

    a = f.scaled_dot_product_attention(
        *(of_heads(h @ leaf[name]) for name in ("WQ2", "WK2", "WV2")), is_causal=mask is not None
    )
    h = f.layer_norm(a.transpose(0, 1).reshape(3, 2), (2,), leaf["gamma3"], eps=0.5)
    loss = f.cross_entropy((h.reshape(-1) @ leaf["W5"])[None], torch.tensor([0]))
    loss.backward()
    close(found["L"], loss.item())
    close(found["H3"], h.detach())
    for name in ("WQ2", "WK2", "WV2", "W5"):
        close(written(leaf[name].grad.numpy(), affine), found[f"dL/d{name}"])
    for name in ("E1", "gamma3"):
        close(found[f"dL/d{name}"], leaf[name].grad)
    assert (found["dL/dE1"][[1, 2, 4]] == 0).all()


@pytest.mark.parametrize("affine", WAYS)
@pytest.mark.parametrize("at", ["every-step", "last-step"])
@pytest.mark.parametrize("source", ["sequence", "embedding", "attention"])
def test_a_dense_layer_behind_a_sequence_takes_each_of_its_vectors(
    affine: str, at: str, source: str
) -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    shapes = dict.fromkeys(("WQ2", "WK2", "WV2", "W3", "W4"), (2, 2))
    one = drawn(len(affine) + len(at), E1=(4, 2), b3=(2,), **shapes)
    rows = [3, 0, 2]
    keys = (("query", "WQ2"), ("key", "WK2"), ("value", "WV2"))
    attention: dict[str, Any] = {"type": "attention"}
    attention |= {key: written(one[name], affine) for key, name in keys}
    first: dict[str, list[dict[str, Any]]] = {
        "sequence": [],
        "embedding": [{"type": "embedding", "table": one["E1"].tolist()}],
        "attention": [{"type": "embedding", "table": one["E1"].tolist()}, attention],
    }
    dense = [
        {"weights": written(one["W3"], affine), "bias": one["b3"].tolist(), "activation": "tanh"},
        {"weights": written(one["W4"], affine), "activation": "softmax", "at": at},
    ]
    number = len(first[source]) + 1
    every = at == "every-step"
    labels = [0, 1, 1] if every else [1]
    y = np.eye(2)[labels] if every else np.eye(2)[1]
    found = backprop.load(
        {
            "convention": {"affine": affine},
            "input": "sequence" if source == "sequence" else "samples",
            "x": one["E1"][rows].tolist() if source == "sequence" else [row + 1 for row in rows],
            "layers": [*first[source], *dense],
            "y": y.tolist(),
            "loss": "cross-entropy",
        }
    ).solve()
    leaf = {name: torch.tensor(value, requires_grad=True) for name, value in one.items()}
    h = leaf["E1"][rows]
    if source == "attention":
        q, k, v = (h @ leaf[name] for _, name in keys)
        h = torch.softmax(q @ k.T / 2**0.5, 1) @ v
    h = torch.tanh(h @ leaf["W3"] + leaf["b3"])
    out = h @ leaf["W4"]
    loss = f.cross_entropy(out if every else out[-1:], torch.tensor(labels), reduction="sum")
    loss.backward()
    close(found["L"], loss.item())
    close(written(leaf["W3"].grad.numpy(), affine), found[f"dL/dW{number}"])
    close(written(leaf["W4"].grad.numpy(), affine), found[f"dL/dW{number + 1}"])
    close(found[f"dL/db{number}"], leaf["b3"].grad)
    if source != "sequence":
        close(found["dL/dE1"], leaf["E1"].grad)
    if source == "attention":
        for _, name in keys:
            close(written(leaf[name].grad.numpy(), affine), found[f"dL/d{name}"])


def test_the_steps_of_layers_have_the_letters_of_textbooks() -> None:
    text = backprop.load(
        {
            "x": [[1, 2], [3, 0]],
            "layers": [{"type": "batch-norm", "scale": [2, 1], "shift": [0, 1]}],
            "y": [[1, 0], [0, 1]],
            "loss": "squared-error",
        }
    ).solve()
    page = text.render("text")
    for symbol in ("μ¹", "σ²⁽¹⁾", "X̂¹", "γ¹", "β¹"):
        assert symbol in page
    assert "mean of each row" in page  # samples are columns


def test_the_shift_of_a_layer_and_the_constants_of_adam_are_told_apart() -> None:
    page = (
        backprop.load(
            {
                "x": [[1, 2], [3, 0]],
                "layers": [
                    {"weights": [[1, 2], [0, 1]]},
                    {"type": "batch-norm", "scale": [2, 1], "shift": [0, 1]},
                ],
                "y": [[1, 0], [0, 1]],
                "loss": "squared-error",
                "update": {"rule": "adam", "learning_rate": 0.1},
            }
        )
        .solve()
        .render("text")
    )
    assert "β₁ = 0.9   β₂ = 0.999" in page
    assert "β²⁺ = β² − η · m̂(β²)" in page
    assert "β¹" not in page


def test_letters_of_a_norm() -> None:
    problem = backprop.load(
        {
            "inputs": "N",
            "samples": "M",
            "layers": [
                {"units": "K"},
                {"type": "batch-norm", "scale": True, "shift": True, "activation": "relu"},
                {"units": 2, "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    )
    page = problem.derive().render("text")
    assert "∂L/∂γ²" in page
    assert "(K)" in page


@pytest.mark.parametrize(
    ("layers", "more", "said"),
    [
        ([{"type": "batch-norm"}], {"x": [1, 2]}, "there is one sample"),
        ([{"type": "layer-norm", "scale": [1, 2, 3]}], {"x": [1, 2]}, "the scale of layer 1 is a"),
        ([{"type": "layer-norm", "gamma": [1, 2]}], {"x": [1, 2]}, "scale"),
        ([{"type": "layer-norm", "epsilon": -1}], {"x": [1, 2]}, "at least 0"),
        ([{"type": "layer-norm", "scale": True}], {"x": [1, 2]}, "has no numbers"),
        ([{"type": "attention"}], {"x": [1, 2]}, "missing"),
        (
            [{"type": "attention", "query": [[1]], "key": [[1]], "value": [[1]]}],
            {"x": [1, 2]},
            "attention takes a sequence",
        ),
        (
            [{"type": "attention", "query": [[1]], "key": [[1]], "value": [[1, 2]]}],
            {"x": [1, 2], "input": "sequence"},
            "the value weights of layer 1",
        ),
        (
            [{"type": "attention", "query": [[1]], "key": [[1]], "value": [[1]], "heads": 2}],
            {"x": [1, 2], "input": "sequence"},
            "1 columns cannot be shared out to 2 heads",
        ),
        ([{"type": "embedding", "table": [[1], [2]]}], {"x": [3]}, "no rows of the table"),
        ([{"type": "embedding", "table": [[1], [2]]}], {"x": [1.5]}, "no rows of the table"),
        ([{"type": "embedding", "table": [1, 2]}], {"x": [1]}, "the table of layer 1"),
        (
            [{"type": "layer-norm"}, {"type": "embedding", "table": [[1], [2]]}],
            {"x": [1, 2]},
            "it is the first layer",
        ),
        (
            [{"weights": [[1, 2]], "dropout": {"mask": [1, 0], "keep": 0.5}}],
            {"x": [1, 2]},
            "the mask of layer 1 is a vector of 2",
        ),
        ([{"weights": [[1]], "dropout": {"mask": [0.5], "keep": 1}}], {"x": [1]}, "a 1 for each"),
        ([{"weights": [[1]], "dropout": {"mask": [1], "keep": 0}}], {"x": [1]}, "above 0"),
        ([{"weights": [[1]], "dropout": {"mask": [1], "p": 0.5}}], {"x": [1]}, "keep"),
        (
            [{"type": "embedding", "table": [[1], [2]]}, {"weights": [[1, 3]]}],
            {"x": [1, 2]},
            "gives 1 at each step.*or - {type: flatten}",
        ),
    ],
)
def test_layers_that_do_not_fit(layers: list[Any], more: dict[str, Any], said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        backprop.load({"layers": layers, **more})


def test_dropout_is_named_where_it_is_forgotten() -> None:
    """Without rescaling, and without the mask on the way back."""
    problem = {
        "x": [1, 2],
        "y": [1],
        "layers": [
            {
                "weights": [[1, 0.5], [0.3, -1], [2, 1]],
                "activation": "tanh",
                "dropout": {"mask": [1, 0, 1], "keep": 0.8},
            },
            {"weights": [[0.5, 2, -1]]},
        ],
        "loss": "half-squared-error",
    }
    z = np.array([[1, 0.5], [0.3, -1], [2, 1]]) @ [1, 2]
    mask, w = np.array([1, 0, 1]), np.array([0.5, 2, -1])
    unscaled = mask * np.tanh(z)
    report = backprop.load(problem).check({"Z1": texts(z), "H1": texts(unscaled)})
    assert report.first_wrong == "H1"
    assert "factor-left-out" in report["H1"].slips
    h = unscaled / 0.8
    yhat = w @ h
    back = (yhat - 1) * w * (1 - np.tanh(z) ** 2) / 0.8
    right = {"Z1": texts(z), "H1": texts(h), "Yhat": texts([yhat])}
    right["dL/dYhat"] = texts([yhat - 1])
    right["dL/dH1"] = texts((yhat - 1) * w)
    report = backprop.load(problem).check({**right, "dL/dZ1": texts(back)})
    assert report.first_wrong == "dL/dZ1"
    assert "factor-left-out" in report["dL/dZ1"].slips
    report = backprop.load(problem).check({**right, "dL/dZ1": texts(back * mask)})
    assert report["dL/dZ1"].verdict == "correct"


def texts(values: Any) -> list[str]:
    return [f"{value:.4f}" for value in np.ravel(values)]


# A slope that is trained --------------------------------------------------------------------------


@pytest.mark.parametrize("affine", WAYS)
def test_the_slope_of_a_prelu_is_trained_with_the_layer(affine: str) -> None:
    v = drawn(5, x=(4, 3), w=(3, 2), u=(2, 2), y=(4, 2))
    text = {
        "convention": {"affine": affine},
        "x": v["x"].tolist(),
        "y": v["y"].tolist(),
        "layers": [
            {"weights": written(v["w"], affine), "activation": {"name": "prelu", "slope": 0.4}},
            {"weights": written(v["u"], affine)},
        ],
        "loss": {"name": "half-squared-error", "over_samples": "sum"},
        "update": {"rule": "sgd", "learning_rate": 0.1},
    }
    z = v["x"] @ v["w"]
    assert z.min() < 0 < z.max()
    error = np.where(z > 0, z, 0.4 * z) @ v["u"] - v["y"]
    back = error @ v["u"].T
    solution = backprop.load(text).solve()
    close(read(solution["dL/dZ1"], affine), back * np.where(z > 0, 1, 0.4))
    close(solution["dL/dalpha1"], np.sum(back * np.where(z > 0, 0, z)))
    close(solution["alpha1_new"], 0.4 - 0.1 * np.sum(back * np.where(z > 0, 0, z)))
    text["layers"][0]["train"] = False
    assert "alpha1_new" not in backprop.load(text).solve().trace["parameters"]


def test_the_slope_of_a_prelu_is_one_over_time_and_behind_what_has_no_weights() -> None:
    """h = z, or 0.25 z below 0, at both steps; the pooled numbers are -4 and 2."""
    steps = """
x: [[1], [-3]]
input: sequence
y: [0]
layers:
  - {type: rnn, input_weights: [[2]], recurrent_weights: [[1]], activation: prelu, at: last-step}
loss: half-squared-error
"""  # z = 2, h = 2; z = -6 + 2 = -4, h = -1
    solution = backprop.load(steps).solve()
    assert (solution["Yhat"].item(), solution["dL/dalpha1"].item()) == (-1.0, (-1.0) * -4.0)
    pooled = """
x: [[-4, -5, 1, 2], [-6, -9, 0, 1]]
input: picture
y: [0, 0]
layers: [{type: max-pool, size: 2, activation: prelu}, {type: flatten}]
loss: half-squared-error
"""
    found = backprop.load(pooled).solve()
    assert found["Yhat"].tolist() == [-1.0, 2.0]
    assert found["dL/dalpha1"].item() == (-1.0) * -4.0
