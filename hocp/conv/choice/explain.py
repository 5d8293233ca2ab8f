"""Why 'auto' takes a form, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hocp.conv.choice.decide import Decision, decide
from hocp.conv.cp import CPConv


def explain(layer: CPConv, given: Tensor | Sequence[int], *, training: bool = False) -> Decision:
    """Which form 'auto' takes for a layer and an input, and why; print it.

    Parameters
    ----------
    layer : CPConv
    given : Tensor, (B, C, D0, ...), or its shape
        A tensor tells dtype, device and memory format too; a shape is taken for a contiguous one of the
        layer's.
    training : bool
        Whether gradients are wanted.

    Returns
    -------
    Decision
        Its text is a table of all forms, with times where they are known.

    Raises
    ------
    ValueError
        If the layer is no `CPConv`, or the input does not fit it.
    """
    if not isinstance(layer, CPConv):
        raise ValueError(f"explain got a {type(layer).__name__}; expected a CPConv, whose forms it compares")
    x = given if isinstance(given, Tensor) else layer.weights.new_empty(tuple(given))
    return decide(layer.call_of(x)._replace(training=training, kept=not training))
