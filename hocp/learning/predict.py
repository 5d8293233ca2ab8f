"""Predictions for every frame of a part of a data set.

Shape legend: N frames of the part, K outputs of the network, F frames of a window.
"""

from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hocp.clips import Frames, Prepared, Windows, normalise

#: Frames that one forward pass of an evaluation holds, windows together.
FRAMES_A_BATCH = 128


def source_of(data: Prepared, position: Tensor, *, frames: int, order: int) -> Frames | Windows:
    """Single frames for a network of order 2, windows for one of order 3."""
    return Frames(data, position) if order == 2 else Windows(data, position, frames=frames)


@contextmanager
def evaluating(network: nn.Module):
    """Evaluation mode, and back to what it was."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)


@torch.inference_mode()
def predict(network: nn.Module, source: Frames | Windows, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Predict every frame of a source; a frame in several windows gets their mean.

    Returns
    -------
    position : Tensor of int64, shape (N,)
        Index of each frame in the data set's items, ascending.
    outputs : Tensor of float32, shape (N, K)
    """
    total = count = None
    step = max(1, FRAMES_A_BATCH // getattr(source, "frames", 1))
    with evaluating(network):
        for index in torch.arange(len(source)).split(step):
            batch = source[index].to(device)
            outputs = network(normalise(batch.images))[batch.mask].double().cpu()
            if total is None:
                total = torch.zeros(len(source.data.items), outputs.shape[1], dtype=torch.float64)
                count = torch.zeros(len(source.data.items), 1, dtype=torch.float64)
            place = batch.position[batch.mask].cpu()
            total.index_add_(0, place, outputs)
            count.index_add_(0, place, torch.ones(len(place), 1, dtype=torch.float64))
    position = source.position.sort().values
    if total is None:
        return position, torch.zeros(0, 2)
    assert bool((count[position] > 0).all()), "a frame was left out"
    return position, (total[position] / count[position]).float()
