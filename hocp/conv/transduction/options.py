"""What `transduce` is asked for: its arguments, checked, and one new mode as rules see it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import Tensor, nn

INITS = ("identity", "average", "random")


@dataclass(frozen=True)
class Options:
    """What one new mode is to be, as rules of `transduce_layer` see it.

    Attributes
    ----------
    kernel_size : int
        Taps of the new mode.
    init : {'identity', 'average', 'random'}
    order : int
        Spatial modes of the network before.
    centre : int, optional
        Tap on the present frame; the middle one by default.
    done : dict
        Layers transduced already by ``id``, so that a shared layer stays shared.
    made : dict
        New parameters by the ``id`` of the old ones they belong to, so that joint layers stay joint.
    """

    kernel_size: int
    init: str
    order: int
    centre: int | None = None
    done: dict[int, tuple[nn.Module, nn.Module]] = field(default_factory=dict, repr=False, compare=False)
    made: dict[tuple[int, ...], tuple[object, nn.Parameter]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def tap(self) -> int:
        """Tap on the present frame."""
        return self.kernel_size // 2 if self.centre is None else self.centre

    def once(self, old: Iterable[Tensor], make: Callable[[], Tensor]) -> nn.Parameter:
        """The new parameter for these old tensors, the same one for all layers that hold the same ones."""
        held = tuple(old)
        key = tuple(map(id, held))
        if key not in self.made:
            self.made[key] = (held, nn.Parameter(make()))  # keeps the old ones alive, hence their ids unique
        return self.made[key][1]


def new_modes(kernel_size: object, init: object, centre: object) -> list[tuple[int, str, int | None]]:
    """Taps, initial factor and centre of each new mode, outermost first.

    Raises
    ------
    ValueError
        If an argument of `transduce` is wrong.
    """
    taps = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,)
    if not taps:
        raise ValueError("kernel_size of transduce is empty; expected one number for each new mode")
    inits = _for_each("init", init, len(taps))
    centres = map(_tap, _for_each("centre", centre, len(taps)))
    for start in inits:
        if start not in INITS:
            raise ValueError(f"init of transduce is {start!r}; expected one of {', '.join(INITS)}")
    return [(_taps(size, tap), start, tap) for size, start, tap in zip(taps, inits, centres, strict=True)]


def _for_each(name: str, value: object, modes: int) -> tuple:
    """One value for each new mode."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * modes
    if len(values) != modes:
        raise ValueError(
            f"{name} of transduce is {value!r}; expected one value or {modes}, one for each new mode"
        )
    return values


def _tap(centre: object) -> int | None:
    """The centre as a plain number."""
    if centre is None:
        return None
    if isinstance(centre, bool) or not hasattr(centre, "__index__"):
        raise ValueError(f"centre of transduce is {centre!r}; expected the number of a tap, or None")
    return operator.index(centre)


def _taps(size: object, centre: int | None) -> int:
    """The kernel size, if it is one and the centre is in it."""
    if isinstance(size, bool) or not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"kernel_size of transduce is {size!r}; expected a whole number of at least 1")
    size = operator.index(size)
    if centre is None and size % 2 == 0:
        raise ValueError(
            f"kernel_size of transduce is {size}, an even number, which has no centre and would shift or "
            f"lengthen the clip; use an odd one, or say with centre which tap is on the present frame "
            f"({size - 1} for a causal layer)"
        )
    if centre is not None and not 0 <= centre < size:
        raise ValueError(
            f"centre of transduce is {centre}; expected a tap of kernel_size {size}, 0 to {size - 1}"
        )
    return size
