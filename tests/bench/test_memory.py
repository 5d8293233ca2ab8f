"""What is counted as kept and as allocated, against values by hand."""

import torch
from torch import nn

from tests.bench.memory import highest, peak_bytes, saved_bytes

KB = 1024


def x():
    return torch.ones(16, 64)  # 4 KB


def test_a_linear_layer_keeps_its_input_alone():
    assert saved_bytes(nn.Linear(64, 32), x()) == 4 * KB


def test_one_storage_counts_once():
    class Thrice(nn.Module):
        def forward(self, x):
            return (x * x).sum() + (x.t() * x.t()).sum()  # keeps x and views of it

    assert saved_bytes(Thrice(), x()) == 4 * KB


def test_every_activation_counts():
    layers = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid())
    assert saved_bytes(layers, x()) == 3 * 4 * KB  # the input, and what each sigmoid gives


def test_checkpointing_keeps_the_input_alone():
    class Recomputed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid())

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.layers, x, use_reentrant=False)

    assert saved_bytes(Recomputed(), x()) == 4 * KB


def test_peak_is_of_what_lives_at_one_time():
    def call():
        first = torch.empty(10 * KB, dtype=torch.uint8)
        del first
        second, third = (torch.empty(8 * KB, dtype=torch.uint8) for _ in range(2))
        del second
        return third

    peak_bytes(call)  # the profiler's own start
    assert peak_bytes(call) == 16 * KB


def test_what_was_there_before_does_not_count():
    given = torch.ones(100 * KB)
    assert peak_bytes(lambda: given[: KB // 4].clone()) == KB


def test_highest_level():
    assert highest([5, -5, 3, 4, -1]) == 7
    assert highest([-3, 2]) == 0
