"""Networks in PyTorch whose way back somebody wrote: functions for autograd, tensors by hand."""

from __future__ import annotations

from seeded_bugs.programs import ROWS, Network, numbers, one_hot

_FUNCTIONS = """
class Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, grad):
        x, w = ctx.saved_tensors
        return grad @ w.T, x.T @ grad, grad.sum(dim=0)

class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        s = torch.sigmoid(z)
        ctx.save_for_backward(z, s)
        return z * s

    @staticmethod
    def backward(ctx, grad):
        z, s = ctx.saved_tensors
        return grad * (s + z * s * (1 - s))

class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, y):
        p = torch.softmax(z, dim=1)
        ctx.save_for_backward(p, y)
        return -(y * torch.log(p)).sum() / len(z)

    @staticmethod
    def backward(ctx, grad):
        p, y = ctx.saved_tensors
        return grad * (p - y) / len(y), None

for parameter in (W1, b1, W2, b2):
    parameter.requires_grad_()
Z1 = Affine.apply(X, W1, b1)
H1 = Swish.apply(Z1)
Z2 = Affine.apply(H1, W2, b2)
loss = CrossEntropy.apply(Z2, Y)
for quantity in (Z1, H1, Z2):
    quantity.retain_grad()
loss.backward()
"""
_FX, _FY = numbers(91, 5, 3), one_hot([0, 3, 1, 2, 3], 4)
_F = {
    "X": _FX, "Y": _FY, "W1": numbers(92, 3, 3), "b1": numbers(93, 3), "W2": numbers(94, 3, 4),
    "b2": numbers(95, 4),
}  # fmt: skip
FUNCTIONS = Network(
    "functions for autograd",
    {
        "convention": {"affine": "x W + b"},
        "x": _FX,
        "y": _FY,
        "layers": [
            {"weights": _F["W1"], "bias": _F["b1"], "activation": "silu"},
            {"weights": _F["W2"], "bias": _F["b2"], "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _FUNCTIONS,
    _F,
    (
        "Z1", "H1", "Z2", "loss",
        *(f"{name}.grad" for name in ("Z2", "W2", "b2", "H1", "Z1", "W1", "b1")),
    ),
    library="torch",
)  # fmt: skip

_TENSORS = """
n = X.shape[0]
Z1 = X @ W1 + b1
A1 = torch.tanh(Z1)
Z2 = A1 @ W2 + b2
maxima = Z2.max(1, keepdim=True).values
counts = (Z2 - maxima).exp()
P = counts / counts.sum(1, keepdim=True)
logprobs = P.log()
loss = -logprobs[range(n), labels].mean()
dZ2 = P.clone()
dZ2[range(n), labels] -= 1
dZ2 /= n
dA1 = dZ2 @ W2.T
dW2 = A1.T @ dZ2
db2 = dZ2.sum(0)
dZ1 = (1.0 - A1 ** 2) * dA1
dW1 = X.T @ dZ1
db1 = dZ1.sum(0)
"""
TENSORS = Network(
    "tensors by hand",
    ROWS.problem,
    _TENSORS,
    {**ROWS.given, "labels": [0, 2, 4, 2, 1]},
    tuple("Z1 A1 Z2 P loss dZ2 dW2 db2 dA1 dZ1 dW1 db1".split()),
    library="torch",
)

TORCH = (FUNCTIONS, TENSORS)
