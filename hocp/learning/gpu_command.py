"""``python -m hocp gpu-check``: the networks on a GPU against CPU float64, their training and speed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hocp.contracts import files

NO_GPU = 3  # exit status where there is nothing to check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Compare outputs and gradients of every network with CPU float64, train each for 50 steps on "
        "generated clips in fp32, TF32 and bf16, and write what was found. Takes less than 8 minutes on a "
        "data-centre GPU. Exit status: 0 all passed, 1 something failed, 3 no GPU."
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the record")
    parser.add_argument("--device", default="cuda", metavar="D", help="cuda, cuda:N; cpu rehearses the check")
    parser.add_argument("--size", default="full", help="full, or small for a rehearsal of seconds")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop sooner or later than that; what is left out fails"
    )


def run(args: argparse.Namespace) -> int:
    """Check and write the record; 3 and no file where there is no GPU.

    Raises
    ------
    ValueError
        If the device or size is none, or the full size is asked of a CPU.
    """
    import torch

    from hocp.learning.gpu_check import SIZES, check, file_name

    if args.size not in SIZES:
        raise ValueError(f"--size is {args.size!r}; expected one of {', '.join(SIZES)}")
    device = find_device(args.device, args.size)
    if device is None:
        print(
            f"gpu-check: torch {torch.__version__} finds no GPU here; nothing was checked or written",
            file=sys.stderr,
        )
        return NO_GPU
    found = check(device, args.size, seconds=args.seconds, say=lambda line: print(line, flush=True))
    path = args.out / file_name(device)
    files.write_json(path, found)
    rehearsal = "rehearsal on " if found["rehearsal"] else ""
    name, seconds = found["device"]["name"], found["seconds"]["all"]
    print(f"{found['verdict']}: {rehearsal}{name}, {seconds:.0f} s; record in {path}")
    return 0 if found["verdict"] == "passed" else 1


def find_device(text: str, size: str):
    """The device that is meant; None where torch finds no GPU.

    Raises
    ------
    ValueError
        If there is no such device, or the full size is asked of a CPU.
    """
    import torch

    try:
        device = torch.device(text)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cuda", "cpu"):
        raise ValueError(f"--device is {text!r}; expected cuda, cuda:N or cpu")
    if device.type == "cpu" and size == "full":
        raise ValueError("--size full would take a CPU hours; rehearse with --device cpu --size small")
    if device.type == "cuda" and not torch.cuda.is_available():
        return None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"--device is {text!r}, but there are {torch.cuda.device_count()} GPUs, counted from 0"
        )
    return device
