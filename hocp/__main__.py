"""The command line: ``python -m hocp COMMAND``, also installed as ``hocp``.

A command is a module with ``add_arguments(parser)`` and ``run(args)``; it is imported only when chosen, so
that ``--help`` and the light commands do not pay for torch.
"""

import sys

from hocp.contracts import commands

COMMANDS = {
    "networks": ("hocp.networks.list_command", "list the networks with parameters and multiply-accumulates"),
    "identities": ("hocp.networks.identities_command", "the identities of the paper, measured in float64"),
    "cost": ("hocp.networks.cost_command", "parameters, multiply-accumulates and bytes"),
    "train": ("hocp.learning.train_command", "train one run from its specification"),
    "evaluate": ("hocp.learning.evaluate_command", "predict the test part of a run and write its record"),
    "score": ("hocp.learning.score_command", "all runs' metrics in one tidy table"),
    "published": ("hocp.audit.published_command", "the published numbers against your copy of the paper"),
    "trace": ("hocp.audit.trace_command", "from a cell of a table back to runs, data and code, verified"),
    "sensitivity": ("hocp.learning.sensitivity_command", "metrics on test faces that were cut in other ways"),
    "conventions": ("hocp.statistics.conventions_command", "all runs under every convention of metrics"),
    "uncertainty": ("hocp.statistics.uncertainty_command", "intervals of all numbers, tests between methods"),
    "controls": ("hocp.statistics.controls_command", "what constant and permuted predictions reach"),
    "gpu-check": ("hocp.learning.gpu_command", "networks on a GPU against CPU float64"),
    "gpu-bench": ("hocp.learning.gpu_bench_command", "layers and networks on a GPU against cuDNN's, timed"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command."""
    return commands.run("hocp", COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
