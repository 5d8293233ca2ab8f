"""Is a dense convolution, once factorized, still the same convolution?"""

import multiprocessing
import os
import resource
import sys
from pathlib import Path

import torch
from kernels import draw, inputs, kernel_of
from probing import EXACT, FITTED, NotRun, holds, probe, refused, same
from torch import nn

IMPORT = "Import of a dense layer"
CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
#: Ranks at which a 2-D kernel of one component, or of any kind, is represented in full.
ONE = {"cp": 1, "tucker": (1, 1), "tt": (1, 1, 1)}


def simple_conv(
    order: int = 2, *, groups: int = 1, dtype: torch.dtype = torch.float32, **options
) -> nn.Module:
    """A convolution whose kernel has one component, so that every factorization can be exact."""
    conv = CONV[order](8, 8, (3,) * order, groups=groups, **options).to(dtype)
    kernel = kernel_of("cp", draw("cp", (3,) * order, outputs=8, inputs=8 // groups, rank=1))
    with torch.no_grad():
        conv.weight.copy_(kernel / kernel.norm() * 3)
    return conv


def carried(library, form, order=2, **options):
    """Import and compare outputs."""
    conv = simple_conv(order, **options)
    x = inputs(2, 8, *(8, 9, 10)[:order], dtype=torch.float32)
    rank = {"cp": 1, "tucker": (1, 1), "tt": (1,) * (order + 1)}[form]
    same(library.from_conv(form, conv, rank=rank)(x), conv(x), tolerance=FITTED)


@probe("M1", IMPORT, "Conv1d, Conv2d and Conv3d are imported")
def orders(library, form):
    for order in CONV:
        carried(library, form, order, padding=1)


@probe("M2", IMPORT, "Each mode's stride is carried over", source="torch.nn.Conv3d")
def stride(library, form):
    carried(library, form, 3, stride=(1, 2, 2), padding=1)


@probe("M3", IMPORT, "Each mode's padding and dilation are carried over", source="tensorly/torch#32")
def padding_and_dilation(library, form):
    carried(library, form, 2, padding=(0, 2), dilation=(1, 2))


@probe("M4", IMPORT, "Groups are carried over, or refused", source="torch.nn.Conv2d")
def groups(library, form):
    carried(library, form, groups=4)
    carried(library, form, groups=8)


@probe("M5", IMPORT, "Padding 'same' is carried over", source="torch.nn.Conv2d")
def same_padding(library, form):
    carried(library, form, padding="same", dilation=2)


@probe("M6", IMPORT, "The padding mode is carried over", source="torch.nn.Conv2d")
def padding_mode(library, form):
    for mode in ("circular", "reflect", "replicate"):
        carried(library, form, padding=1, padding_mode=mode)


@probe("M7", IMPORT, "A bias is carried over; none is made up")
def bias(library, form):
    conv = simple_conv(bias=True)
    carried_over = library.from_conv(form, conv, rank=ONE[form]).bias
    holds(carried_over is not None, "the bias is gone")
    same(carried_over, conv.bias, what="bias")
    holds(
        library.from_conv(form, simple_conv(bias=False), rank=ONE[form]).bias is None,
        "a bias from nowhere",
    )


@probe("M8", IMPORT, "The layer shares no memory with the original, which stays as it was")
def own_memory(library, form):
    conv = simple_conv(bias=True)
    before = {name: value.clone() for name, value in conv.state_dict().items()}
    layer = library.from_conv(form, conv, rank=ONE[form])
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(1)
    for name, value in conv.state_dict().items():
        holds(torch.equal(value, before[name]), f"training the layer changes the original's {name}")


@probe("M9", IMPORT, "dtype is kept: float64 and bfloat16")
def dtype(library, form):
    for kind, tolerance in ((torch.float64, FITTED), (torch.bfloat16, 0.05)):
        conv = simple_conv(dtype=kind)
        x = inputs(2, 8, 7, 7).to(kind)
        y = library.from_conv(form, conv, rank=ONE[form])(x)
        holds(y.dtype == kind, f"output in {y.dtype}")
        same(y, conv(x), tolerance=tolerance)


@probe("M10", IMPORT, "Training or evaluation mode is kept", source="torch.nn.Module.eval")
def mode(library, form):
    layer = library.from_conv(form, simple_conv().eval(), rank=ONE[form])
    holds(not layer.training, "back in training mode")


@probe("M11", IMPORT, "Tucker and tensor train at full rank are exact in float64")
def full_rank(library):
    torch.manual_seed(1)
    conv = nn.Conv2d(4, 5, 3, padding=1, dtype=torch.float64)
    x = inputs(2, 4, 6, 6)
    for form, rank in (("tucker", (5, 4)), ("tt", (4, 12, 5))):
        same(library.from_conv(form, conv, rank=rank)(x), conv(x), tolerance=EXACT)


@probe("M12", IMPORT, "A CP kernel of rank 3 is found again to 1e-6")
def exact_cp(library):
    conv = nn.Conv2d(8, 8, 3, padding=1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        conv.weight.copy_(kernel_of("cp", draw("cp", (3, 3), outputs=8, inputs=8, rank=3)))
    x = inputs(2, 8, 6, 6)
    same(library.from_conv("cp", conv, rank=3)(x), conv(x), tolerance=1e-6)


@probe("M13", IMPORT, "A kernel of zeros, or all alike, gives a finite layer of the same output")
def degenerate(library, form):
    x = inputs(2, 8, 6, 6, dtype=torch.float32)
    rank = {"cp": 4, "tucker": (3, 3), "tt": (3, 3, 3)}[form]
    for value in (0.0, 0.5):
        conv = nn.Conv2d(8, 8, 3)
        nn.init.constant_(conv.weight, value)
        same(library.from_conv(form, conv, rank=rank)(x), conv(x), tolerance=FITTED)


@probe("M14", IMPORT, "A kernel with a NaN is refused by name")
def not_finite(library, form):
    conv = nn.Conv2d(8, 8, 3)
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = torch.nan
    refused(
        lambda conv=conv: library.from_conv(form, conv, rank=ONE[form]),
        naming="finite",
        errors=(ValueError, RuntimeError),
    )


@probe("M15", IMPORT, "Kernels of size 1e-20 and 1e20 are as near as those of size 1")
def scale(library, form):
    for size in (1e-20, 1e20):
        conv = simple_conv(bias=False)
        with torch.no_grad():
            conv.weight.mul_(size)
        x = inputs(2, 8, 6, 6, dtype=torch.float32)
        y = library.from_conv(form, conv, rank=ONE[form])(x)
        same(y / size, conv(x) / size, tolerance=FITTED)


@probe("M16", IMPORT, "A transposed convolution, which is another map, is refused")
def transposed(library, form):
    conv = nn.ConvTranspose2d(8, 8, 3)
    refused(
        lambda conv=conv: library.from_conv(form, conv, rank=ONE[form]),
        naming="ConvTranspose2d",
    )


@probe("M17", IMPORT, "The error of the kernel is told")
def told_error(library):
    conv = nn.Conv2d(8, 8, 3, dtype=torch.float64)
    layer = library.from_conv("cp", conv, rank=6)
    told = library.kernel_error(layer)
    found = kernel_of("cp", [t.detach().double() for t in library.numbers("cp", layer)])
    true = float((found - conv.weight).norm() / conv.weight.norm())
    holds(abs(told - true) < 1e-6, f"told {told:.3g}, is {true:.3g}")


@probe("M18", IMPORT, "Above a tolerance the import is refused")
def bounded_error(library):
    conv = nn.Conv2d(8, 8, 3)
    refused(lambda: library.import_within(conv, rank=1, tolerance=0.01))
    library.import_within(simple_conv(), rank=1, tolerance=0.01)


@probe(
    "M19", IMPORT, "A 256 to 128 channel 3-D kernel is imported within 512 MiB", source="tensorly/torch#32"
)
def memory(library):
    if sys.platform != "linux":
        raise NotRun("memory is limited and counted as Linux does")
    conv = nn.Conv3d(256, 128, 3, bias=False)
    library.from_conv("cp", simple_conv(), rank=1)  # loads all libraries before memory is counted
    context = multiprocessing.get_context("fork")  # a process of its own, since limits cannot be lifted again
    child = context.Process(target=_import_within, args=(library, conv, 512 * 2**20), daemon=True)
    child.start()
    child.join(60)
    late = child.is_alive()
    child.kill()
    holds(not late, "no answer within 60 s")
    holds(child.exitcode == 0, "more than 512 MiB asked for" if child.exitcode == 3 else "ended by a signal")


def _import_within(library, conv: nn.Module, extra: int) -> None:
    """Run in a fork: end with 3 where the memory is too little."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra,) * 2)
    try:
        library.from_conv("cp", conv, rank=8)
    except (MemoryError, RuntimeError):
        os._exit(3)
    os._exit(0)
