"""A prepared data set as PyTorch data sets of single frames and of clips.

Shape legend: B items of a batch, F frames of a window, S side of a crop in pixels. Images stay uint8 in the
layout of ``crops.h5``, (B, S, S, 3) or (B, F, S, S, 3), until `normalise` turns them into network input:
a quarter of the memory and of the traffic to a GPU.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hocp.contracts import files, manifest

#: Channel means and standard deviations of ImageNet in [0, 1], which the paper's normalisation follows.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

#: Expression of an item that has none; the cross-entropy of PyTorch ignores it.
NO_EXPRESSION = -100

#: Crops above this many bytes are read from the file batch by batch instead of being held in memory.
MEMORY = 4 << 30


class Batch(NamedTuple):
    """Some frames, or some windows of frames.

    Attributes
    ----------
    images : Tensor of uint8, shape (B, S, S, 3) or (B, F, S, S, 3)
    targets : Tensor of float32, shape (B, 2) or (B, F, 2)
        Valence and arousal in [-1, 1].
    expression : Tensor of int64, shape (B,) or (B, F)
        Code 0..7, or NO_EXPRESSION.
    mask : Tensor of bool, shape (B,) or (B, F)
        False for the frames that pad a short clip: they repeat its last frame and must not count.
    position : Tensor of int64, shape (B,) or (B, F)
        Index of each frame in `Prepared.items`.
    """

    images: Tensor
    targets: Tensor
    expression: Tensor
    mask: Tensor
    position: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Copy to a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self))


def normalise(images: Tensor) -> Tensor:
    """Turn bytes into network input: float32, channels first, mean and deviation of ImageNet taken out.

    Parameters
    ----------
    images : Tensor of uint8, shape (B, S, S, 3) or (B, F, S, S, 3)

    Returns
    -------
    Tensor of float32, shape (B, 3, S, S) or (B, 3, F, S, S)
    """
    mean = torch.tensor(MEAN, device=images.device)
    std = torch.tensor(STD, device=images.device)
    scaled = torch.addcmul(-mean / std, images.float(), 1 / (255 * std))
    return scaled.movedim(-1, 1)  # channels last in memory: what most convolutions compute fastest


class Crops:
    """Rows of ``crops.h5:/crops``, held in memory where they fit, read when asked for where they do not.

    Parameters
    ----------
    path : path
        The HDF5 file.
    memory : int
        Largest size in bytes to hold in memory.
    """

    def __init__(self, path: str | Path, *, memory: int = MEMORY):
        self.path = Path(path)
        self._opened: tuple[int, h5py.Dataset] | None = None
        crops = self._dataset()
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[-1] != 3:
            raise ValueError(
                f"{path}:/crops is {crops.dtype} {crops.shape}, expected uint8 (items, side, side, 3); "
                "prepare the data set anew"
            )
        self.shape = tuple(crops.shape)
        self._held = torch.from_numpy(crops[:]) if crops.size <= memory else None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def in_memory(self) -> bool:
        """Whether all rows are held in memory."""
        return self._held is not None

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Rows of any shape of indices, as uint8 of that shape + (S, S, 3)."""
        if self._held is not None:
            return self._held[rows]
        wanted, place = torch.unique(rows, return_inverse=True)
        out = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for first, last, row in _runs(wanted.numpy()):
            self._dataset().read_direct(out, np.s_[row : row + last - first], np.s_[first:last])
        return torch.from_numpy(out)[place]

    def _dataset(self) -> h5py.Dataset:
        # A handle opened before a fork must not be read from after it, so each process has its own.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), h5py.File(self.path, "r")["crops"])
        return self._opened[1]

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_opened": None}


def _runs(rows: np.ndarray) -> Iterable[tuple[int, int, int]]:
    """Stretches of consecutive numbers in sorted `rows`: first and last + 1 index, and the first number."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return ((a, b, int(rows[a])) for a, b in pairwise(edges) if b > a)


class Prepared:
    """A prepared data set: its facts, its usable items and their crops.

    Parameters
    ----------
    folder : path
        Holds ``manifest.csv``, ``manifest.json`` and ``crops.h5``.
    memory : int
        See `Crops`.

    Attributes
    ----------
    facts : manifest.Facts
    items : list of manifest.Item
        The usable ones, in the manifest's order.
    targets : Tensor of float32, shape (items, 2)
    expression : Tensor of int64, shape (items,)
    rows : Tensor of int64, shape (items,)

    Raises
    ------
    ValueError
        If a file is not the one that ``manifest.json`` describes.
    """

    def __init__(self, folder: str | Path, *, memory: int = MEMORY):
        folder = Path(folder)
        self.facts = manifest.read_facts(folder / "manifest.json")
        _verify(folder / "manifest.csv", self.facts.manifest_sha256)
        _verify(folder / "crops.h5", self.facts.crops_sha256)
        self.items = [item for item in manifest.read(folder / "manifest.csv") if item.usable]
        self.crops = Crops(folder / "crops.h5", memory=memory)
        self.rows = torch.tensor([item.row for item in self.items], dtype=torch.int64)
        self.targets = torch.tensor([(i.valence, i.arousal) for i in self.items], dtype=torch.float32)
        self.expression = torch.tensor(
            [NO_EXPRESSION if i.expression is None else i.expression for i in self.items], dtype=torch.int64
        )
        if len(self.items) and int(self.rows.max()) >= len(self.crops):
            raise ValueError(
                f"{folder}: row {int(self.rows.max())} asked for, crops.h5 has {len(self.crops)}"
            )

    def part(self, name: str, fold: int) -> Tensor:
        """Indices into `items` of "train", "val" or "test" of a fold."""
        return torch.tensor(
            [k for k, item in enumerate(self.items) if manifest.parts(item.split, fold) == name],
            dtype=torch.int64,
        )

    def gather(self, position: Tensor, mask: Tensor) -> Batch:
        """Read the frames at `position`, of any shape."""
        images = self.crops[self.rows[position]]
        return Batch(images, self.targets[position], self.expression[position], mask, position)


def _verify(path: Path, expected: str) -> None:
    found = files.sha256(path)
    if found != expected:
        raise ValueError(
            f"{path} has SHA-256 {found}, its manifest.json says {expected}: the files do not belong "
            "together; prepare the data set anew"
        )


class Frames(Dataset):
    """Single frames of a part of a data set.

    Parameters
    ----------
    data : Prepared
    position : Tensor of int64, shape (N,)
        Which items, as `Prepared.part` gives them.
    """

    def __init__(self, data: Prepared, position: Tensor):
        self.data, self.position = data, position

    def __len__(self) -> int:
        return len(self.position)

    def locate(self, index: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Positions and mask of the frames number `index`; nothing about them is random."""
        return self.position[index], torch.ones(len(index), dtype=torch.bool)

    def __getitem__(self, index: int | Sequence[int] | Tensor) -> Batch:
        """A batch of the frames number `index`."""
        return self.data.gather(*self.locate(torch.as_tensor(index).reshape(-1)))


class Windows(Dataset):
    """Windows of consecutive frames of the clips in a part of a data set.

    A window never reaches over a gap in the frames: each clip is cut into segments in which frames follow
    at exactly the data set's frame step. The windows of a segment stand side by side; the last one of a
    segment is moved back to end with it, so that every frame is covered and most are covered once. A segment
    shorter than a window gives one window, padded by repeating its last frame.

    Parameters
    ----------
    data : Prepared
    position : Tensor of int64, shape (N,)
        Which items, as `Prepared.part` gives them.
    frames : int
        Length F of a window.

    Attributes
    ----------
    segments : list of tuple of int
        First index into `position` and length of each segment.
    """

    def __init__(self, data: Prepared, position: Tensor, *, frames: int):
        if frames < 1:
            raise ValueError(f"a window of {frames} frames asked for, expected at least 1: training.frames")
        order = sorted(position.tolist(), key=lambda k: (data.items[k].clip, data.items[k].frame or 0))
        self.data, self.frames = data, frames
        self.position = torch.tensor(order, dtype=torch.int64)
        self.segments = _segments([data.items[k] for k in order], data.facts.frame_step)
        windows = [(a, n, start) for a, n in self.segments for start in _starts(n, frames)]
        self.first, self.length, self.start = torch.tensor(windows, dtype=torch.int64).reshape(-1, 3).T

    def __len__(self) -> int:
        return len(self.first)

    def locate(self, index: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Positions and mask, both of shape (B, F), of the windows number `index`.

        With a generator, each window starts anywhere in its segment instead: the windows of training.
        """
        first, length, start = self.first[index, None], self.length[index, None], self.start[index, None]
        if generator is not None:
            room = (length - self.frames + 1).clamp(min=1)
            start = (torch.rand(room.shape, generator=generator, dtype=torch.float64) * room).long()
        offset = start + torch.arange(self.frames)
        return self.position[first + torch.minimum(offset, length - 1)], offset < length

    def __getitem__(self, index: int | Sequence[int] | Tensor) -> Batch:
        """A batch of the windows number `index`."""
        return self.data.gather(*self.locate(torch.as_tensor(index).reshape(-1)))


def _segments(items: Sequence[manifest.Item], step: int) -> list[tuple[int, int]]:
    """Stretches of one clip whose frames follow at `step`: first index and length."""
    cuts = [
        k
        for k in range(1, len(items))
        if items[k].clip != items[k - 1].clip or items[k].frame - items[k - 1].frame != step
    ]
    edges = [0, *cuts, len(items)]
    return [(a, b - a) for a, b in pairwise(edges) if b > a]


def _starts(length: int, frames: int) -> list[int]:
    """Where the windows of a segment start: side by side, the last one ending with the segment."""
    return [min(start, max(length - frames, 0)) for start in range(0, length, frames)]
