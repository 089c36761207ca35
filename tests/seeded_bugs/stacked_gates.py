"""Cells over time in columns, gates side by side, attention to a memory, words around a word."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot, turned

# A recurrent net, samples in columns, one answer at the end ---------------------------------------

_CELLS_SOURCE = """
def rnn_cell_forward(xt, a_prev, p):
    z = np.dot(p["Wax"], xt) + np.dot(p["Waa"], a_prev) + p["ba"]
    a_next = np.tanh(z)
    return a_next, (a_next, a_prev, xt)

def rnn_cell_backward(da_next, cache, p):
    a_next, a_prev, xt = cache
    dtanh = (1 - a_next ** 2) * da_next
    dxt = np.dot(p["Wax"].T, dtanh)
    dWax = np.dot(dtanh, xt.T)
    da_prev = np.dot(p["Waa"].T, dtanh)
    dWaa = np.dot(dtanh, a_prev.T)
    dba = np.sum(dtanh, axis=1, keepdims=True)
    return {"dz": dtanh, "dx": dxt, "da_prev": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}

par = {"Wax": Wax, "Waa": Waa, "ba": ba}
m = x1.shape[1]
a, caches, states = a0, [], []
for xt in (x1, x2, x3):
    a, cache = rnn_cell_forward(xt, a, par)
    caches.append(cache)
    states.append(a)
s = np.dot(Wya, a) + by
yhat = 1 / (1 + np.exp(-s))
loss = -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)).sum() / m
ds = (yhat - y) / m
grads = {"dWya": np.dot(ds, a.T), "dby": np.sum(ds, axis=1, keepdims=True)}
for name in ("dWax", "dWaa", "dba"):
    grads[name] = np.zeros_like(par[name[1:]])
da = np.dot(Wya.T, ds)
das, dzs, dxs = [], [], []
for t in reversed(range(3)):
    das.insert(0, da)
    step = rnn_cell_backward(da, caches[t], par)
    for name in ("dWax", "dWaa", "dba"):
        grads[name] += step[name]
    dzs.insert(0, step["dz"])
    dxs.insert(0, step["dx"])
    da = step["da_prev"]
"""
_CELLS: dict[str, Any] = {
    "Wax": numbers(1201, 3, 2),
    "Waa": numbers(1202, 3, 3),
    "ba": numbers(1203, 3, 1),
    "Wya": numbers(1204, 1, 3),
    "by": [[0.3]],
    **{f"x{t}": turned(numbers(1204 + t, 4, 2)) for t in (1, 2, 3)},
    "a0": turned(numbers(1209, 4, 3)),
    "y": [[1, 0, 0, 1]],
}
CELLS_IN_COLUMNS = Network(
    "recurrent cells in columns",
    {
        "values": {
            **{name: _CELLS[name] for name in ("Wax", "Waa", "Wya", "y")},
            "ba": [row[0] for row in _CELLS["ba"]],
            "by": [0.3],
            **{f"x_{t}": _CELLS[f"x{t}"] for t in (1, 2, 3)},
            "a_0": _CELLS["a0"],
        },
        "equations": [
            {
                "for t in 1..3": [
                    "z_t = Wax @ x_t + Waa @ a_{t-1} + column(ba)",
                    "a_t = tanh(z_t)",
                ]
            },
            "s = Wya @ a_3 + column(by)",
            "yhat = sigmoid(s)",
            "L = binary_cross_entropy(yhat, y) / 4",
        ],
        "train": ["Wax", "Waa", "ba", "Wya", "by", "x_1", "x_2", "x_3"],
    },
    _CELLS_SOURCE,
    _CELLS,
    tuple(
        (
            "a_1=states[0] a_2=states[1] a_3=states[2] s yhat L=loss ds"
            ' dWya=grads["dWya"] dby=grads["dby"] da_3=das[2] dz_3=dzs[2] da_2=das[1] dz_2=dzs[1]'
            ' da_1=das[0] dz_1=dzs[0] dWax=grads["dWax"] dWaa=grads["dWaa"] dba=grads["dba"]'
            " dx_1=dxs[0] dx_2=dxs[1] dx_3=dxs[2]"
        ).split()
    ),
)

# An LSTM with its gates side by side, rows of a batch, two steps ----------------------------------

_SIDE_SOURCE = """
H = 2
sig = lambda v: 1 / (1 + np.exp(-v))
h, c = h0, c0
kept = []
for x in (x1, x2):
    G = x @ Wx + h @ Wh + b
    i, f, o, g = sig(G[:, :H]), sig(G[:, H:2*H]), sig(G[:, 2*H:3*H]), np.tanh(G[:, 3*H:])
    c_prev, h_prev = c, h
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    kept.append(dict(x=x, G=G, i=i, f=f, o=o, g=g, c=c, h=h, c_prev=c_prev, h_prev=h_prev))
diff = h - T
loss = 0.5 * np.sum(diff ** 2) / len(x1)
dh, dc = diff / len(x1), np.zeros_like(c0)
dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
dhs, dcs, dGs = [None] * 2, [None] * 2, [None] * 2
for t in (1, 0):
    k = kept[t]
    tc = np.tanh(k["c"])
    dhs[t] = dh
    dc = dc + dh * k["o"] * (1 - tc ** 2)
    dcs[t] = dc
    dGs[t] = np.hstack([
        dc * k["g"] * k["i"] * (1 - k["i"]),
        dc * k["c_prev"] * k["f"] * (1 - k["f"]),
        dh * tc * k["o"] * (1 - k["o"]),
        dc * k["i"] * (1 - k["g"] ** 2),
    ])
    dWx += k["x"].T @ dGs[t]
    dWh += k["h_prev"].T @ dGs[t]
    db += dGs[t].sum(axis=0)
    dh = dGs[t] @ Wh.T
    dc = dc * k["f"]
"""
_SIDE: dict[str, Any] = {
    "Wx": numbers(1211, 3, 8),
    "Wh": numbers(1212, 2, 8),
    "b": numbers(1213, 8),
    "x1": numbers(1214, 4, 3),
    "x2": numbers(1215, 4, 3),
    "h0": numbers(1216, 4, 2),
    "c0": numbers(1217, 4, 2),
    "T": numbers(1218, 4, 2),
}
SIDE = Network(
    "gates side by side",
    {
        "values": {
            **{name: _SIDE[name] for name in ("Wx", "Wh", "b", "T")},
            "x_1": _SIDE["x1"],
            "x_2": _SIDE["x2"],
            "h_0": _SIDE["h0"],
            "c_0": _SIDE["c0"],
        },
        "equations": [
            {
                "for t in 1..2": [
                    "G_t = x_t @ Wx + h_{t-1} @ Wh + row(b)",
                    "i_t = sigmoid(G_t[:,1:2])",
                    "f_t = sigmoid(G_t[:,3:4])",
                    "o_t = sigmoid(G_t[:,5:6])",
                    "g_t = tanh(G_t[:,7:8])",
                    "c_t = f_t * c_{t-1} + i_t * g_t",
                    "h_t = o_t * tanh(c_t)",
                ]
            },
            "L = half_squared_error(h_2, T) / 4",
        ],
        "train": ["Wx", "Wh", "b"],
    },
    _SIDE_SOURCE,
    _SIDE,
    (
        *(f'{name}_{t}=kept[{t - 1}]["{name}"]' for t in (1, 2) for name in "Gifogch"),
        *"L=loss dh_2=dhs[1] dc_2=dcs[1] dG_2=dGs[1] dh_1=dhs[0] dc_1=dcs[0]".split(),
        *"dG_1=dGs[0] dWx dWh db".split(),
    ),
)

# Attention of queries to a memory, by einsum ------------------------------------------------------

_MEMORY_SOURCE = """
q = np.einsum("id,de->ie", D, Wq)
k = np.einsum("jd,de->je", M, Wk)
v = np.einsum("jd,df->jf", M, Wv)
scale = 1 / np.sqrt(q.shape[-1])
s = np.einsum("ie,je->ij", q, k) * scale
w = np.exp(s - s.max(-1, keepdims=True))
w = w / w.sum(-1, keepdims=True)
o = np.einsum("ij,jf->if", w, v)
r = o + D
loss = ((r - T) ** 2).sum() / (2 * len(D))
dr = (r - T) / len(D)
dw = np.einsum("if,jf->ij", dr, v)
dv = np.einsum("ij,if->jf", w, dr)
ds = w * (dw - (dw * w).sum(-1, keepdims=True))
dq = np.einsum("ij,je->ie", ds, k) * scale
dk = np.einsum("ij,ie->je", ds, q) * scale
dWq = np.einsum("id,ie->de", D, dq)
dWk = np.einsum("jd,je->de", M, dk)
dWv = np.einsum("jd,jf->df", M, dv)
dD = dr + np.einsum("ie,de->id", dq, Wq)
dM = np.einsum("je,de->jd", dk, Wk) + np.einsum("jf,df->jd", dv, Wv)
"""
_MEMORY: dict[str, Any] = {
    "D": numbers(1221, 3, 4),
    "M": numbers(1222, 5, 4),
    "Wq": numbers(1223, 4, 3),
    "Wk": numbers(1224, 4, 3),
    "Wv": numbers(1225, 4, 4),
    "T": numbers(1226, 3, 4),
}
MEMORY = Network(
    "attention to a memory",
    {
        "values": _MEMORY,
        "equations": [
            "q = D @ Wq",
            "k = M @ Wk",
            "v = M @ Wv",
            "s = q @ k.T / sqrt(3)",
            "w = softmax(s, axis=1)",
            "o = w @ v",
            "r = o + D",
            "L = sum((r - T)^2) / 6",
        ],
        "train": ["Wq", "Wk", "Wv", "D", "M"],
    },
    _MEMORY_SOURCE,
    _MEMORY,
    tuple("q k v s w o r L=loss dr dw dv ds dq dk dWq dWk dWv dD dM".split()),
)

# A word from the words around it ------------------------------------------------------------------

_AROUND_SOURCE = """
rows = [[labels[0], labels[1]], [labels[2], labels[3]], [labels[4], labels[5]]]
B = len(rows)
E = np.stack([table[r].mean(axis=0) for r in rows])
hid = np.tanh(E @ U + u)
z = hid @ O
p = np.exp(z)
p /= p.sum(axis=1)[:, None]
nll = -np.log((p * Y).sum(axis=1))
J = nll.mean()
gz = (p - Y) / B
gO = hid.T @ gz
ghid = gz @ O.T
gpre = ghid * (1 - hid ** 2)
gU = E.T @ gpre
gu = np.sum(gpre, 0)
gE = gpre @ U.T
gtable = np.zeros_like(table)
for n, r in enumerate(rows):
    for i in r:
        gtable[i] += gE[n] / len(r)
table_new = table - rate * gtable
"""
_AROUND: dict[str, Any] = {
    "table": numbers(1231, 6, 3),
    "U": numbers(1232, 3, 4),
    "u": numbers(1233, 4),
    "O": numbers(1234, 4, 6),
    "Y": one_hot([2, 4, 1], 6),
}
AROUND = Network(
    "a word from those around it",
    {
        "values": _AROUND,
        "equations": [
            "E = (table[[1, 4, 6]] + table[[3, 3, 4]]) / 2",
            "pre = E @ U + row(u)",
            "hid = tanh(pre)",
            "z = hid @ O",
            "p = softmax(z, axis=1)",
            "nll = -log(sum(p * Y, axis=1))",
            "J = mean(nll)",
        ],
        "train": ["table", "U", "u", "O"],
        "update": {"rule": "sgd", "learning_rate": 0.7},
    },
    _AROUND_SOURCE,
    {**_AROUND, "labels": [0, 2, 3, 2, 5, 3], "rate": 0.7},
    tuple(
        (
            "E hid z p nll J dz=gz dO=gO dhid=ghid dpre=gpre dU=gU du=gu dE=gE dtable=gtable"
            " table_new"
        ).split()
    ),
)

STACKED = (CELLS_IN_COLUMNS, SIDE, MEMORY, AROUND)
