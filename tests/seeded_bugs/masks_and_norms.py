"""A block of a transformer, dropout with momentum, a convolution along one axis, factors, a VAE."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot

# A block: embedding, layer norm, attention, two residuals ----------------------------------------

_BLOCK_SOURCE = """
def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def layer_norm(x, g, b):
    mu = x.mean(-1, keepdims=True)
    sd = np.sqrt(x.var(-1, keepdims=True) + 0.01)
    xh = (x - mu) / sd
    return g * xh + b, (xh, sd)

def layer_norm_back(dy, g, cache):
    xh, sd = cache
    dxh = dy * g
    dx = dxh - dxh.mean(-1, keepdims=True) - xh * (dxh * xh).mean(-1, keepdims=True)
    return dx / sd, (dy * xh).sum(0), dy.sum(0)

tok = E[labels] + P
n1, cache = layer_norm(tok, g1, be1)
q, k, v = n1 @ Wq, n1 @ Wk, n1 @ Wv
S = q @ k.T / np.sqrt(q.shape[1])
A = softmax(S)
r1 = tok + A @ v
u = r1 @ F1 + c
f = np.maximum(u, 0)
out = r1 + f @ F2
logits = out @ Wo
p = softmax(logits)
L = -np.sum(T * np.log(p)) / len(T)
dlogits = (p - T) / len(T)
dWo = out.T @ dlogits
dout = dlogits @ Wo.T
dF2 = f.T @ dout
df = dout @ F2.T
du = df * (u > 0)
dF1 = r1.T @ du
dc = du.sum(0)
dr1 = dout + du @ F1.T
dA = dr1 @ v.T
dv = A.T @ dr1
dS = A * (dA - (dA * A).sum(-1, keepdims=True))
dq = dS @ k / np.sqrt(3)
dk = dS.T @ q / np.sqrt(3)
dWq, dWk, dWv = n1.T @ dq, n1.T @ dk, n1.T @ dv
dn1 = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
through, dg1, dbe1 = layer_norm_back(dn1, g1, cache)
dtok = dr1 + through
dP = dtok
dE = np.zeros_like(E)
np.add.at(dE, labels, dtok)
"""
_BLOCK: dict[str, Any] = {
    "E": numbers(801, 5, 3),
    "P": numbers(802, 4, 3),
    "g1": [1.2, -0.7, 0.9],
    "be1": numbers(803, 3),
    "Wq": numbers(804, 3, 3),
    "Wk": numbers(805, 3, 3),
    "Wv": numbers(806, 3, 3),
    "F1": numbers(807, 3, 6),
    "c": numbers(808, 6),
    "F2": numbers(809, 6, 3),
    "Wo": numbers(810, 3, 5),
    "T": one_hot([3, 1, 0, 4], 5),
}
BLOCK = Network(
    "a block with residuals",
    {
        "values": _BLOCK,
        "equations": [
            "tok = E[[2, 4, 2, 1]] + P",
            "n1 = layer_norm(tok, g1, be1, epsilon=0.01)",
            "q = n1 @ Wq",
            "k = n1 @ Wk",
            "v = n1 @ Wv",
            "S = q @ k.T / sqrt(3)",
            "A = softmax(S, axis=1)",
            "r1 = tok + A @ v",
            "u = r1 @ F1 + row(c)",
            "f = relu(u)",
            "out = r1 + f @ F2",
            "logits = out @ Wo",
            "p = softmax(logits, axis=1)",
            "L = cross_entropy(p, T) / 4",
        ],
        "train": ["E", "P", "g1", "be1", "Wq", "Wk", "Wv", "F1", "c", "F2", "Wo"],
    },
    _BLOCK_SOURCE,
    {**_BLOCK, "labels": [1, 3, 1, 0]},
    tuple(
        (
            "tok n1 q k v S A r1 u f out logits p L dlogits dWo dout dF2 df du dF1 dc dr1 dA dv dS"
            " dq dk dWq dWk dWv dn1 dg1 dbe1 dtok dP dE"
        ).split()
    ),
)

# Batch norm, dropout, hinge, momentum ------------------------------------------------------------

_DROPPED_SOURCE = """
N = len(X)
a = X @ W1
mu = a.mean(0)
xc = a - mu
var = (xc ** 2).mean(0)
ivar = 1 / np.sqrt(var + 0.1)
xhat = xc * ivar
n = gamma * xhat + beta
r = np.where(n > 0, n, 0)
d = r * mask / keep
s = d @ w2 + b2
data = np.maximum(0, 1 - y * s).mean()
reg = 0.5 * lam * (W1 ** 2).sum()
L = data + reg
ds = np.where(y * s < 1, -y, 0) / N
dw2 = d.T @ ds
db2 = ds.sum()
dd = np.outer(ds, w2)
dr = dd * mask / keep
dn = dr * (n > 0)
dgamma = (dn * xhat).sum(0)
dbeta = dn.sum(0)
dxhat = dn * gamma
divar = (dxhat * xc).sum(0)
dvar = -0.5 * divar * (var + 0.1) ** -1.5
dxc = dxhat * ivar + 2 / N * xc * dvar
dmu = -dxc.sum(0)
da = dxc + dmu / N
dW1 = X.T @ da + lam * W1
vel = 0.9 * vel0 - lr * dW1
W1_new = W1 + vel
"""
_DROPPED: dict[str, Any] = {
    "X": numbers(821, 6, 3),
    "y": [1, -1, -1, 1, 1, -1],
    "W1": numbers(822, 3, 4),
    "gamma": [1.1, -0.8, 0.7, 1.3],
    "beta": numbers(823, 4),
    "w2": numbers(824, 4),
    "b2": 0.15,
    "mask": [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1], [1, 0, 1, 1]],
}
DROPPED = Network(
    "batch norm, dropout, momentum",
    {
        "values": _DROPPED,
        "equations": [
            "a = X @ W1",
            "mu = mean(a, axis=0)",
            "xc = a - row(mu)",
            "v = mean(xc^2, axis=0)",
            "ivar = 1 / sqrt(v + 0.1)",
            "xhat = xc * row(ivar)",
            "n = row(gamma) * xhat + row(beta)",
            "r = relu(n)",
            "d = r * mask / 0.6",
            "s = d @ w2 + b2",
            "data = hinge(s, y) / 6",
            "reg = 0.5 * 0.2 * sum(W1^2)",
            "L = data + reg",
        ],
        "train": ["W1", "gamma", "beta", "w2", "b2"],
        "update": {
            "rule": "momentum",
            "learning_rate": 0.3,
            "beta": 0.9,
            "state": {"v_W1": numbers(825, 3, 4)},
        },
    },
    _DROPPED_SOURCE,
    {**_DROPPED, "keep": 0.6, "lam": 0.2, "lr": 0.3, "vel0": numbers(825, 3, 4)},
    tuple(
        (
            "a mu xc v=var ivar xhat n r d s data reg L ds dw2 db2 dd dr dn dgamma dbeta dxhat"
            " divar dv=dvar dxc dmu da dW1 v_W1=vel W1_new"
        ).split()
    ),
)

# A convolution along one axis, windows by index --------------------------------------------------

_STRIDED_SOURCE = """
xp = np.concatenate([np.zeros_like(x[:1]), x, np.zeros_like(x[:1])])
idx = 2 * np.arange(5)[:, None] + np.arange(3)[None, :]
cols = xp[idx]
z = cols @ k + b
h = np.tanh(z)
s = V @ h + c
e = s - y
L = np.where(np.abs(e) <= 1, 0.5 * e ** 2, np.abs(e) - 0.5).sum()
ds = np.clip(e, -1, 1)
dV = np.outer(ds, h)
dc = ds
dh = V.T @ ds
dz = dh * (1 - h ** 2)
dk = cols.T @ dz
db = dz.sum()
dcols = np.outer(dz, k)
dxp = np.zeros_like(xp)
np.add.at(dxp, idx, dcols)
dx = dxp[1:-1]
"""
_STRIDED: dict[str, Any] = {
    "x": numbers(831, 9),
    "k": numbers(832, 3),
    "b": 0.25,
    "V": numbers(833, 4, 5),
    "c": numbers(834, 4),
    "y": [-2.6, 1.2, 2.2, 0.1],
}
STRIDED = Network(
    "convolution along one axis",
    {
        "values": _STRIDED,
        "equations": [
            "z = conv(x, k, stride=2, padding=1) + b",
            "h = tanh(z)",
            "s = V @ h + c",
            "L = huber(s, y)",
        ],
    },
    _STRIDED_SOURCE,
    _STRIDED,
    tuple("z h s L ds dV dc dh dz dk db dx".split()),
)

# Factors of a matrix with gaps, changed in place -------------------------------------------------

_GAPS_SOURCE = """
pred = U @ V.T + bu[:, None] + bi[None, :] + 0.5
err = M * (pred - R)
sse = np.sum(err ** 2)
reg = lam * (np.sum(U ** 2) + np.sum(V ** 2))
J = sse + reg
g = 2 * err
gU = g @ V + 2 * lam * U
gV = g.T @ U + 2 * lam * V
gbu = g.sum(1)
gbi = g.sum(0)
U -= lr * gU
V -= lr * gV
bu -= lr * gbu
"""
_GAPS: dict[str, Any] = {
    "U": numbers(841, 4, 2),
    "V": numbers(842, 5, 2),
    "bu": numbers(843, 4),
    "bi": numbers(844, 5),
    "M": [[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [1, 1, 0, 1, 0], [0, 1, 0, 1, 1]],
    "R": numbers(845, 4, 5),
}
GAPS = Network(
    "factors of a matrix with gaps",
    {
        "values": _GAPS,
        "equations": [
            "pred = U @ V.T + column(bu) + row(bi) + 0.5",
            "err = M * (pred - R)",
            "sse = sum(err^2)",
            "reg = 0.3 * (sum(U^2) + sum(V^2))",
            "J = sse + reg",
        ],
        "train": ["U", "V", "bu", "bi"],
        "update": {"rule": "sgd", "learning_rate": 0.05},
    },
    _GAPS_SOURCE,
    {**_GAPS, "lam": 0.3, "lr": 0.05},
    tuple(
        "pred err sse reg J derr=g dU=gU dV=gV dbu=gbu dbi=gbi U_new=U V_new=V bu_new=bu".split()
    ),
)

# A variational autoencoder -----------------------------------------------------------------------

_NOISY_SOURCE = """
B = len(X)
h = np.tanh(X @ We + be)
mu, lv = h @ Wm, h @ Wv
std = np.exp(0.5 * lv)
z = mu + std * eps
s = z @ Wd + bd
xr = 1 / (1 + np.exp(-s))
bce = -np.sum(X * np.log(xr) + (1 - X) * np.log(1 - xr)) / B
kl = -0.5 * np.sum(1 + lv - mu ** 2 - np.exp(lv)) / B
L = bce + kl
ds = (xr - X) / B
dWd, dbd = z.T @ ds, ds.sum(0)
dz = ds @ Wd.T
dstd = dz * eps
dmu = dz + mu / B
dlv = dstd * 0.5 * std + 0.5 * (np.exp(lv) - 1) / B
dWm = h.T @ dmu
dWv = h.T @ dlv
dh = dmu @ Wm.T + dlv @ Wv.T
da = dh * (1 - h ** 2)
dWe = X.T @ da
dbe = da.sum(0)
"""
_NOISY: dict[str, Any] = {
    "X": [[0.1, 0.8, 0.4], [0.9, 0.2, 0.7], [0.3, 0.6, 0.5], [0.8, 0.9, 0.1]],
    "We": numbers(851, 3, 4),
    "be": numbers(852, 4),
    "Wm": numbers(853, 4, 2),
    "Wv": numbers(854, 4, 2),
    "eps": numbers(855, 4, 2),
    "Wd": numbers(856, 2, 3),
    "bd": numbers(857, 3),
}
NOISY = Network(
    "a variational autoencoder",
    {
        "values": _NOISY,
        "equations": [
            "a = X @ We + row(be)",
            "h = tanh(a)",
            "mu = h @ Wm",
            "lv = h @ Wv",
            "std = exp(0.5 * lv)",
            "z = mu + std * eps",
            "s = z @ Wd + row(bd)",
            "xr = sigmoid(s)",
            "bce = binary_cross_entropy(xr, X) / 4",
            "kl = -0.5 * sum(1 + lv - mu^2 - exp(lv)) / 4",
            "L = bce + kl",
        ],
        "train": ["We", "be", "Wm", "Wv", "Wd", "bd"],
    },
    _NOISY_SOURCE,
    _NOISY,
    tuple("h mu lv std z s xr bce kl L ds dWd dbd dz dstd dmu dlv dWm dWv dh da dWe dbe".split()),
)

MASKS = (BLOCK, DROPPED, STRIDED, GAPS, NOISY)
