"""Losses by hand: both distortions, both scales, and a network's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.metrics import score_pairs
from bench.train.loss import item_losses, losses_of
from bench.training import Training

SMOOTH = nn.functional.interpolate(
    torch.rand(2, 3, 9, 17, generator=torch.Generator().manual_seed(0)), (128, 256), mode="bilinear"
)


def how(**keys: object) -> Training:
    """A published loss."""
    return Training(2, 1, loss="plain", **keys)  # type: ignore[arg-type]


def test_ms_ssim_objective_is_that_of_the_metric() -> None:
    """Training in [0, 1] and measuring on uint8 see the same MS-SSIM; D is 1 minus it, times λ·255²."""
    x = SMOOTH.mul(255).round()
    recon = (0.9 * x + 12).round()
    lambdas = torch.tensor([3e-5, 1e-4])
    out = {"recon": recon / 255, "bits": torch.full((2,), 32768.0)}
    found = item_losses(out, x / 255, x / 255, lambdas, how(distortion="ms_ssim"))
    metric = score_pairs(recon.to(torch.uint8), x.to(torch.uint8), metrics=["ms_ssim"])["ms_ssim"]
    assert (1 - metric).min() > 1e-4
    want = 1 + lambdas.double() * 65025 * (1 - metric.double())
    assert found["loss"].tolist() == pytest.approx(want.tolist(), rel=1e-5)
    assert found["mse"].tolist() == pytest.approx(((recon - x) / 255).square().mean((1, 2, 3)).tolist(), rel=1e-5)


def test_ms_ssim_has_finite_gradients_on_a_poor_picture() -> None:
    recon = torch.full_like(SMOOTH, 0.5).requires_grad_()
    items = item_losses(
        {"recon": recon, "bits": torch.ones(2)}, SMOOTH, SMOOTH, torch.ones(2), how(distortion="ms_ssim")
    )
    items["loss"].sum().backward()
    assert recon.grad is not None and bool(torch.isfinite(recon.grad).all())


def test_small_pictures_are_no_matter_for_ms_ssim() -> None:
    small = torch.zeros(1, 3, 96, 128)
    with pytest.raises(BenchError, match="97 rows and columns"):
        item_losses({"recon": small, "bits": torch.ones(1)}, small, small, torch.ones(1), how(distortion="ms_ssim"))


def test_scale_one_is_ldmic_s() -> None:
    out = {"recon": SMOOTH + 0.1, "bits": torch.zeros(2)}
    found = item_losses(out, SMOOTH, SMOOTH, torch.tensor([13.0, 130.0]), how(scale=1.0))
    assert found["loss"].tolist() == pytest.approx([0.13, 1.3], rel=1e-4)


def test_a_network_s_own_loss_is_taken() -> None:
    class Own(nn.Module):
        def item_losses(
            self, out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training
        ) -> dict[str, Tensor]:
            """Twice λ."""
            return {"loss": 2 * lambdas, "bpp": lambdas, "mse": lambdas}

    assert losses_of(Own(), {}, SMOOTH, SMOOTH, torch.tensor([1.0, 2.0]), how())["loss"].tolist() == [2.0, 4.0]


@pytest.mark.parametrize(("weight", "lowest"), [(1.0, 1.0), (0.0, 0.0)])
def test_with_a_spread_draws_vary_as_the_originals_do(weight: float, lowest: float) -> None:
    """Originals of variance 1 about a known mean: the loss falls as draws vary up to ``lowest``, then rises."""
    dice = torch.Generator().manual_seed(0)
    x, first, second = torch.randn(3, 2000, 3, 4, 4, generator=dice)

    def slope(deviation: float) -> float:
        scale = torch.tensor(deviation, requires_grad=True)
        out = {"recon": scale * first, "bits": torch.zeros(len(x))}
        out |= {"other": deviation * second, "spread": torch.full((len(x),), weight)}
        item_losses(out, x, x, torch.ones(len(x)), how(scale=1.0))["loss"].mean().backward()
        assert scale.grad is not None
        return float(scale.grad)

    assert slope(lowest + 0.1) > 0
    assert lowest == 0 or slope(lowest - 0.1) < 0
