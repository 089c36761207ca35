"""A cell with gates, a logistic regression, an autoencoder and two steps of Adam."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers

# One step of an LSTM -----------------------------------------------------------------------------

_GATED_SOURCE = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

u = np.concatenate([h0, x])
cache = {"f": sigmoid(Wf @ u + bf), "i": sigmoid(Wi @ u + bi)}
cache["g"] = np.tanh(Wg @ u + bg)
cache["o"] = sigmoid(Wo @ u + bo)
f, i, g, o = (cache[gate] for gate in "figo")
c = f * c0 + i * g
h = o * np.tanh(c)
L = np.sum((h - y) ** 2)
dh = 2 * (h - y)
do = dh * np.tanh(c)
dc = dh * o * (1 - np.tanh(c) ** 2)
df = dc * c0
di = dc * g
dg = dc * i
dc0 = dc * f
daf = df * f * (1 - f)
dai = di * i * (1 - i)
dag = dg * (1 - g ** 2)
dao = do * o * (1 - o)
dWf, dbf = np.outer(daf, u), daf
dWi, dbi = np.outer(dai, u), dai
dWg, dbg = np.outer(dag, u), dag
dWo, dbo = np.outer(dao, u), dao
du = Wf.T @ daf + Wi.T @ dai + Wg.T @ dag + Wo.T @ dao
dh0, dx = du[:3], du[3:]
"""
_GATED: dict[str, Any] = {
    "x": numbers(601, 2),
    "h0": numbers(602, 3),
    "c0": numbers(603, 3),
    "y": numbers(604, 3),
    **{f"W{gate}": numbers(605 + k, 3, 5) for k, gate in enumerate("figo")},
    **{f"b{gate}": numbers(609 + k, 3) for k, gate in enumerate("figo")},
}
GATED = Network(
    "one step of an LSTM",
    {
        "values": _GATED,
        "equations": [
            "u = concat(h0, x)",
            "af = Wf @ u + bf",
            "ai = Wi @ u + bi",
            "ag = Wg @ u + bg",
            "ao = Wo @ u + bo",
            "f = sigmoid(af)",
            "i = sigmoid(ai)",
            "g = tanh(ag)",
            "o = sigmoid(ao)",
            "c = f * c0 + i * g",
            "h = o * tanh(c)",
            "L = sum((h - y)^2)",
        ],
        "train": ["Wf", "bf", "Wi", "bi", "Wg", "bg", "Wo", "bo", "h0", "c0", "x"],
    },
    _GATED_SOURCE,
    _GATED,
    tuple(
        (
            "u f i g o c h L dh do dc df di dg dc0 daf dai dag dao dWf dbf dWi dbi dWg dbg dWo dbo"
            " du dh0 dx"
        ).split()
    ),
)

# Logistic regression with a penalty --------------------------------------------------------------

_CHURN_SOURCE = """
def forward(w, b):
    z = X @ w + b
    return z, 1 / (1 + np.exp(-z))

m = X.shape[0]
z, a = forward(w, b)
data = -(y * np.log(a) + (1 - y) * np.log(1 - a)).mean()
reg = lam / (2 * m) * np.sum(w ** 2)
J = data + reg
dz = (a - y) / m
dw = X.T @ dz + lam / m * w
db = dz.sum()
w_new = w - lr * dw
b_new = b - lr * db
"""
_CHURN: dict[str, Any] = {
    "X": numbers(621, 7, 3),
    "y": [1, 0, 0, 1, 1, 0, 1],
    "w": numbers(622, 3),
    "b": 0.35,
}
CHURN = Network(
    "logistic regression with a penalty",
    {
        "values": _CHURN,
        "equations": [
            "z = X @ w + b",
            "a = sigmoid(z)",
            "data = -mean(y * log(a) + (1 - y) * log(1 - a))",
            "reg = 0.7 / 14 * sum(w^2)",
            "J = data + reg",
        ],
        "train": ["w", "b"],
        "update": {"rule": "sgd", "learning_rate": 0.4},
    },
    _CHURN_SOURCE,
    {**_CHURN, "lam": 0.7, "lr": 0.4},
    tuple("z a data reg J dz dw db w_new b_new".split()),
)

# An autoencoder ----------------------------------------------------------------------------------

_CODER_SOURCE = """
class Coder:
    def forward(self, x):
        self.x = x
        self.pre = x @ W1 + b1
        self.code = np.tanh(self.pre)
        self.out = self.code @ W2 + b2
        self.loss = 0.5 * np.sum((self.out - x) ** 2) / len(x)

    def backward(self):
        self.dout = (self.out - self.x) / len(self.x)
        self.dW2 = self.code.T @ self.dout
        self.db2 = self.dout.sum(axis=0)
        self.dcode = self.dout @ W2.T
        self.dpre = (1 - self.code ** 2) * self.dcode
        self.dW1 = self.x.T @ self.dpre
        self.db1 = self.dpre.sum(axis=0)

net = Coder()
net.forward(X)
net.backward()
"""
_CODER: dict[str, Any] = {
    "X": numbers(631, 5, 4),
    "W1": numbers(632, 4, 3),
    "b1": numbers(633, 3),
    "W2": numbers(634, 3, 4),
    "b2": numbers(635, 4),
}
CODER = Network(
    "autoencoder",
    {
        "convention": {"affine": "x W + b"},
        "x": _CODER["X"],
        "y": _CODER["X"],
        "layers": [
            {"weights": _CODER["W1"], "bias": _CODER["b1"], "activation": "tanh"},
            {"weights": _CODER["W2"], "bias": _CODER["b2"]},
        ],
        "loss": {"name": "half-squared-error", "over_samples": "mean"},
    },
    _CODER_SOURCE,
    _CODER,
    tuple(
        (
            "Z1=net.pre H1=net.code Yhat=net.out L=net.loss dYhat=net.dout dW2=net.dW2"
            " db2=net.db2 dH1=net.dcode dZ1=net.dpre dW1=net.dW1 db1=net.db1"
        ).split()
    ),
)

# Adam --------------------------------------------------------------------------------------------

_ADAM_SOURCE = """
z1 = X @ W1 + b1
h1 = np.maximum(z1, 0)
yhat = h1 @ W2 + b2
loss = np.mean((yhat - y) ** 2)
dyhat = 2 * (yhat - y) / yhat.size
dW2 = h1.T @ dyhat
db2 = dyhat.sum(0)
dh1 = dyhat @ W2.T
dz1 = dh1 * (z1 > 0)
dW1 = X.T @ dz1
db1 = dz1.sum(0)
m, v, t = np.zeros_like(W1), np.zeros_like(W1), 1
m = 0.9 * m + 0.1 * dW1
v = 0.999 * v + 0.001 * dW1 ** 2
mhat = m / (1 - 0.9 ** t)
vhat = v / (1 - 0.999 ** t)
W1_new = W1 - lr * mhat / (np.sqrt(vhat) + 1e-8)
"""
_ADAM: dict[str, Any] = {
    "X": numbers(641, 4, 3),
    "y": numbers(642, 4, 2),
    "W1": numbers(643, 3, 3),
    "b1": numbers(644, 3),
    "W2": numbers(645, 3, 2),
    "b2": numbers(646, 2),
}
ADAM = Network(
    "a step of Adam",
    {
        "convention": {"affine": "x W + b"},
        "x": _ADAM["X"],
        "y": _ADAM["y"],
        "layers": [
            {"weights": _ADAM["W1"], "bias": _ADAM["b1"], "activation": "relu"},
            {"weights": _ADAM["W2"], "bias": _ADAM["b2"]},
        ],
        "loss": "mean-squared-error",
        "update": {"rule": "adam", "learning_rate": 0.2},
    },
    _ADAM_SOURCE,
    {**_ADAM, "lr": 0.2},
    tuple(
        (
            "Z1=z1 H1=h1 Yhat=yhat L=loss dYhat=dyhat dW2 db2 dH1=dh1 dZ1=dz1 dW1 db1"
            " m_W1=m v_W1=v mhat_W1=mhat vhat_W1=vhat W1_new"
        ).split()
    ),
)
