"""Predicted and true valence and arousal along one test clip, with its frames above.

``python -m figures.fig_trajectory --predictions RUN/predictions.npz --manifest CSV --crops H5 --out PREFIX``

The clip is chosen by rule: of the test clips that every method predicted, the one whose labels vary most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.inputs import read_crops, read_items, read_predictions
from figures.labels import label, labels, ordered

FRAMES = 9


@dataclass(frozen=True)
class Clip:
    """What is drawn of one clip.

    Attributes
    ----------
    name, dataset, data : str
        `data` is "generated" or "licensed".
    table : DataFrame, columns method, time, valence, arousal, valence_true, arousal_true
        One row a method and frame, `time` in the unit of `unit`; labels and predictions on [-1, 1].
    step : float
        Time between consecutive frames; a longer one is a gap.
    unit : str
        "s" or "frames".
    times, frames : ndarray (N,), ndarray of uint8 (N, side, side, 3)
        Crops shown above, and when they are.
    """

    name: str
    dataset: str
    data: str
    table: pd.DataFrame
    step: float
    unit: str
    times: np.ndarray
    frames: np.ndarray


def choose(predictions: pd.DataFrame) -> str:
    """Test clip with the largest label variation, among those that every method predicted.

    Variation is the root of the summed variances of valence and arousal; ties go to the first name.

    Raises
    ------
    ValueError
        If no clip was predicted by all methods.
    """
    methods = predictions.groupby("clip")["method"].nunique()
    common = methods.index[methods == predictions["method"].nunique()]
    if common.empty:
        raise ValueError(
            f"no clip has predictions of all of {sorted(predictions['method'].unique())}; "
            "give runs that cover the same folds"
        )
    first = predictions[predictions["clip"].isin(common)].drop_duplicates(["clip", "frame"])
    variances = first.groupby("clip")[["valence_true", "arousal_true"]].var(ddof=0).sum(axis=1)
    return variances.sort_index().idxmax()


def read(predictions: Sequence[str | Path], manifest: str | Path, crops: str | Path) -> Clip:
    """Choose the clip and read all that is drawn of it; of several seeds the smallest is shown."""
    table = read_predictions(predictions)
    ordered("methods", table["method"])  # an unknown method is an error, before anything is drawn
    table = table[table["seed"] == table.groupby("method")["seed"].transform("min")]
    name = choose(table)
    items, facts = read_items(manifest)
    clip = table[table["clip"] == name].sort_values(["method", "frame"])
    rate = facts.frame_step * facts.fps if facts.fps else 1.0
    shown = clip.drop_duplicates("frame").merge(items[["item", "row"]], on="item")
    shown = shown.iloc[np.linspace(0, len(shown) - 1, min(FRAMES, len(shown))).round().astype(int)]
    return Clip(
        name=name,
        dataset=facts.dataset,
        data=facts.data,
        table=clip.assign(time=clip["frame"] / rate),
        step=facts.frame_step / rate,
        unit="s" if facts.fps else "frames",
        times=shown["frame"].to_numpy() / rate,
        frames=read_crops(crops, shown["row"]),
    )


def draw(clip: Clip) -> Figure:
    """Frames above, then one panel for valence and one for arousal."""
    figure = style.new_figure(style.PAGE, 3.6)
    top, *panels = figure.subplots(3, 1, sharex=True, height_ratios=(0.95, 1.2, 1.2))
    for panel, dimension in zip(panels, labels("dimensions"), strict=True):
        _curves(panel, clip, dimension)
    times = clip.table["time"]
    panels[-1].set_xlim(times.min() - 0.5 * clip.step, times.max() + 0.5 * clip.step)
    panels[-1].set_xlabel(f"time ({clip.unit})")
    _frames(top, clip)
    top.set_title(f"{label('datasets', clip.dataset).name}, clip {clip.name}")
    _legend(figure, clip)
    figure.align_ylabels()
    style.mark_generated(figure, clip.data)
    return figure


def with_gaps(time: np.ndarray, values: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The curve with a break wherever frames are missing, so that no line bridges a gap."""
    breaks = np.flatnonzero(np.diff(time) > 1.5 * step) + 1
    return np.insert(time, breaks, np.nan), np.insert(values, breaks, np.nan)


def _curves(axes: Axes, clip: Clip, dimension: str) -> None:
    for method in ordered("methods", clip.table["method"]):
        rows = clip.table[clip.table["method"] == method]
        look = label("methods", method)
        curve = with_gaps(rows["time"].to_numpy(), rows[dimension].to_numpy(float), clip.step)
        axes.plot(*curve, color=look.colour, ls=look.line, label=method, lw=1.0)
    true = clip.table.drop_duplicates("frame")
    curve = with_gaps(true["time"].to_numpy(), true[f"{dimension}_true"].to_numpy(float), clip.step)
    axes.plot(*curve, color=style.INK, lw=2.0, label="true", zorder=1.9)
    axes.axhline(0, color=style.RULE, lw=0.6, zorder=0)
    _say_gaps(axes, true["time"].to_numpy(), clip.step)
    axes.set_ylabel(label("dimensions", dimension).name.lower())


def _say_gaps(axes: Axes, time: np.ndarray, step: float) -> None:
    for start in np.flatnonzero(np.diff(time) > 1.5 * step):
        middle = time[start : start + 2].mean()
        axes.text(middle, 0.04, "no frames", transform=axes.get_xaxis_transform(), ha="center", fontsize=6.5,
                  color=style.FAINT)  # fmt: skip


def _frames(axes: Axes, clip: Clip) -> None:
    """Crops side by side, each tied by a tick to its time."""
    axes.set_axis_off()
    count = len(clip.frames)
    for index, (time, frame) in enumerate(zip(clip.times, clip.frames, strict=True)):
        inset = axes.inset_axes((index / count + 0.004, 0.0, 1 / count - 0.008, 1.0))
        inset.imshow(frame, interpolation="bilinear")
        inset.set_xticks([])
        inset.set_yticks([])
        inset.set_xlabel(f"{time:.1f} s" if clip.unit == "s" else f"{time:.0f}", fontsize=6.5, labelpad=1)
        for spine in inset.spines.values():
            spine.set_visible(False)


def _legend(figure: Figure, clip: Clip) -> None:
    panel = figure.axes[1]
    *methods, true = zip(*panel.get_legend_handles_labels(), strict=True)
    names = {"true": "label", **{key: shown.name for key, shown in labels("methods").items()}}
    handles, keys = zip(true, *methods, strict=True)
    figure.legend(handles, [names[key] for key in keys], loc="outside lower center", ncols=4)


def main(argv: Sequence[str] | None = None) -> None:
    """Read, draw, save."""
    parser = style.parser(__doc__)
    parser.add_argument("--predictions", required=True, nargs="+", metavar="NPZ")
    parser.add_argument("--manifest", required=True, metavar="CSV")
    parser.add_argument("--crops", required=True, metavar="H5")
    args = parser.parse_args(argv)
    with style.styled():
        style.save(draw(read(args.predictions, args.manifest, args.crops)), args.out)


if __name__ == "__main__":
    main()
