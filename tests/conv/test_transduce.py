"""A static network on every frame equals its transduction at the start; only the new factors are new."""

from copy import deepcopy

import pytest
import torch
from conv_oracles import EXACT, double
from torch import nn
from transduce_oracles import frame_by_frame, with_statistics

from hocp.conv import (
    CPConv,
    SeparableDepthwise,
    TTConv,
    TuckerConv,
    temporal_parameters,
    transduce,
    transduce_layer,
)

LISTS = ("factors", "cores")


class Residual(nn.Module):
    """A block with a pointwise shortcut, as users write them."""

    def __init__(self, kind):
        super().__init__()
        self.conv1 = kind(4, 6, stride=2)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = kind(6, 6, stride=1)
        self.shortcut = nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))
        self.nothing = nn.Sequential()

    def forward(self, x):
        y = self.conv2(torch.relu(self.bn1(self.conv1(x))))
        return self.nothing(torch.relu(y + self.shortcut(x)))


KINDS = {
    "cp": lambda c, t, stride: CPConv(c, t, (3, 3), rank=7, stride=stride, padding=1),
    "cp-psi": lambda c, t, stride: CPConv(
        c, t, (3, 3), rank=7, stride=stride, padding=1, rank_norm="batch", rank_activation="relu", bias=True
    ),
    "cp-skip": lambda c, t, stride: CPConv(
        c, t, (3, 3), rank=7, stride=stride, padding=1, groups=2, rank_norm="batch", skip="projection"
    ),
    "tucker": lambda c, t, stride: TuckerConv(c, t, (3, 3), rank=(3, 4), stride=stride, padding=1),
    "tucker-psi": lambda c, t, stride: TuckerConv(
        c, t, (3, 3), rank=4, stride=stride, padding=1, rank_norm="batch", separate_modes=1
    ),
    "tt": lambda c, t, stride: TTConv(c, t, (3, 3), rank=(4, 3, 5), stride=stride, padding=1),
    "tt-psi": lambda c, t, stride: TTConv(
        c, t, (3, 3), rank=3, stride=stride, padding=1, rank_norm="batch", rank_activation="relu", bias=True
    ),
    "dense": lambda c, t, stride: nn.Conv2d(c, t, 3, stride=stride, padding=1),
    "resnext": lambda c, t, stride: nn.Sequential(
        nn.Conv2d(c, 8, 1), nn.GroupNorm(4, 8), nn.Conv2d(8, 8, 3, stride=stride, padding=1, groups=4),
        nn.ReLU(), nn.Conv2d(8, t, 1),
    ),
    "separable": lambda c, t, stride: nn.Sequential(
        CPConv(c, t, (1, 1), rank=5), SeparableDepthwise(t, (3, 3), stride=stride, padding=1, norm="batch")
    ),
}  # fmt: skip


def network(kind: str) -> nn.Module:
    """Stem, pooling, residual block, head."""
    torch.manual_seed(0)
    return with_statistics(
        nn.Sequential(
            nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            Residual(KINDS[kind]),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.Dropout2d(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 2),
        )
    )


@pytest.mark.parametrize("lengths", [(1,), (2,), (5,), (2, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_transduced_network_equals_the_static_one_on_every_frame(kind, lengths):
    static, modes = network(kind), len(lengths)
    clip = double(2, 3, *lengths, 21, 18)
    expected = frame_by_frame(static, clip, modes=modes, dim=1)
    spread = expected.flatten(1, modes).std(dim=1, correction=0).max()
    assert spread > 1e-3 or lengths == (1,)  # frames differ
    torch.testing.assert_close(transduce(static, kernel_size=(3,) * modes)(clip), expected, **EXACT)
    causal = transduce(static, kernel_size=(2,) * modes, centre=1)
    torch.testing.assert_close(causal(clip), expected, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_original_is_untouched_and_old_numbers_are_bit_identical(kind):
    static = network(kind)
    before = {name: value.clone() for name, value in static.state_dict().items()}
    moving = transduce(static)
    assert before.keys() == static.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in static.state_dict().items())
    new = {id(parameter) for _, parameter in temporal_parameters(moving)}
    kept = [p for n, p in moving.named_parameters() if any(x in n for x in LISTS) and id(p) not in new]
    originals = [p for n, p in static.named_parameters() if any(x in n for x in LISTS)]
    assert all(torch.equal(a, b) for a, b in zip(kept, originals, strict=True))
    assert not {id(p) for p in moving.parameters()} & {id(p) for p in static.parameters()}
    # Of dense kernels the centre slice is the old one, of all else everything.
    state = {name.replace(".module.", "."): value for name, value in moving.state_dict().items()}
    for name, value in before.items():
        if not any(x in name for x in (*LISTS, ".norms.")):
            got = state[name]
            assert torch.equal(got if got.shape == value.shape else got[:, :, got.shape[2] // 2], value), name


def test_exactly_the_new_factors_are_temporal():
    shapes = {kind: {n: tuple(p.shape) for n, p in temporal_parameters(transduce(network(kind)))}
              for kind in ("cp", "tucker", "tt", "dense")}  # fmt: skip
    assert shapes == {
        "cp": {"4.conv1.factors.2": (3, 7), "4.conv2.factors.2": (3, 7)},
        "tucker": {"4.conv1.mode_factors.0": (3, 4), "4.conv2.mode_factors.0": (3, 4)},
        "tt": {"4.conv1.cores.1": (4, 3, 4), "4.conv2.cores.1": (4, 3, 4)},
        "dense": {},
    }
    assert dict(temporal_parameters(network("cp"))) == {}
    assert [name for name, _ in temporal_parameters(transduce(CPConv(2, 2, (3,), rank=2)))] == ["factors.2"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_dtype_training_mode_and_frozen_parameters_are_kept(kind, dtype):
    static = network(kind).to(dtype)
    static[0].weight.requires_grad_(False)
    for mode in (True, False):
        moving = transduce(static.train(mode))
        assert {p.dtype for p in moving.parameters()} == {dtype}
        assert all(m.training is mode for m in moving.modules())
    assert not moving[0].weight.requires_grad and moving[0].weight.dtype == dtype
    assert moving[-1].weight.requires_grad


def test_a_part_in_eval_mode_stays_in_it():
    static = network("cp").train()
    static[1].eval()
    moving = transduce(static)
    assert moving.training and not moving[1].training and moving[4].bn1.training


def test_state_dict_loads_into_a_clip_network_built_from_scratch():
    clip = torch.randn(1, 3, 4, 5, 5)
    for static, other in (
        (CPConv(3, 4, (3, 3), rank=5, padding=1), CPConv(3, 4, (3, 3, 3), rank=5, padding=1)),
        (TuckerConv(3, 4, (3, 3), rank=2, padding=1),
         TuckerConv(3, 4, (3, 3, 3), rank=2, padding=1, separate_modes=1)),
        (TTConv(3, 4, (3, 3), rank=2, padding=1), TTConv(3, 4, (3, 3, 3), rank=2, padding=1)),
    ):  # fmt: skip
        layer = transduce(static)
        other.load_state_dict(layer.state_dict())
        assert torch.equal(layer(clip), other(clip))


def test_own_modules_bring_their_own_rule():
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((-1, -2))

    net = nn.Sequential(CPConv(3, 4, (3, 3), rank=5), Mean())
    with pytest.raises(ValueError, match=r"no rule for 1 \(Mean\).*transduce_layer.register"):
        transduce(net)
    transduce_layer.register(Mean, lambda module, options: module)
    clip = torch.randn(2, 3, 4, 5, 5)
    torch.testing.assert_close(transduce(net)(clip), frame_by_frame(net, clip))


def test_own_rules_see_every_new_mode():
    class Scale(nn.Module):
        """One number for each channel, so its parameter has as many modes as the input."""

        def __init__(self):
            super().__init__()
            self.gamma = nn.Parameter(torch.randn(4, 1, 1))

        def forward(self, x):
            return x * self.gamma

    seen = []

    @transduce_layer.register(Scale)
    def rule(layer, options):
        seen.append((options.order, options.kernel_size, options.init, options.tap))
        layer.gamma = nn.Parameter(layer.gamma.detach().unsqueeze(1))
        return layer

    static = nn.Sequential(CPConv(3, 4, (3, 3), rank=5), Scale())
    clip = torch.randn(2, 3, 3, 2, 5, 5)
    moving = transduce(static, kernel_size=(2, 3), centre=(1, None))
    torch.testing.assert_close(moving(clip), frame_by_frame(static, clip, modes=2))
    assert seen == [(2, 3, "identity", 1), (3, 2, "identity", 1)]


@pytest.mark.parametrize("kind", ["cp-psi", "tucker", "tt", "resnext", "separable"])
def test_exported_network_takes_any_batch_and_any_number_of_frames(kind):
    moving = transduce(network(kind))
    sizes = {0: torch.export.Dim("batch", max=64), 2: torch.export.Dim("frames", min=2, max=64)}
    exported = torch.export.export(moving, (double(2, 3, 4, 17, 17),), dynamic_shapes=(sizes,)).module()
    for clip in (double(3, 3, 6, 17, 17), double(5, 3, 2, 17, 17)):
        torch.testing.assert_close(exported(clip), moving(clip), **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_deepcopy_of_a_transduced_network_keeps_its_temporal_factors(kind):
    moving = transduce(network(kind))
    copy = deepcopy(moving)
    assert [n for n, _ in temporal_parameters(copy)] == [n for n, _ in temporal_parameters(moving)]
    clip = double(1, 3, 3, 17, 17)
    assert torch.equal(copy(clip), moving(clip))
