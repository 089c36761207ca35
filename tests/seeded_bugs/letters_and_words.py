"""Letters over time in dicts, words in windows, and two functions for PyTorch's autograd."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot

# Letters over time, a dict a kind, gradients clipped ----------------------------------------------

_LETTERS_SOURCE = """
xs, hs, ys, ps = {}, {-1: hprev}, {}, {}
loss = 0
for t in range(3):
    xs[t] = np.zeros((4, 1), dtype=Whh.dtype)
    xs[t][labels[t]] = 1
    hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
    ys[t] = np.dot(Why, hs[t]) + by
    ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
    loss += -np.log(ps[t][labels[t + 1], 0])
dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
dbh, dby = np.zeros_like(bh), np.zeros_like(by)
dhnext = np.zeros_like(hs[0])
dys, dhs, draws = {}, {}, {}
for t in reversed(range(3)):
    dy = np.copy(ps[t])
    dy[labels[t + 1]] -= 1
    dWhy += np.dot(dy, hs[t].T)
    dby += dy
    dh = np.dot(Why.T, dy) + dhnext
    dhraw = (1 - hs[t] * hs[t]) * dh
    dys[t], dhs[t], draws[t] = dy, dh, dhraw
    dbh += dhraw
    dWxh += np.dot(dhraw, xs[t].T)
    dWhh += np.dot(dhraw, hs[t - 1].T)
    dhnext = np.dot(Whh.T, dhraw)
"""
_LETTERS: dict[str, Any] = {
    "Wxh": numbers(1501, 3, 4),
    "Whh": numbers(1502, 3, 3),
    "Why": numbers(1503, 4, 3),
    "bh": numbers(1504, 3, 1),
    "by": numbers(1505, 4, 1),
    "hprev": numbers(1506, 3, 1),
}
_SPELT = [2, 0, 3, 1]
LETTERS = Network(
    "letters over time",
    {
        "values": {
            **{name: _LETTERS[name] for name in ("Wxh", "Whh", "Why")},
            **{name: [row[0] for row in _LETTERS[name]] for name in ("bh", "by")},
            "h_0": [row[0] for row in _LETTERS["hprev"]],
            "x": one_hot(_SPELT[:3], 4),
            "target": one_hot(_SPELT[1:], 4),
        },
        "equations": [
            {
                "for t in 1..3": [
                    "a_t = Wxh @ x[t] + Whh @ h_{t-1} + bh",
                    "h_t = tanh(a_t)",
                    "y_t = Why @ h_t + by",
                    "p_t = softmax(y_t)",
                ]
            },
            "L = sum(t in 1..3, cross_entropy(p_t, target[t]))",
        ],
        "train": ["Wxh", "Whh", "Why", "bh", "by"],
    },
    _LETTERS_SOURCE,
    {**_LETTERS, "labels": _SPELT},
    (
        *(f"{k}_{t}={k}s[{t - 1}]" for t in (1, 2, 3) for k in "hyp"),
        "L=loss",
        *(
            f"{name}_{t}={place}[{t - 1}]"
            for t in (3, 2, 1)
            for name, place in (("dy", "dys"), ("dh", "dhs"), ("da", "draws"))
        ),
        *"dWhy dby dWxh dWhh dbh".split(),
    ),
)

# Words in windows, the largest of each filter -----------------------------------------------------

_WINDOWS_SOURCE = """
n = len(S) - 1
cols = np.hstack([S[:-1], S[1:]])
F = cols @ K + b
R = np.where(F > 0, F, 0)
arg = R.argmax(axis=0)
v = R[arg, np.arange(R.shape[1])]
z = w @ v + c
p = 1 / (1 + np.exp(-z))
loss = -(t * np.log(p) + (1 - t) * np.log(1 - p))
dz = p - t
dw = dz * v
dv = dz * w
dR = np.zeros_like(R)
dR[arg, np.arange(R.shape[1])] = dv
dF = dR * (F > 0)
dK = cols.T @ dF
db = dF.sum(axis=0)
dcols = dF @ K.T
dS = np.zeros_like(S)
half = S.shape[1]
dS[:-1] += dcols[:, :half]
dS[1:] += dcols[:, half:]
"""
_WINDOWS: dict[str, Any] = {
    "S": numbers(1511, 5, 3),
    "K": numbers(1512, 6, 4),
    "b": [0.9, 0.4, -0.2, 0.6],
    "w": numbers(1513, 4),
    "c": -0.3,
    "t": 1.0,
}
WINDOWS = Network(
    "words in windows",
    {
        "values": _WINDOWS,
        "equations": [
            "cols = concat(S[1:4,:], S[2:5,:], axis=1)",
            "F = cols @ K + row(b)",
            "R = relu(F)",
            "v = max(R, axis=0)",
            "z = dot(w, v) + c",
            "p = sigmoid(z)",
            "L = binary_cross_entropy(p, t)",
        ],
        "train": ["K", "b", "w", "c", "S"],
    },
    _WINDOWS_SOURCE,
    _WINDOWS,
    tuple("cols F R v z p L=loss dz dw dv dR dF dK db dcols dS".split()),
)

# Functions for autograd: a product of two inputs, an exponential unit, a cosine -------------------

_SIMILAR_SOURCE = """
class Bilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, y, b):
        ctx.save_for_backward(x, W, y)
        return (x @ W) * y + b
    @staticmethod
    def backward(ctx, g):
        x, W, y = ctx.saved_tensors
        gy = g * y
        return gy @ W.T, x.T @ gy, g * (x @ W), g.sum(0)

class Elu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, alpha):
        out = torch.where(z > 0, z, alpha * torch.expm1(z))
        ctx.save_for_backward(out)
        ctx.alpha = alpha
        return out
    @staticmethod
    def backward(ctx, g):
        out, = ctx.saved_tensors
        return g * torch.where(out > 0, torch.ones_like(out), out + ctx.alpha), None

class Cosine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, t):
        na, nt = a.norm(dim=1), t.norm(dim=1)
        cos = (a * t).sum(1) / (na * nt)
        ctx.save_for_backward(a, t, na, nt, cos)
        return cos
    @staticmethod
    def backward(ctx, g):
        a, t, na, nt, cos = ctx.saved_tensors
        along = t / (na * nt)[:, None] - a * (cos / na ** 2)[:, None]
        return g[:, None] * along, None

for q in (X, W, Y, b):
    q.requires_grad_()
m = Bilinear.apply(X, W, Y, b)
h = Elu.apply(m, 0.7)
cos = Cosine.apply(h, T)
loss = (1 - cos).mean()
for q in (m, h, cos):
    q.retain_grad()
loss.backward()
"""
_SIMILAR: dict[str, Any] = {
    "X": numbers(1521, 4, 3),
    "W": numbers(1522, 3, 5),
    "Y": numbers(1523, 4, 5),
    "b": numbers(1524, 5),
    "T": numbers(1525, 4, 5),
}
SIMILAR = Network(
    "cosine for autograd",
    {
        "values": _SIMILAR,
        "equations": [
            "m = (X @ W) * Y + row(b)",
            "h = elu(m, alpha=0.7)",
            "cos_h = sum(h * T, axis=1) / (norm(h, axis=1) * norm(T, axis=1))",
            "L = mean(1 - cos_h)",
        ],
        "train": ["X", "W", "Y", "b"],
    },
    _SIMILAR_SOURCE,
    _SIMILAR,
    tuple(
        "m h cos_h=cos L=loss dcos_h=cos.grad dh=h.grad dm=m.grad"
        " dX=X.grad dW=W.grad dY=Y.grad db=b.grad".split()
    ),
    library="torch",
)

_FOCAL_SOURCE = """
class Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, mask, keep):
        ctx.save_for_backward(mask)
        ctx.keep = keep
        return x * mask / keep
    @staticmethod
    def backward(ctx, g):
        mask, = ctx.saved_tensors
        return g * mask / ctx.keep, None, None

class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return torch.log1p(torch.exp(z))
    @staticmethod
    def backward(ctx, g):
        z, = ctx.saved_tensors
        return g * z.sigmoid()

class PoissonNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rate, y):
        ctx.save_for_backward(rate, y)
        return (rate - y * rate.log()).sum() / rate.shape[0]
    @staticmethod
    def backward(ctx, g):
        rate, y = ctx.saved_tensors
        return g * (1 - y / rate) / rate.shape[0], None

for q in (W, V, b):
    q.requires_grad_()
u = X @ W
d = Dropout.apply(u, mask, 0.8)
z = d @ V + b
rate = Softplus.apply(z)
loss = PoissonNLL.apply(rate, Y)
for q in (u, d, z, rate):
    q.retain_grad()
loss.backward()
"""
_FOCAL: dict[str, Any] = {
    "X": numbers(1531, 5, 3),
    "W": numbers(1532, 3, 4),
    "V": numbers(1533, 4, 2),
    "b": [0.4, -0.3],
    "mask": [[1, 0, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]],
    "Y": [[2, 0], [1, 3], [0, 1], [4, 1], [1, 2]],
}
COUNTS = Network(
    "counts for autograd",
    {
        "values": _FOCAL,
        "equations": [
            "u = X @ W",
            "d = u * mask / 0.8",
            "z = d @ V + row(b)",
            "rate = softplus(z)",
            "L = sum(rate - Y * log(rate)) / 5",
        ],
        "train": ["W", "V", "b"],
    },
    _FOCAL_SOURCE,
    _FOCAL,
    tuple(
        "u d z rate L=loss drate=rate.grad dz=z.grad dV=V.grad db=b.grad dd=d.grad du=u.grad"
        " dW=W.grad".split()
    ),
    library="torch",
)

WORDS_AND_LETTERS = (LETTERS, WINDOWS)
SIMILAR_AND_COUNTS = (SIMILAR, COUNTS)
