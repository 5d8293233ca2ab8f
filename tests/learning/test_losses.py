"""The loss against NumPy, and its gradients where they could blow up."""

import numpy as np
import pytest
import torch

from hocp.clips import NO_EXPRESSION
from hocp.learning import losses
from hocp.learning.seeding import generator


def _pair(n: int = 50) -> tuple[torch.Tensor, torch.Tensor]:
    true = torch.rand(n, 2, generator=generator(1), dtype=torch.float64) * 2 - 1
    return 0.6 * true + 0.3 * torch.randn(n, 2, generator=generator(2), dtype=torch.float64) + 0.1, true


def test_parts_are_those_of_numpy():
    predicted, true = _pair()
    p, t = predicted.numpy(), true.numpy()
    rmse = np.mean([np.sqrt(np.mean((p[:, k] - t[:, k]) ** 2)) for k in range(2)])
    pcc = np.mean([np.corrcoef(p[:, k], t[:, k])[0, 1] for k in range(2)])
    ccc = np.mean(
        [
            2 * np.cov(p[:, k], t[:, k], ddof=0)[0, 1]
            / (p[:, k].var() + t[:, k].var() + (p[:, k].mean() - t[:, k].mean()) ** 2)
            for k in range(2)
        ]
    )  # fmt: skip
    assert float(losses.rmse_loss(predicted, true)) == pytest.approx(rmse, abs=1e-5)
    assert float(losses.pcc_loss(predicted, true)) == pytest.approx(1 - pcc, abs=2e-5)
    assert float(losses.ccc_loss(predicted, true)) == pytest.approx(1 - ccc, abs=1e-5)


def test_total_is_the_convex_sum_and_cross_entropy():
    predicted, true = (x.float() for x in _pair())
    scores = torch.randn(50, 8, generator=generator(3))
    expression = torch.randint(0, 8, (50,), generator=generator(4))
    weights = torch.tensor([0.2, 0.3, 0.5])
    parts = losses.total(torch.cat([predicted, scores], 1), true, expression, weights)
    log_softmax = scores.double().numpy() - np.log(np.exp(scores.double().numpy()).sum(1, keepdims=True))
    ce = -log_softmax[np.arange(50), expression.numpy()].mean()
    assert float(parts.ce) == pytest.approx(ce, rel=1e-5)
    expected = 0.2 * parts.rmse + 0.3 * parts.pcc + 0.5 * parts.ccc + parts.ce
    torch.testing.assert_close(parts.loss, expected)
    without = losses.total(predicted, true, expression, weights)
    assert float(without.ce) == 0 and float(without.loss) == pytest.approx(
        float(expected - parts.ce), rel=1e-5
    )


def test_frames_without_expression_do_not_count():
    scores = torch.randn(4, 8, generator=generator(3))
    codes = torch.tensor([1, NO_EXPRESSION, 5, NO_EXPRESSION])
    kept = torch.nn.functional.cross_entropy(scores[[0, 2]], codes[[0, 2]])
    torch.testing.assert_close(losses.expression_loss(scores, codes), kept)
    assert float(losses.expression_loss(scores, torch.full((4,), NO_EXPRESSION))) == 0


@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("case", ["constant predictions", "constant labels", "both", "perfect"])
def test_gradients_are_finite_where_moments_vanish(case, n):
    predicted, true = (x[:n].float() for x in _pair())
    if case in ("constant predictions", "both"):
        predicted = torch.zeros_like(predicted)
    if case in ("constant labels", "both"):
        true = torch.full_like(true, 0.3)
    predicted = (true if case == "perfect" else predicted).clone().requires_grad_()
    parts = losses.total(predicted, true, torch.full((n,), NO_EXPRESSION), torch.full((3,), 1 / 3))
    parts.loss.backward()
    assert all(torch.isfinite(part) for part in parts)
    assert torch.isfinite(predicted.grad).all()


def test_gradients_are_those_of_finite_differences():
    predicted, true = _pair(12)
    predicted.requires_grad_()
    for loss in (losses.rmse_loss, losses.pcc_loss, losses.ccc_loss):
        assert torch.autograd.gradcheck(lambda p, loss=loss: loss(p, true), (predicted,))


def test_weights_are_convex_and_new_every_step():
    drawn = torch.stack([losses.draw_weights(generator(0, "loss weights", step)) for step in range(200)])
    assert (drawn >= 0).all()
    torch.testing.assert_close(drawn.sum(1), torch.ones(200))
    assert len({tuple(row) for row in drawn.tolist()}) == 200
    torch.testing.assert_close(drawn.mean(0), torch.full((3,), 1 / 3), atol=0.05, rtol=0)


def test_half_precision_outputs_are_scored_in_single():
    predicted, true = _pair()
    parts = losses.total(
        predicted.bfloat16(), true.float(), torch.zeros(50, dtype=torch.int64), torch.ones(3) / 3
    )
    assert parts.loss.dtype == torch.float32
