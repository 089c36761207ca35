"""Programs as assignments ask for them: a model class, dropout, batch norm at once, masks."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# A class with a dict of parameters and a loss that gives gradients back ---------------------------

_MODEL_SOURCE = """
class TwoLayerNet:
    def __init__(self):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def loss(self, X, y, reg):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        self.z1 = X.dot(W1) + b1
        self.h1 = np.maximum(0, self.z1)
        self.scores = self.h1.dot(W2) + b2
        shifted = self.scores - np.max(self.scores, axis=1, keepdims=True)
        exp_scores = np.exp(shifted)
        self.probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        self.data_loss = -np.log(self.probs[np.arange(N), y]).sum() / N
        self.reg_loss = 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        dscores = self.probs.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["scores"] = dscores
        grads["W2"] = np.dot(self.h1.T, dscores) + reg * W2
        grads["b2"] = np.sum(dscores, axis=0)
        dhidden = np.dot(dscores, W2.T)
        grads["h1"] = dhidden.copy()
        dhidden[self.h1 <= 0] = 0
        grads["z1"] = dhidden
        grads["W1"] = np.dot(X.T, dhidden) + reg * W1
        grads["b1"] = np.sum(dhidden, axis=0)
        return self.data_loss + self.reg_loss, grads

model = TwoLayerNet()
total, grads = model.loss(X, labels, 0.1)
W1_new = W1 - 0.2 * grads["W1"]
W2_new = W2 - 0.2 * grads["W2"]
b2_new = b2 - 0.2 * grads["b2"]
"""
_MODEL_LABELS = [2, 0, 1, 2, 0]
_MODEL: dict[str, Any] = {
    "X": numbers(1601, 5, 3),
    "labels": _MODEL_LABELS,
    "W1": numbers(1602, 3, 4),
    "b1": numbers(1603, 4),
    "W2": numbers(1604, 4, 3),
    "b2": numbers(1605, 3),
}
MODEL = Network(
    "a model class",
    {
        "convention": {"affine": "x W + b"},
        "x": _MODEL["X"],
        "y": one_hot(_MODEL_LABELS, 3),
        "layers": [
            {"weights": _MODEL["W1"], "bias": _MODEL["b1"], "activation": "relu"},
            {"weights": _MODEL["W2"], "bias": _MODEL["b2"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
        "penalty": {"l2": 0.1},
        "update": {"rule": "sgd", "learning_rate": 0.2},
    },
    _MODEL_SOURCE,
    _MODEL,
    tuple(
        (
            "Z1=model.z1 H1=model.h1 Z2=model.scores Yhat=model.probs L_data=model.data_loss"
            ' L_penalty=model.reg_loss L=total dZ2=grads["scores"] dW2=grads["W2"] db2=grads["b2"]'
            ' dH1=grads["h1"] dZ1=grads["z1"] dW1=grads["W1"] db1=grads["b1"] W1_new W2_new b2_new'
        ).split()
    ),
)

# Dropout, samples in columns ----------------------------------------------------------------------

_DROPOUT_SOURCE = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(X):
    Z1 = np.dot(W1, X) + b1
    A1 = np.maximum(0, Z1)
    D1 = A1 * M1 / keep_prob
    Z2 = np.dot(W2, D1) + b2
    A2 = np.tanh(Z2)
    D2 = A2 * M2 / keep_prob
    Z3 = np.dot(W3, D2) + b3
    A3 = sigmoid(Z3)
    return Z1, A1, D1, Z2, A2, D2, Z3, A3

def backward(X, Y, cache):
    m = X.shape[1]
    Z1, A1, D1, Z2, A2, D2, Z3, A3 = cache
    g = {}
    g["dZ3"] = 1. / m * (A3 - Y)
    g["dW3"] = np.dot(g["dZ3"], D2.T)
    g["db3"] = np.sum(g["dZ3"], axis=1, keepdims=True)
    g["dD2"] = np.dot(W3.T, g["dZ3"])
    g["dA2"] = g["dD2"] * M2 / keep_prob
    g["dZ2"] = np.multiply(g["dA2"], 1 - np.power(A2, 2))
    g["dW2"] = np.dot(g["dZ2"], D1.T)
    g["db2"] = np.sum(g["dZ2"], axis=1, keepdims=True)
    g["dD1"] = np.dot(W2.T, g["dZ2"])
    g["dA1"] = g["dD1"] * M1 / keep_prob
    g["dZ1"] = np.multiply(g["dA1"], np.int64(A1 > 0))
    g["dW1"] = np.dot(g["dZ1"], X.T)
    g["db1"] = np.sum(g["dZ1"], axis=1, keepdims=True)
    return g

cache = forward(X)
Z1, A1, D1, Z2, A2, D2, Z3, A3 = cache
cost = -1. / X.shape[1] * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))
g = backward(X, Y, cache)
"""
_DROPOUT_X = numbers(1611, 5, 3)
_DROPOUT: dict[str, Any] = {
    "X": turned(_DROPOUT_X),
    "Y": [[1, 0, 0, 1, 1]],
    "W1": numbers(1612, 4, 3),
    "b1": numbers(1613, 4, 1),
    "W2": numbers(1614, 3, 4),
    "b2": numbers(1615, 3, 1),
    "W3": numbers(1616, 1, 3),
    "b3": [[0.2]],
    "M1": [[1, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 1, 1, 1], [1, 1, 0, 1, 1]],
    "M2": [[1, 1, 0, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, 0]],
}
DROPOUT = Network(
    "dropout in columns",
    {
        "values": {
            **_DROPOUT,
            **{name: [row[0] for row in _DROPOUT[name]] for name in ("b1", "b2", "b3")},
        },
        "equations": [
            "Z1 = W1 @ X + column(b1)",
            "A1 = relu(Z1)",
            "D1 = A1 * M1 / 0.8",
            "Z2 = W2 @ D1 + column(b2)",
            "A2 = tanh(Z2)",
            "D2 = A2 * M2 / 0.8",
            "Z3 = W3 @ D2 + column(b3)",
            "A3 = sigmoid(Z3)",
            "L = binary_cross_entropy(A3, Y) / 5",
        ],
        "train": ["W1", "b1", "W2", "b2", "W3", "b3"],
    },
    _DROPOUT_SOURCE,
    {**_DROPOUT, "keep_prob": 0.8},
    (
        *"Z1 A1 D1 Z2 A2 D2 Z3 A3 L=cost".split(),
        *(
            f'{name}=g["{name}"]'
            for name in "dZ3 dW3 db3 dD2 dA2 dZ2 dW2 db2 dD1 dA1 dZ1 dW1 db1".split()
        ),
    ),
)

# Batch norm whose way back is one line ------------------------------------------------------------

_AT_ONCE_SOURCE = """
N = X.shape[0]
a = X @ W1
mu = a.mean(axis=0)
var = a.var(axis=0)
istd = 1 / np.sqrt(var + 0.01)
xhat = (a - mu) * istd
bn = gamma * xhat + beta
h = np.tanh(bn)
s = h @ W2 + b2
e = np.exp(s)
p = e / e.sum(1, keepdims=True)
loss = -(Y * np.log(p)).sum(1).mean()
ds = (p - Y) / N
dW2 = h.T @ ds
db2 = ds.sum(0)
dh = ds @ W2.T
dbn = dh * (1 - h ** 2)
dbeta = dbn.sum(0)
dgamma = (dbn * xhat).sum(0)
dxhat = dbn * gamma
da = istd / N * (N * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))
dW1 = X.T @ da
"""
_AT_ONCE: dict[str, Any] = {
    "X": numbers(1621, 6, 3),
    "W1": numbers(1622, 3, 4),
    "gamma": [1.3, -0.7, 0.8, 1.1],
    "beta": [0.2, -0.4, 0.5, 0.1],
    "W2": numbers(1623, 4, 3),
    "b2": numbers(1624, 3),
    "Y": one_hot([1, 2, 0, 0, 1, 2], 3),
}
AT_ONCE = Network(
    "batch norm at once",
    {
        "values": _AT_ONCE,
        "equations": [
            "a = X @ W1",
            "bn = batch_norm(a, gamma, beta, epsilon=0.01)",
            "h = tanh(bn)",
            "s = h @ W2 + row(b2)",
            "p = softmax(s, axis=1)",
            "L = cross_entropy(p, Y) / 6",
        ],
        "train": ["W1", "gamma", "beta", "W2", "b2"],
    },
    _AT_ONCE_SOURCE,
    _AT_ONCE,
    tuple(
        (
            "a mu_bn=mu var_bn=var xhat_bn=xhat bn h s p L=loss ds dW2 db2 dh dbn dbeta dgamma"
            " dxhat_bn=dxhat da dW1"
        ).split()
    ),
)

# A recurrent net, a batch in rows, a target at each step ------------------------------------------

_PREDICTS_SOURCE = """
T, n = 3, len(X[0])
h, o, E = {-1: np.zeros_like(X[0] @ U)}, {}, 0
for t in range(T):
    h[t] = np.tanh(X[t] @ U + h[t - 1] @ W + b)
    o[t] = h[t] @ V + c
    E += 0.5 * np.sum((o[t] - Y[t]) ** 2) / n
gU, gW, gb, gV, gc = (np.zeros_like(one) for one in (U, W, b, V, c))
back = np.zeros_like(h[0])
go, gh, gz = {}, {}, {}
for t in range(T - 1, -1, -1):
    go[t] = (o[t] - Y[t]) / n
    gV += h[t].T @ go[t]
    gc += go[t].sum(axis=0)
    gh[t] = go[t] @ V.T + back
    gz[t] = gh[t] * (1 - h[t] ** 2)
    gU += X[t].T @ gz[t]
    gW += h[t - 1].T @ gz[t]
    gb += gz[t].sum(axis=0)
    back = gz[t] @ W.T
"""
_PREDICTS: dict[str, Any] = {
    "U": numbers(1631, 2, 3),
    "W": numbers(1632, 3, 3),
    "b": numbers(1633, 3),
    "V": numbers(1634, 3, 3),
    "c": numbers(1635, 3),
    "X": numbers(1636, 3, 4, 2),
    "Y": numbers(1637, 3, 4, 3),
}
PREDICTS = Network(
    "a batch predicted over time",
    {
        "values": {
            **{name: _PREDICTS[name] for name in "UWbVc"},
            **{f"x_{t}": _PREDICTS["X"][t - 1] for t in (1, 2, 3)},
            **{f"y_{t}": _PREDICTS["Y"][t - 1] for t in (1, 2, 3)},
            "h_0": [[0, 0, 0]] * 4,
        },
        "equations": [
            {
                "for t in 1..3": [
                    "z_t = x_t @ U + h_{t-1} @ W + row(b)",
                    "h_t = tanh(z_t)",
                    "o_t = h_t @ V + row(c)",
                ]
            },
            "L = sum(t in 1..3, half_squared_error(o_t, y_t)) / 4",
        ],
        "train": ["U", "W", "b", "V", "c"],
    },
    _PREDICTS_SOURCE,
    _PREDICTS,
    (
        *(f"{k}_{t}={k}[{t - 1}]" for t in (1, 2, 3) for k in "ho"),
        "L=E",
        *(f"d{k}_{t}=g{k}[{t - 1}]" for t in (3, 2, 1) for k in "ohz"),
        *"dV=gV dc=gc dU=gU dW=gW db=gb".split(),
    ),
)

# Attention that looks back alone, its outputs averaged --------------------------------------------

_CAUSAL_SOURCE = """
n, d = X.shape
Q, K, V = X @ WQ, X @ WK, X @ WV
S = Q @ K.T / np.sqrt(d)
S = np.where(np.tril(np.ones((n, n))) > 0, S, -np.inf)
A = np.exp(S - S.max(axis=1, keepdims=True))
A /= A.sum(axis=1, keepdims=True)
O = A @ V
m = O.mean(axis=0)
z = m @ C + c
p = 1 / (1 + np.exp(-z))
loss = np.sum(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
dz = p - y
dC = np.outer(m, dz)
dc = dz
dm = C @ dz
dO = np.ones_like(O) * dm / n
dV = A.T @ dO
dA = dO @ V.T
dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
dQ = dS @ K / np.sqrt(d)
dK = dS.T @ Q / np.sqrt(d)
dWQ, dWK, dWV = X.T @ dQ, X.T @ dK, X.T @ dV
dX = dQ @ WQ.T + dK @ WK.T + dV @ WV.T
"""
_CAUSAL: dict[str, Any] = {
    "X": numbers(1641, 4, 3),
    "WQ": numbers(1642, 3, 3),
    "WK": numbers(1643, 3, 3),
    "WV": numbers(1644, 3, 3),
    "C": numbers(1645, 3, 2),
    "c": numbers(1646, 2),
    "y": [1, 0],
}
CAUSAL = Network(
    "attention that looks back",
    {
        "values": {
            **_CAUSAL,
            "M": [[0 if j <= i else "-inf" for j in range(4)] for i in range(4)],
        },
        "equations": [
            "Q = X @ WQ",
            "K = X @ WK",
            "V = X @ WV",
            "S = Q @ K.T / sqrt(3) + M",
            "A = softmax(S, axis=1)",
            "O = A @ V",
            "m = mean(O, axis=0)",
            "z = C.T @ m + c",
            "p = sigmoid(z)",
            "L = binary_cross_entropy(p, y)",
        ],
        "train": ["WQ", "WK", "WV", "C", "c", "X"],
    },
    _CAUSAL_SOURCE,
    _CAUSAL,
    tuple("Q K V A O m z p L=loss dz dC dc dm dO dV dA dS dQ dK dWQ dWK dWV dX".split()),
)

ASSIGNMENTS = (MODEL, DROPOUT, AT_ONCE, PREDICTS, CAUSAL)
