"""Programs as people show them where they ask why theirs does not learn."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# Lists counted from behind, samples in columns ----------------------------------------------------

_BEHIND_SOURCE = """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

m = X.shape[1]
weights, biases = [W1, W2, W3], [b1, b2, b3]
activation = X
activations, zs = [X], []
for w, b in zip(weights, biases):
    z = np.dot(w, activation) + b
    zs.append(z)
    activation = sigmoid(z)
    activations.append(activation)
cost = 0.5 * np.sum((activations[-1] - Y) ** 2) / m
nabla_w = [np.zeros_like(w) for w in weights]
nabla_b = [np.zeros_like(b) for b in biases]
deltas = {}
delta = (activations[-1] - Y) * sigmoid_prime(zs[-1])
deltas[1] = delta
nabla_b[-1] = np.sum(delta, axis=1, keepdims=True) / m
nabla_w[-1] = np.dot(delta, activations[-2].T) / m
for l in range(2, 4):
    sp = sigmoid_prime(zs[-l])
    delta = np.dot(weights[-l + 1].T, delta) * sp
    deltas[l] = delta
    nabla_b[-l] = np.sum(delta, axis=1, keepdims=True) / m
    nabla_w[-l] = np.dot(delta, activations[-l - 1].T) / m
new_weights = [w - eta * nw for w, nw in zip(weights, nabla_w)]
new_biases = [b - eta * nb for b, nb in zip(biases, nabla_b)]
"""
_BEHIND_X, _BEHIND_Y = numbers(2101, 5, 4), [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1],
                                             [1, 1, 0, 0], [0, 1, 1, 0]]  # fmt: skip
_BEHIND: dict[str, Any] = {
    "X": turned(_BEHIND_X),
    "Y": turned(_BEHIND_Y),
    **{f"W{k}": numbers(2101 + k, 4, 4) for k in (1, 2, 3)},
    **{f"b{k}": numbers(2105 + k, 4, 1) for k in (1, 2, 3)},
}
BEHIND = Network(
    "lists counted from behind",
    {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "x": _BEHIND_X,
        "y": _BEHIND_Y,
        "layers": [
            {
                "weights": _BEHIND[f"W{k}"],
                "bias": [row[0] for row in _BEHIND[f"b{k}"]],
                "activation": "sigmoid",
            }
            for k in (1, 2, 3)
        ],
        "loss": "half-squared-error",
        "update": {"rule": "sgd", "learning_rate": 3},
    },
    _BEHIND_SOURCE,
    {**_BEHIND, "eta": 3.0},
    (
        *(f"Z{k}=zs[{k - 1}]" for k in (1, 2, 3)),
        *(f"H{k}=activations[{k}]" for k in (1, 2)),
        *"Yhat=activations[3] L=cost dZ3=deltas[1] dZ2=deltas[2] dZ1=deltas[3]".split(),
        *(f"dW{k}=nabla_w[{k - 1}]" for k in (3, 2, 1)),
        *(f"db{k}=nabla_b[{k - 1}]" for k in (3, 2, 1)),
        *(f"W{k}_new=new_weights[{k - 1}]" for k in (1, 2, 3)),
        *(f"b{k}_new=new_biases[{k - 1}]" for k in (1, 2, 3)),
    ),
)

# Digits in columns, everything in functions -------------------------------------------------------

_DIGITS_SOURCE = """
def ReLU(Z):
    return np.maximum(Z, 0)

def softmax(Z):
    return np.exp(Z) / sum(np.exp(Z))

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = ReLU(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2

def one_hot(Y):
    one_hot_Y = np.zeros((Y.size, 3), dtype=X.dtype)
    one_hot_Y[np.arange(Y.size), Y] = 1
    return one_hot_Y.T

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    dZ2 = A2 - one_hot(Y)
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * np.sum(dZ2, 1, keepdims=True)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * np.sum(dZ1, 1, keepdims=True)
    return dZ2, dW2, db2, dZ1, dW1, db1

m = X.shape[1]
Z1, A1, Z2, A2 = forward_prop(W1, b1, W2, b2, X)
loss = -np.mean(np.log(A2[labels, np.arange(m)]))
dZ2, dW2, db2, dZ1, dW1, db1 = backward_prop(Z1, A1, Z2, A2, W1, W2, X, labels)
W1_new = W1 - alpha * dW1
b1_new = b1 - alpha * db1
W2_new = W2 - alpha * dW2
b2_new = b2 - alpha * db2
"""
_DIGITS_X = numbers(2111, 6, 4)
_LABELS = [2, 0, 1, 1, 2, 0]
_DIGITS: dict[str, Any] = {
    "X": turned(_DIGITS_X),
    "labels": _LABELS,
    "W1": numbers(2112, 5, 4),
    "b1": numbers(2113, 5, 1),
    "W2": numbers(2114, 3, 5),
    "b2": numbers(2115, 3, 1),
}
DIGITS = Network(
    "digits in columns",
    {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "x": _DIGITS_X,
        "y": one_hot(_LABELS, 3),
        "layers": [
            {
                "weights": _DIGITS[f"W{k}"],
                "bias": [row[0] for row in _DIGITS[f"b{k}"]],
                "activation": name,
            }
            for k, name in ((1, "relu"), (2, "softmax"))
        ],
        "loss": "cross-entropy",
        "update": {"rule": "sgd", "learning_rate": 0.1},
    },
    _DIGITS_SOURCE,
    {**_DIGITS, "alpha": 0.1},
    tuple(
        "Z1 A1 Z2 A2 loss dZ2 dW2 db2 dZ1 dW1 db1 W1_new b1_new W2_new b2_new".split(),
    ),
)

# The bias as the first column of Theta ------------------------------------------------------------

_THETA_SOURCE = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def sigmoidGradient(z):
    g = sigmoid(z)
    return g * (1 - g)

m = X.shape[0]
ones = np.ones((m, 1), dtype=X.dtype)
a1 = np.hstack([ones, X])
z2 = a1 @ Theta1.T
h = sigmoid(z2)
a2 = np.hstack([ones, h])
z3 = a2 @ Theta2.T
a3 = sigmoid(z3)
J = -np.sum(Y * np.log(a3) + (1 - Y) * np.log(1 - a3)) / m
reg = lam / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
cost = J + reg
d3 = a3 - Y
d2 = (d3 @ Theta2)[:, 1:] * sigmoidGradient(z2)
Delta1 = d2.T @ a1
Delta2 = d3.T @ a2
Theta1_grad = Delta1 / m
Theta2_grad = Delta2 / m
Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
"""
_THETA_Y = one_hot([0, 2, 1, 1, 2], 3)
_THETA: dict[str, Any] = {
    "X": numbers(2121, 5, 3),
    "Y": _THETA_Y,
    "Theta1": numbers(2122, 3, 4),
    "Theta2": numbers(2123, 3, 4),
}
THETA = Network(
    "a column of ones",
    {
        "convention": {"affine": "x W^T + b", "bias": "first", "batch_gradients": "per-sample"},
        "x": _THETA["X"],
        "y": _THETA_Y,
        "layers": [
            {"weights": _THETA["Theta1"], "activation": "sigmoid"},
            {"weights": _THETA["Theta2"], "activation": "sigmoid"},
        ],
        "loss": "binary-cross-entropy",
        "penalty": {"l2": 0.8, "divided_by_samples": True},
    },
    _THETA_SOURCE,
    {**_THETA, "lam": 0.8},
    tuple(
        (
            "Z1=z2 H1=h Z2=z3 Yhat=a3 L_data=J L_penalty=reg L=cost dZ2=d3 dZ1=d2"
            " dW2=Theta2_grad dW1=Theta1_grad"
        ).split()
    ),
)

# Margins between classes --------------------------------------------------------------------------

_MARGINS_SOURCE = """
N = X.shape[0]
rows = np.arange(N)
hidden = np.maximum(0, X @ W1 + b1)
scores = hidden @ W2 + b2
correct = scores[rows, labels][:, None]
raw = scores - correct + 1.0
margins = np.maximum(0, raw)
margins[rows, labels] = 0
data_loss = margins.sum() / N
reg_loss = 0.5 * reg * np.sum(W1 * W1) + 0.5 * reg * np.sum(W2 * W2)
loss = data_loss + reg_loss
dscores = (margins > 0).astype(X.dtype)
dscores[rows, labels] -= dscores.sum(axis=1)
dscores /= N
dW2 = hidden.T @ dscores + reg * W2
db2 = np.sum(dscores, axis=0)
dhidden = dscores @ W2.T
dpre = dhidden.copy()
dpre[hidden <= 0] = 0
dW1 = X.T @ dpre + reg * W1
db1 = np.sum(dpre, axis=0)
"""
_MARGIN_LABELS = [1, 3, 0, 2, 1, 3]
_MARGINS: dict[str, Any] = {
    "X": numbers(2131, 6, 4),
    "W1": numbers(2132, 4, 5),
    "b1": numbers(2133, 5),
    "W2": numbers(2134, 5, 4),
    "b2": numbers(2135, 4),
}
MARGINS = Network(
    "margins between classes",
    {
        "values": {**_MARGINS, "Y": one_hot(_MARGIN_LABELS, 4)},
        "equations": [
            "pre = X @ W1 + row(b1)",
            "hidden = relu(pre)",
            "scores = hidden @ W2 + row(b2)",
            "correct = sum(scores * Y, axis=1)",
            "margins = relu(scores - column(correct) + 1) * (1 - Y)",
            "data_loss = sum(margins) / 6",
            "reg_loss = 0.5 * 0.3 * sum(W1^2) + 0.5 * 0.3 * sum(W2^2)",
            "L = data_loss + reg_loss",
        ],
        "train": ["W1", "b1", "W2", "b2"],
    },
    _MARGINS_SOURCE,
    {**_MARGINS, "labels": _MARGIN_LABELS, "reg": 0.3},
    tuple(
        (
            "hidden scores margins data_loss reg_loss L=loss dscores dW2 db2 dhidden dpre dW1 db1"
        ).split()
    ),
)
ASKED = (BEHIND, DIGITS, THETA, MARGINS)
