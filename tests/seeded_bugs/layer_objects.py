"""Layers as objects, tuples of caches, batch norm in stages, convolution by windows."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# Objects of layers in a list, weights with a row a unit, a penalty --------------------------------

_STACK_SOURCE = """
class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        self.out = x @ self.W.T + self.b
        return self.out
    def backward(self, grad):
        self.dout = grad
        self.dW = grad.T @ self.x + lam * self.W
        self.db = grad.sum(axis=0)
        return grad @ self.W

class ReLU:
    def forward(self, z):
        self.mask = z > 0
        self.out = z * self.mask
        return self.out
    def backward(self, grad):
        self.dout = grad
        return grad * self.mask

class SoftmaxLoss:
    def forward(self, z, y):
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        self.p = e / np.sum(e, axis=1, keepdims=True)
        self.y = y
        self.loss = -np.sum(y * np.log(self.p)) / z.shape[0]
        return self.loss
    def backward(self):
        return (self.p - self.y) / self.y.shape[0]

net = [Dense(W1, b1), ReLU(), Dense(W2, b2), ReLU(), Dense(W3, b3)]
head = SoftmaxLoss()
h = X
for layer in net:
    h = layer.forward(h)
data = head.forward(h, Y)
penalty = 0.5 * lam * sum(np.sum(layer.W ** 2) for layer in net[::2])
total = data + penalty
grad = head.backward()
for layer in reversed(net):
    grad = layer.backward(grad)
for layer in net[::2]:
    layer.W_new = layer.W - lr * layer.dW
    layer.b_new = layer.b - lr * layer.db
"""
_STACK: dict[str, Any] = {
    "X": numbers(1101, 6, 4),
    "Y": one_hot([1, 0, 2, 2, 1, 0], 3),
    "W1": numbers(1102, 5, 4),
    "b1": numbers(1103, 5),
    "W2": numbers(1104, 4, 5),
    "b2": numbers(1105, 4),
    "W3": numbers(1106, 3, 4),
    "b3": numbers(1107, 3),
}
STACK = Network(
    "objects in a list",
    {
        "convention": {"affine": "x W^T + b"},
        "x": _STACK["X"],
        "y": _STACK["Y"],
        "layers": [
            {
                "weights": _STACK[f"W{k}"],
                "bias": _STACK[f"b{k}"],
                "activation": "softmax" if k == 3 else "relu",
            }
            for k in (1, 2, 3)
        ],
        "loss": "cross-entropy",
        "penalty": {"l2": 0.2},
        "update": {"rule": "sgd", "learning_rate": 0.5},
    },
    _STACK_SOURCE,
    {**_STACK, "lam": 0.2, "lr": 0.5},
    tuple(
        (
            "Z1=net[0].out H1=net[1].out Z2=net[2].out H2=net[3].out Z3=net[4].out Yhat=head.p"
            " L_data=data L_penalty=penalty L=total dZ3=net[4].dout dW3=net[4].dW db3=net[4].db"
            " dH2=net[3].dout dZ2=net[2].dout dW2=net[2].dW db2=net[2].db dH1=net[1].dout"
            " dZ1=net[0].dout dW1=net[0].dW db1=net[0].db W1_new=net[0].W_new W2_new=net[2].W_new"
            " b1_new=net[0].b_new"
        ).split()
    ),
)

# Functions that hand a cache on, samples in columns, log-cosh, momentum ---------------------------

_CACHES_SOURCE = """
def linear_forward(A, W, b):
    return np.dot(W, A) + b, (A, W, b)

def leaky_forward(Z):
    return np.maximum(0.2 * Z, Z), Z

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    dW = np.dot(dZ, A_prev.T)
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db

def leaky_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z < 0] *= 0.2
    return dZ

m = X.shape[1]
Z1, lin1 = linear_forward(X, W1, b1)
A1, act1 = leaky_forward(Z1)
Z2, lin2 = linear_forward(A1, W2, b2)
A2, act2 = leaky_forward(Z2)
AL, lin3 = linear_forward(A2, W3, b3)
E = AL - Y
cost = np.sum(np.log(np.cosh(E))) / m
dAL = np.tanh(E) / m
grads = {}
grads["dA2"], grads["dW3"], grads["db3"] = linear_backward(dAL, lin3)
grads["dZ2"] = leaky_backward(grads["dA2"], act2)
grads["dA1"], grads["dW2"], grads["db2"] = linear_backward(grads["dZ2"], lin2)
grads["dZ1"] = leaky_backward(grads["dA1"], act1)
_, grads["dW1"], grads["db1"] = linear_backward(grads["dZ1"], lin1)
v1 = beta * v0 - lr * grads["dW1"]
W1_new = W1 + v1
"""
_CACHES_X, _CACHES_Y = numbers(1111, 5, 3), numbers(1112, 5, 2)
_CACHES: dict[str, Any] = {
    "X": turned(_CACHES_X),
    "Y": turned(_CACHES_Y),
    "W1": numbers(1113, 4, 3),
    "b1": numbers(1114, 4, 1),
    "W2": numbers(1115, 4, 4),
    "b2": numbers(1116, 4, 1),
    "W3": numbers(1117, 2, 4),
    "b3": numbers(1118, 2, 1),
    "v0": numbers(1119, 4, 3),
}
CACHES = Network(
    "functions with caches",
    {
        "values": {
            **{name: _CACHES[name] for name in ("X", "Y", "W1", "W2", "W3")},
            **{name: [row[0] for row in _CACHES[name]] for name in ("b1", "b2", "b3")},
        },
        "equations": [
            "Z1 = W1 @ X + column(b1)",
            "A1 = leaky_relu(Z1, slope=0.2)",
            "Z2 = W2 @ A1 + column(b2)",
            "A2 = leaky_relu(Z2, slope=0.2)",
            "AL = W3 @ A2 + column(b3)",
            "E = AL - Y",
            "cost = sum(log(cosh(E))) / 5",
        ],
        "train": ["W1", "b1", "W2", "b2", "W3", "b3"],
        "update": {
            "rule": "momentum",
            "learning_rate": 0.3,
            "beta": 0.8,
            "state": {"v_W1": _CACHES["v0"]},
        },
    },
    _CACHES_SOURCE,
    {**_CACHES, "beta": 0.8, "lr": 0.3},
    tuple(
        (
            'Z1 A1 Z2 A2 AL E cost dAL dW3=grads["dW3"] db3=grads["db3"] dA2=grads["dA2"]'
            ' dZ2=grads["dZ2"] dW2=grads["dW2"] db2=grads["db2"] dA1=grads["dA1"]'
            ' dZ1=grads["dZ1"] dW1=grads["dW1"] db1=grads["db1"] W1_new'
        ).split()
    ),
)

# Batch norm in stages, a hidden layer in rows, squared error --------------------------------------

_STAGES_SOURCE = """
N, D = X.shape
a = X.dot(W) + c
mu = 1. / N * np.sum(a, axis=0)
amu = a - mu
sq = amu ** 2
var = 1. / N * np.sum(sq, axis=0)
sqrtvar = np.sqrt(var + eps)
ivar = 1. / sqrtvar
ahat = amu * ivar
out = gamma * ahat + beta
h = np.maximum(out, 0)
pred = h.dot(V) + d
loss = np.mean(np.sum((pred - T) ** 2, axis=1))
dpred = 2 * (pred - T) / N
dV = h.T.dot(dpred)
dd = dpred.sum(axis=0)
dh = dpred.dot(V.T)
dout = dh * (out > 0)
dbeta = np.sum(dout, axis=0)
dgamma = np.sum(dout * ahat, axis=0)
dahat = dout * gamma
divar = np.sum(dahat * amu, axis=0)
damu1 = dahat * ivar
dsqrtvar = -1. / (sqrtvar ** 2) * divar
dvar = 0.5 * 1. / np.sqrt(var + eps) * dsqrtvar
dsq = 1. / N * np.ones_like(sq) * dvar
damu2 = 2 * amu * dsq
damu = damu1 + damu2
dmu = -1 * np.sum(damu, axis=0)
da = damu + 1. / N * np.ones_like(a) * dmu
dW = X.T.dot(da)
dX = da.dot(W.T)
"""
_STAGES: dict[str, Any] = {
    "X": numbers(1121, 6, 3),
    "T": numbers(1122, 6, 2),
    "W": numbers(1123, 3, 4),
    "c": numbers(1124, 4),
    "gamma": [0.7, -1.2, 1.4, 0.9],
    "beta": [0.3, 0.5, -0.2, 0.4],
    "V": numbers(1125, 4, 2),
    "d": numbers(1126, 2),
}
STAGES = Network(
    "batch norm in stages",
    {
        "values": _STAGES,
        "equations": [
            "a = X @ W + row(c)",
            "mu = mean(a, axis=0)",
            "amu = a - row(mu)",
            "sq = amu^2",
            "var_a = mean(sq, axis=0)",
            "sqrtvar = sqrt(var_a + 0.02)",
            "ivar = 1 / sqrtvar",
            "ahat = amu * row(ivar)",
            "out = row(gamma) * ahat + row(beta)",
            "h = relu(out)",
            "pred = h @ V + row(d)",
            "L = sum((pred - T)^2) / 6",
        ],
        "train": ["W", "gamma", "beta", "V", "d", "X"],
    },
    _STAGES_SOURCE,
    {**_STAGES, "eps": 0.02},
    tuple(
        (
            "a mu amu sq var_a=var sqrtvar ivar ahat out h pred L=loss dpred dV dd dh dout dbeta"
            " dgamma dahat divar dsqrtvar dvar_a=dvar dsq damu dmu da dW dX"
        ).split()
    ),
)

# Convolution by a view of windows, stride 2, padding, mean over places ----------------------------

_VIEWS_SOURCE = """
p, s, k = 1, 2, 3
xp = np.pad(X, p)
windows = np.lib.stride_tricks.sliding_window_view(xp, (k, k))[::s, ::s]
Z = np.einsum("ijab,fab->fij", windows, K) + b[:, None, None]
A = np.where(Z > 0, Z, np.exp(np.minimum(Z, 0)) - 1)
f = A.mean(axis=(1, 2))
logits = W @ f + c
q = np.exp(logits) / np.exp(logits).sum()
loss = -np.log(q[labels[0]])
dlogits = q.copy()
dlogits[labels[0]] -= 1
dW = np.outer(dlogits, f)
dc = dlogits
df = W.T @ dlogits
dA = np.ones_like(A) * df[:, None, None] / (A.shape[1] * A.shape[2])
dZ = dA * np.where(Z > 0, 1, np.exp(np.minimum(Z, 0)))
dK = np.einsum("fij,ijab->fab", dZ, windows)
db = dZ.sum(axis=(1, 2))
dxp = np.zeros_like(xp)
for i in range(dZ.shape[1]):
    for j in range(dZ.shape[2]):
        dxp[i*s:i*s+k, j*s:j*s+k] += np.tensordot(dZ[:, i, j], K, axes=1)
dX = dxp[p:-p, p:-p]
"""
_VIEWS: dict[str, Any] = {
    "X": numbers(1131, 5, 5),
    "K": numbers(1132, 2, 3, 3),
    "b": [0.3, -0.4],
    "W": numbers(1133, 3, 2),
    "c": numbers(1134, 3),
}
VIEWS = Network(
    "convolution by a view of windows",
    {
        "input": "picture",
        "x": _VIEWS["X"],
        "y": [0, 0, 1],
        "layers": [
            {
                "type": "conv",
                "kernel": [[kernel] for kernel in _VIEWS["K"]],
                "bias": _VIEWS["b"],
                "stride": 2,
                "padding": 1,
                "activation": "elu",
            },
            {"type": "mean-pool", "size": 3},
            {"type": "flatten"},
            {"weights": _VIEWS["W"], "bias": _VIEWS["c"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _VIEWS_SOURCE,
    {**_VIEWS, "labels": [2]},
    tuple(
        (
            "Z1=Z H1=A H3=f Z4=logits Yhat=q L=loss dZ4=dlogits dW4=dW db4=dc dH3=df dH1=dA"
            " dZ1=dZ dK1=dK db1=db dX"
        ).split()
    ),
)

OBJECTS = (STACK, CACHES, STAGES, VIEWS)
