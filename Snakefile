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
include: "workflow/rules/bench.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


localrules:
    all,
    data,
    train,
    bench,
    tables,
    figures,


rule all:
    default_target: True
    input:
        rules.report.output,


rule data:
    input:
        expand(rules.prepare.output, dataset=DATASETS),


rule train:
    input:
        expand(rules.evaluate_run.output, run=SPECS),


rule bench:
    input:
        rules.cost.output,
        rules.layers.output,


rule tables:
    input:
        [rule_named(stem).output for stem in TABLES],


rule figures:
    input:
        [rule_named(stem).output for stem in FIGURES],
