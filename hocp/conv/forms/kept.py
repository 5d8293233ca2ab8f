"""A rebuilt kernel, kept from call to call for as long as its factors stay what they were."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hocp.conv.forms.dense import dense_kernel


class KeptKernel:
    """Holds the kernel of one layer; rebuilds it as soon as a factor is another or has changed.

    A copy of it, pickled ones among them, holds nothing: what is copied may change before it is used.
    """

    def __init__(self) -> None:
        self._held: tuple[tuple[_Seen, ...], Tensor] | None = None

    def of(self, weights: Tensor, factors: Sequence[Tensor]) -> Tensor:
        """The kernel (T, C / g, K0, ...) of weights (R,) and factors (T, R), (C / g, R), (K0, R), ..."""
        tensors, held = (weights, *factors), self._held
        if held is not None and all(map(_Seen.is_still, held[0], tensors)):
            return held[1]
        kernel = dense_kernel(weights, factors)
        # A subclass is a stand-in, such as a FakeTensor, that says nothing outside its context.
        self._held = (tuple(map(_Seen.of, tensors)), kernel) if type(kernel) is Tensor else None
        return kernel

    def forget(self) -> None:
        """Free the kernel."""
        self._held = None

    def __deepcopy__(self, memo: dict) -> KeptKernel:
        return KeptKernel()

    def __reduce__(self) -> tuple:
        return KeptKernel, ()


@dataclass(frozen=True)
class _Seen:
    """A tensor as it was: which one, how often it was written to, and on a processor every number.

    Numbers, since writes through ``tensor.data`` or a NumPy view leave no trace in the version; comparing
    them costs far less than one convolution. On a GPU it would wait for all that is queued.
    """

    tensor: weakref.ref
    version: int
    address: int
    numbers: Tensor | None

    @classmethod
    def of(cls, tensor: Tensor) -> _Seen:
        numbers = tensor.detach().clone() if tensor.device.type == "cpu" else None
        return cls(weakref.ref(tensor), tensor._version, tensor.data_ptr(), numbers)

    def is_still(self, tensor: Tensor) -> bool:
        """Whether this is the same tensor with the same numbers."""
        same = self.tensor() is tensor and self.version == tensor._version
        if not same or self.address != tensor.data_ptr():
            return False
        return self.numbers is None or torch.equal(self.numbers, tensor)
