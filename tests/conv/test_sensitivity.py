"""What decides how a budget is split: error curves against real fits, and the network's answer to errors."""

import pytest
import torch
from torch import nn

from hocp.conv import CPConv, TTConv, TuckerConv
from hocp.conv.factorization.calibration import Scene
from hocp.conv.factorization.jobs import Job, jobs_of
from hocp.conv.factorization.sensitivity import error_curve, kernel_error, probe_level
from hocp.conv.factorization.spending import _answers
from hocp.conv.factorization.targets import find

CLASSES = {"cp": CPConv, "tucker": TuckerConv, "tt": TTConv}


def job_of(network: nn.Module, kind: str, x: torch.Tensor | None = None) -> tuple[Job, Scene]:
    targets = find(network, None)
    scene = Scene.of(network, targets, x, None)
    return jobs_of(scene, targets, CLASSES[kind], {})[0], scene


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("order", [1, 2])
def test_curves_lie_near_what_the_solvers_reach(kind, order):
    """Tucker and train: an upper bound, and within what the theory allows; CP: near a short fit."""
    torch.manual_seed(0)
    conv = {1: nn.Conv1d, 2: nn.Conv2d}[order](9, 12, 3)
    job, _ = job_of(conv, kind)
    top = job.ladder.top
    curve = error_curve(job.target, job.ladder, top, {})
    assert len(curve) == top and (curve.diff() <= 0).all()
    for level in sorted({1, top // 4, top // 2, top}):
        layer = CLASSES[kind].from_conv(conv, rank=job.ladder.rank(level))
        found, estimated = layer.relative_error, curve[level - 1].item()
        if kind == "cp":
            assert abs(found - estimated) < 0.1
        else:
            allowed = {"tucker": 2, "tt": order + 1}[kind] ** 0.5
            assert found - 1e-6 <= estimated <= allowed * found + 1e-6


@pytest.mark.parametrize("kind", CLASSES)
def test_curves_of_kernels_without_a_scale(kind):
    """Zero and non-finite kernels have none; tiny and huge ones have that of their direction."""
    torch.manual_seed(0)
    conv = nn.Conv1d(4, 5, 3).double()
    job, _ = job_of(conv, kind)
    curve = error_curve(job.target, job.ladder, 4, {})
    with torch.no_grad():
        for scale in (1e-120, 1e120):
            conv.weight.mul_(scale)
            torch.testing.assert_close(
                error_curve(job.target, job.ladder, 4, {}), curve, rtol=1e-6, atol=1e-6
            )
            conv.weight.div_(scale)
        for constant in (0.0, float("nan")):
            conv.weight.fill_(constant)
            assert not error_curve(job.target, job.ladder, 4, {}).any()


@pytest.mark.parametrize("kind", CLASSES)
def test_the_loss_of_a_layer_is_priced_by_what_the_network_makes_of_it(kind, monkeypatch):
    """A network that bears small errors and breaks at large ones: its answer is the cube of the error."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 9)
    job, scene = job_of(nn.Sequential(nn.Conv1d(8, 8, 3)), kind, x)
    asked = []

    def effect(target, layers, expected):
        asked.append(kernel_error(target, layers[0]))
        return asked[-1] ** 3

    monkeypatch.setattr(scene, "effect", effect)
    errors = error_curve(job.target, job.ladder, 7, {})
    effects, slope = _answers(job, scene, errors, {}, scene.first_output())
    moderate, worst = asked
    assert slope == pytest.approx(moderate**2) and worst > moderate
    assert effects[0].item() == pytest.approx(worst**2 * errors[0].item())
    at = probe_level(errors) - 1
    assert effects[at].item() == pytest.approx(moderate**2 * errors[at].item())
    assert (effects.diff() <= 0).all() and effects[0] > 1.5 * slope * errors[0]
