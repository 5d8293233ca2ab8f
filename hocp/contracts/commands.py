"""Command lines of several commands, each imported only when chosen."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module


def run(program: str, commands: Mapping[str, tuple[str, str]], argv: Sequence[str] | None = None) -> int:
    """Run one command; a wrong use or input ends with a message on standard error and exit status 2.

    Parameters
    ----------
    program : str
        Package that is run: ``python -m <program> COMMAND``.
    commands : mapping
        Name -> (module, summary). The module has ``add_arguments(parser)`` and ``run(args)``, which returns
        an exit status, or None for success.
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (module, summary) in commands.items():
        subparser = subparsers.add_parser(command, help=summary, description=summary)
        if command == argv[0]:
            import_module(module).add_arguments(subparser)
    args = parser.parse_args(argv)
    try:
        return import_module(commands[args.command][0]).run(args) or 0
    except (ValueError, FileNotFoundError) as error:
        print(f"{program} {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
