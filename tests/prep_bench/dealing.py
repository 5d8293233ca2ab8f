"""How alike the parts of a split are, dealt by our rule, at random, and by scikit-learn.

    python -m tests.prep_bench.dealing --out results/reference/preparation_splits.csv

People, lengths and labels are drawn as the look-alikes draw them, without pictures, in the releases' numbers:
600 clips of 240 actors, 538 segments of some 175 sessions. Beside the CSV goes a JSON file with machine and
code.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from data_prep import splits
from data_prep.lookalike import afew_va as films
from data_prep.lookalike import sewa as chats
from data_prep.lookalike.dynamics import draw_subject, feel
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.labels import SEWA, five_raters
from data_prep.lookalike.seeds import stream
from data_prep.record import Face, Scale
from data_prep.splits_balance import balance
from hocp.contracts import files, record
from hocp.contracts.manifest import FOLDS

CLIPS, LENGTHS = 600, (10, 90)  # of AFEW-VA; frames of its clips
SEGMENTS, SECONDS = 538, 18.6  # of SEWA; the mean length of a segment
STEP = 5  # container frames from one that is kept to the next
SCALES = {"afew_va": Scale(0.1, 0.0), "sewa": Scale(2.0, -1.0)}
NAMES = {"afew_va": "AFEW-VA", "sewa": "SEWA"}
RULES = (("afew_va", "folds"), ("sewa", "3:1:1"), ("sewa", "8:1:1"))

Dealer = Callable[[Sequence[Face], str, int], Mapping[str, str]]


def main(argv: Sequence[str] | None = None) -> None:
    """Draw releases, deal each several times, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prep_bench.dealing", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    parser.add_argument("--releases", type=int, default=3, help="seeds of people and labels")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of the deal, in each release")
    parser.add_argument("--share", type=float, default=1.0, help="of the real numbers of clips")
    args = parser.parse_args(argv)
    rows = [row for release in range(args.releases) for row in _release(release, args.seeds, args.share)]
    files.write_csv(args.out, record.PREPARATION_SPLITS, rows)
    code = record.code("data_prep", "hocp")
    files.write_json(args.out.with_suffix(".json"), {**record.environment("cpu"), "code": code})


def _release(release: int, seeds: int, share: float) -> Iterator[dict[str, Any]]:
    """All parts but train of every rule, dealer and seed; the release's numbers of groups and frames."""
    drawn = {
        "afew_va": afew_va(release, round(share * CLIPS)),
        "sewa": sewa(release, round(share * SEGMENTS)),
    }
    for dataset, rule in RULES:
        faces = drawn[dataset]
        groups = len({face.group for face in faces})
        common = {
            "dataset": dataset,
            "rule": rule,
            "release": release,
            "groups": groups,
            "frames": len(faces),
        }
        for dealer, deal in DEALERS.items():
            for seed in range(seeds):
                measured = balance(faces, deal(faces, rule, seed), scale=SCALES[dataset])
                for part, found in measured.items():
                    alike = {name: found.get(name) for name in ("valence", "arousal", "strata")}
                    share = round(found["items"] / len(faces), 4)
                    if part != "train":
                        yield {
                            **common,
                            "dealer": dealer,
                            "seed": seed,
                            "part": part,
                            "share": share,
                            **alike,
                        }


def afew_va(seed: int, clips: int) -> list[Face]:
    """Frames of clips with the labels that their annotators would give."""
    return [face for clip in films.plan(seed, clips, LENGTHS, None) for face in _clip(seed, clip)]


def _clip(seed: int, clip: films.Clip) -> Iterator[Face]:
    person = stream(seed, "afew_va", "actor", clip.actor)
    draw_identity(person)
    rng = stream(seed, "afew_va", "clip", clip.number)
    affect = feel(rng, draw_subject(person), clip.frames)
    if rng.random() < films.CONSTANT:
        affect = tuple(np.full(clip.frames, axis.mean()) for axis in affect)
    axes = zip(affect, ("valence", "arousal"), strict=True)
    labels = [films.annotate(rng, values, axis).tolist() for values, axis in axes]
    for frame, (valence, arousal) in enumerate(zip(*labels, strict=True)):
        yield Face(item=f"{clip.folder}/{frame:05d}", clip=clip.folder, group=f"actor {clip.actor}",
                   valence=valence, arousal=arousal)  # fmt: skip


def sewa(seed: int, segments: int) -> list[Face]:
    """Kept frames of segments with the mean of five raters; footage that stands there twice only once."""
    planned = chats.plan(seed, segments, SECONDS, None)[:-1]
    return [face for segment in planned for face in _segment(seed, segment)]


def _segment(seed: int, segment: chats.Segment) -> Iterator[Face]:
    person = segment.person
    take = chats.perform(seed, segment.number, person, segment.frames)
    labels = [
        five_raters(
            stream(seed, "sewa", "raters", segment.number, axis.title()),
            np.repeat(SEWA[axis].signed(truth), 2)[: segment.frames],
        ).mean(axis=1)[::STEP].tolist()
        for axis, truth in (("valence", take.valence), ("arousal", take.arousal))
    ]  # fmt: skip
    known = {"group": f"S{person.session:03d}", "stratum": f"{person.culture} {segment.name[:3]}"}
    for frame, (valence, arousal) in enumerate(zip(*labels, strict=True)):
        item = f"{segment.name}/{STEP * frame:06d}"
        yield Face(item=item, clip=segment.name, valence=valence, arousal=arousal, **known)


def ours(faces: Sequence[Face], rule: str, seed: int) -> Mapping[str, str]:
    """By the rule that `prepare` uses."""
    plan = (
        splits.folds(faces, seed=seed) if rule == "folds" else splits.by_ratio(faces, ratio=rule, seed=seed)
    )
    return plan.split


def random(faces: Sequence[Face], rule: str, seed: int) -> Mapping[str, str]:
    """Whole groups, in the same numbers, as chance has it."""
    groups = sorted({face.group for face in faces})
    numbers = np.arange(len(groups)) * _parts(rule) // len(groups)
    part = dict(zip(groups, np.random.default_rng(seed).permutation(numbers), strict=True))
    return {face.item: _name(rule, part[face.group]) for face in faces}


def stratified(faces: Sequence[Face], rule: str, seed: int) -> Mapping[str, str]:
    """By scikit-learn, which knows one histogram: valence and arousal by thirds, or SEWA's strata."""
    kinds = [face.stratum for face in faces] if faces[0].stratum else _thirds(faces)
    dealer = StratifiedGroupKFold(_parts(rule), shuffle=True, random_state=seed)
    found = {}
    dealt = dealer.split(np.zeros(len(faces)), kinds, [face.group for face in faces])
    for part, (_, held) in enumerate(dealt):
        found |= {faces[place].item: _name(rule, part) for place in held}
    return found


def _thirds(faces: Sequence[Face]) -> list[str]:
    axes = (np.array([getattr(face, name) for face in faces]) for name in ("valence", "arousal"))
    cut = (np.digitize(axis, np.unique(np.quantile(axis, [1 / 3, 2 / 3])), right=True) for axis in axes)
    return [f"{valence} {arousal}" for valence, arousal in zip(*cut, strict=True)]


def _parts(rule: str) -> int:
    return FOLDS if rule == "folds" else splits.RATIOS[rule]


def _name(rule: str, part: int) -> str:
    """Of five or ten parts of equal size, the first is for test, the second for validation."""
    return f"fold{part}" if rule == "folds" else ("test", "val")[part] if part < 2 else "train"


def sentences(path: Path) -> Iterator[str]:
    """Rows of the table in data_prep/README.md: the range over parts, releases and seeds, in per cent."""
    rows = files.read_csv(path, record.PREPARATION_SPLITS)
    for dataset, rule in RULES:
        for dealer in DEALERS:
            mine = [
                row for row in rows if (row["dataset"], row["rule"], row["dealer"]) == (dataset, rule, dealer)
            ]
            cells = (_range(row[name] for row in mine) for name in ("share", "valence", "arousal", "strata"))
            yield f"| {NAMES[dataset]} {rule}, {dealer} | {' | '.join(cells)} |"


def _range(cells: Iterable[str]) -> str:
    values = [100 * float(cell) for cell in cells if cell]
    return f"{min(values):.1f} to {max(values):.1f}" if values else ""


DEALERS: dict[str, Dealer] = {"ours": ours, "random": random, "StratifiedGroupKFold": stratified}

if __name__ == "__main__":
    main()
