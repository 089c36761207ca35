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
        "zero_padded": Helper(
            "def zero_padded(x, width, axes=2):  # zeros around; below 0 taken away\n"
            "    each = np.broadcast_to(width, axes)\n"
            "    more = [(0, 0)] * (x.ndim - axes) + [(max(w, 0),) * 2 for w in each]\n"
            "    less = [max(-w, 0) for w in each]\n"
            "    kept = [slice(w, n - w) for w, n in zip(less, x.shape[-axes:])]\n"
            "    return np.pad(x[(..., *kept)], more)"
        ),
        "zeros_between": Helper(
            "def zeros_between(x, step=1, axes=2):  # step - 1 zeros between neighbours\n"
            "    places = tuple((n - 1) * step + 1 for n in x.shape[-axes:])\n"
            "    wide = np.zeros(x.shape[:-axes] + places)\n"
            "    wide[(..., *(slice(None, None, step),) * axes)] = x\n"
            "    return wide"
        ),
        "rot": Helper(
            "def rot(x, axes=None):  # turned by 180 degrees\n"
            "    return np.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))"
        ),
        "slid": Helper(
            "def slid(x, window, stride=1):  # the windows at every place of the last axes\n"
            "    axes = len(window)\n"
            "    last = tuple(range(-axes, 0))\n"
            "    views = np.lib.stride_tricks.sliding_window_view(x, window, last)\n"
            "    steps = (slice(None, None, stride),) * axes\n"
            "    return views[(..., *steps, *(slice(None),) * axes)]"
        ),
        "conv": Helper(
            "def conv(x, k, stride=1, padding=0, axes=None):\n"
            "    axes = axes or min(2, x.ndim)\n"
            "    wide = zero_padded(x, padding, axes)\n"
            "    channels = wide.reshape(-1, *wide.shape[-axes:])\n"
            "    filters = k.reshape(-1, len(channels), *k.shape[-axes:])\n"
            "    views = slid(channels, k.shape[-axes:], stride)\n"
            "    inner = range(2, 2 + axes), range(1 + axes, 1 + 2 * axes)\n"
            "    z = np.tensordot(filters, views, ((1, *inner[0]), (0, *inner[1])))\n"
            "    return z if k.ndim > x.ndim else z[0]",
            ("zero_padded", "slid"),
        ),
        "conv_input": Helper(
            "def conv_input(g, k, stride=1, padding=0, axes=2):  # gradient of x\n"
            "    around = [n - 1 - padding for n in k.shape[-axes:]]\n"
            "    wide = zero_padded(zeros_between(g, stride, axes), around, axes)\n"
            "    wide = wide.reshape(-1, *wide.shape[-axes:])\n"
            "    turned = rot(k.reshape(len(wide), -1, *k.shape[-axes:]), axes).swapaxes(0, 1)\n"
            "    z = conv(wide, turned, axes=axes)\n"
            "    return z if k.ndim > g.ndim else z[0]",
            ("zeros_between", "zero_padded", "rot", "conv"),
        ),
        "conv_kernel": Helper(
            "def conv_kernel(x, g, stride=1, padding=0, axes=2):  # gradient of k\n"
            "    wide = zero_padded(x, padding, axes)\n"
            "    far = zeros_between(g, stride, axes)\n"
            "    views = slid(wide, far.shape[-axes:])\n"
            "    inner = range(far.ndim - axes, far.ndim), range(views.ndim - axes, views.ndim)\n"
            "    return np.tensordot(far, views, inner)",
            ("zero_padded", "zeros_between", "slid"),
        ),
        "window_entries": Helper(
            "def window_entries(x, size=2, stride=None, axes=2):  # the entries of each in a row\n"
            "    views = slid(x, (size,) * axes, stride or size)\n"
            "    return views.reshape(*views.shape[: x.ndim], size**axes)",
            ("slid",),
        ),
        "window_sums": Helper(
            "def window_sums(w, size=2, stride=None, axes=2):  # each entry back to its place\n"
            "    step, counts = stride or size, w.shape[-axes - 1 : -1]\n"
            "    places = tuple((n - 1) * step + size for n in counts)\n"
            "    whole = np.zeros(w.shape[: -axes - 1] + places)\n"
            "    for number, offsets in enumerate(np.ndindex(*(size,) * axes)):\n"
            "        ends = (o + (n - 1) * step + 1 for o, n in zip(offsets, counts))\n"
            "        slices = [slice(o, end, step) for o, end in zip(offsets, ends)]\n"
            "        whole[(..., *slices)] += w[..., number]\n"
            "    return whole"
        ),
        "max_pool": Helper(
            "def max_pool(x, size=2, stride=None, axes=None):\n"
            "    return window_entries(x, size, stride, axes or min(2, x.ndim)).max(axis=-1)",
            ("window_entries",),
        ),
        "per_channel": Helper(
            "def per_channel(b, shape):  # a number for each channel\n"
            "    return np.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape)"
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
