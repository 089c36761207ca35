"""Layers for PyTorch's autograd, with a way back that somebody wrote."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers

_FUNCTIONS_OF_LAYERS_SOURCE = """
class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, g, b, eps):
        mu = x.mean(-1, keepdim=True)
        var = x.var(-1, unbiased=False, keepdim=True)
        inv = (var + eps).rsqrt()
        xhat = (x - mu) * inv
        ctx.save_for_backward(xhat, inv, g)
        return xhat * g + b

    @staticmethod
    def backward(ctx, grad):
        xhat, inv, g = ctx.saved_tensors
        gx = grad * g
        moved = xhat * (gx * xhat).mean(-1, keepdim=True)
        dx = inv * (gx - gx.mean(-1, keepdim=True) - moved)
        return dx, (grad * xhat).sum(0), grad.sum(0), None

class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w.t() + b

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        return grad @ w, grad.t() @ x, grad.sum(0)

class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return torch.log1p(z.exp())

    @staticmethod
    def backward(ctx, grad):
        z, = ctx.saved_tensors
        return grad * torch.sigmoid(z)

class BCEWithLogits(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, y):
        ctx.save_for_backward(z, y)
        entries = torch.clamp(z, min=0) - z * y + torch.log1p((-z.abs()).exp())
        return entries.sum() / z.shape[0]

    @staticmethod
    def backward(ctx, grad):
        z, y = ctx.saved_tensors
        return grad * (torch.sigmoid(z) - y) / z.shape[0], None

for parameter in (W1, b1, g, s, W2, b2):
    parameter.requires_grad_()
Z = Linear.apply(X, W1, b1)
N = LayerNorm.apply(Z, g, s, 0.01)
H = Softplus.apply(N)
S = Linear.apply(H, W2, b2)
L = BCEWithLogits.apply(S, Y)
for q in (Z, N, H, S):
    q.retain_grad()
L.backward()
"""
_FUNCTIONS_OF_LAYERS = {
    "X": numbers(401, 5, 3),
    "Y": [[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]],
    "W1": numbers(402, 4, 3),
    "b1": numbers(403, 4),
    "g": [1.2, -0.6, 0.8, 1.5],
    "s": numbers(404, 4),
    "W2": numbers(405, 2, 4),
    "b2": numbers(406, 2),
}
FUNCTIONS_OF_LAYERS = Network(
    "layers for autograd",
    {
        "values": _FUNCTIONS_OF_LAYERS,
        "equations": [
            "Z = X @ W1.T + row(b1)",
            "N = layer_norm(Z, g, s, epsilon=0.01)",
            "H = softplus(N)",
            "S = H @ W2.T + row(b2)",
            "P = sigmoid(S)",
            "L = binary_cross_entropy(P, Y) / 5",
        ],
        "train": ["W1", "b1", "g", "s", "W2", "b2"],
    },
    _FUNCTIONS_OF_LAYERS_SOURCE,
    _FUNCTIONS_OF_LAYERS,
    tuple(
        (
            "Z N H S L S.grad W2.grad b2.grad H.grad N.grad g.grad s.grad Z.grad W1.grad b1.grad"
        ).split()
    ),
    library="torch",
)

_ATTENTION_FUNCTION_SOURCE = """
class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v):
        a = torch.softmax(q @ k.T / q.shape[1] ** 0.5, dim=-1)
        ctx.save_for_backward(q, k, v, a)
        return a @ v

    @staticmethod
    def backward(ctx, grad):
        q, k, v, a = ctx.saved_tensors
        da = grad @ v.T
        ds = a * (da - (da * a).sum(-1, keepdim=True)) / q.shape[1] ** 0.5
        return ds @ k, ds.T @ q, a.T @ grad

class Huber(torch.autograd.Function):
    @staticmethod
    def forward(ctx, p, t):
        e = p - t
        ctx.save_for_backward(e)
        return torch.where(e.abs() <= 1, 0.5 * e ** 2, e.abs() - 0.5).sum()

    @staticmethod
    def backward(ctx, grad):
        e, = ctx.saved_tensors
        return grad * e.clamp(-1, 1), None

for parameter in (Q, K, V):
    parameter.requires_grad_()
O = Attention.apply(Q, K, V)
O.retain_grad()
L = Huber.apply(O, T)
L.backward()
"""
_ATTENTION_FUNCTION = {
    "Q": numbers(411, 4, 3),
    "K": numbers(412, 5, 3),
    "V": numbers(413, 5, 2),
    "T": [
        [-0.51, 0.42000000000000004],
        [0.44999999999999996, 0.06],
        [-0.30000000000000004, 4.17],
        [3.18, 0.75],
    ],
}
ATTENTION_FUNCTION = Network(
    "attention for autograd",
    {
        "values": _ATTENTION_FUNCTION,
        "equations": [
            "S = Q @ K.T / sqrt(3)",
            "A = softmax(S, axis=1)",
            "O = A @ V",
            "L = sum(huber(O - T))",
        ],
    },
    _ATTENTION_FUNCTION_SOURCE,
    _ATTENTION_FUNCTION,
    tuple("O L O.grad V.grad Q.grad K.grad".split()),
    library="torch",
)

LAYERS = (FUNCTIONS_OF_LAYERS, ATTENTION_FUNCTION)
