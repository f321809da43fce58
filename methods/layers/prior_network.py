"""Networks whose latent one prior describes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from methods.layers.latent_coder import LatentCoder, make_tables, read_tables
from methods.layers.network import Network
from methods.layers.priors import FactorizedPrior, HyperPrior


class PriorNetwork(Network):
    """A network that codes its latent by the integer tables of its prior.

    Attributes:
        prior: The latent's prior.
        coder_type: Class of its coder.
    """

    prior: FactorizedPrior | HyperPrior
    coder_type: ClassVar[type[LatentCoder]] = LatentCoder

    def tables(self) -> dict[str, np.ndarray]:
        """See :meth:`methods.layers.network.Network.tables`."""
        return make_tables(self.prior)

    def coder(self, arrays: Mapping[str, np.ndarray], rate: int) -> LatentCoder:
        """See :meth:`methods.layers.network.Network.coder`."""
        return self.coder_type(copy.deepcopy(self.prior).cpu().double(), read_tables(arrays, self.prior), rate)
