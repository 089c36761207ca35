"""Experts behind a gate, values of actions, counts, pairs, a deep stack, a picture by loops."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# Experts behind a gate ----------------------------------------------------------------------------

_EXPERTS_SOURCE = """
N = X.shape[0]
gate_logits = X @ Wg + bg
gate_exp = np.exp(gate_logits - gate_logits.max(axis=1, keepdims=True))
gate = gate_exp / gate_exp.sum(axis=1, keepdims=True)
a1 = X @ V1 + c1
a2 = X @ V2 + c2
e1 = np.tanh(a1)
e2 = np.tanh(a2)
out = gate[:, :1] * e1 + gate[:, 1:] * e2
diff = out - T
loss = (diff ** 2).sum() / (2 * N)
dout = diff / N
de1 = gate[:, :1] * dout
de2 = gate[:, 1:] * dout
dgate = np.stack([(dout * e1).sum(axis=1), (dout * e2).sum(axis=1)], axis=1)
da1 = de1 * (1 - e1 ** 2)
da2 = de2 * (1 - e2 ** 2)
dlogits = gate * (dgate - (gate * dgate).sum(axis=1, keepdims=True))
dV1, dc1 = X.T @ da1, da1.sum(axis=0)
dV2, dc2 = X.T @ da2, da2.sum(axis=0)
dWg, dbg = X.T @ dlogits, dlogits.sum(axis=0)
dX = da1 @ V1.T + da2 @ V2.T + dlogits @ Wg.T
"""
_EXPERTS: dict[str, Any] = {
    "X": numbers(2301, 5, 3),
    "T": numbers(2302, 5, 4),
    "Wg": numbers(2303, 3, 2),
    "bg": numbers(2304, 2),
    "V1": numbers(2305, 3, 4),
    "c1": numbers(2306, 4),
    "V2": numbers(2307, 3, 4),
    "c2": numbers(2308, 4),
}
EXPERTS = Network(
    "experts behind a gate",
    {
        "values": _EXPERTS,
        "equations": [
            "logits = X @ Wg + row(bg)",
            "gate = softmax(logits, axis=1)",
            "a1 = X @ V1 + row(c1)",
            "a2 = X @ V2 + row(c2)",
            "e1 = tanh(a1)",
            "e2 = tanh(a2)",
            "out = gate[:, 1:1] * e1 + gate[:, 2:2] * e2",
            "L = sum((out - T)^2) / (2 * 5)",
        ],
        "train": ["Wg", "bg", "V1", "c1", "V2", "c2", "X"],
    },
    _EXPERTS_SOURCE,
    _EXPERTS,
    tuple(
        (
            "logits=gate_logits gate a1 a2 e1 e2 out L=loss dout de1 de2 dgate da1 da2 dlogits"
            " dV1 dc1 dV2 dc2 dWg dbg dX"
        ).split()
    ),
)

# Values of actions --------------------------------------------------------------------------------

_ACTIONS_SOURCE = """
batch = len(S)
z = S.dot(W1) + b1
h = np.where(z > 0, z, 0)
q = h.dot(W2) + b2
chosen = q[np.arange(batch), labels]
delta = chosen - y
loss = np.mean(np.where(np.abs(delta) <= 1, 0.5 * delta ** 2, np.abs(delta) - 0.5))
dchosen = np.clip(delta, -1, 1) / batch
dq = np.zeros_like(q)
dq[np.arange(batch), labels] = dchosen
dW2 = h.T.dot(dq)
db2 = dq.sum(axis=0)
dh = dq.dot(W2.T)
dz = dh * (z > 0)
dW1 = S.T.dot(dz)
db1 = dz.sum(axis=0)
v_W1 = mu * v0 + dW1
W1_new = W1 - lr * v_W1
"""
_ACTION_LABELS = [0, 2, 1, 2, 0, 1]
_ACTIONS: dict[str, Any] = {
    "S": numbers(2311, 6, 4),
    "y": [2.4, -1.1, 0.3, 1.9, -2.2, 0.6],
    "W1": numbers(2312, 4, 5),
    "b1": numbers(2313, 5),
    "W2": numbers(2314, 5, 3),
    "b2": numbers(2315, 3),
}
ACTIONS = Network(
    "values of actions",
    {
        "values": {**_ACTIONS, "A": one_hot(_ACTION_LABELS, 3)},
        "equations": [
            "z = S @ W1 + row(b1)",
            "h = relu(z)",
            "q = h @ W2 + row(b2)",
            "chosen = sum(q * A, axis=1)",
            "L = huber(chosen, y, delta=1) / 6",
        ],
        "train": ["W1", "b1", "W2", "b2"],
        "update": {
            "rule": "momentum",
            "form": "accumulate",
            "learning_rate": 0.2,
            "beta": 0.7,
            "state": {"v_W1": numbers(2316, 4, 5)},
        },
    },
    _ACTIONS_SOURCE,
    {**_ACTIONS, "labels": _ACTION_LABELS, "v0": numbers(2316, 4, 5), "mu": 0.7, "lr": 0.2},
    tuple("z h q chosen L=loss dchosen dq dW2 db2 dh dz dW1 db1 v_W1 W1_new".split()),
)

# Counts, in columns -------------------------------------------------------------------------------

_COUNTS_SOURCE = """
n = x.shape[1]
z1 = np.matmul(A, x) + a
h1 = np.log(1 + np.exp(z1))
z2 = np.matmul(B, h1) + b
rate = np.exp(z2)
nll = np.sum(rate - k * z2) / n
l1 = lam * np.sum(np.abs(A)) + lam * np.sum(np.abs(B))
cost = nll + l1
dz2 = (rate - k) / n
dB = np.matmul(dz2, h1.T) + lam * np.sign(B)
db = np.sum(dz2, axis=1, keepdims=True)
dh1 = np.matmul(B.T, dz2)
dz1 = dh1 / (1 + np.exp(-z1))
dA = np.matmul(dz1, x.T) + lam * np.sign(A)
da = np.sum(dz1, axis=1, keepdims=True)
"""
_COUNTS_X, _COUNTS_K = numbers(2321, 6, 3), [[2, 0], [1, 3], [0, 1], [4, 2], [1, 1], [0, 5]]
_COUNTS: dict[str, Any] = {
    "x": turned(_COUNTS_X),
    "k": turned(_COUNTS_K),
    "A": numbers(2322, 4, 3),
    "a": numbers(2323, 4, 1),
    "B": numbers(2324, 2, 4),
    "b": numbers(2325, 2, 1),
}
COUNTS = Network(
    "counts in columns",
    {
        "values": {
            **_COUNTS,
            "a": [row[0] for row in _COUNTS["a"]],
            "b": [row[0] for row in _COUNTS["b"]],
        },
        "equations": [
            "z1 = A @ x + column(a)",
            "h1 = softplus(z1)",
            "z2 = B @ h1 + column(b)",
            "rate = exp(z2)",
            "nll = sum(rate - k * z2) / 6",
            "l1 = 0.05 * sum(abs(A)) + 0.05 * sum(abs(B))",
            "L = nll + l1",
        ],
        "train": ["A", "a", "B", "b"],
    },
    _COUNTS_SOURCE,
    {**_COUNTS, "lam": 0.05},
    tuple("z1 h1 z2 rate nll l1 L=cost dz2 dB db dh1 dz1 dA da".split()),
)

# Pairs among all others ---------------------------------------------------------------------------

_AMONG_SOURCE = """
B = len(X)
U = X @ Wx.T
V = T @ Wt.T
logits = U @ V.T / tau
logits_max = logits.max(axis=1, keepdims=True)
exp = np.exp(logits - logits_max)
prob = exp / exp.sum(axis=1, keepdims=True)
loss = -np.log(np.diag(prob)).mean()
dlogits = (prob - np.eye(B, dtype=prob.dtype)) / B
dU = dlogits @ V / tau
dV = dlogits.T @ U / tau
dWx = dU.T @ X
dWt = dV.T @ T
dX = dU @ Wx
"""
_AMONG: dict[str, Any] = {
    "X": numbers(2331, 4, 5),
    "T": numbers(2332, 4, 3),
    "Wx": numbers(2333, 3, 5),
    "Wt": numbers(2334, 3, 3),
}
AMONG = Network(
    "pairs among all others",
    {
        "values": {**_AMONG, "I": [[int(i == j) for j in range(4)] for i in range(4)]},
        "equations": [
            "U = X @ Wx.T",
            "V = T @ Wt.T",
            "logits = U @ V.T / 0.5",
            "prob = softmax(logits, axis=1)",
            "L = cross_entropy(prob, I) / 4",
        ],
        "train": ["Wx", "Wt", "X"],
    },
    _AMONG_SOURCE,
    {**_AMONG, "tau": 0.5},
    tuple("U V logits prob L=loss dlogits dU dV dWx dWt dX".split()),
)

# A deep stack in a loop ---------------------------------------------------------------------------

_DEEP_SOURCE = """
class Net:
    def forward(self, X):
        self.A, self.Z = {0: X}, {}
        for l in (1, 2, 3):
            self.Z[l] = W[l - 1] @ self.A[l - 1] + b[l - 1]
            self.A[l] = np.tanh(self.Z[l]) if l < 3 else 1 / (1 + np.exp(-self.Z[l]))
        return self.A[3]

    def loss(self, Y):
        P = self.A[3]
        self.data = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
        self.penalty = 0.5 * lam * sum(np.sum(w ** 2) for w in W)
        return self.data + self.penalty

    def backward(self, Y):
        m = Y.shape[1]
        self.dZ, self.dA, self.dW, self.db = {3: (self.A[3] - Y) / m}, {}, {}, {}
        for l in (3, 2, 1):
            self.dW[l] = self.dZ[l] @ self.A[l - 1].T + lam * W[l - 1]
            self.db[l] = self.dZ[l].sum(axis=1, keepdims=True)
            self.dA[l - 1] = W[l - 1].T @ self.dZ[l]
            if l > 1:
                self.dZ[l - 1] = self.dA[l - 1] * (1 - self.A[l - 1] ** 2)

    def step(self):
        self.new_W = {l: W[l - 1] - lr * self.dW[l] for l in (1, 2, 3)}
        self.new_b = {l: b[l - 1] - lr * self.db[l] for l in (1, 2, 3)}

W, b = [W1, W2, W3], [b1, b2, b3]
net = Net()
net.forward(X)
total = net.loss(Y)
net.backward(Y)
net.step()
"""
_DEEP_X, _DEEP_Y = numbers(2341, 6, 4), [[1], [0], [0], [1], [1], [0]]
_DEEP: dict[str, Any] = {
    "X": turned(_DEEP_X),
    "Y": turned(_DEEP_Y),
    "W1": numbers(2342, 4, 4),
    "b1": numbers(2343, 4, 1),
    "W2": numbers(2344, 4, 4),
    "b2": numbers(2345, 4, 1),
    "W3": numbers(2346, 1, 4),
    "b3": numbers(2347, 1, 1),
}
DEEP = Network(
    "a deep stack in a loop",
    {
        "convention": {"affine": "W x + b"},
        "x": _DEEP_X,
        "y": _DEEP_Y,
        "layers": [
            {
                "weights": _DEEP[f"W{k}"],
                "bias": [row[0] for row in _DEEP[f"b{k}"]],
                "activation": "sigmoid" if k == 3 else "tanh",
            }
            for k in (1, 2, 3)
        ],
        "loss": "binary-cross-entropy",
        "penalty": {"l2": 0.1},
        "update": {"rule": "sgd", "learning_rate": 0.4},
    },
    _DEEP_SOURCE,
    {**_DEEP, "lam": 0.1, "lr": 0.4},
    (
        *(f"Z{k}=net.Z[{k}]" for k in (1, 2, 3)),
        *(f"A{k}=net.A[{k}]" for k in (1, 2)),
        *"Yhat=net.A[3] L_data=net.data L_penalty=net.penalty L=total".split(),
        *(f"dZ{k}=net.dZ[{k}]" for k in (3, 2, 1)),
        *(f"dH{k}=net.dA[{k}]" for k in (2, 1)),
        *(f"d{kind}{k}=net.d{kind}[{k}]" for k in (3, 2, 1) for kind in "Wb"),
        *(f"{kind}{k}_new=net.new_{kind}[{k}]" for k in (1, 2, 3) for kind in "Wb"),
    ),
)

# A picture, by loops ------------------------------------------------------------------------------

_LOOPS_SOURCE = """
F, k = len(K), len(K[0])
side = len(X) - k + 1
conv = np.zeros((F, side, side), dtype=X.dtype)
for f in range(F):
    for i in range(side):
        for j in range(side):
            conv[f, i, j] = np.sum(X[i:i+k, j:j+k] * K[f]) + b[f]
act = np.maximum(conv, 0)
half = side // 2
pool = np.zeros((F, half, half), dtype=X.dtype)
for i in range(half):
    for j in range(half):
        pool[:, i, j] = act[:, 2*i:2*i+2, 2*j:2*j+2].mean(axis=(1, 2))
flat = pool.reshape(-1)
logits = W @ flat + c
shifted = np.exp(logits - logits.max())
p = shifted / shifted.sum()
loss = -np.log(p[labels[0]])
dlogits = p.copy()
dlogits[labels[0]] -= 1
dW = np.outer(dlogits, flat)
dc = dlogits
dflat = W.T @ dlogits
dpool = dflat.reshape(pool.shape)
dact = np.zeros_like(act)
for i in range(half):
    for j in range(half):
        dact[:, 2*i:2*i+2, 2*j:2*j+2] = dpool[:, i, j][:, None, None] / 4
dconv = dact * (conv > 0)
dK, db = np.zeros_like(K), np.zeros_like(b)
dX = np.zeros_like(X)
for f in range(F):
    for i in range(side):
        for j in range(side):
            dK[f] += dconv[f, i, j] * X[i:i+k, j:j+k]
            db[f] += dconv[f, i, j]
            dX[i:i+k, j:j+k] += dconv[f, i, j] * K[f]
"""
_LOOPS: dict[str, Any] = {
    "X": numbers(2351, 5, 5),
    "K": numbers(2352, 2, 2, 2),
    "b": [0.4, -0.3],
    "W": numbers(2353, 3, 8),
    "c": numbers(2354, 3),
}
LOOPS = Network(
    "a picture by loops",
    {
        "input": "picture",
        "x": _LOOPS["X"],
        "y": [0, 1, 0],
        "layers": [
            {
                "type": "conv",
                "kernel": [[one] for one in _LOOPS["K"]],
                "bias": _LOOPS["b"],
                "activation": "relu",
            },
            {"type": "mean-pool", "size": 2},
            {"type": "flatten"},
            {"weights": _LOOPS["W"], "bias": _LOOPS["c"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _LOOPS_SOURCE,
    {**_LOOPS, "labels": [1]},
    tuple(
        (
            "Z1=conv H1=act H2=pool H3=flat Z4=logits Yhat=p L=loss dZ4=dlogits dW4=dW db4=dc"
            " dH3=dflat dH2=dpool dH1=dact dZ1=dconv dK1=dK db1=db"
        ).split()
    ),
)
COUNTED = (EXPERTS, ACTIONS, COUNTS, AMONG, DEEP, LOOPS)
