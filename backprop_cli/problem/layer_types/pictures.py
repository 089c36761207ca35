"""Layers that take a picture: their keys, and what they make of a matrix or a list of channels."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.algebra.quantity import layer_id
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.errors import Mark
from backprop_cli.operations.padded_pooling import PADDED, opened
from backprop_cli.operations.sliding import AXES, Sliding
from backprop_cli.problem.file_format.fields import NOT_NEGATIVE, Boolean, Bounds, Integer, Numbers
from backprop_cli.problem.file_format.records import Key
from backprop_cli.problem.layer_types.each_picture import each_picture, met, note_pictures
from backprop_cli.problem.layer_types.layer_type import LayerType, activated, put_out, rule_behind
from backprop_cli.problem.model import Array
from backprop_cli.problem.model_builder import BIAS, PICTURE, PRE, Draft, rule_of
from backprop_cli.problem.text import other_keys


def _flatten(net: Draft, number: int) -> None:
    source = net.output_of(number - 1)
    if source in net.doubtful:
        net.stand_in(number, ())
        return
    coming = [*each_picture(net, number)]
    flat = [op("flatten", one.source) for one in coming]
    if not _fits(net, number, flat[0], net.layers[number - 1].mark):  # its size may be a letter
        return
    net.units.append(net.sizes().shape(flat[0])[0])
    result = activated(net, number, met(net, flat))
    rule = rule_behind(net.layers[number - 1].activation, "flatten")
    put_out(net, number, result, rule, net.axes())
    for one in coming:
        one.next_to(net.output_of(number))


def _picture_into(net: Draft, number: int) -> Shape | None:
    """The shape of a picture that comes in; None, with a stand-in, if nothing can slide over it."""
    source, layer = net.output_of(number - 1), net.layers[number - 1]
    kind = TYPE_WORDS[layer.type]
    if source in net.doubtful:
        net.stand_in(number, kind)
        return None
    if net.samples is not None:
        message = f"{layer.type} takes one sample, and here are {net.samples}"
        instead = "`input: picture` in the file, where x is one picture; or `input: pictures`"
        net.complaints.add(message, layer.mark, instead)
        net.stand_in(number, kind)
        return None
    return net.sizes().shape(next(each_picture(net, number)).source)


TYPE_WORDS = {"conv": ("Z",), "max-pool": (), "mean-pool": (), "flatten": ()}


def _fits(net: Draft, number: int, expr: Expr, mark: Mark) -> bool:
    """Whether a layer's formula has a shape; a complaint, and a stand-in, where it has none."""
    try:
        net.sizes().shape(expr)
    except ShapeError as error:
        message = f"in layer {number}, {error}"
        net.complaints.add(message, mark, error.instead)
        net.stand_in(number, TYPE_WORDS[net.layers[number - 1].type])
        return False
    return True


def _along(shape: Shape, rank: int) -> tuple[str, ...]:
    """What the axes of a picture of so many places run over."""
    places = PICTURE[1:] if rank == 2 else ("place",)
    return PICTURE[:1] * (len(shape) - rank) + places


def _conv(net: Draft, number: int) -> None:
    shape, layer = _picture_into(net, number), net.layers[number - 1]
    values = layer.numbers("kernel")
    if shape is None:
        return
    if values is None or values.array is None:
        net.stand_in(number, ("Z",))
        return
    axes = min(2, len(shape))
    kernel = _one_channel(values.array, shape, axes)
    if kernel.ndim == axes < len(shape):
        message = f"the picture in front of layer {number} has {shape[0]} channels, the kernel one"
        instead = (
            "a list of matrices, one a channel; or `input: pictures`, where these are pictures"
        )
        net.complaints.add(message, values.mark, instead)
        net.stand_in(number, ("Z",))
        return
    names = ("filter", *_along((0,) * (axes + 1), axes))
    name = layer_id("K", number)
    axes_of_kernel = (
        names[-kernel.ndim :]
        if kernel.ndim != axes + 1 or len(shape) > axes
        else ("filter", *names[2:])
    )
    net.parameter(name, kernel, kernel.shape, axes_of_kernel, "kernel" in layer.train)
    net.penalised.append((name, "weights"))
    k: Expr = Sym(name)
    if net.convention.convolution == "flipped":
        k = op("rot", k, axes=None if axes == 2 else axes)
    how = Sliding(AXES, *(layer.whole(key) for key in ("stride", "padding", "dilation")))
    for one in each_picture(net, number):
        total: Expr = op("conv", one.source, k, **how.options)
        if not _fits(net, number, total, values.mark):
            return
        total = _with_bias(net, number, total, axes)
        pre = one.called(layer_id(PRE, number))
        shape = net.sizes().shape(total)
        net.define(pre, total, "conv", _along(shape, axes), f"pre-activation of layer {number}")
        one.next_to(pre)
        result = activated(net, number, Sym(pre))
        one.put_out(result, rule_of(layer.activation), _along(shape, axes))
        net.neighbours.append((one.output, pre))
    net.units.append(_count(shape))
    note_pictures(net, layer_id(PRE, number), net.output_of(number))


def _one_channel(kernel: Array, shape: Shape, axes: int) -> Array:
    """A kernel for a picture without channels, where each filter is a list of one channel."""
    single = kernel.ndim == axes + 2 and kernel.shape[1] == 1 and len(shape) == axes
    return kernel[:, 0] if single else kernel


def _with_bias(net: Draft, number: int, total: Expr, axes: int) -> Expr:
    """A bias for every filter, where the layer gives a channel for each of them."""
    layer = net.layers[number - 1]
    values = layer.numbers("bias")
    if values is None or values.array is None:
        return total
    shape, name = net.sizes().shape(total), layer_id(BIAS, number)
    filters = shape[:1] if len(shape) > axes else ()
    array = values.array.reshape(-1) if values.array.ndim > 1 else values.array
    if array.ndim == 1 and array.size == 1 and not filters:
        array = array.reshape(())
    if array.shape not in ((), filters):
        each = f"a vector of {filters[0]}, a number a filter, or " if filters else ""
        message = f"the bias of layer {number} is {described(array.shape)}"
        net.complaints.add(message, values.mark, f"{each}a number alone for all")
        return total
    if name not in net.shapes:  # the same for every picture
        net.parameter(name, array, array.shape, ("filter",)[: array.ndim], "bias" in layer.train)
        net.penalised.append((name, "bias"))
    bias: Expr = op("per_channel", Sym(name), shape=shape) if array.ndim else Sym(name)
    return op("add", total, bias)


def _count(shape: Shape) -> int:
    return prod(size for size in shape if isinstance(size, int))


def _pool(name: str) -> Callable[[Draft, int], None]:
    def build(net: Draft, number: int) -> None:
        shape, layer = _picture_into(net, number), net.layers[number - 1]
        if shape is None:
            return
        size, stride, padding = layer.whole("size"), layer.own.get("stride"), layer.whole("padding")
        rule = rule_behind(layer.activation, name.replace("_", "-"))
        for one in each_picture(net, number):
            pooled: Expr = op(
                PADDED[name] if padding else name,
                one.source,
                size=None if size == 2 else size,
                stride=None if stride in (None, size) else stride,
                padding=padding or None,
                count_padding=0 if padding and not layer.own.get("count_padding", True) else None,
            )
            if not _fits(net, number, pooled, layer.mark):
                return
            pooled = opened(pooled, net.sizes())
            axes = _along(net.sizes().shape(pooled), min(2, len(shape)))
            one.put_out(activated(net, number, pooled), rule, axes)
            one.next_to(one.output)
        net.units.append(_count(net.shapes[one.output]))
        note_pictures(net, net.output_of(number))

    return build


_SIZES = {
    "size": Key(
        Integer(Bounds(at_least=1)), "how many entries a window has along each axis", default=2
    ),
    "stride": Key(Integer(Bounds(at_least=1)), "how far apart windows are; as `size` if absent"),
}
_AROUND = Integer(NOT_NEGATIVE)

PICTURES = (
    LayerType(
        "conv",
        "a kernel, or several, slides over the picture",
        {
            "kernel": Key(
                Numbers(deepest=4),
                "a matrix; a list of matrices, one a channel of the input; a list of those, "
                "one a filter",
                required=True,
            ),
            "bias": Key(Numbers(), "a number a filter"),
            "stride": Key(Integer(Bounds(at_least=1)), "how far it moves at a time", default=1),
            "padding": Key(
                Integer(NOT_NEGATIVE), "how many zeros stand around the picture", default=0
            ),
            "dilation": Key(
                Integer(Bounds(at_least=1)),
                "how far apart the entries are that those of the kernel meet",
                default=1,
            ),
        },
        _conv,
        "{type: conv, kernel: [[2, 1], [1, 1]], bias: 0}",
        {"kernel": "K", "bias": BIAS},
        (PRE, "H"),
        also="convolution convolutional conv1d conv2d correlation",
        meant=other_keys.OF_CONV,
    ),
    LayerType(
        "max-pool",
        "the largest entry of each window",
        {
            **_SIZES,
            "padding": Key(_AROUND, "how many −∞, never the largest, stand around", default=0),
        },
        _pool("max_pool"),
        "{type: max-pool, size: 2}",
        also="maxpooling maxpool1d maxpool2d pool pooling",
        meant=other_keys.OF_POOL,
    ),
    LayerType(
        "mean-pool",
        "the mean of each window",
        {
            **_SIZES,
            "padding": Key(_AROUND, "how many zeros stand around the picture", default=0),
            "count_padding": Key(
                Boolean(), "whether they count; if not, a mean is over what is there", default=True
            ),
        },
        _pool("mean_pool"),
        "{type: mean-pool, size: 2}",
        also="meanpooling averagepool averagepooling avgpool avgpool1d avgpool2d",
        meant=other_keys.OF_POOL,
    ),
    LayerType(
        "flatten",
        "a picture as one vector: channel by channel, row by row",
        {},
        _flatten,
        "{type: flatten}",
        also="flat reshape",
    ),
)
