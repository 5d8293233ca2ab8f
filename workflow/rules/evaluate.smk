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


#: What the statistics read beside the runs: who and which clip an item shows, and all items of the test part.
TEST_PARTS = {
    "manifests": expand(rules.prepare.output.manifest, dataset=DATASETS),
    "facts": expand(rules.prepare.output.facts, dataset=DATASETS),
}


rule conventions:
    input:
        **TEST_PARTS,
        records=expand(rules.evaluate_run.output.record, run=WHOLE),
        predictions=expand(rules.evaluate_run.output.predictions, run=WHOLE),
        code=sources("hocp.statistics.conventions_command"),
    output:
        CONVENTIONS,
        trail="<results>/tables/conventions.trail.json",
    log:
        "<logs>/conventions.log",
    benchmark:
        "<benchmarks>/conventions.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        gpu=0,
    params:
        folders=lambda wildcards, input: [Path(record).parent for record in input.records],
    message:
        "Scoring all runs under every convention"
    shell:
        "python -m hocp conventions --runs {params.folders:q} --manifests {input.manifests:q} --out {output[0]:q}"
        " > {log:q} 2>&1"


rule uncertainty:
    input:
        **TEST_PARTS,
        records=expand(rules.evaluate_run.output.record, run=WHOLE),
        predictions=expand(rules.evaluate_run.output.predictions, run=WHOLE),
        code=sources("hocp.statistics.uncertainty_command"),
    output:
        intervals=INTERVALS,
        comparisons=COMPARISONS,
        trails=expand("<results>/tables/{table}.trail.json", table=["intervals", "comparisons"]),
    log:
        "<logs>/uncertainty.log",
    benchmark:
        "<benchmarks>/uncertainty.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        gpu=0,
    params:
        folders=lambda wildcards, input: [Path(record).parent for record in input.records],
        options=options(CONFIG["statistics"]),
    message:
        "Resampling clips and people, and testing differences between methods"
    shell:
        "python -m hocp uncertainty --runs {params.folders:q} --manifests {input.manifests:q} {params.options}"
        " --intervals {output.intervals:q} --comparisons {output.comparisons:q} > {log:q} 2>&1"


rule controls:
    input:
        **TEST_PARTS,
        lookalike=(
            expand(rules.lookalike.output, dataset=DATASETS)
            if CONFIG["data"]["source"] == "generated"
            else []
        ),
        code=sources("hocp.statistics.controls_command"),
    output:
        CONTROLS,
        trail="<results>/tables/controls.trail.json",
    log:
        "<logs>/controls.log",
    benchmark:
        "<benchmarks>/controls.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        gpu=0,
    params:
        folds=CONFIG["folds"],
    message:
        "Scoring predictors that learn nothing, and the best possible one"
    shell:
        "python -m hocp controls --manifests {input.manifests:q} --lookalike {input.lookalike:q}"
        " --folds {params.folds} --out {output[0]:q} > {log:q} 2>&1"
