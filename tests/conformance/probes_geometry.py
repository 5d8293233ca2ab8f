"""Is the output that of the reconstructed kernel, whatever the order and the options?"""

import torch
from kernels import FORMS, convolve, draw, inputs, kernel_of
from probing import probe, same

GEOMETRY, ORDERS = "Geometry", "tltorch.FactorizedConv"
CONV = "torch.nn.Conv2d"


def agree(library, form, kernel, *, size=None, bias=None, groups=1, x=None, **options):
    """Layer against slow convolution in float64; returns the layer."""
    tensors = draw(form, kernel, outputs=6, inputs=4 // groups)
    options |= {} if groups == 1 else {"groups": groups}
    layer = library.layer(form, tensors, bias=bias, **options)
    x = inputs(2, 4, *(size or (6, 7, 8, 4, 3)[: len(kernel)])) if x is None else x
    same(layer(x), convolve(x, kernel_of(form, tensors), bias=bias, **options))
    return layer


@probe("G1", GEOMETRY, "CP of order 1, 2 and 3 is the convolution with its kernel", source=CONV)
def cp(library):
    for order in (1, 2, 3):
        agree(library, "cp", (3, 2, 3)[:order], padding=1)


@probe("G2", GEOMETRY, "Tucker of order 1, 2 and 3 is, too", source=CONV)
def tucker(library):
    for order in (1, 2, 3):
        agree(library, "tucker", (3, 2, 3)[:order], padding=1)


@probe("G3", GEOMETRY, "Tensor train of order 1, 2 and 3 is, too", source=CONV)
def tensor_train(library):
    for order in (1, 2, 3):
        agree(library, "tt", (3, 2, 3)[:order], padding=1)


@probe("G4", GEOMETRY, "CP of order 4 and 5 is, too", source=ORDERS)
def cp_of_high_order(library):
    agree(library, "cp", (3, 2, 3, 2), padding=1)
    agree(library, "cp", (2, 1, 3, 2, 2), stride=(1, 1, 2, 1, 1))


@probe("G5", GEOMETRY, "Tucker of order 4 is, too", source=ORDERS)
def tucker_of_high_order(library):
    agree(library, "tucker", (3, 2, 3, 2), padding=1)


@probe("G6", GEOMETRY, "Tensor train of order 4 is, too", source=ORDERS)
def tensor_train_of_high_order(library):
    agree(library, "tt", (3, 2, 3, 2), padding=1)


@probe("G7", GEOMETRY, "Each mode has its own stride", source=CONV)
def stride(library, form):
    agree(library, form, (3, 3, 3), stride=(1, 2, 3))


@probe("G8", GEOMETRY, "Each mode has its own padding and dilation", source="tensorly/torch#27")
def padding_and_dilation(library, form):
    agree(library, form, (2, 3, 3), padding=(0, 1, 3), dilation=(3, 1, 2))


@probe(
    "G9", GEOMETRY, "Padding may differ before and after (causal in time)", source="torch.nn.functional.pad"
)
def one_sided_padding(library, form):
    agree(library, form, (3, 3), padding=((2, 0), (0, 1)))


@probe("G10", GEOMETRY, "Padding 'same' and 'valid', even kernels included", source=CONV)
def named_padding(library, form):
    agree(library, form, (4, 3), padding="same", dilation=(1, 2))
    agree(library, form, (4, 3), padding="valid")


@probe("G11", GEOMETRY, "Padding modes reflect, replicate and circular", source=CONV)
def padding_modes(library, form):
    for mode in ("reflect", "replicate", "circular"):
        agree(library, form, (3, 5), padding=(1, 2), stride=(2, 1), padding_mode=mode)


@probe("G12", GEOMETRY, "Groups, up to one channel each", source=CONV)
def groups(library, form):
    agree(library, form, (3, 3), groups=2, padding=1)
    tensors = draw(form, (3, 3), outputs=4, inputs=1)
    x = inputs(2, 4, 5, 5)
    same(library.layer(form, tensors, groups=4)(x), convolve(x, kernel_of(form, tensors), groups=4))


@probe("G13", GEOMETRY, "A bias is added once", source=CONV)
def bias(library, form):
    agree(library, form, (3, 3), bias=inputs(6))


@probe("G14", GEOMETRY, "Kernels of one tap, and as large as the padded input", source=CONV)
def extreme_kernels(library, form):
    agree(library, form, (1, 1))
    agree(library, form, (7, 5), size=(5, 5), padding=(1, 0))


@probe("G15", GEOMETRY, "Rank 1, and a rank far above every mode")
def extreme_ranks(library):
    x = inputs(2, 4, 6, 6)
    for rank in (1, 40):
        tensors = draw("cp", (3, 3), rank=rank)
        same(library.layer("cp", tensors, padding=1)(x), convolve(x, kernel_of("cp", tensors), padding=1))


@probe("G16", GEOMETRY, "A hundred random combinations of order, stride, padding, dilation agree")
def random_options(library):
    """Drawn from what both libraries take."""
    generator = torch.Generator().manual_seed(3)

    def pick(*choices):
        return choices[int(torch.randint(len(choices), (1,), generator=generator))]

    for _ in range(DRAWS):
        order = pick(1, 2, 2, 3)
        kernel, stride = (tuple(pick(1, 2, 3) for _ in range(order)) for _ in range(2))
        dilation, padding = (tuple(pick(1, 2) for _ in range(order)) for _ in range(2))
        agree(
            library, pick(*FORMS), kernel, stride=stride, dilation=dilation, padding=padding,
            size=tuple(pick(4, 5, 7) for _ in range(order)), bias=pick(None, inputs(6)),
        )  # fmt: skip


DRAWS = 100
