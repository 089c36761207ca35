"""What a student hands in: the forward and backward pass of the network, with a mistake in it."""

import numpy as np


def backprop(X, Y, W1, b1, W2, b2):
    """Returns the gradients, and what was kept on the way."""
    m = len(X)
    Z1 = X @ W1 + b1
    A1 = np.maximum(0, Z1)
    Z2 = A1 @ W2 + b2
    E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    A2 = E / E.sum(axis=1, keepdims=True)
    dZ2 = (A2 - Y) / m
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (dA1 > 0)  # the mistake: the mask is that of Z1
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "dZ1": dZ1, "dA1": dA1, "dZ2": dZ2}
    cache = {"Z1": Z1, "A1": A1, "A2": A2}
    return {"grads": grads, "cache": cache}
