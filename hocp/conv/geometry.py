"""Kernel size, stride, padding and dilation of an N-d convolution, checked once and written one way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hocp.conv.checks import whole

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Geometry:
    """Where the taps of an N-d convolution lie, in one normal form.

    The arguments take everything that ``torch.nn.ConvNd`` takes; the attributes always hold one entry a mode.
    Another attribute is ``reach``, the distance from the first to the last tap of each mode in positions.

    Parameters
    ----------
    kernel_size : tuple of int
        Taps of each spatial mode, time first. Its length is the order of the convolution.
    stride, dilation : int or tuple of int
        At least 1.
    padding : int, tuple of int, tuple of (before, after) pairs, 'same' or 'valid'
        Kept as (before, after) pairs, because 'same' with an even reach pads one position more behind.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}, or a tuple with one of them for each mode
        What stands at padded positions. Kept as one word where the padded modes agree.

    Raises
    ------
    ValueError
        If an argument has the wrong kind, length or range; the text names the argument, its value and the
        remedy.
    """

    kernel_size: tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | str | tuple[int, ...] | Pairs = 0
    dilation: int | tuple[int, ...] = 1
    padding_mode: str | tuple[str, ...] = "zeros"

    def __post_init__(self) -> None:
        kernel = _kernel(self.kernel_size)
        order = len(kernel)
        stride = _per_mode("stride", self.stride, order, at_least=1)
        dilation = _per_mode("dilation", self.dilation, order, at_least=1)
        padding = _pairs(self.padding, kernel, stride=stride, dilation=dilation)
        normal = {
            "kernel_size": kernel,
            "stride": stride,
            "dilation": dilation,
            "padding": padding,
            "padding_mode": _padding_mode(self.padding_mode, padding),
        }
        # No field, since it follows from others; worked out once, since every call of a layer asks for it.
        reach = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
        for name, value in (normal | {"reach": reach}).items():
            object.__setattr__(self, name, value)

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return len(self.kernel_size)

    @property
    def padding_modes(self) -> tuple[str, ...]:
        """What stands at padded positions, for each mode."""
        given = self.padding_mode
        return (given,) * self.order if isinstance(given, str) else given

    @property
    def symmetric_zeros(self) -> bool:
        """Whether torch's convolutions can do the padding themselves."""
        return self.padding_mode == "zeros" and all(before == after for before, after in self.padding)

    def output_size(self, input_size: Iterable[int]) -> tuple[int, ...]:
        """Spatial sizes of the output.

        Raises
        ------
        ValueError
            If a mode is missing, shorter than the kernel's window, or too short for the padding mode.
        """
        if isinstance(input_size, str) or not hasattr(input_size, "__iter__"):
            raise ValueError(f"input_size is {input_size!r}; expected one size for each spatial mode")
        sizes = tuple(input_size)
        if len(sizes) != self.order:
            raise ValueError(
                f"input has spatial size {sizes}; expected {self.order} modes, as in kernel_size "
                f"{self.kernel_size}"
            )
        modes = zip(sizes, self.padding, self.reach, self.stride, strict=True)
        lengths = []  # a loop, not a comprehension: every call of a layer comes here
        for mode, (size, (before, after), reach, stride) in enumerate(modes):
            steps = size + before + after - reach - 1
            if size < 1 or steps < 0 or self.padding_mode != "zeros":
                self._check_mode(mode, size)
            lengths.append(steps // stride + 1)
        return tuple(lengths)

    def _check_mode(self, mode: int, size: int) -> None:
        """Refuse a mode that is missing, too short for its padding, or shorter than the window."""
        if size < 1:
            raise ValueError(f"spatial mode {mode} of the input has size {size}; expected at least 1")
        kind, pads = self.padding_modes[mode], self.padding[mode]
        limit = {"reflect": size - 1, "circular": size}
        if max(pads) > limit.get(kind, math.inf):
            raise ValueError(
                f"padding {pads} of spatial mode {mode} is too wide for padding_mode {kind!r} on size {size}"
                f"; use at most {limit[kind]}, or padding_mode 'zeros'"
            )
        padded, window = size + sum(pads), self.reach[mode] + 1
        if padded < window:
            raise ValueError(
                f"spatial mode {mode} of the input has size {size}, {padded} with padding; the kernel's "
                f"window needs {window}; use a larger input or more padding"
            )

    def torch_padding(self) -> tuple[int, ...] | str | None:
        """Padding as ``torch.nn.ConvNd`` takes it, None where it cannot: one-sided or unlike by mode."""
        if not isinstance(self.padding_mode, str):
            return None
        if all(before == after for before, after in self.padding):
            return tuple(before for before, _ in self.padding)
        same = set(self.stride) == {1} and self.padding == _same(self.reach)
        return "same" if same else None

    def fill(self) -> list[int]:
        """Padding in the order of ``torch.nn.functional.pad``: last mode first."""
        return [side for pads in reversed(self.padding) for side in pads]

    def under(self, taps: Iterable[int], input_size: Iterable[int]) -> tuple[slice, ...]:
        """Where one tap of the kernel stands, for every output: slices of the *padded* modes."""
        starts = (tap * spread for tap, spread in zip(taps, self.dilation, strict=True))
        modes = zip(starts, self.output_size(input_size), self.stride, strict=True)
        return tuple(slice(start, start + (n - 1) * step + 1, step) for start, n, step in modes)

    def padded_only(self, mode: int) -> Geometry:
        """The same geometry without the padding of all modes but one."""
        return replace(
            self, padding=tuple(pads if m == mode else (0, 0) for m, pads in enumerate(self.padding))
        )

    def unpadded(self) -> Geometry:
        """The same geometry for an input that is padded already."""
        return replace(self, padding=0, padding_mode="zeros")

    def modes(self, which: slice) -> Geometry:
        """The geometry of some of the spatial modes, in order."""
        names = ("kernel_size", "stride", "padding", "dilation", "padding_modes")
        parts = [getattr(self, name)[which] for name in names]
        return Geometry(*parts)

    def with_new_mode(self, kernel_size: int, *, centre: int | None = None) -> Geometry:
        """The geometry with a new first spatial mode of stride 1, padded with zeros so that its length stays.

        Parameters
        ----------
        kernel_size : int
            Taps of the new mode.
        centre : int, optional
            Tap that stands on the present position; the middle one by default.

        Raises
        ------
        ValueError
            If the kernel size is even and no centre is given, or the centre is none of the taps.
        """
        (taps,) = _per_mode("kernel_size", (kernel_size,), 1, at_least=1)
        if centre is None and taps % 2 == 0:
            raise ValueError(
                f"kernel_size of the new mode is {taps}, an even number, which has no centre and would shift "
                f"or lengthen the clip; use {taps - 1} or {taps + 1}, or name the tap of the present frame "
                "with centre"
            )
        before = taps // 2 if centre is None else centre
        if whole(before, at_least=0) is None or before >= taps:
            raise ValueError(f"centre is {centre!r}; expected a tap of the new mode, 0 to {taps - 1}")
        return replace(
            self,
            kernel_size=(taps, *self.kernel_size),
            stride=(1, *self.stride),
            padding=((before, taps - 1 - before), *self.padding),
            dilation=(1, *self.dilation),
            padding_mode=("zeros", *self.padding_modes),
        )


def _kernel(value: object) -> tuple[int, ...]:
    """Kernel size as a tuple; refuse a bare number, since its order would be a guess."""
    if not isinstance(value, (tuple, list)) or not value:
        raise ValueError(
            f"kernel_size is {value!r}; expected a tuple with one number a spatial mode, such as (3, 3)"
        )
    return _per_mode("kernel_size", value, len(value), at_least=1)


def _per_mode(name: str, value: object, order: int, *, at_least: int) -> tuple[int, ...]:
    """One checked whole number a mode."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * order
    if len(values) != order:
        raise ValueError(f"{name} is {value!r}; expected one number or {order}, one for each spatial mode")
    numbers = tuple(whole(entry, at_least=at_least) for entry in values)
    if None in numbers:
        raise ValueError(f"{name} is {value!r}; expected whole numbers of at least {at_least}")
    return numbers


def _padding_mode(value: object, padding: Pairs) -> str | tuple[str, ...]:
    """One word, or one a mode where padded modes differ; what is not padded agrees with everything."""
    modes = tuple(value) if isinstance(value, (tuple, list)) else (value,) * len(padding)
    if len(modes) != len(padding) or any(mode not in PADDING_MODES for mode in modes):
        raise ValueError(
            f"padding_mode is {value!r}; expected one of {', '.join(PADDING_MODES)}, or {len(padding)} of "
            "them, one for each spatial mode"
        )
    used = {mode for mode, pads in zip(modes, padding, strict=True) if pads != (0, 0)}
    if len(used) > 1:
        return modes
    return used.pop() if used else modes[-1]


def _pairs(
    value: object, kernel: tuple[int, ...], *, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Pairs:
    """Padding as (before, after) pairs."""
    if isinstance(value, str) and value == "valid":
        return ((0, 0),) * len(kernel)
    if isinstance(value, str) and value == "same":
        if set(stride) != {1}:
            raise ValueError(
                f"padding 'same' needs stride 1, but stride is {stride}; give the padding in numbers"
            )
        return _same(tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True)))
    if isinstance(value, str):
        raise ValueError(f"padding is {value!r}; expected numbers, 'same' or 'valid'")
    if isinstance(value, (tuple, list)) and len(value) == len(kernel) and _are_pairs(value):
        pairs = enumerate(value)
        return tuple(_per_mode(f"padding of spatial mode {n}", pair, 2, at_least=0) for n, pair in pairs)
    return tuple((pad, pad) for pad in _per_mode("padding", value, len(kernel), at_least=0))


def _are_pairs(value: Iterable[object]) -> bool:
    """Whether every entry is itself a sequence of two."""
    return all(isinstance(pads, (tuple, list)) and len(pads) == 2 for pads in value)


def _same(reach: tuple[int, ...]) -> Pairs:
    """Padding that keeps the size at stride 1; the odd position goes behind, as in torch."""
    return tuple((total // 2, total - total // 2) for total in reach)
