# One page with every table and figure, its caption, and how it was made; opens without a network.


rule report:
    input:
        [rule_named(stem).output for stem in [*TABLES, *FIGURES]],
        captions=sorted(map(str, Path("workflow/report").glob("*.rst"))),
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        gpu=0,
    params:
        config=json.dumps(config),
    message:
        "Writing the report"
    shell:
        "python -m workflow.make_report --config {params.config:q} --out {output:q} > {log:q} 2>&1"
