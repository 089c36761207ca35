"""The same training written for others: NumPy by hand, PyTorch, JAX, autograd.

Each gives a function that makes so many steps of gradient descent (rate η, summed cross-entropy)
from the first weights on, and returns the loss before the last of them. Peers that are not
installed are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from benchmarks.networks import Arrays

Train: TypeAlias = Callable[[int], float]


def by_hand(net: Arrays, rate: float) -> Train:
    """Two layers in NumPy, every intermediate given a name, as one writes it by hand."""
    X, Y = net.X, net.Y

    def train(steps: int) -> float:
        (W1, W2), (b1, b2) = net.W, net.b
        loss = 0.0
        for _ in range(steps):
            Z1 = X @ W1 + b1
            H1 = 1 / (1 + np.exp(-Z1))
            Z2 = H1 @ W2 + b2
            powers = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
            Yhat = powers / powers.sum(axis=1, keepdims=True)
            loss = -np.sum(Y * np.log(Yhat))
            dZ2 = Yhat - Y
            dW2 = H1.T @ dZ2
            db2 = dZ2.sum(axis=0)
            dH1 = dZ2 @ W2.T
            dZ1 = dH1 * H1 * (1 - H1)
            dW1 = X.T @ dZ1
            db1 = dZ1.sum(axis=0)
            W1, b1 = W1 - rate * dW1, b1 - rate * db1
            W2, b2 = W2 - rate * dW2, b2 - rate * db2
        return float(loss)

    return train


def by_hand_for_one_sample(net: Arrays, rate: float) -> Train:
    """The same for one sample, in vectors."""
    x, y = net.X[0], net.Y[0]

    def train(steps: int) -> float:
        (W1, W2), (b1, b2) = net.W, net.b
        loss = 0.0
        for _ in range(steps):
            z1 = W1.T @ x + b1
            h1 = 1 / (1 + np.exp(-z1))
            z2 = W2.T @ h1 + b2
            powers = np.exp(z2 - z2.max())
            yhat = powers / powers.sum()
            loss = -(y @ np.log(yhat))
            dz2 = yhat - y
            dW2 = np.outer(h1, dz2)
            dz1 = (W2 @ dz2) * h1 * (1 - h1)
            dW1 = np.outer(x, dz1)
            W1, b1 = W1 - rate * dW1, b1 - rate * dz1
            W2, b2 = W2 - rate * dW2, b2 - rate * dz2
        return float(loss)

    return train


def by_torch(net: Arrays, rate: float, activation: str = "Sigmoid", threads: int = 1) -> Train:
    """PyTorch as it is usually used: modules, a loss, backward(), an optimizer."""
    import torch

    torch.set_num_threads(threads)
    X, Y = torch.from_numpy(net.X), torch.from_numpy(net.Y.argmax(axis=1))
    layers: list[Any] = []
    for weights, bias in zip(net.W, net.b, strict=True):
        linear = torch.nn.Linear(*weights.shape, dtype=torch.float64)
        linear.weight.data = torch.from_numpy(weights.T.copy())
        linear.bias.data = torch.from_numpy(bias.copy())
        layers += [linear, getattr(torch.nn, activation)()]
    model = torch.nn.Sequential(*layers[:-1])
    first = {name: value.clone() for name, value in model.state_dict().items()}
    criterion = torch.nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)

    def train(steps: int) -> float:
        model.load_state_dict(first)
        loss = torch.zeros(())
        for _ in range(steps):
            optimizer.zero_grad()
            loss = criterion(model(X), Y)
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    return train


def by_jax(net: Arrays, rate: float, compile_anew: bool) -> Train:
    """JAX: all steps in one compiled loop, compiled once or anew each time."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    X, Y = jnp.asarray(net.X), jnp.asarray(net.Y)
    first = [(jnp.asarray(w), jnp.asarray(b)) for w, b in zip(net.W, net.b, strict=True)]

    def loss_of(layers: Any) -> Any:
        (W1, b1), (W2, b2) = layers
        hidden = jax.nn.sigmoid(X @ W1 + b1)
        return -jnp.sum(Y * jax.nn.log_softmax(hidden @ W2 + b2))

    def made() -> Any:
        def step(_: Any, state: Any) -> Any:
            layers, _loss = state
            loss, slopes = jax.value_and_grad(loss_of)(layers)
            return jax.tree.map(lambda value, slope: value - rate * slope, layers, slopes), loss

        return jax.jit(lambda steps, layers: jax.lax.fori_loop(0, steps, step, (layers, 0.0)))

    once = made()

    def train(steps: int) -> float:
        if compile_anew:
            jax.clear_caches()
        run = made() if compile_anew else once
        return float(run(steps, first)[1])

    return train


def by_autograd(net: Arrays, rate: float) -> Train:
    """autograd: NumPy whose calls are recorded."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    def loss_of(layers: Any) -> Any:
        (W1, b1), (W2, b2) = layers
        hidden = 1 / (1 + anp.exp(-(anp.dot(net.X, W1) + b1)))
        logits = anp.dot(hidden, W2) + b2
        top = anp.max(logits, axis=1, keepdims=True)
        total = anp.log(anp.sum(anp.exp(logits - top), axis=1, keepdims=True)) + top
        return -anp.sum(net.Y * (logits - total))

    slopes_of = value_and_grad(loss_of)

    def train(steps: int) -> float:
        layers = list(zip(net.W, net.b, strict=True))
        loss = 0.0
        for _ in range(steps):
            loss, slopes = slopes_of(layers)
            layers = [
                (w - rate * dw, b - rate * db)
                for (w, b), (dw, db) in zip(layers, slopes, strict=True)
            ]
        return float(loss)

    return train


def there(make: Callable[[], Train]) -> Train | None:
    """The peer; None where it is not installed."""
    try:
        return make()
    except ImportError:
        return None
