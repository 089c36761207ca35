"""Dicts by the number of a layer, tied weights, norm behind a residual, pairs, pooled attention."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# A dict by the number of a layer, samples in columns, RMSprop -------------------------------------

_NUMBERED_SOURCE = """
A = {0: X}
Z = {}
L = 3
m = X.shape[1]
for l in range(1, L + 1):
    Z[l] = W[l] @ A[l - 1] + b[l]
    A[l] = np.tanh(Z[l]) if l < L else 1 / (1 + np.exp(-Z[l]))
J = ((A[L] - Y) ** 2).sum() / (2 * m)
dA = {L: (A[L] - Y) / m}
dZ, dW, db = {}, {}, {}
for l in range(L, 0, -1):
    slope = A[l] * (1 - A[l]) if l == L else 1 - A[l] ** 2
    dZ[l] = dA[l] * slope
    dW[l] = dZ[l] @ A[l - 1].T
    db[l] = dZ[l].sum(axis=1, keepdims=True)
    dA[l - 1] = W[l].T @ dZ[l]
s = {l: rho * S0[l] + (1 - rho) * dW[l] ** 2 for l in (1, 2)}
new = {l: W[l] - rate * dW[l] / (np.sqrt(s[l]) + 1e-8) for l in (1, 2)}
"""
_NUMBERED_X = numbers(1401, 5, 3)
_NUMBERED_Y = one_hot([1, 0, 2, 1, 2], 3)
_SIZES = ((4, 3), (4, 4), (3, 4))
_NUMBERED_W = {k: numbers(1401 + k, *size) for k, size in enumerate(_SIZES, 1)}
_NUMBERED_B = {k: numbers(1405 + k, size[0]) for k, size in enumerate(_SIZES, 1)}
_STATE = {1: [[0.4] * 3] * 4, 2: [[0.2] * 4] * 4}
_NUMBERED_GIVEN: dict[str, Any] = {
    "X": turned(_NUMBERED_X),
    "Y": turned([[float(one) for one in row] for row in _NUMBERED_Y]),
    **{f"W{k}": w for k, w in _NUMBERED_W.items()},
    **{f"b{k}": [[one] for one in b] for k, b in _NUMBERED_B.items()},
    **{f"S{k}": s for k, s in _STATE.items()},
    "rho": 0.75,
    "rate": 0.1,
}
NUMBERED = Network(
    "dicts by the number of a layer",
    {
        "x": _NUMBERED_X,
        "y": _NUMBERED_Y,
        "layers": [
            {
                "weights": _NUMBERED_W[k],
                "bias": _NUMBERED_B[k],
                "activation": "sigmoid" if k == 3 else "tanh",
            }
            for k in (1, 2, 3)
        ],
        "loss": "half-squared-error",
        "update": {
            "rule": "rmsprop",
            "learning_rate": 0.1,
            "beta": 0.75,
            "state": {f"s_W{k}": s for k, s in _STATE.items()},
        },
    },
    "W, b, S0 = {1: W1, 2: W2, 3: W3}, {1: b1, 2: b2, 3: b3}, {1: S1, 2: S2}" + _NUMBERED_SOURCE,
    _NUMBERED_GIVEN,
    tuple(
        (
            "Z1=Z[1] A1=A[1] Z2=Z[2] A2=A[2] Z3=Z[3] Yhat=A[3] L=J dYhat=dA[3] dZ3=dZ[3] dW3=dW[3]"
            " db3=db[3] dH2=dA[2] dZ2=dZ[2] dW2=dW[2] db2=db[2] dH1=dA[1] dZ1=dZ[1] dW1=dW[1]"
            " db1=db[1] s_W1=s[1] W1_new=new[1] s_W2=s[2] W2_new=new[2]"
        ).split()
    ),
)

# An autoencoder whose decoder is its encoder turned, kept sparse ----------------------------------

_TIED_SOURCE = """
n = len(X)
pre = X @ W + b
code = 1 / (1 + np.exp(-pre))
back = code @ W.T + c
rho_hat = code.mean(axis=0)
kl = (rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))).sum()
rec = 0.5 * ((back - X) ** 2).sum() / n
J = rec + beta * kl
dback = (back - X) / n
dc = dback.sum(axis=0)
drho = beta * (-rho / rho_hat + (1 - rho) / (1 - rho_hat))
dcode = dback @ W + drho / n
dpre = dcode * code * (1 - code)
dW = X.T @ dpre + dback.T @ code
db = dpre.sum(axis=0)
"""
_TIED: dict[str, Any] = {
    "X": numbers(1411, 5, 4),
    "W": numbers(1412, 4, 3),
    "b": numbers(1413, 3),
    "c": numbers(1414, 4),
}
TIED = Network(
    "a tied autoencoder",
    {
        "values": _TIED,
        "equations": [
            "pre = X @ W + row(b)",
            "code = sigmoid(pre)",
            "back = code @ W.T + row(c)",
            "rho_hat = mean(code, axis=0)",
            "kl = sum(0.2 * log(0.2 / rho_hat) + 0.8 * log(0.8 / (1 - rho_hat)))",
            "rec = 0.5 * sum((back - X)^2) / 5",
            "J = rec + 0.6 * kl",
        ],
        "train": ["W", "b", "c"],
    },
    _TIED_SOURCE,
    {**_TIED, "rho": 0.2, "beta": 0.6},
    tuple("pre code back rho_hat kl rec J dback dc drho_hat=drho dcode dpre dW db".split()),
)

# A feed-forward block: norm behind the residual, a smooth activation ------------------------------

_BEHIND_SOURCE = """
def swish(z):
    s = 1 / (1 + np.exp(-1.5 * z))
    return z * s, s

u = X @ W1 + b1
a, s = swish(u)
f = a @ W2 + b2
r = X + f
mean = r.mean(-1, keepdims=True)
std = np.sqrt(((r - mean) ** 2).mean(-1, keepdims=True) + eps)
y = g * (r - mean) / std + k
loss = np.abs(y - T).mean()
dy = np.sign(y - T) / y.size
dg = (dy * (r - mean) / std).sum(0)
dk = dy.sum(0)
dn = dy * g
n = (r - mean) / std
dr = (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True)) / std
df = dr
dW2 = a.T @ df
db2 = df.sum(0)
da = df @ W2.T
du = da * (s + 1.5 * u * s * (1 - s))
dW1 = X.T @ du
db1 = du.sum(0)
dX = dr + du @ W1.T
"""
_BEHIND: dict[str, Any] = {
    "X": numbers(1421, 4, 3),
    "W1": numbers(1422, 3, 5),
    "b1": numbers(1423, 5),
    "W2": numbers(1424, 5, 3),
    "b2": numbers(1425, 3),
    "g": [1.1, -0.8, 0.6],
    "k": numbers(1426, 3),
    "T": numbers(1427, 4, 3),
}
BEHIND = Network(
    "norm behind a residual",
    {
        "values": _BEHIND,
        "equations": [
            "u = X @ W1 + row(b1)",
            "a = u * sigmoid(1.5 * u)",
            "f = a @ W2 + row(b2)",
            "r = X + f",
            "y = layer_norm(r, g, k, epsilon=0.05)",
            "L = mean(abs(y - T))",
        ],
        "train": ["W1", "b1", "W2", "b2", "g", "k", "X"],
    },
    _BEHIND_SOURCE,
    {**_BEHIND, "eps": 0.05},
    tuple("u a f r y L=loss dy dg dk dr dW2 db2 da du dW1 db1 dX".split()),
)

# Pairs, alike or not ------------------------------------------------------------------------------

_PAIRS_SOURCE = """
def embed(x):
    return np.tanh(x @ W + b)

N = len(XA)
EA, EB = embed(XA), embed(XB)
diff = EA - EB
d2 = np.sum(diff ** 2, axis=1)
d = np.sqrt(d2)
short = np.maximum(0, margin - d)
each = same * d2 + (1 - same) * short ** 2
loss = each.mean() / 2
dshort = (1 - same) * short / N
dd = -dshort * (short > 0)
dd2 = 0.5 * same / N + dd / (2 * d)
ddiff = 2 * dd2[:, None] * diff
dEA, dEB = ddiff, -ddiff
dZA = dEA * (1 - EA ** 2)
dZB = dEB * (1 - EB ** 2)
dW = XA.T @ dZA + XB.T @ dZB
db = dZA.sum(axis=0) + dZB.sum(axis=0)
"""
_PAIRS: dict[str, Any] = {
    "XA": numbers(1431, 5, 3),
    "XB": numbers(1432, 5, 3),
    "W": numbers(1433, 3, 3),
    "b": numbers(1434, 3),
    "same": [1, 0, 0, 1, 0],
}
PAIRS = Network(
    "pairs, alike or not",
    {
        "values": _PAIRS,
        "equations": [
            "ZA = XA @ W + row(b)",
            "ZB = XB @ W + row(b)",
            "EA = tanh(ZA)",
            "EB = tanh(ZB)",
            "diff = EA - EB",
            "d2 = sum(diff^2, axis=1)",
            "d = sqrt(d2)",
            "short = relu(3 - d)",
            "each = same * d2 + (1 - same) * short^2",
            "L = mean(each) / 2",
        ],
        "train": ["W", "b"],
    },
    _PAIRS_SOURCE,
    {**_PAIRS, "margin": 3.0},
    tuple("EA EB diff d2 d short each L=loss dshort dd dd2 ddiff dEA dEB dZA dZB dW db".split()),
)

# A sequence pooled by attention -------------------------------------------------------------------

_POOLED_SOURCE = """
U = np.tanh(S @ Wa + ba)
score = U @ va
alpha = np.exp(score - score.max())
alpha = alpha / alpha.sum()
ctx = alpha @ S
logit = Wo @ ctx + bo
prob = np.exp(logit) / np.sum(np.exp(logit))
loss = -np.log(prob[labels[0]])
dlogit = prob - np.eye(3, dtype=prob.dtype)[labels[0]]
dWo = np.outer(dlogit, ctx)
dctx = Wo.T @ dlogit
dalpha = S @ dctx
dscore = alpha * (dalpha - np.dot(alpha, dalpha))
dva = U.T @ dscore
dU = np.outer(dscore, va)
dpre = dU * (1 - U ** 2)
dWa = S.T @ dpre
dba = dpre.sum(axis=0)
dS = np.outer(alpha, dctx) + dpre @ Wa.T
"""
_POOLED: dict[str, Any] = {
    "S": numbers(1441, 4, 3),
    "Wa": numbers(1442, 3, 3),
    "ba": numbers(1443, 3),
    "va": numbers(1444, 3),
    "Wo": numbers(1445, 3, 3),
    "bo": numbers(1446, 3),
}
POOLED = Network(
    "a sequence pooled by attention",
    {
        "values": {**_POOLED, "t": [0, 1, 0]},
        "equations": [
            "pre = S @ Wa + row(ba)",
            "U = tanh(pre)",
            "score = U @ va",
            "alpha = softmax(score)",
            "ctx = S.T @ alpha",
            "logit = Wo @ ctx + bo",
            "prob = softmax(logit)",
            "L = cross_entropy(prob, t)",
        ],
        "train": ["Wa", "ba", "va", "Wo", "bo", "S"],
    },
    _POOLED_SOURCE,
    {**_POOLED, "labels": [1]},
    tuple(
        (
            "U score alpha ctx logit prob L=loss dlogit dWo dctx dalpha dscore dva dU dpre dWa dba"
            " dS"
        ).split()
    ),
)

SHARED = (NUMBERED, TIED, BEHIND, PAIRS, POOLED)
