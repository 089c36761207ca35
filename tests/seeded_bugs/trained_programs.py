"""Networks that are trained, as people write them: penalties, objects, Adam, momentum, norms."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers, turned

_PENALTY_SOURCE = """
params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}
def forward(X, p):
    c = {"A0": X}
    c["Z1"] = X.dot(p["W1"]) + p["b1"]
    c["A1"] = np.where(c["Z1"] > 0, c["Z1"], 0.1 * c["Z1"])
    c["Z2"] = c["A1"].dot(p["W2"]) + p["b2"]
    c["A2"] = 1.0 / (1.0 + np.exp(-c["Z2"]))
    scores = c["A2"].dot(p["W3"]) + p["b3"]
    scores -= scores.max(axis=1, keepdims=True)
    e = np.exp(scores)
    c["probs"] = e / np.sum(e, axis=1, keepdims=True)
    return c
def cost(c, y, p, reg):
    N = y.shape[0]
    data = -np.log(c["probs"][np.arange(N), y]).sum() / N
    penalty = 0.5 * reg * sum(np.sum(p[f"W{k}"] ** 2) for k in (1, 2, 3))
    return data + penalty
def backward(c, y, p, reg):
    N = y.shape[0]
    g = {}
    d = c["probs"].copy()
    d[np.arange(N), y] -= 1
    d /= N
    g["Z3"] = d
    g["W3"] = c["A2"].T.dot(d) + reg * p["W3"]
    g["b3"] = d.sum(axis=0)
    g["A2"] = d.dot(p["W3"].T)
    g["Z2"] = g["A2"] * c["A2"] * (1 - c["A2"])
    g["W2"] = c["A1"].T.dot(g["Z2"]) + reg * p["W2"]
    g["b2"] = g["Z2"].sum(axis=0)
    g["A1"] = g["Z2"].dot(p["W2"].T)
    g["Z1"] = g["A1"] * np.where(c["Z1"] > 0, 1, 0.1)
    g["W1"] = c["A0"].T.dot(g["Z1"]) + reg * p["W1"]
    g["b1"] = g["Z1"].sum(axis=0)
    return g
cache = forward(X, params)
loss = cost(cache, labels, params, 0.05)
grads = backward(cache, labels, params, 0.05)
"""
_PENALTY = {
    "X": numbers(201, 7, 5),
    "labels": [0, 2, 1, 1, 2, 0, 2],
    "W1": numbers(202, 5, 4),
    "W2": numbers(203, 4, 4),
    "W3": numbers(204, 4, 3),
    "b1": numbers(205, 4),
    "b2": numbers(206, 4),
    "b3": numbers(207, 3),
}
PENALTY = Network(
    "penalty, two dicts",
    {
        "convention": {"affine": "x W + b"},
        "x": _PENALTY["X"],
        "y": [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]],
        "layers": [
            {
                "weights": _PENALTY["W1"],
                "bias": _PENALTY["b1"],
                "activation": {"name": "leaky-relu", "slope": 0.1},
            },
            {"weights": _PENALTY["W2"], "bias": _PENALTY["b2"], "activation": "sigmoid"},
            {"weights": _PENALTY["W3"], "bias": _PENALTY["b3"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
        "penalty": {"l2": 0.05},
    },
    _PENALTY_SOURCE,
    _PENALTY,
    (
        'cache/Z1=cache["Z1"]',
        'cache/A1=cache["A1"]',
        'cache/Z2=cache["Z2"]',
        'cache/A2=cache["A2"]',
        'cache/probs=cache["probs"]',
        "loss",
        'grads/Z3=grads["Z3"]',
        'grads/W3=grads["W3"]',
        'grads/b3=grads["b3"]',
        'grads/A2=grads["A2"]',
        'grads/Z2=grads["Z2"]',
        'grads/W2=grads["W2"]',
        'grads/b2=grads["b2"]',
        'grads/A1=grads["A1"]',
        'grads/Z1=grads["Z1"]',
        'grads/W1=grads["W1"]',
        'grads/b1=grads["b1"]',
    ),
)

_OBJECT_SOURCE = """
class Net:
    def __init__(self):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2
    def forward(self, X):
        self.X = X
        self.Z1 = self.W1 @ X + self.b1
        self.H1 = np.tanh(self.Z1)
        self.Yhat = self.W2 @ self.H1 + self.b2
        return self.Yhat
    def backward(self, Y):
        self.dYhat = self.Yhat - Y
        self.dW2 = self.dYhat @ self.H1.T
        self.db2 = self.dYhat.sum(axis=1, keepdims=True)
        self.dH1 = self.W2.T @ self.dYhat
        self.dZ1 = self.dH1 * (1 - np.square(self.H1))
        self.dW1 = self.dZ1 @ self.X.T
        self.db1 = self.dZ1.sum(axis=1, keepdims=True)
    def step(self, lr):
        self.W1_new = self.W1 - lr * self.dW1
        self.b1_new = self.b1 - lr * self.db1
        self.W2_new = self.W2 - lr * self.dW2
        self.b2_new = self.b2 - lr * self.db2
net = Net()
pred = net.forward(X)
L = 0.5 * np.sum((pred - Y) ** 2)
net.backward(Y)
net.step(0.02)
"""
_OBJECT = {
    "X": turned(numbers(211, 6, 3)),
    "Y": turned(numbers(212, 6, 2)),
    "W1": numbers(213, 4, 3),
    "W2": numbers(215, 2, 4),
    "b1": [[entry] for entry in numbers(214, 4)],
    "b2": [[entry] for entry in numbers(216, 2)],
}
OBJECT = Network(
    "regression, an object",
    {
        "convention": {"affine": "W x + b"},
        "x": numbers(211, 6, 3),
        "y": numbers(212, 6, 2),
        "layers": [
            {"weights": _OBJECT["W1"], "bias": numbers(214, 4), "activation": "tanh"},
            {"weights": _OBJECT["W2"], "bias": numbers(216, 2)},
        ],
        "loss": {"name": "half-squared-error", "over_samples": "sum"},
        "update": {"rule": "sgd", "learning_rate": 0.02},
    },
    _OBJECT_SOURCE,
    _OBJECT,
    tuple(
        (
            "Z1=net.Z1 H1=net.H1 Yhat=net.Yhat L dYhat=net.dYhat dW2=net.dW2 db2=net.db2 "
            "dH1=net.dH1 dZ1=net.dZ1 dW1=net.dW1 db1=net.db1 W1_new=net.W1_new "
            "b1_new=net.b1_new W2_new=net.W2_new b2_new=net.b2_new"
        ).split()
    ),
)

_NORM_LAYER_SOURCE = """
m = len(X)
z1 = X @ W1 + b1
mu = z1.mean(0)
var = z1.var(0)
ivar = 1 / np.sqrt(var + 0.01)
xhat = (z1 - mu) * ivar
h2 = gamma * xhat + beta
a = np.maximum(h2, 0)
z4 = a @ W4 + b4
yhat = 1 / (1 + np.exp(-z4))
L = -np.mean(np.sum(Y * np.log(yhat) + (1 - Y) * np.log(1 - yhat), axis=1))
dz4 = (yhat - Y) / m
dW4 = a.T @ dz4
db4 = dz4.sum(0)
da = dz4 @ W4.T
dh2 = da * (h2 > 0)
dgamma = (dh2 * xhat).sum(0)
dbeta = dh2.sum(0)
dxhat = dh2 * gamma
dz1 = ivar / m * (m * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0))
dW1 = X.T @ dz1
"""
_NORM_LAYER = {
    "X": numbers(221, 6, 3),
    "Y": [[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]],
    "W1": numbers(222, 3, 4),
    "b1": numbers(223, 4),
    "gamma": [1.3, -0.8, 0.6, 1.1],
    "beta": [0.2, 0.4, -0.3, 0.1],
    "W4": numbers(224, 4, 2),
    "b4": numbers(225, 2),
}
NORM_LAYER = Network(
    "batch norm in three terms",
    {
        "convention": {"affine": "x W + b"},
        "x": _NORM_LAYER["X"],
        "y": _NORM_LAYER["Y"],
        "layers": [
            {"weights": _NORM_LAYER["W1"], "bias": _NORM_LAYER["b1"]},
            {
                "type": "batch-norm",
                "scale": _NORM_LAYER["gamma"],
                "shift": _NORM_LAYER["beta"],
                "epsilon": 0.01,
                "activation": "relu",
            },
            {"weights": _NORM_LAYER["W4"], "bias": numbers(225, 2), "activation": "sigmoid"},
        ],
        "loss": "binary-cross-entropy",
    },
    _NORM_LAYER_SOURCE,
    _NORM_LAYER,
    tuple(
        (
            "Z1=z1 mu2=mu var2=var Xhat2=xhat Z2=h2 H2=a Z3=z4 Yhat=yhat L dZ3=dz4 dW3=dW4 "
            "db3=db4 dH2=da dZ2=dh2 dgamma2=dgamma dbeta2=dbeta dXhat2=dxhat dZ1=dz1 dW1"
        ).split()
    ),
)

_ADAM_SOURCE = """
n = len(y)
z = X @ w + b
p = 1 / (1 + np.exp(-z))
loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
dz = (p - y) / n
dw = X.T @ dz
db = dz.sum()
m = b1 * m0 + (1 - b1) * dw
v = b2 * v0 + (1 - b2) * dw ** 2
mhat = m / (1 - b1 ** t)
vhat = v / (1 - b2 ** t)
w_new = w - lr * mhat / (np.sqrt(vhat) + eps)
"""
_ADAM = {
    "X": numbers(261, 6, 3),
    "y": [1, 0, 1, 1, 0, 0],
    "w": numbers(262, 3),
    "b": 0.3,
    "m0": numbers(263, 3),
    "v0": [0.3, 0.7, 0.2],
    "b1": 0.9,
    "b2": 0.999,
    "lr": 0.01,
    "eps": 1e-08,
    "t": 3,
}
ADAM = Network(
    "Adam",
    {
        "values": {"X": _ADAM["X"], "w": _ADAM["w"], "b": 0.3, "y": _ADAM["y"]},
        "equations": ["z = X @ w + b", "p = sigmoid(z)", "L = binary_cross_entropy(p, y) / 6"],
        "train": ["w", "b"],
        "update": {
            "rule": "adam",
            "learning_rate": 0.01,
            "t": 3,
            "state": {"m_w": _ADAM["m0"], "v_w": _ADAM["v0"]},
        },
    },
    _ADAM_SOURCE,
    _ADAM,
    tuple("z p loss dz dw db m_w=m v_w=v mhat_w=mhat vhat_w=vhat w_new".split()),
)

_ELU_SOURCE = """
n = x.shape[1]
z1 = W1 @ x + b1
a1 = np.where(z1 > 0, z1, np.exp(z1) - 1)
z2 = W2 @ a1 + b2
a2 = 1 / (1 + np.exp(-z2))
loss = np.sum((a2 - y) ** 2) / n
da2 = 2 * (a2 - y)
dz2 = da2 * a2 * (1 - a2)
dW2 = dz2 @ a1.T / n
db2 = dz2.mean(axis=1, keepdims=True)
da1 = W2.T @ dz2
dz1 = da1 * np.where(z1 > 0, 1, np.exp(z1))
dW1 = dz1 @ x.T / n
db1 = dz1.mean(axis=1, keepdims=True)
v1 = 0.9 * m1 + dW1
W1_new = W1 - lr * v1
"""
_ELU = {
    "x": turned(numbers(301, 5, 3)),
    "y": [[1, 0, 1, 0, 1], [0, 1, 1, 0, 0]],
    "W1": numbers(302, 4, 3),
    "W2": numbers(304, 2, 4),
    "b1": [[entry] for entry in numbers(303, 4)],
    "b2": [[entry] for entry in numbers(305, 2)],
    "m1": numbers(306, 4, 3),
    "lr": 0.1,
}
ELU = Network(
    "ELU, momentum",
    {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "x": numbers(301, 5, 3),
        "y": [[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]],
        "layers": [
            {"weights": _ELU["W1"], "bias": numbers(303, 4), "activation": "elu"},
            {"weights": _ELU["W2"], "bias": numbers(305, 2), "activation": "sigmoid"},
        ],
        "loss": "squared-error",
        "update": {
            "rule": "momentum",
            "form": "accumulate",
            "learning_rate": 0.1,
            "beta": 0.9,
            "state": {"v_W1": _ELU["m1"]},
        },
    },
    _ELU_SOURCE,
    _ELU,
    tuple(
        (
            "Z1=z1 H1=a1 Z2=z2 Yhat=a2 loss dYhat=da2 dZ2=dz2 dW2 db2 dH1=da1 dZ1=dz1 dW1 db1 "
            "v_W1=v1 W1_new"
        ).split()
    ),
)

_LAYER_NORM_SOURCE = """
N = len(X)
Z = X @ W
mu = Z.mean(axis=1, keepdims=True)
var = Z.var(axis=1, keepdims=True)
inv = 1 / np.sqrt(var + 0.001)
Xhat = (Z - mu) * inv
O = g * Xhat + s
L = 0.5 * np.sum((O - T) ** 2) / N
dO = (O - T) / N
dg = np.sum(dO * Xhat, axis=0)
dXhat = dO * g
ds = np.sum(dO, axis=0)
moved = Xhat * (dXhat * Xhat).mean(axis=1, keepdims=True)
dZ = inv * (dXhat - dXhat.mean(axis=1, keepdims=True) - moved)
dW = X.T @ dZ
dX = dZ @ W.T
"""
_LAYER_NORM = {
    "X": numbers(311, 4, 3),
    "W": numbers(312, 3, 5),
    "g": numbers(313, 5),
    "s": numbers(314, 5),
    "T": numbers(315, 4, 5),
}
LAYER_NORM = Network(
    "layer norm in three terms",
    {
        "values": _LAYER_NORM,
        "equations": [
            "Z = X @ W",
            "mu = mean(Z, axis=1)",
            "var_ = mean((Z - column(mu))^2, axis=1)",
            "Xhat = (Z - column(mu)) / column(sqrt(var_ + 0.001))",
            "O = row(g) * Xhat + row(s)",
            "L = 0.5 * sum((O - T)^2) / 4",
        ],
    },
    _LAYER_NORM_SOURCE,
    _LAYER_NORM,
    tuple("Z mu=mu.ravel() var_=var.ravel() Xhat O L dO dg ds dXhat dZ dW dX".split()),
)

TRAINED = (PENALTY, OBJECT, NORM_LAYER, ADAM, ELU, LAYER_NORM)
