# From models to numbers: predictions and a record for each run, then all metrics in one tidy table.


rule evaluate_run:
    input:
        data=data,
        run=rules.train_run.output,
        code=sources("hocp.learning.evaluate_command"),
    output:
        predictions="<results>/runs/{run}/predictions.npz",
        record="<results>/runs/{run}/record.json",
    log:
        "<logs>/evaluate.{run}.log",
    benchmark:
        "<benchmarks>/evaluate.{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        gpu=min(CONFIG["gpus"], 1),
    params:
        data=lambda wildcards, input: Path(input.data[0]).parent,
        folder=subpath(output.record, parent=True),
        device=DEVICE,
    message:
        "Evaluating {wildcards.run}"
    shell:
        "python -m hocp evaluate --run {params.folder:q} --data {params.data:q} --device {params.device}"
        " --threads {threads} > {log:q} 2>&1"


rule score:
    input:
        records=expand(rules.evaluate_run.output.record, run=WHOLE),
        predictions=expand(rules.evaluate_run.output.predictions, run=WHOLE),
        code=sources("hocp.learning.score_command"),
    output:
        RUNS,
        trail="<results>/tables/runs.trail.json",
    log:
        "<logs>/score.log",
    benchmark:
        "<benchmarks>/score.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        gpu=0,
    params:
        folders=lambda wildcards, input: [Path(record).parent for record in input.records],
    message:
        "Collecting the metrics of all runs"
    shell:
        "python -m hocp score --runs {params.folders:q} --out {output[0]:q} > {log:q} 2>&1"


# The same of the runs that are trained on some groups only; they have no place in the paper's tables.
use rule score as score_groups with:
    input:
        records=expand(rules.evaluate_run.output.record, run=sorted(set(SPECS) - set(WHOLE))),
        predictions=expand(rules.evaluate_run.output.predictions, run=sorted(set(SPECS) - set(WHOLE))),
        code=sources("hocp.learning.score_command"),
    output:
        GROUPS,
        trail="<results>/tables/groups.trail.json",
    log:
        "<logs>/score_groups.log",
    benchmark:
        "<benchmarks>/score_groups.tsv"
