"""Wrong uses of layers and functions: the call, and the place, value and expectation to be named."""

import numpy as np
import torch
from torch import nn

from hocp.conv import BatchNormNd, ConvNd, CPConv, Geometry, SeparableDepthwise, TTConv, TuckerConv, cp_conv

ONE = {"rank": 1}
X = torch.zeros(1, 2, 5)
WEIGHTS = torch.ones(2)
FACTORS = [torch.ones(3, 2), torch.ones(2, 2), torch.ones(3, 2)]
CORE = torch.ones(2, 2, 3)
PAIR = [torch.ones(3, 2), torch.ones(2, 2)]
TRAIN = [torch.ones(1, 2, 2), torch.ones(2, 3, 2), torch.ones(2, 4, 1)]


def image(*channels):
    """A layer for images."""
    return CPConv(*(channels or (2, 2)), (3, 3), rank=1)


GEOMETRY = [
    (lambda: Geometry(3), "kernel_size is 3", "expected a tuple"),
    (lambda: Geometry(()), "kernel_size is ()", "such as (3, 3)"),
    (lambda: Geometry("33"), "kernel_size is '33'", "expected a tuple"),
    (lambda: Geometry((3, 0)), "kernel_size is (3, 0)", "at least 1"),
    (lambda: Geometry((3, 2.5)), "kernel_size is (3, 2.5)", "whole numbers"),
    (lambda: Geometry((True,)), "kernel_size is (True,)", "whole numbers"),
    (lambda: Geometry((3, 3), stride=0), "stride is 0", "at least 1"),
    (lambda: Geometry((3, 3), stride=(1, 2, 3)), "stride is (1, 2, 3)", "one number or 2"),
    (lambda: Geometry((3, 3), stride=torch.ones(2)), "stride is tensor([1., 1.])", "whole numbers"),
    (lambda: Geometry((3, 3), dilation=-1), "dilation is -1", "at least 1"),
    (lambda: Geometry((3, 3), padding=-1), "padding is -1", "at least 0"),
    (lambda: Geometry((3, 3), padding=float("nan")), "padding is nan", "whole numbers"),
    (lambda: Geometry((3, 3), padding=np.ones(2, int)), "padding is array([1, 1])", "whole numbers"),
    (lambda: Geometry((3, 3), padding="full"), "padding is 'full'", "'same' or 'valid'"),
    (lambda: Geometry((3, 3), padding="same", stride=2), "padding 'same'", "(2, 2)", "in numbers"),
    (
        lambda: Geometry((3, 3), padding=((1, 1), (0, -1))),
        "padding of spatial mode 1 is (0, -1)",
        "at least 0",
    ),
    (lambda: Geometry((3, 3), padding=((1, 1),)), "padding is ((1, 1),)", "one number or 2"),
    (lambda: Geometry((3, 3), padding_mode="wrap"), "padding_mode is 'wrap'", "zeros, reflect, replicate"),
    (lambda: Geometry((3, 3), padding_mode=("zeros",)), "padding_mode is ('zeros',)", "2 of them"),
    (lambda: Geometry((3, 3), padding_mode=None), "padding_mode is None", "one of zeros"),
    (lambda: Geometry((3, 3)).output_size((5,)), "spatial size (5,)", "expected 2 modes"),
    (lambda: Geometry((3,)).output_size(5), "input_size is 5", "one size for each"),
    (lambda: Geometry((3, 7)).output_size((5, 6)), "spatial mode 1", "size 6", "window needs 7"),
    (lambda: Geometry((3,), padding=5, padding_mode="reflect").output_size((5,)), "(5, 5)", "at most 4"),
    (lambda: Geometry((3,), padding=6, padding_mode="circular").output_size((5,)), "(6, 6)", "at most 5"),
    (lambda: Geometry((1,)).output_size((0,)), "spatial mode 0", "size 0", "at least 1"),
    (lambda: Geometry((3,)).with_new_mode(2), "kernel_size of the new mode is 2", "use 1 or 3"),
    (lambda: Geometry((3,)).with_new_mode(3, centre=3), "centre is 3", "0 to 2"),
]
CONSTRUCTORS = [
    (lambda: CPConv(0, 2, (3,), rank=1), "in_channels of CPConv is 0", "at least 1"),
    (lambda: CPConv(2, 2.0, (3,), rank=1), "out_channels of CPConv is 2.0", "whole number"),
    (lambda: CPConv("3", 2, (3,), rank=1), "in_channels of CPConv is '3'", "whole number"),
    (lambda: CPConv(4, 4, (3,), rank=1, groups=3), "in_channels of CPConv is 4", "groups=3", "a multiple"),
    (lambda: TuckerConv(4, 3, (3,), rank=1, groups=2), "out_channels of TuckerConv is 3", "groups=2"),
    (lambda: CPConv(2, 2, (3,), rank=1, groups=True), "groups of CPConv is True", "whole number"),
    (lambda: TTConv(2, 2, (3,), rank=1, groups=0), "groups of TTConv is 0", "at least 1"),
    (lambda: CPConv(2, 2, (3,), rank=0), "rank of CPConv is 0", "at least 1"),
    (lambda: CPConv(2, 2, (3,), rank=2.0), "rank of CPConv is 2.0", "whole number"),
    (lambda: CPConv(2, 2, (3,), rank="same"), "rank of CPConv is 'same'", "whole number"),
    (lambda: CPConv(2, 2, (3,), rank=None), "rank of CPConv is None", "whole number"),
    (lambda: CPConv(2, 2, (3,), rank=float("nan")), "rank of CPConv is nan", "whole number"),
    (lambda: CPConv(2, 2, (3,), rank=1, learn_weights="no"),
     "learn_weights of CPConv is 'no'", "True or False"),
    (lambda: TuckerConv(2, 2, (3,), rank=(1, 2, 3)), "rank of TuckerConv is (1, 2, 3)", "or two"),
    (lambda: TuckerConv(2, 2, (3,), rank=(1, -1)), "rank of TuckerConv is -1", "at least 1"),
    (lambda: TuckerConv(2, 2, (3, 3), separate_modes=2, **ONE),
     "separate_modes of TuckerConv is 2", "0 to 1"),
    (lambda: TuckerConv(2, 2, (3, 3), separate_modes=1.0, **ONE),
     "separate_modes of TuckerConv is 1.0", "0 to 1"),
    (lambda: TTConv(2, 2, (3, 3), rank=(1, 2)), "rank of TTConv is (1, 2)", "or 3, one for each bond"),
    (lambda: TTConv(2, 2, (3, 3), rank=(1, 0, 2)), "rank of TTConv is 0", "at least 1"),
    (lambda: CPConv(2, 2, (3,), implementation="fast", **ONE), "implementation of CPConv is 'fast'", "views"),
    (lambda: TuckerConv(2, 2, (3,), implementation="views", **ONE),
     "TuckerConv is 'views'", "auto, chain, dense"),
    (lambda: TTConv(2, 2, (3,), implementation=None, **ONE),
     "implementation of TTConv is None", "auto, chain"),
    (lambda: CPConv(2, 2, (3,), rank_norm="layer", **ONE),
     "rank_norm of CPConv is 'layer'", "None or 'batch'"),
    (lambda: TTConv(2, 2, (3,), rank_norm=True, **ONE), "rank_norm of TTConv is True", "None or 'batch'"),
    (lambda: CPConv(2, 2, (3,), rank_activation="gelu", **ONE),
     "rank_activation of CPConv is 'gelu'", "'relu'"),
    (lambda: CPConv(2, 2, (3,), rank_norm="batch", implementation="dense", **ONE),
     "'dense' of CPConv", "'chain'"),
    (lambda: CPConv(2, 2, (3,), skip="add", **ONE), "skip of CPConv is 'add'", "'identity' or 'projection'"),
    (lambda: CPConv(2, 3, (3,), skip="identity", **ONE),
     "in_channels is 2", "out_channels 3", "use 'projection'"),
    (lambda: TuckerConv(2, 2, (3, 4), skip="identity", **ONE),
     "kernel_size (3, 4)", "odd ones, or give skip_taps"),
    (lambda: TTConv(2, 2, (3,), skip="identity", skip_taps=(3,), **ONE),
     "skip_taps of TTConv is (3,)", "one tap of"),
    (lambda: CPConv(2, 2, (3,), skip_taps=(1,), **ONE),
     "skip_taps of CPConv is (1,)", "no skip; leave it out"),
    (lambda: CPConv(2, 2, (3,), dtype=torch.int64, **ONE),
     "dtype of CPConv is torch.int64", "floating-point"),
    (lambda: TTConv(2, 2, (3,), dtype="float32", **ONE), "dtype of TTConv is 'float32'", "torch.dtype"),
    (lambda: CPConv(2, 2, (3,), device="gpu0", **ONE), "device of CPConv is 'gpu0'", "such as 'cuda:0'"),
    (lambda: CPConv(2, 2, (3,), bias=None, **ONE), "bias of CPConv is None", "True or False"),
    (lambda: TuckerConv(2, 2, (3,), bias="yes", **ONE), "bias of TuckerConv is 'yes'", "True or False"),
    (lambda: SeparableDepthwise(0, (3,)), "channels of SeparableDepthwise is 0", "at least 1"),
    (lambda: SeparableDepthwise(2, (3,), norm="group"), "norm of SeparableDepthwise is 'group'", "'batch'"),
    (lambda: ConvNd(2, 2, (3, 3)), "geometry of ConvNd is (3, 3)", "expected a Geometry"),
    (lambda: ConvNd(2, 3, Geometry((3,)), groups=2), "out_channels of ConvNd is 3", "a multiple"),
    (lambda: ConvNd(2, 2, Geometry((3,)), dtype=torch.int32),
     "dtype of ConvNd is torch.int32", "floating-point"),
]  # fmt: skip
INPUTS = [
    (lambda: image()(torch.zeros(1, 3, 5, 5)), "CPConv", "(1, 3, 5, 5)", "(batch, 2, size 0, size 1)"),
    (lambda: image()(torch.zeros(1, 1, 2, 5, 5)), "CPConv", "(1, 1, 2, 5, 5)", "with or without the batch"),
    (lambda: image()(torch.zeros(1, 2, 5, 2)), "spatial mode 1", "size 2", "needs 3; use a larger input"),
    (lambda: image()(torch.zeros(1, 2, 5, 5).double()),
     "CPConv", "torch.float64", "parameters are of torch.float32"),
    (lambda: image()(torch.zeros(1, 2, 5, 5).long()), "CPConv", "torch.int64", "convert one of them"),
    (lambda: image()(np.zeros((1, 2, 5, 5))), "CPConv got a ndarray", "expected a torch.Tensor"),
    (lambda: TuckerConv(2, 2, (3,), rank=1)(None), "TuckerConv got a NoneType", "expected a torch.Tensor"),
    (lambda: TTConv(2, 2, (3,), rank=1)(torch.zeros(3, 5)), "TTConv", "(3, 5)", "(batch, 2, size 0)"),
    (lambda: SeparableDepthwise(2, (3,))(torch.zeros(1, 3, 5)),
     "SeparableDepthwise", "(1, 3, 5)", "(batch, 2,"),
    (lambda: ConvNd(2, 2, Geometry((3,)))(torch.zeros(2, 2)), "spatial mode 0", "size 2", "window needs 3"),
    (lambda: ConvNd(2, 2, Geometry((3,)))(torch.zeros(5)), "ConvNd", "(5,)", "(batch, 2, size 0)"),
    (lambda: BatchNormNd(2)(torch.zeros(2)), "BatchNormNd", "(2,)", "(batch, channels, ...)"),
    (lambda: CPConv(2, 2, (3,), rank_activation="relu", **ONE).to_kernel(), "CPConv", "without rank_norm"),
    (lambda: TuckerConv(2, 2, (3,), rank_norm="batch", **ONE).to_dense(), "TuckerConv", "no single kernel"),
]  # fmt: skip
FUNCTION = [
    (lambda: cp_conv(X, WEIGHTS[:1], FACTORS), "cp_conv", "(1,)", "expected (R,) and (T, R)"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS[:2]), "[(3, 2), (2, 2)]", "(K, R) for each spatial mode"),
    (lambda: cp_conv(X, None, FACTORS), "weights of cp_conv", "NoneType", "torch.Tensor"),
    (lambda: cp_conv(X, WEIGHTS, None), "factors of cp_conv is a NoneType", "a list of torch.Tensor"),
    (lambda: cp_conv(X, WEIGHTS, [f.numpy() for f in FACTORS]), "cp_conv", "ndarray", "torch.as_tensor"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, implementation="c"),
     "implementation of cp_conv is 'c'", "auto, chain"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, psi="relu"), "psi of cp_conv is 'relu'", "a function"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, psi=lambda z: z[:, :1]), "psi of cp_conv", "(1, 1, 5) of (1,"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, psi=torch.relu, implementation="dense"),
     "'dense'", "use 'auto'"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, bias=torch.ones(4)), "bias of cp_conv", "(4,)", "shape (3,)"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, bias=True), "bias of cp_conv is True", "shape (3,)"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, groups=2), "out_channels of cp_conv is 3", "groups=2"),
    (lambda: cp_conv(X, WEIGHTS, FACTORS, groups=1.5), "groups of cp_conv is 1.5", "whole number"),
    (lambda: cp_conv(X[:, :1], WEIGHTS, FACTORS), "cp_conv", "(1, 1, 5)", "(batch, 2, size 0)"),
    (lambda: cp_conv(X.half(), WEIGHTS, FACTORS), "cp_conv", "torch.float16", "torch.float32"),
]  # fmt: skip
FROM_FACTORS = [
    (lambda: CPConv.from_factors(WEIGHTS, FACTORS[:2]),
     "CPConv", "[(3, 2), (2, 2)]", "do not belong together"),
    (lambda: CPConv.from_factors([1.0, 1.0], FACTORS), "weights of CPConv", "a list", "torch.as_tensor"),
    (lambda: CPConv.from_factors(WEIGHTS, FACTORS, bias=torch.ones(1)),
     "bias of CPConv", "(1,)", "shape (3,)"),
    (lambda: CPConv.from_factors(WEIGHTS, FACTORS, bias=True),
     "bias of CPConv is True", "a tensor of shape (3,)"),
    (lambda: CPConv.from_factors(WEIGHTS, FACTORS, groups="2"), "groups of CPConv is '2'", "whole number"),
    (lambda: CPConv.from_factors(WEIGHTS, FACTORS, groups=2), "out_channels of CPConv is 3", "groups=2"),
    (lambda: TuckerConv.from_factors(CORE[:1], PAIR), "core of shape (1, 2, 3)", "(R_T, R_C, K, ...)"),
    (lambda: TuckerConv.from_factors(CORE, PAIR, [torch.ones(3, 4)]),
     "mode factors of shapes [(3, 4)]", "(K, R_C)"),
    (lambda: TuckerConv.from_factors(CORE, PAIR[:1]),
     "factors of shapes [(3, 2)]", "(T, R_T) and (C / groups, R_C)"),
    (lambda: TuckerConv.from_factors(CORE, PAIR, bias=torch.ones(2)),
     "bias of TuckerConv", "(2,)", "shape (3,)"),
    (lambda: TTConv.from_factors(TRAIN[:2]), "cores of shapes [(1, 2, 2), (2, 3, 2)]", "(rN, T, 1)"),
    (lambda: TTConv.from_factors([]), "cores of shapes []", "(1, C / groups, r0)"),
    (lambda: TTConv.from_factors(torch.ones(3)), "cores of TTConv is a Tensor", "a list of torch.Tensor"),
    (lambda: TTConv.from_factors(TRAIN, bias=torch.ones(3)), "bias of TTConv", "(3,)", "shape (4,)"),
]  # fmt: skip


def broken() -> nn.Module:
    """A convolution that training has ruined."""
    conv = nn.Conv2d(2, 2, 3)
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = float("nan")
        conv.weight[1, 1, 2, 2] = float("inf")
    return conv


CONV = nn.Conv2d(2, 2, 3)
FROM_CONV = [
    (lambda: CPConv.from_conv(nn.Linear(4, 4), **ONE), "got a Linear", "expected nn.Conv1d"),
    (lambda: CPConv.from_conv(nn.ConvTranspose2d(4, 4, 3), **ONE), "got a ConvTranspose2d", "or ConvNd"),
    (lambda: CPConv.from_conv(None, **ONE), "got a NoneType", "expected nn.Conv1d"),
    (lambda: CPConv.from_conv(broken(), **ONE), "(2, 2, 3, 3)", "2 non-finite entries", "repair or retrain"),
    (lambda: CPConv.from_conv(CONV, rank=-1), "rank of CPConv is -1", "at least 1"),
    (lambda: TuckerConv.from_conv(nn.Conv2d(4, 6, 3), rank=5),
     "rank (5, 5)", "the 4 input channels", "at most"),
    (lambda: TuckerConv.from_conv(nn.Conv2d(4, 6, 3), rank=(7, 2)), "rank (7, 2)", "the 6 output channels"),
    (lambda: TTConv.from_conv(CONV, rank=(1, 2, 3, 4)), "rank of TTConv is (1, 2, 3, 4)", "of order 2"),
    (lambda: CPConv.from_conv(CONV, stride=2, **ONE), "stride is 2", "change the convolution"),
    (lambda: TTConv.from_conv(CONV, groups=2, **ONE), "groups is 2", "a TTConv made of", "leave it out"),
    (lambda: CPConv.from_conv(CONV, bias=False, **ONE), "bias is False", "takes it over from"),
    (lambda: CPConv.from_conv(CONV, skip="identity", **ONE), "skip is 'identity'", "build a fresh layer"),
    (lambda: TuckerConv.from_conv(CONV, rank_norm="batch", **ONE), "rank_norm is 'batch'", "leave it out"),
    (lambda: CPConv.from_conv(CONV, solver="als", **ONE), "solver of CPConv is 'als'", "such as {'seed': 1}"),
    (lambda: TTConv.from_conv(CONV, solver={"sweeps": 9}, rank=2), "solver of TTConv has sweeps=9",
     "expected options of hocp.conv.fit_tt: seed"),
    (lambda: CPConv.from_conv(CONV, solver={"iterations": 0}, **ONE),
     "iterations of the solver is 0", "at least"),
    (lambda: CPConv.from_convs([], **ONE), "from_convs of CPConv", "none", "at least one layer"),
    (lambda: CPConv.from_convs(CONV, **ONE), "from_convs of CPConv got a Conv2d", "or use from_conv"),
    (lambda: TTConv.from_convs([CONV, nn.Conv2d(2, 3, 3)], **ONE),
     "(3, 2, 3, 3)", "the same shape and groups"),
    (lambda: CPConv.from_convs([CONV] * 2, learn_weights=False, **ONE), "learn_weights is False", "use True"),
]  # fmt: skip

CASES = GEOMETRY + CONSTRUCTORS + INPUTS + FUNCTION + FROM_FACTORS + FROM_CONV
