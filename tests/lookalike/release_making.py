"""The smallest releases that carry all their planted faults."""

from pathlib import Path

from data_prep.lookalike import afew_va, affectnet, affectnet_2021, sewa

SEED = 11


def write(dataset: str, out: Path, *, seed: int = SEED, processes: int = 1) -> Path:
    """Generate the smallest release that carries all its planted faults."""
    common = {"seed": seed, "processes": processes}
    match dataset:
        case "affectnet":
            affectnet.generate(out, sizes=affectnet.Sizes(images=130, side_max=120), **common)
        case "affectnet_2021":
            affectnet_2021.generate(out, images=40, **common)
        case "afew_va":
            afew_va.generate(out, clips=12, frames=(6, 8), **common)
        case "sewa":
            sewa.generate(out, segments=12, seconds=0.8, **common)
    return out
