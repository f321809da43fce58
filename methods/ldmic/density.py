"""The step function of the context model in float64: known neighbours and hyper features to means and scales."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.errors import BitstreamError
from methods.ldmic.context import REACH, ContextPrior

Floats = NDArray[np.float64]
_SLOPE = 0.01
"""Of the leaky rectifiers between the layers of the entropy parameters."""


def _matrix(weight: Tensor) -> Floats:
    """Matrix ``(in, out)`` of a pointwise layer's kernel."""
    return np.ascontiguousarray(weight.detach()[:, :, 0, 0].T.numpy())


class StepDensity:
    """Means and scales of a few positions by plain matrix products; no map is computed.

    Args:
        prior: The prior in float64 on the CPU.

    Attributes:
        taps: Rows and columns of the context's neighbours from its centre, int ``(taps, 2)``.
    """

    def __init__(self, prior: ContextPrior) -> None:
        context, layers = prior.context_prediction, prior.entropy_parameters
        known = context.mask.bool()
        self.taps = np.argwhere(known.numpy()) - REACH
        kernel = context.weight.detach().permute(2, 3, 1, 0)[known]  # (taps, M, context)
        self._context = np.ascontiguousarray(kernel.flatten(0, 1).numpy()), _bias(context)
        first, *rest = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        matrix, self._reversed = _matrix(first.weight), prior.checkerboard
        cut = context.out_channels
        # The first layer is linear, so its share of the hyper features is one product for all positions.
        by_context, by_hyper = (matrix[:cut], matrix[cut:]) if self._reversed else (matrix[-cut:], matrix[:-cut])
        self._by_context, self._by_hyper = by_context.copy(), (by_hyper.copy(), _bias(first))
        self._lowest = float(prior.bound.bound)
        self._rest = [(_matrix(layer.weight), _bias(layer)) for layer in rest]

    def hyper_share(self, features: Floats) -> Floats:
        """The first layer's share of hyper features ``(positions, 2M)``, its bias included: ``(positions, hidden)``."""
        weight, bias = self._by_hyper
        share: Floats = features @ weight + bias
        return share

    def __call__(self, share: Floats, known: Floats | None) -> tuple[Floats, Floats]:
        """Means and scales, each ``(n, M)``.

        Args:
            share: The positions' rows of :meth:`hyper_share`, ``(n, hidden)``.
            known: Values at the taps of each position, ``(n, taps·M)``; None for a step that has no context.

        Raises:
            BitstreamError: They are not finite, which no encoder brings about.
        """
        inner = share
        if known is not None:
            kernel, bias = self._context
            inner = share + (known @ kernel + bias) @ self._by_context
        for weight, bias in self._rest:
            inner = np.maximum(inner, _SLOPE * inner) @ weight + bias
        if not np.isfinite(inner).all():
            raise BitstreamError("The latent gives no finite densities; the file is damaged.")
        half = inner.shape[1] // 2
        first, second = inner[:, :half], inner[:, half:]
        mean, scale = (second, first) if self._reversed else (first, second)
        return mean, np.maximum(scale, self._lowest)


def _bias(layer: nn.Conv2d) -> Floats:
    assert layer.bias is not None
    return np.asarray(layer.bias.detach().numpy())
