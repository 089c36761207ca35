"""Functions whose slope at a kink a problem says, as a program in PyTorch defines them."""

from __future__ import annotations

from backprop_cli.readings.source import helpers

TORCH_HELPERS = helpers("""
def relu(z, slope_at_zero):
    return torch.where(z == 0, slope_at_zero * z, torch.relu(z))

def leaky_relu(z, slope, slope_at_zero):
    return torch.where(z == 0, slope_at_zero * z, torch.where(z > 0, z, slope * z))

def absolute(z, slope_at_zero):
    return torch.where(z == 0, slope_at_zero * z, torch.abs(z))

def hard_step(z, at_zero, slope_at_zero):
    return torch.where(z == 0, at_zero + slope_at_zero * z, (1 + torch.sign(z)) / 2)

def largest_along(x, dim, keepdim, tie):
    # of several that are the largest, `tie` says which have the gradient
    dims = tuple(range(x.ndim)) if dim is None else dim
    top = torch.amax(x, dim=dims, keepdim=True)
    tied = (x == top).double()
    count = tied.sum(dim=dims, keepdim=True)
    if tie == "first":
        order = tied.ravel() if dim is None else tied
        order = torch.cumsum(order, dim=0 if dim is None else dim).reshape(x.shape)
        tied, share = tied * (order == 1), 1
    else:
        share = 1 / count if tie == "shared" else torch.where(count > 1, tie, 1.0)
    moved = (tied * share * (x - x.detach())).sum(dim=dims, keepdim=True)
    found = top.detach() + moved
    return found if keepdim else found.squeeze(dims)

def largest(parts, tie):
    whole = torch.stack(torch.broadcast_tensors(*parts))
    return largest_along(whole, 0, False, tie)

def smallest(parts, tie):
    return -largest([-part for part in parts], tie)

def switch(x, below, at, above):
    level = torch.where(x > 0, above, torch.where(x == 0, at, below))
    return level + 0 * torch.sign(x)  # flat everywhere

def determinant(a):  # along its first row: of a singular matrix, torch.linalg.det has no slope
    if not len(a):
        return torch.ones(())
    rests = [torch.cat([a[1:, :j], a[1:, j + 1:]], dim=1) for j in range(len(a))]
    return sum((-1) ** j * a[0, j] * determinant(rest) for j, rest in enumerate(rests))

def cofactors(a):
    others = [[k for k in range(len(a)) if k != i] for i in range(len(a))]
    def entry(i, j):
        return (-1) ** (i + j) * determinant(a[others[i]][:, others[j]])
    size = range(len(a))
    return torch.stack([torch.stack([entry(i, j) for j in size]) for i in size])

def cofactors_along(a, *steps, moved=()):  # row after row gives way to that of a step
    left = [row for row in range(len(a)) if row not in moved]
    if not steps:
        kept = torch.tensor([[row in left] for row in range(len(a))])
        return kept * cofactors(a)
    def turn(row):
        other = torch.cat([a[:row], steps[0][row:row + 1], a[row + 1:]])
        return cofactors_along(other, *steps[1:], moved=(*moved, row))
    return sum(map(turn, left), torch.zeros_like(a))

def huber(e, delta):
    line = delta * (torch.abs(e) - delta / 2)
    return torch.where(torch.abs(e) <= delta, e * e / 2, line)

def conv(x, k, stride=1, padding=0, dilation=1, axes=None):
    axes = axes or min(2, x.ndim)
    functions = torch.nn.functional
    slide = functions.conv1d if axes == 1 else functions.conv2d
    channels = x.reshape(-1, *x.shape[-axes:])
    filters = k.reshape(-1, len(channels), *k.shape[-axes:])
    z = slide(channels, filters, stride=stride, padding=padding, dilation=dilation)
    return z if k.ndim > x.ndim else z[0]

def conv_transpose(x, k, stride=1, padding=0, dilation=1, axes=None):
    axes = axes or min(2, x.ndim)
    functions = torch.nn.functional
    put = functions.conv_transpose1d if axes == 1 else functions.conv_transpose2d
    channels = x.reshape(-1, *x.shape[-axes:])
    filters = k.reshape(len(channels), -1, *k.shape[-axes:])
    z = put(channels, filters, stride=stride, padding=padding, dilation=dilation)
    return z if k.ndim > x.ndim else z[0]

def max_pool(x, size=2, stride=None, axes=None):  # the first of equal ones
    axes = axes or min(2, x.ndim)
    functions = torch.nn.functional
    pool = functions.max_pool1d if axes == 1 else functions.max_pool2d
    z = pool(x.reshape(-1, *x.shape[-axes:]), size, stride)
    return z.reshape(*x.shape[:-axes], *z.shape[1:])

def mean_pool(x, size=2, stride=None, axes=None):
    axes = axes or min(2, x.ndim)
    functions = torch.nn.functional
    pool = functions.avg_pool1d if axes == 1 else functions.avg_pool2d
    z = pool(x.reshape(-1, *x.shape[-axes:]), size, stride)
    return z.reshape(*x.shape[:-axes], *z.shape[1:])

def sum_pool(x, size=2, stride=None, axes=None):
    return size ** (axes or min(2, x.ndim)) * mean_pool(x, size, stride, axes)

def zero_padded(x, width, axes=2, value=0.0):  # zeros around; below 0 taken away
    each = [width] * axes if isinstance(width, int) else width
    sides = [one for width in reversed(each) for one in (width, width)]
    return torch.nn.functional.pad(x, sides, value=value)

def low_padded(x, width, axes=2):  # -inf around, which is never the largest
    return zero_padded(x, width, axes, -torch.inf)

def window_entries(x, size=2, stride=None, axes=2):  # the entries of each in a row
    for axis in range(x.ndim - axes, x.ndim):
        x = x.unfold(axis, size, stride or size)
    return x.flatten(-axes)

def rot(x, axes=None):  # turned by 180 degrees
    return torch.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))

def per_channel(b, shape):  # a number for each channel
    return torch.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape)

def jacobian(of, by):  # a row for each entry of `of`
    rows = [
        torch.autograd.grad(entry, by, retain_graph=True, materialize_grads=True)[0]
        for entry in of.ravel()
    ]
    return torch.stack(rows).reshape((*of.shape, *by.shape))

def jacobian_by_sample(of, by, axis_of, axis_by):  # a matrix for each sample
    units = of.movedim(axis_of, 0).unbind(1)
    rows = [jacobian(unit.sum(), by) for unit in units]
    return torch.stack([row.movedim(axis_by, 0) for row in rows], dim=1)

def second_derivative(of, by, then):
    slopes = torch.autograd.grad(of, by, create_graph=True, materialize_grads=True)
    return jacobian(slopes[0] + 0 * by, then)  # a constant one has no graph

def normal_pdf(z):
    return torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5

def xlogy(y, p):
    logarithm = torch.log(torch.where(y == 0, 1.0, p))
    return torch.where(y == 0, 0.0, y * logarithm)  # 0 ln 0 is 0
""")
"""What PyTorch has no name for, or another slope at a kink."""
