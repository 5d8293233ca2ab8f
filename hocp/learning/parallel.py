"""One process, or several started by torchrun, behind one face.

On several processes each computes a share of every batch. Predictions are gathered before the loss, whose
moments are therefore those of the whole batch, as on one process; batch norms see their own share.
"""

import gc
import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """Which process this is, of how many, and what it computes on."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of a batch.

        Raises
        ------
        ValueError
            If the batch does not divide.
        """
        if batch % self.size:
            raise ValueError(
                f"training.batch is {batch}, which {self.size} processes cannot share equally; use a "
                "multiple or another number of processes"
            )
        part = batch // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network, with its gradients averaged over the processes.

        Drop an earlier wrapper of the network before: its hooks on the parameters go with it.
        """
        if self.size == 1:
            return network
        gc.collect()  # the earlier wrapper is part of a cycle
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=ids)

    def gather(self, values: Tensor) -> Tensor:
        """All processes' values, along the first mode; gradients flow into this process's own alone.

        Every process then computes the same loss, and the average of gradients that
        `DistributedDataParallel` takes is the gradient divided by their number: scale the loss by `size`.
        """
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        torch.distributed.all_gather(parts, values.detach().contiguous())
        parts[self.rank] = values
        return torch.cat(parts)

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        if self.size == 1:
            return flag
        value = torch.tensor(int(flag), device=self.device)
        torch.distributed.all_reduce(value, torch.distributed.ReduceOp.MAX)
        return bool(value)

    def finish(self) -> None:
        """Wait for the others and leave."""
        if self.size > 1:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


def start(device: str = "auto") -> Processes:
    """Join the processes of torchrun, or stand alone where it did not start us.

    Parameters
    ----------
    device : str
        "auto" takes the GPU of this process where there is one; otherwise a PyTorch device.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    chosen = _device(device, local=int(os.environ.get("LOCAL_RANK", 0)))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
    if size > 1:
        torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    return Processes(rank, size, chosen)


def _device(name: str, *, local: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"--device is {name!r}, expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device is {name!r}, and PyTorch finds no GPU here; use cpu or auto")
    return torch.device("cuda", local) if name == "cuda" else device


def describe(device: torch.device) -> str:
    """What a record calls the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
