"""A policy, a recurrent net over a batch, closures with residuals, radial units, many labels."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# A policy with a bonus for its entropy -----------------------------------------------------------

_POLICY_SOURCE = """
n = len(S)
u = S @ W + b
e = np.exp(u - u.max(axis=1, keepdims=True))
pi = e / e.sum(axis=1, keepdims=True)
logpi = np.log(pi)
chosen = (A * logpi).sum(axis=1)
gain = np.mean(adv * chosen)
ent = -np.sum(pi * logpi, axis=1)
L = -gain - beta * ent.mean()
g_logpi = -(adv[:, None] * A) / n
g_ent = -beta / n * np.ones_like(ent)
du = (pi - A) * adv[:, None] / n
du = du - g_ent[:, None] * pi * (logpi + ent[:, None])
dW = S.T @ du
db = du.sum(axis=0)
W_new = W - 0.2 * dW
"""
_POLICY: dict[str, Any] = {
    "S": numbers(901, 5, 3),
    "W": numbers(902, 3, 4),
    "b": numbers(903, 4),
    "A": one_hot([0, 3, 1, 2, 1], 4),
    "adv": numbers(904, 5),
}
POLICY = Network(
    "a policy",
    {
        "values": _POLICY,
        "equations": [
            "u = S @ W + row(b)",
            "pol = softmax(u, axis=1)",
            "logp = log(pol)",
            "chosen = sum(A * logp, axis=1)",
            "gain = mean(adv * chosen)",
            "ent = -sum(pol * logp, axis=1)",
            "L = -gain - 0.1 * mean(ent)",
        ],
        "train": ["W", "b"],
        "update": {"rule": "sgd", "learning_rate": 0.2},
    },
    _POLICY_SOURCE,
    {**_POLICY, "beta": 0.1},
    tuple("u pol=pi logp=logpi chosen gain ent L dent=g_ent du dW db W_new".split()),
)

# A recurrent net, rows of a batch, a target at each step -----------------------------------------

_STEPS_SOURCE = """
B = len(x1)
states, outs = [np.zeros_like(x1 @ Wx)], []
pre = []
for x in (x1, x2, x3):
    a = x @ Wx + states[-1] @ Wh + b
    pre.append(a)
    states.append(np.where(a > 0, a, 0))
    outs.append(states[-1] @ Wy + c)
L = sum(((o - y) ** 2).sum() for o, y in zip(outs, (y1, y2, y3))) / (2 * B)
gWx, gWh, gb = 0 * Wx, 0 * Wh, 0 * b
gWy, gc = 0 * Wy, 0 * c
carry = 0 * states[0]
go, gh, ga = [None] * 3, [None] * 3, [None] * 3
for t in (2, 1, 0):
    go[t] = (outs[t] - (y1, y2, y3)[t]) / B
    gWy += states[t + 1].T @ go[t]
    gc += go[t].sum(axis=0)
    gh[t] = go[t] @ Wy.T + carry
    ga[t] = gh[t] * (pre[t] > 0)
    gWx += (x1, x2, x3)[t].T @ ga[t]
    gWh += states[t].T @ ga[t]
    gb += ga[t].sum(axis=0)
    carry = ga[t] @ Wh.T
"""
_STEPS: dict[str, Any] = {
    "Wx": numbers(911, 2, 3),
    "Wh": numbers(912, 3, 3),
    "b": numbers(3613, 3),
    "Wy": numbers(914, 3, 2),
    "c": numbers(915, 2),
    **{f"x{t}": numbers(915 + t, 4, 2) for t in (1, 2, 3)},
    **{f"y{t}": numbers(925 + t, 4, 2) for t in (1, 2, 3)},
}
STEPS = Network(
    "a batch over time",
    {
        "values": {
            **{name: _STEPS[name] for name in ("Wx", "Wh", "b", "Wy", "c")},
            **{f"x_{t}": _STEPS[f"x{t}"] for t in (1, 2, 3)},
            **{f"y_{t}": _STEPS[f"y{t}"] for t in (1, 2, 3)},
            "h_0": [[0, 0, 0]] * 4,
        },
        "equations": [
            {
                "for t in 1..3": [
                    "a_t = x_t @ Wx + h_{t-1} @ Wh + row(b)",
                    "h_t = relu(a_t)",
                    "o_t = h_t @ Wy + row(c)",
                ]
            },
            "L = sum(t in 1..3, half_squared_error(o_t, y_t)) / 4",
        ],
        "train": ["Wx", "Wh", "b", "Wy", "c"],
    },
    _STEPS_SOURCE,
    _STEPS,
    tuple(
        (
            "a_1=pre[0] h_1=states[1] o_1=outs[0] a_2=pre[1] h_2=states[2] o_2=outs[1] a_3=pre[2]"
            " h_3=states[3] o_3=outs[2] L do_3=go[2] dh_3=gh[2] da_3=ga[2] do_2=go[1] dh_2=gh[1]"
            " da_2=ga[1] do_1=go[0] dh_1=gh[0] da_1=ga[0] dWy=gWy dc=gc dWx=gWx dWh=gWh db=gb"
        ).split()
    ),
)

# Closures that know their way back, with a residual ----------------------------------------------

_CLOSURES_SOURCE = """
kept = {}

def affine(name, x, W, b):
    out = W @ x + b
    def back(g):
        kept["d" + name] = g
        kept["dW" + name] = g @ x.T
        kept["db" + name] = g.sum(axis=1)
        return W.T @ g
    return out, back

def softplus(x):
    def back(g):
        return g / (1 + np.exp(-x))
    return np.log1p(np.exp(x)), back

def mse(p, y):
    diff = p - y
    return (diff ** 2).mean(), lambda: 2 * diff / diff.size

z1, back1 = affine("z1", X, W1, b1)
h1, slope1 = softplus(z1)
z2, back2 = affine("z2", h1, W2, b2)
h2, slope2 = softplus(z2)
res = h2 + h1
out, back3 = affine("out", res, W3, b3)
loss, start = mse(out, Y)
dres = back3(start())
dh2 = dres
dh1 = back2(slope2(dh2)) + dres
back1(slope1(dh1))
"""
_CLOSURES: dict[str, Any] = {
    "X": turned(numbers(931, 6, 2)),
    "Y": turned(numbers(932, 6, 2)),
    "W1": numbers(933, 3, 2),
    "b1": numbers(934, 3, 1),
    "W2": numbers(935, 3, 3),
    "b2": numbers(936, 3, 1),
    "W3": numbers(937, 2, 3),
    "b3": numbers(938, 2, 1),
}
CLOSURES = Network(
    "closures with a residual",
    {
        "values": {
            **_CLOSURES,
            **{name: [row[0] for row in _CLOSURES[name]] for name in ("b1", "b2", "b3")},
        },
        "equations": [
            "z1 = W1 @ X + column(b1)",
            "h1 = softplus(z1)",
            "z2 = W2 @ h1 + column(b2)",
            "h2 = softplus(z2)",
            "res = h2 + h1",
            "out = W3 @ res + column(b3)",
            "L = mean((out - Y)^2)",
        ],
        "train": ["W1", "b1", "W2", "b2", "W3", "b3"],
    },
    _CLOSURES_SOURCE,
    _CLOSURES,
    tuple(
        (
            'z1 h1 z2 h2 res out L=loss dout=kept["dout"] dW3=kept["dWout"] db3=kept["dbout"] dres'
            ' dh2 dz2=kept["dz2"] dW2=kept["dWz2"] db2=kept["dbz2"] dh1 dz1=kept["dz1"]'
            ' dW1=kept["dWz1"] db1=kept["dbz1"]'
        ).split()
    ),
)

# Radial units with centres of their own ----------------------------------------------------------

_RADIAL_SOURCE = """
diff = x[None, :] - C
r2 = (diff ** 2).sum(axis=1)
phi = np.exp(-r2 / (2 * s ** 2))
yhat = w @ phi + b
E = 0.5 * (yhat - t) ** 2
dyhat = yhat - t
dw = dyhat * phi
dphi = dyhat * w
dr2 = -dphi * phi / (2 * s ** 2)
dC = -2 * dr2[:, None] * diff
ds = dphi * phi * r2 / s ** 3
gsq = 0.1 * (dC ** 2)
C_new = C - 0.5 * dC / (np.sqrt(gsq) + 1e-8)
"""
_RADIAL: dict[str, Any] = {
    "x": numbers(941, 3),
    "C": numbers(942, 4, 3),
    "s": [1.2, 0.9, 1.5, 1.1],
    "w": numbers(943, 4),
    "b": 0.2,
    "t": 0.8,
}
RADIAL = Network(
    "radial units",
    {
        "values": _RADIAL,
        "equations": [
            "diff = row(x) - C",
            "r2 = sum(diff^2, axis=1)",
            "phi = exp(-r2 / (2 * s^2))",
            "yhat = dot(w, phi) + b",
            "E = 0.5 * (yhat - t)^2",
        ],
        "train": ["C", "s", "w", "b"],
        "update": {"rule": "rmsprop", "learning_rate": 0.5, "beta": 0.9},
    },
    _RADIAL_SOURCE,
    _RADIAL,
    tuple("diff r2 phi yhat E dyhat dw dphi dr2 dC ds s_C=gsq C_new".split()),
)

# Many labels, features scaled first, positive ones weighing more ---------------------------------

_LABELS_SOURCE = """
m = X.shape[1]
mean = X.mean(axis=1, keepdims=True)
spread = X.std(axis=1, keepdims=True)
Xs = (X - mean) / spread
Z = W @ Xs + b
P = 1 / (1 + np.exp(-Z))
loss = -np.sum(pos * Y * np.log(P) + (1 - Y) * np.log(1 - P)) / m
dP = -(pos * Y / P - (1 - Y) / (1 - P)) / m
dZ = dP * P * (1 - P)
dW = dZ @ Xs.T
db = np.sum(dZ, axis=1, keepdims=True)
G = G0 + dW ** 2
W_new = W - 0.3 * dW / (np.sqrt(G) + 1e-8)
"""
_LABELS: dict[str, Any] = {
    "X": turned(numbers(951, 6, 3)),
    "Y": [[1, 0, 0, 1, 0, 1], [0, 0, 1, 1, 0, 0]],
    "W": numbers(952, 2, 3),
    "b": numbers(953, 2, 1),
    "pos": [[3.0], [1.5]],
}
LABELS = Network(
    "many labels",
    {
        "values": {
            **_LABELS,
            "b": [row[0] for row in _LABELS["b"]],
            "pos": [row[0] for row in _LABELS["pos"]],
        },
        "equations": [
            "centre = mean(X, axis=1)",
            "spread = sqrt(mean((X - column(centre))^2, axis=1))",
            "Xs = (X - column(centre)) / column(spread)",
            "Z = W @ Xs + column(b)",
            "P = sigmoid(Z)",
            "L = -sum(column(pos) * Y * log(P) + (1 - Y) * log(1 - P)) / 6",
        ],
        "train": ["W", "b"],
        "update": {
            "rule": "adagrad",
            "learning_rate": 0.3,
            "state": {"G_W": [[0.2, 0.1, 0.4], [0.3, 0.5, 0.1]]},
        },
    },
    _LABELS_SOURCE,
    {**_LABELS, "G0": [[0.2, 0.1, 0.4], [0.3, 0.5, 0.1]]},
    tuple("centre=mean spread Xs Z P loss dP dZ dW db G_W=G W_new".split()),
)

HELD_OUT = (POLICY, STEPS, CLOSURES, RADIAL, LABELS)
