"""The command line: ``python -m hocp COMMAND``, also installed as ``hocp``.

A command is a module with ``add_arguments(parser)`` and ``run(args)``; it is imported only when chosen, so
that ``--help`` and the light commands do not pay for torch.
"""

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "networks": ("hocp.networks.list_command", "list the networks with parameters and multiply-accumulates"),
    "cost": ("hocp.networks.cost_command", "parameters, multiply-accumulates and bytes"),
    "train": ("hocp.learning.train_command", "train one run from its specification"),
    "evaluate": ("hocp.learning.evaluate_command", "predict the test part of a run and write its record"),
    "score": ("hocp.learning.score_command", "all runs' metrics in one tidy table"),
    "gpu-check": ("hocp.learning.gpu_command", "networks on a GPU against CPU float64"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; a wrong use ends with one line on standard error and exit status 2."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv else "--help"
    parser = argparse.ArgumentParser(prog="python -m hocp")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (module, summary) in COMMANDS.items():
        subparser = commands.add_parser(command, help=summary, description=summary)
        if command == name:
            import_module(module).add_arguments(subparser)
    args = parser.parse_args(argv or ["--help"])
    try:
        return import_module(COMMANDS[args.command][0]).run(args) or 0
    except (ValueError, FileNotFoundError) as error:
        print(f"hocp {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
