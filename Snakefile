# From raw releases to every table and figure of the paper. What runs with which values: config/;
# how it runs (cores, memory, cluster): profiles/. Targets: all, data, train, bench, tables, figures,
# report, and every table and figure by its own name, e.g. `snakemake --cores 2 tab_sewa`.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/sensitivity.smk"
include: "workflow/rules/bench.smk"
include: "workflow/rules/speed.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


#: Target -> the files that it asks for, and where they are.
TARGETS = {
    "data": (expand(rules.prepare.output, dataset=DATASETS), "<results>/data"),
    "train": (expand(rules.evaluate_run.output, run=SPECS), "<results>/runs"),
    "bench": ([COST, IDENTITIES, SPEED, CONFORMANCE], "<results>/bench"),
    "tables": ([rule_named(stem).output for stem in TABLES], "<results>/tables"),
    "figures": ([rule_named(stem).output for stem in FIGURES], "<figures>"),
    "all": (rules.report.output, "<results>/report.html"),
}

for target, (files, place) in TARGETS.items():

    rule:
        name:
            target
        default_target: target == "all"
        input:
            files,
        localrule: True
        message:
            "Done: " + workflow.pathvars.apply(place)
