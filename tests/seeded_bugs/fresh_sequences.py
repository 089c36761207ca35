"""Windows, time, attention and words as other people write them in NumPy."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers

# Convolution, windows as rows --------------------------------------------------------------------

_WINDOWS_SOURCE = """
Xp = np.pad(X, 1)
places = [(i, j) for i in (0, 2, 4) for j in (0, 2, 4)]
cols = np.stack([Xp[i:i+3, j:j+3].ravel() for i, j in places])
k = K.ravel()
Z1 = (cols @ k + b[0]).reshape(3, 3)
H1 = np.maximum(Z1, 0)
flat = H1.ravel()
Z3 = W3 @ flat + b3
E = np.exp(Z3 - Z3.max())
P = E / E.sum()
loss = -np.sum(y * np.log(P))
dZ3 = P - y
dW3 = np.outer(dZ3, flat)
db3 = dZ3
dflat = W3.T @ dZ3
dH1 = dflat.reshape(3, 3)
dZ1 = dH1 * (Z1 > 0)
dK = (cols.T @ dZ1.ravel()).reshape(3, 3)
db = dZ1.sum()
dXp = np.zeros_like(Xp)
for i, j in places:
    dXp[i:i+3, j:j+3] += K * dZ1[i // 2, j // 2]
dX = dXp[1:-1, 1:-1]
"""
_WINDOWS = {
    "X": numbers(531, 5, 5),
    "y": [0, 0, 1],
    "K": numbers(532, 3, 3),
    "b": [0.35],
    "W3": numbers(533, 3, 9),
    "b3": numbers(534, 3),
}
WINDOWS = Network(
    "convolution, windows as rows",
    {
        "input": "picture",
        "x": _WINDOWS["X"],
        "y": [0, 0, 1],
        "layers": [
            {
                "type": "conv",
                "kernel": _WINDOWS["K"],
                "bias": [0.35],
                "stride": 2,
                "padding": 1,
                "activation": "relu",
            },
            {"type": "flatten"},
            {"weights": _WINDOWS["W3"], "bias": _WINDOWS["b3"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _WINDOWS_SOURCE,
    _WINDOWS,
    tuple("Z1 H1 H2=flat Z3 Yhat=P loss dZ3 dW3 db3 dH2=dflat dH1 dZ1 dK1=dK db1=db dX".split()),
)

# Over time, one answer at the end ----------------------------------------------------------------

_SEQUENCE_SOURCE = """
xs = [x1, x2, x3]
h, a = [h0], []
for x in xs:
    a.append(U @ x + V @ h[-1] + d)
    h.append(1 / (1 + np.exp(-a[-1])))
out = Q @ h[-1] + e
L = 0.5 * ((out - y) ** 2).sum()
dout = out - y
dQ = np.outer(dout, h[-1])
de = dout.copy()
dU, dV, dd = np.zeros_like(U), np.zeros_like(V), np.zeros_like(d)
dh = Q.T @ dout
dhs, das = [], []
for t in (2, 1, 0):
    dhs.insert(0, dh)
    da = dh * h[t+1] * (1 - h[t+1])
    das.insert(0, da)
    dU += np.outer(da, xs[t])
    dV += np.outer(da, h[t])
    dd += da
    dh = V.T @ da
"""
_SEQUENCE = {
    "U": numbers(541, 3, 2),
    "V": numbers(542, 3, 3),
    "d": numbers(543, 3),
    "Q": numbers(544, 2, 3),
    "e": numbers(545, 2),
    "h0": [0.4, -0.2, 0.6],
    "x1": numbers(546, 2),
    "x2": numbers(547, 2),
    "x3": numbers(548, 2),
    "y": numbers(549, 2),
}
SEQUENCE = Network(
    "over time, one answer",
    {
        "values": _SEQUENCE,
        "equations": [
            *(
                line
                for t in (1, 2, 3)
                for line in (
                    f"a_{t} = U @ x{t} + V @ h{'_' if t > 1 else ''}{t - 1} + d",
                    f"h_{t} = sigmoid(a_{t})",
                )
            ),
            "out = Q @ h_3 + e",
            "L = 0.5 * sum((out - y)^2)",
        ],
        "train": ["U", "V", "d", "Q", "e"],
    },
    _SEQUENCE_SOURCE,
    _SEQUENCE,
    tuple(
        (
            "a_1=a[0] h_1=h[1] a_2=a[1] h_2=h[2] a_3=a[2] h_3=h[3] out L dout dQ de"
            " dh_3=dhs[2] da_3=das[2] dh_2=dhs[1] da_2=das[1] dh_1=dhs[0] da_1=das[0] dU dV dd"
        ).split()
    ),
)

# Attention that does not look ahead --------------------------------------------------------------

_CAUSAL_SOURCE = """
q, k, v = X @ Wq, X @ Wk, X @ Wv
scores = q @ k.T / np.sqrt(3)
ahead = np.triu(np.ones((4, 4)), 1) > 0
att = np.where(ahead, -np.inf, scores)
att = np.exp(att - att.max(1, keepdims=True))
att = att / att.sum(1, keepdims=True)
ctx = att @ v
out = ctx @ Wo + X
L = np.mean((out - T) ** 2)
dout = 2 * (out - T) / T.size
dWo = ctx.T @ dout
dctx = dout @ Wo.T
datt = dctx @ v.T
dv = att.T @ dctx
ds = att * (datt - (datt * att).sum(1, keepdims=True)) / np.sqrt(3)
dq = ds @ k
dk = ds.T @ q
dWq = X.T @ dq
dWk = X.T @ dk
dWv = X.T @ dv
dX = dout + dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
"""
_CAUSAL = {
    "X": numbers(551, 4, 3),
    "T": numbers(552, 4, 3),
    "Wq": numbers(553, 3, 3),
    "Wk": numbers(554, 3, 3),
    "Wv": numbers(555, 3, 3),
    "Wo": numbers(556, 3, 3),
}
CAUSAL = Network(
    "attention, not ahead",
    {
        "values": _CAUSAL,
        "equations": [
            "q = X @ Wq",
            "k = X @ Wk",
            "v = X @ Wv",
            "ctx = attention(q, k, v, mask=causal)",
            "out = ctx @ Wo + X",
            "L = mean((out - T)^2)",
        ],
    },
    _CAUSAL_SOURCE,
    _CAUSAL,
    tuple("q k v ctx out L dout dWo dctx dv dq dk dWq dWk dWv dX".split()),
)

# The middle of words -----------------------------------------------------------------------------

_WORDS_SOURCE = """
target = 2
rows = E[labels]
h = rows.mean(axis=0)
z = h @ W + b
p = np.exp(z - z.max())
p = p / p.sum()
L = -np.log(p[target])
dz = p.copy()
dz[target] -= 1
dW = np.outer(h, dz)
db = dz.copy()
dh = W @ dz
dE = np.zeros_like(E)
for i in labels:
    dE[i] += dh / len(labels)
"""
_WORDS = {"E": numbers(561, 5, 3), "W": numbers(562, 3, 5), "b": numbers(563, 5)}
WORDS = Network(
    "the middle of words",
    {
        "values": {**_WORDS, "y": [0, 0, 1, 0, 0]},
        "equations": [
            "R = E[[2, 4, 2, 5]]",
            "h = mean(R, axis=0)",
            "z = h @ W + b",
            "p = softmax(z)",
            "L = cross_entropy(p, y)",
        ],
        "train": ["E", "W", "b"],
    },
    _WORDS_SOURCE,
    {**_WORDS, "labels": [1, 3, 1, 4]},
    tuple("R=rows h z p L dz dW db dh dE".split()),
)
