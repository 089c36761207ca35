"""Functions that NumPy has no name for, as a program defines them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class Helper(Struct, frozen=True):
    """A function that a program defines where it is used, and those it calls."""

    lines: str
    needs: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


HELPERS: Mapping[str, Helper] = MappingProxyType(
    {
        "sigmoid": Helper("def sigmoid(z):\n    return 1 / (1 + np.exp(-z))"),
        "softmax": Helper(
            "def softmax(z, axis=None):\n"
            "    powers = np.exp(z - np.max(z, axis=axis, keepdims=True))  # no overflow\n"
            "    return powers / np.sum(powers, axis=axis, keepdims=True)"
        ),
        "log_softmax": Helper(
            "def log_softmax(z, axis=None):\n    return z - logsumexp(z, axis=axis, keepdims=True)",
            ("logsumexp",),
        ),
        "logsumexp": Helper(
            "def logsumexp(z, axis=None, keepdims=False):\n"
            "    return np.logaddexp.reduce(z, axis=axis, keepdims=keepdims)"
        ),
        "first_largest": Helper(
            "def first_largest(z, axis=None):\n"
            "    top = z == np.max(z, axis=axis, keepdims=True)\n"
            "    return top & (np.cumsum(top, axis=axis).reshape(z.shape) == 1)"
        ),
        "log_others": Helper(
            "def log_others(z, axis=None):  # ln(1 - softmax), of the largest through the others\n"
            "    top = first_largest(z, axis)\n"
            "    rest = logsumexp(np.where(top, -np.inf, z), axis, True)\n"
            "    of_top = rest - logsumexp(z, axis, True)\n"
            "    return np.where(top, of_top, np.log1p(-np.where(top, 0, softmax(z, axis))))",
            ("first_largest", "logsumexp", "softmax"),
        ),
        "others_share": Helper(
            "def others_share(g, z, axis=None):  # the sum over i != j of g_i p_j / (1 - p_i)\n"
            "    top, p = first_largest(z, axis), softmax(z, axis)\n"
            "    weights = np.where(top, 0, g / (1 - np.where(top, 0, p)))\n"
            "    if z.shape[axis or 0] == 1:\n"
            "        return np.zeros(z.shape)\n"
            "    of_top = np.sum(np.where(top, g, 0), axis=axis, keepdims=True)\n"
            "    others = softmax(np.where(top, -np.inf, z), axis)\n"
            "    rest = np.sum(weights, axis=axis, keepdims=True) - weights\n"
            "    return p * rest + of_top * others",
            ("first_largest", "softmax"),
        ),
        "leaky_relu": Helper(
            "def leaky_relu(z, slope=0.01):\n    return np.where(z > 0, z, slope * z)"
        ),
        "elu": Helper(
            "def elu(z, alpha=1):\n"
            "    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))"
        ),
        "silu": Helper("def silu(z):\n    return z * sigmoid(z)", ("sigmoid",)),
        "gelu": Helper("def gelu(z):\n    return z * normal_cdf(z)", ("normal_cdf",)),
        "normal_cdf": Helper(
            "def normal_cdf(z):\n    return np.vectorize(math.erfc)(-z / math.sqrt(2)) / 2",
            imports=("math",),
        ),
        "normal_pdf": Helper(
            "def normal_pdf(z):\n    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)"
        ),
        "erf": Helper("def erf(z):\n    return np.vectorize(math.erf)(z)", imports=("math",)),
        "huber": Helper(
            "def huber(e, delta=1):\n"
            "    size = np.abs(e)\n"
            "    return np.where(size <= delta, e * e / 2, delta * (size - delta / 2))"
        ),
        "largest_shares": Helper(
            'def largest_shares(x, axis=None, at_tie="first"):\n'
            "    top = x == np.max(x, axis=axis, keepdims=True)\n"
            '    if at_tie == "first":\n'
            "        return 1.0 * (top & (np.cumsum(top, axis=axis).reshape(x.shape) == 1))\n"
            "    count = np.sum(top, axis=axis, keepdims=True)\n"
            '    share = 1 / count if at_tie == "shared" else np.where(count > 1, at_tie, 1.0)\n'
            "    return np.where(top, share, 0.0)"
        ),
        "xlogy": Helper(
            "def xlogy(y, p):\n"
            '    with np.errstate(divide="ignore", invalid="ignore"):\n'
            "        return np.where(y == 0, 0.0, y * np.log(p))  # 0 ln 0 is 0"
        ),
        "ratio": Helper(
            "def ratio(y, p):\n"
            '    with np.errstate(divide="ignore", invalid="ignore"):\n'
            "        return np.where(y == 0, 0.0, y / p)  # 0 / 0 is 0 here"
        ),
        "diagonals": Helper(
            "def diagonals(rows):\n"
            "    return rows[:, :, None] * np.eye(rows.shape[1])  # a matrix for each row"
        ),
        "placed": Helper(
            "def placed(value, index, shape):\n"
            "    whole = np.zeros(shape)\n"
            "    np.add.at(whole, index, value)\n"
            "    return whole"
        ),
    }
)
"""What NumPy has no name for."""
