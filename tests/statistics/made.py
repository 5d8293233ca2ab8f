"""Made-up tested predictions, for the tests of statistics."""

import numpy as np

from hocp.contracts.published import DIMENSIONS
from hocp.statistics.tested import Labels, Tested


def a_run(
    predicted, true, *, clip=None, group=None, fold=None, method="hocp", seed=0, dataset="sewa", **more
) -> Tested:
    """One method and seed; arousal is valence upside down, training labels are 0 ± 1."""
    n = len(predicted)
    texts = {
        "clip": clip if clip is not None else ["a"] * n,
        "group": group if group is not None else [""] * n,
    }
    folds = np.zeros(n, int) if fold is None else np.asarray(fold)
    x, y = np.asarray(predicted, float), np.asarray(true, float)
    head = {
        "run": f"{dataset}.{method}.f0.s{seed}",
        "dataset": dataset,
        "method": method,
        "fold": 0,
        "seed": seed,
        "data": "generated",
    }
    values = {
        "head": head, **{name: np.array(text, dtype=np.str_) for name, text in texts.items()},
        "frame": np.arange(n), "fold": folds, "predicted": {"valence": x, "arousal": -x},
        "true": {"valence": y, "arousal": -y}, "missing": np.zeros(n, bool),
        "training": {int(f): dict.fromkeys(DIMENSIONS, Labels(0.0, 1.0)) for f in np.unique(folds)},
    }  # fmt: skip
    return Tested(**{**values, **more})


def clips(
    random: np.random.Generator, *, count=12, method="hocp", seed=0, noise=0.3, length=(4, 9), people=2
) -> Tested:
    """Clips of several lengths with a mood of their own; `people` clips in a row show one person."""
    truth = np.random.default_rng(99)  # the same clips whatever the method
    lengths = truth.integers(*length, count)
    clip = np.repeat(np.arange(count), lengths)
    true = truth.normal(0, 0.4, count)[clip] + truth.normal(0, 0.2, len(clip))
    predicted = 0.7 * true + noise * (random.normal(0, 1, count)[clip] + random.normal(0, 0.5, len(clip)))
    return a_run(predicted, true, clip=[f"c{c:03d}" for c in clip], group=[f"p{c // people}" for c in clip],
                  method=method, seed=seed)  # fmt: skip
