"""Yes or no of a mask, and the largest of some sizes, are what NumPy says they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from backprop_cli.operations.masks import every, most, some

SHAPES = [(), (1,), (3,), (2, 2), (4, 1, 3), (0,), (0, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_masks_of_every_shape(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(7)
    for share in (0.0, 0.2, 0.9, 1.0):
        for _ in range(20):
            mask = np.asarray(rng.random(shape) < share)
            views = (mask, mask.T, mask[..., ::-1] if shape else mask, ~mask, mask[()])
            for view in views:
                assert some(view) is bool(np.any(view))
                assert every(view) is bool(np.all(view))


def test_words_and_plain_values() -> None:
    words = np.array(["wrong", "correct"], dtype=object)
    assert some(words == "wrong")
    assert not every(words == "wrong")
    assert some(True) and not some(False) and every(True) and not every(False)  # noqa: PT018


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_largest_size(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    sizes = np.abs(rng.normal(size=shape))
    for change in (1.0, np.inf, np.nan, 0.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 0 times infinity
            found = sizes * change
        assert np.array_equal(most(found), np.max(found, initial=0.0), equal_nan=True)
