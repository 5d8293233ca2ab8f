"""Which items each training step sees: a function of seed and step, so resuming needs no loader state."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hocp.clips import Batch, Frames, Windows
from hocp.learning import augment
from hocp.learning.seeding import generator


class Steps(Dataset):
    """The batches of a training run; item number s is the whole batch of step s.

    Items come in a new random order in every pass over the data, and each once in a pass. Of a run on
    several processes, each makes its own share of the same batch.

    Parameters
    ----------
    source : Frames or Windows
    batch : int
        Items in the batch of a step, all processes together.
    seed : int
    augmentation : mapping
        See `hocp.learning.augment.draw`.
    share : slice
        Which part of each batch to make.
    """

    def __init__(
        self,
        source: Frames | Windows,
        batch: int,
        *,
        seed: int,
        augmentation: Mapping[str, float],
        share: slice = slice(None),
    ):
        if not len(source):
            raise ValueError("no items to train on: the part 'train' of the data set is empty")
        self.source, self.batch, self.seed = source, batch, seed
        self.augmentation, self.share = augmentation, share
        self._pass: tuple[int, Tensor] | None = None

    def indices(self, step: int) -> Tensor:
        """Items of one step, shape (batch,)."""
        number = torch.arange(step * self.batch, (step + 1) * self.batch)
        passes = number // len(self.source)
        return torch.cat(
            [self._order(int(p))[number[passes == p] % len(self.source)] for p in passes.unique()]
        )

    def _order(self, number: int) -> Tensor:
        if self._pass is None or self._pass[0] != number:
            order = torch.randperm(len(self.source), generator=generator(self.seed, "order", number))
            self._pass = (number, order)
        return self._pass[1]

    def __getitem__(self, step: int) -> tuple[Batch, augment.Change]:
        """The batch of a step and how to change its images; the change is left to the training device."""
        position, mask = self.source.locate(self.indices(step), generator(self.seed, "windows", step))
        change = augment.draw(self.batch, self.augmentation, generator(self.seed, "augment", step))
        return self.source.data.gather(position[self.share], mask[self.share]), change.share(self.share)


def loader(steps: Steps, first: int, last: int, *, workers: int = 0) -> DataLoader:
    """Batches of the steps `first` to `last` - 1; worker processes help where crops are read from disk."""
    return DataLoader(steps, batch_size=None, sampler=range(first, last), num_workers=workers)
