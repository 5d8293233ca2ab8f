# From predictions to statistics: every convention of the metrics, intervals, tests, and what needs no network.


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
