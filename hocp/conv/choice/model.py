"""A model of cost: seconds of a form from its operations, at the prices of a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from dataclasses import fields as fields_of
from functools import cache
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch

from hocp.contracts.files import read_json
from hocp.conv.forms import Call, Operations

#: Prices shipped, by type of device and by whether a processor has AVX-512.
DEFAULTS = {
    "cpu": Path(__file__).with_name("defaults.json"),
    "cpu with AVX-512": Path(__file__).with_name("defaults_avx512.json"),
    "cuda": Path(__file__).with_name("defaults_gpu.json"),
}
ORDERS = (2, 3)  # that are fitted; a lower or higher order is paid like the nearest


class Purchase(NamedTuple):
    """What is paid alike: a form in images or clips, with gradients or not, by one kind of arithmetic.

    That is 'half' for 16 bits on a GPU, 'tf32' for float32 whose products it may round, 'full' for all else.
    """

    form: str
    order: int
    training: bool
    precision: str = "full"


@dataclass(frozen=True)
class Prices:
    """Seconds for one operator call, one operation in a matrix product, another one, one byte, one copied."""

    launch: float
    matrix: float
    other: float
    byte: float
    copied: float

    def seconds(self, work: Operations, *, share: float = 1.0) -> float:
        """Of some work, of which the threads do a share each; operators are called one by one."""
        calls, *rest = (price * amount for price, amount in zip(astuple(self), amounts(work), strict=True))
        return calls + share * sum(rest)


def amounts(work: Operations) -> tuple[float, ...]:
    """What is paid, in the order of the prices."""
    return work.launches, work.matrix, work.other, work.bytes, work.copied


@dataclass(frozen=True)
class Model:
    """Prices fitted on one machine.

    Attributes
    ----------
    machine : str
    device : str
        Type, such as 'cpu'.
    threads : int
        With which they were fitted.
    prices : mapping
    """

    machine: str
    device: str
    threads: int
    prices: Mapping[Purchase, Prices]

    def seconds(self, form: str, work: Operations, call: Call) -> float | None:
        """Expected time of a call; None where the model knows nothing of it."""
        prices = self.prices.get(purchase(form, call))
        if prices is None or call.order > max(ORDERS) or call.device != self.device:
            return None
        return prices.seconds(work, share=self.threads / call.threads if call.device == "cpu" else 1)

    def fields(self) -> dict[str, Any]:
        """JSON value from which `read` makes it again."""
        rows = [{**kind._asdict(), **_rounded(prices)} for kind, prices in sorted(self.prices.items())]
        own = {"machine": self.machine, "device": self.device, "threads": self.threads}
        return own | {"prices": rows}


def purchase(form: str, call: Call) -> Purchase:
    """What a form's call is paid like."""
    half = call.device != "cpu" and call.dtype.itemsize == 2  # in which tensor cores compute
    in_convolutions, in_products = call.tf32
    rounded = in_convolutions if form == "dense" else in_products
    precision = "half" if half else "tf32" if rounded else "full"
    return Purchase(form, min(max(call.order, min(ORDERS)), max(ORDERS)), call.training, precision)


def _rounded(prices: Prices) -> dict[str, float]:
    """Three digits: the fit holds no more."""
    return {name: float(f"{value:.3g}") for name, value in asdict(prices).items()}


def read(fields: Mapping[str, Any]) -> Model:
    """The model of its JSON value.

    Raises
    ------
    ValueError
        If a field is missing, or a price is no number of at least 0.
    """
    try:
        prices = {
            Purchase(str(row["form"]), int(row["order"]), bool(row["training"]), _precision(row)): Prices(
                *(float(row[field.name]) for field in fields_of(Prices))
            )
            for row in fields["prices"]
        }
        model = Model(str(fields["machine"]), str(fields["device"]), int(fields["threads"]), prices)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a model of cost lacks {error}") from None
    if model.threads < 1 or not all(_legal(price) for each in prices.values() for price in astuple(each)):
        raise ValueError("a model of cost has a price that is no number of at least 0, or no threads")
    return model


def _precision(row: Mapping[str, Any]) -> str:
    """Of a row of prices; tuning files written earlier say only whether it is 'half'."""
    return str(row.get("precision", "half" if row.get("half") else "full"))


def _legal(price: float) -> bool:
    return isfinite(price) and price >= 0


@cache
def default_model(device: str = "cpu") -> Model:
    """The prices shipped with the library, which name the machine that they were fitted on."""
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    kind = device if device == "cuda" else "cpu with AVX-512" if wide else "cpu"
    return read(read_json(DEFAULTS[kind]))


Sample = tuple[Purchase, Operations, float]  # and seconds


def fit(groups: Sequence[Sequence[Sample]], *, passes: int = 5) -> dict[Purchase, Prices]:
    """Prices from measured seconds, by non-negative least squares on the relative error.

    Each group was timed side by side. Other processes slow one group more than the next, but all forms of a
    group alike, so each has a load of its own, found in turn with the prices; the median load is one.
    """
    loads, prices = [1.0] * len(groups), {}
    for _ in range(passes):
        rows: dict[Purchase, list[tuple[Operations, float]]] = {}
        for load, group in zip(loads, groups, strict=True):
            for kind, work, seconds in group:
                rows.setdefault(kind, []).append((work, seconds / load))
        prices = {kind: _fit_one(*zip(*each, strict=True)) for kind, each in rows.items()}
        loads = _loads(groups, prices)
    return prices


def _loads(groups: Sequence[Sequence[Sample]], prices: Mapping[Purchase, Prices]) -> list[float]:
    """How many times slower than at these prices each group was."""
    ratios = [
        median(seconds / prices[kind].seconds(work) for kind, work, seconds in group) for group in groups
    ]
    return [ratio / median(ratios) for ratio in ratios]


def _fit_one(works: Sequence[Operations], seconds: Sequence[float]) -> Prices:
    """Of one purchase; columns are scaled, since seconds a byte and a launch lie 6 digits apart."""
    from scipy.optimize import nnls  # here: only who calibrates needs it

    table = np.array([amounts(work) for work in works], dtype=float) / np.array(seconds)[:, None]
    scale = table.max(axis=0)
    scale[scale == 0] = 1
    solution, _ = nnls(table / scale, np.ones(len(table)))
    return Prices(*(solution / scale).tolist())
