"""Programs with einsum, gates over time, a sample at a time, two tasks and a shared embedding."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# Functions that hand on tuples, in einsum --------------------------------------------------------

_EINSUM_SOURCE = """
def silu(z):
    s = 1 / (1 + np.exp(-z))
    return z * s, s

def forward(params, X):
    (W1, b1), (W2, b2) = params
    Z1 = np.einsum("ni,oi->no", X, W1) + b1
    H1, S1 = silu(Z1)
    Z2 = np.einsum("nh,oh->no", H1, W2) + b2
    top = Z2.max(axis=1, keepdims=True)
    logp = Z2 - top - np.log(np.exp(Z2 - top).sum(axis=1, keepdims=True))
    return Z1, H1, S1, Z2, logp

def backward(params, X, Y, Z1, H1, S1, logp):
    (W1, b1), (W2, b2) = params
    dZ2 = (np.exp(logp) - Y) / Y.shape[0]
    dW2 = np.einsum("no,nh->oh", dZ2, H1)
    db2 = np.einsum("no->o", dZ2)
    dH1 = np.einsum("no,oh->nh", dZ2, W2)
    dZ1 = dH1 * (S1 + Z1 * S1 * (1 - S1))
    dW1 = np.einsum("no,ni->oi", dZ1, X)
    db1 = np.einsum("nh->h", dZ1)
    return dZ2, dW2, db2, dH1, dZ1, dW1, db1

params = ((W1, b1), (W2, b2))
Z1, H1, S1, Z2, logp = forward(params, X)
L = -np.einsum("no,no->", Y, logp) / len(Y)
dZ2, dW2, db2, dH1, dZ1, dW1, db1 = backward(params, X, Y, Z1, H1, S1, logp)
"""
_EINSUM: dict[str, Any] = {
    "X": numbers(701, 6, 4),
    "Y": one_hot([0, 2, 1, 1, 2, 0], 3),
    "W1": numbers(702, 4, 4),
    "b1": numbers(703, 4),
    "W2": numbers(704, 3, 4),
    "b2": numbers(705, 3),
}
EINSUM = Network(
    "functions with einsum",
    {
        "convention": {"affine": "x W^T + b"},
        "x": _EINSUM["X"],
        "y": _EINSUM["Y"],
        "layers": [
            {"weights": _EINSUM["W1"], "bias": _EINSUM["b1"], "activation": "silu"},
            {"weights": _EINSUM["W2"], "bias": _EINSUM["b2"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _EINSUM_SOURCE,
    _EINSUM,
    tuple("Z1 H1 Z2 Yhat=np.exp(logp) L dZ2 dW2 db2 dH1 dZ1 dW1 db1".split()),
)

# A gated unit over two steps ---------------------------------------------------------------------

_GRU_SOURCE = """
def sig(a):
    return 1 / (1 + np.exp(-a))

h, steps = h0, []
for x in (x1, x2):
    z = sig(Wz @ x + Uz @ h + bz)
    r = sig(Wr @ x + Ur @ h + br)
    s = r * h
    n = np.tanh(Wn @ x + Un @ s + bn)
    new = (1 - z) * h + z * n
    steps.append((x, h, z, r, s, n, new))
    h = new
o = v @ h
L = 0.5 * (o - y) ** 2
do = o - y
dv = do * h
names = ("Wz", "Uz", "bz", "Wr", "Ur", "br", "Wn", "Un", "bn")
grads = {k: np.zeros_like(globals()[k]) for k in names}
dh = do * v
kept = []
for x, before, z, r, s, n, new in reversed(steps):
    dz = dh * (n - before)
    dn = dh * z
    daz = dz * z * (1 - z)
    dan = dn * (1 - n ** 2)
    ds = Un.T @ dan
    dr = ds * before
    dar = dr * r * (1 - r)
    for g, da, hidden in (("z", daz, before), ("r", dar, before), ("n", dan, s)):
        grads["W" + g] += np.outer(da, x)
        grads["U" + g] += np.outer(da, hidden)
        grads["b" + g] += da
    kept.append((dh, dz, dn, daz, dan, ds, dr, dar))
    dh = dh * (1 - z) + ds * r + Uz.T @ daz + Ur.T @ dar
"""
_GRU: dict[str, Any] = {
    **{f"W{gate}": numbers(711 + k, 3, 2) for k, gate in enumerate("zrn")},
    **{f"U{gate}": numbers(721 + k, 3, 3) for k, gate in enumerate("zrn")},
    **{f"b{gate}": numbers(731 + k, 3) for k, gate in enumerate("zrn")},
    "v": numbers(741, 3),
    "y": 0.7,
    "h0": [0.5, -0.4, 0.3],
    "x1": numbers(742, 2),
    "x2": numbers(743, 2),
}
GRU = Network(
    "a gated unit over time",
    {
        "values": {
            **{name: value for name, value in _GRU.items() if name not in ("h0", "x1", "x2")},
            "h_0": _GRU["h0"],
            "x_1": _GRU["x1"],
            "x_2": _GRU["x2"],
        },
        "equations": [
            {
                "for t in 1..2": [
                    "az_t = Wz @ x_t + Uz @ h_{t-1} + bz",
                    "z_t = sigmoid(az_t)",
                    "ar_t = Wr @ x_t + Ur @ h_{t-1} + br",
                    "r_t = sigmoid(ar_t)",
                    "s_t = r_t * h_{t-1}",
                    "an_t = Wn @ x_t + Un @ s_t + bn",
                    "n_t = tanh(an_t)",
                    "h_t = (1 - z_t) * h_{t-1} + z_t * n_t",
                ]
            },
            "o = dot(v, h_2)",
            "L = 0.5 * (o - y)^2",
        ],
        "train": ["Wz", "Uz", "bz", "Wr", "Ur", "br", "Wn", "Un", "bn", "v"],
    },
    _GRU_SOURCE,
    _GRU,
    tuple(
        (
            "z_1=steps[0][2] r_1=steps[0][3] s_1=steps[0][4] n_1=steps[0][5] h_1=steps[0][6]"
            " z_2=steps[1][2] r_2=steps[1][3] s_2=steps[1][4] n_2=steps[1][5] h_2=steps[1][6] o L"
            " do dv dh_2=kept[0][0] dz_2=kept[0][1] dn_2=kept[0][2] daz_2=kept[0][3]"
            " dan_2=kept[0][4] ds_2=kept[0][5] dr_2=kept[0][6] dar_2=kept[0][7] dh_1=kept[1][0]"
            " dz_1=kept[1][1] dn_1=kept[1][2] daz_1=kept[1][3] dan_1=kept[1][4] ds_1=kept[1][5]"
            " dr_1=kept[1][6] dar_1=kept[1][7]"
            ' dWz=grads["Wz"] dUz=grads["Uz"] dbz=grads["bz"] dWr=grads["Wr"] dUr=grads["Ur"]'
            ' dbr=grads["br"] dWn=grads["Wn"] dUn=grads["Un"] dbn=grads["bn"]'
        ).split()
    ),
)

# A sample at a time, in one class ----------------------------------------------------------------

_SINGLY_SOURCE = """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

class Network:
    def __init__(self, weights, biases):
        self.weights, self.biases = weights, biases

    def backprop(self, x, y):
        nabla_b = [np.zeros_like(b) for b in self.biases]
        nabla_w = [np.zeros_like(w) for w in self.weights]
        activation, activations, zs = x, [x], []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l in range(2, len(self.biases) + 1):
            delta = np.dot(self.weights[-l + 1].T, delta) * sigmoid_prime(zs[-l])
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return nabla_b, nabla_w

    def update_mini_batch(self, batch, eta):
        sums_b = [np.zeros_like(b) for b in self.biases]
        sums_w = [np.zeros_like(w) for w in self.weights]
        for x, y in batch:
            delta_b, delta_w = self.backprop(x, y)
            sums_b = [s + d for s, d in zip(sums_b, delta_b)]
            sums_w = [s + d for s, d in zip(sums_w, delta_w)]
        self.weights = [w - eta / len(batch) * g for w, g in zip(self.weights, sums_w)]
        self.biases = [b - eta / len(batch) * g for b, g in zip(self.biases, sums_b)]
        self.sums_b, self.sums_w = sums_b, sums_w

net = Network([W1, W2, W3], [b1, b2, b3])
net.update_mini_batch([(x[:, None], y[:, None]) for x, y in zip(X, Y)], 3.0)
"""
_SINGLY: dict[str, Any] = {
    "X": numbers(751, 5, 3),
    "Y": [[1, 0], [0, 1], [0, 1], [1, 0], [1, 1]],
    "W1": numbers(752, 3, 3),
    "W2": numbers(753, 3, 3),
    "W3": numbers(754, 2, 3),
    "b1": numbers(755, 3, 1),
    "b2": numbers(756, 3, 1),
    "b3": numbers(757, 2, 1),
}
SINGLY = Network(
    "a sample at a time",
    {
        "convention": {"affine": "W x + b"},
        "x": _SINGLY["X"],
        "y": _SINGLY["Y"],
        "layers": [
            {
                "weights": _SINGLY[f"W{k}"],
                "bias": [row[0] for row in _SINGLY[f"b{k}"]],
                "activation": "sigmoid",
            }
            for k in (1, 2, 3)
        ],
        "loss": {"name": "half-squared-error", "over_samples": "sum"},
        "update": {"rule": "sgd", "learning_rate": 0.6},
    },
    _SINGLY_SOURCE,
    _SINGLY,
    tuple(
        (
            "dW3=net.sums_w[2] db3=net.sums_b[2] dW2=net.sums_w[1] db2=net.sums_b[1]"
            " dW1=net.sums_w[0] db1=net.sums_b[0] W1_new=net.weights[0] b1_new=net.biases[0]"
        ).split()
    ),
)

# Two tasks behind one layer, samples in columns --------------------------------------------------

_TASKS_SOURCE = """
n = X.shape[1]
A = W @ X + b
H = np.tanh(A)
S = Wc @ H + bc
ex = np.exp(S - S.max(0))
P = ex / ex.sum(0)
R = Wr @ H + br
Lc = -np.sum(T * np.log(P)) / n
Lr = np.sum((R - Y) ** 2) / n
L = Lc + alpha * Lr
dS = (P - T) / n
dR = 2 * alpha * (R - Y) / n
dWc, dbc = dS @ H.T, dS.sum(1)
dWr, dbr = dR @ H.T, dR.sum(1)
dH = Wc.T @ dS + Wr.T @ dR
dA = dH * (1 - H ** 2)
dW = dA @ X.T
db = dA.sum(1)
"""
_TASKS: dict[str, Any] = {
    "X": turned(numbers(761, 5, 3)),
    "T": [[1, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]],
    "Y": numbers(762, 2, 5),
    "W": numbers(763, 4, 3),
    "b": numbers(764, 4, 1),
    "Wc": numbers(765, 3, 4),
    "bc": numbers(766, 3, 1),
    "Wr": numbers(767, 2, 4),
    "br": numbers(768, 2, 1),
    "alpha": 0.3,
}
TASKS = Network(
    "two tasks",
    {
        "values": {
            **_TASKS,
            **{name: [row[0] for row in _TASKS[name]] for name in ("b", "bc", "br")},
        },
        "equations": [
            "A = W @ X + column(b)",
            "H = tanh(A)",
            "S = Wc @ H + column(bc)",
            "P = softmax(S, axis=0)",
            "R = Wr @ H + column(br)",
            "Lc = cross_entropy(P, T) / 5",
            "Lr = squared_error(R, Y) / 5",
            "L = Lc + alpha * Lr",
        ],
        "train": ["W", "b", "Wc", "bc", "Wr", "br"],
    },
    _TASKS_SOURCE,
    _TASKS,
    tuple("A H S P R Lc Lr L dS dR dWc dbc dWr dbr dH dA dW db".split()),
)

# One embedding of three inputs -------------------------------------------------------------------

_TRIPLET_SOURCE = """
def embed(x):
    return np.tanh(W @ x + b)

fa, fp, fn = embed(xa), embed(xp), embed(xn)
near = np.sum((fa - fp) ** 2)
far = np.sum((fa - fn) ** 2)
loss = max(near - far + margin, 0)
gfa = 2 * (fa - fp) - 2 * (fa - fn)
gfp = -2 * (fa - fp)
gfn = 2 * (fa - fn)
gW, gb = np.zeros_like(W), np.zeros_like(b)
for x, f, g in ((xa, fa, gfa), (xp, fp, gfp), (xn, fn, gfn)):
    gz = g * (1 - f ** 2)
    gW += np.outer(gz, x)
    gb += gz
"""
_TRIPLET: dict[str, Any] = {
    "W": numbers(771, 3, 3),
    "b": numbers(772, 3),
    "xa": numbers(773, 3),
    "xp": numbers(774, 3),
    "xn": numbers(775, 3),
}
TRIPLET = Network(
    "one embedding of three inputs",
    {
        "values": _TRIPLET,
        "equations": [
            "fa = tanh(W @ xa + b)",
            "fp = tanh(W @ xp + b)",
            "fn = tanh(W @ xn + b)",
            "near = sum((fa - fp)^2)",
            "far = sum((fa - fn)^2)",
            "L = relu(near - far + 5)",
        ],
        "train": ["W", "b"],
    },
    _TRIPLET_SOURCE,
    {**_TRIPLET, "margin": 5},
    tuple("fa fp fn near far L=loss dfa=gfa dfp=gfp dfn=gfn dW=gW db=gb".split()),
)

TRUNKS = (EINSUM, GRU, SINGLY, TASKS, TRIPLET)
