"""The paper's loss on valence and arousal, and the cross-entropy of AffectNet's expressions.

Shape legend: N frames that count, whatever items and windows they stand in; K outputs of the network.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hocp.clips import NO_EXPRESSION

#: Outputs of a network: valence and arousal, then one score for each of AffectNet's expressions.
AFFECT = 2
EXPRESSIONS = 8

#: Added to variances and squared errors, in squared label units (a deviation of 0.001), so that gradients
#: stay finite for constant predictions and for none wrong.
EPSILON = 1e-6


class Parts(NamedTuple):
    """The loss of a step and what it is made of, each a scalar tensor."""

    loss: Tensor
    rmse: Tensor
    pcc: Tensor
    ccc: Tensor
    ce: Tensor


def draw_weights(generator: torch.Generator) -> Tensor:
    """Convex weights of the three parts: uniform in [0, 1], divided by their sum, new for every step."""
    weights = torch.rand(3, generator=generator)
    return weights / weights.sum().clamp(min=EPSILON)


def rmse_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Root mean squared error of (N, D) against (N, D), mean over the D dimensions."""
    return ((predicted - true).square().mean(0) + EPSILON).sqrt().mean()


def pcc_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """1 - Pearson's correlation of (N, D) with (N, D), mean over the D dimensions."""
    cov, var_p, var_t, _ = _moments(predicted, true)
    return 1 - (cov / ((var_p + EPSILON) * (var_t + EPSILON)).sqrt()).mean()


def ccc_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """1 - Lin's concordance correlation of (N, D) with (N, D), mean over the D dimensions."""
    cov, var_p, var_t, bias = _moments(predicted, true)
    return 1 - (2 * cov / (var_p + var_t + bias.square() + EPSILON)).mean()


def _moments(predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Population covariance, variances and difference of the means, each of shape (D,)."""
    mean_p, mean_t = predicted.mean(0), true.mean(0)
    p, t = predicted - mean_p, true - mean_t
    return (p * t).mean(0), p.square().mean(0), t.square().mean(0), mean_p - mean_t


def expression_loss(scores: Tensor, expression: Tensor) -> Tensor:
    """Cross-entropy of (N, 8) scores against (N,) codes; frames without a code do not count."""
    total = F.cross_entropy(scores, expression, ignore_index=NO_EXPRESSION, reduction="sum")
    return total / (expression != NO_EXPRESSION).sum().clamp(min=1)


def total(outputs: Tensor, targets: Tensor, expression: Tensor, weights: Tensor) -> Parts:
    """The loss of one step.

    ``alpha L_RMSE + beta L_PCC + gamma L_CCC``, plus the cross-entropy where the network has outputs for
    expressions. Moments are taken over all N frames of the batch together.

    Parameters
    ----------
    outputs : Tensor, shape (N, 2) or (N, 10)
    targets : Tensor, shape (N, 2)
        Valence and arousal.
    expression : Tensor of int64, shape (N,)
    weights : Tensor, shape (3,)
        alpha, beta, gamma; see `draw_weights`.
    """
    outputs = outputs.float()  # moments in half precision lose what the correlation lives on
    affect = outputs[:, :AFFECT]
    parts = torch.stack([rmse_loss(affect, targets), pcc_loss(affect, targets), ccc_loss(affect, targets)])
    ce = outputs.new_zeros(())
    if outputs.shape[1] > AFFECT:
        ce = expression_loss(outputs[:, AFFECT:], expression)
    return Parts((weights.to(parts) * parts).sum() + ce, *parts, ce)
