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
    wildcard_constraints:
        run=one_of(set(SPECS) - LASSO),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        gpu=min(CONFIG["gpus"], 1),
    params:
        data=lambda wildcards, input: Path(input.data[0]).parent,
        folder=subpath(output.record, parent=True),
        hocp=HOCP,
    message:
        "Evaluating {wildcards.run}"
    shell:
        "{params.hocp} evaluate --run {params.folder:q} --data {params.data:q} > {log:q} 2>&1"


# A run with the lasso also says which ranks it kept. An output cannot depend on the run, so that it takes two rules.
use rule evaluate_run as evaluate_lasso_run with:
    output:
        predictions="<results>/runs/{run}/predictions.npz",
        record="<results>/runs/{run}/record.json",
        ranks="<results>/runs/{run}/ranks.csv",
    wildcard_constraints:
        run=one_of(LASSO),


rule score:
    input:
        records=expand(rules.evaluate_run.output.record, run=SPECS),
        predictions=expand(rules.evaluate_run.output.predictions, run=SPECS),
        code=sources("hocp.learning.score_command"),
    output:
        RUNS,
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
        folders=lambda wildcards, input: [
            Path(record).parent for record in input.records
        ],
    message:
        "Collecting the metrics of all runs"
    shell:
        "python -m hocp score --runs {params.folders:q} --out {output:q} > {log:q} 2>&1"
