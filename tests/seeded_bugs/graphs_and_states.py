"""Gates with a matrix each, an optimizer over two steps, layers on a graph."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot

# Gates with a matrix each -------------------------------------------------------------------------

_GATES_SOURCE = """
def sigmoid(x, derivative=False):
    return x * (1 - x) if derivative else 1 / (1 + np.exp(-x))

def tanh(x, derivative=False):
    return 1 - x ** 2 if derivative else np.tanh(x)

h, C = {0: h_0}, {0: C_0}
z, f, i, g, o, v, p = {}, {}, {}, {}, {}, {}, {}
for t in (1, 2):
    z[t] = np.concatenate([h[t - 1], x[t - 1]])
    f[t] = sigmoid(W_f @ z[t] + b_f)
    i[t] = sigmoid(W_i @ z[t] + b_i)
    g[t] = tanh(W_g @ z[t] + b_g)
    o[t] = sigmoid(W_o @ z[t] + b_o)
    C[t] = f[t] * C[t - 1] + i[t] * g[t]
    h[t] = o[t] * tanh(C[t])
    v[t] = W_v @ h[t] + b_v
    p[t] = np.exp(v[t]) / np.sum(np.exp(v[t]))
loss = -np.sum(y[0] * np.log(p[1])) - np.sum(y[1] * np.log(p[2]))
W_f_d, W_i_d, W_g_d, W_o_d, W_v_d = (np.zeros_like(W) for W in (W_f, W_i, W_g, W_o, W_v))
b_f_d, b_i_d, b_g_d, b_o_d, b_v_d = (np.zeros_like(b) for b in (b_f, b_i, b_g, b_o, b_v))
dh_next, dC_next = np.zeros_like(h_0), np.zeros_like(C_0)
dvs, dhs, dCs, dos, dgs, dis, dfs = {}, {}, {}, {}, {}, {}, {}
for t in (2, 1):
    dv = p[t] - y[t - 1]
    W_v_d += np.outer(dv, h[t])
    b_v_d += dv
    dh = W_v.T @ dv
    dh = dh + dh_next
    do = dh * tanh(C[t])
    do = sigmoid(o[t], derivative=True) * do
    W_o_d += np.outer(do, z[t])
    b_o_d += do
    dC = np.copy(dC_next)
    dC += dh * o[t] * tanh(tanh(C[t]), derivative=True)
    dg = dC * i[t]
    dg = tanh(g[t], derivative=True) * dg
    W_g_d += np.outer(dg, z[t])
    b_g_d += dg
    di = dC * g[t]
    di = sigmoid(i[t], derivative=True) * di
    W_i_d += np.outer(di, z[t])
    b_i_d += di
    df = dC * C[t - 1]
    df = sigmoid(f[t], derivative=True) * df
    W_f_d += np.outer(df, z[t])
    b_f_d += df
    dz = W_f.T @ df + W_i.T @ di + W_g.T @ dg + W_o.T @ do
    dh_next = dz[:3]
    dC_next = f[t] * dC
    for kept, one in ((dvs, dv), (dhs, dh), (dCs, dC), (dos, do), (dgs, dg), (dis, di), (dfs, df)):
        kept[t] = one
"""
_GATES: dict[str, Any] = {
    "x": numbers(2201, 2, 3),
    "y": one_hot([1, 0], 3),
    "h_0": numbers(2202, 3),
    "C_0": numbers(2203, 3),
    **{f"W_{k}": numbers(2204 + n, 3, 6) for n, k in enumerate("figo")},
    **{f"b_{k}": numbers(2208 + n, 3) for n, k in enumerate("figo")},
    "W_v": numbers(2212, 3, 3),
    "b_v": numbers(2213, 3),
}
_PARAMETERS = [f"{kind}_{k}" for kind in "Wb" for k in "figov"]


def _plain(name: str) -> str:
    return name.replace("_", "")


GATES = Network(
    "a matrix for each gate",
    {
        "values": {name if name[-1] == "0" else _plain(name): one for name, one in _GATES.items()},
        "equations": [
            {
                "for t in 1..2": [
                    "z_t = concat(h_{t-1}, x[t])",
                    "af_t = Wf @ z_t + bf",
                    "ai_t = Wi @ z_t + bi",
                    "ag_t = Wg @ z_t + bg",
                    "ao_t = Wo @ z_t + bo",
                    "f_t = sigmoid(af_t)",
                    "i_t = sigmoid(ai_t)",
                    "g_t = tanh(ag_t)",
                    "o_t = sigmoid(ao_t)",
                    "C_t = f_t * C_{t-1} + i_t * g_t",
                    "h_t = o_t * tanh(C_t)",
                    "v_t = Wv @ h_t + bv",
                    "p_t = softmax(v_t)",
                ]
            },
            "L = sum(t in 1..2, cross_entropy(p_t, y[t]))",
        ],
        "train": [_plain(name) for name in _PARAMETERS],
    },
    _GATES_SOURCE,
    _GATES,
    (
        *(f"{k}_{t}={k}[{t}]" for t in (1, 2) for k in "zfigoChvp"),
        "L=loss",
        *(
            f"d{name}_{t}=d{kept}s[{t}]"
            for t in (2, 1)
            for name, kept in (
                *(("v", "v"), ("h", "h"), ("C", "C"), ("ao", "o"), ("ag", "g")),
                *(("ai", "i"), ("af", "f")),
            )
        ),
        *(f"d{_plain(name)}={name}_d" for name in _PARAMETERS),
    ),
)

# Squares of gradients over two steps --------------------------------------------------------------

_SQUARES_SOURCE = """
def gradients(W1, b1, W2, b2):
    Z1 = X @ W1 + b1
    H1 = np.tanh(Z1)
    P = H1 @ W2 + b2
    L = np.mean(np.sum((P - Y) ** 2, axis=1))
    dP = 2 * (P - Y) / len(X)
    dH1 = dP @ W2.T
    dZ1 = dH1 * (1 - H1 * H1)
    grads = {"W1": X.T @ dZ1, "b1": dZ1.sum(0), "W2": H1.T @ dP, "b2": dP.sum(0)}
    return {"Z1": Z1, "H1": H1, "P": P, "L": L, "dP": dP, "dH1": dH1, "dZ1": dZ1}, grads

params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
cache = {name: np.zeros_like(one) for name, one in params.items()}
steps = []
for step in range(2):
    worked, grads = gradients(**params)
    updated = {}
    for name in params:
        g = grads[name]
        cache[name] = rho * cache[name] + (1 - rho) * g ** 2
        updated[name] = params[name] - lr * g / (np.sqrt(cache[name]) + eps)
    steps.append((worked, grads, dict(cache), updated))
    params = updated
"""
_SQUARES: dict[str, Any] = {
    "X": numbers(2221, 5, 3),
    "Y": numbers(2222, 5, 2),
    "W1": numbers(2223, 3, 4),
    "b1": numbers(2224, 4),
    "W2": numbers(2225, 4, 2),
    "b2": numbers(2226, 2),
}
_OF_STEP = ("Z1", "H1", "P", "L", "dP", "dH1", "dZ1")
_IN_ORDER = ("W1", "b1", "W2", "b2")
SQUARES = Network(
    "squares over two steps",
    {
        "convention": {"affine": "x W + b"},
        "x": _SQUARES["X"],
        "y": _SQUARES["Y"],
        "layers": [
            {"weights": _SQUARES["W1"], "bias": _SQUARES["b1"], "activation": "tanh"},
            {"weights": _SQUARES["W2"], "bias": _SQUARES["b2"]},
        ],
        "loss": "squared-error",
        "update": {
            "rule": "rmsprop",
            "learning_rate": 0.05,
            "beta": 0.8,
            "epsilon": 0.01,
            "steps": 2,
        },
    },
    _SQUARES_SOURCE,
    {**_SQUARES, "rho": 0.8, "lr": 0.05, "eps": 0.01},
    tuple(
        said
        for k, at in ((0, ""), (1, "@2"))
        for said in (
            *(
                f"{'dYhat' if name == 'dP' else 'Yhat' if name == 'P' else name}{at}"
                f"=steps[{k}][0]['{name}']"
                for name in _OF_STEP
            ),
            *(f"d{name}{at}=steps[{k}][1]['{name}']" for name in _IN_ORDER),
            *(f"s_{name}{at}=steps[{k}][2]['{name}']" for name in _IN_ORDER),
            *(f"{name}_new{at}=steps[{k}][3]['{name}']" for name in _IN_ORDER),
        )
    ),
)

# Layers on a graph --------------------------------------------------------------------------------

_GRAPH_SOURCE = """
n = len(Adj)
A_tilde = Adj + np.eye(n, dtype=Adj.dtype)
deg = A_tilde.sum(axis=1, keepdims=True)
A = A_tilde / deg
XW = X @ W1
Z = A @ XW + b1
H = np.maximum(Z, 0.1 * Z)
HW = H @ W2
S = A @ HW
S = S - S.max(axis=1, keepdims=True)
E = np.exp(S)
P = E / E.sum(axis=1, keepdims=True)
nll = -np.sum(Y * np.log(P), axis=1)
loss = np.sum(mask * nll) / mask.sum()
dS = (P - Y) * mask[:, None] / mask.sum()
dHW = A.T @ dS
dW2 = H.T @ dHW
dH = dHW @ W2.T
dZ = dH * np.where(Z > 0, 1, 0.1)
db1 = dZ.sum(axis=0)
dXW = A.T @ dZ
dW1 = X.T @ dXW
dX = dXW @ W1.T
"""
_GRAPH: dict[str, Any] = {
    "Adj": [[0, 1, 0, 0, 1], [1, 0, 1, 1, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 1, 0]],
    "X": numbers(2231, 5, 3),
    "Y": one_hot([0, 1, 2, 1, 0], 3),
    "mask": [1, 1, 0, 1, 0],
    "W1": numbers(2232, 3, 4),
    "b1": numbers(2233, 4),
    "W2": numbers(2234, 4, 3),
}
GRAPH = Network(
    "layers on a graph",
    {
        "values": {**_GRAPH, "eye": [[int(i == k) for k in range(5)] for i in range(5)]},
        "equations": [
            "tilde = Adj + eye",
            "deg = sum(tilde, axis=1)",
            "A = tilde / column(deg)",
            "XW = X @ W1",
            "Z = A @ XW + row(b1)",
            "H = leaky_relu(Z, slope=0.1)",
            "HW = H @ W2",
            "S = A @ HW",
            "P = softmax(S, axis=1)",
            "nll = -sum(Y * log(P), axis=1)",
            "L = dot(mask, nll) / 3",
        ],
        "train": ["W1", "b1", "W2", "X"],
    },
    _GRAPH_SOURCE,
    _GRAPH,
    tuple("A XW Z H HW P nll L=loss dS dHW dW2 dH dZ db1 dXW dW1 dX".split()),
)
STATES = (GATES, SQUARES, GRAPH)
