"""NIQE from block features: one Gaussian a picture, or one over all the set's blocks (pooled)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError

Array = npt.NDArray[np.float64]
FEATURES = 36


class Pristine:
    """NIQE's model of undistorted pictures.

    Args:
        path: The checked ``.npz`` with ``mu_pris_param`` and ``cov_pris_param``.

    Raises:
        BenchError: The file holds something else.
    """

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path) as data:
                self.mean: Array = np.ravel(data["mu_pris_param"]).astype(np.float64)
                self.covariance: Array = np.asarray(data["cov_pris_param"], dtype=np.float64)
        except (OSError, ValueError, KeyError) as error:
            raise BenchError(f"{path} does not hold NIQE's model; run 'bench fetch niqe'.") from error
        positive = self.covariance.shape == (FEATURES, FEATURES) and np.linalg.eigvalsh(self.covariance).min() > -1e-9
        if self.mean.shape != (FEATURES,) or not positive:
            raise BenchError(f"{path} does not hold NIQE's model; run 'bench fetch niqe'.")

    def distance(self, blocks: Array) -> float:
        """NIQE of one set of blocks: distance between its Gaussian and the pristine one (Mittal et al., 2013, eq. 10).

        Args:
            blocks: Features ``(blocks, 36)``; rows with NaN (no texture) stay out of the covariance, and such entries
                out of the mean.

        Returns:
            The distance, NaN where fewer than two blocks are whole.
        """
        whole = blocks[~np.isnan(blocks).any(1)]
        if len(whole) < 2:
            return float("nan")
        covariance = np.cov(whole, rowvar=False)
        shift = self.mean - np.nanmean(blocks, axis=0)
        inverse: Any = np.linalg.pinv((self.covariance + covariance) / 2.0)
        return float(np.sqrt(shift @ inverse @ shift))
