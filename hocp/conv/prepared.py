"""Calls of a layer like earlier ones: what is the same at every one of them is worked out at the first.

Checks, choice of a form and its sizes take a good part of a small layer's time, the more so where the data of
a network push Python's own out of the processor's caches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hocp.conv.choice.choose import changes
from hocp.conv.forms.call import Computation, is_transformed
from hocp.conv.nd import tf32_allowed, under_autocast

MOST = 64  # kinds of calls that a layer remembers


class Prepared(dict[tuple, Computation | None]):
    """Computations of one layer by signature; None where every call has to be looked at anew.

    A copy of it, pickled ones among them, holds nothing.
    """

    def keep(self, signature: tuple, computation: Computation | None) -> None:
        """Remember one, and forget all others if they have become many."""
        if len(self) >= MOST:
            self.clear()
        self[signature] = computation

    def __deepcopy__(self, memo: dict) -> Prepared:
        return Prepared()

    def __reduce__(self) -> tuple:
        return Prepared, ()


def signature(x: Tensor, *others: Tensor, settings: Sequence[object]) -> tuple | None:
    """All that decides how a call is computed; None where torch only looks at it.

    Parameters
    ----------
    x : Tensor
        Input; of no subclass, since these are stand-ins.
    *others : Tensor
        The layer's own.
    settings : sequence of hashable
        What else decides.
    """
    if type(x) is not Tensor or is_transformed():
        return None
    autocast = torch.is_autocast_enabled("cpu") if x.is_cpu else under_autocast(x.device.type)
    computed = torch.get_autocast_dtype(x.device.type) if autocast else None
    settings = *settings, computed, torch.get_num_threads(), tf32_allowed() if x.is_cuda else None
    kinds = [(t.shape, t.dtype, t.device, t.requires_grad, type(t)) for t in (x, *others)]
    return x.stride(), torch.is_grad_enabled(), changes(), *settings, *kinds
