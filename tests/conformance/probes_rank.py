"""Joint tensors, and ranks that are chosen, gated, dropped and pruned."""

import torch
from kernels import convolve, draw, inputs, kernel_of
from probes_import import simple_conv
from probing import FITTED, Failed, holds, probe, refused, same
from torch import nn

JOINT, RANK = "Joint tensors", "Rank"
PAPER, T_NET = "Kossaifi et al. 2020", "Kossaifi et al. 2019 (T-Net)"
LASSO, DROPOUT = "tltorch.tensor_hooks.tensor_lasso", "tltorch.tensor_hooks.tensor_dropout"


def alike(count: int = 3, **changes) -> list[nn.Module]:
    """Convolutions whose stacked kernels have one component."""
    first = simple_conv(padding=1)
    convs = []
    for index in range(count):
        options = {name: values[index] for name, values in changes.items()}
        conv = nn.Conv2d(8, 8, 3, **{"padding": 1, **options})
        with torch.no_grad():
            conv.weight.copy_(first.weight * (index + 1))
        convs.append(conv)
    return convs


@probe(
    "J1",
    JOINT,
    "Three layers share one tensor, and each is its original",
    source=T_NET,
)
def joint(library):
    convs = alike()
    layers = library.from_convs("cp", convs, rank=1)
    x = inputs(2, 8, 6, 6, dtype=torch.float32)
    for layer, conv in zip(layers, convs, strict=True):
        same(layer(x), conv(x), tolerance=FITTED)
    shared = [{id(parameter) for parameter in layer.parameters()} for layer in layers]
    holds(bool(set.intersection(*shared)), "nothing is shared")


@probe("J2", JOINT, "Each keeps its own stride, padding and bias")
def own_options(library):
    convs = alike(stride=(1, (2, 1), 2), padding=(1, 0, (0, 2)), bias=(True, False, True))
    x = inputs(2, 8, 6, 6, dtype=torch.float32)
    for layer, conv in zip(library.from_convs("cp", convs, rank=1), convs, strict=True):
        same(layer(x), conv(x), tolerance=FITTED)


@probe("J3", JOINT, "Layers of unlike shape are refused")
def unlike(library):
    convs = [nn.Conv2d(8, 8, 3), nn.Conv2d(8, 6, 3)]
    refused(lambda: library.from_convs("cp", convs, rank=1), errors=(ValueError, RuntimeError))


def unit(rank: int = 3) -> list[torch.Tensor]:
    """CP tensors with weights of one."""
    tensors = draw("cp", (3, 3), rank=rank)
    return [torch.ones_like(tensors[0]), *tensors[1:]]


def gate(library, *values: float, penalty: float = 0.1):
    """A layer under the lasso with these gates, and the CP tensors."""
    tensors = unit(len(values))
    gated = library.gated(tensors, penalty=penalty)
    with torch.no_grad():
        gated.gates.copy_(torch.tensor(values))
    return gated, tensors


@probe("R1", RANK, "A gate of zero removes its component", source=LASSO)
def gates_act(library):
    x = inputs(2, 4, 6, 6)
    gated, tensors = gate(library, 1.0, 0.0, 1.0)
    tensors[0] = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    same(gated.layer(x), convolve(x, kernel_of("cp", tensors)))


@probe("R2", RANK, "The gradient of the task reaches the gates", source=PAPER)
def gates_learn(library):
    x = inputs(2, 4, 6, 6)
    gated, tensors = gate(library, 1.0, 1.0, 1.0)
    (found,) = torch.autograd.grad(gated.layer(x).square().mean(), gated.gates, allow_unused=True)
    if found is None:
        raise Failed("gates are unused by the output")
    tensors[0].requires_grad_()
    convolve(x, kernel_of("cp", tensors)).square().mean().backward()
    same(found, tensors[0].grad, what="gradient")


@probe(
    "R3",
    RANK,
    "The penalty counts once: 0.1 for each of 3 gates of one",
    source=LASSO,
)
def penalty(library):
    gated, _ = gate(library, 1.0, 1.0, 1.0, penalty=0.1)
    gated.layer(inputs(1, 4, 4, 4))
    found = float(gated.penalty())
    holds(abs(found - 0.3) < 1e-6, f"penalty {found:.3g}, expected 0.3")


@probe("R4", RANK, "Negative gates live on", source=LASSO)
def negative_gates(library):
    gated, _ = gate(library, -0.5, -0.5, 1.0)
    gated.layer(inputs(1, 4, 4, 4))
    found = gated.gates.detach().tolist()
    holds(found == [-0.5, -0.5, 1.0], f"gates -0.5, -0.5, 1 became {', '.join(f'{v:g}' for v in found)}")


@probe("R5", RANK, "Dropout of components works at every rank", source=DROPOUT)
def dropout(library):
    x = inputs(1, 4, 5, 5)
    for rank in (1, 2, 3, 8):
        tensors = unit(rank)
        layer = library.drop_components(tensors, chance=0.5)
        layer.train()
        holds(bool(layer(x).isfinite().all()), f"rank {rank}: not finite")
        same(layer.eval()(x), convolve(x, kernel_of("cp", tensors)), what=f"rank {rank}, evaluated, output")


@probe("R6", RANK, "Dropout of components keeps the expected output", source=DROPOUT)
def unbiased_dropout(library):
    x, tensors = inputs(1, 4, 4, 4), unit(6)
    layer = library.drop_components(tensors, chance=0.5).train()
    with torch.no_grad():
        mean = torch.stack([layer(x) for _ in range(1500)]).mean(0)
    same(mean, convolve(x, kernel_of("cp", tensors)), tolerance=0.15, what="mean output")


@probe("R7", RANK, "Pruning shrinks every factor and leaves the output", source=PAPER)
def pruning(library):
    x = inputs(2, 4, 6, 6)
    tensors = draw("cp", (3, 3), rank=5)
    tensors[0][1] = tensors[0][3] = 0
    layer = library.prune(library.layer("cp", tensors))
    same(layer(x), convolve(x, kernel_of("cp", tensors)))
    kept = {tensor.shape[-1] for tensor in library.numbers("cp", layer)}
    holds(kept == {3}, f"ranks {sorted(kept)}, expected 3")


@probe(
    "R8",
    RANK,
    "Training goes on after pruning as if the components had stayed at zero",
    source="torch.optim.Adam",
)
def pruned_training(library):
    x, tensors = inputs(2, 4, 6, 6), draw("cp", (3, 3), rank=5)
    gone, outputs = [1, 3], []
    for prune in (False, True):
        layer = library.layer("cp", tensors)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        _train(library, layer, optimizer, x)
        with torch.no_grad():
            library.numbers("cp", layer)[0][gone] = 0
        if prune:
            layer = library.prune(layer, optimizer)
        for _ in range(3):
            _train(library, layer, optimizer, x, gone=[] if prune else gone)
        outputs.append(layer(x))
    same(outputs[1], outputs[0])


def _train(library, layer: nn.Module, optimizer, x: torch.Tensor, *, gone: list[int] | None = None) -> None:
    """One step, behind which these components are gone again."""
    optimizer.zero_grad()
    layer(x).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        library.numbers("cp", layer)[0][gone or []] = 0


@probe("R9", RANK, "A rank for half of the dense parameters gives half of them")
def budget(library):
    layer = library.rank_for((32, 48), (3, 3), share=0.5, of="parameters")
    count, wanted = sum(parameter.numel() for parameter in layer.parameters()), 32 * 48 * 9 // 2
    holds(abs(count / wanted - 1) < 0.02, f"{count} parameters, asked for {wanted}")


@probe("R10", RANK, "A rank for half of the dense multiply-adds keeps within them, just")
def budget_of_work(library):
    layer = library.rank_for((32, 48), (3, 3), share=0.5, of="multiply-adds")
    *_, last = library.numbers("cp", layer)
    count, wanted = last.shape[1] * (32 + 48 + 3 + 3), 32 * 48 * 9 // 2  # at each position
    holds(0.97 < count / wanted <= 1, f"{count} at a position, asked for {wanted}")
