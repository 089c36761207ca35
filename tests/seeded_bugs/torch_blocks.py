"""Functions for PyTorch's autograd of blocks: RMS norm and a gate, log-softmax, a convolution."""

from __future__ import annotations

from typing import Any

from seeded_bugs.programs import Network, numbers, one_hot

_GATE_SOURCE = """
from torch.autograd import Function

class MatMul(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return torch.mm(x, weight)
    @staticmethod
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        gx = gw = None
        if ctx.needs_input_grad[0]:
            gx = g.mm(weight.t())
        if ctx.needs_input_grad[1]:
            gw = x.t().mm(g)
        return gx, gw

class RMSNorm(Function):
    @staticmethod
    def forward(ctx, x, scale, eps):
        inv = 1 / torch.sqrt(x.pow(2).mean(dim=1, keepdim=True) + eps)
        ctx.save_for_backward(x, scale, inv)
        return x * inv * scale
    @staticmethod
    def backward(ctx, g):
        x, scale, inv = ctx.saved_tensors
        gs = g * scale
        along = (gs * x).mean(dim=1, keepdim=True)
        dx = gs * inv - x * inv ** 3 * along
        return dx, (g * x * inv).sum(dim=0), None

class GatedUnit(Function):
    @staticmethod
    def forward(ctx, a, b):
        s = torch.sigmoid(b)
        ctx.save_for_backward(a, s)
        return a * s
    @staticmethod
    def backward(ctx, g):
        a, s = ctx.saved_tensors
        return g * s, g * a * s * (1 - s)

class HuberLoss(Function):
    @staticmethod
    def forward(ctx, p, y, delta):
        d = p - y
        ctx.save_for_backward(d)
        ctx.delta = delta
        small = d.abs() <= delta
        return torch.where(small, 0.5 * d ** 2, delta * (d.abs() - 0.5 * delta)).mean()
    @staticmethod
    def backward(ctx, g):
        d, = ctx.saved_tensors
        return g * d.clamp(-ctx.delta, ctx.delta) / d.numel(), None, None

for q in (X, A, B, C, scale):
    q.requires_grad_()
n = RMSNorm.apply(X, scale, 0.01)
a = MatMul.apply(n, A)
b = MatMul.apply(n, B)
u = GatedUnit.apply(a, b)
p = MatMul.apply(u, C)
loss = HuberLoss.apply(p, T, 0.5)
for q in (n, a, b, u, p):
    q.retain_grad()
loss.backward()
"""
_GATE: dict[str, Any] = {
    "X": numbers(1301, 5, 3),
    "scale": [1.3, -0.7, 0.9],
    "A": numbers(1302, 3, 4),
    "B": numbers(1303, 3, 4),
    "C": numbers(1304, 4, 2),
    "T": numbers(1305, 5, 2),
}
GATE = Network(
    "norm and gate for autograd",
    {
        "values": _GATE,
        "equations": [
            "n = X / column(sqrt(mean(X^2, axis=1) + 0.01)) * row(scale)",
            "a = n @ A",
            "b = n @ B",
            "u = a * sigmoid(b)",
            "p = u @ C",
            "L = huber(p, T, delta=0.5) / 10",
        ],
        "train": ["X", "A", "B", "C", "scale"],
    },
    _GATE_SOURCE,
    _GATE,
    tuple(
        "n a b u p L=loss p.grad C.grad u.grad a.grad b.grad A.grad B.grad n.grad scale.grad"
        " X.grad".split()
    ),
    library="torch",
)

_NLL_SOURCE = """
class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        out = z.tanh()
        ctx.save_for_backward(out)
        return out
    @staticmethod
    def backward(ctx, grad_output):
        out, = ctx.saved_tensors
        return grad_output * (1 - out * out)

class LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        out = z - z.logsumexp(dim=1, keepdim=True)
        ctx.save_for_backward(out)
        return out
    @staticmethod
    def backward(ctx, grad_output):
        out, = ctx.saved_tensors
        return grad_output - out.exp() * grad_output.sum(dim=1, keepdim=True)

class WeightedNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logp, y, w):
        ctx.save_for_backward(y, w)
        return -(w * y * logp).sum() / len(y)
    @staticmethod
    def backward(ctx, grad_output):
        y, w = ctx.saved_tensors
        return -grad_output * w * y / len(y), None, None

class Embed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, index):
        ctx.save_for_backward(index)
        ctx.shape = table.shape
        return table[index]
    @staticmethod
    def backward(ctx, grad_output):
        index, = ctx.saved_tensors
        grad = torch.zeros(ctx.shape, dtype=grad_output.dtype)
        grad.index_add_(0, index, grad_output)
        return grad, None

for q in (table, W, V):
    q.requires_grad_()
e = Embed.apply(table, labels)
z = e @ W
h = Tanh.apply(z)
s = h @ V
logp = LogSoftmax.apply(s)
loss = WeightedNLL.apply(logp, Y, w)
for q in (e, z, h, s, logp):
    q.retain_grad()
loss.backward()
"""
_NLL: dict[str, Any] = {
    "table": numbers(1311, 4, 3),
    "W": numbers(1312, 3, 4),
    "V": numbers(1313, 4, 3),
    "Y": one_hot([0, 2, 1, 1, 2], 3),
    "w": [0.5, 2.0, 1.25],
}
NLL = Network(
    "weighted classes for autograd",
    {
        "values": _NLL,
        "equations": [
            "e = table[[2, 4, 2, 1, 3], :]",
            "z = e @ W",
            "h = tanh(z)",
            "s = h @ V",
            "logp = log_softmax(s, axis=1)",
            "L = -sum(row(w) * Y * logp) / 5",
        ],
        "train": ["table", "W", "V"],
    },
    _NLL_SOURCE,
    {**_NLL, "labels": [1, 3, 1, 0, 2]},
    tuple(
        "e z h s logp L=loss logp.grad s.grad V.grad h.grad z.grad W.grad e.grad table.grad".split()
    ),
    library="torch",
)

_KERNEL_SOURCE = """
import torch.nn.functional as F

class Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k, b):
        ctx.save_for_backward(x, k)
        return F.conv2d(x[None], k, b)[0]
    @staticmethod
    def backward(ctx, g):
        x, k = ctx.saved_tensors
        dx = F.conv_transpose2d(g[None], k)[0]
        dk = torch.stack([F.conv2d(x[:, None], gi[None, None])[:, 0] for gi in g])
        return dx, dk, g.sum(dim=(1, 2))

class MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out, where = F.max_pool2d(x[None], 2, return_indices=True)
        ctx.save_for_backward(where)
        ctx.shape = x[None].shape
        return out[0]
    @staticmethod
    def backward(ctx, g):
        where, = ctx.saved_tensors
        return F.max_unpool2d(g[None], where, 2, output_size=ctx.shape)[0]

class Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return torch.where(z > 0, z, 0.1 * z)
    @staticmethod
    def backward(ctx, g):
        z, = ctx.saved_tensors
        return torch.where(z > 0, g, 0.1 * g)

for q in (X, K, b, W):
    q.requires_grad_()
z = Conv.apply(X, K, b)
h = Leaky.apply(z)
m = MaxPool.apply(h)
f = m.reshape(-1)
o = W @ f
loss = ((o - y) ** 2).sum()
for q in (z, h, m, f, o):
    q.retain_grad()
loss.backward()
"""
_KERNEL: dict[str, Any] = {
    "X": numbers(1321, 2, 5, 5),
    "K": numbers(1322, 2, 2, 2, 2),
    "b": [0.2, -0.3],
    "W": numbers(1323, 3, 8),
    "y": numbers(1324, 3),
}
KERNEL = Network(
    "convolution for autograd",
    {
        "input": "picture",
        "x": _KERNEL["X"],
        "y": _KERNEL["y"],
        "layers": [
            {
                "type": "conv",
                "kernel": _KERNEL["K"],
                "bias": _KERNEL["b"],
                "activation": {"name": "leaky-relu", "slope": 0.1},
            },
            {"type": "max-pool", "size": 2},
            {"type": "flatten"},
            {"weights": _KERNEL["W"]},
        ],
        "loss": "squared-error",
    },
    _KERNEL_SOURCE,
    _KERNEL,
    (
        *"Z1=z H1=h H2=m H3=f Yhat=o L=loss dYhat=o.grad dW4=W.grad dH3=f.grad dH2=m.grad".split(),
        *"dH1=h.grad dZ1=z.grad dK1=K.grad db1=b.grad dX=X.grad".split(),
    ),
    library="torch",
)

BLOCKS = (GATE, NLL, KERNEL)
