"""The paper's FLOP figure in its own bookkeeping, which is not multiply-adds."""

from __future__ import annotations


def flop_figure_gflops(c_in: int, c_out: int, multiple: int | None = None) -> float:
    """Height of a bar of the paper's FLOP figure, in its own unit.

    The closed forms reproduce all 15 published bars to the file's precision, with P = 32 x 32 x 16 positions,
    kernels of 3 x 3 x 3, and R = ``multiple`` x C. They are the figure's own bookkeeping, not MACs: beside
    1x1 and depthwise stages they charge 8 R + 10 C a position for norms and what else could not be
    attributed, and all of it twice.

    Parameters
    ----------
    c_in, c_out : int
    multiple : int, optional
        3 or 6 for CP-HOConv-3 and CP-HOConv-6; None for the dense 3-D convolution.

    Returns
    -------
    float
        "GFLOPs" as plotted.
    """
    positions = 32 * 32 * 16
    if multiple is None:
        return 2 * positions * c_out * (27 * c_in + 1) / 1e9
    rank = multiple * c_in
    return 2 * positions * (rank * (c_in + c_out + 9 + 8) + 10 * c_in) / 1e9
