"""The ordinary way: each library on its own, as its README says, one pair after the other.

In the libraries' favour no gradient is recorded, and pictures are decoded beforehand but for clean-fid, which reads
folders. Its two functions extract the features of both folders, each for itself.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Pair = Callable[[Tensor, Tensor], float]
SETS = ("fid", "kid")
REBUILT = ("lpips_squeeze", "lpips_alex", "lpips_vgg", "dists")
"""What evaluation scripts of the field construct inside the function that scores one picture: LPIPS and DISTS."""


def builders(folder: Path) -> dict[str, Callable[[], Pair]]:
    """Return, for each metric of single pairs, what builds its network and gives a function of uint8 ``(1, 3, H, W)``.

    Args:
        folder: Of the weights.
    """
    return {
        "psnr": lambda: _psnr,
        "ms_ssim": lambda: _structure("ms_ssim", win_size=7),
        "ssim": lambda: _structure("ssim"),
        **{f"lpips_{net}": (lambda net=net: _lpips(net)) for net in ("squeeze", "alex", "vgg")},  # type: ignore[misc]
        "dists": lambda: _pyiqa("dists", folder / "DISTS_weights-f5e65c96.pth"),
        "niqe": lambda: _pyiqa("niqe", folder / "niqe_modelparameters.mat"),
    }


def _psnr(recon: Tensor, orig: Tensor) -> float:
    return float(10 * torch.log10(255**2 / (recon.float() - orig.float()).square().mean()))


def _structure(name: str, **options: Any) -> Pair:
    import pytorch_msssim

    function = getattr(pytorch_msssim, name)
    return lambda recon, orig: float(function(recon.float(), orig.float(), data_range=255, **options))


def _lpips(net: str) -> Pair:
    import lpips

    with quiet():
        network = lpips.LPIPS(net=net)

    def distance(recon: Tensor, orig: Tensor) -> float:
        with torch.no_grad():
            return float(network(recon.float() / 127.5 - 1, orig.float() / 127.5 - 1))

    return distance


def _pyiqa(name: str, path: Path) -> Pair:
    import pyiqa

    with quiet():
        network = pyiqa.create_metric(name, device=torch.device("cpu"), pretrained_model_path=str(path))
    if name == "niqe":
        return lambda recon, orig: float(network(recon.float() / 255))
    return lambda recon, orig: float(network(recon.float() / 255, orig.float() / 255))


class CleanFid:
    """clean-fid on folders of pictures, its Inception loaded once.

    Args:
        folder: Of the weights.
    """

    def __init__(self, folder: Path) -> None:
        from cleanfid.inception_torchscript import InceptionV3W

        self.model = InceptionV3W(str(folder), download=False)

    def features(self, folder: Path) -> Any:
        """Features ``(N, 2048)`` of a folder's pictures."""
        from cleanfid.fid import get_folder_features

        return get_folder_features(
            str(folder), self.model, num_workers=0, batch_size=32, device=torch.device("cpu"), verbose=False
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what libraries print while they load off standard output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.getLogger("pyiqa").setLevel(logging.ERROR)
        yield
