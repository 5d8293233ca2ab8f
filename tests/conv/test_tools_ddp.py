"""Two processes with half a batch each learn what one process learns from the whole, for every class."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tool_cases import FEW, KINDS, Side, image
from torch import distributed, nn

from hocp.conv import CPConv, TTConv, TuckerConv

PROCESSES = 2
#: Batch norms see half a batch each, so those of the ``block`` and ``norms`` cases are left in eval mode.
JOINT = {"cp": (CPConv, 3), "tucker": (TuckerConv, (2, 2)), "tt": (TTConv, 2)}


class Joint(nn.Module):
    """Two layers in a row that share tensors, for each factorization."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.ModuleDict()
        for name, (kind, rank) in JOINT.items():
            convs = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(2)]
            self.pairs[name] = nn.Sequential(*kind.from_convs(convs, rank=rank))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 4, D0, D1) -> one output a factorization."""
        return tuple(pair(x) for pair in self.pairs.values())


class Everything(nn.Module):
    """All forms of order 2, one of each class of orders 1 and 4, and joint layers."""

    def __init__(self) -> None:
        super().__init__()
        names = {1: FEW, 2: tuple(KINDS), 4: FEW}
        self.orders = nn.ModuleDict({str(order): Side(order, names[order]) for order in names})
        self.joint = Joint()

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Inputs by order -> mean square of all outputs."""
        outputs = [y for order, side in self.orders.items() for y in side(inputs[order])]
        return torch.stack([y.square().mean() for y in (*outputs, *self.joint(inputs["2"]))]).sum()


def made() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """The same network and batch in every process."""
    torch.manual_seed(0)
    network = Everything().eval()
    return network, {order: image(int(order), batch=2 * PROCESSES) for order in network.orders}


def train(network: nn.Module, inputs: dict[str, torch.Tensor], *, steps: int = 2) -> None:
    """Plain gradient descent on a loss that is a mean over the batch, so halves may be averaged."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        network(inputs).backward()
        optimizer.step()


def work(folder: Path, rank: int) -> None:
    """One of the processes: train on its share, write its parameters."""
    meeting = f"file://{folder}/meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=PROCESSES)
    network, inputs = made()
    share = {order: x.chunk(PROCESSES)[rank] for order, x in inputs.items()}
    train(nn.parallel.DistributedDataParallel(network), share)
    numbers = {name: parameter.double().tolist() for name, parameter in network.named_parameters()}
    (folder / f"{rank}.json").write_text(json.dumps(numbers), "utf-8")
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no distributed package")
def test_two_processes_train_as_one(tmp_path, root):
    command = [sys.executable, __file__, str(tmp_path)]
    options = {"stderr": subprocess.PIPE, "env": os.environ | {"PYTHONPATH": str(root)}}
    workers = [subprocess.Popen([*command, str(rank)], **options) for rank in range(PROCESSES)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors.decode()
    network, inputs = made()
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    train(network, inputs)
    for rank in range(PROCESSES):
        numbers = json.loads((tmp_path / f"{rank}.json").read_text("utf-8"))
        assert numbers.keys() == before.keys()  # what layers share is one parameter
        for name, parameter in network.named_parameters():
            found = torch.tensor(numbers[name]).to(parameter)
            torch.testing.assert_close(found, parameter.detach(), rtol=1e-4, atol=1e-6)
            assert not torch.equal(parameter, before[name]), name


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
