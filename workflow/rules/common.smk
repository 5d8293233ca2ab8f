# What all rules share: the checked configuration, the runs it asks for, folders, wildcards, code as inputs.
import json
import os
import re
import shlex
import sys
from pathlib import Path

# The `snakemake` command, unlike `python -m`, does not look here for modules.
sys.path.insert(0, workflow.basedir)

from hocp.contracts import spec
from hocp.contracts.manifest import DATASETS
from workflow.one_run import hold
from workflow.scenario import checked, missing_releases
from workflow.sources import sources

# Rules say `python`: the one that runs Snakemake, or under --use-conda the environment's, which comes before it.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Which form computes a layer must not depend on what somebody once tuned on this machine.
os.environ["HOCP_TUNING"] = ""

try:
    CONFIG = checked(config)
except ValueError as error:
    sys.exit(f"{error}")

if CONFIG["data"]["source"] == "licensed" and workflow.is_main_process:
    problem = missing_releases(CONFIG["data"]["licensed"])
    if problem:
        sys.exit(problem)


onstart:
    try:
        hold(".snakemake")
    except ValueError as error:
        sys.exit(f"{error}")
    # With a limit of jobs a second, each job that ends begins one more endless series of wake-ups (Snakemake's
    # pull request 3744): after a hundred jobs they take most of a core. Processes here need no such limit.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


pathvars:
    results=f"results/{CONFIG['scenario']}",
    figures=f"figures/{CONFIG['scenario']}",
    logs=f"results/{CONFIG['scenario']}/logs",
    benchmarks=f"results/{CONFIG['scenario']}/benchmarks",


#: Run -> everything that decides it; training gets this and nothing else of the configuration.
SPECS = {str(run): spec.resolve(CONFIG, run) for run in spec.runs(CONFIG)}
#: Runs that are trained on the whole training part: those of tables.
WHOLE = [run for run, values in SPECS.items() if values["groups"] is None]
LASSO = {run for run, values in SPECS.items() if values["training"]["lasso"] > 0}


def one_of(names):
    """Pattern that a wildcard has to match: one of these names, letter by letter."""
    return "|".join(map(re.escape, sorted(names)))


wildcard_constraints:
    dataset=one_of(DATASETS),
    run=one_of(SPECS),


#: Modules that training imports and that cannot change its result.
NOT_DECIDING = ("hocp.learning.signals", "hocp.networks.mobilenet")

#: What networks run on, and the command that trains: one process a GPU.
DEVICE = "cuda" if CONFIG["gpus"] else "cpu"
TORCHRUN = f"torchrun --standalone --nproc-per-node {CONFIG['gpus']}"
TRAIN = f"{TORCHRUN} -m hocp train" if CONFIG["gpus"] > 1 else "python -m hocp train"

BENCH = sorted(map(str, Path("tests/bench").glob("*.py")))
ENVIRONMENT = "../../environment.yml"
PUBLISHED = CONFIG["published"]
LEDGER = "results/published/claims.yaml"
RUNS = "<results>/tables/runs.csv"
GROUPS = "<results>/tables/groups.csv"
CONVENTIONS = "<results>/tables/conventions.csv"
INTERVALS = "<results>/tables/intervals.csv"
COMPARISONS = "<results>/tables/comparisons.csv"
CONTROLS = "<results>/tables/controls.csv"
COST = "<results>/bench/cost.csv"
IDENTITIES = "<results>/bench/identities.csv"
CLAIMS = "<results>/claims.csv"
SPEED = "<results>/bench/speed.csv"
SPEED_TARGETS = "results/targets.yaml"
PREPARATION = "results/reference/preparation.cpu"
PREPARATION_MEMORY = "results/reference/preparation_memory.csv"
CONFORMANCE = "<results>/bench/conformance.json"
#: Committed counts: the full campaigns take minutes, and test the readers rather than a scenario.
CAMPAIGNS = "results/reference/campaigns.csv"
CAMPAIGN_FACTS = "results/reference/campaigns.json"
RANKS = f"<results>/runs/{CONFIG['rank_selection']['run']}.f0.s{CONFIG['seeds'][0]}/ranks.csv"


def dataset_of(run):
    """Prepared data set that a run reads."""
    return SPECS[run]["dataset"]


def options(values):
    """Options of a command from a mapping, values as YAML writes them: frame_step=5 gives --frame-step 5, and
    limits={dup_key: 0.1} gives --limit dup_key=0.1."""
    single = {name: value for name, value in values.items() if not isinstance(value, dict)}
    given = [f"--{name.replace('_', '-')} {json.dumps(value)}" for name, value in single.items()]
    given += [
        f"--{name.removesuffix('s')} {key}={value}"
        for name, several in values.items()
        if name not in single
        for key, value in several.items()
    ]
    return " ".join(given)


def takes_files(inputs, names):
    """Options of a command that takes its inputs by these names: `--runs results/demo/tables/runs.csv`."""
    files = {name: [inputs[name]] if isinstance(inputs[name], str) else inputs[name] for name in names}
    return " ".join(f"--{name.replace('_', '-')} {shlex.join(paths)}" for name, paths in files.items())


def rule_named(name):
    """A rule whose name stands in a variable."""
    return getattr(rules, name)


#: What tables and figures read that no data set went into.
WITHOUT_DATA = set(
    "cost speed targets conformance published preparation machine memory ledger campaigns campaign_facts".split()
)


def labels_of(stem, files):
    """Columns of the report's index: what each table or figure is made from."""
    if set(files) - WITHOUT_DATA:
        return {"name": stem, "from": f"{CONFIG['data']['source']} data"}
    measured = {"speed": "timing", "preparation": "timing", "conformance": "probes",
                "campaigns": "reference"}  # fmt: skip
    found = next((measured[name] for name in measured if name in files), "formulas" if files else "drawing")
    return {"name": stem, "from": found}
