"""Functions whose slope at a kink a problem says, as a program in PyTorch defines them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.readings.source import Helper

TORCH_HELPERS: Mapping[str, Helper] = MappingProxyType(
    {
        "relu": Helper(
            "def relu(z, slope_at_zero):\n"
            "    return torch.where(z == 0, slope_at_zero * z, torch.relu(z))"
        ),
        "leaky_relu": Helper(
            "def leaky_relu(z, slope, slope_at_zero):\n"
            "    return torch.where(z == 0, slope_at_zero * z, torch.where(z > 0, z, slope * z))"
        ),
        "absolute": Helper(
            "def absolute(z, slope_at_zero):\n"
            "    return torch.where(z == 0, slope_at_zero * z, torch.abs(z))"
        ),
        "hard_step": Helper(
            "def hard_step(z, at_zero, slope_at_zero):\n"
            "    return torch.where(z == 0, at_zero + slope_at_zero * z, (1 + torch.sign(z)) / 2)"
        ),
        "largest_along": Helper(
            "def largest_along(x, dim, keepdim, tie):\n"
            "    # of several that are the largest, `tie` says which have the gradient\n"
            "    dims = tuple(range(x.ndim)) if dim is None else dim\n"
            "    top = torch.amax(x, dim=dims, keepdim=True)\n"
            "    tied = (x == top).double()\n"
            "    count = tied.sum(dim=dims, keepdim=True)\n"
            '    if tie == "first":\n'
            "        order = tied.ravel() if dim is None else tied\n"
            "        order = torch.cumsum(order, dim=0 if dim is None else dim).reshape(x.shape)\n"
            "        tied, share = tied * (order == 1), 1\n"
            "    else:\n"
            '        share = 1 / count if tie == "shared" else torch.where(count > 1, tie, 1.0)\n'
            "    moved = (tied * share * (x - x.detach())).sum(dim=dims, keepdim=True)\n"
            "    found = top.detach() + moved\n"
            "    return found if keepdim else found.squeeze(dims)"
        ),
        "largest": Helper(
            "def largest(parts, tie):\n"
            "    whole = torch.stack(torch.broadcast_tensors(*parts))\n"
            "    return largest_along(whole, 0, False, tie)",
            ("largest_along",),
        ),
        "smallest": Helper(
            "def smallest(parts, tie):\n    return -largest([-part for part in parts], tie)",
            ("largest",),
        ),
        "switch": Helper(
            "def switch(x, below, at, above):\n"
            "    level = torch.where(x > 0, above, torch.where(x == 0, at, below))\n"
            "    return level + 0 * torch.sign(x)  # flat everywhere"
        ),
        "huber": Helper(
            "def huber(e, delta):\n"
            "    line = delta * (torch.abs(e) - delta / 2)\n"
            "    return torch.where(torch.abs(e) <= delta, e * e / 2, line)"
        ),
        "conv": Helper(
            "def conv(x, k, stride=1, padding=0, axes=None):\n"
            "    axes = axes or min(2, x.ndim)\n"
            "    functions = torch.nn.functional\n"
            "    slide = functions.conv1d if axes == 1 else functions.conv2d\n"
            "    channels = x.reshape(-1, *x.shape[-axes:])\n"
            "    filters = k.reshape(-1, len(channels), *k.shape[-axes:])\n"
            "    z = slide(channels, filters, stride=stride, padding=padding)\n"
            "    return z if k.ndim > x.ndim else z[0]"
        ),
        "max_pool": Helper(
            "def max_pool(x, size=2, stride=None, axes=None):  # the first of equal ones\n"
            "    axes = axes or min(2, x.ndim)\n"
            "    functions = torch.nn.functional\n"
            "    pool = functions.max_pool1d if axes == 1 else functions.max_pool2d\n"
            "    z = pool(x.reshape(-1, *x.shape[-axes:]), size, stride)\n"
            "    return z.reshape(*x.shape[:-axes], *z.shape[1:])"
        ),
        "mean_pool": Helper(
            "def mean_pool(x, size=2, stride=None, axes=None):\n"
            "    axes = axes or min(2, x.ndim)\n"
            "    functions = torch.nn.functional\n"
            "    pool = functions.avg_pool1d if axes == 1 else functions.avg_pool2d\n"
            "    z = pool(x.reshape(-1, *x.shape[-axes:]), size, stride)\n"
            "    return z.reshape(*x.shape[:-axes], *z.shape[1:])"
        ),
        "window_entries": Helper(
            "def window_entries(x, size=2, stride=None, axes=2):  # the entries of each in a row\n"
            "    for axis in range(x.ndim - axes, x.ndim):\n"
            "        x = x.unfold(axis, size, stride or size)\n"
            "    return x.flatten(-axes)"
        ),
        "rot": Helper(
            "def rot(x, axes=None):  # turned by 180 degrees\n"
            "    return torch.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))"
        ),
        "per_channel": Helper(
            "def per_channel(b, shape):  # a number for each channel\n"
            "    return torch.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape)"
        ),
        "jacobian": Helper(
            "def jacobian(of, by):  # a row for each entry of `of`\n"
            "    rows = [\n"
            "        torch.autograd.grad(entry, by, retain_graph=True, materialize_grads=True)[0]\n"
            "        for entry in of.ravel()\n"
            "    ]\n"
            "    return torch.stack(rows).reshape((*of.shape, *by.shape))"
        ),
        "jacobian_by_sample": Helper(
            "def jacobian_by_sample(of, by, axis_of, axis_by):  # a matrix for each sample\n"
            "    units = of.movedim(axis_of, 0).unbind(1)\n"
            "    rows = [jacobian(unit.sum(), by) for unit in units]\n"
            "    return torch.stack([row.movedim(axis_by, 0) for row in rows], dim=1)",
            ("jacobian",),
        ),
        "second_derivative": Helper(
            "def second_derivative(of, by, then):\n"
            "    slopes = torch.autograd.grad(of, by, create_graph=True, materialize_grads=True)\n"
            "    return jacobian(slopes[0] + 0 * by, then)  # a constant one has no graph",
            ("jacobian",),
        ),
        "normal_pdf": Helper(
            "def normal_pdf(z):\n    return torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5"
        ),
        "xlogy": Helper(
            "def xlogy(y, p):\n"
            "    logarithm = torch.log(torch.where(y == 0, 1.0, p))\n"
            "    return torch.where(y == 0, 0.0, y * logarithm)  # 0 ln 0 is 0"
        ),
    }
)
"""What PyTorch has no name for, or another slope at a kink."""
