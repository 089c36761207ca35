"""Networks as course assignments have them: dicts of caches and gradients, layers as objects."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers

# Batch normalisation, with a dict of what the way back needs --------------------------------------

_BATCH_NORM = """
def batchnorm_forward(x, gamma, beta, eps):
    mu = x.mean(axis=0)
    xc = x - mu
    v = np.mean(xc ** 2, axis=0)
    std = np.sqrt(v + eps)
    xhat = xc / std
    out = gamma * xhat + beta
    cache = {"x": x, "mu": mu, "xc": xc, "v": v, "std": std, "xhat": xhat, "gamma": gamma}
    return out, cache

def batchnorm_backward(dout, cache):
    xhat, xc, std = cache["xhat"], cache["xc"], cache["std"]
    m = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * cache["gamma"]
    dv = np.sum(dxhat * xc, axis=0) * -0.5 / std ** 3
    dmu = -np.sum(dxhat / std, axis=0) + dv * np.mean(-2 * xc, axis=0)
    dx = dxhat / std + dv * 2 * xc / m + dmu / m
    return dx, {"gamma": dgamma, "beta": dbeta, "Xhat": dxhat, "v": dv, "mu": dmu}

Z = X @ W + b
N, cache = batchnorm_forward(Z, gamma, beta, 0.001)
H = np.maximum(0, N)
S = H @ V
L = np.sum((S - Y) ** 2) / len(X)
dS = 2 * (S - Y) / len(X)
dV = H.T @ dS
dH = dS @ V.T
dN = dH * (N > 0)
dZ, grads = batchnorm_backward(dN, cache)
grads["W"] = X.T @ dZ
grads["V"] = dV
"""
_BN = {
    "X": numbers(61, 6, 3), "Y": numbers(62, 6, 2), "W": numbers(63, 3, 4), "b": numbers(64, 4),
    "gamma": [1.2, -0.7, 0.9, 1.6], "beta": [0.3, -0.2, 0.5, 0.1], "V": numbers(65, 4, 2),
}  # fmt: skip
BATCH_NORM = Network(
    "batch norm, dict of caches",
    {
        "values": _BN,
        "equations": [
            "Z = X @ W + row(b)",
            "mu = mean(Z, axis=0)",
            "v = mean((Z - row(mu))^2, axis=0)",
            "Xhat = (Z - row(mu)) / row(sqrt(v + 0.001))",
            "N = row(gamma) * Xhat + row(beta)",
            "H = relu(N)",
            "S = H @ V",
            "L = sum((S - Y)^2) / 6",
        ],
        "train": ["W", "b", "gamma", "beta", "V"],
    },
    _BATCH_NORM,
    _BN,
    (
        "Z", 'mu=cache["mu"]', 'v=cache["v"]', 'Xhat=cache["xhat"]', "N", "H", "S", "L", "dS",
        "dH", "dN", "dZ", *(f'grads/{name}=grads["{name}"]' for name in
        ("V", "gamma", "beta", "Xhat", "v", "mu", "W")),
    ),
)  # fmt: skip

# Two layers, samples as columns, a dict of gradients ----------------------------------------------

_PLANAR = """
def forward_propagation(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

def compute_cost(A2, Y):
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    return -np.sum(logprobs) / Y.shape[1]

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W1, W2 = parameters["W1"], parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.multiply(np.dot(W2.T, dZ2), 1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dZ2": dZ2, "dW2": dW2, "db2": db2, "dZ1": dZ1, "dW1": dW1, "db1": db1}

def update_parameters(parameters, grads, learning_rate=1.2):
    new = {}
    for name in ("W1", "b1", "W2", "b2"):
        new[name] = parameters[name] - learning_rate * grads["d" + name]
    return new

parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
A2, cache = forward_propagation(X, parameters)
cost = compute_cost(A2, Y)
grads = backward_propagation(parameters, cache, X, Y)
new = update_parameters(parameters, grads)
"""
_PX, _PY = numbers(71, 7, 2), [1, 0, 1, 1, 0, 0, 1]
_PW1, _Pb1, _PW2, _Pb2 = numbers(72, 4, 2), numbers(73, 4), numbers(74, 1, 4), numbers(75, 1)
PLANAR = Network(
    "two layers, dict of gradients",
    {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "x": _PX,
        "y": _PY,
        "layers": [
            {"weights": _PW1, "bias": _Pb1, "activation": "tanh"},
            {"weights": _PW2, "bias": _Pb2, "activation": "sigmoid"},
        ],
        "loss": "binary-cross-entropy",
        "update": {"rule": "sgd", "learning_rate": 1.2},
    },
    _PLANAR,
    {
        "X": [list(row) for row in zip(*_PX, strict=True)],
        "Y": [_PY],
        "W1": _PW1,
        "b1": [[entry] for entry in _Pb1],
        "W2": _PW2,
        "b2": [[entry] for entry in _Pb2],
    },
    (
        *(f'cache/{name}=cache["{name}"]' for name in ("Z1", "A1", "Z2", "A2")),
        "cost",
        *(f'grads/{name}=grads["{name}"]' for name in ("dZ2", "dW2", "db2", "dZ1", "dW1", "db1")),
        *(f'{name}_new=new["{name}"]' for name in ("W1", "b1", "W2", "b2")),
    ),
)

# Layers as objects that keep their gradients, one of them used twice ------------------------------

_OBJECTS = """
class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW, self.db = np.zeros_like(W), np.zeros_like(b)
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x)
        return x @ self.W + self.b

    def backward(self, grad):
        x = self.inputs.pop()
        self.dW += x.T @ grad
        self.db += grad.sum(axis=0)
        return grad @ self.W.T

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask

class Network:
    def __init__(self):
        self.shared, self.last = Linear(U, c), Linear(V, d)
        self.first, self.second = ReLU(), ReLU()

    def forward(self, x):
        self.Z1 = self.shared.forward(x)
        self.H1 = self.first.forward(self.Z1)
        self.Z2 = self.shared.forward(self.H1)
        self.H2 = self.second.forward(self.Z2)
        self.S = self.last.forward(self.H2)
        return self.S

    def backward(self, grad):
        self.dH2 = self.last.backward(grad)
        self.dZ2 = self.second.backward(self.dH2)
        self.dH1 = self.shared.backward(self.dZ2)
        self.dZ1 = self.first.backward(self.dH1)
        self.dX = self.shared.backward(self.dZ1)

net = Network()
S = net.forward(X)
L = 0.5 * np.mean(np.sum((S - Y) ** 2, axis=1))
dS = (S - Y) / len(X)
net.backward(dS)
"""
_OX = {
    "X": numbers(81, 5, 3), "U": numbers(82, 3, 3), "c": [0.4, -0.3, 0.6], "V": numbers(83, 3, 2),
    "d": numbers(84, 2), "Y": numbers(85, 5, 2),
}  # fmt: skip
OBJECTS = Network(
    "layers as objects, one used twice",
    {
        "values": _OX,
        "equations": [
            "Z1 = X @ U + row(c)",
            "H1 = relu(Z1)",
            "Z2 = H1 @ U + row(c)",
            "H2 = relu(Z2)",
            "S = H2 @ V + row(d)",
            "L = sum((S - Y)^2) / 10",
        ],
    },
    _OBJECTS,
    _OX,
    (
        *(f"{name}=net.{name}" for name in ("Z1", "H1", "Z2", "H2")), "S", "L", "dS",
        *(f"{name}=net.{name}" for name in ("dH2", "dZ2", "dH1", "dZ1", "dX")),
        "dU=net.shared.dW", "dc=net.shared.db", "dV=net.last.dW", "dd=net.last.db",
    ),
)  # fmt: skip

COURSES = (BATCH_NORM, PLANAR, OBJECTS)
