"""mIoU: does a segmentation network see the same classes in the reconstruction as in the original?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import BenchError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Segmenter:
    """A SegFormer (Xie et al., 2021) from a folder in Hugging Face's layout, loaded once.

    Args:
        path: The folder with ``config.json`` and weights.
        device: Torch device.

    Raises:
        BenchError: The folder does not hold a complete SegFormer.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        from transformers import SegformerForSemanticSegmentation

        self.device = torch.device(device)
        try:
            model, report = SegformerForSemanticSegmentation.from_pretrained(
                path, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise BenchError(f"{path} does not hold a SegFormer; run 'bench fetch segformer'.") from error
        if report["missing_keys"]:  # transformers would draw these at random and go on
            raise BenchError(f"{path} lacks weights of the SegFormer; run 'bench fetch segformer'.")
        self.model: Any = model.to(self.device).eval()
        self.classes = int(model.config.num_labels)

    def labels(self, picture: Tensor) -> Tensor:
        """Class of each pixel.

        Args:
            picture: uint8 ``(N, 3, H, W)``.

        Returns:
            int64 ``(N, H, W)`` on the network's device.
        """
        mean, std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (_MEAN, _STD))
        logits = self.model(pixel_values=(picture.to(self.device).float() / 255.0 - mean) / std).logits
        logits = torch.nn.functional.interpolate(logits, picture.shape[2:], mode="bilinear", align_corners=False)
        return logits.argmax(1)

    def confusion(self, recon: Tensor, orig: Tensor) -> Tensor:
        """Counts of pixels by class in the original (rows) and in the reconstruction (columns), on the device."""
        pair = self.labels(orig) * self.classes + self.labels(recon)
        counts = torch.bincount(pair.flatten(), minlength=self.classes**2)
        return counts.reshape(self.classes, self.classes)


def mean_iou(confusion: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float:
    """Intersection over union, averaged over the classes that occur; 1 for agreement everywhere."""
    both = np.diag(confusion).astype(np.float64)
    union = confusion.sum(0) + confusion.sum(1) - both
    seen = union > 0
    return float((both[seen] / union[seen]).mean()) if seen.any() else float("nan")
