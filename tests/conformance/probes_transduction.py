"""Does a layer of images, made one of clips, still see every frame as before?"""

import torch
from kernels import draw, inputs
from probes_rank import PAPER, T_NET, alike
from probing import EXACT, SINGLE, holds, probe, refused, same
from torch import Tensor, nn

TRANSDUCTION = "Transduction"
FRAMES = 5


def image_layer(
    library, form: str = "cp", *, dtype=torch.float64, order: int = 2, bias: bool = True
) -> nn.Module:
    """A layer whose output keeps the size."""
    tensors = [tensor.to(dtype) for tensor in draw(form, (3,) * order)]
    return library.layer(form, tensors, padding=1, bias=inputs(5, dtype=dtype) if bias else None)


def clip(*sizes: int, dtype=torch.float64) -> Tensor:
    """(B, C, D0, ...) with as many leading spatial modes of FRAMES as wanted."""
    return inputs(2, 4, *sizes, dtype=dtype)


def by_frame(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer on each frame by itself."""
    return torch.stack([layer(frame) for frame in x.unbind(2)], 2)


def framewise(library, form: str, dtype: torch.dtype, tolerance: float) -> None:
    """Identity transduction against the image layer on every frame."""
    x = clip(FRAMES, 6, 7, dtype=dtype)
    image = image_layer(library, form, dtype=dtype)
    expected = by_frame(image, x).detach()
    same(library.transduce(image)(x), expected, tolerance=tolerance)


@probe("X1", TRANSDUCTION, "CP, float32: every frame is the image layer's output", source=PAPER)
def cp_single(library):
    framewise(library, "cp", torch.float32, SINGLE)


@probe("X2", TRANSDUCTION, "CP, float64: to 1e-10", source=PAPER)
def cp_double(library):
    framewise(library, "cp", torch.float64, EXACT)


@probe("X3", TRANSDUCTION, "Tucker: every frame is the image layer's output", source=PAPER)
def tucker(library):
    framewise(library, "tucker", torch.float32, SINGLE)


@probe("X4", TRANSDUCTION, "Tensor train: every frame is the image layer's output", source=PAPER)
def tensor_train(library):
    framewise(library, "tt", torch.float32, SINGLE)


@probe("X5", TRANSDUCTION, "From one mode to two to three, step by step", source=PAPER)
def step_by_step(library):
    x = clip(3, FRAMES, 6, dtype=torch.float32)
    line = image_layer(library, dtype=torch.float32, order=1)
    expected = torch.stack([by_frame(line, part) for part in x.unbind(2)], 2).detach()
    same(library.transduce(library.transduce(line))(x), expected, tolerance=SINGLE)


@probe("X6", TRANSDUCTION, "Two new modes in one call", source=PAPER)
def two_modes(library):
    x = clip(3, FRAMES, 6)
    line = image_layer(library, order=1)
    expected = torch.stack([by_frame(line, part) for part in x.unbind(2)], 2).detach()
    same(library.transduce(line, taps=(3, 3))(x), expected)


@probe("X7", TRANSDUCTION, "Beyond order 3: clips of volumes", source=PAPER)
def volumes(library):
    x = clip(3, 4, 5, 4, dtype=torch.float32)
    volume = image_layer(library, dtype=torch.float32, order=3)
    expected = by_frame(volume, x).detach()
    same(library.transduce(volume)(x), expected, tolerance=SINGLE)


@probe("X8", TRANSDUCTION, "With the average as initial factor, a still clip gives the image's output")
def average(library):
    image = image_layer(library)
    still = clip(1, 6, 7).expand(-1, -1, FRAMES, -1, -1)
    expected = by_frame(image, still).detach()
    found = library.transduce(image, init="average")(still)
    same(found[:, :, 1:-1], expected[:, :, 1:-1])


@probe("X9", TRANSDUCTION, "An even temporal kernel, which has no centre, is refused", source=PAPER)
def even(library):
    image = image_layer(library, dtype=torch.float32)
    refused(lambda: library.transduce(image, taps=2), naming="2")


@probe("X10", TRANSDUCTION, "The layer tells its new shape throughout")
def told_shape(library):
    layer = library.transduce(image_layer(library, dtype=torch.float32))
    for sizes in library.reported_sizes(layer):
        holds(sizes == (5, 4, 3, 3, 3), f"says {sizes}, expected (5, 4, 3, 3, 3)")


@probe(
    "X11",
    TRANSDUCTION,
    "Joint layers stay joint, and every frame exact",
    source=T_NET,
)
def joint(library):
    x = inputs(2, 8, FRAMES, 6, 6, dtype=torch.float32)
    layers = nn.ModuleList(library.from_convs("cp", alike(), rank=1))
    expected = [by_frame(layer, x).detach() for layer in layers]
    count = sum(parameter.numel() for parameter in layers.parameters())
    longer = library.transduce(layers)
    for layer, right in zip(longer, expected, strict=True):
        same(layer(x), right, tolerance=SINGLE)
    grown = sum(parameter.numel() for parameter in longer.parameters()) - count
    holds(grown in (3, 9), f"{grown} new parameters for one component of 3 taps")


@probe("X12", TRANSDUCTION, "A whole network in one call: norms, pooling, shortcut, head")
def network(library):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = image_layer(library, dtype=torch.float32), nn.BatchNorm2d(5)
            self.short, self.pool = nn.Conv2d(4, 5, 1), nn.MaxPool2d(2)

        def forward(self, x):
            return self.pool((self.norm(self.conv(x)) + self.short(x)).relu())

    image = nn.Sequential(Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    x = clip(FRAMES, 6, 8, dtype=torch.float32)
    expected = torch.stack([image(frame) for frame in x.unbind(2)], 1).detach()
    same(library.transduce_network(image)(x), expected, tolerance=SINGLE)


@probe("X13", TRANSDUCTION, "Stage one trains the new factor and leaves all others bit for bit", source=PAPER)
def stage_one(library):
    layer = library.freeze_old(image_layer(library, dtype=torch.float32))
    before = [(parameter, parameter.detach().clone()) for parameter in layer.parameters()]
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        layer(clip(FRAMES, 6, 7, dtype=torch.float32)).square().mean().backward()
        optimizer.step()
    moved = [tuple(parameter.shape) for parameter, value in before if not torch.equal(parameter, value)]
    holds(moved == [(3, 3)], f"moved: {moved or 'nothing'}")


@probe("X14", TRANSDUCTION, "Stage two gives back every trainable flag as it was", source=PAPER)
def stage_two(library):
    image = image_layer(library, dtype=torch.float32)
    image.bias.requires_grad_(False)
    layer = library.freeze_old(image)
    library.unfreeze(layer)
    flags = {name: parameter.requires_grad for name, parameter in layer.named_parameters()}
    holds(flags.pop("bias") is False, "a bias that was frozen before is trained")
    holds(all(flags.values()), f"frozen for good: {[name for name, flag in flags.items() if not flag]}")


@probe("X15", TRANSDUCTION, "Asked not to freeze, it keeps every trainable flag")
def flags_kept(library):
    image = image_layer(library, dtype=torch.float32)
    layer = library.transduce(image)
    frozen = [name for name, parameter in layer.named_parameters() if not parameter.requires_grad]
    holds(not frozen, f"frozen: {frozen}")


@probe("X16", TRANSDUCTION, "The transduced numbers load into a layer built for clips from the start")
def reload(library):
    built = library.fresh("cp", (4, 5), (3, 3, 3), rank=3, padding=1, bias=True)
    layer = library.transduce(image_layer(library, dtype=torch.float32))
    built.load_state_dict(layer.state_dict())
    x = clip(FRAMES, 6, 7, dtype=torch.float32)
    same(built(x), layer(x), tolerance=SINGLE)
