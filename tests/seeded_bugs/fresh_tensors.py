"""PyTorch as other people write its way back: functions for autograd, every tensor by hand."""

from __future__ import annotations

from seeded_bugs.programs import Network, numbers, one_hot

# PyTorch: functions for autograd -----------------------------------------------------------------

_NORMED_SOURCE = """
class BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta):
        mean = x.mean(0)
        centred = x - mean
        std = (centred.pow(2).mean(0) + 0.02).sqrt()
        xhat = centred / std
        ctx.save_for_backward(xhat, std, gamma)
        return gamma * xhat + beta

    @staticmethod
    def backward(ctx, dy):
        xhat, std, gamma = ctx.saved_tensors
        dgamma, dbeta = (dy * xhat).sum(0), dy.sum(0)
        dx = gamma / std * (dy - dbeta / len(dy) - xhat * dgamma / len(dy))
        return dx, dgamma, dbeta

class Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, 0.2 * x)

    @staticmethod
    def backward(ctx, dy):
        x, = ctx.saved_tensors
        return torch.where(x > 0, dy, 0.2 * dy)

class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x.mm(w.t())

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy.mm(w), dy.t().mm(x)

class LogLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, y):
        logp = s - s.logsumexp(1, keepdim=True)
        ctx.save_for_backward(logp, y)
        return -(y * logp).sum(1).mean()

    @staticmethod
    def backward(ctx, dy):
        logp, y = ctx.saved_tensors
        return dy * (logp.exp() - y) / len(y), None

for parameter in (W1, gamma, beta, W2):
    parameter.requires_grad_()
Z = Product.apply(X, W1)
N = BatchNorm.apply(Z, gamma, beta)
H = Leaky.apply(N)
S = Product.apply(H, W2)
L = LogLoss.apply(S, Y)
for q in (Z, N, H, S):
    q.retain_grad()
L.backward()
"""
_NORMED = {
    "X": numbers(571, 6, 3),
    "Y": one_hot([1, 0, 2, 2, 1, 0], 3),
    "W1": numbers(572, 4, 3),
    "gamma": [1.3, -0.7, 0.9, 1.6],
    "beta": numbers(573, 4),
    "W2": numbers(574, 3, 4),
}
NORMED = Network(
    "batch norm for autograd",
    {
        "values": _NORMED,
        "equations": [
            "Z = X @ W1.T",
            "N = batch_norm(Z, gamma, beta, epsilon=0.02)",
            "H = leaky_relu(N, slope=0.2)",
            "S = H @ W2.T",
            "P = softmax(S, axis=1)",
            "L = cross_entropy(P, Y) / 6",
        ],
        "train": ["W1", "gamma", "beta", "W2"],
    },
    _NORMED_SOURCE,
    _NORMED,
    tuple("Z N H S L S.grad W2.grad H.grad N.grad gamma.grad beta.grad Z.grad W1.grad".split()),
    library="torch",
)

# PyTorch: every tensor's gradient by hand --------------------------------------------------------

_NAMES_SOURCE = """
n = len(labels)
targets = [1, 0, 2, 2, 0]
emb = C[labels]
hprebn = emb @ W1 + b1
bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff ** 2
bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)
bnvar_inv = (bnvar + 0.01) ** -0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
h = torch.tanh(hpreact)
logits = h @ W2 + b2
counts = (logits - logits.max(1, keepdim=True).values).exp()
probs = counts / counts.sum(1, keepdim=True)
L = -probs.log()[range(n), targets].mean()
dlogits = probs.clone()
dlogits[range(n), targets] -= 1
dlogits /= n
dh = dlogits @ W2.T
dW2 = h.T @ dlogits
db2 = dlogits.sum(0)
dhpreact = (1.0 - h ** 2) * dh
dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
dbnbias = dhpreact.sum(0, keepdim=True)
dbnraw = bngain * dhpreact
dbnvar_inv = (bndiff * dbnraw).sum(0, keepdim=True)
dbnvar = -0.5 * (bnvar + 0.01) ** -1.5 * dbnvar_inv
dbndiff2 = 1.0 / (n - 1) * torch.ones_like(bndiff2) * dbnvar
dbndiff = bnvar_inv * dbnraw + 2 * bndiff * dbndiff2
dbnmeani = -dbndiff.sum(0)
dhprebn = dbndiff + 1.0 / n * (torch.ones_like(dbndiff) * dbnmeani)
demb = dhprebn @ W1.T
dW1 = emb.T @ dhprebn
dC = torch.zeros_like(C)
for k in range(n):
    dC[labels[k]] += demb[k]
"""
_NAMES = {
    "C": numbers(581, 4, 3),
    "W1": numbers(582, 3, 4),
    "b1": numbers(583, 4),
    "bngain": [0.9, 1.4, -0.8, 1.1],
    "bnbias": numbers(584, 4),
    "W2": numbers(585, 4, 3),
    "b2": numbers(586, 3),
}
NAMES = Network(
    "names, every tensor by hand",
    {
        "values": {**_NAMES, "Y": one_hot([1, 0, 2, 2, 0], 3)},
        "equations": [
            "emb = C[[1, 3, 2, 4, 2]]",
            "hprebn = emb @ W1 + row(b1)",
            "bnmeani = mean(hprebn, axis=0)",
            "bndiff = hprebn - row(bnmeani)",
            "bndiff2 = bndiff^2",
            "bnvar = sum(bndiff2, axis=0) / 4",
            "bnvar_inv = (bnvar + 0.01)^(-0.5)",
            "bnraw = bndiff * row(bnvar_inv)",
            "hpreact = row(bngain) * bnraw + row(bnbias)",
            "h = tanh(hpreact)",
            "logits = h @ W2 + row(b2)",
            "probs = softmax(logits, axis=1)",
            "L = cross_entropy(probs, Y) / 5",
        ],
        "train": ["C", "W1", "b1", "bngain", "bnbias", "W2", "b2"],
    },
    _NAMES_SOURCE,
    {**_NAMES, "labels": [0, 2, 1, 3, 1]},
    tuple(
        (
            "emb hprebn bnmeani bndiff bndiff2 bnvar bnvar_inv bnraw hpreact h logits probs L"
            " dlogits dh dW2 db2 dhpreact dbngain dbnbias dbnraw dbnvar_inv dbnvar dbndiff2"
            " dbndiff dbnmeani dhprebn demb dW1 dC"
        ).split()
    ),
    library="torch",
)
