"""The command line: ``python -m data_prep COMMAND``.

A command is a module with ``add_arguments(parser)`` and ``run(args)``; it is imported only when chosen.
"""

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "lookalike": ("data_prep.lookalike.cli", "generate a look-alike release in the official layout"),
    "check": ("data_prep.check_command", "say which releases are missing and where to ask for them"),
    "prepare": ("data_prep.prepare_command", "read a release, crop the faces, split and pack"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; a wrong use or input ends with a message on standard error and exit status 2."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0] if argv else "--help"
    parser = argparse.ArgumentParser(prog="python -m data_prep")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, (module, summary) in COMMANDS.items():
        subparser = commands.add_parser(command, help=summary, description=summary)
        if command == name:
            import_module(module).add_arguments(subparser)
    args = parser.parse_args(argv or ["--help"])
    try:
        return import_module(COMMANDS[args.command][0]).run(args) or 0
    except (ValueError, FileNotFoundError) as error:
        print(f"data_prep {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
