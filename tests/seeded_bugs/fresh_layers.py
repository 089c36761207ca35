"""Layers as other people keep them: in lists, with a penalty, a feature a row."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# Lists of layers, samples in columns -------------------------------------------------------------

_LISTS_SOURCE = """
params = [(W1, b1), (W2, b2), (W3, b3)]
N = X.shape[1]
acts, pres = [X], []
for W, b in params[:-1]:
    pres.append(W @ acts[-1] + b)
    acts.append(np.where(pres[-1] > 0, pres[-1], 0.1 * pres[-1]))
logits = params[-1][0] @ acts[-1] + params[-1][1]
shifted = logits - logits.max(axis=0, keepdims=True)
powers = np.exp(shifted)
probs = powers / powers.sum(axis=0, keepdims=True)
cost = -np.log(probs[labels, np.arange(N)]).mean()
delta = probs.copy()
delta[labels, np.arange(N)] -= 1
delta /= N
dWs, dbs, deltas = [], [], [delta]
for l in (2, 1, 0):
    dWs.insert(0, delta @ acts[l].T)
    dbs.insert(0, delta.sum(axis=1, keepdims=True))
    if l > 0:
        delta = params[l][0].T @ delta
        delta = delta * np.where(pres[l - 1] > 0, 1, 0.1)
        deltas.insert(0, delta)
"""
_LISTS_X = numbers(501, 6, 4)
_LISTS_LABELS = [0, 2, 1, 2, 0, 1]
_LISTS: dict[str, Any] = {
    "X": turned(_LISTS_X),
    "labels": _LISTS_LABELS,
    "W1": numbers(502, 5, 4),
    "W2": numbers(503, 3, 5),
    "W3": numbers(504, 3, 3),
    "b1": numbers(505, 5, 1),
    "b2": numbers(506, 3, 1),
    "b3": numbers(507, 3, 1),
}
_LEAKY = {"name": "leaky-relu", "slope": 0.1}
LISTS = Network(
    "lists of layers",
    {
        "x": _LISTS_X,
        "y": one_hot(_LISTS_LABELS, 3),
        "layers": [
            {
                "weights": _LISTS[f"W{k}"],
                "bias": [row[0] for row in _LISTS[f"b{k}"]],
                "activation": "softmax" if k == 3 else _LEAKY,
            }
            for k in (1, 2, 3)
        ],
        "loss": "cross-entropy",
    },
    _LISTS_SOURCE,
    _LISTS,
    tuple(
        (
            "Z1=pres[0] A1=acts[1] Z2=pres[1] A2=acts[2] Z3=logits Yhat=probs L=cost"
            " dZ3=deltas[2] dW3=dWs[2] db3=dbs[2] dZ2=deltas[1] dW2=dWs[1] db2=dbs[1]"
            " dZ1=deltas[0] dW1=dWs[0] db1=dbs[0]"
        ).split()
    ),
)

# Regression with a penalty -----------------------------------------------------------------------

_RIDGE_SOURCE = """
n = len(X)
z1 = X @ W1 + b1
a1 = 1 / (1 + np.exp(-z1))
z2 = a1 @ W2 + b2
a2 = np.tanh(z2)
pred = a2 @ W3 + b3
data = ((pred - y) ** 2).mean()
reg = 0.5 * lam * (np.sum(W1 ** 2) + np.sum(W2 ** 2) + np.sum(W3 ** 2))
loss = data + reg
g = 2 * (pred - y) / pred.size
gW3 = a2.T @ g + lam * W3
gb3 = g.sum(0)
ga2 = g @ W3.T
gz2 = ga2 * (1 - a2 * a2)
gW2 = a1.T @ gz2 + lam * W2
gb2 = gz2.sum(0)
ga1 = gz2 @ W2.T
gz1 = ga1 * a1 * (1 - a1)
gW1 = X.T @ gz1 + lam * W1
gb1 = gz1.sum(0)
W1_new = W1 - lr * gW1
"""
_RIDGE = {
    "X": numbers(511, 5, 3),
    "y": numbers(512, 5, 2),
    "W1": numbers(513, 3, 4),
    "b1": numbers(514, 4),
    "W2": numbers(515, 4, 3),
    "b2": numbers(516, 3),
    "W3": numbers(517, 3, 2),
    "b3": numbers(518, 2),
    "lam": 0.3,
    "lr": 0.3,
}
RIDGE = Network(
    "regression with a penalty",
    {
        "convention": {"affine": "x W + b"},
        "x": _RIDGE["X"],
        "y": _RIDGE["y"],
        "layers": [
            {"weights": _RIDGE["W1"], "bias": _RIDGE["b1"], "activation": "sigmoid"},
            {"weights": _RIDGE["W2"], "bias": _RIDGE["b2"], "activation": "tanh"},
            {"weights": _RIDGE["W3"], "bias": _RIDGE["b3"]},
        ],
        "loss": "mean-squared-error",
        "penalty": {"l2": 0.3},
        "update": {"rule": "sgd", "learning_rate": 0.3},
    },
    _RIDGE_SOURCE,
    _RIDGE,
    tuple(
        (
            "Z1=z1 H1=a1 Z2=z2 H2=a2 Yhat=pred L_data=data L_penalty=reg L=loss dYhat=g dW3=gW3"
            " db3=gb3 dH2=ga2 dZ2=gz2 dW2=gW2 db2=gb2 dH1=ga1 dZ1=gz1 dW1=gW1 db1=gb1 W1_new"
        ).split()
    ),
)

# Batch norm, a feature a row ---------------------------------------------------------------------

_FEATURES_SOURCE = """
m = X.shape[1]
Z = W1 @ X
mu = Z.mean(axis=1, keepdims=True)
var = ((Z - mu) ** 2).sum(axis=1, keepdims=True) / m
inv = 1.0 / np.sqrt(var + 0.05)
Zn = (Z - mu) * inv
Y1 = g * Zn + be
A = np.tanh(Y1)
S = W2 @ A + c
P = 1 / (1 + np.exp(-S))
J = -np.sum(T * np.log(P) + (1 - T) * np.log(1 - P)) / m
dS = (P - T) / m
dW2 = dS @ A.T
dc = dS.sum(axis=1, keepdims=True)
dA = W2.T @ dS
dY1 = dA * (1 - A ** 2)
dg = (dY1 * Zn).sum(axis=1, keepdims=True)
dbe = dY1.sum(axis=1, keepdims=True)
dZn = dY1 * g
dvar = (dZn * (Z - mu)).sum(axis=1, keepdims=True) * -0.5 * inv ** 3
dmu = -(dZn * inv).sum(axis=1, keepdims=True)
dZ = dZn * inv + dvar * 2 * (Z - mu) / m + dmu / m
dW1 = dZ @ X.T
"""
_FEATURES = {
    "X": numbers(521, 3, 6),
    "T": [[0, 1, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0]],
    "W1": numbers(522, 4, 3),
    "g": [[0.8], [-1.3], [0.6], [1.4]],
    "be": numbers(523, 4, 1),
    "W2": numbers(524, 2, 4),
    "c": numbers(525, 2, 1),
}
FEATURES = Network(
    "batch norm, a feature a row",
    {
        "values": {
            **_FEATURES,
            "g": [0.8, -1.3, 0.6, 1.4],
            "be": [row[0] for row in _FEATURES["be"]],
            "c": [row[0] for row in _FEATURES["c"]],
        },
        "equations": [
            "Z = W1 @ X",
            "mu = mean(Z, axis=1)",
            "v = mean((Z - column(mu))^2, axis=1)",
            "Zn = (Z - column(mu)) / sqrt(column(v) + 0.05)",
            "N = column(g) * Zn + column(be)",
            "A = tanh(N)",
            "S = W2 @ A + column(c)",
            "P = sigmoid(S)",
            "L = binary_cross_entropy(P, T) / 6",
        ],
        "train": ["W1", "g", "be", "W2", "c"],
    },
    _FEATURES_SOURCE,
    _FEATURES,
    tuple(
        ("Z mu v=var Zn N=Y1 A S P L=J dS dW2 dc dA dN=dY1 dg dbe dZn dv=dvar dmu dZ dW1").split()
    ),
)
