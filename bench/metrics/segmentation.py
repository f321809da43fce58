"""mIoU: does a segmentation network see the right classes in the reconstruction?

Right is what the dataset's labels say, where it has any, and what the network sees in the original, where it has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import BenchError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Segmenter(Protocol):
    """A network that names the class of each pixel.

    Attributes:
        classes: How many.
    """

    classes: int

    def labels(self, picture: Tensor) -> Tensor:
        """Class of each pixel of uint8 ``(N, 3, H, W)``, int64 ``(N, H, W)`` on the network's device."""


class Segformer:
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
        """Class of each pixel; see ``Segmenter``."""
        mean, std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (_MEAN, _STD))
        logits = self.model(pixel_values=(picture.to(self.device).float() / 255.0 - mean) / std).logits
        logits = torch.nn.functional.interpolate(logits, picture.shape[2:], mode="bilinear", align_corners=False)
        return logits.argmax(1)


class Streets:
    """The network of ``synthdrive``'s classes that this project trained.

    Args:
        path: Its checked weights file.
        device: Torch device.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        from bench.data.synthdrive import CLASSES
        from bench.metrics.streets.network import MULTIPLE, load

        self._device, self._multiple = torch.device(device), MULTIPLE
        self.model = load(path).to(self._device)
        self.classes = len(CLASSES)

    def labels(self, picture: Tensor) -> Tensor:
        """Class of each pixel; see ``Segmenter``."""
        height, width = picture.shape[2:]
        edge = (0, -width % self._multiple, 0, -height % self._multiple)
        whole = torch.nn.functional.pad(picture.to(self._device).float(), edge, mode="replicate")
        return torch.as_tensor(self.model(whole))[..., :height, :width].argmax(1)


def confusion(right: Tensor, seen: Tensor, classes: int) -> Tensor:
    """Count pixels by their right class (rows) and by the class seen (columns).

    Args:
        right: Integers below ``classes``, any shape.
        seen: The same shape.
        classes: How many there are.

    Returns:
        int64 ``(classes, classes)``.
    """
    pair = right.long() * classes + seen
    return torch.bincount(pair.flatten(), minlength=classes**2).reshape(classes, classes)


def ious(counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Intersection over union of each class of a ``confusion``; NaN for a class that occurs in neither."""
    both = np.diag(counts).astype(np.float64)
    union = counts.sum(0) + counts.sum(1) - both
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(union > 0, both / union, np.nan))


def mean_iou(counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float:
    """Intersection over union, averaged over the classes that occur; 1 for agreement everywhere."""
    values = ious(counts)
    seen = np.isfinite(values)
    return float(values[seen].mean()) if seen.any() else float("nan")
