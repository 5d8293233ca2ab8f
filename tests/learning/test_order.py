"""The batches of training: each item once in a pass, decided by seed and step alone."""

import prepared
import pytest
import torch

from hocp.clips import Frames, Prepared, Windows
from hocp.learning.order import Steps, loader

AUGMENT = prepared.TRAINING["augment"]


@pytest.fixture(scope="module")
def data(afew_va):
    return Prepared(afew_va)


def _steps(data, *, share=slice(None), seed=0, batch=10, frames=None) -> Steps:
    part = data.part("train", 0)
    source = Windows(data, part, frames=frames) if frames else Frames(data, part)
    return Steps(source, batch, seed=seed, augmentation=AUGMENT, share=share)


def test_each_item_comes_once_in_a_pass_and_passes_differ(data):
    steps = _steps(data)
    passes = [
        torch.cat([steps.indices(s) for s in range(first, last)]) for first, last in ((0, 36), (36, 72))
    ]
    stream = torch.cat(passes)
    n = len(steps.source)  # 72 frames, 10 a batch: passes end inside a batch
    for k in range(len(stream) // n):
        assert sorted(stream[k * n : (k + 1) * n].tolist()) == list(range(n))
    assert not torch.equal(stream[:n], stream[n : 2 * n])


def test_a_batch_larger_than_the_data_takes_several_passes(data):
    indices = _steps(data, batch=200).indices(0)
    assert indices.bincount().tolist() == [3 if k in indices[144:].tolist() else 2 for k in range(72)]


def test_seed_and_step_decide_a_batch(data):
    first, again, other = (_steps(data, frames=4, seed=seed) for seed in (0, 0, 1))
    later = again[7]  # asked for out of order
    assert torch.equal(first[7][0].position, later[0].position)
    assert torch.equal(first[7][1].theta, later[1].theta)
    assert not torch.equal(first[7][0].position, other[7][0].position)


def test_processes_share_the_batch_of_one(data):
    whole, change = _steps(data, frames=4)[3]
    parts = [_steps(data, frames=4, share=slice(5 * k, 5 * k + 5))[3] for k in range(2)]
    assert torch.equal(torch.cat([part.images for part, _ in parts]), whole.images)
    assert torch.equal(torch.cat([part.theta for _, part in parts]), change.theta)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_begins_anywhere(afew_va, workers):
    lazy = Prepared(afew_va, memory=0)
    batches = list(loader(_steps(lazy, frames=4), 5, 8, workers=workers))
    assert len(batches) == 3
    for step, (batch, _) in enumerate(batches, start=5):
        assert torch.equal(batch.images, _steps(lazy, frames=4)[step][0].images)


def test_nothing_to_train_on_is_refused(data):
    with pytest.raises(ValueError, match="'train' of the data set is empty"):
        Steps(Frames(data, torch.tensor([], dtype=torch.int64)), 4, seed=0, augmentation=AUGMENT)
