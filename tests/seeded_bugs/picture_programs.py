"""Networks over pictures and sequences in NumPy: convolution, attention, loops over time, gates."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers

_PICTURE_SOURCE = """
H, W_ = X.shape
kh, kw = K1.shape
oh, ow = H - kh + 1, W_ - kw + 1
Z1 = np.zeros((oh, ow), dtype=X.dtype)
for i in range(oh):
    for j in range(ow):
        Z1[i, j] = np.sum(X[i:i+kh, j:j+kw] * K1) + b1[0]
H1 = np.maximum(0, Z1)
H2 = np.zeros((oh // 2, ow // 2), dtype=X.dtype)
for i in range(oh // 2):
    for j in range(ow // 2):
        H2[i, j] = H1[2*i:2*i+2, 2*j:2*j+2].max()
flat = H2.reshape(-1)
Z4 = W4 @ flat + b4
E = np.exp(Z4 - Z4.max())
P = E / E.sum()
loss = -np.sum(y * np.log(P))
dZ4 = P - y
dW4 = np.outer(dZ4, flat)
db4 = dZ4.copy()
dflat = W4.T @ dZ4
dH2 = dflat.reshape(H2.shape)
dH1 = np.zeros_like(H1)
for i in range(oh // 2):
    for j in range(ow // 2):
        win = H1[2*i:2*i+2, 2*j:2*j+2]
        mask = (win == win.max())
        dH1[2*i:2*i+2, 2*j:2*j+2] = mask * dH2[i, j]
dZ1 = dH1 * (Z1 > 0)
dK1 = np.zeros_like(K1)
dX = np.zeros_like(X)
for i in range(oh):
    for j in range(ow):
        dK1 += X[i:i+kh, j:j+kw] * dZ1[i, j]
        dX[i:i+kh, j:j+kw] += K1 * dZ1[i, j]
db1 = dZ1.sum()
"""
_PICTURE = {
    "X": numbers(234, 6, 6),
    "y": [0, 1, 0],
    "K1": numbers(232, 3, 3),
    "b1": [0.45],
    "W4": numbers(233, 3, 4),
    "b4": numbers(235, 3),
}
PICTURE = Network(
    "convolution, pooling",
    {
        "input": "picture",
        "x": _PICTURE["X"],
        "y": [0, 1, 0],
        "layers": [
            {"type": "conv", "kernel": _PICTURE["K1"], "bias": [0.45], "activation": "relu"},
            {"type": "max-pool", "size": 2},
            {"type": "flatten"},
            {"weights": _PICTURE["W4"], "bias": _PICTURE["b4"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _PICTURE_SOURCE,
    _PICTURE,
    tuple("Z1 H1 H2 H3=flat Z4 Yhat=P loss dZ4 dW4 db4 dH3=dflat dH2 dH1 dZ1 dK1 db1 dX".split()),
)

_CHANNELS_SOURCE = """
F, C, kh, kw = K.shape
oh = X.shape[1] - kh + 1
Z1 = np.zeros((F, oh, oh), dtype=X.dtype)
for f in range(F):
    for i in range(oh):
        for j in range(oh):
            Z1[f, i, j] = np.sum(X[:, i:i+kh, j:j+kw] * K[f]) + b[f]
H1 = np.tanh(Z1)
H2 = H1.reshape(F, oh // 2, 2, oh // 2, 2).mean(axis=(2, 4))
flat = H2.reshape(-1)
yhat = W4 @ flat + b4
L = 0.5 * np.sum((yhat - y) ** 2)
dy = yhat - y
dW4 = np.outer(dy, flat)
dflat = W4.T @ dy
dH2 = dflat.reshape(H2.shape)
dH1 = np.repeat(np.repeat(dH2, 2, axis=1), 2, axis=2) / 4
dZ1 = dH1 * (1 - H1 ** 2)
dK = np.zeros_like(K)
dX = np.zeros_like(X)
for f in range(F):
    for i in range(oh):
        for j in range(oh):
            dK[f] += X[:, i:i+kh, j:j+kw] * dZ1[f, i, j]
            dX[:, i:i+kh, j:j+kw] += K[f] * dZ1[f, i, j]
db = dZ1.sum(axis=(1, 2))
"""
_CHANNELS = {
    "X": numbers(321, 2, 5, 5),
    "K": numbers(322, 2, 2, 2, 2),
    "b": [0.3, -0.2],
    "W4": numbers(323, 3, 8),
    "b4": numbers(324, 3),
    "y": numbers(325, 3),
}
CHANNELS = Network(
    "convolution, two channels",
    {
        "input": "picture",
        "x": _CHANNELS["X"],
        "y": _CHANNELS["y"],
        "layers": [
            {"type": "conv", "kernel": _CHANNELS["K"], "bias": [0.3, -0.2], "activation": "tanh"},
            {"type": "mean-pool", "size": 2},
            {"type": "flatten"},
            {"weights": _CHANNELS["W4"], "bias": _CHANNELS["b4"]},
        ],
        "loss": "half-squared-error",
    },
    _CHANNELS_SOURCE,
    _CHANNELS,
    tuple(
        "Z1 H1 H2 H3=flat Yhat=yhat L dYhat=dy dW4 dH3=dflat dH2 dH1 dZ1 dK1=dK db1=db dX".split()
    ),
)

_ATTENTION_SOURCE = """
Q, K, V = X @ Wq, X @ Wk, X @ Wv
d = Q.shape[1]
S = Q @ K.T / np.sqrt(d)
E = np.exp(S - S.max(axis=-1, keepdims=True))
A = E / E.sum(axis=-1, keepdims=True)
O = A @ V
L = 0.5 * np.sum((O - T) ** 2)
dO = O - T
dV = A.T @ dO
dA = dO @ V.T
dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
dQ = dS @ K / np.sqrt(d)
dK = dS.T @ Q / np.sqrt(d)
dWq = X.T @ dQ
dWk = X.T @ dK
dWv = X.T @ dV
dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
"""
_ATTENTION = {
    "X": numbers(251, 4, 3),
    "Wq": numbers(252, 3, 5),
    "Wk": numbers(253, 3, 5),
    "Wv": numbers(254, 3, 2),
    "T": numbers(255, 4, 2),
}
ATTENTION = Network(
    "attention",
    {
        "values": _ATTENTION,
        "equations": [
            "Q = X @ Wq",
            "K = X @ Wk",
            "V = X @ Wv",
            "S = Q @ K.T / sqrt(5)",
            "A = softmax(S, axis=1)",
            "O = A @ V",
            "L = 0.5*sum((O - T)^2)",
        ],
    },
    _ATTENTION_SOURCE,
    _ATTENTION,
    tuple("Q K V S A O L dO dV dA dS dQ dK dWq dWk dWv dX".split()),
)

_CHARACTERS_SOURCE = """
xs = [x1, x2, x3]
ys = [y1, y2, y3]
hs = {-1: h0}
ps, zs = {}, {}
loss = 0
for t in range(3):
    hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t-1]) + bh)
    zs[t] = np.dot(Why, hs[t]) + by
    ps[t] = np.exp(zs[t]) / np.sum(np.exp(zs[t]))
    loss += -np.sum(ys[t] * np.log(ps[t]))
dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
dbh, dby = np.zeros_like(bh), np.zeros_like(by)
dhnext = np.zeros_like(h0)
dhs, dys = {}, {}
for t in reversed(range(3)):
    dy = np.copy(ps[t])
    dy -= ys[t]
    dys[t] = dy
    dWhy += np.outer(dy, hs[t])
    dby += dy
    dh = np.dot(Why.T, dy) + dhnext
    dhs[t] = dh
    dhraw = (1 - hs[t] * hs[t]) * dh
    dbh += dhraw
    dWxh += np.outer(dhraw, xs[t])
    dWhh += np.outer(dhraw, hs[t-1])
    dhnext = np.dot(Whh.T, dhraw)
"""
_CHARACTERS = {
    "Wxh": numbers(241, 4, 3),
    "Whh": numbers(242, 4, 4),
    "Why": numbers(243, 3, 4),
    "bh": numbers(244, 4),
    "by": numbers(245, 3),
    "h0": numbers(246, 4),
    "x1": [1, 0, 0],
    "x2": [0, 0, 1],
    "x3": [0, 1, 0],
    "y1": [0, 1, 0],
    "y2": [0, 1, 0],
    "y3": [0, 0, 1],
}
CHARACTERS = Network(
    "characters over time",
    {
        "values": {
            "Wxh": _CHARACTERS["Wxh"],
            "Whh": _CHARACTERS["Whh"],
            "Why": _CHARACTERS["Why"],
            "bh": _CHARACTERS["bh"],
            "by": _CHARACTERS["by"],
            "h_0": _CHARACTERS["h0"],
            "x_1": [1, 0, 0],
            "x_2": [0, 0, 1],
            "x_3": [0, 1, 0],
            "y_1": [0, 1, 0],
            "y_2": [0, 1, 0],
            "y_3": [0, 0, 1],
        },
        "equations": [
            {
                "for t in 1..3": [
                    "h_t = tanh(Wxh @ x_t + Whh @ h_{t-1} + bh)",
                    "z_t = Why @ h_t + by",
                    "p_t = softmax(z_t)",
                ]
            },
            "L = sum(t in 1..3, cross_entropy(p_t, y_t))",
        ],
        "train": ["Wxh", "Whh", "Why", "bh", "by"],
    },
    _CHARACTERS_SOURCE,
    _CHARACTERS,
    tuple(
        (
            "h_1=hs[0] h_2=hs[1] h_3=hs[2] z_1=zs[0] z_2=zs[1] z_3=zs[2] p_1=ps[0] p_2=ps[1] "
            "p_3=ps[2] loss dz_3=dys[2] dz_2=dys[1] dz_1=dys[0] dh_3=dhs[2] dh_2=dhs[1] "
            "dh_1=dhs[0] dWhy dby dbh dWxh dWhh"
        ).split()
    ),
)

_CELL_SOURCE = """
i = 1 / (1 + np.exp(-(Wi @ x + Ui @ h)))
f = 1 / (1 + np.exp(-(Wf @ x + Uf @ h)))
o = 1 / (1 + np.exp(-(Wo @ x + Uo @ h)))
g = np.tanh(Wg @ x + Ug @ h)
c = f * cprev + i * g
tc = np.tanh(c)
hn = o * tc
L = np.sum(v * hn)
dhn = v
do = dhn * tc
dtc = dhn * o
dc = dtc * (1 - tc ** 2)
df = dc * cprev
di = dc * g
dg = dc * i
dcprev = dc * f
dzi = di * i * (1 - i)
dzf = df * f * (1 - f)
dzo = do * o * (1 - o)
dzg = dg * (1 - g ** 2)
dWi, dWf, dWo, dWg = (np.outer(d, x) for d in (dzi, dzf, dzo, dzg))
dUi, dUf, dUo, dUg = (np.outer(d, h) for d in (dzi, dzf, dzo, dzg))
dx = Wi.T @ dzi + Wf.T @ dzf + Wo.T @ dzo + Wg.T @ dzg
dh = Ui.T @ dzi + Uf.T @ dzf + Uo.T @ dzo + Ug.T @ dzg
"""
_CELL = {
    "Wi": numbers(330, 3, 2),
    "Wf": numbers(331, 3, 2),
    "Wo": numbers(332, 3, 2),
    "Wg": numbers(333, 3, 2),
    "Ui": numbers(340, 3, 3),
    "Uf": numbers(341, 3, 3),
    "Uo": numbers(342, 3, 3),
    "Ug": numbers(343, 3, 3),
    "x": numbers(350, 2),
    "h": numbers(351, 3),
    "cprev": numbers(352, 3),
    "v": numbers(353, 3),
}
CELL = Network(
    "LSTM cell",
    {
        "values": _CELL,
        "equations": [
            "zi = Wi @ x + Ui @ h",
            "zf = Wf @ x + Uf @ h",
            "zo = Wo @ x + Uo @ h",
            "zg = Wg @ x + Ug @ h",
            "i = sigmoid(zi)",
            "f = sigmoid(zf)",
            "o = sigmoid(zo)",
            "g = tanh(zg)",
            "c = f * cprev + i * g",
            "tc = tanh(c)",
            "hn = o * tc",
            "L = sum(v * hn)",
        ],
    },
    _CELL_SOURCE,
    _CELL,
    tuple(
        (
            "i f o g c tc hn L dhn do dtc dc df di dg dcprev dzi dzf dzo dzg dWi dWf dWo dWg "
            "dUi dUf dUo dUg dx dh"
        ).split()
    ),
)

_SKIP_GRAM_SOURCE = """
sp = 1 / (1 + np.exp(-(u @ v)))
sn = 1 / (1 + np.exp(N @ v))
J = -np.log(sp) - np.sum(np.log(sn))
dv = (sp - 1) * u + N.T @ (1 - sn)
du = (sp - 1) * v
dN = np.outer(1 - sn, v)
"""
_SKIP_GRAM = {"u": numbers(361, 4), "v": numbers(362, 4), "N": numbers(363, 3, 4)}
SKIP_GRAM = Network(
    "skip-gram",
    {
        "values": _SKIP_GRAM,
        "equations": [
            "a = dot(u, v)",
            "sp = sigmoid(a)",
            "s = N @ v",
            "sn = sigmoid(-s)",
            "J = -log(sp) - sum(log(sn))",
        ],
    },
    _SKIP_GRAM_SOURCE,
    _SKIP_GRAM,
    tuple("sp sn J dv du dN".split()),
)

PICTURES = (PICTURE, CHANNELS, ATTENTION, CHARACTERS, CELL, SKIP_GRAM)
