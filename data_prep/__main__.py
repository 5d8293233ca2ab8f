"""The command line: ``python -m data_prep COMMAND``.

A command is a module with ``add_arguments(parser)`` and ``run(args)``; it is imported only when chosen.
"""

import sys

from hocp.contracts import commands

COMMANDS = {
    "lookalike": ("data_prep.lookalike.cli", "generate a look-alike release in the official layout"),
    "check": ("data_prep.check_command", "say which releases are missing and where to ask for them"),
    "acquire": ("data_prep.acquire_command", "bring archives together from your files or addresses"),
    "unpack": ("data_prep.unpack_command", "unpack an archive that nobody has to trust"),
    "doctor": ("data_prep.doctor_command", "say which releases lie in a folder, and in which state"),
    "prepare": ("data_prep.prepare_command", "read a release, crop the faces, split and pack"),
    "leaks": ("data_prep.leaks_command", "does anything stand on two sides of a prepared data set"),
    "recrop": ("data_prep.recrop_command", "cut test faces again in other ways, to see what it changes"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command."""
    return commands.run("data_prep", COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
